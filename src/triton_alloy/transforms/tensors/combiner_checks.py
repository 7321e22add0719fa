"""Assertions in the functions of tt.reduce and tt.scan become one more value that is combined: whether all have held.

    tt.reduce(%x) { ^(%a, %b): tt.assert %ok; return %c }

    %r, %held = tt.reduce(%x, true) { ^(%a, %p, %b, %q): %held = %p & %q & %ok; return %c, %held }
    tt.assert %held

A step that no element of the result depends on, as lanes and simdgroups make some, then fails nothing. TRITON_DEBUG
checks additions for overflow, also those of a tl.sum.
"""

from __future__ import annotations

from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import I1, TensorType, with_element

COMBINATIONS = ("tt.reduce", "tt.scan")


def run(module: Op) -> None:
    """In place. Raises Unsupported for a tl.device_print in such a function."""
    for op in [op for op in module.walk() if op.name in COMBINATIONS]:
        for inner in op.body:
            if inner.name == "tt.print":
                raise Unsupported(inner, f"a print in the function of a {op.name}", inner.location)
        checks = [inner for inner in op.body if inner.name == "tt.assert"]
        if checks:
            _combine_with(op, checks)


def _combine_with(op: Op, checks: list[Op]) -> None:
    before = Builder.before_op(op)
    held = before.constant(True, with_element(op.operands[0].type, I1))
    result_type = op.results[0].type
    flag_type = with_element(result_type, I1) if isinstance(result_type, TensorType) else I1
    types = [*(r.type for r in op.results), *[flag_type] * len(checks)]
    region = Region([_body(op, checks)])
    new = before.build(op.name, [*op.operands, *[held] * len(checks)], types, dict(op.attributes), [region])
    for old, result in zip(op.results, new.results, strict=False):
        result.location = old.location
    for check, flag in zip(checks, new.results[len(op.results) :], strict=True):
        before.location = check.location
        before.build("tt.assert", [flag], [], {"message": check.attributes["message"]})
    op.replace_by(new.results[: len(op.results)])


def _body(op: Op, checks: list[Op]) -> Block:
    """The function with a flag for each check after the values of either side."""
    count = len(op.operands)
    sides = op.body.arguments[:count], op.body.arguments[count:]
    body, mapping = Block(), {}
    flags: list[list[Value]] = []
    for side in sides:
        for argument in side:
            mapping[argument] = body.add_argument(argument.type, argument.location)
        flags.append([body.add_argument(I1, op.location) for _ in checks])
    op.body.clone_into(body, mapping)
    end = body.terminator
    builder = Builder.before_op(end)
    results = []
    copies = [inner for inner in body if inner.name == "tt.assert"]
    for check, left, right in zip(copies, *flags, strict=True):
        both = builder.value("arith.andi", [left, right], I1)
        results.append(builder.value("arith.andi", [both, check.operands[0]], I1))
        check.erase()
    end.set_operands([*end.operands, *results])
    return body
