"""Metal text -> C++ for OpenCL, for clang to check; every position can be traced back to the user's text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from ..limits import THREADGROUP_BYTES
from ..text.tokens import Tokens
from .classes import Class, find_classes
from .kernels import Kernels
from .tokens import VECTORS, Located, function_bodies

# Words that OpenCL reserves, or clang defines for it, and Metal does not.
OPENCL_WORDS = frozenset(
    ["local", "global", "generic", "read_only", "write_only", "read_write", "pipe", "vec_step", "addrspace_cast"]
    + ["event_t", "queue_t", "sampler_t", "clk_event_t", "reserve_id_t", "ndrange_t", "cl_khr_fp16"]
    + [f"CL_VERSION_{version}" for version in ("1_0", "1_1", "1_2", "2_0", "3_0")]
    + [f"image{kind}_t" for kind in ("1d", "1d_array", "1d_buffer", "3d")]
    + [f"image2d{kind}_t" for kind in ("", "_array", "_depth", "_msaa", "_array_depth", "_array_msaa", "_msaa_depth")]
)
_BOOL_VECTORS = frozenset({"bool2", "bool3", "bool4"})
_UNARY = frozenset(["+", "-", "!", "~", "*", "&", "sizeof"])
_INCLUDE = re.compile(r"\s*#\s*include\s*<(metal_|simd/)")


@dataclass(frozen=True)
class Rewritten:
    """`places[line]`: the new columns of that line's tokens and the user's columns, both ascending."""

    text: str
    places: dict[int, tuple[list[int], list[int]]]
    uses_metal: bool

    def column(self, line: int, column: int) -> int:
        """The user's column for a column of the rewritten text."""
        new, old = self.places.get(line, ([], []))
        i = bisect_right(new, column) - 1
        if i < 0:
            return column
        following = old[i + 1] if i + 1 < len(old) else column + old[i]
        return min(old[i] + column - new[i], max(following - 1, old[i]))


class _Editor:
    """Replacements of tokens, by index; the tokens themselves stay as the user wrote them."""

    def __init__(self, kernels: Kernels):
        self.kernels = kernels
        self.tokens: Tokens = kernels.text.tokens
        self.edits: dict[int, str] = {}
        self.uses_metal = False

    def put(self, index: int, text: str) -> None:
        self.edits[index] = text

    def erase(self, start: int, end: int) -> None:
        for i in range(start, end):
            newlines = self.tokens[i].text.count("\n")
            self.edits[i] = "\n" * newlines if newlines else " "

    def written(self, start: int, end: int) -> str:
        """start .. end-1 as rewritten so far, on one line."""
        parts = (self.edits.get(i, self.tokens[i].text) for i in range(start, end) if self.tokens[i].is_code())
        return " ".join(parts).replace("\n", " ")


def rewrite_for_clang(kernels: Kernels, own_methods: bool = False) -> Rewritten:
    """The whole text, attributes and qualifiers erased, vectors constructed through functions of the header.

    own_methods: methods take objects of the thread alone, as in Metal, except those of function objects, which are
    called on temporaries too; else methods take any object.
    """
    editor = _Editor(kernels)
    for start, end in kernels.erased:
        editor.erase(start, end)
    _function_constants(editor)
    vectors = set(VECTORS - _BOOL_VECTORS) | _vector_aliases(editor.tokens)
    _vector_variables(editor, vectors)
    classes = find_classes(editor.tokens)
    if own_methods:
        _own_methods(editor, classes)
        _references_to_constants(editor)
    else:
        _any_methods(editor)
    _copies(editor, classes)
    for i, token in enumerate(editor.tokens):
        if token.kind == "word":
            _word(editor, i, vectors)
        elif token.kind == "number" and token.text.lower().endswith("bf"):
            editor.put(i, f"bfloat({token.text[:-2]}f)")
        elif token.kind == "directive" and _INCLUDE.match(token.text):
            editor.uses_metal = True
            editor.put(i, "\n" * token.text.count("\n"))
        elif token.text == "(" and i not in editor.edits:
            _cast(editor, i, vectors)
    for start, end in kernels.variables:
        _threadgroup_variable(editor, start, end)
    _threadgroup_sizes(editor)
    for brace, text in kernels.insertions.items():
        editor.put(brace, editor.edits.get(brace, "{") + text)
    text, places = _emit(kernels.text, editor.edits)
    return Rewritten(text, places, editor.uses_metal)


def _emit(located: Located, edits: dict[int, str]) -> tuple[str, dict[int, tuple[list[int], list[int]]]]:
    places: dict[int, tuple[list[int], list[int]]] = {}
    parts = []
    column = 1
    for i, token in enumerate(located.tokens):
        text = edits.get(i, token.text)
        if token.is_code():
            new, old = places.setdefault(token.line, ([], []))
            new.append(column)
            old.append(located.columns[i])
        newline = text.rfind("\n")
        column = column + len(text) if newline < 0 else len(text) - newline
        parts.append(text)
    return "".join(parts), places


def _vector_aliases(tokens: Tokens) -> set[str]:
    """Names that `typedef float4 name;` or `using name = float4;` gives to vectors."""
    found = set()
    for i, token in enumerate(tokens):
        if token.text == "typedef" and tokens.at(tokens.next(i)) in VECTORS:
            name = tokens.next(tokens.next(i))
            if tokens.at(tokens.next(name)) == ";":
                found.add(tokens.at(name))
        elif token.text == "using":
            name = tokens.next(i)
            element = tokens.next(tokens.next(name))
            if tokens.at(tokens.next(name)) == "=" and tokens.at(element) in VECTORS:
                found.add(tokens.at(name))
    return found


def _function_constants(editor: _Editor) -> None:
    """`constant T name [[function_constant(n)]];` gets a value, which clang's constants need."""
    tokens = editor.tokens
    for start, attributes in editor.kernels.attributes.items():
        if (
            any(a.name == "function_constant" for a in attributes)
            and tokens.at(tokens.next(tokens.match(start))) == ";"
        ):
            editor.put(start, "= {}")


def _vector_variables(editor: _Editor, vectors: set[str]) -> None:
    """`float2 v(a, b);` and `float4 v = {a, b};` in a function: clang's vectors have no such initialisers."""
    tokens = editor.tokens
    for _, _, start, end in function_bodies(tokens):
        for i in range(start, end):
            if tokens[i].kind != "word" or tokens[i].text not in vectors:
                continue
            name = tokens.next(i)
            opening = tokens.next(name)
            if tokens[name].kind != "word":
                continue
            if tokens.at(opening) == "(" and tokens.at(tokens.next(opening)) != ")":
                editor.put(opening, f"= __msl_make<{tokens[i].text}>(")
            brace = tokens.next(opening)
            if tokens.at(opening) == "=" and tokens.at(brace) == "{" and tokens.at(tokens.next(brace)) != "}":
                editor.put(brace, f"__msl_braces<{tokens[i].text}>(")
                editor.put(tokens.match(brace), ")")


def _thread_qualifiers(tokens: Tokens) -> Iterator[int]:
    """Index of each `thread` that qualifies a method, behind its parameters."""
    for i, token in enumerate(tokens):
        if token.text != "thread" or tokens.at(tokens.next(i)) not in (":", "{", ";", "=", "->"):
            continue
        before = tokens.previous(i)
        before = tokens.previous(before) if tokens.at(before) == "const" else before
        if tokens.at(before) == ")":
            yield i


def _any_methods(editor: _Editor) -> None:
    """`S(...) thread`, `f() const thread` lose their qualifier: clang's temporaries are in no address space."""
    for i in _thread_qualifiers(editor.tokens):
        editor.put(i, "")


def _own_methods(editor: _Editor, classes: list[Class]) -> None:
    """`f()` becomes `f() thread` in each class but function objects, whose `thread` is erased."""
    tokens = editor.tokens
    owners = [c for c in classes if not c.is_function_object]
    for i in _thread_qualifiers(tokens):
        inside = [c for c in owners if c.start < i < c.end]
        if not inside or any(
            i in (m.qualifier, tokens.next(m.qualifier)) and m.is_constructor for m in inside[-1].methods
        ):
            editor.put(i, "")
    for owner in owners:
        for method in owner.methods:
            if method.is_plain and not method.is_constructor:
                editor.put(method.qualifier, f"{tokens[method.qualifier].text} thread")


def _references_to_constants(editor: _Editor) -> None:
    """`const thread T &x` takes temporaries, which are in no address space for clang."""
    tokens = editor.tokens
    for i, token in enumerate(tokens):
        if token.text != "thread" or i in editor.edits:
            continue
        if "const" not in (tokens.at(tokens.previous(i)), tokens.at(tokens.next(i))):
            continue
        end = tokens.next(i)
        while end < len(tokens) and (tokens[end].kind == "word" or tokens[end].text in ("::", "<")):
            end = tokens.next(tokens.match_angle(end) if tokens[end].text == "<" else end)
        if tokens.at(end) == "&":
            editor.put(i, "")


def _copies(editor: _Editor, classes: list[Class]) -> None:
    """`S s = c;` and `s = c` with a `c` in constant memory: clang's copies read any memory but that."""
    tokens = editor.tokens
    names = {owner.name for owner in classes if owner.name and not owner.is_template}
    for owner in classes:
        if owner.name in names and owner.is_structure:
            text = editor.edits.get(owner.start, "{")
            copy = f"template <class __msl_none = void> void operator=(const constant {owner.name} &);"
            editor.put(owner.start, f"{text} {copy}")
    for i, token in enumerate(tokens):
        if token.kind == "word" and token.text in names:
            _copy_declarators(editor, token.text, tokens.next(i))


def _copy_declarators(editor: _Editor, structure: str, name: int) -> None:
    """`name = x, other = y;` behind the name of a structure."""
    tokens = editor.tokens
    while name < len(tokens) and tokens[name].kind == "word" and tokens.at(tokens.next(name)) == "=":
        equals = tokens.next(name)
        end = _statement_end(tokens, equals)
        if tokens.at(end) not in (";", ","):
            return
        if tokens.at(tokens.next(equals)) not in ("{", "default", "delete"):
            editor.put(equals, f"= __msl_copy<{structure}>(")
            editor.put(end, f"){editor.edits.get(end, tokens[end].text)}")
        name = tokens.next(end) if tokens[end].text == "," else len(tokens)


def _statement_end(tokens: Tokens, start: int) -> int:
    """Index of the first ';' or ',' behind `start`, outside of brackets, or of the bracket that closes before it."""
    i = start
    while i < len(tokens) and tokens[i].text not in (";", ",", ")", "]", "}"):
        i = tokens.match(i) if tokens[i].kind == "symbol" and tokens[i].text in ("(", "[", "{") else i
        i = tokens.next(i)
    return i


def _word(editor: _Editor, index: int, vectors: set[str]) -> None:
    tokens = editor.tokens
    text = tokens[index].text
    if index in editor.edits:
        return
    if text in OPENCL_WORDS:
        editor.put(index, f"msl_{text}")
    elif text in vectors and tokens.at(tokens.next(index)) == "(":
        _construction(editor, index, index + 1)
    elif text == "vec" and tokens.at(tokens.next(index)) == "<":
        end = tokens.match_angle(tokens.next(index)) + 1
        if tokens.at(tokens.next(end - 1)) == "(":
            _construction(editor, index, end)
    elif text == "static_cast" and tokens.at(tokens.next(index)) == "<":
        end = tokens.match_angle(tokens.next(index))
        if not any(t.text in ("*", "&") for t in tokens[index:end]):
            editor.put(index, "__msl_cast")


def _construction(editor: _Editor, start: int, end: int) -> None:
    """`float4(...)` or `vec<T, 4>(...)`, at start .. end-1, not a declarator, not a conversion operator."""
    tokens = editor.tokens
    before = tokens.previous(start)
    inside = tokens.next(tokens.next(end - 1))
    if tokens.at(before) == "operator":
        return
    if tokens.at(inside) in ("&", "*") and tokens.at(tokens.next(tokens.next(inside))) == ")":
        after = tokens.next(tokens.next(tokens.next(inside)))
        if tokens.at(after) in ("[", "("):
            return
    if tokens.at(before) == "::":
        editor.erase(tokens.previous(before), start)
    qualifier = "metal::" if tokens[start].text == "vec" else ""
    editor.put(start, f"__msl_make<{qualifier}{tokens[start].text}")
    editor.put(end - 1, editor.edits.get(end - 1, tokens[end - 1].text) + ">")


def _cast(editor: _Editor, index: int, vectors: set[str]) -> None:
    """`(float4)x` -> `__msl_cast_to<float4>()->*x`: that operator binds as tightly as a cast does."""
    tokens = editor.tokens
    name = tokens.next(index)
    closing = tokens.next(name)
    if tokens.at(name) not in vectors or tokens.at(closing) != ")":
        return
    operand = tokens.next(closing)
    starts_operand = operand < len(tokens) and (
        tokens[operand].kind in ("word", "number") or tokens[operand].text in ("(", "-", "~")
    )
    before = tokens.previous(index)
    is_expression = tokens.at(before) == "return" or not (before >= 0 and tokens[before].kind == "word")
    if not starts_operand or not is_expression or tokens.at(before) in _UNARY:
        return
    editor.put(index, "__msl_cast_to<")
    editor.put(closing, ">()->*")


def _threadgroup_variable(editor: _Editor, start: int, end: int) -> None:
    """A variable of the arena becomes a reference: clang refuses the real thing in templates and inner blocks."""
    tokens = editor.tokens
    text = ""
    element = ""
    for first, last in tokens.split(tokens.next(start), end):
        name = _declared_name(tokens, first, last)
        if name < 0:
            return
        dimensions_end = name + 1
        while tokens.at(tokens.next(dimensions_end - 1)) == "[":
            dimensions_end = tokens.match(tokens.next(dimensions_end - 1)) + 1
        element = element or editor.written(first, name)
        kind = f"__msl_type_of_{tokens[name].text}"
        text += f"typedef {element} {kind}{editor.written(name + 1, dimensions_end)}; "
        text += f"threadgroup {kind} &{tokens[name].text} = __msl_threadgroup<{kind}>(); "
    editor.erase(start, end + 1)
    editor.put(start, text)


def _declared_name(tokens: Tokens, start: int, end: int) -> int:
    name = -1
    i = start
    while i < end:
        if tokens[i].text in ("[", "=", "{", "__attribute__"):
            break
        if tokens[i].text == "<":
            i = tokens.match_angle(i)
        elif tokens[i].kind == "word":
            name = i
        i += 1
    return name


def _threadgroup_sizes(editor: _Editor) -> None:
    """Sum the sizes of a kernel's variables; blocks beside each other are not added up."""
    tokens = editor.tokens
    variables = dict(editor.kernels.variables)
    for kernel in editor.kernels.kernels:
        if kernel.body is None or not any(kernel.body[0] < i < kernel.body[1] for i in variables):
            continue
        totals = ["0"]
        number = 0
        for i in range(kernel.body[0], kernel.body[1]):
            if tokens[i].text == "{" and tokens[i].kind == "symbol":
                totals.append(totals[-1])
            elif tokens[i].text == "}" and tokens[i].kind == "symbol":
                totals.pop()
            elif i in variables and i in editor.edits:
                total = f"__msl_bytes_{number}"
                number += 1
                sizes = re.findall(r"typedef .*? (__msl_type_of_\w+)", editor.edits[i])
                added = " + ".join(f"sizeof({size})" for size in sizes)
                message = f"threadgroup memory is over {THREADGROUP_BYTES} bytes"
                check = editor.kernels.assertion(i, f"{total} <= {THREADGROUP_BYTES}", message)
                editor.edits[i] += f"constexpr size_t {total} = {totals[-1]} + {added};{check}"
                totals[-1] = total
