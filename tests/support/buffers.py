"""Threadgroup buffers in lowered IR, built op by op."""

from __future__ import annotations

from triton_alloy.ir.core import Block, Builder, Op, Region, Value
from triton_alloy.ir.types import F32, I32, RegisterType, SharedType, Type


def kernel(block: Block) -> Op:
    return Op("msl.kernel", [], [], {"simdgroups": 4}, [Region([block])])


def alloc(builder: Builder, count: int, element: Type = F32) -> Value:
    return builder.value("msl.shared_alloc", [], SharedType(count, element))


def store(builder: Builder, buffer: Value) -> Op:
    index = builder.constant(0, I32)
    value = builder.value("test.value", [], RegisterType(1, buffer.type.element))
    return builder.build("msl.shared_store", [buffer, index, value])


def load(builder: Builder, buffer: Value) -> Value:
    index = builder.constant(0, I32)
    return builder.value("msl.shared_load", [buffer, index], RegisterType(1, buffer.type.element))
