"""Elementwise ops as expressions, by the rows of intrinsics.py."""

from __future__ import annotations

from ..errors import Unsupported
from ..ir.core import Op, Value
from ..ir.types import F64, I1, IntegerType, Type, element_of
from . import intrinsics
from .expressions import ATOM, UNARY, Expression, binary
from .intrinsics import Intrinsic
from .types import NARROW, is_varying, literal, type_name, unsigned_name
from .writer import Writer


def expression_of(op: Op, writer: Writer) -> Expression:
    """The op applied to its operands' expressions. Raises Unsupported for an op, or a use of it, without a row."""
    if op.name == "arith.constant":
        return _constant(op)
    row = row_of(op)
    result = _operator(op, row, writer) if row.symbol else _template(op, row, writer)
    if row.unsigned and element_of(op.result.type) is not I1:
        return _as_signed(op.result, result)
    element = str(element_of(op.result.type))
    if (row.widens and element in NARROW) or element in row.in_float:
        return Expression(f"{type_name(op.result.type)}({result.text})", ATOM, result.reads)
    return result


def has_row(op: Op) -> bool:
    """Whether an op of this name has a spelling for some element type."""
    tables = (intrinsics.INTRINSICS, intrinsics.DOUBLES)
    return op.name in ("arith.constant", "tt.extern_elementwise") or any(op.name in table for table in tables)


def row_of(op: Op) -> Intrinsic:
    source, target = element_of(op.operands[-1].type), element_of(op.result.type)
    if op.name == "tt.extern_elementwise":
        return intrinsics.SYMBOLS[op.attributes["symbol"]]
    if source is F64 and op.name in intrinsics.DOUBLES:
        return intrinsics.DOUBLES[op.name]
    if op.name not in intrinsics.INTRINSICS:
        raise Unsupported(op, "this operation has no spelling in Metal", op.location)
    if op.name == "arith.cmpf":
        return intrinsics.FLOAT_COMPARISONS[op.integer("predicate")]
    if op.name == "arith.cmpi":
        table = intrinsics.BOOL_COMPARISONS if source is I1 else intrinsics.INTEGER_COMPARISONS
        return table[op.integer("predicate")]
    if op.name == "tt.clampf" and op.integer("propagateNan", 0):
        return intrinsics.CLAMP_KEEPING_NAN
    if op.name == "arith.select" and not is_varying(op.result.type):
        return intrinsics.UNIFORM_SELECT
    if source is I1 and op.name in intrinsics.FROM_BOOL:
        return intrinsics.FROM_BOOL[op.name]
    if target is I1 and op.name in intrinsics.TO_BOOL:
        return intrinsics.TO_BOOL[op.name]
    if op.name in ("arith.fptosi", "arith.fptoui") and isinstance(target, IntegerType):
        return _from_float(op, target)
    if op.name == "arith.bitcast":
        return _of_bits(op, source, target)
    return intrinsics.INTRINSICS[op.name]


def _of_bits(op: Op, source: Type, target: Type) -> Intrinsic:
    if I1 in (source, target) and source is not target:
        raise Unsupported(op, "a boolean has no bits", op.location)
    if source is not target and F64 in (source, target):
        return intrinsics.DOUBLE_FROM_BITS if target is F64 else intrinsics.BITS_OF_DOUBLE
    return intrinsics.INTRINSICS[op.name]


def _from_float(op: Op, target: IntegerType) -> Intrinsic:
    """A float out of a narrow integer's range is undefined in MSL; Triton wraps it."""
    if target.width < 32:
        return intrinsics.NARROW_FROM_FLOAT
    return intrinsics.UNSIGNED_FROM_FLOAT if op.name == "arith.fptoui" else intrinsics.CONVERT


def _constant(op: Op) -> Expression:
    attribute = op.attributes["value"]
    text = literal(attribute.value, op.result.type)
    return Expression(text, ATOM if text[0] != "-" else UNARY, short=True)


def _as_signed(value: Value, expression: Expression) -> Expression:
    text = f"{type_name(value.type)}({expression.text})"
    return Expression(text, ATOM, expression.reads, unsigned=expression)


def unsigned(value: Value, expression: Expression) -> Expression:
    """`expression` of an integer value, as an unsigned number of the same width."""
    if expression.unsigned is not None:
        return expression.unsigned
    return Expression(f"{unsigned_name(value.type)}({expression.text})", ATOM, expression.reads)


LOGICAL = {"&": "&&", "|": "||", "^": "!="}  # of uniform booleans, which & would turn into integers


def _operator(op: Op, row: Intrinsic, writer: Writer) -> Expression:
    symbol = row.symbol
    if element_of(op.result.type) is I1 and symbol in LOGICAL:
        if op.name == "arith.xori" and is_true(op.operands[1]):
            operand = writer.take(op.operands[0])
            writer.take(op.operands[1])
            return Expression(f"!{operand.at(UNARY)}", UNARY, operand.reads)
        symbol = symbol if is_varying(op.result.type) else LOGICAL[symbol]
    left, right = (writer.take(v) for v in op.operands)
    if row.unsigned:
        left = unsigned(op.operands[0], left)
        if symbol != ">>" or is_varying(op.operands[1].type):  # any uniform amount shifts anything
            right = unsigned(op.operands[1], right)
    return binary(symbol, left, right)


def is_true(value: Value) -> bool:
    op = value.definer
    return op is not None and op.name == "arith.constant" and value.type is I1 and bool(op.attributes["value"].value)


def _template(op: Op, row: Intrinsic, writer: Writer) -> Expression:
    values = []
    is_choice = op.name == "arith.select" and is_varying(op.result.type)
    for i, operand in enumerate(op.operands):
        repeated = row.template.count(f"{{{i}}}") > 1
        take = writer.take_short if repeated else writer.take_ahead if is_choice else writer.take
        expression = take(operand)
        if is_choice and operand.type is I1:  # two uniform booleans would make an integer
            expression = Expression(f"b1({expression.text})", ATOM, expression.reads)
        values.append(_operand(row, operand, expression))
    level = row.operand_level
    text = row.template.format(*(v.at(level) for v in values), **_types(op))
    return Expression(text, row.level, frozenset().union(*(v.reads for v in values)))


def _operand(row: Intrinsic, operand: Value, expression: Expression) -> Expression:
    if row.unsigned:
        return unsigned(operand, expression)
    if str(element_of(operand.type)) in row.in_float:
        convert = "f32" if is_varying(operand.type) else "float"
        return Expression(f"{convert}({expression.text})", ATOM, expression.reads)
    return expression


def _types(op: Op) -> dict[str, str]:
    varying = is_varying(op.result.type)
    names = {
        "T": type_name(op.result.type),
        "I": "i32" if varying else "int",
        "or": "|" if varying else "||",
        "and": "&" if varying else "&&",
    }
    for key, value in (("U", op.operands[-1]), ("V", op.result)):
        element = element_of(value.type)
        if isinstance(element, IntegerType) and element is not I1:
            names[key] = unsigned_name(value.type)
    return names
