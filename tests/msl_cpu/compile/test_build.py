"""What is compiled, and what links it."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from triton_alloy.msl_cpu import CompilerCrash, LaunchError, Library
from triton_alloy.msl_cpu.compile import build
from triton_alloy.msl_cpu.text.rewrite import rewrite

TEXT = """#include <metal_stdlib>
using namespace metal;
[[kernel, max_total_threads_per_threadgroup({threads})]] void fill(
    device float *out [[buffer(0)]], u32 lane [[thread_index_in_simdgroup]],
    uint3 group [[threadgroup_position_in_grid]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {{
  store(out + 64 * group.x + 32 * simdgroup, lane, f32(float(1 + simdgroup)));
}}
"""


@pytest.mark.parametrize(
    ("threads", "runner"), [(32, "run_fast_single"), (64, "run_fast"), (1024, "run_fast"), (0, "run_fast")]
)
def test_a_kernel_for_one_simdgroup_is_compiled_once(threads: int, runner: str):
    assert f"::msl_cpu::{runner}<" in rewrite(TEXT.format(threads=threads), "fast", {}).text


def test_a_kernel_for_one_simdgroup_refuses_more():
    kernel = Library(TEXT.format(threads=32), "fast").fill
    out = np.zeros(128, np.float32)
    kernel.launch([out], 2, 32)
    assert np.array_equal(out.reshape(4, 32)[:, 0], [1, 0, 1, 0])
    with pytest.raises(LaunchError, match="64 threads per threadgroup; allowed are 1 to 32"):
        kernel.launch([out], 2, 64)


def test_a_kernel_for_more_runs_with_one_and_with_many():
    kernel = Library(TEXT.format(threads=64), "fast").fill
    for threads, expected in ((32, [1, 0, 1, 0]), (64, [1, 2, 1, 2])):
        out = np.zeros(128, np.float32)
        kernel.launch([out], 2, threads)
        assert np.array_equal(out.reshape(4, 32)[:, 0], expected)


def _zig_without(tmp_path: Path, *commands: str) -> str:
    """A program that is zig but for some of its commands."""
    zig = build._zig()
    if zig is None:
        pytest.skip("ziglang is not installed")
    program = tmp_path / "zig"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in {"|".join(commands)}) echo "no $1" >&2; exit 1;; esac\nexec {zig} "$@"\n'
    )
    program.chmod(0o755)
    return f"{program} c++"


def _compiled(tmp_path: Path) -> ctypes.CDLL:
    flags = [*build.find_compiler().flags("off", "-O1"), "-fvisibility=default"]
    library = tmp_path / "seven.so"
    library.write_bytes(build.compile_library('extern "C" int seven() { return 7; }', "", flags).content)
    return ctypes.CDLL(str(library))


def test_a_zig_without_its_linker_links_by_its_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("MSL_CPU_CXX", _zig_without(tmp_path, "ld.lld"))
    assert _compiled(tmp_path).seven() == 7


def test_a_zig_with_its_linker_needs_no_driver(tmp_path, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("elsewhere the driver knows what to link with")
    monkeypatch.setenv("MSL_CPU_CXX", _zig_without(tmp_path, "c++"))
    assert _compiled(tmp_path).seven() == 7


def test_what_no_linker_can_do_is_told_by_the_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("MSL_CPU_CXX", _zig_without(tmp_path, "ld.lld", "c++"))
    with pytest.raises(CompilerCrash, match=r"zig failed with status 1:\nno c\+\+"):
        _compiled(tmp_path)


def test_the_quick_linker_is_for_zig_on_linux():
    zig, clang = build.Compiler(("/zig", "c++"), "zig", ""), build.Compiler(("/clang++",), "clang", "")
    assert [linker[1] for linker in zig.linkers("linux")] == ["ld.lld", "c++"]
    assert [linker[1] for linker in zig.linkers("darwin")] == ["c++"]
    assert [linker[:2] for linker in clang.linkers("linux")] == [("/clang++", "-shared")]
