"""Block pointers become pointers: a block pointer is its base, sizes, strides and offsets. Triton up to 3.7 has them.

Only along the dimensions that an access names in `boundaryCheck` is it kept within the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...ir.core import Builder, Op, Value
from ...ir.types import I32, I64, Attribute, FloatType, PointerType, TensorType, Type
from .block_addresses import BlockAddresses, positions
from .expand_values import Expansion

_PAD_NAN = 2
_OF_BLOCKS = ("boundaryCheck", "padding", "operandSegmentSizes")


def run(module: Op) -> None:
    Expansion(_part_types, _RULES).run(module)


def _part_types(type_: Type) -> Sequence[tuple[str, Type]] | None:
    if not isinstance(type_, PointerType) or not isinstance(type_.pointee, TensorType):
        return None
    rank = range(len(type_.pointee.shape))
    return [
        ("", PointerType(type_.pointee.element, type_.space)),
        *((f"shape.{i}", I64) for i in rank),
        *((f"stride.{i}", I64) for i in rank),
        *((f"offset.{i}", I32) for i in rank),
    ]


def _unpack(expansion: Expansion, pointer: Value) -> tuple[BlockAddresses, list[Value]]:
    """The tensor's addresses, and the block's offsets."""
    base, *rest = expansion.parts[pointer]
    rank = len(rest) // 3
    return BlockAddresses(base, rest[:rank], rest[rank : 2 * rank]), rest[2 * rank :]


def _make(op: Op, expansion: Expansion) -> None:
    expansion.parts[op.result] = list(op.operands)


def _advance(op: Op, expansion: Expansion) -> None:
    pointer, *steps = op.operands
    parts = expansion.parts[pointer]
    builder = Builder.before_op(op)
    first = len(parts) - len(steps)
    moved = [builder.value("arith.addi", pair, I32) for pair in zip(parts[first:], steps, strict=True)]
    expansion.parts[op.result] = [*parts[:first], *moved]


def _access(op: Op, expansion: Expansion, builder: Builder) -> tuple[Value, Value | None]:
    """The pointers, and the mask where there is one."""
    tensor, offsets = _unpack(expansion, op.operands[0])
    shape = op.operands[0].type.pointee.shape
    places = positions(offsets, shape, builder)
    checked = op.attributes.get("boundaryCheck") or ()
    mask = tensor.mask(places, shape, builder, checked) if checked else None
    return tensor.pointers(places, shape, builder), mask


def _kept(op: Op) -> dict[str, Attribute]:
    return {name: value for name, value in op.attributes.items() if name not in _OF_BLOCKS}


def _load(op: Op, expansion: Expansion) -> None:
    builder = Builder.before_op(op)
    pointers, mask = _access(op, expansion, builder)
    operands = [pointers] if mask is None else [pointers, mask]
    type_ = op.result.type
    if mask is not None and "padding" in op.attributes:
        is_nan = op.integer("padding") == _PAD_NAN
        zero = 0.0 if isinstance(type_.element, FloatType) else 0
        operands.append(builder.constant(math.nan if is_nan else zero, type_))
    sizes = (1, int(mask is not None), max(len(operands) - 2, 0))
    loaded = builder.value("tt.load", operands, type_, {**_kept(op), "operandSegmentSizes": sizes})
    loaded.location = op.result.location
    op.result.replace_by(loaded)


def _store(op: Op, expansion: Expansion) -> None:
    builder = Builder.before_op(op)
    pointers, mask = _access(op, expansion, builder)
    builder.build("tt.store", [pointers, op.operands[1], *([mask] if mask is not None else [])], [], _kept(op))


_RULES = {
    "tt.make_tensor_ptr": _make,
    "tt.advance": _advance,
    "tt.load": _load,
    "tt.store": _store,
}
