"""What is wrong with a module, in native libtriton's words: both get the same wrong op and print the same problem."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from triton._C import libtriton as native

from triton_alloy.frontend import libtriton as ours

Wrong = Callable[[ModuleType, Any], None]


def tensor(b: Any, element: str, *shape: int) -> Any:
    """A value of this type, from nowhere."""
    return b.create_poison(b.get_block_ty(getattr(b, f"get_{element}_ty")(), list(shape)))


def combine(ir: ModuleType, b: Any, axis: int, arguments: str, given: int) -> None:
    """A reduction of f32 whose region takes and gives these."""
    reduction = b.create_reduce([tensor(b, "float", 4, 8)], axis)
    point = b.get_insertion_point()
    types = [getattr(b, f"get_{name}_ty")() for name in arguments.split()]
    block = b.create_block_with_parent(reduction.get_region(0), types)
    b.create_reduce_ret(*(block.arg(i) for i in range(given)))
    b.restore_insertion_point(point)


def map_elementwise(ir: ModuleType, b: Any, body: Wrong) -> None:
    mapped = b.create_map_elementwise([tensor(b, "float", 8)], [b.get_block_ty(b.get_float_ty(), [8])], 1)
    point = b.get_insertion_point()
    block = b.create_block_with_parent(mapped.get_region(0), [b.get_float_ty()])
    body(ir, b)
    b.create_map_elementwise_ret([b.get_int32(1)] if body is map_elementwise_nothing else [block.arg(0)])
    b.restore_insertion_point(point)


def map_elementwise_nothing(ir: ModuleType, b: Any) -> None:
    pass


def store(ir: ModuleType, b: Any) -> None:
    pointer = b.create_int_to_ptr(b.get_int64(0), b.get_ptr_ty(b.get_float_ty(), "global"))
    b.create_store(pointer, b.get_fp32(1.0), b.get_cache_policy("none", "evict_normal"))


def gather_rows(ir: ModuleType, b: Any, block: tuple[int, ...], rows: int, result: tuple[int, ...]) -> None:
    type_ = b.create_tensor_descriptor_type(b.get_block_ty(b.get_float_ty(), list(block)), True)
    descriptor, offsets = b.create_poison(type_), tensor(b, "int32", rows)
    b.create_descriptor_gather(descriptor, offsets, b.get_int32(0), b.get_block_ty(b.get_float_ty(), list(result)))


def scaled(ir: ModuleType, b: Any, left: tuple[int, int], right: tuple[int, int]) -> None:
    formats = ir.ScaleDotElemTypeTY
    operands = tensor(b, "int8", *left), None, formats.E4M3, tensor(b, "int8", *right), None, formats.E2M1
    b.create_dot_scaled(*operands, False, True, True, tensor(b, "float", 16, 16))


def cast(method: str, source: str, target: str, *more: Any) -> Wrong:
    def wrong(ir: ModuleType, b: Any) -> None:
        type_ = b.get_block_ty(getattr(b, f"get_{target}_ty")(), [8])
        getattr(b, method)(tensor(b, source, 8), type_, *more)

    return wrong


def dot(left: str, right: str, *shape: int) -> Wrong:
    def wrong(ir: ModuleType, b: Any) -> None:
        a, other = tensor(b, left, 16, 16), tensor(b, right, *shape)
        b.create_dot(a, other, tensor(b, "float", 16, 16), ir.INPUT_PRECISION.IEEE, 0)

    return wrong


WRONG: dict[str, Wrong] = {
    "operands differ": lambda ir, b: b.create_fadd(tensor(b, "float", 8), tensor(b, "half", 8)),
    "comparison": lambda ir, b: b.create_icmpEQ(tensor(b, "int32", 8), tensor(b, "int32", 4)),
    "axis": lambda ir, b: combine(ir, b, 2, "float float", 1),
    "combiner takes": lambda ir, b: combine(ir, b, 0, "float", 1),
    "combiner types": lambda ir, b: combine(ir, b, 0, "float int32", 1),
    "combiner gives": lambda ir, b: combine(ir, b, 0, "float float", 2),
    "map returns": lambda ir, b: map_elementwise(ir, b, map_elementwise_nothing),
    "map stores": lambda ir, b: map_elementwise(ir, b, store),
    "dot widths": dot("half", "int8", 16, 16),
    "dot depth": dot("half", "half", 32, 16),
    "scaled depth": lambda ir, b: scaled(ir, b, (16, 32), (32, 16)),
    "scaled result": lambda ir, b: scaled(ir, b, (32, 32), (16, 16)),
    "gather rank": lambda ir, b: b.create_gather(tensor(b, "float", 8), tensor(b, "int32", 8, 8), 0),
    "gather axis": lambda ir, b: b.create_gather(tensor(b, "float", 8), tensor(b, "int32", 8), 1),
    "gather shape": lambda ir, b: b.create_gather(tensor(b, "float", 8, 8), tensor(b, "int32", 8, 4), 0),
    "rows: block": lambda ir, b: gather_rows(ir, b, (2, 16), 16, (16, 16)),
    "rows: rank": lambda ir, b: gather_rows(ir, b, (16,), 16, (16, 16)),
    "rows: result": lambda ir, b: gather_rows(ir, b, (1, 16), 16, (16, 16, 1)),
    "rows: few": lambda ir, b: gather_rows(ir, b, (1, 16), 4, (4, 16)),
    "rows: narrow": lambda ir, b: gather_rows(ir, b, (1, 4), 16, (16, 4)),
    "rows: number": lambda ir, b: gather_rows(ir, b, (1, 16), 8, (16, 16)),
    "rows: columns": lambda ir, b: gather_rows(ir, b, (1, 32), 16, (16, 16)),
    "rounding": cast("create_fp_to_fp", "float", "fp8e5", None),
    "bitcast": cast("create_bitcast", "float", "int16"),
    "broadcast rank": lambda ir, b: b.create_broadcast(tensor(b, "float", 8), [8, 8]),
    "broadcast size": lambda ir, b: b.create_broadcast(tensor(b, "float", 2, 8), [4, 8]),
    "reshape": lambda ir, b: b.create_reshape(tensor(b, "float", 8), [2, 2], False),
    "range": lambda ir, b: b.create_make_range(b.get_block_ty(b.get_int32_ty(), [8]), 0, 4),
    "empty range": lambda ir, b: b.create_make_range(b.get_block_ty(b.get_int32_ty(), [8]), 4, 4),
    "return type": lambda ir, b: b.ret([b.get_fp32(1.0)]),
    "return count": lambda ir, b: b.ret([]),
    "asm pack": lambda ir, b: b.create_inline_asm(
        "", "", [tensor(b, "int8", 2)], [b.get_block_ty(b.get_int8_ty(), [2])], True, 4
    ),
}


def problem(ir: ModuleType, wrong: Wrong, capture: pytest.CaptureFixture[str]) -> str:
    """What the verifier prints of a function that returns an i32, but for a wrong op."""
    context = ir.context()
    ir.load_dialects(context)
    b = ir.builder(context)
    module = b.create_module()
    type_ = b.get_function_ty([], [b.get_int32_ty()])
    function = b.get_or_insert_function(module, "f", type_, "public", False)
    module.push_back(function)
    entry = function.add_entry_block()
    b.set_insertion_point_to_start(entry)
    b.set_loc(__file__, 4, 2)
    wrong(ir, b)
    if not entry.has_terminator():
        b.ret([b.get_int32(0)])
    assert not module.verify()
    return capture.readouterr().err


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_op(wrong: Wrong, capfd: pytest.CaptureFixture[str]):
    expected = problem(native.ir, wrong, capfd)
    found = problem(ours.ir, wrong, capfd)
    assert expected.strip(), "native libtriton finds nothing wrong"
    assert found == expected
