"""The pipeline: a tt module in, a Kernel out. The only file that names every stage.

A stage's name is its file, its test and its name in the debug output. TRITON_ALLOY_DEBUG: 1 prints a line for each
kernel with the time of each stage, 2 the MSL, 3 the IR after each stage, 4 verifies after each stage.
"""

from __future__ import annotations

import linecache
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from . import config
from .ir.core import Op
from .ir.printer import print_ir
from .ir.types import PointerType, element_of
from .ir.verifier import verify
from .kernel import Kernel, Message, check_limits
from .msl.printer import print_kernel
from .target import Target
from .transforms.layouts import assign_layouts
from .transforms.layouts.axis import AxisAnalysis
from .transforms.lowering import lower
from .transforms.registers import allocate, barriers, clean, coherence, form_loops, storage, unroll
from .transforms.tensors import (
    bound_waits,
    carry,
    combiner_checks,
    flatten,
    inline,
    legalize,
    libdevice,
    refuse,
    scaled_dot,
    simplify,
    small_floats,
    structurize,
)


@dataclass(frozen=True)
class Options:
    """What a compilation depends on besides the module."""

    target: Target
    num_warps: int
    fp_contract: bool
    takes_addresses: bool

    @property
    def simdgroups(self) -> int:
        """Of one program: as many as were asked for, unless the target does with fewer."""
        return min(self.num_warps, self.target.max_simdgroups)


def _only(module: Op) -> Op:
    """The function or kernel of a module that has one."""
    [function] = list(module.body)
    return function


def _assign_layouts(module: Op, options: Options) -> None:
    assign_layouts.run(module, options.target, options.simdgroups, AxisAnalysis(_only(module)))


def _lower(module: Op, options: Options) -> None:
    lower.run(module, options.target, options.simdgroups, AxisAnalysis(_only(module)), options.fp_contract)


Stage = Callable[[Op, Options], None]
STAGES: tuple[tuple[str, Stage], ...] = (
    ("structurize", lambda module, _: structurize.run(module)),
    ("inline", lambda module, _: inline.run(module)),
    ("flatten", lambda module, _: flatten.run(module)),
    ("combiner_checks", lambda module, _: combiner_checks.run(module)),
    ("simplify", lambda module, _: simplify.run(module)),
    ("refuse", lambda module, _: refuse.run(module)),
    ("bound_waits", lambda module, options: bound_waits.run(module, options.target.wait_rounds)),
    ("carry", lambda module, _: carry.run(module)),
    ("libdevice", lambda module, _: libdevice.run(module)),
    ("scaled_dot", lambda module, _: scaled_dot.run(module)),
    ("small_floats", lambda module, _: small_floats.run(module)),
    ("legalize", lambda module, options: legalize.run(module, options.target)),
    ("assign_layouts", _assign_layouts),
    ("lower", _lower),
    ("clean", lambda module, _: clean.run(module)),
    ("coherence", lambda module, options: coherence.run(_only(module), options.target)),
    ("allocate", lambda module, _: allocate.run(_only(module))),
    ("barriers", lambda module, _: barriers.run(_only(module))),
    ("form_loops", lambda module, _: form_loops.run(module)),
    ("storage", lambda module, _: storage.run(module)),
    ("unroll", lambda module, options: unroll.run(module, options.target)),
)


def compile_module(module: Op, target: Target, *, num_warps: int, fp_fusion: bool = True) -> Kernel:
    """Compile a tt module with one public function. The module is consumed.

    num_warps: simdgroups per program as the user asked; the target may use fewer. fp_fusion: whether the device's
    compiler may contract a*b+c. Raises Unsupported for what cannot be translated rightly, OutOfResources for what
    exceeds the target's limits.
    """
    options = Options(target, num_warps, fp_fusion, any(map(_takes_address, module.walk())))
    level, skipped = config.DEBUG.value, config.SKIP.value
    times: dict[str, float] = {}
    for name, stage in STAGES:
        if name in skipped:
            continue
        start = time.perf_counter()
        stage(module, options)
        times[name] = time.perf_counter() - start
        _show(level, name, module)
    location = str(_only(module).location)
    start = time.perf_counter()
    kernel = _print(module, options)
    times["print"] = time.perf_counter() - start
    check_limits(kernel, target.limits, location)
    _report(level, kernel, times)
    return kernel


def _takes_address(op: Op) -> bool:
    """Whether an op makes a pointer of a number, or loads one."""
    loaded = op.results if op.name == "tt.load" else ()
    return op.name == "tt.int_to_ptr" or any(isinstance(element_of(result.type), PointerType) for result in loaded)


def _show(level: int, name: str, module: Op) -> None:
    """The IR that a stage leaves, where it is asked for, and whether it is valid."""
    if level >= 3:
        print(f"// after {name}\n{print_ir(module)}", file=sys.stderr)
    if level >= 4:
        verify(module)


def _report(level: int, kernel: Kernel, times: dict[str, float]) -> None:
    if level >= 1:
        stages = ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in times.items())
        print(f"{kernel.name}: compiled in {sum(times.values()) * 1e3:.1f} ms: {stages}", file=sys.stderr)
    if level >= 2:
        print(kernel.source, file=sys.stderr)


def _print(module: Op, options: Options) -> Kernel:
    kernel = _only(module)
    printed = print_kernel(
        kernel,
        sources=_source_lines(kernel),
        fp_contract=options.fp_contract,
        threads_per_simdgroup=options.target.threads_per_simdgroup,
    )
    return Kernel(
        name=printed.name,
        source=printed.source,
        arguments=printed.arguments,
        simdgroups=options.simdgroups,
        threadgroup_bytes=kernel.integer("threadgroup_bytes", 0),
        family=options.target.family,
        threads_per_simdgroup=options.target.threads_per_simdgroup,
        services=printed.services,
        messages=tuple(_per_thread(message, options) for message in printed.messages),
        sources=printed.sources,
        origins=printed.origins,
        given_name=str(kernel.attributes["sym_name"]).removeprefix("@"),
        takes_addresses=options.takes_addresses,
    )


def _per_thread(message: Message, options: Options) -> Message:
    """As in Triton's other backends every thread that the user asked for prints what is no tensor."""
    threads = options.num_warps * options.target.threads_per_simdgroup
    return message if message.shape else replace(message, copies=threads)


def _source_lines(kernel: Op) -> dict[tuple[str, int], str]:
    """The user's source text for the comments and for reports, where the file can be read."""
    places = {place for op in kernel.walk() for place in (op.location, op.location.outermost())}
    return {(p.file, p.line): linecache.getline(p.file, p.line).strip() for p in places if p.file}
