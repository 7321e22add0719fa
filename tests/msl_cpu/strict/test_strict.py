"""Strict mode refuses every wrong kernel at the right line and accepts every right one."""

from __future__ import annotations

import contextlib
import pickle
import re
import time

import pytest

from tests.support.strict_cases import Case, read_cases
from triton_alloy.msl_cpu import CompileError, Library
from triton_alloy.msl_cpu.strict import StrictError, check

RIGHT, WRONG = read_cases("right"), read_cases("wrong")


def _name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", RIGHT, ids=_name)
def test_accepts(case):
    check(case.source)


@pytest.mark.conformance
@pytest.mark.parametrize("case", RIGHT, ids=_name)
def test_reference_mode_has_what_strict_mode_accepts(case):
    Library(case.source, "reference")


@pytest.mark.parametrize("case", WRONG, ids=_name)
def test_refuses(case):
    expected = case.expected()
    assert expected, "a wrong kernel says where it is wrong"
    with pytest.raises(StrictError) as caught:
        check(case.source)
    found = caught.value.diagnostics
    assert {diagnostic.line for diagnostic in found} == set(expected), str(caught.value)
    for line, pattern in expected.items():
        messages = [diagnostic.message for diagnostic in found if diagnostic.line == line]
        assert any(re.search(pattern, message) for message in messages), messages


def test_sets_are_large_and_have_unique_names():
    assert len(WRONG) >= 60 and len(RIGHT) >= 40
    names = [case.name for case in RIGHT + WRONG]
    assert len(set(names)) == len(names)
    assert all(case.rule for case in RIGHT + WRONG)


@pytest.mark.parametrize(
    "text",
    [
        # A vector constructor, a bfloat literal, a renamed word before the error: all are rewritten for clang.
        "kernel void k(device metal::float4 *x) { x[0] = metal::float4(1.0f) + y; }",
        "kernel void k(device bfloat *x) { x[0] = 2.0bf + y; }",
        "kernel void k(device float *x [[buffer(0)]]) { int local = 1 + (2 * y); }",
    ],
)
def test_positions_survive_rewriting(text):
    with pytest.raises(StrictError) as caught:
        check(f"#include <metal_stdlib>\n{text}\n")
    (diagnostic,) = caught.value.diagnostics
    expected = text.rindex("y") + 1
    assert (diagnostic.line, diagnostic.column) == (2, expected)
    assert str(caught.value).startswith(f"program_source:2:{expected}: error: ")


def test_all_problems_are_listed_in_order():
    with pytest.raises(StrictError) as caught:
        check("#include <metal_stdlib>\nkernel void k(device float *x) {\n  x[0] = 1.0;\n  goto a;\n  x[1] = z;\n}\n")
    assert [diagnostic.line for diagnostic in caught.value.diagnostics] == [3, 4, 4, 5]


@pytest.mark.parametrize("explicit", [0, 20, 34])
def test_more_than_31_buffers_are_counted_whether_they_have_an_index_or_not(explicit: int):
    def text(count: int) -> str:
        attributes = [f" [[buffer({i})]]" if i < explicit else "" for i in range(count)]
        parameters = ", ".join(f"device float *x{i}{attribute}" for i, attribute in enumerate(attributes))
        return f"kernel void k({parameters}) {{ x0[0] = 1.0f; }}"

    check(text(31))
    with pytest.raises(StrictError, match=r"buffer index 3[123] is over 30|more than 31 buffer arguments") as caught:
        check(text(34))
    assert len(caught.value.diagnostics) == (3 if explicit == 34 else 1)


def test_language_versions():
    fence = "#include <metal_stdlib>\nusing namespace metal;\nkernel void k(device float *x) { %s; }\n"
    source = fence % "atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device)"
    check(source, language="3.2")
    with pytest.raises(StrictError):
        check(source, language="3.1")
    coherent = "kernel void k(coherent(device) device float *x) { x[0] = 1.0f; }"
    check(coherent, language="3.2")
    with pytest.raises(StrictError):
        check(coherent, language="3.1")
    log = fence % 'os_log_default.log_info("%f", x[0])'
    check(log, language="4.0")
    logger = 'constant os_log logger("subsystem", "category");\n'
    check(log.replace("kernel", logger + "kernel").replace("os_log_default", "logger"), language="3.2")
    with pytest.raises(StrictError):
        check(log, language="3.1")
    with pytest.raises(ValueError, match="language"):
        check(source, language="5.0")


def test_mode_of_a_library():
    source = "#include <metal_stdlib>\nusing namespace metal;\nkernel void k(device float *x) { %s }\n"
    fence = "atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);"
    assert Library(source % fence, mode="strict").mode == "reference"
    with pytest.raises(StrictError):
        Library(source % "float *p = 0;", mode="strict")


def test_error_is_a_compile_error_and_travels():
    with pytest.raises(CompileError) as caught:
        check("kernel void k(device float *x) { x[0] = y; }")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy, StrictError) and copy.diagnostics == caught.value.diagnostics


@pytest.mark.parametrize(
    "source", ["", "\n", "kernel", "kernel void", "template", "((((", "[[", "/*", '"', "#", "struct"]
)
def test_broken_texts_do_not_break_the_checker(source):
    with contextlib.suppress(CompileError):
        check(source)


def test_speed():
    """A generous bound: the machine is shared. docs/msl_cpu_checks.md has the measured times."""
    source = next(case.source for case in RIGHT if case.name == "matrix_elements")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        check(source)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5
