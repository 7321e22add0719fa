"""Ops that are statements: writes, stores, loops, branches. One registered function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..dialects.control import For
from ..dialects.msl import DEVICE, THREADGROUP, count_of, row_of
from ..errors import Unsupported
from ..ir.core import Block, Op, Value
from ..ir.types import RegisterType
from ..kernel import Message
from . import operations
from .elementwise import expression_of, has_row, unsigned
from .expressions import ANY, UNARY, Expression, name
from .operations import offset_argument, place_arguments, register_number
from .types import is_varying, type_name
from .writer import Writer

Rule = Callable[[Op, Writer], None]
RULES: dict[str, Rule] = {}
BARRIERS = {
    "threadgroup": "threadgroup_barrier(mem_flags::mem_threadgroup);",
    "simdgroup": "simdgroup_barrier(mem_flags::mem_threadgroup);",
    "device": "threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);",
    "simdgroup_device": "simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);",
}


def statement(*names: str) -> Callable[[Rule], Rule]:
    """Register the printing of the named ops."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def print_block(block: Block, writer: Writer) -> None:
    for op in block:
        print_op(op, writer)


def print_op(op: Op, writer: Writer) -> None:
    """Raises Unsupported for an op that has neither an expression nor a statement."""
    if op.name in RULES:
        writer.flush(changes(op))
        writer.begin(op.location)
        RULES[op.name](op, writer)
    elif op.name in operations.RULES:
        if op.result.uses:
            writer.keep(op, op.result, operations.RULES[op.name](op, writer))
    elif has_row(op):
        if op.result.uses:
            writer.keep(op, op.result, expression_of(op, writer))
    else:
        raise Unsupported(op, "this operation has no spelling in Metal", op.location)


def changes(op: Op) -> set:
    """The variables and memory that an op with regions changes; a simple statement flushes by itself."""
    return {each for inner in op.walk() if inner is not op for each in written(inner)} if op.regions else set()


def written(op: Op) -> Iterator:
    """The variables and memory that one op changes."""
    row = row_of(op)
    for place in (op.operands[number] for number in row.changes):
        chunk = place.definer
        yield chunk.operands[0] if chunk is not None and chunk.name == "msl.chunk" else place
    if not row.changes and op.name in RULES and not op.regions:
        in_threadgroup = row.memory is not None and row.memory.space == THREADGROUP
        yield from (THREADGROUP,) if in_threadgroup else (DEVICE, THREADGROUP)


def emit(op: Op, text: str, writer: Writer) -> None:
    """A simple statement, whose operands have been taken: what it changes is named before."""
    writer.comment(op.location)
    writer.flush(written(op))
    writer.line(text)


# ---------------------------------------------------------------------------------------------------------- variables
@statement("msl.variable")
def variable(op: Op, writer: Writer) -> None:
    value = op.result
    first = ""
    if op.operands:
        first = f" = {writer.take(op.operands[0]).at(ANY)}"
        writer.comment(op.location)
    spelled = type_name(value.type)
    text = writer.name_value(value, value.name or "values")
    count = f"[{value.type.count}]" if isinstance(value.type, RegisterType) and value.type.count > 1 else ""
    writer.line(f"{spelled}{'' if spelled.endswith('*') else ' '}{text}{count}{first};")


@statement("msl.write")
def write(op: Op, writer: Writer) -> None:
    value, target = op.operands[:2]
    text = writer.take(target).text
    if "map" in op.attributes:
        number = register_number(op, op.attributes["map"], op.operands[2:], writer)
        text = f"{text}[{number.text}]"
    emit(op, f"{text} = {writer.take(value).at(ANY)};", writer)


# ------------------------------------------------------------------------------------------------------------- memory
@statement("msl.store", "msl.shared_store")
def store(op: Op, writer: Writer) -> None:
    base, offset, value, *mask = op.operands
    if not any(is_varying(v.type) for v in op.operands):
        _uniform_store(op, writer)
        return
    function = "store_contiguous" if op.attributes.get("contiguous") else "store"
    if op.attributes.get("coherent"):
        function = "store_coherent"
    arguments = [*place_arguments(base, offset, writer), *(writer.take(v) for v in (value, *mask))]
    emit(op, operations.call(function, arguments).text + ";", writer)


def _uniform_store(op: Op, writer: Writer) -> None:
    """One lane stores: the others may still have to read what was there."""
    base, offset, value, *masks = op.operands
    arguments = [writer.take(base), writer.take(offset), writer.take(value), *(writer.take(m) for m in masks)]
    function = "uniform_store_coherent" if op.attributes.get("coherent") else "store_uniform"
    emit(op, operations.call(function, arguments).text + ";", writer)


@statement("msl.shared_add")
def shared_add(op: Op, writer: Writer) -> None:
    base, offset, *rest = op.operands
    arguments = [writer.take(base), offset_argument(offset, writer), *(writer.take(v) for v in rest)]
    emit(op, operations.call("accumulate", arguments).text + ";", writer)


@statement("msl.store_address")
def store_address(op: Op, writer: Writer) -> None:
    address, value, *mask = op.operands
    place = writer.take(address)
    place = unsigned(address, place) if is_varying(address.type) else operations.call("u64", [place])
    stored = offset_argument(value, writer)
    arguments = [place, stored, *(writer.take(v) for v in mask)]
    emit(op, operations.call(f"store_address<{_plain(value)}>", arguments).text + ";", writer)


def _plain(value: Value) -> str:
    type_ = value.type
    return type_name(type_.element if isinstance(type_, RegisterType) else type_)


@statement("msl.atomic")
def atomic(op: Op, writer: Writer) -> None:
    base, offset, *rest = op.operands
    place = offset_argument(offset, writer) if is_varying(op.result.type) else writer.take(offset)
    arguments = [writer.take(base), place, *(writer.take(v) for v in rest)]
    if op.attributes.get("locked"):
        arguments.insert(0, name("lock_table"))
    text = operations.call(op.attributes["function"], arguments).text + ";"
    writer.comment(op.location)
    writer.flush(written(op))
    old = f"const {type_name(op.result.type)} {writer.name_value(op.result, 'old')} = " if op.result.uses else ""
    writer.line(old + text)


@statement("msl.fence")
def fence(op: Op, writer: Writer) -> None:
    emit(op, "device_fence();", writer)


def log_arguments(message: Message, writer: Writer) -> list[Expression]:
    """The log, the message's number, and which program speaks."""
    return [name("device_log"), name(f"{writer.numbers[message]}u"), name("program_id")]


@statement("msl.print")
def print_(op: Op, writer: Writer) -> None:
    message = writer.messages[op]
    arguments = log_arguments(message, writer)
    function = "log_value" if message.element else "log_text"
    operands = list(op.operands)
    if message.shape:
        function = "log_values"
        arguments += [offset_argument(operands.pop(0), writer) for _ in range(2)]
    arguments += [writer.take(v) for v in operands]
    emit(op, operations.call(function, arguments).text + ";", writer)


@statement("msl.report")
def report(op: Op, writer: Writer) -> None:
    message = writer.messages[op]
    arguments = log_arguments(message, writer)
    function = "log_failures" if message.shape else "log_failure"
    make = offset_argument if message.shape else lambda value, _: writer.take(value)
    arguments += [make(v, writer) for v in op.operands]
    emit(op, operations.call(function, arguments).text + ";", writer)


@statement("msl.stop")
def stop(op: Op, writer: Writer) -> None:
    emit(op, f"if ({writer.take(op.operands[0]).at(ANY)}) return;", writer)


@statement("msl.load_into")
def load_into(op: Op, writer: Writer) -> None:
    place, base, offset, *rest = op.operands
    arguments = [writer.take(place), *place_arguments(base, offset, writer)]
    arguments += [writer.take(v) for v in rest]
    emit(op, operations.call(f"load_vector<{op.integer('width')}>", arguments).text + ";", writer)


@statement("msl.store_vector")
def store_vector(op: Op, writer: Writer) -> None:
    base, offset, values, *mask = op.operands
    arguments = [*place_arguments(base, offset, writer), writer.take(values)]
    arguments += [writer.take(v) for v in mask]
    emit(op, operations.call(f"store_vector<{op.integer('width')}>", arguments).text + ";", writer)


@statement("msl.barrier")
def barrier(op: Op, writer: Writer) -> None:
    emit(op, BARRIERS[op.attributes["scope"]], writer)


def _unrolled(op: Op) -> str:
    """What stands before a loop over registers: of the vocabulary, or nothing."""
    return "UNROLL " if op.attributes.get("unroll") else ""


# ------------------------------------------------------------------------------------------------------- whole arrays
@statement("msl.exchange_pair")
def exchange_pair(op: Op, writer: Writer) -> None:
    pair = ", ".join(writer.take(v).text for v in op.operands)
    emit(op, f"exchange({pair}, {op.integer('lane_bit')}u, lane);", writer)


def _array_argument(value: Value, writer: Writer) -> str:
    """An array by its name; a single value by its address."""
    if count_of(value) > 1:
        return writer.take(value).text
    if value in writer.pending:
        writer.declare(value)
    return f"&{writer.take(value).text}"


@statement("msl.mma_into")
def mma_into(op: Op, writer: Writer) -> None:
    """c += a * b for each matrix of the batch, whose registers are the outermost."""
    sizes = ", ".join(str(op.integer(key)) for key in "mnk")
    function = f"{op.attributes['function']}<{sizes}>"
    arrays = [_array_argument(v, writer) for v in op.operands]
    batch = op.integer("batch", 1)
    if batch == 1:
        emit(op, f"{function}({', '.join(arrays)});", writer)
        return
    writer.names.open()
    index = writer.names.new("i")
    emit(op, f"{_unrolled(op)}for (int {index} = 0; {index} < {batch}; ++{index})", writer)
    steps = [count_of(v) // batch for v in op.operands]
    parts = ", ".join(f"&{array}[{index} * {step}]" for array, step in zip(arrays, steps, strict=True))
    writer.line(f"    {function}({parts});")
    writer.names.close()


# ------------------------------------------------------------------------------------------------------- control flow
@statement("msl.loop")
def register_loop(op: Op, writer: Writer) -> None:
    start, count = op.integer("start"), op.integer("count")
    places = {inner.location.outermost() for inner in op.walk() if str(inner.location)}
    if len({(place.file, place.line) for place in places}) == 1:
        writer.comment(op.location)
    writer.names.open()
    index = writer.name_value(op.body.arguments[0], "j" if start else "r")
    writer.open(f"{_unrolled(op)}for (int {index} = {start}; {index} < {start + count}; ++{index})")
    print_block(op.body, writer)
    writer.close()
    writer.names.close()


@statement("scf.for")
def for_(op: Op, writer: Writer) -> None:
    loop = For(op)
    lower, upper, step = (writer.take(v) for v in loop.bounds)
    writer.comment(op.location)
    index = loop.index
    writer.names.open()
    text = writer.name_value(index, index.name or "i")
    condition = f"{text} < {upper.at(UNARY)}"
    if op.attributes.get("unsigned"):
        low, high = (unsigned(v, Expression(e)) for v, e in ((index, text), (loop.bounds[1], upper.text)))
        condition = f"{low.text} < {high.text}"
    increment = f"++{text}" if step.text == "1" else f"{text} += {step.text}"
    writer.open(f"{_unrolled(op)}for ({type_name(index.type)} {text} = {lower.text}; {condition}; {increment})")
    print_block(op.body, writer)
    writer.close()
    writer.names.close()


@statement("scf.if")
def if_(op: Op, writer: Writer) -> None:
    condition = writer.take(op.operands[0])
    blocks = op.blocks()
    full = [len(list(block)) > 1 for block in blocks]
    if not any(full):
        return
    writer.comment(op.location)
    if not full[0]:
        writer.open(f"if (!{condition.at(UNARY)})")
        print_block(blocks[1], writer)
        writer.close()
        return
    writer.open(f"if ({condition.text})")
    print_block(blocks[0], writer)
    if any(full[1:]):
        writer.reopen("} else")
        print_block(blocks[1], writer)
    writer.close()


@statement("scf.while")
def while_(op: Op, writer: Writer) -> None:
    writer.comment(op.location)
    writer.open("while (true)")
    for block in op.blocks():
        print_block(block, writer)
    writer.close()


@statement("scf.condition")
def condition(op: Op, writer: Writer) -> None:
    writer.comment(op.location)
    writer.line(f"if (!{writer.take(op.operands[0]).at(UNARY)}) break;")


@statement("scf.yield", "msl.yield")
def yield_(op: Op, writer: Writer) -> None:
    """Storage has turned what is carried into writes."""


@statement("msl.return")
def return_(op: Op, writer: Writer) -> None:
    if op.parent is not None and op.parent.name != "msl.kernel":
        writer.line("return;")
