"""A launch whose arguments are bound once: to repeat it takes as long as to replay a CUDA graph.

Triton binds, specialises and looks up a kernel at each launch, which takes longer than a small kernel runs. A
BoundLaunch does that once; then it looks only whether something has changed that would matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triton import knobs
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from ...kernel import Block
from .buffers import PLAIN_TENSORS
from .driver import current_device
from .launcher import Launcher
from .quick import QuickLaunch, is_silent

Grid = Sequence[int] | Callable[[dict[str, Any]], Sequence[int]]


@dataclass(frozen=True)
class Kept:
    """What repeats a launch. circumstances: as `_circumstances` was; tensors: for each, what tells its address and its
    storage, the address, the bytes of the storage, the tensor, and its dtype."""

    compiled: Any
    quick: QuickLaunch
    block: Block
    circumstances: tuple[Any, ...]
    tensors: tuple[tuple[Callable[[], int], Callable[[], Any], int, int, Any, Any], ...]

    def is_valid(self) -> bool:
        """Whether Triton would do the same now."""
        for address_of, storage_of, address, bytes_, tensor, dtype in self.tensors:
            if address_of() != address or tensor.dtype is not dtype or storage_of().nbytes() != bytes_:
                return False
        return self.circumstances == _circumstances() and not _is_heard()


def _circumstances() -> tuple[Any, ...]:
    """What decides, beside kernel and arguments, which text Triton launches, and on which device."""
    return current_device(), driver.active, knobs.runtime.debug, knobs.compilation.instrumentation_mode


def _is_heard() -> bool:
    """Whether functions of the user are to be called at each launch of any kernel."""
    runtime = knobs.runtime
    hooks_are_silent = is_silent(runtime.launch_enter_hook) and is_silent(runtime.launch_exit_hook)
    return not hooks_are_silent or runtime.add_stages_inspection_hook is not None


class BoundLaunch:
    """`launch()` does what `kernel[grid](*arguments, **options)` does, and returns the same; see `bind`."""

    def __init__(self, kernel: Any, grid: Grid, arguments: Sequence[Any], options: Mapping[str, Any]):
        self.kernel = kernel
        self.grid = grid
        self.arguments = tuple(arguments)
        self.options = dict(options)
        self._kept: Kept | None = None  # replaced as a whole: threads may launch at once

    def __call__(self) -> Any:
        """Launch, and wait as any launch does. Raises what the launch raises."""
        kept = self._kept
        if kept is None or self.kernel.pre_run_hooks or not kept.is_valid():
            return self._launch_anew()
        kept.quick.run(kept.block)
        return kept.compiled

    def _launch_anew(self) -> Any:
        self._kept = None
        compiled = self.kernel[self.grid](*self.arguments, **self.options)
        if _is_plain(self.kernel) and isinstance(getattr(compiled, "run", None), Launcher):
            self._kept = self._keep(compiled, compiled.run.quick)
        return compiled

    def _keep(self, compiled: Any, quick: QuickLaunch | None) -> Kept | None:
        """What repeats the launch that has just been made, if it was one of every day."""
        if quick is None:
            return None
        signature = self.kernel.signature
        named = {name: value for name, value in self.options.items() if name in signature.parameters}
        bound = signature.bind(*self.arguments, **named)
        bound.apply_defaults()
        values = tuple(bound.arguments.values())
        tensors = [values[index] for index, _ in quick.rules]
        if not PLAIN_TENSORS.issuperset(map(type, tensors)):
            return None
        # Before their addresses are packed: what another thread changes in between, `is_valid` notices.
        known = tuple(map(_known, tensors))
        x, y, z = (*(self.grid(bound.arguments) if callable(self.grid) else self.grid), 1, 1)[:3]
        block = quick.pack(values, x, y, z)
        return None if block is None else Kept(compiled, quick, block, _circumstances(), known)


def _known(tensor: Any) -> tuple[Callable[[], int], Callable[[], Any], int, int, Any, Any]:
    storage_of = tensor.untyped_storage
    return tensor.data_ptr, storage_of, tensor.data_ptr(), storage_of().nbytes(), tensor, tensor.dtype


def _is_plain(kernel: Any) -> bool:
    """Whether Triton does nothing at a launch of this kernel but find and launch what it has compiled."""
    return type(kernel) is JITFunction and not kernel.pre_run_hooks and not kernel.used_global_vals


def bind(kernel: Any, grid: Grid, *arguments: Any, **options: Any) -> BoundLaunch:
    """A launch to be repeated: `launch = bind(kernel, grid, x, y, n, BLOCK=128)`, then `launch()` in place of
    `kernel[grid](x, y, n, BLOCK=128)`.

    It takes 3 microseconds where that takes 10, for tensors of PyTorch on the CPU. What is bound are the tensors, which
    it keeps, not their contents; numbers and grid are those of the first launch. Where a tensor has got other memory or
    another dtype, the environment names another device, or hooks of Triton listen, it launches anew, as it always does
    for other arrays, devices and kernels (tuned ones, and those that read global variables). Nothing is launched here.
    """
    return BoundLaunch(kernel, grid, arguments, options)
