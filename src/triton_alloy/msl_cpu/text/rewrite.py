"""Metal text -> C++ text for the headers of this package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..limits import MAX_THREADS, SIMD_WIDTH
from .address_spaces import erase_address_spaces
from .guards import guard_elements
from .line_numbers import SITES_PER_LINE, spread_lines
from .outputs import mark_outputs
from .refusals import refuse_what_is_missing
from .signatures import ConstantValue, Instance, KernelParameter, KernelSource, Program, find_kernels, strip_attributes
from .threadgroup_memory import place_threadgroup_variables
from .tokens import Tokens
from .vocabulary import VOCABULARY

_CONTRACT = re.compile(r"^\s*#\s*pragma\s+METAL\s+fp\s+contract\s*\(\s*(off|fast|on)\s*\)", re.MULTILINE)


# Operations between threads: a kernel whose text has none of them is a plain loop over its threads.
_COLLECTIVE = re.compile(
    r"\b(threadgroup_barrier|simdgroup_barrier|simdgroup_matrix|simdgroup_\w+8x8|simdgroup_(load|store|multiply)\w*"
    r"|(simd|quad)_(?!lane|group|id\b|gid|lid|size|per)\w+)\b"
)


@dataclass(frozen=True)
class Entry:
    """A kernel that the host can launch: `symbol` in the compiled library."""

    name: str
    symbol: str
    parameters: tuple[KernelParameter, ...]
    max_threads: int | None


@dataclass(frozen=True)
class CppProgram:
    """C++ text that follows metal_stdlib.h. flags: for the compiler, on which that header depends."""

    text: str
    flags: tuple[str, ...]
    entries: tuple[Entry, ...]
    contract: str  # value of -ffp-contract
    scale: int  # lines of `text` that stand for one of the user's
    fibers: bool  # each thread has a stack; else all share one


_FLAGS = {
    "fast": ("-DMSL_FAST",),
    "reference": ("-DMSL_REFERENCE",),
    # As on the hardware each lane reads and writes its own elements of a matrix.
    "sanitize": ("-DMSL_REFERENCE", "-DMSL_SANITIZE", "-DMSL_DISTRIBUTED_MATRIX"),
}
_UNROLL = '_Pragma("clang loop unroll(full)")'
_SYSTEM_INCLUDE = re.compile(r"^\s*#\s*include\s*<(metal_\w+|simd/\w+\.h)>")


def _drop_system_includes(tokens: Tokens) -> None:
    """<metal_stdlib> and its parts: one header of ours stands for all, included at the top."""
    for token in tokens:
        if token.kind == "directive" and _SYSTEM_INCLUDE.match(token.text):
            token.blank()


_LITERAL = re.compile(r"\b(?!0[xX])(\d[\d.']*(?:[eE][+-]?\d+)?)(bf|BF|H)\b")


def _mark_suffixes(tokens: Tokens) -> None:
    """`1.5bf` -> `1.5_bf`: a suffix of the user's begins with an underscore in C++; `h` happens to be allowed."""
    for token in tokens:
        if token.kind in ("number", "directive"):
            token.text = _LITERAL.sub(r"\1_\2", token.text)


_COLOURS = re.compile(r"[rgba]{2,4}")
_COLOUR_MEMBERS = re.compile(r"(?<=\.)[rgba]{2,4}\b|(?<=->)[rgba]{2,4}\b")
_COMPONENTS = str.maketrans("rgba", "xyzw")


def _name_colours(tokens: Tokens) -> None:
    """`v.rgb` -> `v.xyz`, unless the text has that word elsewhere too: then it names a member of the user's."""
    members, others = [], set()
    for i, token in enumerate(tokens):
        if token.kind == "word" and _COLOURS.fullmatch(token.text):
            if tokens.at(tokens.previous(i)) in (".", "->"):
                members.append(token)
            else:
                others.add(token.text)
    members += [token for token in tokens if token.kind == "directive"]
    for token in members:
        pattern = _COLOUR_MEMBERS if token.kind == "directive" else _COLOURS
        token.text = pattern.sub(
            lambda word: word[0] if word[0] in others else word[0].translate(_COMPONENTS), token.text
        )


_LINELESS = "__attribute__((nodebug, always_inline)) "


def _hide_vocabulary(tokens: Tokens) -> None:
    """Functions of the vocabulary get no lines of their own: what goes wrong in one counts as its caller's line."""
    marks = [i for i, token in enumerate(tokens) if token.kind == "comment" and "// vocabulary: " in token.text]
    if len(marks) != 2:
        return
    i = marks[0]
    while i < marks[1]:
        if tokens[i].text in ("{", "("):
            i = tokens.match(i)
        elif tokens[i] == "template":
            i = tokens.next(tokens.match_angle(tokens.next(i)))
        if tokens[i] == "inline" or (tokens[i].kind == "word" and tokens.at(tokens.previous(i)) == ">"):
            tokens[i].text = ("" if tokens[i].text in ("struct", "class") else _LINELESS) + tokens[i].text
        i = tokens.next(i)


def _drop_vocabulary(source: str) -> str:
    """The definitions that lanes/lanes.h replaces, lines kept."""
    return VOCABULARY.sub(lambda match: "\n" * match.group().count("\n"), source)


def _let_loops_be(source: str) -> str:
    """The vocabulary without its request to unroll, columns kept: it is for a GPU's registers, and compiling would take
    up to ten times as long."""
    return VOCABULARY.sub(lambda match: match.group().replace(_UNROLL, " " * len(_UNROLL)), source)


def _runner(mode: str, fibers: bool, kernel: KernelSource) -> str:
    """The function of the headers that runs a kernel."""
    if not fibers:
        return "run_loop"
    is_single = mode == "fast" and (kernel.max_threads or MAX_THREADS) <= SIMD_WIDTH
    return "run_fast_single" if is_single else f"run_{mode}"


def _entry(number: int, instance: Instance, runner: str) -> str:
    kinds = "".join(f", ::msl_cpu::Parameter<::msl_cpu::{p.kind}, {p.index}>" for p in instance.kernel.parameters)
    function = f"&{instance.expression}" if instance.scope else f"&::{instance.expression}"
    export = 'extern "C" __attribute__((visibility("default"))) '
    text = (
        f"typedef ::msl_cpu::Signature<decltype({function}){kinds}> msl_cpu_signature_{number};\n"
        f"{export} const msl_cpu_signature_{number}::Table "
        f"msl_cpu_parameters_{number} = msl_cpu_signature_{number}::table();\n"
        f"{export} const uint *const msl_cpu_static_{number} = &::msl_cpu::ThreadgroupMemory<{function}>::bytes;\n"
        f"{export} MSL_UNWATCHED void msl_cpu_kernel_{number}(::msl_cpu::Worker *worker, ulong first, ulong last) {{\n"
        f"  ::msl_cpu::{runner}<msl_cpu_signature_{number}, {function}>(worker, first, last);\n}}\n"
    )
    return f"namespace {instance.scope} {{\n{text}}}\n" if instance.scope else text


def rewrite(
    source: str,
    mode: str,
    constants: Mapping[int | str, ConstantValue],
    columns: bool = True,
    bounds: bool = False,
) -> CppProgram:
    """Translate for `mode`: "fast", "reference" or "sanitize".

    The user's lines keep their numbers and, where possible, columns. columns: the compiler knows them; without, lines
    are numbered as line_numbers.py says. bounds: check every access of device memory, in fast mode.
    """
    contract = _CONTRACT.findall(source)
    program = Program(Tokens(_drop_vocabulary(source) if mode == "fast" else _let_loops_be(source)))
    if mode == "reference" and columns:
        _hide_vocabulary(program.tokens)
    refuse_what_is_missing(program.tokens)
    _drop_system_includes(program.tokens)
    _name_colours(program.tokens)
    _mark_suffixes(program.tokens)
    strip_attributes(program, constants)
    find_kernels(program)
    place_threadgroup_variables(program)
    if mode == "fast":
        mark_outputs(program)
    if bounds:
        guard_elements(program)
    erase_address_spaces(program.tokens)
    flags = [*_FLAGS[mode], *(["-DMSL_BOUNDS"] if bounds else [])]
    if mode == "fast" and not VOCABULARY.search(source):
        flags.append("-DMSL_FOREIGN")
    if mode == "reference" and "thread_elements" in source:
        flags.append("-DMSL_DISTRIBUTED_MATRIX")
    fibers = mode != "reference" or bool(_COLLECTIVE.search(source))
    entries, text = [], []
    for number, instance in enumerate(program.entries):
        kernel = instance.kernel
        text.append(_entry(number, instance, _runner(mode, fibers, kernel)))
        entries.append(Entry(instance.name, f"msl_cpu_kernel_{number}", tuple(kernel.parameters), kernel.max_threads))
    user = str(program.tokens) if columns else spread_lines(program.tokens)
    body = f'#line 1 "program_source"\n{user}\n#line 1 "msl_cpu_entries"\n{"".join(text)}'
    scale = 1 if columns else SITES_PER_LINE
    return CppProgram(body, tuple(flags), tuple(entries), contract[-1] if contract else "fast", scale, fibers)
