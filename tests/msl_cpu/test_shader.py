"""compile_shader's choices: names of kernels, modes, folders of headers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from triton_alloy.msl_cpu import Library, compile_shader
from triton_alloy.msl_cpu import shader as shader_module
from triton_alloy.msl_cpu.compile.build import Compiler

torch = pytest.importorskip("torch")

NAMES = """
kernel void _private(device int *out, uint i [[thread_position_in_grid]]) { out[i] = 1; }
kernel void _library(device int *out, uint i [[thread_position_in_grid]]) { out[i] = 2; }
kernel void mode(device int *out, uint i [[thread_position_in_grid]]) { out[i] = 3; }
"""


def test_kernels_may_have_any_name():
    """Those that begin with an underscore, as Inductor's, and those that mean something else here."""
    shader, out = compile_shader(NAMES), torch.zeros(4, dtype=torch.int32)
    for number, name in enumerate(("_private", "_library", "mode"), 1):
        getattr(shader, name)(out)
        assert out.tolist() == [number] * 4
    assert sorted(dir(shader)) == ["_library", "_private", "mode"]
    library = Library(NAMES)
    assert library._private.name == "_private" and library["mode"].name == "mode"


@pytest.mark.parametrize("make", [compile_shader, Library])
def test_a_name_that_is_no_kernel(make):
    with pytest.raises(AttributeError, match="no kernel '__array__' in this library; it has _private, _library, mode"):
        make(NAMES).__array__  # noqa: B018
    assert not hasattr(object.__new__(type(make(NAMES))), "anything")  # as copy and pickle make them


def modes_of(monkeypatch: pytest.MonkeyPatch, text: str, *mode: str) -> str:
    """The mode in which compile_shader builds a text."""
    found: list[str] = []
    monkeypatch.setattr(shader_module, "Library", lambda text, mode, **_: found.append(mode) or {})
    compile_shader(text, *mode)
    return found[0]


def test_the_text_chooses_the_mode(monkeypatch: pytest.MonkeyPatch):
    """Fast where the text is in its vocabulary, unless the caller or the environment want another."""
    ours = "// vocabulary: begin\n// vocabulary: end\nkernel void k() {}"
    assert modes_of(monkeypatch, ours) == "fast" and modes_of(monkeypatch, NAMES) == "reference"
    assert modes_of(monkeypatch, NAMES, "fast") == "fast" and modes_of(monkeypatch, ours, "strict") == "strict"
    monkeypatch.setenv("MSL_CPU_MODE", "fast")
    assert modes_of(monkeypatch, ours) == "fast" and modes_of(monkeypatch, NAMES) == "reference"
    monkeypatch.setenv("MSL_CPU_MODE", "sanitize")
    assert modes_of(monkeypatch, ours) == modes_of(monkeypatch, NAMES) == "sanitize"
    monkeypatch.setenv("MSL_CPU_MODE", "")
    monkeypatch.setattr(shader_module, "find_compiler", lambda: Compiler(("g++",), "gcc", ""))
    assert modes_of(monkeypatch, ours) == "reference"


BUILT_INS = ("thread_position_in_grid", "thread_position_in_threadgroup", "thread_index_in_simdgroup")


@pytest.mark.parametrize("built_in", [*BUILT_INS, "thread_index_in_threadgroup", "thread_index_in_quadgroup"])
def test_fast_mode_refuses_what_one_thread_computes(built_in: str):
    """It would run for the first of 32 lanes alone."""
    text = f"kernel void k(device int *x [[buffer(0)]], uint i [[{built_in}]]) {{ x[i] = 1; }}"
    with pytest.raises(SyntaxError, match="takes what differs by lane as 32 lanes; run other texts in reference mode"):
        compile_shader(text, "fast")


def test_headers_are_those_that_pytorch_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Whatever the folder below its own include folder; Metal's own are never looked for."""
    folder = tmp_path / "torch" / "include"
    for name in ("c10/metal/a.h", "ATen/b.h", "metal_stdlib"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#pragma once\nconstant int one = 1;\n")
    (tmp_path / "torch" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch")
    assert shader_module._header_folders("#include <c10/metal/a.h>") == [str(folder)]
    assert shader_module._header_folders(' # include "ATen/b.h"\n') == [str(folder)]
    assert shader_module._header_folders("#include <metal_stdlib>\n#include <c10/metal/no.h>") == []
    shader = compile_shader("#include <ATen/b.h>\nkernel void k(device int *x) { x[0] = one; }")
    out = torch.zeros(1, dtype=torch.int32)
    shader.k(out)
    assert out.item() == 1


def test_a_header_that_is_nowhere_is_named():
    with pytest.raises(SyntaxError, match=r"c10/metal/no_such\.h"):
        compile_shader("#include <c10/metal/no_such.h>\nkernel void k(device int *x) { x[0] = 1; }")
