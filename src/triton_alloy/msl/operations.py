"""msl ops that are expressions: lanes, pointers, loads, register reads. One registered function each."""

from __future__ import annotations

from collections.abc import Callable

from ..dialects.msl import DEVICE, row_of
from ..errors import Unsupported
from ..ir.core import Op, Value
from ..ir.types import F64, I1, PointerType, element_of
from .elementwise import unsigned
from .expressions import ANY, ATOM, EITHER, UNARY, Expression, binary, name, number_of
from .types import VARYING, is_varying, type_name
from .writer import LANES, Writer

CROSSING = ("all", "any", "broadcast", "first", "shuffle", "shuffle_xor")
AXES = "xyz"

Rule = Callable[[Op, Writer], Expression]
RULES: dict[str, Rule] = {}


def expression(*names: str) -> Callable[[Rule], Rule]:
    """Register the spelling of the named ops."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def call(function: str, arguments: list[Expression], reads: frozenset = frozenset()) -> Expression:
    if function in CROSSING or function.startswith("reduce_"):
        reads |= {LANES}
    text = f"{function}({', '.join(a.at(ANY) for a in arguments)})"
    return Expression(text, ATOM, reads.union(*(a.reads for a in arguments)))


# ------------------------------------------------------------------------------------------------------------- places
@expression("msl.lane")
def lane(op: Op, writer: Writer) -> Expression:
    return Expression("i32(lane)", short=True, unsigned=name("lane"))


@expression("msl.simdgroup")
def simdgroup(op: Op, writer: Writer) -> Expression:
    return Expression("int(simdgroup)", short=True, unsigned=name("simdgroup"))


@expression("msl.program_id", "msl.num_programs")
def program_id(op: Op, writer: Writer) -> Expression:
    vector = "program_id" if op.name == "msl.program_id" else "program_count"
    component = f"{vector}.{AXES[op.integer('axis')]}"
    return Expression(f"int({component})", unsigned=name(component))


def register_number(op: Op, table: tuple[int, ...], indices: list[Value], writer: Writer) -> Expression:
    """table[n] for the number n that the loop indices spell."""
    names = [writer.take(index).text for index in indices]
    extents = op.attributes.get("extents", ())[-len(names) :] if names else ()
    number = number_of(table, list(zip(names, extents, strict=True)))
    if number is not None:
        return number
    row = " + ".join(_scaled(n, extents[i + 1 :]) for i, n in enumerate(names))
    return Expression(f"{writer.table(table)}[{row}]", short=True)


def _scaled(index: str, inner: tuple[int, ...]) -> str:
    size = 1
    for extent in inner:
        size *= extent
    return f"{index} * {size}" if size > 1 else index


@expression("msl.position")
def position(op: Op, writer: Writer) -> Expression:
    number = register_number(op, op.attributes["values"], op.operands, writer)
    return Expression(number.text, number.level, short=number.level == ATOM or len(number.text) < 8)


@expression("msl.read")
def read(op: Op, writer: Writer) -> Expression:
    variable = op.operands[0]
    text = writer.take(variable).text
    if "map" not in op.attributes:
        return name(text, frozenset([variable]))
    number = register_number(op, op.attributes["map"], op.operands[1:], writer)
    return name(f"{text}[{number.text}]", frozenset([variable]))


@expression("msl.chunk")
def chunk(op: Op, writer: Writer) -> Expression:
    """Consecutive registers by the address of the first; a single one as an lvalue."""
    variable = op.operands[0]
    number = register_number(op, op.attributes["map"], op.operands[1:], writer)
    array = writer.take(variable).text
    if op.integer("width") == 1:
        return name(f"{array}[{number.text}]", frozenset([variable]))
    text = array if number.text == "0" else f"&{array}[{number.text}]"
    return Expression(text, UNARY, frozenset([variable]), short=True)


# -------------------------------------------------------------------------------------------------------------- lanes
@expression("msl.call")
def call_(op: Op, writer: Writer) -> Expression:
    function = op.attributes["function"]
    arguments = [writer.take(v) for v in op.operands]
    if function in VARYING.values() and _is_written_only(op) and _element_name(op.operands[0]) == function:
        return arguments[0]  # a variable of that type takes a uniform value as it is
    return call(function, arguments)


def _is_written_only(op: Op) -> bool:
    return all(user.name == "msl.write" for user in op.result.uses)


def _element_name(value: Value) -> str | None:
    return VARYING.get(str(element_of(value.type)))


@expression("msl.shuffle_xor")
def shuffle_xor(op: Op, writer: Writer) -> Expression:
    return call("shuffle_xor", [writer.take(op.operands[0]), name(f"{op.integer('mask')}u")])


@expression("msl.shuffle")
def shuffle(op: Op, writer: Writer) -> Expression:
    value, source = (writer.take(v) for v in op.operands)
    if not is_varying(op.operands[1].type):
        return call("shuffle", [value, call("u32", [source])])
    return call("shuffle", [value, unsigned(op.operands[1], source)])


@expression("msl.simd_any", "msl.simd_all")
def vote(op: Op, writer: Writer) -> Expression:
    return call(op.name.removeprefix("msl."), [writer.take(op.operands[0])])


@expression("msl.simd_reduce")
def simd_reduce(op: Op, writer: Writer) -> Expression:
    kind = op.attributes["kind"]
    value = writer.take(op.operands[0])
    if kind not in ("umax", "umin"):
        return call(f"reduce_{kind}", [value])
    reduced = call(f"reduce_{kind[1:]}", [unsigned(op.operands[0], value)])
    return Expression(f"{type_name(op.result.type)}({reduced.text})", ATOM, reduced.reads, unsigned=reduced)


# ----------------------------------------------------------------------------------------------------------- pointers
@expression("msl.pointer_add", "msl.lane_pointer")
def pointer_add(op: Op, writer: Writer) -> Expression:
    return binary("+", writer.take(op.operands[0]), writer.take(op.operands[1]))


@expression("msl.pointer_cast", "msl.pointer_from")
def pointer_cast(op: Op, writer: Writer) -> Expression:
    operand = writer.take(op.operands[0])
    spelled = type_name(op.result.type)
    source = operand.at(UNARY)
    if op.name == "msl.pointer_from":
        source = f"ulong({operand.text})"
    return Expression(f"({spelled}){source}", UNARY, operand.reads)


@expression("msl.address_of")
def address_of(op: Op, writer: Writer) -> Expression:
    inner = call("address_of", [writer.take(op.operands[0])])
    return Expression(f"long({inner.text})", ATOM, inner.reads, unsigned=inner)


@expression("msl.shared_alloc")
def shared_alloc(op: Op, writer: Writer) -> Expression:
    offset = op.integer("offset")
    place = f"arena + {offset}" if offset else "arena"
    return Expression(f"({type_name(op.result.type)})" + (f"({place})" if offset else place), UNARY)


# -------------------------------------------------------------------------------------------------------------- loads
def place_arguments(base: Value, offset: Value, writer: Writer) -> list[Expression]:
    """A pointer and an offset for a function over lanes: one of them is varying."""
    pointer = writer.take(base)
    return [pointer, writer.take(offset) if is_varying(base.type) else offset_argument(offset, writer)]


def offset_argument(value: Value, writer: Writer) -> Expression:
    """An offset for a function over lanes, which wants a varying one."""
    offset = writer.take(value)
    if is_varying(value.type):
        return offset
    return call(VARYING[str(element_of(value.type))], [offset])


def element_at(base: Value, index: Value, writer: Writer) -> Expression:
    """base[index], of uniform operands."""
    pointer, place = writer.take(base), writer.take(index)
    if place.text in ("0", "0l") and pointer.level < ATOM:
        return Expression(f"*{pointer.at(ATOM)}", UNARY, pointer.reads)
    return Expression(f"{pointer.at(ATOM)}[{place.text}]", ATOM, pointer.reads | place.reads)


def _memory_read(op: Op) -> frozenset:
    """What a load reads; of a user's access to device memory also its place in the source."""
    memory = row_of(op).memory
    assert memory is not None
    return frozenset([memory.space, op.location] if memory.space == DEVICE else [memory.space])


@expression("msl.load", "msl.shared_load")
def load(op: Op, writer: Writer) -> Expression:
    reads = _memory_read(op)
    base, offset, *rest = op.operands
    if not is_varying(op.result.type):
        return _uniform_load(op, writer, reads)
    function = "load_contiguous" if op.attributes.get("contiguous") else "load"
    if op.attributes.get("coherent"):
        function = "load_coherent"
    arguments = [*place_arguments(base, offset, writer), *(writer.take(v) for v in rest)]
    return call(function, arguments, reads)


def _uniform_load(op: Op, writer: Writer, reads: frozenset) -> Expression:
    base, offset, *rest = op.operands
    if op.attributes.get("coherent"):
        return call("uniform_load_coherent", [writer.take(v) for v in op.operands], reads)
    if rest and element_of(op.result.type) is F64:  # a struct in MSL: the sides of ?: would differ in address space
        return call("load", [writer.take(v) for v in op.operands], reads)
    value = element_at(base, offset, writer)
    reads |= value.reads
    if not rest:
        return Expression(value.text, value.level, reads)
    mask = writer.take(rest[0])
    other = writer.take(rest[1]) if len(rest) > 1 else name(f"{type_name(op.result.type)}(0)")
    text = f"{mask.at(EITHER)} ? {value.text} : {other.at(EITHER)}"
    return Expression(text, ANY, reads | mask.reads | other.reads)


@expression("msl.load_address")
def load_address(op: Op, writer: Writer) -> Expression:
    element = element_of(op.result.type)
    if element is I1 or isinstance(element, PointerType):
        raise Unsupported(op, f"a load of {element} by address", op.location)
    address, *rest = op.operands
    varying = is_varying(address.type)
    arguments = [unsigned(address, writer.take(address)) if varying else call("u64", [writer.take(address)])]
    arguments += [writer.take(v) for v in rest]
    loaded = call(f"load_address<{type_name(element)}>", arguments, _memory_read(op))
    return loaded if is_varying(op.result.type) else call("first", [loaded])
