"""The pipeline: a tt module in, a Kernel out. The only file that names every stage.

A stage's name is its file, its test and its name in the debug output. TRITON_ALLOY_DEBUG: 1 prints a line for each
kernel with the time of each stage, 2 the MSL, 3 the IR after each stage, 4 verifies after each stage.
"""

from __future__ import annotations

import linecache
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from . import config
from .ir.core import Op
from .ir.garbage import without_collection
from .ir.printer import print_ir
from .ir.types import PointerType, element_of
from .ir.verifier import verify
from .kernel import Kernel, Message, check_limits
from .msl.printer import print_kernel
from .target import Target
from .transforms.layouts import assign_layouts, slices
from .transforms.lowering import lower
from .transforms.registers import (
    allocate,
    barriers,
    clean,
    coherence,
    form_loops,
    joint_exchanges,
    lane_pointers,
    moving_pointers,
    pointers,
    pressure,
    storage,
    unroll,
)
from .transforms.tensors import (
    bound_waits,
    carry,
    combiner_checks,
    flatten,
    inline,
    legalize,
    libdevice,
    refuse,
    round_arguments,
    scaled_dot,
    simplify,
    small_floats,
    structurize,
    whole_tiles,
)


@dataclass(frozen=True)
class Options:
    """What a compilation depends on besides the module. num_warps: as the user asked; simdgroups: that run a program,
    fewer where the target does with fewer, more where its registers do not suffice; reloads: whether operands are
    loaded anew in loops, for the same reason."""

    target: Target
    num_warps: int
    simdgroups: int
    fp_contract: bool
    takes_addresses: bool
    reloads: bool = False


def _only(module: Op) -> Op:
    """The function or kernel of a module that has one."""
    [function] = list(module.body)
    return function


Stage = Callable[[Op, Options], None]
STAGES: tuple[tuple[str, Stage], ...] = (
    ("structurize", lambda module, _: structurize.run(module)),
    ("inline", lambda module, _: inline.run(module)),
    ("flatten", lambda module, _: flatten.run(module)),
    ("combiner_checks", lambda module, _: combiner_checks.run(module)),
    ("simplify", lambda module, _: simplify.run(module)),
    ("round_arguments", lambda module, _: round_arguments.run(module)),
    ("refuse", lambda module, _: refuse.run(module)),
    ("bound_waits", lambda module, options: bound_waits.run(module, options.target.wait_rounds)),
    ("carry", lambda module, _: carry.run(module)),
    ("libdevice", lambda module, _: libdevice.run(module)),
    ("scaled_dot", lambda module, _: scaled_dot.run(module)),
    ("small_floats", lambda module, _: small_floats.run(module)),
    ("legalize", lambda module, options: legalize.run(module, options.target)),
    ("whole_tiles", lambda module, options: whole_tiles.run(module, options.target)),
    ("slices", lambda module, options: slices.run(module, options.target, options.simdgroups, options.reloads)),
    ("assign_layouts", lambda module, options: assign_layouts.run(module, options.target, options.simdgroups)),
    ("lower", lambda module, options: lower.run(module, options.target, options.simdgroups, options.fp_contract)),
    ("clean", lambda module, _: clean.run(module)),
    ("coherence", lambda module, options: coherence.run(_only(module), options.target)),
    ("joint_exchanges", lambda module, _: joint_exchanges.run(_only(module))),
    ("allocate", lambda module, _: allocate.run(_only(module))),
    ("barriers", lambda module, _: barriers.run(_only(module))),
    ("lane_pointers", lambda module, options: lane_pointers.run(module, options.target)),
    ("moving_pointers", lambda module, options: moving_pointers.run(module, options.target)),
    ("form_loops", lambda module, options: form_loops.run(module, options.target.held_words)),
    ("pressure", lambda module, options: pressure.run(module, options.target)),
    ("storage", lambda module, _: storage.run(module)),
    ("unroll", lambda module, options: unroll.run(module, options.target)),
    ("pointers", lambda module, _: pointers.run(_only(module))),
)
DIVIDED = ("slices", "pressure")
"""The first stage that goes by the number of simdgroups, and the one that says whether these are enough."""


@without_collection()
def compile_module(module: Op, target: Target, *, num_warps: int, fp_fusion: bool = True) -> Kernel:
    """Compile a tt module with one public function. The module is consumed.

    num_warps: simdgroups per program as the user asked; the target may use fewer, or more. fp_fusion: whether the
    device's compiler may contract a*b+c. Raises Unsupported for what cannot be translated rightly, OutOfResources for
    what exceeds the target's limits.
    """
    simdgroups = min(num_warps, target.max_simdgroups)
    options = Options(target, num_warps, simdgroups, fp_fusion, any(map(_takes_address, module.walk())))
    names = [name for name, _ in STAGES]
    first, last = (names.index(name) for name in DIVIDED)
    times: dict[str, float] = {}
    _run(STAGES[:first], module, options, times)
    module, options = _divided(STAGES[first : last + 1], module, options, times)
    _run(STAGES[last + 1 :], module, options, times)
    location = str(_only(module).location)
    start = time.perf_counter()
    kernel = _print(module, options)
    times["print"] = time.perf_counter() - start
    check_limits(kernel, target.limits, location)
    _report(config.DEBUG.value, kernel, times)
    return kernel


def _run(stages: Sequence[tuple[str, Stage]], module: Op, options: Options, times: dict[str, float]) -> None:
    """The stages on a module, in place; `times` receives the seconds of each."""
    level, skipped = config.DEBUG.value, config.SKIP.value
    for name, stage in stages:
        if name in skipped:
            continue
        start = time.perf_counter()
        stage(module, options)
        times[name] = times.get(name, 0.0) + time.perf_counter() - start
        _show(level, name, module)


def _divided(
    stages: Sequence[tuple[str, Stage]], module: Op, options: Options, times: dict[str, float]
) -> tuple[Op, Options]:
    """The module after the stages that go by the number of simdgroups, and by which options: as long as a thread needs
    more registers than there are, operands are loaded anew in loops, then simdgroups doubled, if it needs fewer so."""
    spare = module.clone() if options.target.registers is not None else module
    _run(stages, module, options, times)
    for change in (_reloading, _doubled):
        while _lacks_registers(module, options) and (changed := change(spare, options)) is not None:
            candidate = spare.clone()
            _run(stages, candidate, changed, times)
            if not _is_better(candidate, changed, module, options):
                break
            module, options = candidate, changed
    return module, options


def _reloading(module: Op, options: Options) -> Options | None:
    """Options by which operands are loaded anew in loops; None where that changes nothing."""
    changes = not options.reloads and slices.may_reload(module, options.target, options.simdgroups)
    return replace(options, reloads=True) if changes else None


def _doubled(_: Op, options: Options) -> Options | None:
    """Options with twice as many simdgroups; None where the target does not allow them."""
    target, simdgroups = options.target, 2 * options.simdgroups
    threads = simdgroups * target.threads_per_simdgroup
    allowed = simdgroups <= target.max_simdgroups and threads <= target.limits.threads_per_threadgroup
    return replace(options, simdgroups=simdgroups) if allowed else None


def _is_better(candidate: Op, changed: Options, module: Op, options: Options) -> bool:
    """Whether a thread needs fewer registers so, at a price worth it: where it needs half as many again as there are,
    or where what is loaded more often keeps within the time of the products."""
    target = options.target
    falls = _registers(candidate) < _registers(module) and _excess(candidate, changed) <= _excess(module, options)
    fits = _only(candidate).integer("threadgroup_bytes", 0) <= target.limits.threadgroup_bytes
    is_cheap = _only(candidate).attributes.get("bytes_per_product", 0) < target.bytes_per_product
    return falls and fits and (is_cheap or _registers(module) > 3 / 2 * (target.registers or 0))


def _lacks_registers(module: Op, options: Options) -> bool:
    available = options.target.registers
    return available is not None and _registers(module) > available


def _registers(module: Op) -> int:
    return _only(module).integer("registers", 0)


def _excess(module: Op, options: Options) -> float:
    """What a thread needs over what it has. An eighth more is as good as enough: a compiler with fewer registers loads
    less ahead."""
    return max(9 / 8, _registers(module) / options.target.registers_with(options.simdgroups))


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
        if kernel.registers:
            text = f"{kernel.name}: {kernel.simdgroups} simdgroups, about {kernel.registers} registers a thread"
            print(text, file=sys.stderr)
        if kernel.family != "cpu" and "struct float64" in kernel.source:
            text = f"{kernel.name}: float64 in integer registers takes 30 to 60 times as long as float32 on a GPU"
            print(text, file=sys.stderr)
    if level >= 2:
        print(kernel.source, file=sys.stderr)


def _print(module: Op, options: Options) -> Kernel:
    kernel = _only(module)
    threads, sources = options.target.threads_per_simdgroup, _source_lines(kernel)
    printed = print_kernel(kernel, threads_per_simdgroup=threads, sources=sources, fp_contract=options.fp_contract)
    return Kernel(
        name=printed.name,
        source=printed.source,
        arguments=printed.arguments,
        simdgroups=options.simdgroups,
        threadgroup_bytes=kernel.integer("threadgroup_bytes", 0),
        family=options.target.family,
        threads_per_simdgroup=threads,
        services=printed.services,
        messages=tuple(_per_thread(message, options) for message in printed.messages),
        sources=printed.sources,
        origins=printed.origins,
        given_name=str(kernel.attributes["sym_name"]).removeprefix("@"),
        takes_addresses=options.takes_addresses,
        registers=kernel.integer("registers", 0),
    )


def _per_thread(message: Message, options: Options) -> Message:
    """As in Triton's other backends every thread that the user asked for prints what is no tensor."""
    threads = options.num_warps * options.target.threads_per_simdgroup
    return message if message.shape else replace(message, copies=threads)


def _source_lines(kernel: Op) -> dict[tuple[str, int], str]:
    """The user's source text for the comments and for reports, where the file can be read."""
    places = {place for op in kernel.walk() for place in (op.location, op.location.outermost())}
    return {(p.file, p.line): linecache.getline(p.file, p.line).strip() for p in places if p.file}
