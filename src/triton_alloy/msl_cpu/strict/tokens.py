"""Strict mode's checks of the text alone: what clang lets through and Metal does not have.

Each check reads Tokens and yields diagnostics; none changes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import Diagnostic
from ..text.tokens import Tokens

ADDRESS_SPACES = frozenset({"device", "constant", "threadgroup", "thread", "threadgroup_imageblock", "object_data"})
SCALARS = frozenset(
    [
        "bool",
        "char",
        "uchar",
        "short",
        "ushort",
        "int",
        "uint",
        "long",
        "ulong",
        "half",
        "bfloat",
        "float",
        "void",
        "size_t",
        "ptrdiff_t",
        "signed",
        "unsigned",
        "int8_t",
        "uint8_t",
        "int16_t",
        "uint16_t",
        "int32_t",
        "uint32_t",
        "int64_t",
        "uint64_t",
        "intptr_t",
        "uintptr_t",
    ]
)
_VECTOR_ELEMENTS = [
    "bool",
    "char",
    "uchar",
    "short",
    "ushort",
    "int",
    "uint",
    "long",
    "ulong",
    "half",
    "bfloat",
    "float",
]
VECTORS = frozenset(f"{element}{width}" for element in _VECTOR_ELEMENTS for width in (2, 3, 4))
PACKED = frozenset(f"packed_{vector}" for vector in VECTORS)
ATOMICS = frozenset({"atomic_int", "atomic_uint", "atomic_float", "atomic_bool", "atomic_ulong"})
MATRICES = frozenset({"simdgroup_float8x8", "simdgroup_half8x8", "simdgroup_bfloat8x8"}) | frozenset(
    f"{element}{columns}x{rows}" for element in ("float", "half") for columns in (2, 3, 4) for rows in (2, 3, 4)
)
TYPE_TEMPLATES = frozenset(
    [
        "vec",
        "atomic",
        "_atomic",
        "array",
        "simdgroup_matrix",
        "packed_vec",
        "matrix",
        "enable_if_t",
        "conditional_t",
        "remove_cv_t",
        "remove_const_t",
        "remove_addrspace_t",
        "remove_reference_t",
        "remove_pointer_t",
        "make_signed_t",
        "make_unsigned_t",
    ]
)
_QUALIFIERS = frozenset({"const", "volatile", "restrict", "__restrict", "coherent"})
_SPECIFIERS = _QUALIFIERS | ADDRESS_SPACES | {"static", "inline", "constexpr", "typename", "struct", "extern"}

# Word -> what Metal says of it. `delete` after `=` and `virtual`-free uses are excepted in `_words`.
_REFUSED_WORDS = {
    "goto": "'goto' is not supported in Metal",
    "new": "'new' is not supported in Metal",
    "delete": "'delete' is not supported in Metal",
    "throw": "exceptions are not supported in Metal",
    "try": "exceptions are not supported in Metal",
    "catch": "exceptions are not supported in Metal",
    "dynamic_cast": "'dynamic_cast' is not supported in Metal",
    "typeid": "'typeid' is not supported in Metal",
    "virtual": "virtual functions are not supported in Metal",
    "thread_local": "'thread_local' is not supported in Metal",
    "double": "'double' is not supported in Metal",
    "asm": "inline assembly is not supported in Metal",
    "__asm__": "inline assembly is not supported in Metal",
    "register": "'register' storage is not supported in Metal",
    "vertex": "'vertex' is a reserved word; only compute kernels are supported here",
    "fragment": "'fragment' is a reserved word; only compute kernels are supported here",
    "__int128": "128-bit integers are not supported in Metal",
    "wchar_t": "'wchar_t' is not supported in Metal",
}
_VECTOR_ATTRIBUTES = ("ext_vector_type", "vector_size")
_HEADERS = re.compile(r"\s*#\s*include\s*<(metal_\w+|simd/simd\.h|simd/\w+\.h)>")
_FLOAT = re.compile(r"(?!0[xX])[\d']*(\.[\d']*)?([eE][+-]?\d+)?(?P<suffix>[a-zA-Z]*)$")
_FUNCTION_TAIL = frozenset({"const", "noexcept", "override", "final"}) | ADDRESS_SPACES
_NOT_CALLS = frozenset({"if", "for", "while", "switch", "return", "sizeof", "alignof", "decltype", "static_assert"})


class Located:
    """Tokens of one text with their columns, taken before anything is rewritten."""

    def __init__(self, source: str):
        self.tokens = Tokens(source)
        self.lines = source.split("\n")
        self.columns: list[int] = []
        column = 1
        for token in self.tokens:
            self.columns.append(column)
            newline = token.text.rfind("\n")
            column = column + len(token.text) if newline < 0 else len(token.text) - newline

    def error(self, index: int, message: str) -> Diagnostic:
        """A diagnostic at a token."""
        return self.at(self.tokens[index].line, self.columns[index], message)

    def at(self, line: int, column: int, message: str) -> Diagnostic:
        source = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Diagnostic(line, column, "error", message, source)


@dataclass
class Types:
    """Names of types: those of the whole text, and parameters of templates, each with the token ranges in which it is
    one. Elsewhere a variable may be called so."""

    names: set[str]
    parameters: dict[str, list[tuple[int, int]]]

    def has(self, tokens: Tokens, index: int) -> bool:
        """Whether the word at `index` may be a type."""
        text = tokens[index].text
        return text in self.names or any(start < index < end for start, end in self.parameters.get(text, ()))


def _template_parameters(tokens: Tokens) -> dict[int, tuple[int, int]]:
    """Index of each `class` and `typename` that declares a template's parameter -> (start, end) of the template."""
    found = {}
    for i, token in enumerate(tokens):
        opening = tokens.next(i) if token.text == "template" and token.kind == "word" else len(tokens)
        if tokens.at(opening) != "<":
            continue
        closing = tokens.match_angle(opening)
        end = _end_of_declaration(tokens, closing)
        for j in range(opening, closing):
            if tokens[j].text in ("class", "typename"):
                found[j] = (i, end)
    return found


def _end_of_declaration(tokens: Tokens, start: int) -> int:
    """Index of the ';' or '}' that ends what is declared behind `start`; the braces of initialisers do not."""
    i = start
    while i < len(tokens) and tokens[i].text != ";":
        if tokens[i].text == "{":
            i = tokens.match(i)
            if tokens.at(tokens.next(i)) not in ("{", ","):
                return i
        i = tokens.next(i)
    return i


def declared_types(tokens: Tokens) -> Types:
    """All types the text can use: Metal's and those declared anywhere in it."""
    names = set(SCALARS | VECTORS | PACKED | ATOMICS | MATRICES)
    declared = _template_parameters(tokens)
    parameters: dict[str, list[tuple[int, int]]] = {}
    for i, token in enumerate(tokens):
        if token.kind != "word":
            continue
        if i in declared:
            parameters.setdefault(tokens.at(tokens.next(i)), []).append(declared[i])
            continue
        if token.text in ("struct", "class", "enum", "union", "typename", "using"):
            following = tokens.next(i)
            if token.text == "enum" and tokens.at(following) in ("class", "struct"):
                following = tokens.next(following)
            is_alias = token.text != "using" or tokens.at(tokens.next(following)) == "="
            if following < len(tokens) and tokens[following].kind == "word" and is_alias:
                names.add(tokens[following].text)
        elif token.text == "typedef":
            end = i
            while tokens.at(end) not in (";", ""):
                end = tokens.match(end) + 1 if tokens.at(end) in ("{", "(") else end + 1
            words = [t.text for t in tokens[i:end] if t.kind == "word"]
            names.add(words[-1])
    return Types(names - ADDRESS_SPACES, parameters)


def _words(text: Located) -> Iterator[Diagnostic]:
    tokens = text.tokens
    for i, token in enumerate(tokens):
        if token.kind != "word":
            continue
        message = _REFUSED_WORDS.get(token.text)
        is_listed = tokens.at(tokens.previous(i)) in ("(", ",") and tokens.at(tokens.next(i)) == "("
        if token.text in _VECTOR_ATTRIBUTES and is_listed:
            yield text.error(i, "vectors have 2, 3 or 4 elements; use float2, float3, float4...")
        if message and not (token.text == "delete" and tokens.at(tokens.previous(i)) == "="):
            yield text.error(i, message)
        if token.text == "long" and tokens.at(tokens.next(i)) == "long":
            yield text.error(i, "'long long' is not supported in Metal; 'long' has 64 bits")


def _characters(text: Located) -> Iterator[Diagnostic]:
    for i, token in enumerate(text.tokens):
        if token.kind not in ("comment", "string") and not token.text.isascii():
            bad = next(c for c in token.text if not c.isascii())
            yield text.error(i, f"non-ASCII character U+{ord(bad):04X} outside a comment")


def unsuffixed_literals(text: Located) -> Iterator[Diagnostic]:
    """There is no double: a literal says whether it is float, half or bfloat."""
    for i, token in enumerate(text.tokens):
        if token.kind != "number":
            continue
        match = _FLOAT.match(token.text)
        if match is None or not (match.group(1) or match.group(2) or match.group("suffix") in ("f", "F", "h", "H")):
            continue
        suffix = match.group("suffix")
        if suffix not in ("f", "F", "h", "H", "bf", "BF"):
            yield text.error(
                i, f"floating-point literal '{token.text}' needs the suffix f, h or bf (there is no double)"
            )
        elif not match.group(1) and not match.group(2):
            yield text.error(i, f"invalid suffix '{suffix}' on integer constant '{token.text}'")


def _includes(text: Located) -> Iterator[Diagnostic]:
    for i, token in enumerate(text.tokens):
        if token.kind == "directive" and re.match(r"\s*#\s*include", token.text) and not _HEADERS.match(token.text):
            yield text.error(i, f"{token.text.strip()}: a text compiled at run time includes only Metal's own headers")


def _specifier_spaces(tokens: Tokens, index: int) -> set[str]:
    """Address spaces written before the type name at `index` in the same declaration."""
    found = set()
    i = tokens.previous(index)
    while i >= 0 and (
        tokens[i].text in _SPECIFIERS
        or tokens[i].text in SCALARS
        or tokens[i].text == "::"
        or tokens[i].text == "metal"
    ):
        found |= {tokens[i].text} & ADDRESS_SPACES
        i = tokens.previous(i)
    return found


def _type_end(tokens: Tokens, index: int, types: Types) -> int | None:
    """Index of the last token of the type specifier that begins at `index`, None where none begins."""
    token = tokens[index]
    if token.kind != "word" or tokens.at(tokens.previous(index)) in (".", "->", "struct", "class", "typename"):
        return None
    following = tokens.next(index)
    if tokens.at(following) == "<" and (token.text in TYPE_TEMPLATES or types.has(tokens, index)):
        end = tokens.match_angle(following)
        return None if tokens.at(tokens.next(end)) == "::" else end
    if not types.has(tokens, index) or tokens.at(following) == "::":
        return None
    return index


def _pointers(text: Located) -> Iterator[Diagnostic]:
    """Every pointer and reference names the address space of what it points to; a reference to a pointer need not."""
    tokens = text.tokens
    types = declared_types(tokens)
    for i in range(len(tokens)):
        end = _type_end(tokens, i, types)
        if end is None:
            continue
        spaces = _specifier_spaces(tokens, i)
        j = tokens.next(end)
        if tokens.at(j) == "(" and tokens.at(tokens.next(j)) in ("&", "*"):
            name = tokens.next(tokens.next(j))
            close = tokens.next(name)
            if tokens.at(close) == ")" and tokens.at(tokens.next(close)) == "[" and not spaces:
                yield text.error(tokens.next(j), _missing_space(tokens.at(tokens.next(j))))
            continue
        while tokens.at(j) in _QUALIFIERS or tokens.at(j) in ADDRESS_SPACES or tokens.at(j) in ("*", "&"):
            if tokens[j].text in ("*", "&"):
                to_pointer = tokens[j].text == "&" and tokens.at(tokens.previous(j)) == "*"
                if not spaces and not to_pointer:
                    yield text.error(j, _missing_space(tokens[j].text))
                    break
                spaces = set()
            spaces |= {tokens[j].text} & ADDRESS_SPACES
            j = tokens.next(j)


def _missing_space(symbol: str) -> str:
    kind = "pointer" if symbol == "*" else "reference"
    return f"{kind} type must have explicit address space qualifier"


def opening_of(tokens: Tokens, closing: int) -> int:
    """Index of the bracket that the ')' or ']' at `closing` closes, 0 where there is none."""
    pair = {")": "(", "]": "["}[tokens[closing].text]
    depth = 0
    for i in range(closing, -1, -1):
        depth += (tokens[i].text == tokens[closing].text) - (tokens[i].text == pair)
        if not depth:
            return i
    return 0


def function_bodies(tokens: Tokens) -> list[tuple[str, int, int, int]]:
    """(name, index of the name, of '{', of '}') of every function defined outside another function."""
    found = []
    i = 0
    while i < len(tokens):
        if tokens[i].text == "{" and tokens[i].kind == "symbol":
            name = _function_name(tokens, i)
            if name is not None:
                close = tokens.match(i)
                found.append((tokens[name].text, name, i, close))
                i = close
        i += 1
    return found


def _function_name(tokens: Tokens, brace: int) -> int | None:
    """Index of the name of the function whose body opens at `brace`, None for a namespace, class or initialiser."""
    i = tokens.previous(brace)
    while tokens.at(i) in _FUNCTION_TAIL:
        i = tokens.previous(i)
    if tokens.at(i) != ")":
        return None
    name = tokens.previous(opening_of(tokens, i))
    return name if name >= 0 and tokens[name].kind == "word" and tokens[name].text not in _NOT_CALLS else None


def calls(tokens: Tokens, start: int, end: int) -> Iterator[tuple[str, int]]:
    """(name, index) of each call `name(` or `name<...>(` in start .. end-1."""
    for i in range(start, end):
        if tokens[i].kind != "word" or tokens[i].text in _NOT_CALLS:
            continue
        following = tokens.next(i)
        if tokens.at(following) == "<" and tokens.at(tokens.previous(i)) not in (".", "->"):
            following = _after_arguments(tokens, following, end)
        if tokens.at(following) == "(":
            yield tokens[i].text, i


def _after_arguments(tokens: Tokens, index: int, end: int) -> int:
    """Index after the template arguments that open at `index`; `index` itself when it is a comparison."""
    depth = 0
    for i in range(index, end):
        text = tokens[i].text
        depth += (text == "<") - (text == ">")
        if not depth:
            return tokens.next(i)
        if text in (";", "{", "}", "&&", "||"):
            return index
    return index


CHECKS: tuple[Callable[[Located], Iterator[Diagnostic]], ...] = (
    _characters,
    _words,
    unsuffixed_literals,
    _includes,
    _pointers,
)
