"""Loops that wait for other programs get a bound: a GPU does not promise that the others run, and would wait for ever.

    scf.while (%old = ...) { atomic; condition } do { ... }

    %n = scf.while (%count = 0, ...) { atomic; condition & (%count < limit) } do { ...; %count + 1 }
    tt.assert %n < limit

So a lock that is never released ends as a failed assertion, in a second or so, and not as a frozen screen. A loop waits
for others if it has atomics or volatile loads, in its condition or in its body; one that only counts rounds is bounded
too, which it does not notice. A tl.atomic_poll becomes such a loop first.
"""

from __future__ import annotations

from ...dialects.arith import NE, SLT
from ...dialects.control import While
from ...dialects.tt import is_atomic
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import I1, I32, TensorType, with_element


def run(module: Op, limit: int | None) -> None:
    """In place. limit: rounds of a loop; None leaves all loops as they are, for a device whose programs all run."""
    if limit is None:
        return
    for op in [op for op in module.walk() if op.name == "tt.atomic_poll"]:
        if len(op.operands) == 2:  # with a timeout it is refused when it is lowered
            _as_loop(op)
    for op in [op for op in module.walk() if op.name == "scf.while"]:
        if any(_looks_at_others(inner) for inner in op.walk()):
            _bound(op, limit)


def _looks_at_others(op: Op) -> bool:
    return (is_atomic(op) and bool(op.results)) or (op.name == "tt.load" and op.attributes.get("isVolatile") is True)


def _as_loop(poll: Op) -> None:
    """Loads until each element has had its expected value once; what this program stores before comes before."""
    pointer, expected = poll.operands
    outside = Builder.before_op(poll)
    outside.build("ttg.barrier")
    start = outside.constant(True, with_element(expected.type, I1))

    before, after = Block([start.type]), Block([start.type])
    builder = Builder(before, None, poll.location)
    order = {name: poll.attributes[name] for name in ("sem", "scope")}
    found = builder.value("tt.atomic_load", [pointer], expected.type, order)
    differs = builder.value("arith.cmpi", [found, expected], start.type, {"predicate": NE})
    waits = builder.value("arith.andi", [before.arguments[0], differs], start.type)
    builder.build("scf.condition", [_any(builder, waits), waits])
    Builder(after, None, poll.location).build("scf.yield", after.arguments)
    outside.build("scf.while", [start], [start.type], {}, [Region([before]), Region([after])])
    poll.replace_by([outside.constant(True, poll.result.type)])


def _any(builder: Builder, flags: Value) -> Value:
    """Whether one of the elements is true."""
    while isinstance(flags.type, TensorType):
        either = Block([I1, I1])
        inside = Builder(either, None, builder.location)
        inside.build("tt.reduce.return", [inside.value("arith.ori", either.arguments, I1)])
        shape = flags.type.shape[1:]
        type_ = TensorType(shape, I1) if shape else I1
        flags = builder.build("tt.reduce", [flags], [type_], {"axis": 0}, [Region([either])]).result
    return flags


def _bound(loop: Op, limit: int) -> None:
    before, after = loop.blocks()
    outside = Builder.before_op(loop)
    loop.set_operands([*loop.operands, outside.constant(0, I32)])

    count = before.add_argument(I32, loop.location)
    decision = before.terminator
    builder = Builder.before_op(decision)
    is_below = _below(builder, count, limit)
    goes_on = builder.value("arith.andi", [While(loop).condition, is_below], I1)
    decision.set_operands([goes_on, *While(loop).passed, count])

    carried = after.add_argument(I32, loop.location)
    end = after.terminator
    builder = Builder.before_op(end)
    end.set_operands([*end.operands, builder.value("arith.addi", [carried, builder.constant(1, I32)], I32)])

    rounds = loop.add_result(I32)
    builder = Builder.after_value(rounds)
    builder.location = loop.location
    message = f"a loop that waits for other programs has not ended after {limit} rounds"
    builder.build("tt.assert", [_below(builder, rounds, limit)], [], {"message": message})


def _below(builder: Builder, count: Value, limit: int) -> Value:
    return builder.value("arith.cmpi", [count, builder.constant(limit, I32)], I1, {"predicate": SLT})
