"""`triton._C.libtriton.ir`: modules are built here, on our IR. Names are libtriton's."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from ...ir.types import I32, Attribute, DenseAttribute, FunctionType, TensorType, Type
from .builder import builder
from .enums import (
    ATOMIC_OP,
    CACHE_MODIFIER,
    DESCRIPTOR_REDUCE_KIND,
    EVICTION_POLICY,
    INPUT_PRECISION,
    MEM_SEMANTIC,
    MEM_SYNC_SCOPE,
    PADDING_OPTION,
    PROPAGATE_NAN,
    ROUNDING_MODE,
    ScaleDotElemTypeTY,
)
from .handles import (
    ConditionOp,
    ForOp,
    IfOp,
    InsertPoint,
    OpState,
    WhileOp,
    YieldOp,
    attribute,
    block,
    block_argument,
    context,
    function,
    location,
    module,
    op_result,
    operation,
    region,
    value,
)
from .pass_manager import pass_manager

type = Type
function_type = FunctionType

__all__ = [
    "ATOMIC_OP",
    "CACHE_MODIFIER",
    "DESCRIPTOR_REDUCE_KIND",
    "EVICTION_POLICY",
    "INPUT_PRECISION",
    "MEM_SEMANTIC",
    "MEM_SYNC_SCOPE",
    "PADDING_OPTION",
    "PROPAGATE_NAN",
    "ROUNDING_MODE",
    "ConditionOp",
    "ForOp",
    "IfOp",
    "InsertPoint",
    "OpState",
    "ScaleDotElemTypeTY",
    "WhileOp",
    "YieldOp",
    "attribute",
    "block",
    "block_argument",
    "builder",
    "context",
    "deduce_scale_factor",
    "function",
    "function_type",
    "load_dialects",
    "location",
    "make_attr",
    "module",
    "op_result",
    "operation",
    "parse_mlir_module",
    "pass_manager",
    "region",
    "type",
    "value",
]

for _enum in (PADDING_OPTION, CACHE_MODIFIER, MEM_SEMANTIC, MEM_SYNC_SCOPE, EVICTION_POLICY, INPUT_PRECISION):
    globals().update(_enum.__members__)
globals().update(ScaleDotElemTypeTY.__members__)


def load_dialects(context: context) -> None:
    """The dialects are tables, which are there from the start."""


def make_attr(numbers: Sequence[int], context: context) -> Attribute:
    """`dense<[16, 8]> : tensor<2xi32>`."""
    values = tuple(index(number) for number in numbers)
    return DenseAttribute(values[:1] if len(set(values)) == 1 else values, TensorType([len(values)], I32))


def parse_mlir_module(path: str, context: context) -> module:
    """The module in a file of MLIR text, generic or pretty. Raises RuntimeError if it is none."""
    from .reading import read_module

    return read_module(path)


def deduce_scale_factor(
    lhs: Sequence[int],
    lhsScale: Sequence[int] | None,
    lhsFormat: ScaleDotElemTypeTY,
    lhsKPack: bool,
    rhs: Sequence[int],
    rhsScale: Sequence[int] | None,
    rhsFormat: ScaleDotElemTypeTY,
    rhsKPack: bool,
) -> int:
    """How many elements of K share a scale, from the shapes of a scaled dot: 16 or 32. Raises RuntimeError."""
    left = _elements_per_scale(lhs[-1], lhsScale, lhsFormat, lhsKPack)
    right = _elements_per_scale(rhs[-2], rhsScale, rhsFormat, rhsKPack)
    if left and right and left != right:
        raise RuntimeError(f"Operands must have the same scale factor; (lhs: {left} vs rhs: {right})")
    return left or right or 32


def _elements_per_scale(depth: int, scale: Sequence[int] | None, format: ScaleDotElemTypeTY, is_packed: bool) -> int:
    """0 where there is no scale or a single one. Two E2M1 numbers may be packed in a byte."""
    if scale is None or all(size == 1 for size in scale):
        return 0
    depth = depth * 2 if format is ScaleDotElemTypeTY.E2M1 and is_packed else depth
    factor = depth // scale[-1]
    if factor not in (16, 32):
        raise RuntimeError(f"scale factor must be 16 or 32. Got {factor}")
    return factor
