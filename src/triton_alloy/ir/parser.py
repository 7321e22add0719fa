"""Reads a module from MLIR's generic form, as libtriton and printer.py print it: one op per line.

    %x = "tt.load"(%p, %m) <{isVolatile = false}> {attr = 1 : i32} : (!tt.ptr<f32>, i1) -> f32 loc(#loc3)
    %y:2 = "scf.if"(%c) ({
    ^bb0(%a: i32 loc("a"("file.py":1:2))):
      ...
    }, {
    }) : (i1) -> (i32, i32)

In text without locations the names of values are taken for the user's.

Speed comes from the repetition in such text: what follows an op's operands (attributes and types) is read once per
distinct spelling and looked up after that.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from ..errors import InvalidIR
from .call_sites import called
from .core import Block, Op, Region, Value
from .syntax import Cursor
from .types import I1, UNKNOWN, Attribute, IntegerAttribute, Location, Type

HEAD = re.compile(
    r'\s*(?:(%[\w$.\-]+(?::\d+)?(?:, *%[\w$.\-]+(?::\d+)?)*) *= *)?"([\w.$\-]+)"\( *([^()"]*)\)(?: *\[([^\]]*)\])?'
).match
_ALIAS_DEFINITION = re.compile(r"^(#loc\d*) = (loc\(.*\))[ \t]*$", re.MULTILINE)
_PLAIN_LOCATION = re.compile(
    r'loc\((?:"([^"\\]*)"(?::(\d+):(\d+)|\((#loc\d*)\))|callsite\((#loc\d*) at (#loc\d*)\))\)'
).fullmatch
_LABEL = re.compile(r"\^[\w$.\-]+")
_VALUE_NAME = re.compile(r"%[\w$.\-]+")


class _Tail(NamedTuple):
    """What follows an op's operands. With `opens`, a region follows, and the types only after it."""

    attributes: dict[str, Attribute]
    opens: bool
    inputs: tuple[Type, ...]
    outputs: tuple[Type, ...]


_tails: dict[str, _Tail] = {}


def parse(text: str) -> Op:
    """The `builtin.module` that `text` spells; other top-level ops are wrapped in one. Raises InvalidIR."""
    return Parser(text).module()


class Parser:
    """The lines of a text and what is known of them so far."""

    def __init__(self, text: str):
        self.lines = text.split("\n")
        self.index = 0
        self.values: dict[str, Value] = {}
        self.alias_texts = dict(_ALIAS_DEFINITION.findall(text))
        self.locations: dict[str, Location] = {"loc(unknown)": UNKNOWN}
        for name in self.alias_texts:  # in order, as each is made of some before it: none is read through many others
            self.alias(name)

    def fail(self, problem: str, column: int = 0) -> NoReturn:
        raise InvalidIR(f"line {self.index + 1}, column {column + 1}: {problem}")

    def cursor(self, text: str, line: str) -> Cursor:
        """A cursor over `text`, the end of `line`."""
        return Cursor(text, self.index + 1, len(line) - len(text), self.alias)

    # ---------------------------------------------------------------------------------------------------- structure
    def module(self) -> Op:
        region = Region([Block()])
        labels: dict[str, Block] = {}
        self.operations(region, labels)
        if self.index < len(self.lines):
            self.fail("unexpected '}'")
        top = list(region.blocks[0])
        if labels:
            raise InvalidIR("blocks outside of any op")
        if len(top) == 1 and top[0].name == "builtin.module":
            return top[0].detach()
        return Op("builtin.module", regions=[region])

    def operations(self, region: Region, labels: dict[str, Block]) -> None:
        """The lines up to a `}` that is not ours, which stays unread, or to the end."""
        lines = self.lines
        block = region.blocks[-1] if region.blocks else None
        while self.index < len(lines):
            line = lines[self.index]
            head = HEAD(line)
            if head is not None:
                if block is None:
                    block = region.append(Block())
                block.insert(self.operation(head, line, labels))
                self.index += 1
                continue
            text = line.lstrip()
            if text.startswith("}"):
                return
            if text.startswith("^"):
                block = region.append(self.block(line, text, labels))
            elif text and not text.startswith(("//", "#")):
                self.fail("expected an operation", len(line) - len(text))
            self.index += 1

    def region(self) -> Region:
        start = self.index
        self.index += 1
        region = Region()
        labels: dict[str, Block] = {}
        self.operations(region, labels)
        if self.index >= len(self.lines):
            self.index = start
            self.fail("a region is not closed", len(self.lines[start]) - 1)
        for label, block in labels.items():
            if block.region is None:
                self.fail(f"block {label} is not defined")
        return region

    def block(self, line: str, text: str, labels: dict[str, Block]) -> Block:
        """`^bb0(%a: i32 loc(..), %b: f32):`."""
        cursor = self.cursor(text, line)
        label = cursor.expect_match(_LABEL, "a block label")[0]
        block = labels.setdefault(label, Block())
        if block.region is not None:
            cursor.fail(f"block {label} is defined twice")
        if cursor.take("("):
            cursor.sequence(lambda: self.argument(cursor, block), ")")
        cursor.expect(":")
        cursor.expect_end()
        return block

    def argument(self, cursor: Cursor, block: Block) -> None:
        name = cursor.expect_match(_VALUE_NAME, "an argument")[0]
        cursor.expect(":")
        value = block.add_argument(cursor.type(), place_of(name))
        if cursor.take("loc("):
            value.location = cursor.location()
            cursor.expect(")")
        self.values[name] = value

    # --------------------------------------------------------------------------------------------------- operations
    def operation(self, head: re.Match[str], line: str, labels: dict[str, Block]) -> Op:
        """One op; the current line is then its last."""
        names, op_name, operand_names, successor_names = head.groups()
        rest = line[head.end() :]
        operands = self.operands(operand_names, head)
        successors = []
        if successor_names:
            successors = [labels.setdefault(label.strip(), Block()) for label in successor_names.split(",")]
        tail, location = self.tail(rest, line)
        attributes = dict(tail.attributes)
        regions = []
        if tail.opens:
            regions, tail, location = self.regions()
            attributes.update(tail.attributes)
        if tuple([operand.type for operand in operands]) != tail.inputs:
            self.fail(f"the operands of {op_name} do not have the types {', '.join(map(str, tail.inputs)) or 'listed'}")
        if location is None:
            location = place_of(names) if names else UNKNOWN
        op = Op(op_name, operands, tail.outputs, attributes, regions, location, successors)
        if names or op.results:
            self.define(names, op)
        return op

    def operands(self, names: str, head: re.Match[str]) -> list[Value]:
        if not names:
            return []
        try:
            return [self.values[name] for name in names.split(", ")]
        except KeyError:
            found = [self.values.get(name.strip()) for name in names.split(",")]
            if None not in found:
                return [value for value in found if value is not None]
            missing = names.split(",")[found.index(None)].strip()
            self.fail(f"value {missing} is not defined", head.start(3) + names.index(missing))

    def define(self, names: str | None, op: Op) -> None:
        if names is not None and ":" not in names and "," not in names and len(op.results) == 1:
            self.values[names] = op.results[0]
            return
        spelled: list[str] = []
        for name in (names or "").split(","):
            name, colon, count = name.strip().partition(":")
            spelled += [f"{name}#{i}" for i in range(int(count))] if colon else [name] if name else []
        if len(spelled) != len(op.results):
            self.fail(f"{op.name} has {len(op.results)} results, but {len(spelled)} names")
        self.values.update(zip(spelled, op.results, strict=True))

    def regions(self) -> tuple[list[Region], _Tail, Location | None]:
        """From the line that ends in `({` to the one that begins with `})`."""
        regions = [self.region()]
        while True:
            line = self.lines[self.index]
            text = line.strip()
            if text == "}, {":
                regions.append(self.region())
            elif text.startswith("})"):
                tail, location = self.tail(line[line.index("})") + 2 :], line)
                if tail.opens:
                    self.fail("expected a type")
                return regions, tail, location
            else:
                self.fail("expected '}, {' or '})'", len(line) - len(line.lstrip()))

    def tail(self, rest: str, line: str) -> tuple[_Tail, Location | None]:
        text, separator, place = rest.rpartition(" loc(")
        if separator and text not in _tails and text.count('"') % 2:  # the separator is within a string
            separator = ""
        if not separator:
            text = rest
        tail = _tails.get(text)
        if tail is None:
            tail = _tails[text] = _read_tail(Cursor(text, self.index + 1, len(line) - len(rest), self.alias))
        return tail, self.location(f"loc({place}", line) if separator else None

    # ---------------------------------------------------------------------------------------------------- locations
    def location(self, text: str, line: str) -> Location:
        """The meaning of `loc(...)`, by its text."""
        known = self.locations.get(text)
        if known is None and text.startswith("loc(#loc"):
            known = self.alias(text[4:-1])
        if known is None:
            cursor = self.cursor(text, line)
            cursor.expect("loc(")
            known = self.locations[text] = cursor.location()
            cursor.expect(")")
            cursor.expect_end()
        return known

    def alias(self, name: str) -> Location:
        key = f"loc({name})"
        known = self.locations.get(key)
        if known is None:
            text = self.alias_texts.get(name)
            if text is None:
                self.fail(f"location {name} is not defined")
            known = self.locations[key] = self.aliased(text)
        return known

    def aliased(self, text: str) -> Location:
        """The meaning of an alias's text; the three usual forms without a cursor, as there is one for each op."""
        plain = _PLAIN_LOCATION(text)
        if plain is None:
            return self.location(text, text)
        name, line, column, place, callee, caller = plain.groups()
        if line is not None:
            return Location(name, int(line), int(column))
        if place is not None:
            return self.alias(place).named(name)
        return called(self.alias(callee), self.alias(caller))


def place_of(name: str) -> Location:
    """For text without locations: what is printed as `%acc` or `%acc:2` is called so, and `%12` has no name."""
    name = name[1:].partition(":")[0]
    return UNKNOWN if name.isdigit() else Location(name=name)


def _read_tail(cursor: Cursor) -> _Tail:
    attributes: dict[str, Attribute] = {}
    if cursor.take("<{"):
        attributes = cursor.dictionary()
        cursor.expect(">")
    if cursor.take("({"):
        cursor.expect_end()
        return _Tail(_with_typed_value(attributes), True, (), ())
    if cursor.take("{"):
        attributes.update(cursor.dictionary())
    cursor.expect(":")
    type_ = cursor.function_type()
    cursor.expect_end()
    return _Tail(_with_typed_value(attributes), False, type_.inputs, type_.outputs)


def _with_typed_value(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """`arith.constant`'s `value = true` is the i1 number 1."""
    if isinstance(attributes.get("value"), bool):
        attributes["value"] = IntegerAttribute(int(attributes["value"]), I1)
    return attributes
