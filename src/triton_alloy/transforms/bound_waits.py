"""Loops that wait for other programs get a bound: a GPU does not promise that the others run, and would wait for ever.

    scf.while (%old = ...) { atomic; condition } do { ... }

    %n = scf.while (%count = 0, ...) { atomic; condition & (%count < limit) } do { ...; %count + 1 }
    tt.assert %n < limit

So a lock that is never released ends as a failed assertion, in a second or so, and not as a frozen screen. A loop waits
for others if it has atomics or volatile loads, in its condition or in its body; one that only counts rounds is bounded
too, which it does not notice.
"""

from __future__ import annotations

from ..ir.core import Builder, Op, Value
from ..ir.types import I1, I32

ATOMICS = ("tt.atomic_rmw", "tt.atomic_cas", "tt.atomic_load")
_SIGNED_LESS = 2
"""The number of `slt` among the predicates of arith.cmpi."""


def run(module: Op, limit: int | None) -> None:
    """In place. limit: rounds of a loop; None leaves all loops as they are, for a device whose programs all run."""
    if limit is None:
        return
    for op in [op for op in module.walk() if op.name == "scf.while"]:
        if any(_looks_at_others(inner) for inner in op.walk()):
            _bound(op, limit)


def _looks_at_others(op: Op) -> bool:
    return op.name in ATOMICS or (op.name == "tt.load" and op.attributes.get("isVolatile") is True)


def _bound(loop: Op, limit: int) -> None:
    before, after = (region.blocks[0] for region in loop.regions)
    outside = Builder.before_op(loop)
    loop.set_operands([*loop.operands, outside.constant(0, I32)])

    count = before.add_argument(I32, loop.location)
    decision = before.terminator
    builder = Builder.before_op(decision)
    is_below = _below(builder, count, limit)
    goes_on = builder.value("arith.andi", [decision.operands[0], is_below], I1)
    decision.set_operands([goes_on, *decision.operands[1:], count])

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
    return builder.value("arith.cmpi", [count, builder.constant(limit, I32)], I1, {"predicate": _SIGNED_LESS})
