"""One function with every op that libtriton's builder makes, built by calling each of its methods.

`build(ir)` runs on native libtriton's `ir` and on ours, so that a test can compare what they give.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

BINARY_FLOAT = "fadd fmul fdiv frem fsub minimumf minnumf maximumf maxnumf precise_divf approx_divf"
BINARY_INTEGER = "mul umulhi sdiv udiv srem urem add sub shl lshr ashr minsi minui maxsi maxui and or xor"
UNARY_FLOAT = "exp exp2 cos sin log log2 erf sqrt rsqrt floor ceil fabs fneg precise_sqrt"
INTEGER_PREDICATES = "EQ NE SGE SGT SLE SLT UGE UGT ULE ULT"
FLOAT_PREDICATES = "OEQ OGE OGT OLE OLT ONE UEQ UGE UGT ULE ULT UNE"
FLOATS = (
    0.0,
    -0.0,
    1.0,
    0.1,
    3.14159274,
    1e10,
    8388608.0,
    1e-45,
    1e-6,
    1e30,
    123456.0,
    1234567.0,
    0.01,
    65504.0,
    1e5 + 0.5,
)
SPECIAL = (float("inf"), float("-inf"), float("nan"))


def build(ir: ModuleType) -> Any:
    """The module. Locations and names vary on the way."""
    context = ir.context()
    ir.load_dialects(context)
    b = ir.builder(context)
    module = b.create_module()
    module.context = context
    b.set_loc("kernel.py", 1, 2)
    function, a = start(ir, b, module)
    for part in (
        arithmetic,
        conversions,
        constants,
        memory,
        descriptors,
        shapes,
        atomics,
        dots,
        others,
        regions,
        names,
    ):
        b.set_loc("kernel.py", 10, 3)
        part(ir, b, a)
    loops(ir, b, a)
    branches(ir, b, a, module, function)
    return module


def members(enumeration: Any) -> list[Any]:
    """In an order that does not depend on that of their definitions."""
    return sorted(enumeration, key=lambda member: member.value)


def tensor(b: Any, element: Any, *shape: int) -> Any:
    return b.get_block_ty(element, list(shape))


def start(ir: ModuleType, b: Any, module: Any) -> tuple[Any, SimpleNamespace]:
    """A function with an argument of each kind; the second result has them by name."""
    i8, i32, i64, f16, f32 = b.get_int8_ty(), b.get_int32_ty(), b.get_int64_ty(), b.get_half_ty(), b.get_float_ty()
    types = {
        "i": i32,
        "l": i64,
        "f": f32,
        "p": b.get_ptr_ty(f32, "global"),
        "constant": b.get_ptr_ty(f32, "constant"),
        "p8": b.get_ptr_ty(i8, "global"),
        "p32": b.get_ptr_ty(i32, "global"),
        "ps": tensor(b, b.get_ptr_ty(f32, "global"), 16),
        "ti": tensor(b, i32, 16),
        "tf": tensor(b, f32, 16),
        "tb": tensor(b, b.get_int1_ty(), 16),
        "t48": tensor(b, f32, 4, 8),
        "t42": tensor(b, f32, 4, 2),
        "h1": tensor(b, f16, 16, 32),
        "h2": tensor(b, f16, 32, 16),
        "square": tensor(b, f32, 16, 16),
        "bytes1": tensor(b, i8, 16, 32),
        "bytes2": tensor(b, i8, 32, 16),
        "small": tensor(b, b.get_fp8e4nv_ty(), 16),
        "tiles": b.create_tensor_descriptor_type(tensor(b, f32, 16, 16), True),
        "rows": b.create_tensor_descriptor_type(tensor(b, f32, 1, 16), True),
        "unsigned": b.create_tensor_descriptor_type(tensor(b, i8, 16, 16), False),
        "signed": b.create_tensor_descriptor_type(tensor(b, b.get_int1_ty(), 16), True),
    }
    function_type = b.get_function_ty(list(types.values()), [f32])
    function = b.get_or_insert_function(module, "a kernel", function_type, "public", False)
    module.push_back(function)
    entry = function.add_entry_block()
    function.set_arg_attr(3, "tt.divisibility", 16)
    b.set_insertion_point_to_start(entry)
    arguments = {name: function.args(i) for i, name in enumerate(types)}
    for name in ("i", "f", "tf"):
        arguments[name].set_loc(b.create_name_loc(f"{name} arg\u00e9", arguments[name].get_loc()))
    return function, SimpleNamespace(**arguments, types=SimpleNamespace(**types), entry=entry)


def arithmetic(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    for name in BINARY_FLOAT.split():
        getattr(b, f"create_{name}")(a.tf, a.tf)
    for name in BINARY_INTEGER.split():
        getattr(b, f"create_{name}")(a.ti, a.ti)
    for name in UNARY_FLOAT.split():
        getattr(b, f"create_{name}")(a.tf)
    for predicate in INTEGER_PREDICATES.split():
        getattr(b, f"create_icmp{predicate}")(a.ti, a.ti)
    for predicate in FLOAT_PREDICATES.split():
        getattr(b, f"create_fcmp{predicate}")(a.f, a.f)
    b.create_iabs(a.ti)
    b.create_fma(a.tf, a.tf, a.tf)
    for how in members(ir.PROPAGATE_NAN):
        b.create_clampf(a.tf, a.tf, a.tf, how)
    b.create_addptr(a.ps, a.ti)
    pointer = b.create_addptr(a.p, a.l)
    pointer.set_attr("tt.divisibility", ir.make_attr([16], pointer.get_context()))
    pointer.set_attr("tt.contiguity", ir.make_attr([4, 8], pointer.get_context()))
    a.ti.set_attr("tt.constancy", ir.make_attr([4], pointer.get_context()))
    b.create_select(a.tb, a.tf, a.tf)
    b.create_select(b.get_int1(True), a.tf, a.tf)
    b.create_select(b.get_int1(False), a.f, a.f)


def conversions(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    i8, i32, i64, f16, f32 = b.get_int8_ty(), b.get_int32_ty(), b.get_int64_ty(), b.get_half_ty(), b.get_float_ty()
    b.create_si_to_fp(a.ti, tensor(b, f32, 16))
    b.create_ui_to_fp(a.ti, tensor(b, f32, 16))
    b.create_fp_to_si(a.tf, tensor(b, i32, 16))
    b.create_fp_to_ui(a.tf, tensor(b, i32, 16))
    b.create_fp_trunc(a.tf, tensor(b, f16, 16))
    b.create_fp_ext(a.h1, tensor(b, f32, 16, 32))
    b.create_bitcast(a.tf, tensor(b, i32, 16))
    b.create_ptr_to_int(a.p, i64)
    b.create_int_to_ptr(a.l, b.get_ptr_ty(f32, "global"))
    for target, signed in ((i64, True), (i64, False), (i8, True), (i32, True)):
        b.create_int_cast(a.i, target, signed)
    b.create_fp_to_fp(a.small, tensor(b, f32, 16), None)
    for rounding in members(ir.ROUNDING_MODE):
        b.create_fp_to_fp(a.tf, tensor(b, b.get_fp8e5_ty(), 16), rounding)


def constants(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    for width in (8, 16, 32, 64):
        getattr(b, f"get_int{width}")(200)
        getattr(b, f"get_uint{width}")(200)
    b.get_int32(-5)
    b.get_int64(-(1 << 63))
    b.get_uint64((1 << 64) - 1)
    for number in FLOATS + SPECIAL:
        for name in ("fp16", "bf16", "fp32", "fp64"):
            getattr(b, f"get_{name}")(number)
    for type_ in (b.get_int32_ty(), b.get_int8_ty(), b.get_float_ty(), b.get_bf16_ty(), b.get_fp8e5_ty()):
        b.get_null_value(type_)
    for type_ in (b.get_int32_ty(), b.get_int1_ty(), b.get_int64_ty()):
        b.get_all_ones_value(type_)


def memory(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    default, other = b.get_cache_policy("none", "evict_normal"), b.get_cache_policy("cg", "evict_last")
    b.create_load(a.ps, default, False)
    b.create_load(a.p, other, True)
    b.create_load(a.constant, default, False)
    b.create_masked_load(a.ps, a.tb, a.tf, other, False)
    b.create_masked_load(a.ps, a.tb, None, default, True)
    b.create_store(a.ps, a.tf, default)
    b.create_store(a.p, a.f, default)
    b.create_masked_store(a.ps, a.tf, a.tb, other)


def descriptors(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    default, other = b.get_cache_policy("none", "evict_normal"), b.get_cache_policy("cg", "evict_first")
    b.create_descriptor_load(a.tiles, [a.i, a.i], default)
    b.create_descriptor_load(a.unsigned, [a.i, a.i], other)
    b.create_descriptor_store(a.tiles, a.square, [a.i, a.i])
    b.create_descriptor_gather(a.rows, a.ti, a.i, a.types.square)
    b.create_descriptor_scatter(a.rows, a.square, a.ti, a.i)
    for kind in members(ir.DESCRIPTOR_REDUCE_KIND):
        b.create_descriptor_reduce(kind, a.tiles, a.square, [a.i, a.i])
    b.create_make_tensor_descriptor(a.p, [a.i, a.i], [a.l, a.l], [16, 16], True, ir.PADDING_OPTION.PAD_ZERO)
    b.create_make_tensor_descriptor(a.p, [a.i], [a.l], [16], False, ir.PADDING_OPTION.PAD_NAN)
    b.create_make_tensor_descriptor(a.p8, [a.i], [a.l], [16], False, ir.PADDING_OPTION.PAD_ZERO)


def shapes(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    f32, i32 = b.get_float_ty(), b.get_int32_ty()
    b.create_reshape(a.t48, [8, 4], False)
    b.create_reshape(a.t48, [32], True)
    b.create_expand_dims(a.tf, 0)
    b.create_cat(a.tf, a.tf)
    b.create_join(a.tf, a.tf)
    b.create_split(a.t42)
    b.create_trans(a.t48, [1, 0])
    b.create_broadcast(b.create_expand_dims(a.tf, 1), [16, 4])
    b.create_broadcast(a.t48, [4, 8])
    b.create_broadcast(b.create_splat(tensor(b, i32, 1, 8), b.get_int32(7)), [4, 8])
    b.create_splat(tensor(b, f32, 16), a.f)
    b.create_splat(tensor(b, f32, 8), b.get_fp32(1.5))
    b.create_splat(tensor(b, b.get_int1_ty(), 8), b.get_int1(True))
    b.create_splat(tensor(b, i32, 8), b.create_poison(i32))
    b.create_unsplat(b.create_splat(tensor(b, f32, 1), a.f))
    b.create_unsplat(b.create_splat(tensor(b, f32, 1), b.get_fp32(2.0)))
    b.create_make_range(a.types.ti, 0, 16)
    b.create_gather(a.tf, a.ti, 0)
    b.create_histogram(a.ti, 8, None)
    b.create_histogram(a.ti, 8, a.tb)


def atomics(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    order, scope = ir.MEM_SEMANTIC, ir.MEM_SYNC_SCOPE
    for kind in members(ir.ATOMIC_OP):
        b.create_atomic_rmw(kind, a.ps, a.tf, a.tb, order.ACQUIRE_RELEASE, scope.GPU)
    b.create_atomic_cas(a.ps, a.tf, a.tf, order.RELAXED, scope.CTA)
    b.create_atomic_load(a.ps, a.tb, order.ACQUIRE, scope.SYSTEM)
    b.create_atomic_store(a.ps, a.tf, a.tb, order.RELEASE, scope.GPU)
    b.create_atomic_poll(a.p32, a.i, a.l, order.ACQUIRE, scope.GPU)
    b.create_atomic_poll(a.p32, a.i, ir.value(), order.ACQUIRE, scope.GPU)


def dots(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    i8, formats = b.get_int8_ty(), ir.ScaleDotElemTypeTY
    for precision in members(ir.INPUT_PRECISION):
        b.create_dot(a.h1, a.h2, a.square, precision, 0)
    b.create_dot(a.h1, a.h2, a.square, ir.INPUT_PRECISION.TF32, 5)
    scale = b.create_splat(tensor(b, i8, 16, 1), b.get_int8(1))
    half = b.create_splat(tensor(b, i8, 8, 32), b.get_int8(1))
    rows = (
        (a.bytes1, scale, formats.E4M3, None, formats.E5M2, True),
        (a.bytes1, None, formats.E3M2, scale, formats.BF16, True),
    )
    rows += (
        (a.bytes1, scale, formats.E2M3, scale, formats.FP16, True),
        (half, None, formats.E2M1, None, formats.E4M3, False),
    )
    for left, left_scale, left_format, right_scale, right_format, packs in rows:
        b.create_dot_scaled(
            left, left_scale, left_format, a.bytes2, right_scale, right_format, packs, packs, True, a.square
        )


def others(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    f32, i32 = b.get_float_ty(), b.get_int32_ty()
    b.create_extern_elementwise("libdevice", "", "__nv_f", [a.tf, a.tf], a.types.tf, True)
    b.create_extern_elementwise("", "/p", "g", [a.f], f32, False)
    b.create_inline_asm('a\tb\n"q"\\', "=r,r", [a.tf], [a.types.tf], True, 2)
    b.create_inline_asm("two", "=r,=r,r", [a.tf], [a.types.tf, a.types.ti], False, 1)
    b.create_get_program_id(0)
    b.create_get_program_id(2)
    b.create_get_num_programs(1)
    b.create_print(" x: \u00e9", False, [a.tf, a.ti], [0, 1])
    b.create_print("none", True, [], [])
    b.create_assert(a.tb, 'msg "x"')
    b.create_assume(b.get_int1(True))
    b.create_poison(i32)
    b.create_barrier()
    b.create_grid_dependency_wait()
    b.create_grid_dependency_launch_dependents()


def regions(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    f32, i32 = b.get_float_ty(), b.get_int32_ty()

    def fill(op: Any, types: list[Any], finish: Any) -> None:
        point = b.get_insertion_point()
        block = b.create_block_with_parent(op.get_region(0), types)
        finish(*(block.arg(i) for i in range(len(types))))
        b.restore_insertion_point(point)

    fill(b.create_reduce([a.tf, a.ti], 0), [f32, i32] * 2, lambda x, i, y, j: b.create_reduce_ret(x, j))
    fill(b.create_reduce([a.t48], 1), [f32] * 2, lambda x, y: b.create_reduce_ret(b.create_fadd(x, y)))
    fill(b.create_scan([a.t48], 1, True), [f32] * 2, lambda x, y: b.create_scan_ret(b.create_fadd(x, y)))
    mapped = b.create_map_elementwise([a.tf, a.ti], [a.types.tf, a.types.ti], 1)
    fill(mapped, [f32, i32], lambda x, i: b.create_map_elementwise_ret([x, i]))


def names(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    """Values that carry names, former names, and names of no place."""
    b.set_loc(b.create_name_loc("x", b.create_name_loc("y", b.create_loc("kernel.py", 20, 4))))
    b.create_add(a.i, a.i)
    b.create_add(a.i, a.i)
    b.create_split(a.t42)
    constant = b.get_int32(9)
    constant.set_loc(b.create_name_loc("1 named constant", constant.get_loc()))
    halves = b.create_split(a.t42)
    for half, name in zip(halves, "pq", strict=True):
        half.set_loc(b.create_name_loc(name, half.get_loc()))
    b.set_loc("only")
    b.create_fadd(a.f, a.f)


def loops(ir: ModuleType, b: Any, a: SimpleNamespace) -> None:
    b.set_loc(b.create_loc("kernel.py", 30, 4))
    point = b.get_insertion_point()
    loop = b.create_for_op(a.i, a.i, a.i, [a.f, a.tf])
    loop.set_attr("tt.num_stages", b.get_int32_attr(3))
    loop.set_attr("tt.flatten", b.get_unit_attr())
    loop.set_attr("tt.text", b.get_string_attr("s"))
    loop.set_attr("tt.flag", b.get_bool_attr(True))
    loop.set_attr("llvm.loop_annotation", b.get_disable_loop_licm_attr())
    body = loop.get_body(0)
    b.set_insertion_point_to_start(body)
    b.create_yield_op([body.arg(1), body.arg(2)])
    b.restore_insertion_point(point)
    loop = b.create_for_op(a.l, a.l, a.l, [])
    loop.get_induction_var().set_loc(b.create_name_loc("counter", loop.get_induction_var().get_loc()))
    b.set_insertion_point_to_start(loop.get_body(0))
    b.create_add(loop.get_induction_var(), a.l)
    b.restore_insertion_point(point)
    loop = b.create_while_op([b.get_int32_ty(), b.get_float_ty()], [a.i, a.f])
    loop.set_attr("tt.mark", b.get_int32_attr(1))
    before = b.create_block_with_parent(loop.get_before(), [b.get_int32_ty(), b.get_float_ty()])
    b.create_condition_op(b.create_icmpSLT(before.arg(0), a.i), [before.arg(0), before.arg(1)])
    after = b.create_block_with_parent(loop.get_after(), [b.get_int32_ty(), b.get_float_ty()])
    b.create_yield_op([after.arg(0), after.arg(1)])
    b.restore_insertion_point(point)
    loop = b.create_while_op([], [])
    b.create_block_with_parent(loop.get_before(), [])
    b.create_condition_op(b.get_int1(True), [])
    b.create_block_with_parent(loop.get_after(), [])
    b.create_yield_op([])
    b.restore_insertion_point(point)


def branches(ir: ModuleType, b: Any, a: SimpleNamespace, module: Any, function: Any) -> None:
    """scf.if, calls, and blocks; the function ends here."""
    point = b.get_insertion_point()
    branch = b.create_if_op([b.get_float_ty()], b.get_int1(True), True)
    b.set_insertion_point_to_start(branch.get_then_block())
    b.create_yield_op([a.f])
    b.set_insertion_point_to_start(branch.get_else_block())
    b.create_yield_op([b.create_fadd(a.f, a.f)])
    b.restore_insertion_point(point)
    b.create_if_op([], b.get_int1(True), False)
    b.create_if_op([], b.get_int1(True), True)
    called = callees(ir, b, module)
    b.call(called[0], [])
    b.call(called[1], [a.i])
    last, middle = b.create_block(), b.create_block()
    last.add_argument(b.get_int32_ty())
    b.set_insertion_point_to_end(a.entry)
    b.create_cond_branch(b.get_int1(True), middle, middle)
    b.set_insertion_point_to_end(middle)
    b.create_branch(last, [a.i])
    b.set_insertion_point_to_end(last)
    b.create_add(last.arg(0), a.i)
    b.ret([a.f])


def callees(ir: ModuleType, b: Any, module: Any) -> list[Any]:
    i32, f32 = b.get_int32_ty(), b.get_float_ty()
    made = []
    for name, inputs, outputs in (("nothing", [], []), ("two.results_1", [i32], [i32, f32])):
        own = ir.builder(module.context)  # without an insertion point
        function = own.get_or_insert_function(module, name, b.get_function_ty(inputs, outputs), "private", bool(inputs))
        module.push_back(function)
        entry = function.add_entry_block()
        own.set_insertion_point_to_start(entry)
        own.ret([entry.arg(0), own.get_fp32(1.0)] if outputs else [])
        made.append(function)
    return made
