"""Register form to register loops: an op on 8 registers becomes one line of a loop that runs 8 times.

    %c = arith.addf %a, %b : !msl.reg<8xf32>

    %c = msl.loop {count = 8} { ^(%r: index):
           %x = msl.read %a, %r {map = (0, ..., 7)} : !msl.reg<1xf32>
           %y = msl.read %b, %r {map = (0, ..., 7)}
           %z = arith.addf %x, %y : !msl.reg<1xf32>
           msl.yield %z }                                     // register %r of the result

The result is still SSA: `msl.loop(carried...) {count, start, carried}` gives the last carried values, then one array
for each further yielded value. Ops of this form, besides the elementwise ones on single registers:

- msl.read(array, indices...) {map, extents}: register `map[n]`, n being the number that the indices spell in mixed
  radix (extents, last fastest); no indices: register map[0];
- msl.position(indices...) {values, extents}: the i32 number values[n];
- msl.chunk(array, indices...) {map, extents, width}: registers map[n] ... map[n] + width - 1, to be passed by address;
- msl.load_vector in a loop yields `width` registers at a time.

Which ops share a loop is decided in loop_schedule.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...dialects.arith import EQ
from ...dialects.msl import Form, count_of, row_of
from ...ir.core import Block, Builder, Op, Region, Value, constant_of
from ...ir.registry import is_terminator
from ...ir.rewrite import eliminate_dead_code
from ...ir.types import I1, I32, INDEX, RegisterType, Type, element_of
from .loop_schedule import (
    Group,
    Map,
    Schedule,
    index_numbers,
    operand_map,
    running_map,
    stores_that_wait,
    through_renaming,
)
from .register_ops import is_fence, is_recomputed, single, start_of, trips, type_function


def run(module: Op, held_words: int) -> None:
    """Give every `msl.kernel` its register loops, in place. held_words: see Target."""
    for kernel in [op for op in module.walk() if op.name == "msl.kernel"]:
        eliminate_dead_code(kernel)
        _without_bit_vectors(kernel)
        _copy_operands(kernel)
        _Former(held_words).block(kernel.body)


def _without_bit_vectors(kernel: Op) -> None:
    """Registers of i1 are not what memory holds (a byte each): such vectors are loaded one by one."""
    for op in list(kernel.walk()):
        if row_of(op).form is Form.VECTOR and element_of(op.operands[0].type).pointee is I1:
            op.name = op.name.removesuffix("_vector")
            op.attributes = {"contiguous": False}


def _copy_operands(kernel: Op) -> None:
    """Put an msl.copy before each use of a renamed or recomputed value that needs a real array (or a real scalar)."""
    for op in list(kernel.walk()):
        for index, operand in enumerate(op.operands):
            wanted = _wanted_type(op, index)
            definer = operand.definer
            if wanted is None or (wanted is operand.type and (definer is None or not is_recomputed(definer))):
                continue
            builder = Builder.before_op(op)
            builder.location = operand.location
            op.set_operand(index, builder.value("msl.copy", [operand], wanted))


def _wanted_type(op: Op, index: int) -> Type | None:
    """The type operand `index` must have as a whole array; None where the op reads single registers."""
    type_ = op.operands[index].type
    row = row_of(op)
    if row.form is Form.UPDATED or is_terminator(op) or (op.regions and row.form is not Form.COMBINED):
        return type_
    if row.form is Form.SELECTED and index == row.data:
        return type_
    if row.form is not Form.VECTOR or index != row.data or (op.results and count_of(op.operands[index]) == 1):
        return None
    return RegisterType(trips(op) * op.integer("width"), element_of(type_))


@dataclass
class _Place:
    """Where code is being made: a block, and the loop indices around it with their extents (last index fastest)."""

    builder: Builder
    indices: list[Value] = field(default_factory=list)
    extents: tuple[int, ...] = ()
    made: dict[tuple[Value, Map], Value] = field(default_factory=dict)


class _Former:
    """Rebuilds a kernel's blocks. arrays: what became of each original value outside its loop."""

    def __init__(self, held_words: int) -> None:
        self.held_words = held_words
        self.arrays: dict[Value, Value] = {}
        self.inside: dict[Value, tuple[Op, Value]] = {}  # value -> its loop and its register there

    # ------------------------------------------------------------------------------------------------------- blocks
    def block(self, block: Block) -> None:
        ops = list(block)
        schedule = Schedule(stores_that_wait(ops, self.held_words))
        for op in ops:
            schedule.add(op)
        for op in ops:
            op.detach()
        builder = Builder(block)
        for group in schedule.groups:
            self._group(group, builder)
        for op in reversed(ops):
            if op.block is None:
                op.erase()

    def _group(self, group: Group, builder: Builder) -> None:
        [first, *_] = group.ops
        builder.location = first.location
        if first.name == "msl.scan_registers":
            self._scan(first, builder)
        elif group.trips > 1:
            self._loop(group, builder)
        elif row_of(first).form is Form.UPDATED or is_fence(first):
            self._move(first, builder)
        else:
            place = _Place(builder, [], (1,))
            for op in group.ops:
                self._straight(op, place)

    def _move(self, op: Op, builder: Builder) -> None:
        """A whole-array op or region op stays as it is, on the new arrays."""
        op.set_operands([self.array(v) for v in op.operands])
        builder.insert(op)
        for block in op.blocks():
            self.block(block)

    def _loop(self, group: Group, builder: Builder) -> None:
        running = [op for op in group.ops if trips(op) != group.trips]
        starts = [_start(op, builder) for op in running]
        types = [start.type for start in starts]
        body = Block([INDEX, *types])
        attributes = {"count": group.trips, "start": 0, "carried": len(running)}
        loop = builder.build("msl.loop", starts, types, attributes, [Region([body])])
        end = body.append(Op("msl.yield"))
        place = _Place(Builder(body, end), [body.arguments[0]], (group.trips,))
        carried = dict(zip(running, zip(body.arguments[1:], loop.results, strict=True), strict=True))
        for op in group.ops:
            place.builder.location = op.location
            if op in carried:
                end.add_operand(self._run_along(op, *carried[op], place))
                continue
            for result, value in zip(op.results, self._one_trip(op, place), strict=True):
                self.inside[result] = (loop, value)

    def _run_along(self, op: Op, total: Value, result: Value, place: _Place) -> Value:
        """total = combine(total, x[map[n]]), which the loop carries to its `result`."""
        table = running_map(op)
        assert table is not None
        total.location = result.location = op.result.location
        self.arrays[op.result] = result
        [combined] = self._combine(op, [total, self.register(op.operands[0], table, place)], place.builder)
        return combined

    def _straight(self, op: Op, place: _Place) -> None:
        place.builder.location = op.location
        for result, value in zip(op.results, self._one_trip(op, place), strict=True):
            self.arrays[result] = value

    # ------------------------------------------------------------------------------------------------------ one trip
    def _one_trip(self, op: Op, place: _Place) -> list[Value]:
        """The op on the registers of the current trip."""
        count = place.extents[0]
        if op.name == "msl.reduce_registers":
            return self._reduce(op, place)
        if op.name == "msl.copy":
            return [self._copy(op, place)]
        if row_of(op).form is Form.SELECTED:
            return [self._select(op, place)]
        operands = [self._operand(op, i, place, count) for i in range(len(op.operands))]
        types = [self._result_type(op, r) for r in op.results]
        new = place.builder.build(op.name, operands, types, dict(op.attributes))
        _name_alike(op, new)
        return new.results

    def _copy(self, op: Op, place: _Place) -> Value:
        value = self.register(op.operands[0], operand_map(op, op.operands[0], place.extents[0]), place)
        return _of_type(value, single(op.result.type), place.builder)

    def _select(self, op: Op, place: _Place) -> Value:
        """x[map[n * R + r]], R being the registers of a slice and n its number."""
        array, number = op.operands
        table = tuple(op.attributes["map"])
        attributes = {"map": table, "extents": (len(table) // trips(op), *place.extents)}
        operands = [self.array(array), self.array(number), *place.indices]
        return place.builder.value("msl.read", operands, single(op.result.type), attributes)

    def _result_type(self, op: Op, result: Value) -> Type:
        if row_of(op).form is Form.VECTOR:
            return RegisterType(op.integer("width"), element_of(result.type))
        return single(result.type)

    def _operand(self, op: Op, index: int, place: _Place, count: int) -> Value:
        operand = op.operands[index]
        table = operand_map(op, operand, count)
        if _wanted_type(op, index) is None:
            return self.register(operand, table, place)
        attributes = {"map": table, "extents": place.extents, "width": op.integer("width")}
        type_ = RegisterType(op.integer("width"), element_of(operand.type))
        return place.builder.value("msl.chunk", [self.array(operand), *place.indices], type_, attributes)

    def _reduce(self, op: Op, place: _Place) -> list[Value]:
        """acc = x[map[o * G]]; for j in 1 .. G-1: acc = combine(acc, x[map[o * G + j]])"""
        table = tuple(op.attributes["map"])
        group = len(table) // op.integer("outputs")
        inits = [self.register(x, self._reduced(x, table[::group]), place) for x in op.operands]
        if group == 1:
            return inits
        types = [single(r.type) for r in op.results]
        body = Block([INDEX, *types])
        attributes = {"count": group - 1, "start": 1, "carried": len(types)}
        loop = place.builder.build("msl.loop", inits, types, attributes, [Region([body])])
        _name_alike(op, loop)
        for argument, result in zip(body.arguments[1:], op.results, strict=True):
            argument.location = result.location
        nested = _Place(Builder(body, None, op.location), [*place.indices, body.arguments[0]], (*place.extents, group))
        entries = [self.register(x, self._reduced(x, table), nested) for x in op.operands]
        nested.builder.build("msl.yield", self._combine(op, [*body.arguments[1:], *entries], nested.builder))
        return _carry_what_changes(loop, place.builder)

    def _scan(self, op: Op, builder: Builder) -> None:
        """for n in 0 .. N-1: acc = n % group == 0 ? x[map[n]] : combine(acc, x[map[n]]); y[n] = acc"""
        table, group = tuple(op.attributes["map"]), op.integer("group")
        types = [single(r.type) for r in op.results]
        start = _Place(builder, [], (1,))
        inits = [self.register(x, self._reduced(x, table)[:1], start) for x in op.operands]
        body = Block([INDEX, *types])
        attributes = {"count": len(table), "start": 0, "carried": len(types)}
        loop = builder.build("msl.loop", inits, [*types, *(r.type for r in op.results)], attributes, [Region([body])])
        place = _Place(Builder(body, None, op.location), [body.arguments[0]], (len(table),))
        entries = [self.register(x, self._reduced(x, table), place) for x in op.operands]
        combined = self._combine(op, [*body.arguments[1:], *entries], place.builder)
        rank = self._position(tuple(n % group for n in range(len(table))), place)
        starts = place.builder.value("arith.cmpi", [rank, place.builder.constant(0, I32)], I1, {"predicate": EQ})
        prefixes = [
            place.builder.value("arith.select", [starts, entry, value], type_)
            for entry, value, type_ in zip(entries, combined, types, strict=True)
        ]
        place.builder.build("msl.yield", [*prefixes, *prefixes])
        for result, array in zip(op.results, loop.results[len(types) :], strict=True):
            array.location = result.location
            self.arrays[result] = array

    def _combine(self, op: Op, arguments: list[Value], builder: Builder) -> list[Value]:
        """What the function gives: its ops copied, with their plain types made varying where an operand is."""
        values = dict(zip(op.body.arguments, arguments, strict=True))
        for inner in op.body:
            if inner is op.body.terminator:
                return [values.get(v) or self.array(v) for v in inner.operands]
            operands = [values.get(v) or self.array(v) for v in inner.operands]
            varying = any(isinstance(o.type, RegisterType) and not o.type.uniform for o in operands)
            types = [RegisterType(1, element_of(r.type), not varying) for r in inner.results]
            new = builder.build(inner.name, operands, types, dict(inner.attributes))
            values.update(zip(inner.results, new.results, strict=True))
        raise AssertionError("a function ends with its yield")

    def _reduced(self, operand: Value, table: Map) -> Map:
        return table if count_of(operand) > 1 else (0,) * len(table)

    # ------------------------------------------------------------------------------------------------------ operands
    def register(self, value: Value, table: Map, place: _Place) -> Value:
        """Register table[n] of `value`, n being the trip of `place`."""
        op = value.definer
        if op is not None and is_recomputed(op):
            key = (value, table)
            if key not in place.made:
                place.made[key] = self._recompute(op, table, place)
            return place.made[key]
        if count_of(value) == 1:
            return self.array(value)
        loop, inside = self.inside.get(value, (None, None))
        is_here = loop is not None and loop.body is place.builder.block
        if inside is not None and is_here and table == tuple(range(place.extents[0])):
            return inside
        return self._read(value, table, place)

    def _read(self, value: Value, table: Map, place: _Place) -> Value:
        indices, extents, table = _needed(place, table)
        attributes = {"map": table, "extents": extents}
        read = place.builder.value("msl.read", [self.array(value), *indices], single(value.type), attributes)
        read.location = value.location
        return read

    def _recompute(self, op: Op, table: Map, place: _Place) -> Value:
        if op.name == "msl.index":
            return self.register(op.operands[0], through_renaming(op, table), place)
        numbers = index_numbers(op.result, table)
        if numbers is not None:
            return self._position(numbers, place)
        operands = []
        for operand in op.operands:
            registers = table if count_of(operand) > 1 else (0,) * len(table)
            operands.append(self.register(operand, registers, place))
        if op.name == "arith.addi" and any(constant_of(operand) == 0 for operand in operands):
            return operands[constant_of(operands[0]) == 0]
        outer, place.builder.location = place.builder.location, op.location
        new = place.builder.build(op.name, operands, [single(op.result.type)], dict(op.attributes))
        place.builder.location = outer
        _name_alike(op, new)
        return new.result

    def _position(self, numbers: Map, place: _Place) -> Value:
        if len(set(numbers)) == 1:
            return place.builder.constant(numbers[0], I32)
        indices, extents, numbers = _needed(place, numbers)
        return place.builder.value("msl.position", indices, I32, {"values": numbers, "extents": extents})

    def array(self, value: Value) -> Value:
        """`value` outside its loop: made a result of the loop when first asked for."""
        if value in self.inside and value not in self.arrays:
            loop, inside = self.inside[value]
            loop.body.terminator.add_operand(inside)
            result = loop.add_result(value.type)
            result.location = value.location
            self.arrays[value] = result
        return self.arrays.get(value, value)


def _carry_what_changes(loop: Op, builder: Builder) -> list[Value]:
    """The results of a reduction's loop. What its function passes on as it is, such as the first element, is not
    carried: its first value is the result. A loop that then carries nothing does nothing, and goes."""
    results, end = list(loop.results), loop.body.terminator
    for index in reversed(range(len(results))):
        argument, first, result = loop.body.arguments[index + 1], loop.operands[index], loop.results[index]
        if end.operands[index] is not argument:
            continue
        argument.replace_by(first)
        results[index] = _of_type(first, result.type, builder)
        end.set_operands(end.operands[:index] + end.operands[index + 1 :])
        loop.set_operands(loop.operands[:index] + loop.operands[index + 1 :])
        loop.body.erase_argument(index + 1)
        loop.erase_result(index)
    loop.attributes["carried"] = len(loop.results)
    if not loop.results:
        loop.erase()
    return results


def _start(op: Op, builder: Builder) -> Value:
    """What a reduction that runs along with a loop starts from."""
    type_ = single(op.result.type)
    builder.location = op.location
    start = start_of(op)
    assert start is not None
    return _of_type(builder.constant(start, element_of(type_)), type_, builder)


def _of_type(value: Value, wanted: Type, builder: Builder) -> Value:
    """A single value, made varying where that is wanted."""
    if value.type is wanted:
        return value
    return builder.value("msl.call", [value], wanted, {"function": type_function(wanted)})


def _needed(place: _Place, table: Map) -> tuple[list[Value], tuple[int, ...], Map]:
    """The indices and extents that tell the entries of `table` apart, and the table over these."""
    if len(set(table)) == 1:
        return [], (), table[:1]
    if len(place.indices) == 2:
        outer, inner = place.extents
        rows = [table[o * inner : (o + 1) * inner] for o in range(outer)]
        if all(row == rows[0] for row in rows):
            return place.indices[1:], (inner,), rows[0]
    if place.extents[0] == 1 and place.indices:
        return place.indices, place.extents[-1:], table
    return place.indices, place.extents, table


def _name_alike(old: Op, new: Op) -> None:
    for before, after in zip(old.results, new.results, strict=True):
        after.location = before.location
