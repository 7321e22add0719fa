"""triton_call and kernel[grid] on arrays of MLX's CPU package, through msl_cpu's metal_kernel.

That MLX itself would write the signature that the texts are made for is checked with MLX's own words: exporting a
function prints the text that it would compile on a Mac.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.errors import InvalidArgument
from triton_alloy.msl_cpu import Library, metal_kernel
from triton_alloy.runtime import mlx as runtime

mx = pytest.importorskip("mlx.core", reason="MLX has no wheel for this machine")

from triton_alloy.mlx import triton_call  # noqa: E402


@triton.jit
def add_kernel(x_ptr, y_ptr, n, out_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + tl.load(y_ptr + i, mask=i < n), mask=i < n)


@triton.jit
def copy_kernel(x_ptr, n, out_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n), mask=i < n)


@triton.jit
def accumulate_kernel(_, x_ptr, n, sum_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(sum_ptr + i, tl.load(sum_ptr + i, mask=i < n) + tl.load(x_ptr + i, mask=i < n), mask=i < n)


@triton.jit
def total_kernel(x_ptr, n, sum_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.atomic_add(sum_ptr, tl.sum(tl.load(x_ptr + i, mask=i < n, other=0.0), axis=0), sem="relaxed")


@triton.jit
def extremes_kernel(x_ptr, n, least_ptr, most_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(least_ptr, tl.min(tl.load(x_ptr + i, mask=i < n, other=float("inf")), axis=0))
    tl.store(most_ptr, tl.max(tl.load(x_ptr + i, mask=i < n, other=-float("inf")), axis=0))


@triton.jit
def scale_kernel(x_ptr, factor, small, big, flag, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i) * factor + small + (big >> 40) + flag)


@triton.jit
def dot_kernel(a_ptr, b_ptr, c_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    place = i[:, None] * BLOCK + i[None, :]
    tl.store(c_ptr + place, tl.dot(tl.load(a_ptr + place), tl.load(b_ptr + place), input_precision="ieee"))


@triton.jit
def scan_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.cumsum(tl.load(x_ptr + i), axis=0))


@triton.jit
def print_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i)
    tl.device_print(" x", x)
    tl.store(out_ptr + i, x)


@triton.autotune([triton.Config({"BLOCK": 128}), triton.Config({"BLOCK": 256}, num_warps=2)], key=["n"])
@triton.heuristics({"EXTRA": lambda values: values["n"] % 7})
@triton.jit
def tuned_kernel(x_ptr, n, out_ptr, EXTRA: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + EXTRA, mask=i < n)


PRELUDE = "#include <metal_stdlib>\nusing namespace metal;\ntypedef half float16_t;\ntypedef bfloat bfloat16_t;\n"
"""What MLX defines before a text, as far as its signatures need it."""

DTYPES = ("float32", "float64", "float16", "bfloat16", "int8", "int32", "int64", "uint8", "uint16", "uint64", "bool_")


def dtype_of(name: str) -> Any:
    return getattr(mx, name)


@triton.jit
def atomic_names(thread_position_in_grid, alloy_buffer_0, metal, BLOCK: tl.constexpr):
    """Of things that MLX, or the text made for it, calls so."""
    threads_per_grid = tl.arange(0, BLOCK)
    alloy_buffer_0_shape = tl.load(thread_position_in_grid + threads_per_grid) + alloy_buffer_0
    thread_index_in_simdgroup = alloy_buffer_0_shape * alloy_buffer_0_shape
    tl.store(metal + threads_per_grid, thread_index_in_simdgroup)


@pytest.fixture(params=[("cpu", "fast"), ("apple9", "reference")], ids="-".join, autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with config.scope(TRITON_ALLOY_TARGET=request.param[0], TRITON_ALLOY_MODE=request.param[1]):
        yield request.param


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_go_in_and_a_new_array_comes_out(dtype: str):
    x, y = np.random.default_rng(1).standard_normal((2, 1000)).astype(dtype)
    arrays = [mx.array(each, dtype_of(dtype)) for each in (x, y)]
    total = triton_call(*arrays, 1000, kernel=add_kernel, out_shape=arrays[0], grid=(4,), BLOCK=256)
    assert total.shape == (1000,) and np.array_equal(np.asarray(total), x + y)


@pytest.mark.parametrize("size", [0, 1, 5, 8, 33])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_and_size(dtype: str, size: int):
    x = mx.array(np.arange(1, size + 1) % 2 * 3).astype(dtype_of(dtype))
    copied = triton_call(x, size, kernel=copy_kernel, out_shape=x, grid=1, zeroed_outputs=[0], BLOCK=64)
    assert copied.dtype == x.dtype and mx.array_equal(copied, x)
    mine = mx.zeros_like(x)
    copy_kernel[(1,)](x, size, mine, BLOCK=64)
    assert mx.array_equal(mine, x)


def test_names_that_mlx_gives_to_other_things():
    x = mx.arange(64, dtype=mx.int32)
    assert mx.array_equal(triton_call(x, 3, kernel=atomic_names, out_shape=x, grid=1, BLOCK=64), (x + 3) * (x + 3))


def test_an_array_without_dimensions():
    x = mx.array(3.5)
    assert triton_call(x, 1, kernel=copy_kernel, out_shape=x, grid=1, BLOCK=1).item() == 3.5


def test_a_transposed_input_is_read_in_its_own_order():
    x = mx.arange(60, dtype=mx.float32).reshape(6, 10).T
    copied = triton_call(x, 60, kernel=copy_kernel, out_shape=x, grid=1, BLOCK=64)
    assert mx.array_equal(copied, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_alias_starts_with_the_input_and_leaves_it_alone(dtype: str):
    total, x = mx.ones((3, 7), dtype_of(dtype)), mx.arange(21, dtype=dtype_of(dtype)).reshape(3, 7)
    call: Any = {
        "kernel": accumulate_kernel,
        "out_shape": total,
        "grid": 1,
        "input_output_aliases": {0: 0},
        "BLOCK": 32,
    }
    after = triton_call(total, x, 21, **call)
    assert after.dtype == x.dtype and mx.array_equal(after, x + 1) and mx.array_equal(total, mx.ones((3, 7)))


def test_zeroed_outputs_start_as_zeros():
    x = mx.arange(100, dtype=mx.float32)
    out = ((1,), mx.float32)
    total = triton_call(x, 100, kernel=total_kernel, out_shape=out, grid=4, zeroed_outputs=(0,), BLOCK=32)
    assert total.item() == 4950


def test_several_outputs_come_as_they_were_asked_for():
    x = mx.array([3.0, -1.0, 7.0])
    one = ((1,), mx.float32)
    least, most = triton_call(x, 3, kernel=extremes_kernel, out_shape=[one, one], grid=1, BLOCK=4)
    assert (least.item(), most.item()) == (-1, 7)


def test_scalars_of_every_kind():
    x = mx.ones((32,))
    out = triton_call(x, 2.5, -3, 1 << 41, True, kernel=scale_kernel, out_shape=x, grid=1, BLOCK=32)
    assert mx.array_equal(out, mx.full((32,), 2.5 - 3 + 2 + 1))


def test_autotuned_kernels_with_heuristics():
    x = mx.arange(1000, dtype=mx.float32)

    def grid(meta: dict[str, Any]) -> tuple[int]:
        return (triton.cdiv(1000, meta["BLOCK"]),)

    assert mx.array_equal(triton_call(x, 1000, kernel=tuned_kernel, out_shape=x, grid=grid), x + 1000 % 7)


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_an_array_of_the_caller_is_written_in_place(dtype: str):
    x, out = mx.arange(40, dtype=dtype_of(dtype)), mx.zeros((40,), dtype_of(dtype))
    copy_kernel[(1,)](x, 40, out, BLOCK=64)
    assert mx.array_equal(out, x)


def test_device_print_reaches_stdout(capsys: pytest.CaptureFixture[str]):
    x = mx.arange(2, dtype=mx.int32)
    triton_call(x, kernel=print_kernel, out_shape=x, grid=1, BLOCK=2)
    assert "pid (0, 0, 0) idx (1) x: 1\n" in capsys.readouterr().out


# ----------------------------------------------------------------------------------------------------------- refusals
def test_a_view_with_gaps_cannot_be_written():
    x = mx.arange(16, dtype=mx.float32)
    with pytest.raises(InvalidArgument, match=r"must be row contiguous; pass mx\.contiguous\(x\)"):
        copy_kernel[(1,)](x, 16, mx.zeros((4, 8)).T[:2], BLOCK=16)


def test_an_input_that_the_kernel_writes_must_be_an_alias():
    x = mx.zeros((8,))
    with pytest.raises(
        InvalidArgument, match="argument out_ptr: the kernel writes to it: name it in input_output_alia"
    ):
        triton_call(x, 8, x, kernel=copy_kernel, out_shape=[], grid=1, BLOCK=8)


def test_an_alias_must_be_of_one_kind():
    x = mx.zeros((8,))
    with pytest.raises(InvalidArgument, match=r"\{0: 0\} are of different kinds, \(8,\) .*float32 and \(9,\)"):
        call: Any = {"out_shape": ((9,), mx.float32), "grid": 1, "input_output_aliases": {0: 0}, "BLOCK": 8}
        triton_call(x, x, 8, kernel=accumulate_kernel, **call)


@pytest.mark.parametrize("transformation", ["compile", "vmap"])
def test_transformations_that_need_values_are_refused(transformation: str):
    def call(x: Any) -> Any:
        return triton_call(x, 8, kernel=copy_kernel, out_shape=x, grid=1, BLOCK=8)

    with pytest.raises(InvalidArgument, match=r"mx.compile, mx.vmap or mx.export_function: on the CPU it runs"):
        mx.eval(getattr(mx, transformation)(call)(mx.zeros((8, 8))))


def test_export_without_a_gpu_is_refused(tmp_path: Path):
    def call(x: Any) -> Any:
        return triton_call(x, 8, kernel=copy_kernel, out_shape=x, grid=1, BLOCK=8)

    with pytest.raises(
        InvalidArgument, match=r"copy_kernel cannot be called within mx.compile, mx.vmap or mx.export_f"
    ):
        mx.export_function(str(tmp_path / "f.mlxfn"), call, mx.zeros((8,)))


def test_other_arrays_are_refused():
    with pytest.raises(InvalidArgument, match="argument 0: triton_call takes arrays of MLX, not ndarray"):
        triton_call(np.zeros(8), 8, kernel=copy_kernel, out_shape=((8,), mx.float32), grid=1, BLOCK=8)


# --------------------------------------------------------------------------------------------------- MLX's own opinion
class Recorder:
    """Stands for metal_kernel; `calls` keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def __call__(self, **made: Any) -> Callable[..., Any]:
        def call(**launched: Any) -> list[Any]:
            self.calls.append((made, launched))
            shapes, types = launched["output_shapes"], launched["output_dtypes"]
            return [mx.zeros(shape, dtype) for shape, dtype in zip(shapes, types, strict=True)]

        return call


@contextlib.contextmanager
def printed() -> Iterator[list[str]]:
    """What C code writes to stdout meanwhile."""
    texts: list[str] = []
    with tempfile.TemporaryFile() as file:
        before = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield texts
        finally:
            os.dup2(before, 1)
            os.close(before)
            file.seek(0)
            texts.append(file.read().decode())


def text_of_mlx(made: dict[str, Any], launched: dict[str, Any], folder: Path) -> str:
    """The text that MLX would compile on a Mac for a call of metal_kernel."""
    kernel = mx.fast.metal_kernel(**made)
    with printed() as texts:
        mx.export_function(
            str(folder / "f.mlxfn"),
            lambda *inputs: kernel(**{**launched, "inputs": list(inputs), "verbose": True}),
            *launched["inputs"],
        )
    return re.search(r"```\n(.*?)```", texts[0], re.DOTALL).group(1)


def calls() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Over twenty calls, of all kinds of arrays, sizes, roles and scalars."""
    for dtype in DTYPES:
        for size in (4, 40):
            x = mx.zeros((size,), dtype_of(dtype))
            yield (
                f"{dtype}-{size}",
                lambda x=x: triton_call(x, x.size, kernel=copy_kernel, out_shape=x, grid=1, BLOCK=64),
            )
            yield f"place-{dtype}-{size}", lambda x=x: copy_kernel[(1,)](x, x.size, mx.zeros_like(x), BLOCK=64)
    x, square, one = mx.ones((32,)), mx.ones((32, 32)), ((1,), mx.float32)
    yield "scalars", lambda: triton_call(x, 2.5, -3, 1 << 41, True, kernel=scale_kernel, out_shape=x, grid=1, BLOCK=32)
    yield "dot", lambda: triton_call(square, square, kernel=dot_kernel, out_shape=square, grid=1, BLOCK=32)
    yield "scan", lambda: triton_call(x, kernel=scan_kernel, out_shape=x, grid=1, BLOCK=32)
    yield "atomic", lambda: triton_call(x, 32, kernel=total_kernel, out_shape=one, grid=1, zeroed_outputs=[0], BLOCK=32)
    yield "extremes", lambda: triton_call(x, 32, kernel=extremes_kernel, out_shape=[one, one], grid=1, BLOCK=32)
    aliases: Any = {"out_shape": x, "grid": 1, "input_output_aliases": {0: 0}, "BLOCK": 32}
    yield "alias", lambda: triton_call(x, x, 32, kernel=accumulate_kernel, **aliases)


@pytest.mark.parametrize("device", [("apple9", "reference")], ids="-".join, indirect=True)
def test_mlx_writes_the_signature_that_the_texts_are_made_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recorder = Recorder()
    monkeypatch.setattr(runtime.MlxDevice, "_callable", _callable_of(recorder, runtime.MlxDevice._callable))
    seen = set()
    for name, call in calls():
        call()
        made, launched = recorder.calls[-1]
        theirs = text_of_mlx(made, launched, tmp_path)
        ours = _text_of_ours(made, launched)
        signature = re.compile(r"\[\[kernel\]\].*?\) \{", re.DOTALL)
        assert signature.search(theirs).group() == signature.search(ours).group(), name
        assert made["source"] in theirs and made["header"] in theirs, name
        if ours not in seen and not name.startswith("place"):
            Library(PRELUDE + theirs, "strict")
        seen.add(ours)
    assert len(seen) >= 20


def _callable_of(recorder: Recorder, callable_: Any) -> Any:
    """MlxDevice._callable, as if MLX were the recorder."""

    def recorded(self: Any, executable: Any, inputs: list[str], outputs: list[str]) -> Any:
        device = runtime.MlxDevice(runtime.Host(recorder, "recorder", 1, lazy=True))
        return callable_(device, device.compile(executable.kernel), inputs, outputs)

    return recorded


def _text_of_ours(made: dict[str, Any], launched: dict[str, Any]) -> str:
    """The text that msl_cpu's metal_kernel writes for the same call."""
    kernel = metal_kernel(**made, mode="reference")
    parameters = kernel._input_parameters(launched["inputs"])
    types = [str(each).rpartition(".")[2] for each in launched["output_dtypes"]]
    name = kernel._function_name(launched["inputs"], types, ())
    return kernel._text(name, [line for line, _ in parameters], types, ())


def test_a_network_of_kernels_learns():
    from triton_alloy.examples import mlx_training

    losses, accuracy = mlx_training.train(steps=60)
    assert losses[-1] < losses[0] / 4 and accuracy > 0.95


@pytest.mark.parametrize("shape", [(5, 9, 7), (33, 40, 65)])
def test_gradients_of_the_example_are_those_of_mlx(shape: tuple[int, int, int]):
    from triton_alloy.examples import mlx_training

    m, n, k = shape
    a, b, weights = mx.random.normal((m, k)), mx.random.normal((k, n)), mx.random.normal((m, n))

    def ours(a: Any, b: Any) -> Any:
        return (mlx_training.softmax(mlx_training.matmul(a, b)) * weights).sum()

    def theirs(a: Any, b: Any) -> Any:
        return (mx.softmax(a @ b, axis=1) * weights).sum()

    for found, expected in zip(mx.grad(ours, (0, 1))(a, b), mx.grad(theirs, (0, 1))(a, b), strict=True):
        assert mx.allclose(found, expected, rtol=1e-4, atol=1e-5)
