"""The IR: SSA values with use counts, ops in doubly linked blocks, regions.

The shape is MLIR's, and MLIR's text is the surface (parser.py, printer.py). What an op means is said by the tables in
`dialects/`; nothing here knows a dialect. Costs that matter: creating an op is one Python object and one per result;
erasing, inserting and replacing are O(uses).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .types import (
    UNKNOWN,
    Attribute,
    DenseAttribute,
    FloatAttribute,
    FloatType,
    IntegerAttribute,
    Location,
    TensorType,
    Type,
)


class Value:
    """An SSA value: an op's result or a block's argument. `uses` maps each user op to its number of uses."""

    __slots__ = ("type", "owner", "index", "uses", "location")

    def __init__(self, type_: Type, owner: Op | Block, index: int, location: Location = UNKNOWN):
        self.type: Any = type_
        self.owner = owner
        self.index = index
        self.uses: dict[Op, int] = {}
        self.location = location

    @property
    def definer(self) -> Op | None:
        """The op whose result this is; None for a block argument."""
        return self.owner if isinstance(self.owner, Op) else None

    @property
    def block(self) -> Block | None:
        """The block where it is made."""
        return self.owner.block if isinstance(self.owner, Op) else self.owner

    def is_within(self, op: Op) -> bool:
        """Whether it is made in a region of `op`."""
        block = self.block
        while block is not None and block.region is not None:
            holder = block.region.owner
            if holder is op:
                return True
            block = holder.block if holder is not None else None
        return False

    @property
    def name(self) -> str:
        """The user's name for it, or ""."""
        return self.location.name

    def replace_by(self, other: Value) -> None:
        """Make every user of this value use `other`."""
        if other is self:
            return
        for op, count in list(self.uses.items()):
            op.operands = [other if operand is self else operand for operand in op.operands]
            other.uses[op] = other.uses.get(op, 0) + count
        self.uses = {}


class Op:
    """An operation. `operands` must be changed through `set_operand`/`set_operands` only."""

    __slots__ = (
        "name",
        "operands",
        "results",
        "attributes",
        "regions",
        "successors",
        "location",
        "block",
        "prev",
        "next",
    )

    def __init__(
        self,
        name: str,
        operands: Iterable[Value] = (),
        result_types: Iterable[Type] = (),
        attributes: dict[str, Attribute] | None = None,
        regions: Iterable[Region] = (),
        location: Location = UNKNOWN,
        successors: Iterable[Block] = (),
    ):
        self.name = name
        self.operands = list(operands)
        self.attributes = attributes if attributes is not None else {}
        self.results = [Value(t, self, i, location) for i, t in enumerate(result_types)]
        self.regions = list(regions)
        self.successors = list(successors)
        self.location = location
        self.block: Block | None = None
        self.prev: Op | None = None
        self.next: Op | None = None
        for region in self.regions:
            region.owner = self
        for operand in self.operands:
            operand.uses[self] = operand.uses.get(self, 0) + 1

    @property
    def result(self) -> Value:
        """The only result."""
        [result] = self.results
        return result

    @property
    def body(self) -> Block:
        """The only block of the first region."""
        [block] = self.regions[0].blocks
        return block

    def blocks(self) -> Sequence[Block]:
        """The blocks of all regions, as they are now."""
        return [block for region in self.regions for block in region.blocks] if self.regions else ()

    def integer(self, name: str, default: int | None = None) -> int:
        """The value of an integer or boolean attribute."""
        attribute = self.attributes.get(name, default)
        if isinstance(attribute, IntegerAttribute):
            return attribute.value
        if attribute is None:
            raise KeyError(f"{self.name} has no attribute {name}")
        return int(attribute)

    def _drop_use(self, value: Value) -> None:
        count = value.uses[self] - 1
        if count:
            value.uses[self] = count
        else:
            del value.uses[self]

    def set_operand(self, index: int, value: Value) -> None:
        self._drop_use(self.operands[index])
        self.operands[index] = value
        value.uses[self] = value.uses.get(self, 0) + 1

    def set_operands(self, values: Sequence[Value]) -> None:
        for old in self.operands:
            self._drop_use(old)
        self.operands = list(values)
        for value in self.operands:
            value.uses[self] = value.uses.get(self, 0) + 1

    def add_operand(self, value: Value) -> None:
        self.operands.append(value)
        value.uses[self] = value.uses.get(self, 0) + 1

    def add_result(self, type_: Type) -> Value:
        value = Value(type_, self, len(self.results), self.location)
        self.results.append(value)
        return value

    def erase_result(self, index: int) -> None:
        """Remove an unused result; those after it move down."""
        assert not self.results[index].uses
        del self.results[index]
        for i, result in enumerate(self.results):
            result.index = i

    @property
    def parent(self) -> Op | None:
        """The op whose region holds this op."""
        return self.block.parent if self.block is not None else None

    def detach(self) -> Op:
        """Take the op out of its block, uses intact."""
        block = self.block
        assert block is not None
        if self.prev is not None:
            self.prev.next = self.next
        else:
            block.first = self.next
        if self.next is not None:
            self.next.prev = self.prev
        else:
            block.last = self.prev
        self.block = self.prev = self.next = None
        return self

    def _drop_all_uses(self) -> None:
        for operand in self.operands:
            self._drop_use(operand)
        self.operands = []
        for block in self.blocks():
            for op in block:
                op._drop_all_uses()

    def erase(self) -> None:
        """Remove the op and what is in it. Its results must be unused."""
        for result in self.results:
            if result.uses:
                raise AssertionError(f"{self.name} at {self.location} is erased while in use")
        self._drop_all_uses()
        if self.block is not None:
            self.detach()

    def replace_by(self, values: Sequence[Value]) -> None:
        """Give every use of the results to `values`, and erase the op."""
        for result, value in zip(self.results, values, strict=True):
            result.replace_by(value)
        self.erase()

    def walk(self) -> Iterator[Op]:
        """This op, then all ops in its regions, in program order. Erasing the op just yielded is allowed."""
        regions = self.regions
        yield self
        for region in regions:
            for block in list(region.blocks):
                for op in block:
                    if op.regions:
                        yield from op.walk()
                    else:
                        yield op

    def clone(self, mapping: dict[Value, Value] | None = None) -> Op:
        """A detached deep copy; operands are looked up in `mapping`, which also receives the new results."""
        mapping = mapping if mapping is not None else {}
        regions = [region.clone(mapping) for region in self.regions]
        operands = [mapping.get(v, v) for v in self.operands]
        types = [r.type for r in self.results]
        copy = Op(self.name, operands, types, dict(self.attributes), regions, self.location, self.successors)
        for old, new in zip(self.results, copy.results, strict=True):
            new.location = old.location
            mapping[old] = new
        return copy

    def __repr__(self) -> str:
        return f"<{self.name} at {self.location}>" if str(self.location) else f"<{self.name}>"


class Block:
    """A list of ops with arguments. Iterating allows erasing or moving the op just yielded."""

    __slots__ = ("arguments", "region", "first", "last")

    def __init__(self, argument_types: Iterable[Type] = ()):
        self.arguments = [Value(t, self, i) for i, t in enumerate(argument_types)]
        self.region: Region | None = None
        self.first: Op | None = None
        self.last: Op | None = None

    def __iter__(self) -> Iterator[Op]:
        op = self.first
        while op is not None:
            following = op.next
            yield op
            op = following

    @property
    def terminator(self) -> Op:
        assert self.last is not None, "an empty block has no terminator"
        return self.last

    @property
    def parent(self) -> Op | None:
        """The op whose region holds this block."""
        return self.region.owner if self.region is not None else None

    def add_argument(self, type_: Type, location: Location = UNKNOWN) -> Value:
        value = Value(type_, self, len(self.arguments), location)
        self.arguments.append(value)
        return value

    def erase_argument(self, index: int) -> None:
        """Remove an unused argument; those after it move down."""
        assert not self.arguments[index].uses
        del self.arguments[index]
        for i, argument in enumerate(self.arguments):
            argument.index = i

    def insert(self, op: Op, before: Op | None = None) -> Op:
        """Put a detached `op` before another of this block, or at the end."""
        assert op.block is None
        op.block = self
        op.next = before
        op.prev = before.prev if before is not None else self.last
        if op.prev is not None:
            op.prev.next = op
        else:
            self.first = op
        if before is not None:
            before.prev = op
        else:
            self.last = op
        return op

    def append(self, op: Op) -> Op:
        return self.insert(op)

    def take_ops(self, other: Block) -> None:
        """Move all ops of `other` to the start of this block."""
        first = self.first
        for op in other:
            self.insert(op.detach(), first)

    def detach(self) -> Block:
        """Take the block out of its region."""
        assert self.region is not None
        self.region.blocks.remove(self)
        self.region = None
        return self

    def erase(self) -> None:
        """Remove the block and its ops, which only ops of this block may use."""
        for op in self:
            op._drop_all_uses()
        if self.region is not None:
            self.detach()

    def clone_into(self, target: Block, mapping: dict[Value, Value]) -> None:
        for op in self:
            target.append(op.clone(mapping))


class Region:
    """The blocks of an op; the first is the entry."""

    __slots__ = ("blocks", "owner")

    def __init__(self, blocks: Iterable[Block] = ()):
        self.blocks: list[Block] = []
        self.owner: Op | None = None
        for block in blocks:
            self.append(block)

    def append(self, block: Block) -> Block:
        block.region = self
        self.blocks.append(block)
        return block

    def insert(self, block: Block, before: Block) -> Block:
        """Put a detached block before another of this region."""
        block.region = self
        self.blocks.insert(self.blocks.index(before), block)
        return block

    def clone(self, mapping: dict[Value, Value]) -> Region:
        copies = {}
        for block in self.blocks:
            copy = copies[block] = Block()
            for argument in block.arguments:
                mapping[argument] = copy.add_argument(argument.type, argument.location)
        for block, copy in copies.items():
            block.clone_into(copy, mapping)
        for copy in copies.values():
            for op in copy:
                op.successors = [copies.get(s, s) for s in op.successors]
        return Region(copies.values())


class Builder:
    """Creates ops at a point of a block: `b.op("arith.addi", [x, y], [I32])`. The location is the current one."""

    def __init__(self, block: Block, before: Op | None = None, location: Location = UNKNOWN):
        self.block = block
        self.before = before
        self.location = location

    @staticmethod
    def before_op(op: Op) -> Builder:
        assert op.block is not None
        return Builder(op.block, op, op.location)

    @staticmethod
    def after_value(value: Value) -> Builder:
        """Right after the definition of `value` (at the block's start for an argument)."""
        if isinstance(value.owner, Op):
            assert value.owner.block is not None
            return Builder(value.owner.block, value.owner.next, value.owner.location)
        return Builder(value.owner, value.owner.first, value.location)

    def insert(self, op: Op) -> Op:
        return self.block.insert(op, self.before)

    def build(
        self,
        name: str,
        operands: Iterable[Value] = (),
        types: Iterable[Type] = (),
        attributes: dict[str, Attribute] | None = None,
        regions: Iterable[Region] = (),
    ) -> Op:
        """Create and insert an op."""
        return self.insert(Op(name, operands, types, attributes, regions, self.location))

    def value(
        self, name: str, operands: Iterable[Value], type_: Type, attributes: dict[str, Attribute] | None = None
    ) -> Value:
        """Create and insert an op of one result; return the result."""
        return self.build(name, operands, [type_], attributes).results[0]

    def constant(self, value: int | float, type_: Type) -> Value:
        """An `arith.constant` of a scalar type, or a splat of a tensor type."""
        if isinstance(type_, TensorType):
            return self.value("arith.constant", [], type_, {"value": DenseAttribute((value,), type_)})
        make: Any = FloatAttribute if isinstance(type_, FloatType) else IntegerAttribute
        return self.value("arith.constant", [], type_, {"value": make(value, type_)})


def constant_of(value: Value) -> int | float | None:
    """The number that `value` is known to be: a scalar constant, or the element of a splat constant; else None."""
    op = value.definer
    if op is None or op.name != "arith.constant":
        return None
    attribute = op.attributes["value"]
    if isinstance(attribute, DenseAttribute):
        return attribute.values[0] if attribute.is_splat else None
    return attribute.value if isinstance(attribute, IntegerAttribute | FloatAttribute) else None
