"""Problems of a module in the words of MLIR, where users of libtriton see them: on stderr, with the source line.

Upstream's Python refuses most wrong programs itself, with a message of its own. What is left for the verifier is in the
table `CHECKS`: the rules that a program can still break, as in native libtriton's `Ops.cpp` and traits.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Sequence

from ...ir.core import Op, Value
from ...ir.types import PointerType, TensorType, Type, element_of

Check = Callable[[Op], str]
"""What is wrong with an op, or "". A text that begins with "op " gets the op's name in front."""


def report_problems(top: Op) -> bool:
    """Whether `top` and all in it are valid; the first problem goes to stderr."""
    for op in top.walk():
        check = CHECKS.get(op.name)
        problem = check(op) if check is not None else ""
        if problem:
            print(spell_problem(op, problem), file=sys.stderr)
            return False
    return True


def spell_problem(op: Op, problem: str) -> str:
    """`kernel.py:3:5: error: 'tt.dot' op ...`, then the source line with a mark under the column."""
    place = op.location
    text = f"error: '{op.name}' {problem}" if problem.startswith("op ") else f"error: {problem}"
    if not place.file:
        return text
    line = linecache.getline(place.file, place.line).rstrip("\n")
    mark = f"\n{line}\n{' ' * (place.column - 1)}^" if line else ""
    return f"{place.file}:{place.line}:{place.column}: {text}{mark}"


def _types(values: Sequence[Value]) -> list[Type]:
    return [value.type for value in values]


def _shape(value: Value) -> tuple[int, ...]:
    return value.type.shape if isinstance(value.type, TensorType) else ()


def _same_types(op: Op) -> str:
    first = op.results[0].type
    alike = all(operand.type is first for operand in op.operands)
    return "" if alike else "op requires the same type for all operands and results"


def _comparison(op: Op) -> str:
    left, right = op.operands
    return "" if left.type is right.type else "op requires all operands to have the same type"


def _combiner(op: Op) -> str:
    """tt.reduce and tt.scan, with the region that combines two elements of each operand."""
    elements = [element_of(operand.type) for operand in op.operands]
    rank, axis = len(_shape(op.operands[0])), op.integer("axis")
    if not 0 <= axis < rank:
        return f"op axis out of bounds for operand rank {rank}"
    block = op.regions[0].blocks[0]
    if len(block.arguments) != 2 * len(elements):
        given = f"but given block with {len(block.arguments)} arguments"
        return f"op nested block must take {2 * len(elements)} arguments, {given}"
    given = block.terminator.operands
    mismatch = _mismatch(_types(block.arguments), elements * 2)
    if not mismatch and len(given) != len(elements):
        return f"op expected combine operation to return {len(elements)} values but got {len(given)}"
    mismatch = mismatch or _mismatch(_types(given), elements)
    return f"op type mismatch on combine operation. Expected argument {mismatch}" if mismatch else ""


def _mismatch(found: Sequence[Type], expected: Sequence[Type]) -> str:
    pairs = enumerate(zip(found, expected, strict=True))
    wrong = next(((i, right, found) for i, (found, right) in pairs if found is not right), None)
    return f"{wrong[0]} to have type '{wrong[1]}' but got '{wrong[2]}'" if wrong is not None else ""


def _map_elementwise(op: Op) -> str:
    pack = op.integer("pack")
    if pack & (pack - 1) or not op.operands:
        return "op Pack must be a power of 2" if op.operands else "op MapElementwiseOp must have at least 1 operand"
    if len(op.regions[0].blocks[0].arguments) != len(op.operands) * pack:
        return "op region has wrong number of arguments"
    return ""


def _map_elementwise_return(op: Op) -> str:
    around = op.parent
    assert around is not None
    expected = [element_of(result.type) for result in around.results for _ in range(around.integer("pack"))]
    return "" if _types(op.operands) == expected else "region return does not match map_elementwise result"


def _store(op: Op) -> str:
    around = op.parent
    while around is not None and around.name != "tt.map_elementwise":
        around = around.parent
    return "op Stores are not supported inside map_elementwise" if around is not None else ""


_INNER = (
    "op expected the last dimension of the first operand to be equal to the second-to-last dimension of the second "
    "operand"
)
_OUTER = (
    "op expected the output shape to be the concatenation of the last dimension of the first operand and the last "
    "dimension of the second "
)
_E2M1 = 4


def _dot(op: Op) -> str:
    a, b, _ = op.operands
    if element_of(a.type).width != element_of(b.type).width:
        return "element types of operands A and B must have same bit width"
    return "" if _shape(a)[-1] == _shape(b)[-2] else _INNER


def _dot_scaled(op: Op) -> str:
    a, b, c = op.operands[:3]
    (rows, left), (right, columns) = _shape(a)[-2:], _shape(b)[-2:]
    if op.integer("a_elem_type") == _E2M1:
        rows, left = (rows, left * 2) if op.attributes["lhs_k_pack"] else (rows * 2, left)
    if op.integer("b_elem_type") == _E2M1:
        right, columns = (right * 2, columns) if op.attributes["rhs_k_pack"] else (right, columns * 2)
    if left != right:
        return _INNER
    return "" if _shape(c)[-2:] == (rows, columns) else _OUTER


def _gather(op: Op) -> str:
    source, indices = op.operands
    axis = op.integer("axis")
    if len(_shape(source)) != len(_shape(indices)):
        return "op input and indices ranks must match"
    if axis >= len(_shape(source)):
        return "op gather dimension must be less than the input rank"
    pairs = enumerate(zip(_shape(source), _shape(indices), strict=True))
    wrong = next((i for i, (size, other) in pairs if i != axis and size != other), None)
    return f"op indices dimension {wrong} must match the corresponding input dimension" if wrong is not None else ""


def _gather_rows(op: Op) -> str:
    """tt.descriptor_gather and tt.descriptor_scatter: (descriptor, rows, column[, stored])."""
    descriptor, rows = op.operands[0].type, op.operands[1].type
    block = TensorType(descriptor.shape, descriptor.element)
    tensor: TensorType = op.results[0].type if op.results else op.operands[3].type
    if len(block.shape) != 2:
        return f"op descriptor block must be a 2D tensor, but got '{block}'"
    if block.shape[0] != 1:
        return f"op descriptor block must have exactly 1 row, but got '{block}'"
    if len(rows.shape) != 1:
        return f"op x offsets must be a 1D tensor, but got '{rows}'"
    if len(tensor.shape) != 2:
        return f"op result must be a 2D tensor, but got '{tensor}'"
    return _gathered_tile(tensor, block, rows)


def _gathered_tile(tensor: TensorType, block: TensorType, rows: TensorType) -> str:
    least = 32 // element_of(tensor).width * 8
    if tensor.shape[0] < 8:
        return f"op must have at least 8 rows, but got {tensor.shape[0]}"
    if tensor.shape[1] < least:
        return f"op must have at least {least} columns for '{tensor.element}', but got {tensor.shape[1]}"
    if tensor.shape[0] != rows.shape[0]:
        return f"op result tensor must have as many rows as indices ({rows.shape[0]}), but got '{tensor}'"
    if tensor.shape[1] != block.shape[1]:
        return f"op result tensor number of columns must match block ({block.shape[1]}), but got '{tensor}'"
    if tensor.element is not block.element:
        return f"op result tensor element type must match block ('{block.element}'), but got '{tensor}'"
    return ""


def _fp_to_fp(op: Op) -> str:
    before, after = element_of(op.operands[0].type), element_of(op.results[0].type)
    narrows = before.width > after.width and "rounding" not in op.attributes
    return "Rounding mode is required for FP downcast" if narrows else ""


def _bitcast(op: Op) -> str:
    before, after = element_of(op.operands[0].type), element_of(op.results[0].type)
    if isinstance(before, PointerType) or isinstance(after, PointerType):
        both = isinstance(before, PointerType) and isinstance(after, PointerType)
        return "" if both else "Cannot bitcast pointer to non-pointer type"
    if before.width != after.width:
        return f"Cannot bitcast data-type of size {before.width} to data-type of size {after.width}"
    return ""


def _broadcast(op: Op) -> str:
    source, result = _shape(op.operands[0]), _shape(op.results[0])
    if len(source) != len(result):
        return "rank of source must be same as rank of result"
    pairs = enumerate(zip(source, result, strict=True))
    wrong = next((i for i, (size, wanted) in pairs if size not in (1, wanted)), None)
    if wrong is None:
        return ""
    return (
        f"Different dimensions at index {wrong} between source and result.  "
        "Broadcast requires the source dimension to be 1."
    )


def _reshape(op: Op) -> str:
    before, after = (_volume(_shape(value)) for value in (op.operands[0], op.results[0]))
    return "" if before == after else "number of src and dst elements of reshape must be the same"


def _volume(shape: Sequence[int]) -> int:
    volume = 1
    for size in shape:
        volume *= size
    return volume


def _make_range(op: Op) -> str:
    start, end = op.integer("start"), op.integer("end")
    if start >= end:
        return "op start must be less than end"
    size = _shape(op.results[0])[0]
    if end - start == size:
        return ""
    return (
        f"op number of elements in returned tensor, {size}, must match size of range [{start}, {end}), "
        f"which has {end - start} elements"
    )


def _return(op: Op) -> str:
    function = op.parent
    assert function is not None
    expected = function.attributes["function_type"].outputs
    name = function.attributes["sym_name"]
    if len(op.operands) != len(expected):
        return f"op has {len(op.operands)} operands, but enclosing function (@{name}) returns {len(expected)}"
    for i, (operand, type_) in enumerate(zip(op.operands, expected, strict=True)):
        if operand.type is not type_:
            found = f"type of return operand {i} ('{operand.type}')"
            return f"{found} doesn't match function result type ('{type_}') in function @{name}"
    return ""


def _inline_asm(op: Op) -> str:
    pack = op.integer("packed_element")
    elements = _volume(_shape(op.operands[0])) if op.operands and _shape(op.operands[0]) else 0
    if elements % pack == 0:
        return ""
    return f"number of input elements {elements} must be a multiple of the op's packed_element attribute, {pack}"


_SAME = (
    "arith.addi arith.subi arith.muli arith.divsi arith.divui arith.remsi arith.remui arith.shli arith.shrui "
    "arith.shrsi arith.andi arith.ori arith.xori arith.minsi arith.minui arith.maxsi arith.maxui arith.addf arith.subf "
    "arith.mulf arith.divf arith.remf arith.minimumf arith.minnumf arith.maximumf arith.maxnumf math.fma tt.mulhiui "
    "tt.precise_divf tt.approx_divf tt.clampf"
)
CHECKS: dict[str, Check] = {
    **dict.fromkeys(_SAME.split(), _same_types),
    **dict.fromkeys(("arith.cmpi", "arith.cmpf"), _comparison),
    **dict.fromkeys(("tt.reduce", "tt.scan"), _combiner),
    **dict.fromkeys(("tt.descriptor_gather", "tt.descriptor_scatter"), _gather_rows),
    "tt.map_elementwise": _map_elementwise,
    "tt.map_elementwise.return": _map_elementwise_return,
    "tt.store": _store,
    "tt.dot": _dot,
    "tt.dot_scaled": _dot_scaled,
    "tt.gather": _gather,
    "tt.fp_to_fp": _fp_to_fp,
    "tt.bitcast": _bitcast,
    "tt.broadcast": _broadcast,
    "tt.reshape": _reshape,
    "tt.make_range": _make_range,
    "tt.return": _return,
    "tt.elementwise_inline_asm": _inline_asm,
}
