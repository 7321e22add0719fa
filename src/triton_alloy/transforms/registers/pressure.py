"""Registers that a thread of the printed text needs: an estimate from the values that are alive at once.

Input is the loop form of form_loops.py, before storage. Liveness is computed backwards over the structured control
flow, arrays as wholes; what is recomputed where it is used, and the numbers of registers, are no values there.
Compilers unroll the loops over registers, so that

- an array that such a loop reads in order, for the last time, leaves its room to those that the loop makes;
- an array that the loop right before makes only for this, or what the loop itself loads, is *passed*: a compiler need
  keep no more of it than it loads ahead;
- in a loop over the slices of a dot (slices.py) what the next slice loads comes ahead, too.

The numbers are of machine registers, whatever the kernel; with them the estimate agrees with two compilers'
(tests/simt/pressure.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...dialects.control import While
from ...dialects.msl import DEVICE, Memory, count_of, row_of
from ...ir.core import Block, Op, Value
from ...ir.registry import is_terminator
from ...ir.types import I1, INDEX, FloatType, IntegerType, PointerType, RegisterType, SharedType, Type
from ...target import Target
from .interference import owner_of
from .register_ops import is_fence
from .traffic import bytes_per_product

BASE_WORDS = 6
"""Of addresses that are being computed, whatever the kernel."""
ADDRESS_WORDS = 2
MASK_WORDS = 0.5
UNIFORM = 0.25
"""What counts of a value that all lanes share: compilers keep a part of these in registers of their own."""
PASSED = 0.25
"""What counts of an array that is passed from one loop over registers to the next."""
AHEAD = 0.75
"""What counts of the next slice's operands."""
PRODUCT_WORDS = 8
"""Besides its operands a product of fragments needs copies in aligned pairs of registers."""

Live = set[Value]


def run(module: Op, target: Target) -> None:
    """Give every `msl.kernel` its attributes `registers`, in words of 32 bits, and `bytes_per_product` (traffic.py),
    where the target's registers are counted."""
    if target.registers is None:
        return
    for kernel in [op for op in module.walk() if op.name == "msl.kernel"]:
        kernel.attributes["registers"] = estimate(kernel)
        kernel.attributes["bytes_per_product"] = bytes_per_product(kernel, target)


def estimate(kernel: Op) -> int:
    """Words of 32 bits that a thread needs at most, of a kernel in loop form."""
    pressure = _Pressure()
    pressure.block(kernel.body, set())
    return round(pressure.most) + BASE_WORDS


def words_of(value: Value) -> float:
    """Words of 32 bits that a value takes in each thread."""
    type_ = value.type
    if not isinstance(type_, RegisterType):
        return 0.0 if _is_free(value) else UNIFORM * _element_words(type_)
    words = _registers_read(value) * _element_words(type_.element)
    return UNIFORM * words if type_.uniform else words


def _registers_read(value: Value) -> int:
    """How many registers of a value anything uses: of a vector's mask only the first."""
    if count_of(value) == 1 or any(user.name != "msl.read" for user in value.uses):
        return count_of(value)
    return len({register for user in value.uses for register in user.attributes["map"]})


def _is_free(value: Value) -> bool:
    """Constants, arguments of the kernel and numbers of registers are in no register."""
    if isinstance(value.owner, Block):
        return value.type is INDEX or owner_of(value.owner).name == "msl.kernel"
    return value.owner.name == "arith.constant" or row_of(value.owner).is_place or isinstance(value.type, SharedType)


def _element_words(type_: Type) -> float:
    if isinstance(type_, PointerType):
        return ADDRESS_WORDS
    if type_ is I1:
        return MASK_WORDS
    width = type_.width if isinstance(type_, IntegerType | FloatType) else 32
    return max(width, 16) / 32


@dataclass
class _Pressure:
    """most: words alive at once, so far; ahead: those loaded for what comes after the current ops; words: of the values
    met so far; used: what is used in an op's regions and made outside of them; ordered: what loops read in order."""

    most: float = 0.0
    ahead: float = 0.0
    words: dict[Value, float] = field(default_factory=dict)
    used: dict[Op, Live] = field(default_factory=dict)
    ordered: dict[Op, list[Value]] = field(default_factory=dict)

    def _of(self, value: Value) -> float:
        words = self.words.get(value)
        if words is None:
            words = self.words[value] = words_of(value)
        return words

    def _sum(self, values: Iterable[Value]) -> float:
        return sum(map(self._of, values))

    def _meet(self, words: float) -> None:
        self.most = max(self.most, words + self.ahead)

    def _inside(self, op: Op) -> Live:
        """Values that the regions of `op` use and do not make."""
        if op not in self.used:
            used: Live = set()
            made: Live = set()
            for block in op.blocks():
                made.update(block.arguments)
                for inner in block:
                    used.update(inner.operands)
                    made.update(inner.results)
                    if inner.regions:
                        used |= self._inside(inner)
            self.used[op] = used - made
        return self.used[op]

    # --------------------------------------------------------------------------------------------------- control flow
    def block(self, block: Block, live: Live) -> Live:
        """What is alive before a block, of what is after it. Its terminator is a matter of the op around it."""
        words = self._sum(live)
        op = block.last
        while op is not None:
            if op.regions:
                live = self._region_op(op, live)
                words = self._sum(live)
            elif not is_terminator(op):
                words = self._step(op, live, words)
            op = op.prev
        return live

    def _step(self, op: Op, live: Live, words: float) -> float:
        """From after an op to before it: `live` changes, and its `words`, which are returned."""
        most = words
        for result in op.results:
            if result in live:
                live.remove(result)
                words -= self._of(result)
            else:
                most += self._of(result)
        for operand in op.operands:
            if operand not in live and self._of(operand):
                live.add(operand)
                words += self._of(operand)
        self._meet(max(most, words) + (PRODUCT_WORDS if op.name == "msl.mma" else 0))
        return words

    def _region_op(self, op: Op, live: Live) -> Live:
        if op.name == "msl.loop":
            return self._registers(op, live)
        if op.name == "scf.for":
            return self._loop(op, live)
        return self._while(op, live) if op.name == "scf.while" else self._branches(op, live)

    def _loop(self, op: Op, live: Live) -> Live:
        around = live.difference(op.results) | self._inside(op)
        ahead = AHEAD * self._loaded(op.body) if op.attributes.get("unroll") else 0.0
        self.ahead += ahead
        start = self.block(op.body, around.union(op.body.terminator.operands))
        self.ahead -= ahead
        return (start | around).difference(op.body.arguments).union(op.operands)

    def _loaded(self, block: Block) -> float:
        """Words of the arrays that a block loads from device memory."""
        loops = [op for op in block if op.name == "msl.loop"]
        return self._sum(
            array for loop in loops for array, made in _arrays(loop) if _is_loaded(made) and count_of(array) > 1
        )

    def _while(self, op: Op, live: Live) -> Live:
        condition, body = While(op).before, While(op).after
        around = live.difference(op.results) | self._inside(op)
        start = self.block(body, around.union(body.terminator.operands)).difference(body.arguments)
        start = self.block(condition, (start | around).union(condition.terminator.operands))
        return (start | around).difference(condition.arguments).union(op.operands)

    def _branches(self, op: Op, live: Live) -> Live:
        after = live.difference(op.results)
        before = after.union(op.operands)
        for block in op.blocks():
            before |= self.block(block, after.union(block.terminator.operands)).difference(block.arguments)
        return before

    # ------------------------------------------------------------------------------------------- loops over registers
    def _registers(self, op: Op, live: Live) -> Live:
        before = live.difference(op.results).union(self._inside(op), op.operands)
        leaving = {value for value in self._in_order(op) if value in before and value not in live}
        passed = self._sum(value for value in leaving if self._passed_to(value) is op)
        passed_on = self._sum(value for value in op.results if self._passed_to(value) is not None)
        room = max(self._sum(leaving) - passed, self._sum(op.results) - passed_on) + PASSED * (passed + passed_on)
        self._meet(self._sum(before - leaving) + room + self._trip(op))
        return before

    def _trip(self, op: Op) -> float:
        """Words that the trips of a loop over registers need besides what the loop is given and gives."""
        yielded = op.body.terminator.operands
        loaded = sum(
            words_of(result)
            for inner in op.body
            if row_of(inner).memory is not None
            for result in inner.results
            if result not in yielded
        )
        trip = _Pressure(words=dict.fromkeys([*self._inside(op), *yielded], 0.0))
        trip.block(op.body, set(yielded))
        return max(trip.most, PASSED * loaded * op.integer("count"))

    def _in_order(self, loop: Op) -> list[Value]:
        if loop not in self.ordered:
            self.ordered[loop] = _read_in_order(loop)
        return self.ordered[loop]

    def _passed_to(self, value: Value) -> Op | None:
        """The loop over registers that an array is made for by another right before it, and that reads it in order."""
        maker = value.definer
        if maker is None or maker.name != "msl.loop" or count_of(value) == 1:
            return None
        users = {
            _beside(maker, user) for user in value.uses if user.name != "msl.read" or user.block is not maker.block
        }
        user = users.pop() if len(users) == 1 else None
        if user is None or user.name != "msl.loop" or value not in self._in_order(user):
            return None
        between = maker.next
        while between is not user and between is not None and not _parts(between):
            between = between.next
        return user if between is user else None


def _arrays(loop: Op) -> Iterable[tuple[Value, Value]]:
    """The arrays that a loop over registers makes, each with what is yielded for it."""
    carried = loop.integer("carried")
    return zip(loop.results[carried:], loop.body.terminator.operands[carried:], strict=True)


def _is_loaded(value: Value) -> bool:
    memory: Memory | None = row_of(value.definer).memory if value.definer is not None else None
    return memory is not None and memory.space == DEVICE


def _parts(op: Op) -> bool:
    """Whether what is before the op and what follows it do not mix: control flow, barriers, products."""
    return op.name != "msl.loop" and (is_fence(op) or op.name == "msl.mma")


def _beside(op: Op, user: Op | None) -> Op | None:
    """`user`, or the op around it that is in the block of `op`."""
    while user is not None and user.block is not op.block:
        user = user.parent
    return user


def _read_in_order(loop: Op) -> list[Value]:
    """Arrays that a loop over registers reads register by register, from the first to the last."""
    index = loop.body.arguments[0]
    ordered: dict[Value, bool] = {}
    for op in loop.walk():
        for operand in op.operands:
            if op is not loop and count_of(operand) > 1:
                ordered[operand] = ordered.get(operand, True) and _follows(op, index)
    return [value for value, each in ordered.items() if each]


def _follows(op: Op, index: Value) -> bool:
    """Whether an op of a loop takes later registers in later trips."""
    if not row_of(op).reads or op.operands[1:] != [index]:
        return False
    table = list(op.attributes["map"])
    return table == sorted(table)
