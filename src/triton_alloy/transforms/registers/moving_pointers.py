"""Loops move their pointers: what is added to one and rises by the same in every iteration is not computed anew.

    scf.for %i = %first to %n step 8 {                        %by = 8 * %stride
      %k = (extsi %i) * %stride                               %start = msl.pointer_add %base, %first * %stride
      %p = msl.pointer_add %base, %k                    =>    scf.for ... iter_args(%p = %start) {
      ... %p ...                                                ... %p ...
    }                                                           scf.yield (msl.pointer_add %p, %by)
                                                              }

A GPU computes what its lanes share in every lane, and 64 bits in several instructions. The sums are exact modulo 2**64,
as addresses are. Where a second loop goes on from where a first one has ended, its pointer does so, too: nothing of the
pointer needs to be kept beside the pointer itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from ...dialects.arith import INTEGER_NEUTRAL
from ...dialects.control import For
from ...dialects.msl import is_lane_pointer
from ...ir.core import Block, Builder, Op, Value, constant_of
from ...ir.registry import is_removable
from ...ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code
from ...ir.types import I64
from ...target import Target

_Counters = Mapping[Value, Hashable]
"""What a loop counts, its index or a number that it carries, and a name for each."""


def run(module: Op, target: Target) -> None:
    """In place."""
    if not target.lane_pointers:
        return
    loops = [op for op in module.walk() if op.name == "scf.for" and not _is_left_alone(op)]
    mover = _Mover()
    for loop in loops:
        for op in [op for op in loop.body if op.name == "msl.pointer_add"]:
            mover.move(For(loop), op)
    for loop in reversed(loops):
        _drop_unused(For(loop))
    eliminate_common_subexpressions(module)
    eliminate_dead_code(module)


def _is_left_alone(loop: Op) -> bool:
    """A loop that is unrolled; or an unsigned one, whose index may be no i32 that is extended by its sign."""
    return bool(loop.attributes.get("unroll") or loop.attributes.get("unsignedCmp"))


@dataclass(frozen=True)
class _Line:
    """A number of a loop, an i64: at first, and what it rises by in every iteration, None for nothing."""

    start: Value
    step: Value | None


@dataclass
class _Mover:
    """moved: what a loop moves, by the pointer that it starts from and what is added -> the pointer after the loop;
    forms: a number for each, see `_form`."""

    moved: dict[tuple[Value, Hashable], Value] = field(default_factory=dict)
    forms: dict[Hashable, int] = field(default_factory=dict)

    def move(self, loop: For, op: Op) -> None:
        """Let the loop carry the pointer that `op` makes in its body, if that is a pointer which the loop does not
        change and a number that rises."""
        base, added = op.operands
        if base.block is loop.op.body or not _is_worthwhile(loop, op):
            return
        builder = Builder.before_op(loop.op)
        builder.location = op.location
        line = _line(added, loop, builder, {})
        if line is None or line.step is None:
            return
        start = self._continued(base, added, loop)
        if start is None:
            start = base if constant_of(line.start) == 0 else _moved(builder, base, line.start)
        argument, result = _carry(loop, start, line.step, op)
        op.replace_by([argument])
        self.moved[base, _form(added, _counters(loop), self.forms)] = result

    def _continued(self, base: Value, added: Value, loop: For) -> Value | None:
        """The pointer after an earlier loop that is the one with which this loop starts."""
        for value in (loop.bounds[0], *loop.initial):
            earlier = value.definer
            if earlier is not None and earlier.name == "scf.for":
                result = self.moved.get((base, _form(added, _continuing(loop, For(earlier)), self.forms)))
                if result is not None:
                    return result
        return None


def _is_worthwhile(loop: For, op: Op) -> bool:
    """Whether the loop can carry the pointer in place of the one it is made of: not where that is used in it besides.
    A pointer of the kernel's is in no register; there it pays if it spares a product."""
    base, added = op.operands
    if not is_lane_pointer(base):
        return added.definer is not None and added.definer.name == "arith.muli"
    return all(user is op or not _is_inside(user, loop.op) for user in base.uses)


def _is_inside(op: Op, loop: Op) -> bool:
    parent = op.parent
    while parent is not None and parent is not loop:
        parent = parent.parent
    return parent is loop


def _carry(loop: For, start: Value, step: Value, op: Op) -> tuple[Value, Value]:
    """Carry a pointer, and move it at the end of every iteration: the argument and the result."""
    loop.set_operands(loop.bounds, [*loop.initial, start])
    argument, result = loop.op.body.add_argument(start.type), loop.op.add_result(start.type)
    argument.location = result.location = op.location
    end = loop.op.body.terminator
    builder = Builder.before_op(end)
    builder.location = op.location
    end.set_operands([*end.operands, _moved(builder, argument, step)])
    return argument, result


def _moved(builder: Builder, pointer: Value, number: Value) -> Value:
    return builder.value("msl.pointer_add", [pointer, number], pointer.type)


def _drop_unused(loop: For) -> None:
    """Carry nothing of which only its own next value is computed."""
    end = loop.op.body.terminator
    for number in reversed(range(len(loop.op.results))):
        argument, following = loop.carried[number], loop.yielded[number].definer
        if loop.op.results[number].uses or following is None or list(argument.uses) != [following]:
            continue
        is_needless = is_removable(following) and not following.regions and len(following.results) == 1
        if is_needless and following.block is loop.op.body and following.result.uses == {end: 1}:
            end.set_operand(number, argument)
            following.erase()
            loop.drop(number)


# --------------------------------------------------------------------------------------------------------------- lines
def _line(value: Value, loop: For, builder: Builder, known: dict[Value, _Line | None]) -> _Line | None:
    """What a number is in each iteration; None if it does not rise by the same, or may wrap before it is an i64.

    known: of the numbers that have been looked at, since one may be used many times."""
    if value not in known:
        known[value] = _line_of(value, loop, builder, known)
    return known[value]


def _line_of(value: Value, loop: For, builder: Builder, known: dict[Value, _Line | None]) -> _Line | None:
    if value.block is not loop.op.body:
        return _Line(_wide(value, builder), None)
    if value is loop.index:
        first, _, step = loop.bounds
        return _Line(_wide(first, builder), _wide(step, builder))
    if isinstance(value.owner, Block):
        return _line_carried(value, loop)
    op = value.owner
    if op.name == "arith.extsi" and op.operands[0] is loop.index:
        return _line(loop.index, loop, builder, known)
    if value.type is not I64 or op.name not in _JOINED:
        return None
    left, right = (_line(operand, loop, builder, known) for operand in op.operands)
    return _JOINED[op.name](builder, left, right) if left is not None and right is not None else None


def _line_carried(argument: Value, loop: For) -> _Line | None:
    number = argument.index - 1
    following = loop.yielded[number].definer
    if argument.type is not I64 or following is None or following.name != "arith.addi":
        return None
    steps = [operand for operand in following.operands if operand is not argument]
    if len(steps) != 1 or steps[0].block is loop.op.body:
        return None
    return _Line(loop.initial[number], steps[0])


def _sum(builder: Builder, left: _Line, right: _Line) -> _Line:
    steps = [line.step for line in (left, right) if line.step is not None]
    step = _i64(builder, "arith.addi", *steps) if len(steps) == 2 else next(iter(steps), None)
    return _Line(_i64(builder, "arith.addi", left.start, right.start), step)


def _difference(builder: Builder, left: _Line, right: _Line) -> _Line:
    return _sum(builder, left, _product_of(builder, right, builder.constant(-1, I64)))


def _product(builder: Builder, left: _Line, right: _Line) -> _Line | None:
    if left.step is not None and right.step is not None:
        return None
    line, factor = (left, right) if right.step is None else (right, left)
    return _product_of(builder, line, factor.start)


def _product_of(builder: Builder, line: _Line, factor: Value) -> _Line:
    step = _i64(builder, "arith.muli", line.step, factor) if line.step is not None else None
    return _Line(_i64(builder, "arith.muli", line.start, factor), step)


_JOINED = {"arith.addi": _sum, "arith.subi": _difference, "arith.muli": _product}


def _i64(builder: Builder, name: str, left: Value, right: Value) -> Value:
    """The sum or product; what is plain to see is no op."""
    for number, other in ((constant_of(left), right), (constant_of(right), left)):
        if number == INTEGER_NEUTRAL[name]:
            return other
        if number == 0:
            return builder.constant(0, I64)
    return builder.value(name, [left, right], I64)


def _wide(value: Value, builder: Builder) -> Value:
    if value.type is I64:
        return value
    known = constant_of(value)
    return builder.constant(known, I64) if known is not None else builder.value("arith.extsi", [value], I64)


# --------------------------------------------------------------------------------------------------------------- forms
def _form(value: Value, counters: _Counters, forms: dict[Hashable, int]) -> Hashable:
    """A number as it is computed from counters and from what lies outside of their loop: two of one form are equal as
    soon as their counters are. What is computed is told by a number, which `forms` has for each."""
    known, block = dict(counters), _block_of(counters)

    def of(value: Value) -> Hashable:
        op = value.definer
        if value not in known and op is not None and op.name in ("arith.extsi", *_JOINED) and op.block is block:
            known[value] = forms.setdefault((op.name, *map(of, op.operands)), len(forms))
        return known.get(value, value)

    return of(value)


def _block_of(counters: _Counters) -> Block | None:
    return next((value.block for value in counters), None)


def _counters(loop: For) -> dict[Value, Hashable]:
    return {value: (loop.op, number) for number, value in enumerate(loop.op.body.arguments)}


def _continuing(loop: For, earlier: For) -> dict[Value, Hashable]:
    """The counters of a loop that start where those of an earlier one have ended, by the earlier one's names."""
    ends = {result: (earlier.op, 1 + number) for number, result in enumerate(earlier.op.results)}
    ends |= {earlier.op.results[number]: (earlier.op, 0) for number in _next_indices(earlier)}
    started = zip(loop.op.body.arguments, (loop.bounds[0], *loop.initial), strict=True)
    return {argument: ends[value] for argument, value in started if value in ends}


def _next_indices(loop: For) -> list[int]:
    """The numbers of what a loop carries that is its next index."""
    first, _, step = loop.bounds
    return [
        number
        for number, (initial, following) in enumerate(zip(loop.initial, loop.yielded, strict=True))
        if initial is first and (op := following.definer) is not None and op.name == "arith.addi"
        if set(op.operands) == {loop.index, step}
    ]
