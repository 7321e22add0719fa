"""What a user gets wrong: one clear sentence, nothing run. And what only looks wrong: it runs."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.compiler.errors import CompilationError
from triton.runtime.errors import OutOfResources

import triton_alloy
from triton_alloy import config
from triton_alloy.errors import InvalidArgument, Unsupported
from triton_alloy.msl_cpu import MslError


@triton.jit
def copy_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets, mask=offsets < n), mask=offsets < n)


def copy(x: Any, out: Any, grid: Any = (1,), **options: Any) -> None:
    """Copy 64 elements."""
    copy_kernel[grid](x, out, 64, BLOCK=64, **options)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.arange(64.0)


@pytest.fixture
def out() -> torch.Tensor:
    return torch.full((64,), -1.0)


def untouched(out: torch.Tensor) -> bool:
    return bool((out == -1).all())


# -------------------------------------------------------------------------------------------------------------- grids
@pytest.mark.parametrize("grid", [(0,), (1, 0), (1, 1, 0), lambda meta: (0,)])
def test_an_empty_grid_does_nothing(grid: Any, x: torch.Tensor, out: torch.Tensor):
    copy(x, out, grid)
    assert untouched(out)


@pytest.mark.parametrize("grid", [(-1,), (2**31,), (1, 1, 2**31), (1.5,)])
def test_a_wrong_grid_is_refused(grid: Any, x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(InvalidArgument, match="grid"):
        copy(x, out, grid)
    assert untouched(out)


# ------------------------------------------------------------------------------------------------------------ options
@pytest.mark.parametrize("warps", [0, -4, 3, 12, 33])
def test_num_warps_must_be_a_power_of_two(warps: int, x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(InvalidArgument, match=f"num_warps = {warps}: it must be a power of 2 from 1 to 32"):
        copy(x, out, num_warps=warps)


def test_more_than_1024_threads_are_out_of_resources(x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(OutOfResources, match=r"threads \(num_warps = 64\), Required: 2048, Hardware limit: 1024"):
        copy(x, out, num_warps=64)


def test_what_metal_lacks_is_refused_as_an_option(x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(InvalidArgument, match="num_ctas = 2"):
        copy(x, out, num_ctas=2)
    with pytest.raises(Unsupported, match="all programs run at the same time"):
        copy(x, out, launch_cooperative_grid=True)


def test_an_unknown_keyword_is_named(x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(KeyError, match="BLOK"):
        copy(x, out, BLOK=1)


# ---------------------------------------------------------------------------------------------------------- arguments
def test_a_tensor_elsewhere_is_refused(x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(InvalidArgument, match=r"argument x_ptr: the tensor is on meta.*x\.cpu\(\)"):
        copy(x.to("meta"), out)
    assert untouched(out)


def test_a_tensor_without_memory_is_refused(x: torch.Tensor, out: torch.Tensor):
    x.untyped_storage().resize_(0)
    with pytest.raises(InvalidArgument, match="argument x_ptr: the tensor of 64 elements has no memory"):
        copy(x, out)
    assert untouched(out)


def test_an_unwrapped_numpy_array_is_refused_and_a_wrapped_one_runs(x: torch.Tensor, out: torch.Tensor):
    array = np.arange(64, dtype=np.float32) + 5
    with pytest.raises((TypeError, InvalidArgument)):
        copy(array, out)
    assert untouched(out)
    copy(triton_alloy.array(array), out)
    np.testing.assert_array_equal(out.numpy(), array)


def test_a_read_only_array_may_be_read_only(out: torch.Tensor):
    array = np.arange(64, dtype=np.float32)
    array.flags.writeable = False
    copy(triton_alloy.array(array), out)
    np.testing.assert_array_equal(out.numpy(), array)
    with pytest.raises(InvalidArgument, match="argument out_ptr: the kernel writes to it"):
        copy(out, triton_alloy.array(array))


def test_a_compiled_kernel_checks_dtypes_too(x: torch.Tensor, out: torch.Tensor):
    compiled = copy_kernel.warmup(torch.float32, torch.float32, 64, BLOCK=64, grid=(1,))
    with pytest.raises(InvalidArgument, match=r"argument x_ptr: the kernel was compiled for fp32.*float16"):
        compiled[(1, 1, 1)](x.half(), out, 64, 64)
    assert untouched(out)


@triton.jit
def strided_kernel(x_ptr, out_ptr, stride, BLOCK: tl.constexpr):
    offsets = tl.arange(0, BLOCK)
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets * stride))


def test_a_view_is_where_its_strides_say(out: torch.Tensor):
    base = torch.arange(200.0)
    strided_kernel[(1,)](base[1:][::3], out, 3, BLOCK=64)
    assert torch.equal(out, base[1:][::3][:64])


BASE = np.arange(40, dtype=np.float32)
ARRAYS = {
    "every third": BASE[1::3],
    "a column": BASE.reshape(8, 5)[:, 2],
    "all the same": np.broadcast_to(BASE[7], (12,)),
    "one": BASE[5:6],
    "a scalar": np.array(2.5, np.float32),
    "none": BASE[:0],
    "mapped": np.asarray(BASE).view(np.ndarray)[4:],
}


@triton.jit
def gather_kernel(x_ptr, out_ptr, n, stride, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i * stride, mask=i < n), mask=i < n)


@pytest.mark.parametrize("mode", ["fast", "sanitize"])
@pytest.mark.parametrize("family", ["cpu", "apple9"])
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_numpy_are_read_where_their_strides_say(family: str, mode: str, array: np.ndarray):
    x, out = triton_alloy.array(array), np.full(64, -1, np.float32)
    with config.scope(TRITON_ALLOY_MODE=mode, TRITON_ALLOY_TARGET=family):
        gather_kernel[(1,)](x, triton_alloy.array(out), array.size, x.stride()[0] if array.ndim else 0, BLOCK=64)
    np.testing.assert_array_equal(out[: array.size], array.reshape(-1))
    assert (out[array.size :] == -1).all()


def test_an_array_that_runs_backwards_is_refused_and_a_copy_of_it_is_right():
    view, out = BASE[:10][::-1], np.full(10, -1, np.float32)
    for arguments in ((view, out), (np.ascontiguousarray(view), out[::-1])):
        with pytest.raises(InvalidArgument, match="runs backwards"):
            gather_kernel[(1,)](*map(triton_alloy.array, arguments), 10, 1, BLOCK=16)
    assert (out == -1).all()
    gather_kernel[(1,)](triton_alloy.array(np.ascontiguousarray(view)), triton_alloy.array(out), 10, 1, BLOCK=16)
    np.testing.assert_array_equal(out, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])


@pytest.mark.parametrize("family", ["cpu", "apple9"])
def test_sanitize_mode_finds_a_buffer_that_is_too_small(family: str, x: torch.Tensor, out: torch.Tensor):
    with config.scope(TRITON_ALLOY_MODE="sanitize", TRITON_ALLOY_TARGET=family):
        copy(x, out)
        assert torch.equal(out, x)
        with pytest.raises(MslError, match="out of bounds"):
            copy(x[:60].clone(), out)


@triton.jit
def fill_kernel(out_ptr, pair, value, flag, KIND: tl.constexpr, nothing=None):
    index, inner = pair
    if flag:
        tl.store(out_ptr + index, value * inner[0] + KIND)
    if nothing is not None:
        tl.store(out_ptr, 99.0)


def test_tuples_flags_none_and_constexprs(out: torch.Tensor):
    for index, flag in ((3, True), (4, False)):
        fill_kernel[(1,)](out, (index, (2, torch.zeros(1))), 5.5, flag, KIND=4)
    expected = torch.full((64,), -1.0)
    expected[3] = 15.0
    assert torch.equal(out, expected)


# -------------------------------------------------------------------------------------------------------------- names
@triton.jit
def kernel(half, device, constant, threadgroup, N: tl.constexpr):
    uint = tl.arange(0, N)
    float4 = tl.load(half + uint)
    thread = float4 + constant
    tl.store(device + uint, thread * threadgroup)


def test_names_may_be_words_of_metal(x: torch.Tensor, out: torch.Tensor):
    kernel[(1,)](x, out, 1.0, 2, N=64)
    assert torch.equal(out, (x + 1) * 2)


@triton.jit
def any_language_kernel(größe, π, N: tl.constexpr):
    # Ünïcödé: 注释 ✓
    versätze = tl.arange(0, N)
    tl.store(π + versätze, tl.load(größe + versätze) * 2)  # → doppelt


def test_names_and_comments_may_be_in_any_language(x: torch.Tensor, out: torch.Tensor):
    compiled = any_language_kernel[(1,)](x, out, N=64)
    assert torch.equal(out, x * 2)
    assert compiled.asm["msl"].isascii()


@triton.jit
def main(x_ptr, scalars, lane, program_id, N: tl.constexpr):
    load = tl.arange(0, N)
    tl.store(scalars + load, tl.load(x_ptr + load) + lane + program_id)


def test_names_may_be_those_of_the_generated_text(x: torch.Tensor, out: torch.Tensor):
    main[(1,)](x, out, 2, 3, N=64)
    assert torch.equal(out, x + 5)


# ----------------------------------------------------------------------------------------------------------- refusals
@triton.jit
def system_kernel(x_ptr, out_ptr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    old = tl.atomic_add(out_ptr + tl.arange(0, N), x, scope="sys")  # refused here
    tl.store(out_ptr + tl.arange(0, N), old)


def test_a_refusal_shows_op_reason_and_source_line(x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(Unsupported, match="Metal orders atomics within one device") as caught:
        system_kernel[(1,)](x, out, N=64)
    error = caught.value
    assert isinstance(error, CompilationError)
    assert error.location == f"{__file__}:{system_kernel.starting_line_number + 3}"
    assert (
        str(error).splitlines()[1]
        == '    old = tl.atomic_add(out_ptr + tl.arange(0, N), x, scope="sys")  # refused here'
    )
    assert str(error).splitlines()[2] == f"{error.op}: {error.reason}"
    assert untouched(out)


def test_a_refusal_survives_pickling(x: torch.Tensor, out: torch.Tensor):
    with pytest.raises(Unsupported) as caught:
        system_kernel[(1,)](x, out, N=64)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.op) == (type(caught.value), str(caught.value), caught.value.op)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_a_dtype_that_triton_lacks_is_named(dtype: torch.dtype, out: torch.Tensor):
    with pytest.raises((KeyError, InvalidArgument), match=str(dtype).removeprefix("torch.")):
        copy(torch.zeros(64, dtype=dtype), out)
    assert untouched(out)
