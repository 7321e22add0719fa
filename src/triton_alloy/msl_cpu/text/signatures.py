"""Find kernels in the tokens: their attributes, the kinds of their parameters, explicit instantiations.

Attributes are read here and erased, since a C++ compiler ignores them. Only the *kinds* of parameters come from the
text; their types come from the compiler, so that templates, typedefs and macros need no understanding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .language import BUILT_INS
from .tokens import Tokens

ConstantValue = bool | int | float | Sequence[bool | int | float]  # a sequence: components of a vector

_REFUSED = {
    "texture": "textures are not supported on the CPU",
    "sampler": "samplers are not supported on the CPU",
    "stage_in": "vertex and fragment inputs are not supported",
    "imageblock_data": "imageblocks are not supported",
}


@dataclass(frozen=True)
class KernelParameter:
    """kind: a Kind of arguments.h; index: of the buffer or threadgroup argument, else 0."""

    kind: str
    index: int
    optional: bool = False  # [[function_constant(x)]]: may be left unbound


@dataclass
class KernelSource:
    """A function with the kernel qualifier, as written (a template counts once).

    itself: how its body names the function, among others that are called so, and with its template's parameters.
    """

    itself: str
    parameters: list[KernelParameter]
    parentheses: tuple[int, int]  # token indices of those around its parameters
    body: tuple[int, int]  # token indices of its braces
    is_template: bool
    max_threads: int | None


@dataclass(frozen=True)
class Instance:
    """A kernel to be compiled. name: the host's; expression: C++ that names it in namespace `scope`, "" is global."""

    name: str
    expression: str
    scope: str
    kernel: KernelSource


@dataclass
class Program:
    """What the passes learn about a text."""

    tokens: Tokens
    kernels: dict[str, KernelSource] = field(default_factory=dict)  # by name, with namespaces
    entries: list[Instance] = field(default_factory=list)
    attributes: dict[int, str] = field(default_factory=dict)  # token index of "[[" -> text inside
    namespaces: list[tuple[int, int, str]] = field(default_factory=list)  # token indices of the braces, name

    def scope(self, index: int) -> str:
        """The namespace in which a token stands, "a::b", or "" outside of all."""
        return "::".join(name for start, end, name in self.namespaces if start < index < end and name)

    def find(self, name: str, scope: str) -> KernelSource | None:
        """The kernel that `name` means in a namespace: of the innermost one that has it."""
        parts = scope.split("::") if scope else []
        for length in range(len(parts), -1, -1):
            if kernel := self.kernels.get("::".join([*parts[:length], name])):
                return kernel
        # Brought in by a using directive.
        found = [kernel for full, kernel in self.kernels.items() if full.endswith("::" + name)]
        return found[0] if len(found) == 1 else None


def _is_attribute(tokens: Tokens, index: int) -> bool:
    return tokens[index].text == "[" and tokens[index].kind == "symbol" and tokens.at(tokens.next(index)) == "["


def _literal(value: ConstantValue) -> str:
    """A value of the host in C++."""
    if isinstance(value, Sequence):
        return "{" + ", ".join(map(_literal, value)) + "}"
    plain = getattr(value, "item", lambda: value)()  # of NumPy's scalars
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, float) and not math.isfinite(plain):
        return "NAN" if plain != plain else "INFINITY" if plain > 0 else "-INFINITY"
    return repr(plain)


def _declare_constant(tokens: Tokens, index: int, attribute: str, values: Mapping[int | str, ConstantValue]) -> str:
    """`constant T name [[function_constant(n)]];` -> a constexpr; returns the name if the host gave a value."""
    number = int(attribute.split("(")[1].split(")")[0], 0)
    name_at = tokens.previous(index)
    name = tokens[name_at].text
    start = name_at
    while start >= 0 and tokens[start] != "constant":
        start -= 1
        if start < 0 or tokens[start].text in (";", "}"):
            raise tokens.error(index, "a function constant must be declared 'constant T name [[function_constant(n)]]'")
    value = values.get(number, values.get(name))
    written = "{}" if value is None else _literal(value)
    # A value that was not given must not be used; the text guards it by is_function_constant_defined.
    tokens[start].text = "static constexpr"
    tokens[name_at].text = f"{name} = {written}"
    return name if value is not None else ""


def strip_attributes(program: Program, values: Mapping[int | str, ConstantValue]) -> None:
    """Erase every [[...]], remember it in program.attributes; replace function constants by their values."""
    tokens = program.tokens
    defined = set()
    i = 0
    while i < len(tokens):
        if _is_attribute(tokens, i):
            end = tokens.match(i)
            text = tokens.code(tokens.next(i) + 1, tokens.previous(end)).strip()
            program.attributes[i] = text
            tokens.merge_blank(i, end + 1)
            if re.match(r"function_constant\s*\(\s*\w+\s*\)", text) and tokens.at(tokens.next(end)) == ";":
                defined.add(_declare_constant(tokens, i, text, values))
            i = end
        elif tokens[i] == "is_function_constant_defined":
            end = tokens.match(tokens.next(i))
            name = tokens.code(tokens.next(i) + 1, end).strip()
            tokens.blank(i, end + 1)
            tokens[i].text = "1" if name in defined else "0"
            tokens[i].kind = "number"
            i = end
        i += 1


def _parameter_kind(program: Program, start: int, end: int) -> tuple[str, int | None, bool]:
    attributes = " ".join(program.attributes[i] for i in range(start, end) if i in program.attributes)
    for word in re.findall(r"\w+", attributes):
        if word in BUILT_INS:
            return word, 0, False
        if word in _REFUSED:
            raise program.tokens.error(program.tokens.next(start - 1), _REFUSED[word])
    index = re.search(r"\b(buffer|threadgroup)\s*\(([^)]*)\)", attributes)
    if index and not index.group(2).strip().isdigit():
        message = f"{index.group(1)}({index.group(2).strip()}): an index is a number, or a macro that stands for one"
        raise program.tokens.error(program.tokens.next(start - 1), message)
    number = int(index.group(2)) if index else None
    kind = "threadgroup_buffer" if "threadgroup" in program.tokens.words(start, end) else "buffer"
    return kind, number, "function_constant" in attributes


def _parameters(program: Program, start: int, end: int) -> list[KernelParameter]:
    """Parameters between the parentheses; those without an index take the next free one, as Metal does."""
    kinds = [
        _parameter_kind(program, first, last)
        for first, last in program.tokens.split(start, end)
        if program.tokens.code(first, last).strip()
    ]
    used = {(kind, index) for kind, index, _ in kinds if index is not None}
    result = []
    for kind, index, optional in kinds:
        if index is None:
            index = 0
            while (kind, index) in used:
                index += 1
            used.add((kind, index))
        result.append(KernelParameter(kind, index, optional))
    return result


def _host_name(attribute: str) -> str | None:
    found = re.search(r'host_name\(\s*((?:"[^"]*"\s*)+)\)', attribute)
    return "".join(re.findall(r'"([^"]*)"', found.group(1))) if found else None


def _instantiation(program: Program, start: int) -> int:
    """`template [[host_name("x")]] [[kernel]] decltype(f<A>) f<A>;` or `...kernel void f<A>(...);`; returns its end."""
    tokens = program.tokens
    end = start
    while tokens.at(end) != ";":
        end += 1
        if end >= len(tokens):
            raise tokens.error(start, "expected ';' after an explicit instantiation")
    attributes = [program.attributes[i] for i in range(start, end) if i in program.attributes]
    text = re.sub(r"::\s+", "::", tokens.code(start, end))
    found = re.search(r"decltype\s*\(.*\)\s*(.+)$", text, re.DOTALL) or re.search(
        r"void\s+([\w:]+\s*(?:<.*>)?)\s*\(", text, re.DOTALL
    )
    is_kernel = any(re.match(r"\s*kernel\b", a) for a in attributes) or "kernel" in tokens.words(start, end)
    name = re.match(r"[\w:]+", found.group(1).strip()) if found else None
    if not found or not name:
        return start
    scope = program.scope(start)
    source = program.find(name.group().removeprefix("::"), scope)
    if source is None and not is_kernel:
        return start
    if source is None:
        raise tokens.error(start, f"explicit instantiation of '{name.group()}', which is no kernel template")
    expression = " ".join(found.group(1).split())
    if expression.startswith("::"):
        expression, scope = expression.removeprefix("::"), ""
    hosts = [name for name in map(_host_name, attributes) if name]
    host = hosts[0] if hosts else "::".join(filter(None, [scope, expression]))
    program.entries.append(Instance(host, expression, scope, source))
    tokens.blank(start, end + 1)
    for i in range(start, end):
        program.attributes.pop(i, None)  # or the next kernel would take them for its own
    return end


def _max_threads(attributes: str) -> int | None:
    found = re.search(r"max_total_threads_per_threadgroup\s*\(\s*(\d+)\s*\)", attributes)
    return int(found.group(1)) if found else None


def _kernel(program: Program, qualifier: int) -> int:
    """Note the kernel whose qualifier stands at `qualifier`; returns the index of its body or its ';'."""
    tokens = program.tokens
    opening = qualifier
    while tokens.at(opening) != "(":
        opening += 1
        if opening >= len(tokens) or tokens[opening].text in (";", "{"):
            return qualifier
    closing = tokens.match(opening)
    first = qualifier
    while first > 0 and tokens[first - 1].text not in (";", "}", "{", ">"):
        first -= 1
    attributes = [program.attributes[i] for i in range(first, opening) if i in program.attributes]
    body = tokens.next(closing)
    if tokens.at(body) != "{":
        return closing
    name = tokens[tokens.previous(opening)].text
    scope = program.scope(qualifier)
    full = f"{scope}::{name}" if scope else name
    is_template = tokens.at(tokens.previous(first)) == ">"
    source = KernelSource(
        f"::{full}" + (_own_arguments(tokens, tokens.previous(first)) if is_template else ""),
        _parameters(program, opening + 1, closing),
        (opening, closing),
        (body, tokens.match(body)),
        is_template,
        _max_threads(" ".join(attributes)),
    )
    earlier = program.kernels.get(full)
    if earlier and not earlier.is_template and not is_template:
        message = f"kernel '{full}' is defined a second time; each kernel of a text needs a name of its own"
        raise tokens.error(tokens.previous(opening), message)
    program.kernels[full] = source
    if not source.is_template:
        hosts = [host for host in map(_host_name, attributes) if host]
        program.entries.append(Instance(hosts[0] if hosts else full, name, scope, source))
    return body


def _own_arguments(tokens: Tokens, closing: int) -> str:
    """`<T, n, rest...>` for the parameters of the template whose `>` stands at `closing`; nameless ones get names."""
    start = closing
    while tokens.at(start) != "template":
        start -= 1
    names = []
    for first, last in tokens.split(tokens.next(start) + 1, closing):
        end = next((i for i in range(first, last) if tokens[i] == "="), last)
        name = tokens.previous(end)
        if tokens[name].kind != "word" or sum(tokens[i].is_code() for i in range(first, end)) == 1:
            tokens[name].text += f" msl_cpu_argument_{name}"
            names.append(f"msl_cpu_argument_{name}")
        else:
            names.append(tokens[name].text)
        names[-1] += "..." * ("..." in tokens.code(first, end))
    return f"<{', '.join(names)}>"


def _find_namespaces(program: Program) -> None:
    tokens = program.tokens
    for i, token in enumerate(tokens):
        if token.kind == "word" and token == "namespace" and tokens.at(tokens.previous(i)) != "using":
            opening = next(j for j in range(i, len(tokens) + 1) if tokens.at(j) in ("{", ";", "=", ""))
            if tokens.at(opening) == "{":
                name = "".join(tokens.code(i + 1, opening).split())
                program.namespaces.append((opening, tokens.match(opening), name))


def find_kernels(program: Program) -> None:
    """Fill program.kernels and program.entries; erase the qualifier and the instantiations."""
    tokens = program.tokens
    _find_namespaces(program)
    i = 0
    while i < len(tokens):
        attribute = program.attributes.get(i, "")
        if re.match(r"\s*kernel\b", attribute):
            tokens[i].blank("static")
            i = _kernel(program, i)
        elif tokens[i].kind == "word" and tokens[i].text in ("kernel", "template"):
            follows = tokens.at(tokens.next(i))
            if tokens[i].text == "kernel":
                tokens[i].blank("static")
                i = _kernel(program, i)
            elif follows != "<" and tokens.at(tokens.previous(i)) not in ("::", ".", "->"):
                i = _instantiation(program, i)
        i += 1
