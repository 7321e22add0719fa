"""Barriers: one wherever memory may be touched by two threads in an order that matters, nowhere else.

A forward walk keeps the accesses since the last barrier. An access that conflicts (overlapping bytes, at least one a
write, not the same op: that touches the same elements in the same threads each time) needs a barrier before it. A loop
body is walked with what its own end leaves pending; where the accesses before the loop ask for more, only the first
iteration needs it, and the barrier stands before the loop.
Lanes of one simdgroup also need one: lockstep is no ordering (MSL spec 6.9.1).

Device memory is told apart by kernel argument, as far as that is known: through two arguments a program is taken to
touch different memory. Two accesses at the same offsets from one pointer are by the same threads, unless one is done by
an elected thread only, a store or an atomic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from ...dialects.msl import LOG, THREADGROUP, kernel_argument
from ...ir.core import Block, Builder, Op, Value
from .register_ops import access_of

DEVICE_SCOPES = {"threadgroup": "device", "simdgroup": "simdgroup_device"}


@dataclass(frozen=True)
class Touch:
    """An access to bytes [start, end) of the arena since the last barrier."""

    op: Op
    start: int
    end: int
    writes: bool

    @property
    def memory(self) -> str:
        return THREADGROUP

    def conflicts(self, other: Touch | DeviceTouch) -> bool:
        if not isinstance(other, Touch) or not (self.writes or other.writes):
            return False
        return self.op is not other.op and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class DeviceTouch:
    """An access of device memory. argument: what the address comes from; None: not known; base, offset: None for
    addresses; elected: a store or an atomic by one thread of several that hold the value."""

    op: Op
    writes: bool
    argument: Value | None
    base: Value | None
    offset: Value | None
    elected: bool

    @property
    def memory(self) -> Value | None:
        return self.argument

    def conflicts(self, other: Touch | DeviceTouch) -> bool:
        if not isinstance(other, DeviceTouch) or self.op is other.op or not (self.writes or other.writes):
            return False
        if self.argument is not None and other.argument is not None and self.argument is not other.argument:
            return False
        same_threads = self.offset is not None and self.offset is other.offset and self.base is other.base
        return not same_threads or self.elected or other.elected


class Pending:
    """The accesses since the last barrier, by the memory they touch, None if that is not known, and whether they
    write: most of them need not be looked at for conflicts."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Value | str | None, bool], set[Touch | DeviceTouch]] = defaultdict(set)

    def add(self, touch: Touch | DeviceTouch) -> None:
        self._kept[touch.memory, touch.writes].add(touch)

    def __or__(self, other: Pending) -> Pending:
        both = Pending()
        for pending in (self, other):
            for key, touches in pending._kept.items():
                both._kept[key] |= touches
        return both

    def conflicts(self, touch: Touch | DeviceTouch) -> bool:
        """Whether an access must not come before all that are pending are done."""
        return any(
            touch.conflicts(before)
            for (memory, writes), touches in self._kept.items()
            if (writes or touch.writes) and (memory is touch.memory or memory is None or touch.memory is None)
            for before in touches
        )

    def wait(self, reach: str) -> None:
        """Forget what a barrier orders: the accesses of threadgroup memory, or all."""
        for key in [*self._kept]:
            if key[0] == THREADGROUP or reach in DEVICE_SCOPES.values():
                del self._kept[key]


Place = Callable[[Op, str], None]  # what is done where a barrier is missing: before an op, with that scope


def run(kernel: Op) -> None:
    """Insert msl.barrier ops into a kernel whose buffers have their offsets."""
    scope = "threadgroup" if kernel.integer("simdgroups") > 1 else "simdgroup"
    _walk(kernel.body, Pending(), scope, _insert)


def _insert(op: Op, reach: str) -> None:
    Builder.before_op(op).build("msl.barrier", [], [], {"scope": reach})


def _touch(op: Op) -> Touch | DeviceTouch | None:
    """What the op touches; None for ops that touch no memory."""
    access = access_of(op)
    if access is None or access.memory.space == LOG:
        return None
    if access.memory.space == THREADGROUP:
        buffer = op.operands[0]
        assert isinstance(buffer.owner, Op)
        start = buffer.owner.integer("offset")
        size = buffer.type.count * max(buffer.type.element.width // 8, 1)
        return Touch(op, start, start + size, access.memory.writes)
    argument = kernel_argument(access.base)
    elected = bool(op.attributes.get("elected"))
    return DeviceTouch(op, access.memory.writes, argument, access.base, access.offset, elected)


def _walk(block: Block, before: Pending, scope: str, place: Place) -> Pending:
    pending = before | Pending()
    for op in block:
        touch = _touch(op)
        if op.name == "msl.barrier":
            pending.wait(op.attributes["scope"])
        elif touch is not None:
            if pending.conflicts(touch):
                reach = scope if isinstance(touch, Touch) else DEVICE_SCOPES[scope]
                place(op, reach)
                pending.wait(reach)
            pending.add(touch)
        elif op.name == "scf.if":
            ends = [_walk(b, pending, scope, place) for b in op.blocks()]
            pending = reduce(or_, ends, Pending())
        elif op.regions:
            pending = _loop(op, pending, scope, place)
    return pending


def _loop(op: Op, pending: Pending, scope: str, place: Place) -> Pending:
    """Barriers for any iteration after the first, then what the first needs of those before the loop."""
    end = _iteration(op, Pending(), scope, place)
    end |= _iteration(op, end, scope, place)
    missing: list[str] = []
    _iteration(op, pending, scope, lambda _, reach: missing.append(reach))
    if missing:
        reach = DEVICE_SCOPES[scope] if DEVICE_SCOPES[scope] in missing else scope
        place(op, reach)
        pending.wait(reach)
    return pending | end


def _iteration(op: Op, pending: Pending, scope: str, place: Place) -> Pending:
    for block in op.blocks():
        pending = _walk(block, pending, scope, place)
    return pending
