"""Type rules that the tables share. A rule takes an op and says what is wrong with it, or None."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..ir.core import Block, Op, Value
from ..ir.registry import TypeRule
from ..ir.types import I1, FloatType, IndexType, IntegerType, PointerType, RegisterType, TensorType, Type, element_of

Predicate = Callable[[Type], bool]


def is_integer(type_: Type) -> bool:
    return isinstance(element_of(type_), IntegerType | IndexType)


def is_float(type_: Type) -> bool:
    return isinstance(element_of(type_), FloatType)


def is_pointer(type_: Type) -> bool:
    return isinstance(element_of(type_), PointerType)


def is_any(type_: Type) -> bool:
    return True


def shapes_agree(operands: Iterable[Value], result: Type) -> str | None:
    """Elementwise shapes. Tensors and scalars: all alike. Registers: as many as the result has, or a single value that
    goes to all of them; the result is uniform when all operands are."""
    operands = list(operands)
    if not isinstance(result, RegisterType):
        odd = next((v.type for v in operands if not _is_alike(v.type, result)), None)
        return f"{odd} does not spread to {result}" if odd is not None else None
    for value in operands:
        if _register_count(value.type) not in (1, result.count):
            return f"{value.type} does not spread to {result}"
    if not operands:
        return None
    uniform = all(_is_uniform(value.type) for value in operands)
    return None if uniform == result.uniform else f"{result} disagrees with its operands on being uniform"


def _is_alike(type_: Type, result: Type) -> bool:
    if isinstance(result, TensorType):
        return isinstance(type_, TensorType) and type_.shape == result.shape and type_.layout is result.layout
    return not isinstance(type_, TensorType | RegisterType)


def _register_count(type_: Type) -> int | None:
    if isinstance(type_, RegisterType):
        return type_.count
    return None if isinstance(type_, TensorType) else 1


def _is_uniform(type_: Type) -> bool:
    return not isinstance(type_, RegisterType) or type_.uniform


def same(accepts: Predicate = is_any) -> TypeRule:
    """All operands and the result have one element type, which `accepts`."""

    def check(op: Op) -> str | None:
        result = op.results[0].type
        element = element_of(result)
        if not accepts(element):
            return f"{element} is no type for it"
        for operand in op.operands:
            if element_of(operand.type) is not element:
                return f"{operand.type} is not of {element}"
        return shapes_agree(op.operands, result)

    return check


def casts(source: Predicate, target: Predicate) -> TypeRule:
    """One operand and the result, of one shape and element types of these kinds."""

    def check(op: Op) -> str | None:
        operand, result = op.operands[0].type, op.results[0].type
        if not source(operand) or not target(result):
            return f"no cast from {operand} to {result}"
        return shapes_agree(op.operands, result)

    return check


def compares(accepts: Predicate) -> TypeRule:
    """Two operands of one element type give i1."""

    def check(op: Op) -> str | None:
        left, right = (element_of(operand.type) for operand in op.operands)
        if left is not right or not accepts(left):
            return f"cannot compare {left} with {right}"
        if element_of(op.results[0].type) is not I1:
            return "a comparison gives i1"
        return shapes_agree(op.operands, op.results[0].type)

    return check


def tensors(op: Op) -> str | None:
    """All operands and results are tensors."""
    odd = next((value.type for value in (*op.operands, *op.results) if not isinstance(value.type, TensorType)), None)
    return f"{odd} is no tensor" if odd is not None else None


def block_takes(block: Block, expected: Sequence[Type], what: str) -> str | None:
    """Whether the block's arguments have the types `expected`."""
    found = [argument.type for argument in block.arguments]
    return None if found == list(expected) else f"{what} takes {_list(found)}, not {_list(expected)}"


def terminator_gives(block: Block, expected: Sequence[Type], what: str, skip: int = 0) -> str | None:
    """Whether the block's terminator has operands, after the first `skip`, of the types `expected`."""
    found = [operand.type for operand in block.terminator.operands[skip:]]
    return None if found == list(expected) else f"{what} yields {_list(found)}, not {_list(expected)}"


def first_problem(*problems: str | None) -> str | None:
    return next((problem for problem in problems if problem is not None), None)


def types_of(values: Iterable[Value]) -> list[Type]:
    return [value.type for value in values]


def _list(types: Iterable[Type]) -> str:
    return f"({', '.join(map(str, types))})"
