"""Loops with `tt.loop_unroll_factor`: that many iterations become one; a second loop runs those that are left."""

from __future__ import annotations

from ...dialects.control import For
from ...ir.core import Builder, Op, Value
from ...ir.types import I32, Attribute, IntegerAttribute, TextAttribute
from ...rules.driver import Rules, rewrite
from ...rules.loops import run_known_trips, trips
from ...rules.values import integer

_FACTOR = "tt.loop_unroll_factor"
_WRAPS: dict[str, Attribute] = {"overflowFlags": TextAttribute("#arith.overflow<none>")}
_KNOWN_TRIPS = Rules()
_KNOWN_TRIPS.pattern("scf.for")(run_known_trips)


def run(module: Op) -> None:
    found = [op for op in module.walk() if op.name == "scf.for" and op.integer(_FACTOR, 1) > 1]
    for loop in reversed(found):  # inner ones first
        factor = loop.integer(_FACTOR)
        del loop.attributes[_FACTOR]
        _unroll(loop, factor)
    if found:
        rewrite(module, _KNOWN_TRIPS)


def _unroll(loop: Op, factor: int) -> None:
    builder = Builder.before_op(loop)
    lower, upper, step = For(loop).bounds
    count = trips(lower, upper, step)
    middle, wide = _bounds(builder, loop, factor, count)
    if count is None or count % factor:
        _append_rest(loop, middle)
    if count is not None and count < factor:
        loop.replace_by(For(loop).initial)
        return
    For(loop).set_operands([lower, middle, wide], For(loop).initial)
    _repeat_body(loop, factor, step)


def _bounds(builder: Builder, loop: Op, factor: int, count: int | None) -> tuple[Value, Value]:
    """Where the unrolled loop ends, and its step."""
    lower, upper, step = For(loop).bounds
    low, by, type_ = integer(lower), integer(step), lower.type
    if count is not None and low is not None and by is not None:
        end = upper if count % factor == 0 else builder.constant(low + count // factor * factor * by, type_)
        return end, builder.constant(by * factor, type_)

    def value(name: str, *operands: Value) -> Value:
        return builder.value(f"arith.{name}", operands, type_, dict(_WRAPS) if name in ("addi", "subi", "muli") else {})

    wide = value("muli", step, builder.constant(factor, type_))
    distance = value("maxsi", value("subi", upper, lower), builder.constant(0, type_))
    less = value("subi", step, builder.constant(1, type_))
    total = value("divui", value("addi", distance, less), step)
    left = value("remsi", total, builder.constant(factor, type_))
    whole = value("muli", value("subi", total, left), step)
    return value("addi", lower, whole), wide


def _append_rest(loop: Op, middle: Value) -> None:
    """A copy of the loop from `middle` on, that goes on with what the loop gives."""
    rest = loop.clone()
    rest.attributes["tt.num_stages"] = IntegerAttribute(1, I32)
    assert loop.block is not None
    loop.block.insert(rest, loop.next)
    for old, new in zip(loop.results, rest.results, strict=True):
        old.replace_by(new)
    _, upper, step = For(rest).bounds
    For(rest).set_operands([middle, upper, step], loop.results)


def _repeat_body(loop: Op, factor: int, step: Value) -> None:
    body = loop.body
    counter, carried = For(loop).index, For(loop).carried
    end = body.terminator
    original = [op for op in body if op is not end]
    values = list(end.operands)
    for index in range(1, factor):
        builder = Builder(body, end, loop.location)
        offset = builder.value("arith.muli", [step, builder.constant(index, step.type)], step.type, dict(_WRAPS))
        at = builder.value("arith.addi", [counter, offset], counter.type, dict(_WRAPS))
        mapping: dict[Value, Value] = {counter: at, **dict(zip(carried, values, strict=True))}
        for op in original:
            body.insert(op.clone(mapping), end)
        values = [mapping.get(value, value) for value in end.operands]
    end.set_operands(values)
