"""The vocabulary's page: what is printed for which words, and that Metal's rules allow it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triton_alloy import msl_cpu
from triton_alloy.digest import sources_digest
from triton_alloy.kernel import LOG_BYTES, LOG_HEAD_WORDS, LOG_RECORD_WORDS
from triton_alloy.msl.vocabulary import ENTRIES, VOCABULARY, source_of
from triton_alloy.msl_cpu import Library
from triton_alloy.msl_cpu.text.rewrite import rewrite

HEADERS = Path(msl_cpu.__file__).parent / "headers"
HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
KERNEL = "kernel void k(device float *p [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) { p[lane] = 0.0f; }\n"
CONTRACT = re.findall(
    r"\w+",
    """load load_contiguous load_vector store store_contiguous store_vector store_uniform accumulate
    load_address store_address
    address_of shuffle_xor shuffle exchange first broadcast reduce_add reduce_mul reduce_min reduce_max reduce_and
    reduce_or reduce_xor reduce_minimum reduce_maximum divide remainder select minimum maximum erf mma_8x8 mma_rows b1
    i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32""",
)


def test_names():
    assert set(CONTRACT) <= set(VOCABULARY)


def test_a_page_is_short():
    page = source_of(["b1", "f32", "i32", "u32", "load_contiguous", "store_contiguous", "program_id", "float"])
    assert len(page.splitlines()) <= 14
    assert "threadgroup" not in page


def test_other_words_do_not_matter():
    assert source_of(["my_variable", "float", "metal"]) == ""


def test_what_a_definition_needs_comes_before_it():
    for name in VOCABULARY:
        page = source_of([name])
        defined = [entry for entry in ENTRIES if entry.text in page]
        for i, entry in enumerate(defined):
            earlier = {each.name for each in defined[:i]}
            always = {each.name for each in ENTRIES if not each.condition}
            assert always.intersection(entry.requires) <= earlier, entry


@pytest.mark.parametrize(
    ("words", "overload"),
    [
        (("reduce_add", "i64"), "long reduce_add(long x)"),
        (("reduce_add", "long"), "long reduce_add(long x)"),
        (("shuffle", "bfloat"), "bfloat shuffle(bfloat x"),
        (("exchange", "b1"), "bool shuffle_xor(bool x"),
        (("load", "threadgroup"), "const threadgroup T *p"),
    ],
)
def test_overloads_come_with_their_types(words: tuple[str, ...], overload: str):
    assert overload in source_of(words)
    assert overload not in source_of(words[:1])


def test_text_is_plain():
    for entry in ENTRIES:
        assert entry.text.isascii()
        assert "\t" not in entry.text and not re.search(r" +$", entry.text, re.MULTILINE)
        assert max(map(len, entry.text.splitlines())) <= 120
        if entry.section in ("arithmetic", "lanes", "memory", "matrix") and not entry.condition:
            assert "// " in entry.text, f"{entry.name}: no comment"


def test_the_cpu_unrolls_as_it_likes():
    """Requests in the user's own text stay."""
    pragma = '_Pragma("clang loop unroll(full)")'
    text = f"{HEAD}// vocabulary: begin\n{source_of(['UNROLL'])}// vocabulary: end\n#define MINE {pragma}\n{KERNEL}"
    assert text.count(pragma) == 2
    for mode in ("fast", "reference", "sanitize"):
        assert rewrite(text, mode, {}).text.count(pragma) == 1


def test_a_change_of_the_page_makes_cached_kernels_stale(monkeypatch: pytest.MonkeyPatch):
    before = sources_digest.__wrapped__()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b" " * path.name.endswith("_memory.metal"))
    assert sources_digest.__wrapped__() != before


def test_the_log_holds_what_its_buffer_holds():
    """One number in three languages."""
    records = (LOG_BYTES // 4 - LOG_HEAD_WORDS) // LOG_RECORD_WORDS
    [entry] = VOCABULARY["log_record"]
    assert f"number >= {records}u" in entry.text
    assert f"log_records = {records};" in (HEADERS / "lanes" / "log.h").read_text()


@pytest.mark.parametrize("name", VOCABULARY)
def test_each_definition_compiles_alone(name: str):
    Library(HEAD + source_of([name]) + KERNEL, mode="reference")
