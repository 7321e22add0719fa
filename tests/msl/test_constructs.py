"""Printed texts have no word that the table of constructs lacks, for every family; and strict mode takes them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.constructs import PAGE, table, unknown, words_of
from triton_alloy import config
from triton_alloy.chips import FAMILIES
from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add
from triton_alloy.integrations.triton import driver
from triton_alloy.kernel import Kernel
from triton_alloy.msl.vocabulary import ENTRIES, source_of
from triton_alloy.msl_cpu import strict
from triton_alloy.runtime import automatic
from triton_alloy.runtime.cpu import CpuDevice

SOURCES = Path(__file__).parents[2] / "src" / "triton_alloy" / "msl"
HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


class Recorder(CpuDevice):
    """A device that compiles and runs nothing, and keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("fast")
        self.kernels: list[Kernel] = []

    def compile(self, kernel: Kernel) -> Any:
        self.kernels.append(kernel)
        return SimpleNamespace(kernel=kernel, max_threads=1024)

    def launch(self, *arguments: Any) -> None:
        """Nothing runs."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    found = Recorder()
    monkeypatch.setitem(automatic._MAKERS, "cpu", lambda mode, bounds: found)
    for cached in (automatic.device_of, driver.device_of):
        cached.cache_clear()
    yield found
    for cached in (automatic.device_of, driver.device_of):
        cached.cache_clear()


@triton.jit
def sorted_sums_kernel(x_ptr, out_ptr, N: tl.constexpr):
    """Scans, sorts, gathers, reductions with a custom combiner."""
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, tl.cumsum(tl.sort(x), 0) + tl.gather(x, (i * 7) % N, 0))
    tl.store(out_ptr + N, tl.argmax(x, 0).to(tl.float32) + tl.max(x, 0) + tl.xor_sum(i, 0))


@triton.jit
def atomics_kernel(x_ptr, n_ptr, h_ptr, w_ptr, N: tl.constexpr):
    """Atomics of each kind, in each order, and a lock."""
    i = tl.arange(0, N)
    tl.atomic_add(x_ptr + i, i.to(tl.float32), sem="relaxed")
    tl.atomic_max(n_ptr + i, i)
    tl.atomic_add(h_ptr + i, i.to(tl.float16), sem="release")
    tl.atomic_add(w_ptr + i, i.to(tl.int64), sem="relaxed")
    while tl.atomic_cas(n_ptr, 0, 1) == 1:
        pass
    tl.debug_barrier()
    tl.atomic_xchg(n_ptr, 0)


@triton.jit
def numbers_kernel(x_ptr, i_ptr, b_ptr, n, N: tl.constexpr):
    """Functions, divisions, 16-bit and 8-bit floats, branches."""
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i, mask=i < n, other=float("inf"))
    y = tl.exp(x) + tl.sin(x) + tl.erf(x) + tl.sqrt(tl.abs(x)) + tl.floor(x) + tl.fma(x, x, x)
    k = tl.load(i_ptr + i, mask=i < n, other=1)
    k = k // (i + 1) + k % 7 + tl.umulhi(k.to(tl.uint32), i.to(tl.uint32)).to(tl.int32)
    b = tl.load(b_ptr + i) * y.to(tl.bfloat16) + x.to(tl.float8e5).to(tl.bfloat16)
    if n > 3:
        y = tl.maximum(y, x, propagate_nan=tl.PropagateNan.ALL)
    tl.device_print("k", k)
    tl.device_assert(k != 77, "not 77")
    tl.store(x_ptr + i, tl.where(i < 3, y, tl.rand(n, i)), mask=i < n)
    tl.store(b_ptr + i, b)
    tl.store(i_ptr + i, k)


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def launch_all() -> None:
    """Every example, and the kernels of this file."""
    vector_add.add(floats(9), floats(9))
    softmax.softmax(floats(3, 77))
    layer_norm.layer_norm(floats(3, 77), floats(77), floats(77))
    layer_norm.layer_norm_backward(floats(3, 77), floats(3, 77), floats(77), floats(3), floats(3))
    for dtype in (np.float32, np.float16):
        matmul.matmul(floats(67, 49).astype(dtype), floats(49, 53).astype(dtype), "leaky_relu")
        attention.attention(*[floats(1, 2, 40, 32).astype(dtype)] * 3, causal=True)
    x, n, wide = torch.zeros(129), torch.zeros(128, dtype=torch.int32), torch.zeros(128, dtype=torch.int64)
    sorted_sums_kernel[(1,)](x, x, N=128)
    atomics_kernel[(1,)](x, n, torch.zeros(128, dtype=torch.float16), wide, N=128)
    numbers_kernel[(1,)](x, n, torch.zeros(128, dtype=torch.bfloat16), 99, N=128, debug=True)


@pytest.mark.parametrize("family", ["cpu", *(family.name for family in FAMILIES)])
def test_printed_kernels_have_known_constructs_only(recorder: Recorder, family: str, checked: set[str], triton_cache):
    with config.scope(ALLOY_RUNTIME="cpu", TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE="fast"):
        launch_all()
    assert len(recorder.kernels) >= 10
    for kernel in recorder.kernels:
        assert kernel.family == family
        assert unknown(kernel.source) == []
        if kernel.source not in checked:
            strict.check(kernel.source, language="3.2" if "#error" in kernel.source else "3.1")
            checked.add(kernel.source)


@pytest.fixture(scope="module")
def checked() -> set[str]:
    """The texts that strict mode has accepted: families whose numbers agree share theirs."""
    return set()


def test_the_vocabulary_has_known_constructs_only():
    names = {entry.name for entry in ENTRIES} | {entry.condition for entry in ENTRIES}
    assert unknown(HEAD + source_of(names)) == []


@pytest.mark.parametrize(
    "text, word",
    [
        ("void f() { double x = 1.0f; }", "double"),
        ("void f() { goto end; }", "goto"),
        ("float f(float x) { return x * tgamma(x); }", "tgamma"),
        ("float f(float x) { return simd_prefix_inclusive_sum(x); }", "simd_prefix_inclusive_sum"),
        ("float f(float step) { return step(step, 1.0f); }", "step"),
        ("uint f(uint3 x) { return x.w; }", "w"),
        ("float8 f() {}", "float8"),
        ("void f() { half x = 1.0h; }", "number 1.0h"),
        ("void f() { float x = 1.0; }", "number 1.0"),
        ('void f() { os_log_default.log("%d", 1); }', "os_log_default"),
        ("void f() { printf(1); }", "printf"),
        ("constant int n [[function_constant(0)]];", "function_constant"),
        ("#include <metal_tensor>\n", "#include <metal_tensor>"),
        ("#pragma METAL fp math_mode(fast)\n", "#pragma METAL fp math_mode(fast)"),
        ("#define F(x) quad_sum(x)\n", "quad_sum"),
        ("#if __METAL_MACOS__ > 3\n#endif\n", "__METAL_MACOS__"),
    ],
)
def test_other_words_are_found(text: str, word: str):
    found = unknown(HEAD + text)
    assert any(problem.endswith(f": {word}") for problem in found), found


def test_declared_names_are_no_constructs():
    text = """struct Pair { float first; uint low, high; };
template <class T, class Next> T apply(device T *p, thread const Pair &pair, Next next) {
    threadgroup uchar arena[16] __attribute__((aligned(16)));
    Pair other = pair;
    simdgroup_matrix<float, 8, 8> m;
    m.thread_elements()[0] = other.first;
    for (uint i = 0u; i < 4u; ++i) p[i] = next(p[i]) + T(pair.low) + T(arena[i]);
    return p[0] + 0x1.8p+3f;
}
"""
    assert unknown(HEAD + text) == []


def test_every_row_is_in_use():
    """A word that nothing prints any more must leave the page."""
    files = [path for path in SOURCES.rglob("*.[mp]*[tly]") if path.name != "names.py"]  # which reserves them all
    used = {word for path in files for word in re.findall(r"\w+", path.read_text("ascii").replace("\\n", " "))}
    assert set(table().kinds) - used == set()
    assert PAGE.read_text("ascii").isascii()
    assert {"#include", "kernel"} - set(words_of("#include <x>\n[[kernel]] void f();")) == {"#include"}
