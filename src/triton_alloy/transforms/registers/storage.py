"""Out of SSA: every array and every carried value becomes a variable, with as few copies as lifetimes allow.

Input is the loop form of form_loops.py; output is what the printer prints without deciding:

- msl.variable([init]) -> an array or a single value that is written more than once;
- msl.write(value, variable, indices...) {map, extents} and msl.read; without a map: a single value;
- msl.load_into(chunk, base, offset[, mask[, other]]) {width}, msl.exchange_pair(chunk, chunk) {lane_bit};
- msl.mma_into(c, a, b) on variables, adding to c; no op but msl.variable has an array as its result;
- scf.for, scf.if, scf.while and msl.loop carry nothing.

A variable is declared in the innermost block that holds all its uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dialects.control import For, While
from ...dialects.msl import Form, count_of, row_of
from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.types import INDEX, UNKNOWN, RegisterType, Type, element_of
from .interference import Interference, carried_arguments, carried_inits, owner_of
from .register_ops import single


def run(module: Op) -> None:
    """Rewrite every kernel in loop form, in place."""
    for kernel in [op for op in module.walk() if op.name == "msl.kernel"]:
        _assign(kernel)


def _assign(kernel: Op) -> None:
    interference = Interference(kernel)
    storage = _Storage(kernel)
    values: dict[Value, list[tuple[int, Value]]] = {}  # a resident -> the values that are it, numbered
    for number, (value, resident) in enumerate(interference.resident.items()):
        values.setdefault(resident, []).append((number, value))
    for members in interference.shared():
        numbered = sorted((each for member in members for each in values[member]), key=lambda each: each[0])
        variable = storage.declare([value for _, value in numbered])
        storage.variables.update(dict.fromkeys(members, variable))
    for value, resident in interference.resident.items():
        storage.variables[value] = storage.variables[resident]
    storage.block(kernel.body)
    storage.finish()


# What a reduction's running value is called, by its combining op.
RUNNING = {
    "arith.addf": "total",
    "arith.addi": "total",
    "arith.maxnumf": "largest",
    "arith.maximumf": "largest",
    "arith.maxsi": "largest",
    "arith.minnumf": "smallest",
    "arith.minimumf": "smallest",
    "arith.minsi": "smallest",
}


def name_of(members: Sequence[Value]) -> str:
    """The user's name for a variable of these residents. Results of control flow do not have one of their own."""
    for value in members:
        if isinstance(value.owner, Block) and owner_of(value.owner).name.startswith("scf.") and value.name:
            return value.name
    for value in members:
        op = value.definer
        if op is None or op.name.startswith("scf.") or not value.name:
            continue
        if value.name not in _names_made_of(value):
            return value.name
    return next(filter(None, map(_derived_name, members)), "values")


def _names_made_of(value: Value) -> set[str]:
    """The user's names for what is computed from `value` directly."""
    names: set[str] = set()
    for user in value.uses:
        for result in user.results:
            names |= _names_made_of(result) if user.name == "msl.read" else {result.name}
    return names


def _derived_name(value: Value) -> str:
    """From what a branch gives, or a reduction's combining op."""
    op = value.definer
    if op is None:
        return ""
    if op.name == "scf.if":
        ends = [block.terminator.operands[value.index] for block in op.blocks()]
        return next((v.name for v in ends if v.name), "")
    if op.name == "msl.loop" and value.index < op.integer("carried", 0):
        combined = op.body.terminator.operands[value.index].definer
        return RUNNING.get(combined.name, "") if combined is not None else ""
    return ""


def _is_array(type_: Type) -> bool:
    return isinstance(type_, RegisterType) and type_.count > 1


class _Storage:
    """variables: where each resident lives; anchors: ops that a variable's declaration must precede."""

    def __init__(self, kernel: Op):
        self.kernel = kernel
        self.variables: dict[Value, Value] = {}
        self.anchors: dict[Value, list[Op]] = {}
        self.declarations = Builder(kernel.body, kernel.body.first)

    def declare(self, members: Sequence[Value]) -> Value:
        """A new variable for residents of one type, with the user's name for one of them."""
        self.declarations.location = members[0].location
        variable = self.declarations.value("msl.variable", [], members[0].type)
        variable.location = replace(members[0].location, name=name_of(members))
        self.anchors[variable] = []
        return variable

    # ---------------------------------------------------------------------------------------------------------- walk
    def block(self, block: Block) -> None:
        for op in list(block):
            if op.name == "msl.loop":
                self._register_loop(op)
            elif op.name == "scf.for":
                self._loop(op, op.body)
            elif op.name == "scf.if":
                self._branch(op)
            elif op.name == "scf.while":
                self._while(op)
            elif row_of(op).form is Form.UPDATED:
                self._update(op)
            elif row_of(op).form is Form.VECTOR and op.results:
                self._load_vector(op, self.variables[op.result], [], (0,), (1,))

    def _register_loop(self, op: Op) -> None:
        body = op.body
        arrays = op.results[op.integer("carried") :]
        values = body.terminator.operands[op.integer("carried") :]
        reads = self._last_reads(body)
        for array, value in zip(arrays, values, strict=True):
            self._write_register(value, self.variables[array], op, reads)
        self._loop(op, body)
        del op.attributes["carried"]

    def _write_register(self, value: Value, variable: Value, loop: Op, reads: dict[Value | Op, int]) -> None:
        """variable[index] = value: right where the value is made if the old contents are not read after that."""
        index, body, count = loop.body.arguments[0], loop.body, loop.integer("count")
        definer = value.definer
        if definer is not None and row_of(definer).form is Form.VECTOR and definer.block is body:
            width = definer.integer("width")
            table = tuple(range(0, count * width, width))
            self._load_vector(definer, variable, [index], table, (count,))
            return
        attributes = {"map": tuple(range(count)), "extents": (count,)}
        early = definer is not None and definer.block is body and reads.get(variable, 0) <= reads[definer]
        place = definer.next if definer is not None and early else body.terminator
        builder = Builder(body, place, value.location)
        users = [user for user in value.uses if user is not body.terminator]
        builder.build("msl.write", [value, variable, index], [], dict(attributes))
        if not early or not users:
            return
        again = builder.value("msl.read", [variable, index], value.type, dict(attributes))
        again.location = value.location
        for user in users:
            user.set_operands([again if v is value else v for v in user.operands])

    def _last_reads(self, body: Block) -> dict[Value | Op, int]:
        """The numbers of the body's ops, from 1 on, and for each variable that of the last op that reads what it held
        before the loop."""
        numbers: dict[Value | Op, int] = {}
        for number, op in enumerate(body, 1):
            numbers[op] = number
            for inner in op.walk():
                numbers.update((self._variable_of(inner.operands[i]), number) for i in row_of(inner).reads)
        return numbers

    def _variable_of(self, value: Value) -> Value:
        """The variable that holds `value`; itself if there is none."""
        op = value.definer
        if op is not None and op.name == "msl.read" and "map" not in op.attributes:
            return op.operands[0]
        return self.variables.get(value, value)

    def _load_vector(
        self, op: Op, variable: Value, indices: list[Value], table: tuple[int, ...], extents: tuple[int, ...]
    ) -> None:
        attributes = {"map": table, "extents": extents, "width": op.integer("width")}
        builder = Builder.before_op(op)
        type_ = RegisterType(op.integer("width"), element_of(variable.type))
        chunk = builder.value("msl.chunk", [variable, *indices], type_, attributes)
        builder.build("msl.load_into", [chunk, *op.operands], [], dict(op.attributes))
        op.result.replace_by(chunk if indices else variable)
        op.erase()

    # --------------------------------------------------------------------------------------------------- control flow
    def _loop(self, op: Op, body: Block) -> None:
        """A loop with one region: carried values are set before it and at the end of the body."""
        arguments = carried_arguments(op)
        carried = op.results[: len(arguments)]
        inits = carried_inits(op)[: len(arguments)]
        self._anchor(op, arguments)
        self._copy_all(arguments, inits, Builder.before_op(op))
        op.set_operands(For(op).bounds if op.name == "scf.for" else [])
        self.block(body)
        end = body.terminator
        self._copy_all(arguments, end.operands[: len(arguments)], Builder.before_op(end))
        end.set_operands([])
        self._replace_arguments(body, arguments)
        self._replace_results(op, carried)

    def _branch(self, op: Op) -> None:
        for block in op.blocks():
            self.block(block)
            end = block.terminator
            self._copy_all(op.results, end.operands, Builder.before_op(end))
            end.set_operands([])
        self._replace_results(op, op.results)

    def _while(self, op: Op) -> None:
        loop, before, after = While(op), *op.blocks()
        arguments = list(before.arguments)
        self._anchor(op, [*arguments, *op.results])
        self._copy_all(arguments, op.operands, Builder.before_op(op))
        op.set_operands([])
        self.block(before)
        end = before.terminator
        self._copy_all(op.results, loop.passed, Builder.before_op(end))
        end.set_operands([loop.condition])
        self.block(after)
        self._copy_all(arguments, after.terminator.operands, Builder.before_op(after.terminator))
        after.terminator.set_operands([])
        self._replace_arguments(before, arguments)
        self._replace_arguments(after, list(after.arguments))
        self._replace_results(op, op.results)

    def _anchor(self, op: Op, values: Sequence[Value]) -> None:
        for value in values:
            self.anchors[self.variables[value]].append(op)

    def _replace_arguments(self, block: Block, arguments: Sequence[Value]) -> None:
        for argument in reversed(arguments):
            self._replace(argument)
            block.erase_argument(argument.index)

    def _replace_results(self, op: Op, results: Sequence[Value]) -> None:
        for result in results:
            self._replace(result)
        for result in op.results:
            result.replace_by(self.variables[result])
        op.results = []

    def _replace(self, value: Value) -> None:
        """Uses of a carried value read its variable, which holds it wherever it is alive; those of an array name it."""
        variable = self.variables[value]
        if _is_array(value.type):
            value.replace_by(variable)
            return
        for user in list(value.uses):
            read = self._read(value, Builder.before_op(user))
            user.set_operands([read if v is value else v for v in user.operands])

    def _read(self, value: Value, builder: Builder) -> Value:
        read = builder.value("msl.read", [self.variables[value]], value.type)
        read.location = value.location
        return read

    # ---------------------------------------------------------------------------------------------------------- copies
    def _copy_all(self, targets: Sequence[Value], values: Sequence[Value], builder: Builder) -> None:
        """Copy at once: no target is overwritten before it is read."""
        arrays: list[tuple[Value, Value]] = []
        singles: list[tuple[Value, Value]] = []
        for target, value in zip(targets, values, strict=True):
            variable = self.variables[target]
            if self._variable_of(value) is variable:
                continue
            if _is_array(target.type):
                arrays.append((variable, self._variable_of(value)))
            else:
                singles.append((variable, self._read(value, builder) if value in self.variables else value))
        for variable, value in singles:
            builder.location = value.location
            builder.build("msl.write", [value, variable])
        while arrays:
            read = {source for _, source in arrays}
            ready = next(((t, s) for t, s in arrays if t not in read), None)
            if ready is not None:
                self._copy_array(*ready, builder)
                arrays.remove(ready)
                continue
            cycled = arrays[0][0]
            spare = self.declare([cycled])
            self._copy_array(spare, cycled, builder)
            arrays = [(t, spare if s is cycled else s) for t, s in arrays]

    def _copy_array(self, target: Value, source: Value, builder: Builder) -> None:
        count = count_of(target)
        body = Block([INDEX])
        inside = Builder(body)
        operands = [source, body.arguments[0]]
        attributes = {"map": tuple(range(count)), "extents": (count,)}
        value = inside.value("msl.read", operands, single(source.type), dict(attributes))
        inside.build("msl.write", [value, target, body.arguments[0]], [], attributes)
        inside.build("msl.yield")
        builder.location = UNKNOWN
        builder.build("msl.loop", [], [], {"count": count, "start": 0}, [Region([body])])

    def _update(self, op: Op) -> None:
        """msl.mma, msl.exchange: the first operand's array becomes the result's, in place."""
        builder = Builder.before_op(op)
        variable = self.variables[op.result]
        if not _is_array(variable.type):
            builder.build("msl.write", [op.operands[0], variable])
        elif self._variable_of(op.operands[0]) is not variable:
            self._copy_array(variable, self._variable_of(op.operands[0]), builder)
        builder.location = op.location
        if op.name == "msl.mma":
            operands = [variable, *(self._variable_of(v) if _is_array(v.type) else v for v in op.operands[1:])]
            builder.build("msl.mma_into", operands, [], dict(op.attributes))
        else:
            self._exchange(variable, op.integer("register_bit"), op.integer("lane_bit"), builder)
        self._replace(op.result)
        op.erase()

    def _exchange(self, variable: Value, register_bit: int, lane_bit: int, builder: Builder) -> None:
        """exchange(x[r], x[r | 1 << register_bit]) for each such pair"""
        low = tuple(r for r in range(count_of(variable)) if not r >> register_bit & 1)
        body = Block([INDEX])
        inside = Builder(body, None, builder.location)
        pair = []
        for table in (low, tuple(r | 1 << register_bit for r in low)):
            attributes = {"map": table, "extents": (len(low),), "width": 1}
            operands = [variable, body.arguments[0]] if len(low) > 1 else [variable]
            pair.append(inside.value("msl.chunk", operands, single(variable.type), attributes))
        inside.build("msl.exchange_pair", pair, [], {"lane_bit": lane_bit})
        inside.build("msl.yield")
        builder.build("msl.loop", [], [], {"count": len(low), "start": 0}, [Region([body])])

    # ---------------------------------------------------------------------------------------------------- declarations
    def finish(self) -> None:
        """Name variables at their remaining uses; move declarations inwards; give single values their first value."""
        for value, variable in self.variables.items():
            value.replace_by(variable)
        places = {op: number for number, op in enumerate(self.kernel.walk())}
        for variable, anchors in self.anchors.items():
            self._settle(variable, anchors, places)

    def _settle(self, variable: Value, anchors: list[Op], places: dict[Op, int]) -> None:
        """places: the order of the ops; a declaration that takes a write's place is entered there."""
        declaration = variable.definer
        assert declaration is not None
        users = [*variable.uses, *anchors]
        if not variable.uses:
            declaration.erase()
            return
        paths = [_path(user) for user in users]
        depth = 0
        while all(len(p) > depth + 1 for p in paths) and len({p[depth + 1][0] for p in paths}) == 1:
            depth += 1
        block = paths[0][depth][0]
        first = min((p[depth][1] for p in paths), key=places.__getitem__)
        declaration.detach()
        block.insert(declaration, first)
        if first.name == "msl.write" and not _is_array(variable.type):
            declaration.set_operands([first.operands[0]])
            declaration.location = first.location
            places[declaration] = places[first]
            first.erase()


def _path(op: Op) -> list[tuple[Block, Op]]:
    """(block, op in it) from the kernel's body inwards to `op`."""
    path: list[tuple[Block, Op]] = []
    inner: Op | None = op
    while inner is not None and inner.block is not None and inner.name != "msl.kernel":
        path.append((inner.block, inner))
        inner = inner.parent
    return path[::-1]
