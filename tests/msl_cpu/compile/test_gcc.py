"""g++ as the last resort: reference mode is right, with a warning; the other modes say what to install."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.support.simdgroups import DIVERGENCE, LANE, OPERATIONS
from triton_alloy.msl_cpu import CompileError, KernelFailure, Library, NoCompiler
from triton_alloy.msl_cpu.compile import build
from triton_alloy.msl_cpu.text.line_numbers import spread_lines
from triton_alloy.msl_cpu.text.tokens import Tokens

pytestmark = pytest.mark.skipif(
    not shutil.which("g++") or build._version(("g++",)) < ("gcc", build.OLDEST["gcc"]), reason="no g++ >= 12 here"
)
HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


@pytest.fixture(autouse=True)
def gcc(monkeypatch):
    monkeypatch.setenv("MSL_CPU_CXX", "g++")


def test_divergent_lanes_and_operations():
    """Several operations stand in one line, of which g++ tells no column."""
    kernels = [
        f"kernel void divergent_{i}(device uint *out, {LANE}) {{ {body} }}" for i, (body, _) in enumerate(DIVERGENCE)
    ]
    lines = " ".join(f"out[{k} * 64 + i] = {expression};" for k, (expression, _) in enumerate(OPERATIONS))
    kernels.append(f"kernel void operations(const device int *x, device int *out, {LANE}) {{ int v = x[i]; {lines} }}")
    library = Library(HEAD + "\n".join(kernels), "reference")
    for i, (_, expected) in enumerate(DIVERGENCE):
        out = np.zeros(64, np.uint32)
        library[f"divergent_{i}"].launch([out], 1, 64)
        np.testing.assert_array_equal(out, np.tile(expected(np.arange(32)), 2), err_msg=str(i))
    values = np.asarray(dict(OPERATIONS)["simd_shuffle(v, ushort(31 - lane))"])[:, ::-1].ravel()
    out = np.zeros((len(OPERATIONS), 64), np.int32)
    library["operations"].launch([values.astype(np.int32), out], 1, 64)
    for row, (expression, expected) in zip(out, OPERATIONS, strict=True):
        np.testing.assert_array_equal(row, np.asarray(expected).ravel(), err_msg=expression)


def test_errors_have_the_users_lines():
    text = HEAD + "/* a\ncomment */\nkernel void f(device float *x) {\n  x[0] = simd_sum(x[1]) + simd_max(nothing);\n}"
    with pytest.raises(CompileError) as caught:
        Library(text, "reference")
    first = caught.value.diagnostics[0]
    assert (first.line, first.column) == (6, text.split("\n")[5].index("nothing") + 1)
    assert "nothing" in first.source


def test_a_deadline_ends_an_infinite_loop():
    kernel = Library(HEAD + "kernel void f(volatile device int *x) { while (x[0] == 0) {} }", deadline=0.2)["f"]
    with pytest.raises(KernelFailure, match="deadline"):
        kernel.launch([np.zeros(1, np.int32)], 2, 64)


@pytest.mark.parametrize("mode", ["fast", "sanitize", "strict"])
def test_other_modes_name_the_remedy(mode: str):
    with pytest.raises(NoCompiler, match="ziglang"):
        Library(HEAD + "kernel void f(device int *x) { x[0] = 1; }", mode)["f"].launch([np.zeros(1, np.int32)], 1, 1)


def test_being_the_only_compiler_is_warned_of(monkeypatch):
    monkeypatch.delenv("MSL_CPU_CXX")
    monkeypatch.setattr(build, "_candidates", lambda: iter([((shutil.which("g++"),), "gcc", 0)]))
    build._find.cache_clear()
    with pytest.warns(UserWarning, match="pip install ziglang"):
        assert build.find_compiler().family == "gcc"
    build._find.cache_clear()


def test_each_operation_has_a_line_of_its_own():
    text = 'a;\n  simd_sum(x); if (b) simd_any(simd_lane);\n# 7 "other"\n threadgroup_barrier(f);\n'
    assert spread_lines(Tokens(text)).split("\n") == [
        *("#line 64", "a;", "#line 128", "  ", "#line 129", "  simd_sum(x); if (b) "),
        *("#line 130", " " * 22 + "simd_any(simd_lane);", "#line 192", '#line 448 "other"'),
        *("#line 448", " ", "#line 449", " threadgroup_barrier(f);", "#line 512", ""),
    ]
