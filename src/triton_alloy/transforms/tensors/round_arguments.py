"""A 64-bit float argument that is only rounded to a narrower type is passed in that type, rounded once by the host.

    tt.func @k(%x: f64)                                   tt.func @k(%x: f32)
      %s = tt.splat %x                                      %s = tt.splat %x
      %y = arith.truncf %s : f64 -> f32          =>

The value is the same: the host rounds to nearest even as the op does. An argument that is rounded to several types
becomes one argument for each, since f64 -> f32 -> f16 rounds twice. What else is done with 64-bit floats stays.
"""

from __future__ import annotations

from ...ir.core import Builder, Op, Value
from ...ir.types import BF16, F16, F32, F64, FunctionType, Type, element_of, with_element
from ...rules import floats
from ...rules.driver import Rules, rewrite

ROUNDED = (F32, F16, BF16)
"""What the host rounds a float to."""
_MOVES = frozenset(
    ["tt.splat", "tt.broadcast", "tt.expand_dims", "tt.reshape", "tt.trans", "arith.select", "arith.negf", "math.absf"]
)
"""Ops that commute with rounding to nearest: they move values, or change signs."""
_TO_NEAREST = 1  # tt.fp_to_fp's rounding attribute

_OWN = Rules()


def run(module: Op) -> None:
    """In place, on all functions of the module."""
    rewrite(module, Rules(_OWN, floats.RULES.only("arith.truncf")))
    for function in [op for op in module.walk() if op.name == "tt.func"]:
        _round_arguments(function)


def rounds(op: Op) -> bool:
    """Whether an op rounds 64-bit floats to nearest in a type that the host has, too."""
    if op.name not in ("arith.truncf", "tt.fp_to_fp") or element_of(op.operands[0].type) is not F64:
        return False
    is_nearest = "roundingmode" not in op.attributes and op.integer("rounding", _TO_NEAREST) == _TO_NEAREST
    return is_nearest and element_of(op.result.type) in ROUNDED


@_OWN.value("arith.truncf", "tt.fp_to_fp")
def round_before_moving(op: Op, builder: Builder) -> Value | None:
    """cast(move(x)) -> move(cast(x))."""
    move = op.operands[0].definer
    if move is None or move.name not in _MOVES or not rounds(op):
        return None
    element = element_of(op.result.type)
    operands = [_rounded(op, value, element, builder) for value in move.operands]
    return builder.value(move.name, operands, op.result.type, dict(move.attributes))


def _rounded(cast: Op, value: Value, element: Type, builder: Builder) -> Value:
    """`value` in the type that it is cast to; itself if it is no 64-bit float, as the condition of a select."""
    if element_of(value.type) is not F64:
        return value
    return builder.value(cast.name, [value], with_element(value.type, element), dict(cast.attributes))


def _round_arguments(function: Op) -> None:
    """The first type of an argument takes its place; further ones follow all arguments, as `positions` tells."""
    block = function.body
    positions = list(range(len(block.arguments)))
    for argument in list(block.arguments):
        if argument.type is not F64 or not all(map(rounds, argument.uses)):
            continue
        casts = list(argument.uses)
        wanted = {cast.result.type for cast in casts} or {F32}  # an unused argument may have any type
        argument.type, *others = [type_ for type_ in ROUNDED if type_ in wanted]
        added = {type_: block.add_argument(type_, argument.location) for type_ in others}
        positions += [argument.index] * len(added)
        for cast in casts:
            cast.replace_by([added.get(cast.result.type, argument)])
    _declare(function, positions)


def _declare(function: Op, positions: list[int]) -> None:
    """Bring a function's attributes in line with its arguments. positions: which argument of a launch each is."""
    types, attributes = [argument.type for argument in function.body.arguments], function.attributes
    attributes["function_type"] = FunctionType(types, attributes["function_type"].outputs)
    added = len(positions) - len(set(positions))
    if added:
        attributes["positions"] = tuple(positions)
    if added and "arg_attrs" in attributes:
        attributes["arg_attrs"] = (*attributes["arg_attrs"], *({},) * added)
