"""Metal text -> C++ for OpenCL: address spaces get OpenCL's names, a kernel OpenCL's signature, a template values.

The functions of Metal come from headers/metal.h. Kernels and their attributes are found as they are for the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triton_alloy.msl_cpu.text.preprocess import needs_preprocessing, preprocess, take_markers_out
from triton_alloy.msl_cpu.text.signatures import ConstantValue, Instance, Program, find_kernels, strip_attributes
from triton_alloy.msl_cpu.text.tokens import Tokens

_PREFIX = '#include "metal.h"\nnamespace metal { namespace text {\n'
_SUFFIX = "}}  // namespace metal::text\n"
THREADS = 128
"""Of a threadgroup, where the text does not say."""
_SPACES = {"device": "__global", "threadgroup": "__local", "constant": "__constant", "thread": "__private"}
_DROPPED = re.compile(r"\s*#\s*(?:include\s*<|pragma\s+METAL\b|pragma\s+once\b)")
_INDENTED = re.compile(r"^[ \t]+#", re.MULTILINE)
_UNROLL = re.compile(r"\s*#\s*pragma\s+clang\s+loop\s+unroll\s*\(\s*(?:full|enable)\s*\)")
_ELEMENTS = ("char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "half", "float")
_VECTORS = frozenset(f"{element}{n}" for element in _ELEMENTS for n in (2, 3, 4))
# A loop over registers whose bounds are constants: unrolled, as Apple's compiler does.
_LOOP = re.compile(r"\(\s*(?:int|uint|short|ushort)\s+(\w+)\s*=\s*\w+\s*;\s*\1\s*<\s*([\w\s+*/-]+);[^;()]*\)")


@dataclass(frozen=True)
class ClProgram:
    """C++ for OpenCL that includes headers/metal.h. entries: the kernels' names; fused: products and sums may be
    contracted."""

    text: str
    entries: tuple[str, ...]
    fused: bool


def rewrite(
    source: str,
    constants: Mapping[int | str, ConstantValue] | None = None,
    include_paths: Sequence[str] = (),
    threads: int = THREADS,
) -> ClProgram:
    """The text in C++ for OpenCL.

    constants: values of function constants; include_paths: of the user's headers; threads: of a threadgroup, where the
    kernel does not say. Raises CompileError where the text cannot be understood.
    """
    contract = re.findall(r"^\s*#\s*pragma\s+METAL\s+fp\s+contract\s*\(\s*(\w+)\s*\)", source, re.MULTILINE)
    preprocessed = needs_preprocessing(source, include_paths)
    if preprocessed:
        source, _ = take_markers_out(preprocess(source, include_paths))
    program = Program(Tokens(_INDENTED.sub("#", source)))
    for token in program.tokens:
        if token.kind == "directive" and _DROPPED.match(token.text):
            token.text = "\n" * token.text.count("\n")
        elif token.kind == "directive" and _UNROLL.match(token.text):
            token.text = "#pragma unroll"
    strip_attributes(program, constants or {})
    find_kernels(program)
    _qualify(program.tokens, own_classes=preprocessed)
    _construct_vectors(program.tokens)
    _unroll(program.tokens)
    instances = "".join(_instance(program, entry, threads) for entry in program.entries if entry.kernel.is_template)
    for entry in program.entries:
        if not entry.kernel.is_template:
            _plain(program, entry, threads)
    _erase_templates(program)
    entries = tuple(map(_symbol, program.entries))
    return ClProgram(f"{_PREFIX}{program.tokens}\n{instances}{_SUFFIX}", entries, "off" not in contract[-1:])


def _qualify(tokens: Tokens, own_classes: bool) -> None:
    """Metal's names of address spaces -> OpenCL's. own_classes: the text has classes whose methods hand out references
    to what is in them; what belongs to a thread then stays without a space, since the methods' objects have none."""
    for i, token in enumerate(tokens):
        if token.kind != "word" or token.text not in _SPACES:
            continue
        around = {tokens.at(tokens.previous(i)), tokens.at(tokens.next(i))}
        if token == "constant" and _is_known_value(tokens, i):
            token.text = "const" if "constexpr" in _declaration(tokens, i) else "constexpr const"
        elif token == "thread" and (own_classes or ")" in around or "const" == tokens.at(tokens.previous(i)) == ")"):
            token.blank()
        else:
            token.text = _SPACES[token.text]


def _declaration(tokens: Tokens, index: int) -> list[str]:
    """The words before the one at `index` in its declaration."""
    words = []
    while tokens.at(index := tokens.previous(index)) not in (";", "{", "}", "(", ")", ",", ":", ">", ""):
        words.append(tokens.at(index))
    return words


def _is_known_value(tokens: Tokens, index: int) -> bool:
    """Whether `constant` at index is that of a number which the compiler knows: `static constant T x = 1;`."""
    after = index
    while tokens.at(after) not in ("=", ";", "(", "[", "{", "*", "&", ""):
        after = tokens.next(after)
    return tokens.at(after) == "=" and bool({"static", "constexpr"} & set(_declaration(tokens, index)))


def _construct_vectors(tokens: Tokens) -> None:
    """`float4(a, b)` -> `(float4)(a, b)`; the same for `vec<T, 4>(a, b)`."""
    for i, token in enumerate(tokens):
        is_vector = token.kind == "word" and token.text in _VECTORS
        if is_vector and tokens.at(tokens.next(i)) == "(" and tokens.at(tokens.previous(i)) != "operator":
            token.text = f"({token.text})"
        elif token == "vec" and tokens.at(tokens.next(i)) == "<" and tokens.at(tokens.previous(i)) != "operator":
            end = tokens.match_angle(tokens.next(i))
            if tokens.at(tokens.next(end)) == "(":
                token.text, tokens[end].text = "(vec", ">)"


def _unroll(tokens: Tokens) -> None:
    """Ask for it before every loop over registers that the text does not ask for itself."""
    asked = {tokens.next(tokens.match(tokens.next(i))) for i, token in enumerate(tokens) if token == "_Pragma"}
    asked |= {tokens.next(i) for i, token in enumerate(tokens) if token == "UNROLL" or token == "#pragma unroll"}
    for i, token in enumerate(tokens):
        opening = tokens.next(i)
        if token != "for" or tokens.at(opening) != "(" or i in asked:
            continue
        found = _LOOP.fullmatch(tokens.code(opening, tokens.match(opening) + 1))
        if found and all(re.match("k?[A-Z]", word) for word in re.findall(r"[A-Za-z_]\w*", found[2])):
            token.text = '_Pragma("unroll") for'


def _symbol(instance: Instance) -> str:
    return re.sub(r"\W", "_", instance.name)


def _signature(program: Program, instance: Instance, threads: int) -> tuple[str, str]:
    """The kernel's head in OpenCL, and the declarations that its body begins with."""
    tokens, kernel = program.tokens, instance.kernel
    count = kernel.max_threads or threads
    ranges = tokens.split(kernel.parentheses[0] + 1, kernel.parentheses[1])
    written = [" ".join(tokens.code(*each).split()) for each in ranges]
    parameters, declarations = [], [f"constexpr uint metal_threads = {count};"]
    for text, parameter in zip(filter(None, written), kernel.parameters, strict=True):
        type_, name = _declared(text)
        if parameter.kind not in ("buffer", "threadgroup_buffer"):
            declarations.append(f"const {type_} {name} = built_in<{type_}>::of({parameter.kind}(metal_threads));")
        elif type_.endswith("&"):
            parameters.append(f"{type_[:-1]}*{name}_pointer")
            declarations.append(f"{type_}{name} = *{name}_pointer;")
        else:
            parameters.append(text)
    head = f"__attribute__((reqd_work_group_size({count}, 1, 1))) __kernel void {_symbol(instance)}"
    return f"{head}({', '.join(parameters)})", " ".join(declarations)


def _declared(text: str) -> tuple[str, str]:
    """`const device T *x` -> ("const device T *", "x")."""
    name = re.split(r"\W+", text)[-1]
    return text.removesuffix(name).strip(), name


def _plain(program: Program, instance: Instance, threads: int) -> None:
    """The kernel becomes OpenCL's where it stands."""
    tokens, (opening, closing) = program.tokens, instance.kernel.parentheses
    head, declarations = _signature(program, instance, threads)
    start = _start(tokens, opening)
    tokens.blank(start, closing + 1)
    tokens[start].text = head
    tokens[instance.kernel.body[0]].text = "{ " + declarations


def _instance(program: Program, instance: Instance, threads: int) -> str:
    """A kernel of its own for a template with values: its parameters are types and constants beside it."""
    tokens, kernel = program.tokens, instance.kernel
    inner = Tokens(instance.expression.partition("<")[2].rpartition(">")[0])
    given = [inner.code(*each).strip() for each in inner.split(0, len(inner))]
    end = tokens.previous(_start(tokens, kernel.parentheses[0]))
    start = end
    while tokens.at(start) != "template":
        start -= 1
    names = []
    for i, each in enumerate(tokens.split(tokens.next(start) + 1, end)):
        declared, _, default = tokens.code(*each).partition("=")
        kind, name = declared.strip().rsplit(None, 1)
        value = given[i] if i < len(given) else default.strip()
        is_type = kind in ("typename", "class")
        names.append(f"typedef {value} {name};" if is_type else f"static constexpr const {kind} {name} = {value};")
    head, declarations = _signature(program, instance, threads)
    body = "".join(token.text for token in tokens[kernel.body[0] + 1 : kernel.body[1] + 1])
    scopes = instance.scope.split("::") if instance.scope else []
    opened = "".join(f"namespace {scope} {{ " for scope in [*scopes, f"of_{_symbol(instance)}"])
    return f"{opened}{' '.join(names)}\n{head} {{ {declarations}{body}\n{'}' * (len(scopes) + 1)}\n"


def _start(tokens: Tokens, opening: int) -> int:
    """Index of the first token of the declaration whose parameters begin at `opening`, behind a template's head."""
    start = opening
    while start > 0 and tokens[start - 1].text not in (";", "}", "{", ">"):
        start -= 1
    return tokens.next(start - 1)


def _erase_templates(program: Program) -> None:
    tokens = program.tokens
    for kernel in program.kernels.values():
        if kernel.is_template:
            start = _start(tokens, kernel.parentheses[0])
            while tokens.at(start) != "template":
                start -= 1
            for token in tokens[start : kernel.body[1] + 1]:
                token.text = "\n" * token.text.count("\n")
