"""From a Triton call to a device launch, in a few microseconds.

Triton hands over all parameters in declaration order, constexprs included, tuples nested, tensor descriptors whole.
What a kernel needs of them is worked out once, at its first launch, as a `Plan` of indices and a struct format; a
launch then only reads addresses, packs scalars and checks what costs nanoseconds to check.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import InvalidArgument
from ...kernel import Device, Executable
from .arguments import PLAIN_TENSORS, BufferRule, ScalarPacker, Signature

GRID_LIMIT = 2**31 - 1
"""The most programs along one axis, as on every other Triton backend."""


class Launcher:
    """What Triton calls to launch one compiled kernel.

    It is made before the kernel is loaded, so the plan waits for the first launch, which brings the executable.
    """

    def __init__(self, source: Any, metadata: Any, device: Device):
        self.device = device
        self.signature = Signature.of(source)
        self.plan: Plan | None = None

    def __call__(
        self,
        grid_x: int,
        grid_y: int,
        grid_z: int,
        stream: int,
        executable: Executable,
        packed_metadata: Any,
        launch_metadata: Any,
        enter_hook: Callable[[Any], None] | None,
        exit_hook: Callable[[Any], None] | None,
        *arguments: Any,
    ) -> None:
        """Launch `grid_x * grid_y * grid_z` programs; an empty grid runs nothing. Raises InvalidArgument."""
        if enter_hook is not None:
            enter_hook(launch_metadata)
        plan = self.plan
        if plan is None:
            plan = self.plan = Plan(self.signature, executable)
        values = arguments if plan.is_flat else self.signature.flatten(arguments)
        pointers = plan.pointers(values)
        scalars = plan.pack(values)
        grid = (grid_x, grid_y, grid_z)
        if not is_plain_grid(grid):
            grid = checked_grid(grid)
        if grid_x and grid_y and grid_z:
            extents = plan.extents(values) if self.device.needs_extents else ()
            self.device.launch(executable, pointers, scalars, grid, extents)
        if exit_hook is not None:
            exit_hook(launch_metadata)


class Plan:
    """Where a kernel's pointers and scalars are found in the values of a launch."""

    def __init__(self, signature: Signature, executable: Executable):
        kernel = executable.kernel
        self.is_flat = signature.is_flat
        self.rules = [BufferRule(signature.leaf(argument), argument) for argument in kernel.buffers]
        self.fast = [(rule.index, rule.dtypes, rule) for rule in self.rules]
        self.pack = ScalarPacker([signature.leaf(argument) for argument in kernel.scalars], kernel)

    def pointers(self, values: Sequence[Any]) -> list[int]:
        """The address of every buffer. The quick path is a plain tensor of a type that was accepted before."""
        pointers = []
        for index, dtypes, rule in self.fast:
            value = values[index]
            if value.__class__ in PLAIN_TENSORS and value.dtype in dtypes and value.is_cpu:
                pointers.append(value.data_ptr() or rule.address(value))
            else:
                pointers.append(rule.address(value))
        return pointers

    def extents(self, values: Sequence[Any]) -> list[int]:
        """The bytes from each buffer's address to the end of its memory."""
        return [rule.extent(values[rule.index]) for rule in self.rules]


def is_plain_grid(grid: tuple[int, int, int]) -> bool:
    """Whether these are three ints within the limits, none of them 0."""
    x, y, z = grid
    return (
        x.__class__ is int
        and y.__class__ is int
        and z.__class__ is int
        and 0 < x <= GRID_LIMIT
        and 0 < y <= GRID_LIMIT
        and 0 < z <= GRID_LIMIT
    )


def checked_grid(grid: Sequence[Any]) -> tuple[int, int, int]:
    """The grid as ints. Raises InvalidArgument for what is not a whole number from 0 to the limit."""
    try:
        x, y, z = (operator.index(size) for size in grid)
    except TypeError as error:
        raise InvalidArgument(f"grid {tuple(grid)}: a grid is made of whole numbers") from error
    if min(x, y, z) < 0 or max(x, y, z) > GRID_LIMIT:
        raise InvalidArgument(f"grid {(x, y, z)}: each size must be from 0 to {GRID_LIMIT}")
    return x, y, z
