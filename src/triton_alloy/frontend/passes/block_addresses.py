"""Addresses and masks of a block of a tensor in memory, from its position along each dimension."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ...dialects.arith import SGE, SLT
from ...ir.core import Builder, Value
from ...ir.types import I1, I32, I64, Attribute, IntegerAttribute, TensorType, TextAttribute

_SLT, _SGE = IntegerAttribute(SLT, I64), IntegerAttribute(SGE, I64)
_WRAPS: dict[str, Attribute] = {"overflowFlags": TextAttribute("#arith.overflow<none>")}


def widen(value: Value, builder: Builder) -> Value:
    """An i32 as an i64."""
    return value if value.type is I64 else builder.value("arith.extsi", [value], I64)


def positions(offsets: Sequence[Value], shape: Sequence[int], builder: Builder) -> list[Value]:
    """For each dimension the positions of a block at `offsets`: an i64 tensor with size 1 in all other dimensions."""
    return [_along(widen(offset, builder), shape, axis, builder) for axis, offset in enumerate(offsets)]


def positions_from(rows: Value, column: Value, shape: Sequence[int], builder: Builder) -> list[Value]:
    """The same for rows anywhere, an i32 tensor, and columns from `column` on."""
    spread = _stand(rows, shape, 0, builder)
    wide = builder.value("arith.extsi", [spread], spread.type.with_element(I64))
    return [wide, _along(widen(column, builder), shape, 1, builder)]


def _along(offset: Value, shape: Sequence[int], axis: int, builder: Builder) -> Value:
    size = shape[axis]
    row = TensorType([size], I64)
    start = builder.value("tt.splat", [offset], row)
    bounds: dict[str, Attribute] = {"end": IntegerAttribute(size, I32), "start": IntegerAttribute(0, I32)}
    steps = builder.value("tt.make_range", [], TensorType([size], I32), bounds)
    total = builder.value("arith.addi", [start, builder.value("arith.extsi", [steps], row)], row, dict(_WRAPS))
    return _stand(total, shape, axis, builder)


def _stand(row: Value, shape: Sequence[int], axis: int, builder: Builder) -> Value:
    """A vector along one dimension of many."""
    sizes = [row.type.shape[0] if i == axis else 1 for i in range(len(shape))]
    return row if len(sizes) == 1 else builder.value("tt.reshape", [row], TensorType(sizes, row.type.element))


@dataclass(frozen=True)
class BlockAddresses:
    """A tensor in memory: `base`, and for each dimension its size and its stride in elements, i64."""

    base: Value
    sizes: Sequence[Value]
    strides: Sequence[Value]

    def pointers(self, places: Sequence[Value], shape: Sequence[int], builder: Builder) -> Value:
        """The addresses of the elements at `places`, spread to `shape`."""
        type_ = TensorType(shape, self.base.type)
        pointer = builder.value("tt.splat", [self.base], type_)
        for place, stride in zip(places, self.strides, strict=True):
            steps = builder.value("tt.splat", [stride], place.type)
            offset = builder.value("arith.muli", [place, steps], place.type, dict(_WRAPS))
            spread = _spread(offset, shape, builder)
            pointer = builder.value("tt.addptr", [pointer, spread], type_)
        return pointer

    def mask(
        self, places: Sequence[Value], shape: Sequence[int], builder: Builder, axes: Collection[int] | None = None
    ) -> Value:
        """Which of the places are in the tensor, along `axes` or all."""
        parts = []
        for axis, (place, size) in enumerate(zip(places, self.sizes, strict=True)):
            if axes is None or axis in axes:
                parts.append(_spread(_is_inside(place, size, builder), shape, builder))
        mask = parts[0]
        for part in parts[1:]:
            mask = builder.value("arith.andi", [mask, part], mask.type)
        return mask


def _spread(value: Value, shape: Sequence[int], builder: Builder) -> Value:
    type_ = TensorType(shape, value.type.element)
    return value if value.type is type_ else builder.value("tt.broadcast", [value], type_)


def _is_inside(place: Value, size: Value, builder: Builder) -> Value:
    type_ = place.type.with_element(I1)
    first = builder.value("tt.splat", [builder.constant(0, I64)], place.type)
    above = builder.value("arith.cmpi", [place, first], type_, {"predicate": _SGE})
    end = builder.value("tt.splat", [size], place.type)
    below = builder.value("arith.cmpi", [place, end], type_, {"predicate": _SLT})
    return builder.value("arith.andi", [above, below], type_)
