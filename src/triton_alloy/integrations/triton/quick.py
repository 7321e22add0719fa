"""The launch of every day: plain tensors and numbers, on a device that takes a launch as one block of memory.

Whatever must be looked at more closely (arrays of other kinds, a first dtype, numbers that do not fit, empty grids) is
left to the general path of launcher.py, which also has the errors.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from triton.knobs import HookChain

from ...errors import OutOfResources
from ...kernel import Block, PackableExecutable
from .buffers import PLAIN_TENSORS
from .errors import as_triton_has_it

if TYPE_CHECKING:
    from .arguments import ScalarPacker
    from .buffers import BufferRule


class QuickLaunch:
    """Packs the values of launches of one kernel, and runs them."""

    def __init__(self, executable: PackableExecutable, rules: Sequence[BufferRule], scalars: ScalarPacker):
        self.packed = executable.packed(scalars.struct.format)
        self.rules = [(rule.index, rule.dtypes) for rule in rules]
        self.scalars = scalars.indices

    @staticmethod
    def of(executable: Any, rules: Sequence[BufferRule], scalars: ScalarPacker) -> QuickLaunch | None:
        """None where every launch of this kernel needs the general path."""
        is_packable = isinstance(executable, PackableExecutable) and executable.is_packable
        return QuickLaunch(executable, rules, scalars) if is_packable and not scalars.needs_conversion else None

    def pack(self, values: Sequence[Any], x: int, y: int, z: int) -> Block | None:
        """A launch over x * y * z programs, for `run` once or many times; None where it needs the general path."""
        addresses = []
        for index, dtypes in self.rules:
            value = values[index]
            if value.__class__ not in PLAIN_TENSORS or value.dtype not in dtypes or not value.is_cpu:
                return None
            address = value.data_ptr()
            if not address:
                return None
            addresses.append(address)
        try:
            if x.__class__ is y.__class__ is z.__class__ is int and x > 0 and y > 0 and z > 0:
                return self.packed.pack(x, y, z, addresses, [values[index] for index in self.scalars])
        except (struct.error, OverflowError, TypeError):
            pass  # a number that does not fit or that has to be converted
        return None

    def run(self, block: Block) -> None:
        """Launch, and wait. Raises KernelOutOfResources, and what else the device raises."""
        try:
            self.packed.run(block)
        except OutOfResources as error:  # found on the stack
            raise as_triton_has_it(error) from error

    def launch(self, values: Sequence[Any], x: int, y: int, z: int) -> bool:
        """Whether this was a launch of every day, which then is complete. Raises as `run`."""
        block = self.pack(values, x, y, z)
        if block is None:
            return False
        self.run(block)
        self.packed.free.append(block)
        return True


def is_silent(hook: Any) -> bool:
    """Whether nobody listens to a hook of Triton's launches: it is a chain of functions, empty in general."""
    return hook is None or (hook.__class__ is HookChain and not hook.calls)
