"""A kernel in the form that transforms/registers/storage.py leaves it in, as Metal text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.core import Op, Value
from ..ir.types import F64, Location, PointerType, element_of
from ..kernel import LOCKS_BYTES, LOG_BYTES, Argument, Message, Origin, Service, SourceLine
from .expressions import Expression, name
from .messages import messages_of
from .names import Names, identifier
from .statements import print_block
from .types import memory_name, type_name
from .vocabulary import source_of, words_of
from .writer import Writer

MATH_PRAGMAS = """#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract({contract})"""
BEGIN, END = "// vocabulary: begin", "// vocabulary: end"
# Parameters of the kernel function that the body may name.
BUILT_INS = {
    "program_id": "uint3 program_id [[threadgroup_position_in_grid]]",
    "program_count": "uint3 program_count [[threadgroups_per_grid]]",
    "lane": "u32 lane [[thread_index_in_simdgroup]]",
    "simdgroup": "uint simdgroup [[simdgroup_index_in_threadgroup]]",
}
# The same for buffers of the runtime's, in the order in which they are bound after the arguments.
SERVICES = {"device_log": Service("log", LOG_BYTES), "lock_table": Service("locks", LOCKS_BYTES)}
# All that a text has without asking for a name. The struct's members are not called so either: what a text uses of
# these is found by its words.
OWN_NAMES = (*BUILT_INS, *SERVICES, "arena", "scalars")
LINE_LENGTH = 120


@dataclass(frozen=True)
class PrintedKernel:
    """source: pure ASCII MSL; name: of its kernel function; arguments: those used, in order; vocabulary: names used;
    services, messages, sources, origins: as in Kernel."""

    source: str
    name: str
    arguments: tuple[Argument, ...]
    vocabulary: tuple[str, ...]
    services: tuple[Service, ...]
    messages: tuple[Message, ...]
    sources: tuple[SourceLine, ...]
    origins: tuple[Origin, ...]


def print_kernel(
    kernel: Op,
    *,
    threads_per_simdgroup: int,
    sources: Mapping[tuple[str, int], str] | None = None,
    fp_contract: bool = True,
) -> PrintedKernel:
    """Print an `msl.kernel` after all stages. sources: the user's lines by (file, line), for comments and messages.

    Raises Unsupported for what Metal cannot say.
    """
    names = Names(OWN_NAMES)
    kernel_name = names.new(identifier(str(kernel.attributes["sym_name"]).removeprefix("@")))
    writer = Writer(names, sources or {}, messages_of(kernel, sources or {}))
    arguments, parameters, struct = _arguments(kernel, kernel_name, writer)
    print_block(kernel.body, writer)
    front = [*_arena(kernel), *writer.tables]
    body = "\n".join([*front, *writer.lines])
    used = words_of(body)
    services = {word: each for word, each in SERVICES.items() if each.kind in kernel.attributes["services"]}
    parameters += [f"device uint *{word} [[buffer({len(parameters) + i})]]" for i, word in enumerate(services)]
    parameters += [text for word, text in BUILT_INS.items() if word in used]
    threads = kernel.integer("simdgroups") * threads_per_simdgroup
    signature = _wrap(f"void {kernel_name}(", parameters)
    vocabulary = source_of(used | {"u32"} | words_of(signature))
    parts = [
        "#include <metal_stdlib>\nusing namespace metal;",
        MATH_PRAGMAS.format(contract="fast" if fp_contract else "off"),
        f"{BEGIN}\n{vocabulary.strip()}\n{END}",
        *struct,
        f"[[kernel, max_total_threads_per_threadgroup({threads})]]\n{signature} {{\n{body}\n}}",
    ]
    text = "\n".join(parts) + "\n"
    places, origins = _origins(writer, text[: text.rindex(body)].count("\n") + 1 + len(front))
    return PrintedKernel(
        text,
        kernel_name,
        tuple(arguments),
        tuple(sorted(filter(str.isidentifier, used))),
        tuple(services.values()),
        tuple(writer.numbers),
        tuple(_source_line(place, writer.sources) for place in places),
        tuple(origins),
    )


def _origins(writer: Writer, first: int) -> tuple[list[Location], list[Origin]]:
    """The places in the user's source, and which of them the lines of the text come from. first: number of the
    writer's first line in the text."""
    numbers: dict[Location, int] = {}
    origins = []
    for line, (statement, loads) in enumerate(writer.origins, first):
        own = _bare(statement)
        read = sorted({_bare(place) for place in loads}, key=lambda place: (place.file, place.line))
        named = [(own, ""), *((place, "read") for place in read if read != [own])]
        origins += [Origin(line, numbers.setdefault(p, len(numbers)), access) for p, access in named if p.line]
    return list(numbers), origins


def _bare(place: Location) -> Location:
    """The place without what does not tell lines apart."""
    outer = place.outermost()
    caller = Location(outer.file, outer.line) if (outer.file, outer.line) != (place.file, place.line) else None
    return Location(place.file, place.line, caller=caller)


def _source_line(place: Location, sources: Mapping[tuple[str, int], str]) -> SourceLine:
    return SourceLine(place.file, place.line, sources.get((place.file, place.line), ""), str(place.caller or ""))


def _wrap(head: str, parameters: list[str]) -> str:
    """The parameter list on one line, or on several of at most LINE_LENGTH."""
    lines = [head]
    for i, parameter in enumerate(parameters):
        text = parameter + (", " if i + 1 < len(parameters) else ")")
        if len(lines[-1]) + len(text) > LINE_LENGTH - 2 and lines[-1] != head:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * len(head))
        lines[-1] += text
    return "\n".join(lines) if parameters else head + ")"


def _arena(kernel: Op) -> list[str]:
    size = kernel.integer("threadgroup_bytes", 0)
    return [f"    threadgroup uchar arena[{size}] __attribute__((aligned(16)));"] if size else []


def _arguments(kernel: Op, kernel_name: str, writer: Writer) -> tuple[list[Argument], list[str], list[str]]:
    """The arguments in use, the function's parameters for them, and the struct of the scalars."""
    arguments, parameters, members = [], [], []
    member_names = Names(OWN_NAMES)
    positions = kernel.attributes.get("positions", range(len(kernel.body.arguments)))
    for position, value in zip(positions, kernel.body.arguments, strict=True):
        if not value.uses:
            continue
        wish = value.name or f"argument_{position}"
        if isinstance(value.type, PointerType):
            text = writer.name_value(value, wish)
            is_constant = value.type.space == "constant"
            parameters.append(f"{type_name(value.type)}{text} [[buffer({len(parameters)})]]")
            arguments.append(Argument(wish, "buffer", str(value.type.pointee), position, is_constant))
            continue
        field = member_names.new(wish)
        members.append(f"{_member_type(value)} {field};")
        writer.named[value] = _member(value, field)
        arguments.append(Argument(wish, "scalar", str(value.type), position))
    if not members:
        return arguments, parameters, []
    struct = writer.names.new(f"{kernel_name}_scalars")
    parameters.append(f"constant {struct} &scalars [[buffer({len(parameters)})]]")
    lines = "\n".join(f"    {member}" for member in members)
    return arguments, parameters, [f"struct {struct} {{\n{lines}\n}};"]


def _member_type(value: Value) -> str:
    """A double is passed by its bits: a struct is not copied out of constant memory."""
    element = element_of(value.type)
    return "ulong" if element is F64 else memory_name(element)


def _member(value: Value, field: str) -> Expression:
    """A scalar argument; a boolean is a byte in memory."""
    text = f"scalars.{field}"
    if element_of(value.type) is F64:
        return name(f"as_float64({text})")
    return name(text if _member_type(value) == type_name(value.type) else f"bool({text})")
