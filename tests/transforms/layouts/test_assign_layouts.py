"""Layout assignment: every element is where its op needs it (checked place by place), and conversions are few."""

from itertools import product

import pytest

triton = pytest.importorskip("triton")
tl = pytest.importorskip("triton.language")

from tests.support.filecheck import check  # noqa: E402
from triton_alloy.compiler import compile_module  # noqa: E402
from triton_alloy.conversion import classify  # noqa: E402
from triton_alloy.errors import Unsupported  # noqa: E402
from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add  # noqa: E402
from triton_alloy.frontend import native  # noqa: E402
from triton_alloy.ir.printer import print_ir  # noqa: E402
from triton_alloy.ir.types import TensorType  # noqa: E402
from triton_alloy.ir.verifier import verify  # noqa: E402
from triton_alloy.layout import tiled  # noqa: E402
from triton_alloy.target import target_for  # noqa: E402
from triton_alloy.transforms.layouts import assign_layouts  # noqa: E402
from triton_alloy.transforms.layouts.axis import AxisAnalysis  # noqa: E402

TARGETS = ("cpu", "apple9")


def build(kernel, element="fp32", divisible=True, **constants):
    """The optimised module of a kernel. Arguments that end in _ptr are pointers, eps and scale floats, others i32."""
    from triton._C.libtriton import ir
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from triton_alloy.integrations.triton.compiler import MetalBackend

    def type_of(name):
        if name in constants:
            return "constexpr"
        return f"*{element}" if name.endswith("_ptr") else "fp32" if name in ("eps", "scale") else "i32"

    names = kernel.arg_names
    runtime = [i for i, name in enumerate(names) if name not in constants]
    attributes = {(i,): [["tt.divisibility", 16]] for i in runtime if divisible or names[i].endswith("_ptr")}
    source = ASTSource(
        kernel,
        {name: type_of(name) for name in names},
        {(names.index(name),): value for name, value in constants.items()},
        attributes,
    )
    target = GPUTarget("metal", "apple9", 32)
    backend = MetalBackend(target)
    options = backend.parse_options({})
    context = ir.context()
    ir.load_dialects(context)
    functions = backend.get_codegen_implementation(options)
    module = source.make_ir(target, options, functions, backend.get_module_map(), context)
    native.optimise(module)
    return native.import_module(module)


def assign(module, arch, simdgroups=4):
    """Assign layouts; check the result; return its ops."""
    target = target_for(arch)
    simdgroups = min(simdgroups, target.max_simdgroups)
    assign_layouts.run(module, target, simdgroups)
    verify(module)
    ops = list(module.walk())
    for op in ops:
        for value in (*op.operands, *op.results):
            assert not isinstance(value.type, TensorType) or value.type.layout is not None
        check_places(op)
    return ops


def conversions(ops):
    return [op for op in ops if op.name == "ttg.convert_layout"]


def moving(ops):
    """The conversions that are more than an order of registers."""
    return [op for op in conversions(ops) if not is_renaming(op)]


def is_renaming(op):
    return classify(op.operands[0].type.layout, op.result.type.layout).kind == "registers"


def named(ops, name):
    return [op for op in ops if op.name == name]


# ----------------------------------------------------------------------------------------------------------- the oracle
def flat(point, shape):
    index = 0
    for x, n in zip(point, shape, strict=True):
        index = index * n + x
    return index


def permuted(op, point):
    source = [0] * len(point)
    for position, axis in enumerate(op.attributes["order"]):
        source[axis] = point[position]
    return tuple(source)


def unflatten(index, shape):
    point = []
    for n in reversed(shape):
        point.append(index % n)
        index //= n
    return tuple(reversed(point))


# Which element of each operand an op needs for the element of its (first) result at `point`.
SOURCES = {
    "tt.expand_dims": lambda op, p: p[: op.integer("axis")] + p[op.integer("axis") + 1 :],
    "tt.broadcast": lambda op, p: tuple(x % n for x, n in zip(p, op.operands[0].type.shape, strict=True)),
    "tt.reshape": lambda op, p: unflatten(flat(p, op.result.type.shape), op.operands[0].type.shape),
    "tt.trans": permuted,
    "tt.join": lambda op, p: p[:-1],
    "tt.cat": lambda op, p: (p[0] % op.operands[0].type.shape[0], *p[1:]),
    "tt.split": lambda op, p: (*p, 0),
}
ELSEWHERE = ("ttg.convert_layout", "tt.dot", "tt.reduce", "tt.gather", "tt.histogram", "scf.for", "scf.if", "scf.while")


def held(layout):
    """For each (lane, simdgroup) the set of elements in its registers."""
    table = layout.table()
    return {
        (lane, s): {tuple(map(int, point)) for point in table[s, lane]}
        for s, lane in product(range(layout.simdgroup_count), range(layout.lane_count))
    }


def check_places(op):
    """Every thread holds what it needs, for ops that move nothing between threads."""
    tensors = [o.type for o in op.operands if isinstance(o.type, TensorType)]
    results = [r.type for r in op.results if isinstance(r.type, TensorType)]
    if op.name in SOURCES:
        there = held(tensors[0].layout)
        for place, points in held(results[0].layout).items():
            assert {SOURCES[op.name](op, point) for point in points} <= there[place], op
    elif op.name not in ELSEWHERE:
        assert len({t.layout for t in (*tensors, *results)}) <= 1 or op.name == "scf.yield", op


# ---------------------------------------------------------------------------------------------------------- elementwise
EXAMPLES = {
    "vector_add": (vector_add.add_kernel, {"BLOCK_SIZE": 1024}),
    "softmax": (softmax.softmax_kernel, {"BLOCK_SIZE": 1024}),
    "layer_norm": (layer_norm.layer_norm_forward_kernel, {"BLOCK_SIZE": 1024}),
    "layer_norm_backward": (layer_norm.layer_norm_backward_kernel, {"BLOCK_SIZE": 512}),
    "sum_rows": (layer_norm.sum_rows_kernel, {"BLOCK_ROWS": 32, "BLOCK_COLUMNS": 128}),
}


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize("divisible", [True, False])
@pytest.mark.parametrize("name", EXAMPLES)
def test_rows_and_vectors_need_no_conversion(name, divisible, arch):
    kernel, constants = EXAMPLES[name]
    assert conversions(assign(build(kernel, divisible=divisible, **constants), arch)) == []


def test_loads_are_vectors_on_apple_and_lanes_on_the_cpu():
    [first, _] = named(assign(build(vector_add.add_kernel, BLOCK_SIZE=1024), "apple9"), "tt.load")
    assert first.result.type.layout.contiguous_registers(0) == 4
    [first, _] = named(assign(build(vector_add.add_kernel, element="fp16", BLOCK_SIZE=1024), "apple9"), "tt.load")
    assert first.result.type.layout.contiguous_registers(0) == 8
    [first, _] = named(assign(build(vector_add.add_kernel, BLOCK_SIZE=1024), "cpu"), "tt.load")
    assert first.result.type.layout.lanes_contiguous(0) and first.result.type.layout.simdgroup_count == 1


def text_of(kernel, arch, **constants):
    module = build(kernel, **constants)
    assign(module, arch)
    return print_ir(module)


def test_accesses_say_how_they_are_done():
    """Vectors of four on Apple; consecutive lanes on the CPU, and where a mask may end anywhere."""
    vectors, lanes = "width = 4, contiguous = false", "width = 1, contiguous = true"
    for arch, divisible, said in (("apple9", True, vectors), ("apple9", False, lanes), ("cpu", True, lanes)):
        check(
            text_of(vector_add.add_kernel, arch, divisible=divisible, BLOCK_SIZE=1024),
            f"""
            CHECK: "tt.load"({{{{.*}}}}, {said}}}>
            CHECK: "tt.load"({{{{.*}}}}, {said}}}>
            CHECK: "tt.store"({{{{.*}}}}) <{{{said}}}>
            """,
        )


@triton.jit
def every_other(x_ptr, y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.atomic_add(y_ptr + i, tl.load(x_ptr + 2 * i))
    tl.store(y_ptr, tl.load(x_ptr))


def test_accesses_without_runs_are_one_by_one():
    """What is no tensor has no layout, and says nothing; nor do atomics, which have one way to be done."""
    ops = assign(build(every_other, N=1024), "apple9")
    strided, scalar = named(ops, "tt.load")
    assert (strided.attributes["width"], strided.attributes["contiguous"]) == (1, False)
    [atomic], [store] = named(ops, "tt.atomic_rmw"), named(ops, "tt.store")
    assert all("width" not in op.attributes for op in (scalar, atomic, store))


@pytest.mark.parametrize("arch", TARGETS)
def test_addresses_are_analysed_once(arch, monkeypatch):
    """All that the layouts and the text take from the analysis is in the module that the stage leaves."""
    analysed = []
    analyse = AxisAnalysis.__init__
    monkeypatch.setattr(AxisAnalysis, "__init__", lambda self, of: (analysed.append(of), analyse(self, of))[1])
    compile_module(build(softmax.softmax_kernel, BLOCK_SIZE=1024), target_for(arch), num_warps=4)
    assert len(analysed) == 1


def test_masks_that_end_anywhere_leave_no_vectors():
    ops = assign(build(vector_add.add_kernel, divisible=False, BLOCK_SIZE=1024), "apple9")
    assert named(ops, "tt.load")[0].result.type.layout.lanes_contiguous(0)


# ----------------------------------------------------------------------------------------------------------------- dots
MATMUL = {"GROUP_M": 8, "ACTIVATION": "leaky_relu", "stride_ak": 1, "stride_bn": 1, "stride_cn": 1}


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize("element", ["fp32", "fp16"])
@pytest.mark.parametrize("divisible", [True, False])
@pytest.mark.parametrize("blocks", [(64, 64, 32), (32, 32, 32), (128, 128, 32)])
def test_matmul_loads_fragments(arch, element, divisible, blocks):
    sizes = dict(zip(("BLOCK_M", "BLOCK_N", "BLOCK_K"), blocks, strict=True))
    ops = assign(build(matmul.matmul_kernel, element, divisible, **MATMUL, **sizes), arch)
    assert moving(ops) == []
    [dot] = named(ops, "tt.dot")
    fragment, simdgroups = target_for(arch).fragment, () if arch == "cpu" else (1, 0)
    assert dot.attributes["unit"] == ("mma_rows" if arch == "cpu" else "mma_8x8")
    turns = ((0, 0), (1, 1)) if arch != "cpu" else None
    assert dot.result.type.layout is tiled(fragment.c, blocks[:2], simdgroups, turns)


ATTENTION = {"HEAD_SIZE": 64, "BLOCK_D": 64, "BLOCK_M": 64, "BLOCK_N": 32, "CAUSAL": True} | {
    f"stride_{tensor}d": 1 for tensor in "qkvo"
}


@pytest.mark.parametrize("element", ["fp32", "fp16"])
@pytest.mark.parametrize("arch", TARGETS)
def test_attention_keeps_scores_in_registers(arch, element):
    ops = assign(build(attention.attention_kernel, element, **ATTENTION), arch)
    scores, weighted = named(ops, "tt.dot")
    assert scores.result.type.layout is weighted.operands[0].type.layout
    converted = [op.operands[0].definer.name for op in moving(ops)]
    # Keys are transposed: on the CPU, one conversion of whole rows is cheaper than loading columns.
    assert converted == (["tt.load"] if arch == "cpu" else [])
    for reduce in named(ops, "tt.reduce"):
        layout = reduce.operands[0].type.layout
        assert layout is scores.result.type.layout and not any(basis[1] for basis in layout.simdgroups)


@triton.jit
def small_dot(a_ptr, b_ptr, c_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    a = tl.load(a_ptr + m[:, None] * K + k[None, :])
    b = tl.load(b_ptr + k[:, None] * N + n[None, :])
    tl.store(c_ptr + m[:, None] * N + n[None, :], tl.dot(a, b))


def test_a_dot_that_is_too_small_for_fragments_has_any_layout():
    ops = assign(build(small_dot, M=4, N=16, K=16), "apple9")
    assert conversions(ops) == []
    [dot] = named(ops, "tt.dot")
    assert dot.result.type.layout.simdgroup_count == 4 and "unit" not in dot.attributes


@triton.jit
def doubled_dot(a_ptr, b_ptr, c_ptr, N: tl.constexpr, TIMES: tl.constexpr):
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    b = tl.load(b_ptr + at)
    for _ in tl.static_range(TIMES):
        b = b + b
    tl.store(c_ptr + at, tl.dot(tl.load(a_ptr + at), b))


@pytest.mark.parametrize("arch", TARGETS)
def test_what_an_operand_is_made_of_is_looked_at_once(arch):
    """There are 2^60 ways from the product to what was loaded."""
    [dot] = named(assign(build(doubled_dot, N=32, TIMES=60), arch), "tt.dot")
    assert dot.attributes["unit"] == ("mma_rows" if arch == "cpu" else "mma_8x8")


@triton.jit
def batched_dot(a_ptr, b_ptr, c_ptr, B: tl.constexpr, N: tl.constexpr):
    i, m, n = tl.arange(0, B)[:, None, None], tl.arange(0, N)[None, :, None], tl.arange(0, N)[None, None, :]
    at = i * N * N + m * N + n
    tl.store(c_ptr + at, tl.dot(tl.load(a_ptr + at), tl.load(b_ptr + at)))


@pytest.mark.parametrize("arch", TARGETS)
def test_batches_are_divided_first(arch):
    ops = assign(build(batched_dot, B=2, N=32), arch)
    [dot] = named(ops, "tt.dot")
    assert conversions(ops) == []
    if arch == "apple9":
        assert dot.result.type.layout.simdgroups == ((0, 16, 0), (1, 0, 0))
        assert dot.operands[0].type.layout.simdgroups == ((0, 16, 0), (1, 0, 0))
        assert dot.operands[1].type.layout.simdgroups == ((0, 0, 0), (1, 0, 0))


# --------------------------------------------------------------------------------------------------- shapes and control
@triton.jit
def transpose(x_ptr, y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i[:, None] * N + i[None, :])
    tl.store(y_ptr + i[:, None] * N + i[None, :], tl.trans(x))


@pytest.mark.parametrize("arch", TARGETS)
def test_a_transposition_is_converted_once(arch):
    ops = assign(build(transpose, N=64), arch)
    assert len(conversions(ops)) == 1
    [load], [store] = named(ops, "tt.load"), named(ops, "tt.store")
    accesses = (load.result.type.layout, store.operands[1].type.layout)
    contiguous = [a.lanes_contiguous(1) or a.contiguous_registers(1) == 4 for a in accesses]
    assert contiguous == [True, True]


@triton.jit
def shapes(x_ptr, y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    pairs = tl.join(x, x * 2)
    low, high = tl.split(tl.reshape(tl.trans(pairs), (N // 2, 2, 2)))
    both = tl.cat(tl.reshape(low, (N,)), tl.reshape(high, (N,)), can_reorder=False)
    tl.store(y_ptr + tl.arange(0, 2 * N), both + tl.reshape(pairs, (2 * N,)))


@triton.jit
def control(x_ptr, y_ptr, n, N: tl.constexpr):
    i = tl.arange(0, N)
    at = y_ptr + i
    total = tl.zeros((N,), tl.float32)
    steps = i
    for k in range(n):
        total += tl.load(x_ptr + k * N + i)
        steps += k
        at += N
    if n > 4:
        total = total * 2
        steps = tl.zeros((N,), tl.int32)
    while tl.max(total, 0) > 1.0:
        total = total * 0.5
        steps += 1
    tl.store(at, total)
    tl.store(at + N, steps)


@triton.jit
def floating(y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    rows = tl.sum(i[:, None] * i[None, :], 1)
    tl.store(y_ptr + i, tl.cumsum(rows, 0))


@triton.jit
def indirect(x_ptr, y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    at = tl.load(x_ptr + i)
    tl.atomic_add(y_ptr + at, tl.load(x_ptr + at))


@triton.jit
def outer(x_ptr, y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(y_ptr + i[:, None] * N + i[None, :], x[:, None] * x[None, :])


@pytest.mark.parametrize("simdgroups", [1, 8])
@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize("kernel", [shapes, control, floating, outer])
@pytest.mark.parametrize("size", [4, 64])
def test_every_place_holds_what_it_needs(kernel, size, arch, simdgroups):
    assign(build(kernel, N=size), arch, simdgroups)


@pytest.mark.parametrize("arch", TARGETS)
def test_carried_tensors_have_one_layout(arch):
    ops = assign(build(control, N=256), arch)
    assert conversions(ops) == []
    [loop] = named(ops, "scf.for")
    carried = [value.type for value in loop.results if isinstance(value.type, TensorType)]
    assert len(carried) >= 2 and len({type_.layout for type_ in carried}) == 1
    assert [v.type for v in loop.body.arguments[1:]] == [v.type for v in loop.results]


@pytest.mark.parametrize("arch", TARGETS)
def test_indirect_accesses_follow_their_addresses(arch):
    assert conversions(assign(build(indirect, element="i32", N=256), arch)) == []


@triton.jit
def long_chain(y_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = i
    for _ in tl.static_range(700):
        x = x * 3 + i
    tl.store(y_ptr + i, x)


def test_a_long_chain_of_floating_ops():
    ops = assign(build(long_chain, N=64), "cpu")
    assert len(ops) > 1400 and conversions(ops) == []


@triton.jit
def scaled(x_ptr, N: tl.constexpr):
    i = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + i).to(tl.float8e5)
    scale = tl.full((N, N // 32), 127, tl.uint8)
    tl.store(x_ptr + i, tl.dot_scaled(x, scale, "e5m2", x, scale, "e5m2"))


def test_an_op_without_a_rule_is_refused_with_its_line():
    with pytest.raises(Unsupported, match=r"tt.dot_scaled at .*test_assign_layouts.py:\d+: .*no rule for layouts"):
        assign(build(scaled, N=64), "cpu")


@triton.jit
def gather_and_count(x_ptr, i_ptr, y_ptr, M: tl.constexpr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, M))
    i = tl.arange(0, N)
    y = tl.gather(x, tl.load(i_ptr + i), 0)
    tl.store(y_ptr + i, y + tl.histogram(x, N))


@pytest.mark.parametrize("arch", TARGETS)
def test_what_goes_through_threadgroup_memory_needs_no_conversion(arch):
    """The gathered and counted tensor is taken as it is; the results come in the layouts of indices and of bins."""
    ops = assign(build(gather_and_count, element="i32", M=512, N=128), arch)
    [gather], [histogram] = named(ops, "tt.gather"), named(ops, "tt.histogram")
    source, index = gather.operands
    assert source.type.layout is histogram.operands[0].type.layout and index.type.layout is gather.result.type.layout
    assert len(conversions(ops)) <= 1
