"""Uniform carries: a loop carries a scalar offset instead of a tensor that every iteration moves as a whole.

    scf.for ... iter_args(%p = %base)                     scf.for ... iter_args(%c = 0)
      ...                                                   %p = tt.addptr %base, (tt.splat %c)
      %q = tt.addptr %p, (tt.splat %s)            =>        ...
      scf.yield %q                                          scf.yield (%c + %s)

for tensors of pointers (where c is an i64, as addresses are) and of integers (c has their width: both wrap alike). The
arithmetic is then done once, not by every lane, and the addresses stay `loop-invariant + uniform`. A value that no
iteration changes is not carried at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.control import For, While
from ...ir.core import Block, Builder, Op, Value, constant_of
from ...ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code
from ...ir.types import I64, IntegerType, PointerType, TensorType, Type, element_of, with_element

_MOVES = {"tt.addptr": PointerType, "arith.addi": IntegerType}


def run(module: Op) -> None:
    """Inner loops first: what an outer loop carries through an inner one is then `carried + splat` again."""
    loops = [op for op in module.walk() if op.name in _LOOPS]
    for loop in reversed(loops):
        for index in reversed(range(len(loop.results))):
            _LOOPS[loop.name](loop, index)
    if loops:
        eliminate_common_subexpressions(module)
        eliminate_dead_code(module)


@dataclass
class _Carry:
    """What one loop carries in one place. initial, next: (op, operand number) where it is given; arguments: the blocks'
    arguments for it, the entry's first; result: after the loop."""

    loop: Op
    initial: tuple[Op, int]
    next: tuple[Op, int]
    arguments: list[Value]
    result: Value


def _for(loop: Op, index: int) -> None:
    initial, argument = For(loop).initial_use(index), For(loop).carried[index]
    _rewrite(_Carry(loop, initial, (loop.body.terminator, index), [argument], loop.results[index]), argument)


def _while(loop: Op, index: int) -> None:
    """A value that the condition's region passes on as it got it."""
    before, after = loop.blocks()
    passed = While(loop).passed[index]
    if passed.owner is not before or before.terminator.operands.count(passed) > 1:
        return
    argument = after.arguments[index]
    carry = _Carry(
        loop, (loop, passed.index), (after.terminator, passed.index), [passed, argument], loop.results[index]
    )
    _rewrite(carry, argument)


_LOOPS = {"scf.for": _for, "scf.while": _while}


def _rewrite(carry: _Carry, start: Value) -> None:
    op, number = carry.initial
    base = op.operands[number]
    end, place = carry.next
    steps = _steps(end.operands[place], start)
    if steps is None:
        return
    if not steps:
        _forget(carry, base)
        return
    assert isinstance(base.type, TensorType)
    element = base.type.element
    width = I64 if isinstance(element, PointerType) else element
    op.set_operand(number, Builder.before_op(carry.loop).constant(0, width))
    for argument in carry.arguments:
        assert isinstance(argument.owner, Block)
        _move(argument, base, Builder(argument.owner, argument.owner.first, argument.location), width)
    _move(carry.result, base, Builder.after_value(carry.result), width)
    _pass_on(carry, start)
    builder = Builder.before_op(end)
    total = start
    for step in reversed(steps):
        total = builder.value("arith.addi", [total, _scalar(builder, step, width)], width)
    end.set_operand(place, total)


def _steps(value: Value, start: Value) -> list[Value] | None:
    """The splats that are added to `start` to give `value`, the last first; None if it is anything else."""
    steps = []
    while value is not start:
        op = value.definer
        if op is None or not isinstance(element_of(value.type), _MOVES.get(op.name, ())):
            return None
        value, step = op.operands
        if op.name == "arith.addi" and not _is_splat(step):
            value, step = step, value
        if not _is_splat(step):
            return None
        steps.append(step)
    return steps


def _is_splat(value: Value) -> bool:
    op = value.definer
    while op is not None and op.name == "tt.broadcast":
        value = op.operands[0]
        op = value.definer
    return isinstance(value.type, TensorType) and (
        constant_of(value) is not None or (op is not None and op.name == "tt.splat")
    )


def _scalar(builder: Builder, splat: Value, type_: Type) -> Value:
    """The scalar in a splat, widened to `type_`."""
    while splat.definer is not None and splat.definer.name == "tt.broadcast":
        splat = splat.definer.operands[0]
    number = constant_of(splat)
    if number is not None:
        return builder.constant(number, type_)
    assert splat.definer is not None
    scalar = splat.definer.operands[0]
    return scalar if scalar.type is type_ else builder.value("arith.extsi", [scalar], type_)


def _move(carried: Value, base: Value, builder: Builder, width: Type) -> None:
    """Turn `carried` into the scalar offset, and let its users take `base` plus that."""
    users = dict(carried.uses)
    type_ = carried.type
    carried.type = width
    offset = builder.value("tt.splat", [carried], with_element(type_, width))
    name = "tt.addptr" if isinstance(element_of(type_), PointerType) else "arith.addi"
    tensor = builder.value(name, [base, offset], type_)
    for user in users:
        for i, operand in enumerate(user.operands):
            if operand is carried:
                user.set_operand(i, tensor)


def _pass_on(carry: _Carry, start: Value) -> None:
    """Let scf.condition hand the scalar on, not the tensor made from it."""
    if carry.loop.name == "scf.while":
        first = carry.arguments[0]
        assert isinstance(first.owner, Block)
        first.owner.terminator.set_operand(start.index + 1, first)


def _forget(carry: _Carry, base: Value) -> None:
    """Use the initial value of what never changes; it stays carried, unused, where the loop has no simple body."""
    for value in (*carry.arguments, carry.result):
        value.replace_by(base)
    loop, index = carry.loop, carry.result.index
    if loop.name != "scf.for":
        return
    op, number = carry.initial
    op.set_operands([operand for i, operand in enumerate(op.operands) if i != number])
    end, place = carry.next
    end.set_operands([operand for i, operand in enumerate(end.operands) if i != place])
    loop.body.erase_argument(index + 1)
    del loop.results[index]
    for i, result in enumerate(loop.results):
        result.index = i
