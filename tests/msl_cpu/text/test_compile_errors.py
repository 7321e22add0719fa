"""Errors come at positions of the user's text, as Apple's compiler prints them."""

from __future__ import annotations

import pytest

from triton_alloy.msl_cpu import CompileError, Library

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"

# (text after HEAD, line counted from 3, column, message)
WRONG = [
    ("kernel void f(device float *x [[buffer(0)]]) {\n  x[0] = y;\n}", 4, 10, "undeclared identifier 'y'"),
    ("kernel void f(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = z; }", 3, 91, "'z'"),
    ("kernel void f(device float *x [[buffer(0)]]) {\n  threadgroup float t[4];\n  x[0] = t[0] + q;\n}", 5, 17, "'q'"),
    ("kernel void f(device float *x [[buffer(0)]]) {\n  x[0] = 1.0f\n}", 4, 14, "expected ';'"),
    ("kernel void f(device float *x [[buffer(0)]]) {\n  float3 v = float3(1, 2);\n}", 4, 14, "float3|vec"),
    ("kernel void f(device float *x [[buffer(0)]]) {\n  x[0] = simd_sum();\n}", 4, 10, "no matching function"),
    ("kernel void f(device float *x [[buffer(0)]]) {\n  int *p = x;\n}", 4, 8, "cannot initialize"),
    ("kernel void f(device float *x [[buffer(0)]]) {\n", 3, 46, "expected '}'"),
    ("kernel void f(texture2d<float> t [[texture(0)]]) {}", 3, 15, "textures are not supported"),
    ("kernel void f(device int *x) {}\nkernel void f(device float *x) {}", 4, 13, "'f' is defined a second time; each"),
    ("kernel void f(device Foo *x [[buffer(0)]]) {}", 3, 22, "unknown type name 'Foo'"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), WRONG)
def test_position(text: str, line: int, column: int, message: str):
    with pytest.raises(CompileError, match=message) as caught:
        Library(HEAD + text, "reference")
    first = caught.value.diagnostics[0]
    assert (first.line, first.column, first.severity) == (line, column, "error")
    assert f"program_source:{line}:{column}: error: " in str(caught.value)


def test_is_a_syntax_error_that_shows_the_line():
    with pytest.raises(SyntaxError) as caught:
        Library(HEAD + "kernel void f(device float *x [[buffer(0)]]) { x[0] = y; }")
    assert str(caught.value).splitlines()[1:] == [
        "kernel void f(device float *x [[buffer(0)]]) { x[0] = y; }",
        " " * 54 + "^",
    ]


def test_all_errors_are_reported():
    text = HEAD + "kernel void f(device float *x [[buffer(0)]]) {\n  x[0] = a;\n  x[1] = b;\n}"
    with pytest.raises(CompileError) as caught:
        Library(text)
    assert [d.line for d in caught.value.diagnostics] == [4, 5]


def test_positions_in_macros_and_included_files(tmp_path):
    (tmp_path / "mine.h").write_text("#pragma once\ninline float twice(float x) {\n  return 2 * w;\n}\n")
    with pytest.raises(CompileError) as caught:
        Library(
            HEAD + '#include "mine.h"\nkernel void f(device float *x [[buffer(0)]]) { x[0] = twice(1); }',
            include_paths=[str(tmp_path)],
        )
    first = caught.value.diagnostics[0]
    assert first.file.endswith("mine.h") and first.line == 3
    text = HEAD + "#define BODY(name) kernel void name(device float *x [[buffer(0)]]) { x[0] = v; }\n\nBODY(f)\n"
    with pytest.raises(CompileError) as caught:
        Library(text)
    assert caught.value.diagnostics[0].line == 5


def test_a_missing_kernel_is_an_attribute_error():
    library = Library(HEAD + "kernel void f(device float *x [[buffer(0)]]) { x[0] = 1; }")
    with pytest.raises(AttributeError, match="it has f"):
        _ = library.g
    with pytest.raises(KeyError):
        _ = library["g"]
