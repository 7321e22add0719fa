"""Names of a text: what is reserved, that whatever a user wishes leads to a name, and that C++ takes each."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.register_form import kernel_text, only_kernel, print_formed
from triton_alloy import msl_cpu
from triton_alloy.digest import READ_BY_CODE_GENERATION
from triton_alloy.ir.parser import parse
from triton_alloy.msl.declarations import declared_names
from triton_alloy.msl.intrinsics import INTRINSICS
from triton_alloy.msl.names import FILES, Names, identifier, reserved
from triton_alloy.msl.printer import BUILT_INS as PRINTED
from triton_alloy.msl.printer import OWN_NAMES
from triton_alloy.msl.vocabulary import VOCABULARY
from triton_alloy.msl_cpu import Library, strict
from triton_alloy.msl_cpu.text.language import BUILT_INS
from triton_alloy.transforms.registers import form_loops, storage

HEADERS = Path(msl_cpu.__file__).parent / "headers"
WORDS = sorted({*reserved().words, *OWN_NAMES, *(prefix + "x" for prefix in reserved().prefixes)})


def is_reserved(word: str) -> bool:
    return word in reserved().words or f"{word}_".startswith(reserved().prefixes)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r"//.*|/\*.*?\*/", "", text)))


# --------------------------------------------------------------------------------------------------- what is reserved
def test_the_vocabulary_is_reserved():
    assert all(map(is_reserved, VOCABULARY))
    for name, entries in VOCABULARY.items():
        assert set.union(*(declared_names(entry.text, "metal") for entry in entries)) == {name}


def test_what_a_row_of_the_elementwise_ops_calls_is_reserved():
    called = {word for row in INTRINSICS.values() for word in re.findall(r"([A-Za-z_]\w*)(?:[(<]|::)", row.template)}
    assert called and [word for word in called if not is_reserved(word)] == []


@pytest.mark.parametrize("header", sorted(HEADERS.rglob("*.h")), ids=lambda path: path.relative_to(HEADERS).as_posix())
def test_the_macros_of_every_header_are_reserved(header: Path):
    macros = re.findall(r"^\s*#\s*define\s+(\w+)", header.read_text(), re.MULTILINE)
    is_opencl = header.parent.name == "strict"  # whose other words only strict mode's own headers see
    assert [word for word in macros if not is_reserved(word) and not (is_opencl and not word.isupper())] == []


def test_what_reserved_names_are_read_from_is_part_of_the_compilers_digest():
    """Triton's cache would keep a text in which a name hides what a header declares since."""
    package = Path(msl_cpu.__file__).parents[1]
    counted = {path for pattern in READ_BY_CODE_GENERATION for path in package.glob(pattern)}
    assert set(FILES) == counted and len(counted) > 10


def test_declared_names():
    text = """
    #define ONE(a) a  // #define NO
    namespace metal { namespace inner { int no; }
    template <class T, class = If<Other<T>>> struct S { int no; friend void no(); };
    template <class T> inline T f(T no, int other = 1) { struct no { int x; }; return no; }
    constexpr int table[2] = {1, 2}; using Alias = Other<int>; typedef unsigned int Word;
    S<int> operator+(S<int> a, S<int> b); }
    namespace precise { float no(float); }
    void g();
    """
    assert declared_names(text, "metal") == {
        "ONE", "inner", "S", "f", "table", "Alias", "Word", "metal", "precise", "g"
    }  # fmt: skip


def test_the_headers_of_the_lanes_add_what_the_text_is_rewritten_to():
    assert {"write_contiguous", "Lanes", "lanes", "load_vector"} <= reserved().words
    assert not {"sum", "index", "bits", "count", "a", "x", "value"} & reserved().words


def test_the_built_ins_are_kinds_of_parameters():
    [kinds] = re.findall(r"enum Kind : uint \{(.*?)\};", (HEADERS / "msl_cpu" / "arguments.h").read_text(), re.DOTALL)
    names = {row.split("=")[0].strip() for row in re.sub("//.*", "", kinds).split(",") if row.strip()}
    assert names == {*BUILT_INS, "buffer", "threadgroup_buffer"} and set(BUILT_INS.values()) == {"uint", "uint3"}
    assert set(BUILT_INS) <= reserved().words


def test_what_a_text_asks_for_are_built_ins():
    for text in PRINTED.values():
        [(type_, attribute)] = re.findall(r"(\w+) \w+ \[\[(\w+)\]\]", text)
        assert BUILT_INS[attribute] == {"u32": "uint"}.get(type_, type_), text


# ----------------------------------------------------------------------------------------------------------- new names
def test_every_reserved_word_gets_another_name():
    for word in WORDS:
        names = Names(OWN_NAMES)
        found = {names.new(word) for _ in range(3)}
        assert len(found) == 3 and not any(is_reserved(name) or name in OWN_NAMES for name in found), word


def test_a_reserved_beginning_is_changed_in_front():
    names = Names()
    wishes = ("atomic_mask", "atomic_mask", "simd", "quad_id", "metal", "msl_cpu", "max", "maximal", "sim", "sim")
    assert [names.new(wish) for wish in wishes] == [
        "v_atomic_mask", "v_atomic_mask_1", "v_simd", "v_quad_id", "v_metal", "v_msl_cpu", "max_1", "maximal", "sim",
        "sim_1",
    ]  # fmt: skip
    assert not any(f"v_{'x'}".startswith(prefix) for prefix in reserved().prefixes)


ENDINGS = st.sampled_from(["", "_", "_1", "_1_1", "1", "__1", "_x"])
STEMS = st.one_of(st.sampled_from([*WORDS, "x", "x_1", "v", "v_", "_", "__"]), st.text(min_size=1, max_size=6))
WISHES = st.lists(st.tuples(st.sampled_from(["", "_", "__", "v_"]), STEMS, ENDINGS).map("".join), max_size=40)


@settings(max_examples=100, deadline=None)
@given(WISHES)
def test_any_wishes_get_names_of_their_own(wishes: list[str]):
    names = Names(OWN_NAMES)
    found = [names.new(wish) for wish in wishes]
    assert len(set(found)) == len(found) and not set(found) & set(OWN_NAMES)
    for name in found:
        assert re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) and "__" not in name and not is_reserved(name)
    again = Names(OWN_NAMES)
    assert [again.new(wish) for wish in wishes] == found


# ------------------------------------------------------------------------------------------------------ in a whole text
def text_of_kernels(words: list[str]) -> tuple[str, list[str]]:
    """A text with a kernel for each word, and what the kernels are called in it."""
    body = """
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    "msl.store"(%y, %zero, %n) <{contiguous = false}> : (!tt.ptr<i32>, i32, i32) -> ()
    """
    parts, found = [], []
    for word in words:
        module = parse(kernel_text("%y: !tt.ptr<i32>, %n: i32", body, name=identifier(word)))
        form_loops.run(module, 0)
        storage.run(module)
        printed = print_formed(only_kernel(module))
        head, _, text = printed.source.partition("struct ")
        parts.append(("" if parts else head) + "struct " + text)
        found.append(printed.name)
    return "\n".join(parts), found


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_a_kernel_of_any_name_is_found_by_what_it_is_called(mode: str):
    """A tenth of all words, of which each has its turn in one of the modes, and strict mode sees them all."""
    words = WORDS[("fast", "reference").index(mode) :: 10] + ["T", "memcpy", "printf", "exit", "sinf", "k"]
    text, names = text_of_kernels(words)
    library = Library(text, mode)
    for name in names[::8]:
        y = np.zeros(1, np.int32)
        library[name].launch([y, np.array([7], np.int32)], 1, 32)
        assert y[0] == 7


def test_kernels_of_all_names_are_valid_metal():
    text, names = text_of_kernels([*WORDS, "T", "memcpy", "printf", "exit", "sinf", "event_t", "read_only"])
    assert len(set(names)) == len(names)
    strict.check(text)


def words_of_the_headers() -> list[str]:
    files = [*HEADERS.rglob("*.h"), *Path(msl_cpu.__file__).parents[1].glob("msl/vocabulary/*.metal")]
    return sorted({*set.union(*(words_of(file.read_text()) for file in files)), *WORDS, "main", "not", "and", "for"})


def text_with_locals(words: list[str]) -> str:
    """One kernel that has an argument and a local of each name."""
    arguments = ", ".join(["%x: !tt.ptr<i32>", "%y: !tt.ptr<i32>", *(f"%a{k}: i32" for k in range(len(words)))])
    body = ['%t0 = "msl.load"(%x, %a0) <{contiguous = false}> : (!tt.ptr<i32>, i32) -> i32']
    for k in range(len(words)):
        body.append(f'%m{k} = "arith.muli"(%t{k}, %a{k}) : (i32, i32) -> i32')
        body.append(f'%t{k + 1} = "arith.xori"(%m{k}, %m{k}) : (i32, i32) -> i32')
    body.append(f'"msl.store"(%y, %a0, %t{len(words)}) <{{contiguous = false}}> : (!tt.ptr<i32>, i32, i32) -> ()')
    module = parse(kernel_text(arguments, "\n".join(body)))
    kernel = only_kernel(module)
    for argument, word in zip(kernel.body.arguments[2:], words, strict=True):
        argument.location = argument.location.__class__(name=word)
    named = iter(words)
    for op in kernel.walk():
        if op.name == "arith.muli":
            op.result.location = op.result.location.__class__(name=next(named))
    form_loops.run(module, 0)
    storage.run(module)
    return print_formed(kernel).source


@pytest.mark.parametrize("mode", ["fast", "reference", "strict"])
def test_every_word_of_every_header_may_be_a_users(mode: str):
    """Words that are listed nowhere too: a macro that the table lacks, or what is declared, would show."""
    text = text_with_locals(words_of_the_headers())
    if mode == "strict":
        strict.check(text)
    else:
        assert list(Library(text, mode)) == ["k"]
