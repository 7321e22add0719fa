"""The launcher alone, over a device that records: what reaches a kernel, and what is refused before anything runs."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given
from hypothesis import strategies as st

import triton_alloy
from triton_alloy.errors import AlloyError, InvalidArgument
from triton_alloy.integrations.triton.arguments import ELEMENTS
from triton_alloy.integrations.triton.launcher import Launcher
from triton_alloy.kernel import Argument, Extent, Kernel


class Recorder:
    """A device that keeps what it is told to launch."""

    def __init__(self):
        self.binds, self.place, self.needs_extents, self.bounds = "addresses", "cpu", False, "0"
        self.launches: list[tuple[list[int], bytes, tuple[int, int, int]]] = []
        self.extents: list[Extent] = []

    def launch(self, executable: Any, pointers: Any, scalars: bytes, grid: Any, extents: Any = ()) -> None:
        self.launches.append((list(pointers), scalars, grid))
        self.extents = list(extents)


def kernel_of(*arguments: tuple[str, str, str], read_only: bool = False) -> Kernel:
    """A kernel of (name, kind, element) arguments, all of which it uses."""
    made = (Argument(*each, position, read_only) for position, each in enumerate(arguments))
    return Kernel("k", "", tuple(made), 1, 0, "cpu")


class Bench:
    """One kernel on a recorder; `launch(*arguments)` returns what the device saw."""

    def __init__(self, signature: dict[Any, Any], kernel: Kernel):
        self.device = Recorder()
        self.launcher = Launcher(SimpleNamespace(signature=signature), None, self.device)
        self.executable = SimpleNamespace(kernel=kernel)

    def launch(self, *arguments: Any, grid: tuple[Any, Any, Any] = (1, 1, 1), hooks: Any = (None, None)) -> Any:
        before = len(self.device.launches)
        self.launcher(*grid, 0, self.executable, (), "metadata", *hooks, *arguments)
        return self.device.launches[-1] if len(self.device.launches) > before else None


def add_bench(**kernel: Any) -> Bench:
    arguments = [("x", "buffer", "f32"), ("n", "scalar", "i32"), ("a", "scalar", "f32")]
    signature = {"x": "*fp32", "BLOCK": "constexpr", "n": "i32", "a": "fp32"}
    return Bench(signature, kernel_of(*arguments, **kernel))


def scalar_bench(type_: str) -> Bench:
    return Bench({"a": type_}, kernel_of(("a", "scalar", ELEMENTS[type_])))


# ----------------------------------------------------------------------------------------------------- what arrives
def test_pointers_and_scalars_arrive_without_constexprs():
    x = torch.zeros(4)
    pointers, scalars, grid = add_bench().launch(x, 64, 7, 0.5, grid=(3, 2, 1))
    assert (pointers, struct.unpack("if", scalars), grid) == ([x.data_ptr()], (7, 0.5), (3, 2, 1))


@pytest.mark.parametrize(
    ("arguments", "number"),
    [((), "0 were"), ((64,), "1 was"), ((64, 7, 0.5), "3 were"), ((0, 64, 7, 0.5, 1), "5 were")],
)
def test_the_number_of_arguments_is_checked(arguments: tuple[Any, ...], number: str):
    bench = add_bench()
    expected = rf"^k\(\) takes 4 arguments, constexprs included \(x, BLOCK, n, a\), but {number} given$"
    with pytest.raises(TypeError, match=expected):
        bench.launch(*arguments)
    assert bench.launch(torch.zeros(4), 64, 7, 0.5)


def test_the_number_of_arguments_is_checked_where_they_are_nested():
    bench = Bench({"t": ("*fp32", "i32"), "n": "i32"}, kernel_of(("x", "buffer", "f32")))
    with pytest.raises(TypeError, match=r"takes 2 arguments, constexprs included \(t, n\), but 3 were given"):
        bench.launch(torch.zeros(4), 1, 2)


@triton.jit
def last_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr, n):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + 1, mask=i < n)


def test_a_compiled_kernel_wants_its_constexprs_too():
    x, out = torch.zeros(64), torch.zeros(64)
    compiled = last_kernel[(1,)](x, out, 64, 5)
    with pytest.raises(TypeError, match=r"takes 4 arguments, .* but 3 were given"):
        compiled[(1, 1, 1)](x, out, 5)
    out.zero_()
    compiled[(1, 1, 1)](x, out, 64, 5)
    assert int(out.sum()) == 5


def test_the_second_launch_is_like_the_first():
    bench, x, y = add_bench(), torch.zeros(4), torch.nn.Parameter(torch.zeros(4))
    assert [bench.launch(each, 64, 7, 0.5)[0] for each in (x, y, x, y[1:])] == [
        [x.data_ptr()],
        [y.data_ptr()],
        [x.data_ptr()],
        [y.data_ptr() + 4],
    ]


def test_an_argument_that_the_kernel_does_not_use_is_left_out():
    kernel = Kernel("k", "", (Argument("b", "scalar", "i64", 2),), 1, 0, "cpu")
    [_, scalars, _] = Bench({"x": "*fp32", "a": "i32", "b": "i64"}, kernel).launch(torch.zeros(1), 1, 2)
    assert scalars == struct.pack("q", 2)


def test_tuples_are_flattened_depth_first_and_lose_their_constexprs():
    class Pair(NamedTuple):
        p: Any
        n: Any

    x, y = torch.zeros(4), torch.zeros(4)
    signature = {"t": ("*fp32", "i32", ("i64", "constexpr")), "pair": Pair(p="*fp32", n="constexpr"), "e": "i32"}
    names = [("x", "buffer", "f32"), ("n", "scalar", "i32"), ("m", "scalar", "i64"), ("p", "buffer", "f32")]
    bench = Bench(signature, kernel_of(*names, ("e", "scalar", "i32")))
    pointers, scalars, _ = bench.launch((x, 3, (4, 99)), Pair(p=y, n=16), 5)
    assert pointers == [x.data_ptr(), y.data_ptr()]
    assert struct.unpack("i4xqi4x", scalars) == (3, 4, 5)


def test_a_tensor_descriptor_becomes_the_arguments_of_tritons_rewrite():
    from triton.tools.tensor_descriptor import TensorDescriptor

    x = torch.zeros(20, 32)
    elements = ["i64"] * 4 + ["i1"] * 2 + ["i32"] * 2 + ["i64"] * 2
    names = [("x", "buffer", "f32"), *((f"d{i}", "scalar", element) for i, element in enumerate(elements))]
    bench = Bench({"d": "tensordesc<fp32[16, 32]>"}, kernel_of(*names))
    pointers, scalars, _ = bench.launch(TensorDescriptor.from_tensor(x, [16, 32], padding="nan"))
    assert pointers == [x.data_ptr()]
    assert struct.unpack("qqqq??2xiiqq", scalars) == (20, 32, 32, 1, True, False, 20, 32, 32, 1)


def test_ir_sources_spell_floats_as_mlir_does():
    bench = Bench({0: "*f32", 1: "f32"}, kernel_of(("0", "buffer", "f32"), ("1", "scalar", "f32")))
    assert bench.launch(torch.zeros(1), 1.5)[1] == struct.pack("f", 1.5)


@given(st.floats(width=64), st.sampled_from([("fp32", np.float32), ("fp16", np.float16)]))
def test_floats_round_as_numpy_rounds(value: float, kind: tuple[str, type]):
    name, dtype = kind
    with np.errstate(over="ignore"):
        expected = dtype(value)
    got = np.frombuffer(scalar_bench(name).launch(value)[1], dtype)[0]
    assert got == expected or (np.isnan(got) and np.isnan(expected))


@given(st.floats(width=32))
def test_bfloat16_rounds_as_pytorch_rounds(value: float):
    expected = torch.tensor(value, dtype=torch.float32).to(torch.bfloat16)
    bits = bytearray(scalar_bench("bf16").launch(value)[1])
    got = torch.frombuffer(bits, dtype=torch.bfloat16)[0]
    assert torch.equal(got, expected) or (got.isnan() and expected.isnan())


@given(st.integers(-(2**65), 2**65), st.sampled_from(sorted(set(ELEMENTS) - {"i1", "u1"} - {"fp64"})))
def test_integers_are_exact_or_refused(value: int, type_: str):
    if type_[0] not in "iu":
        return
    dtype = np.dtype(type_.replace("u", "uint").replace("i", "int").replace("uintnt", "uint"))
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        assert np.frombuffer(scalar_bench(type_).launch(value)[1], dtype)[0] == value
    else:
        with pytest.raises(InvalidArgument, match=f"argument a: {value} does not fit {type_}"):
            scalar_bench(type_).launch(value)


def test_numpy_scalars_are_numbers():
    assert scalar_bench("i32").launch(np.int64(5))[1] == struct.pack("i", 5)
    assert scalar_bench("fp32").launch(np.float64(0.5))[1] == struct.pack("f", 0.5)


def test_a_reinterpreted_tensor_has_its_new_dtype():
    x = torch.zeros(4, dtype=torch.int32)
    bench = add_bench()
    assert bench.launch(triton.reinterpret(x, tl.float32), 64, 7, 0.5)[0] == [x.data_ptr()]
    with pytest.raises(InvalidArgument, match="dtype int16"):
        bench.launch(triton.reinterpret(torch.zeros(4), tl.int16), 64, 7, 0.5)


# --------------------------------------------------------------------------------------------------------------- grid
@pytest.mark.parametrize("grid", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_grid_runs_nothing_but_the_hooks(grid: tuple[int, int, int]):
    seen: list[Any] = []
    bench = add_bench()
    assert bench.launch(torch.zeros(4), 64, 7, 0.5, grid=grid, hooks=(seen.append, seen.append)) is None
    assert seen == ["metadata", "metadata"]


@pytest.mark.parametrize("grid", [(-1, 1, 1), (1, 2**31, 1), (1, 1, 2**40), (0, -1, 1)])
def test_a_grid_outside_the_limits_is_refused(grid: tuple[int, int, int]):
    bench = add_bench()
    with pytest.raises(InvalidArgument, match=r"each size must be from 0 to 2147483647"):
        bench.launch(torch.zeros(4), 64, 7, 0.5, grid=grid)
    assert not bench.device.launches


@pytest.mark.parametrize("grid", [(1.0, 1, 1), ("1", 1, 1), (None, 1, 1)])
def test_a_grid_of_anything_but_whole_numbers_is_refused(grid: Any):
    with pytest.raises(InvalidArgument, match="whole numbers"):
        add_bench().launch(torch.zeros(4), 64, 7, 0.5, grid=grid)


def test_numpy_integers_make_a_grid():
    assert add_bench().launch(torch.zeros(4), 64, 7, 0.5, grid=(np.int64(3), True, 1))[2] == (3, 1, 1)


# ------------------------------------------------------------------------------------------------------------ refusals
REFUSED = {
    "another device": (torch.empty(4, device="meta"), "argument x: the tensor is on meta"),
    "another dtype": (torch.zeros(4, dtype=torch.float16), "compiled for fp32, the tensor is of dtype float16"),
    "a NumPy array": (np.zeros(4, np.float32), "wrap NumPy with triton_alloy.array"),
    "a number": (1.5, "a tensor is needed, not float"),
    "a negative address": (-1, "-1 is no address"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("warm", [False, True])
def test_what_is_no_right_tensor_is_refused_by_name(case: str, warm: bool):
    value, message = REFUSED[case]
    bench = add_bench()
    if warm:
        bench.launch(torch.zeros(4), 64, 7, 0.5)
    with pytest.raises(InvalidArgument, match=message):
        bench.launch(value, 64, 7, 0.5)
    assert len(bench.device.launches) == warm


@pytest.mark.parametrize("warm", [False, True])
def test_a_tensor_without_memory_is_refused_unless_it_is_empty(warm: bool):
    bench = add_bench()
    if warm:
        bench.launch(torch.zeros(4), 64, 7, 0.5)
    assert bench.launch(torch.zeros(0), 64, 7, 0.5)[0] == [0]
    assert bench.launch(None, 64, 7, 0.5)[0] == [0]
    freed = torch.zeros(4)
    freed.untyped_storage().resize_(0)
    with pytest.raises(InvalidArgument, match="argument x: the tensor of 4 elements has no memory"):
        bench.launch(freed, 64, 7, 0.5)


@pytest.mark.parametrize("type_", ["i32", "fp32", "bf16", "fp16"])
def test_a_scalar_must_be_a_number(type_: str):
    with pytest.raises(InvalidArgument, match="argument a: a number is needed, not list"):
        scalar_bench(type_).launch([1])


def test_compiler_and_launch_must_agree_on_what_an_argument_is():
    with pytest.raises(AlloyError, match="compiled as a scalar"):
        Bench({"x": "*fp32"}, kernel_of(("x", "scalar", "f32"))).launch(torch.zeros(1))
    with pytest.raises(AlloyError, match="compiled as i64, the launch has i32"):
        Bench({"n": "i32"}, kernel_of(("n", "scalar", "i64"))).launch(1)


def test_a_device_that_asks_is_told_how_much_memory_there_is():
    bench = add_bench()
    bench.device.needs_extents = True
    base = np.zeros((4, 8), np.float32)
    backwards = np.ndarray((10,), np.float32, bytearray(40), offset=36, strides=(-4,))
    for argument, expected in (
        (torch.zeros(10)[3:5], (12, 28)),
        (triton_alloy.array(base[1:3, 2:]), (40, 4 * (32 - 10))),
        (triton_alloy.array(backwards[::-1][3:]), (12, 28)),
        (None, (0, 0)),
    ):
        bench.launch(argument, 64, 7, 0.5)
        assert bench.device.extents == [expected]
    with pytest.raises(InvalidArgument, match="pass a tensor, not an address"):
        bench.launch(4096, 64, 7, 0.5)


def test_a_device_that_checks_bounds_is_told_what_is_known():
    base = np.zeros((4, 8), np.float32)
    for bounds, argument, expected in (
        ("1", torch.zeros(10)[3:5], (12, 28)),
        ("1", 4096, (4096, 2**64 - 1 - 4096)),
        ("view", torch.zeros(10)[3:5], (0, 8)),
        ("view", torch.zeros(4, 8)[1:3, 2:4], (0, 4 * 10)),
        ("view", torch.zeros(4, 8)[:, 8:], (0, 0)),
        ("view", triton_alloy.array(base[1:3, 2:]), (0, 4 * 14)),
        ("view", triton_alloy.array(base[1:2, 2:][::-1]), (0, 4 * 6)),
        ("view", None, (0, 0)),
    ):
        bench = add_bench()
        bench.device.bounds = bounds
        bench.launch(argument, 64, 7, 0.5)
        assert bench.device.extents == [expected]


# --------------------------------------------------------------------------------------------------------------- NumPy
def test_a_numpy_array_is_passed_by_its_address():
    base = np.zeros((8, 8), np.float32)
    view = base[2:, 1::2]
    wrapped = triton_alloy.array(view)
    assert add_bench().launch(wrapped, 64, 7, 0.5)[0] == [base.ctypes.data + 4 * 17]
    assert (wrapped.stride(), wrapped.stride(0), wrapped.shape, wrapped.numel()) == ((8, 2), 8, (6, 4), 24)
    assert wrapped.ptr_range() == base.nbytes
    assert np.asarray(wrapped) is view


def test_a_read_only_array_is_for_reading():
    frozen = np.zeros(4, np.float32)
    frozen.flags.writeable = False
    wrapped = triton_alloy.array(frozen)
    assert add_bench(read_only=True).launch(wrapped, 64, 7, 0.5)
    with pytest.raises(InvalidArgument, match="argument x: the kernel writes to it, but the NumPy array is read-only"):
        add_bench().launch(wrapped, 64, 7, 0.5)


def test_the_reach_of_an_array_is_that_of_its_memory_not_of_its_elements():
    memory = np.zeros(1000, np.int8)
    apart = np.lib.stride_tricks.as_strided(memory, (2,), (999,))
    assert triton_alloy.array(apart).ptr_range() == 1000
    assert triton_alloy.array(memory[500:502]).ptr_range() == 1000
    assert triton_alloy.array(np.broadcast_to(np.float32(1), (50,))).ptr_range() == 4


DTYPES_THAT_METAL_HAS_NOT = {
    "complex64": "dtype complex64: convert it",
    "U3": "dtype <U3: convert it",
    "object": r"dtype object: convert it, e\.g\. x\.astype\('float32'\)",
    ">f4": r"dtype >f4: convert it, e\.g\. x\.astype\('float32'\)",
    ">i2": r"dtype >i2: convert it, e\.g\. x\.astype\('int16'\)",
    "datetime64[s]": "dtype datetime64",
    "V4": "dtype .V4: convert it",
    "f4,i4": r"dtype .*f0.*: pass a copy of one field, e\.g\. x\['f0'\]\.copy\(\)",
}


@pytest.mark.parametrize("dtype", DTYPES_THAT_METAL_HAS_NOT)
def test_a_dtype_that_metal_has_not_is_refused_by_name(dtype: str):
    with pytest.raises(InvalidArgument, match=f"a kernel cannot take an array of {DTYPES_THAT_METAL_HAS_NOT[dtype]}"):
        triton_alloy.array(np.zeros(4, dtype))


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, ::-1], np.s_[::-2, ::2], np.s_[2:0:-1]])
def test_an_array_that_runs_backwards_is_refused(view: Any):
    array = np.zeros((4, 8), np.float32)[view]
    with pytest.raises(InvalidArgument, match=r"strides \(.*-\d+.*\): .*runs backwards: pass numpy\.ascontiguousarray"):
        triton_alloy.array(array)
    assert triton_alloy.array(np.ascontiguousarray(array)).shape == array.shape


def test_a_stride_along_which_no_step_is_made_does_not_matter():
    for array in (np.zeros((1, 5), np.float32)[::-1], np.zeros((0, 5), np.float32)[:, ::-1]):
        assert triton_alloy.array(array).numpy is array


def test_memory_that_no_element_can_be_read_from_is_refused():
    memory = np.zeros(41, np.int8)
    with pytest.raises(InvalidArgument, match=r"the address is no multiple of the 4 bytes of an element: pass x\.copy"):
        triton_alloy.array(memory[1:].view(np.float32))
    assert triton_alloy.array(memory[1:].view(np.float32).copy()).numel() == 10


def test_only_arrays_are_wrapped():
    with pytest.raises(InvalidArgument, match="not list"):
        triton_alloy.array([1.0])
    with pytest.raises(InvalidArgument, match=r"takes a numpy.ndarray, not float32"):
        triton_alloy.array(np.float32(1))
    with pytest.raises(InvalidArgument, match=r"the mask of a masked array: pass x\.filled\(value\)"):
        triton_alloy.array(np.ma.array([1.0, 2.0], mask=[True, False]))
    record = np.zeros(4, [("a", "f4"), ("b", "i1")])["a"]
    with pytest.raises(InvalidArgument, match=r"strides \(5,\) are no multiples of the 4 bytes .*ascontiguousarray"):
        triton_alloy.array(record)
