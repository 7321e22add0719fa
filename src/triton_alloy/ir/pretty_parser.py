"""Reads a module from MLIR's pretty form, as native libtriton and pretty_printer.py print it.

Ops that have no pretty form are in generic form there too, so this parser adds to that of parser.py: functions, loops
and branches by a function each, all other ops by the rows of assembly_reader.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .assembly_reader import READERS, Read, complete
from .core import Block, Op, Region, Value
from .parser import HEAD, Parser, place_of
from .syntax import Cursor
from .types import UNKNOWN, Attribute, FunctionType, Location, SymbolAttribute, Type

_OP = re.compile(r"\s*(?:(%[^=]*?) = )?([A-Za-z_][\w.]*)")
_ATTRIBUTE_ALIAS = re.compile(r"^(#(?!loc)\w+) = (#.*?)[ \t]*$", re.MULTILINE)
_VALUE = re.compile(r"%[\w$.\-]+(?:#\d+)?")


def parse_pretty(text: str) -> Op:
    """The `builtin.module` that `text` spells in pretty or generic form. Raises InvalidIR."""
    aliases = dict(_ATTRIBUTE_ALIAS.findall(text))
    for name, meaning in reversed(aliases.items()):
        text = re.sub(rf"(?<![\w#]){re.escape(name)}\b(?! = )", lambda _, meaning=meaning: meaning, text)
    return _PrettyParser(text).module()


@dataclass
class _Line:
    """An op's line: a cursor after the op's name, and the location at the line's end, if there is one."""

    names: str | None
    cursor: Cursor
    location: Location | None


class _PrettyParser(Parser):
    def operations(self, region: Region, labels: dict[str, Block]) -> None:
        block = region.blocks[-1] if region.blocks else None
        while self.index < len(self.lines):
            line = self.lines[self.index]
            text = line.strip()
            if text.startswith("}"):
                return
            if text.startswith("^"):
                block = region.append(self.block(line, text, labels))
            elif text and not text.startswith(("//", "#")):
                block = block or region.append(Block())
                block.insert(self.any_operation(line, labels))
            self.index += 1

    def any_operation(self, line: str, labels: dict[str, Block]) -> Op:
        head = HEAD(line)
        if head is not None:
            return self.operation(head, line, labels)
        found = _OP.match(line)
        if found is None:
            self.fail("expected an operation", len(line) - len(line.lstrip()))
        names, op_name = found.groups()
        special = _STRUCTURES.get(op_name)
        if special is not None:
            return special(self, _Line(names, self.cursor(line[found.end() :], line), None))
        start = self.split(line, found.end(), names)
        op = self.plain(op_name, start, labels)
        self.define(names, op) if names or op.results else None
        return op

    def split(self, line: str, start: int, names: str | None) -> _Line:
        """The text of an op and its location."""
        rest = line[start:]
        text, separator, place = rest.rpartition(" loc(")
        if not separator or place.count('"') % 2 or text.count('"') % 2:
            return _Line(names, self.cursor(rest, line), None)
        return _Line(names, self.cursor(text, line), self.location(f"loc({place}", line))

    def plain(self, name: str, line: _Line, labels: dict[str, Block]) -> Op:
        reader = READERS.get(name)
        if reader is None:
            self.fail(f"{name} has no pretty form that is known here")
        read = Read(line.cursor, self.value_of, lambda label: labels.setdefault(label, Block()), name=name)
        reader(read)
        line.cursor.expect_end()
        complete(read)
        place = line.location or (place_of(line.names) if line.names else UNKNOWN)
        return Op(name, read.operands, read.types, read.attributes, (), place, read.successors)

    def value_of(self, name: str) -> Value:
        found = self.values.get(name)
        if found is None:
            self.fail(f"value {name} is not defined")
        return found

    def define(self, names: str | None, op: Op) -> None:
        """Also `%a, %b = tt.split`."""
        if names is not None and ":" not in names and "," not in names and len(op.results) > 1:
            names = f"{names}:{len(op.results)}"
        super().define(names, op)

    # ------------------------------------------------------------------------------------------------------ closing
    def body(self, arguments: Sequence[tuple[str, Type, Location]] = ()) -> Region:
        """The region that the current line opens; the current line is then the one that closes it."""
        start = self.index
        self.index += 1
        region = Region()
        if arguments:
            entry = region.append(Block())
            for name, type_, place in arguments:
                self.values[name] = entry.add_argument(type_, place)
        labels: dict[str, Block] = {}
        self.operations(region, labels)
        if self.index >= len(self.lines):
            self.index = start
            self.fail("a region is not closed", len(self.lines[start]) - 1)
        if not region.blocks:
            region.append(Block())
        for label, block in labels.items():
            if block.region is None:
                self.fail(f"block {label} is not defined")
        return region

    def closing(self) -> tuple[dict[str, Attribute], Location]:
        """What stands after the last `}` of an op: attributes and a location."""
        line = self.lines[self.index]
        start = line.index("}") + 1
        rest = self.split(line, start, None)
        attributes: dict[str, Attribute] = {}
        rest.cursor.take("attributes")
        if rest.cursor.take("{"):
            attributes = rest.cursor.dictionary()
        rest.cursor.expect_end()
        return attributes, rest.location or UNKNOWN

    def carried(self, cursor: Cursor) -> tuple[list[str], list[Value]]:
        """`(%a = %x, %b = %y)`: names and initial values, after the `(`."""
        names: list[str] = []
        values: list[Value] = []

        def pair() -> None:
            names.append(cursor.expect_match(_VALUE, "an argument")[0])
            cursor.expect("=")
            values.append(self.value_of(cursor.expect_match(_VALUE, "a value")[0]))

        cursor.sequence(pair, ")")
        return names, values

    def types(self, cursor: Cursor) -> list[Type]:
        """`f32` or `(f32, i1)`."""
        return cursor.sequence(cursor.type, ")") if cursor.take("(") else [cursor.type()]

    # --------------------------------------------------------------------------------------------------- structures
    def module_op(self, line: _Line) -> Op:
        attributes: dict[str, Attribute] = {}
        cursor = line.cursor
        if cursor.take("attributes"):
            cursor.expect("{")
            attributes = cursor.dictionary()
        cursor.expect("{")
        cursor.expect_end()
        region = self.body()
        _, place = self.closing()
        return Op("builtin.module", [], [], attributes, [region], place)

    def function(self, line: _Line) -> Op:
        cursor = line.cursor
        attributes: dict[str, Attribute] = {}
        for visibility in ("public", "private"):
            if cursor.take(visibility):
                attributes["sym_visibility"] = visibility
        symbol = cursor.attribute()
        assert isinstance(symbol, SymbolAttribute)
        attributes["sym_name"] = symbol.name
        cursor.expect("(")
        arguments: list[tuple[str, Type, Location]] = []
        hints: list[dict[str, Attribute]] = []
        cursor.sequence(lambda: self.function_argument(cursor, arguments, hints), ")")
        outputs = self.types(cursor) if cursor.take("->") else []
        if cursor.take("attributes"):
            cursor.expect("{")
            attributes.update(cursor.dictionary())
        attributes["function_type"] = FunctionType([type_ for _, type_, _ in arguments], outputs)
        if any(hints):
            attributes["arg_attrs"] = tuple(hints)
        cursor.expect("{")
        cursor.expect_end()
        region = self.body(arguments)
        _, place = self.closing()
        return Op("tt.func", [], [], attributes, [region], place)

    def function_argument(
        self, cursor: Cursor, arguments: list[tuple[str, Type, Location]], hints: list[dict[str, Attribute]]
    ) -> None:
        name = cursor.expect_match(_VALUE, "an argument")[0]
        cursor.expect(":")
        type_ = cursor.type()
        hints.append(cursor.dictionary() if cursor.take("{") else {})
        place = place_of(name)
        if cursor.take("loc("):
            place = cursor.location()
            cursor.expect(")")
        arguments.append((name, type_, place))

    def for_loop(self, line: _Line) -> Op:
        cursor = line.cursor
        counter = cursor.expect_match(_VALUE, "a counter")[0]
        bounds = []
        for word in ("=", "to", "step"):
            cursor.expect(word)
            bounds.append(self.value_of(cursor.expect_match(_VALUE, "a value")[0]))
        names, initial, types = self.iteration(cursor)
        if cursor.take(":"):
            cursor.type()
        cursor.expect("{")
        cursor.expect_end()
        pairs = zip((counter, *names), (bounds[0].type, *types), strict=True)
        region = self.body([(name, type_, place_of(name)) for name, type_ in pairs])
        attributes, place = self.closing()
        _end(region)
        return self.made(line, Op("scf.for", [*bounds, *initial], types, attributes, [region], place))

    def iteration(self, cursor: Cursor) -> tuple[list[str], list[Value], list[Type]]:
        """`iter_args(%a = %x) -> (f32)`, or nothing."""
        if not cursor.take("iter_args("):
            return [], [], []
        names, values = self.carried(cursor)
        cursor.expect("->")
        return names, values, self.types(cursor)

    def branch(self, line: _Line) -> Op:
        cursor = line.cursor
        condition = self.value_of(cursor.expect_match(_VALUE, "a condition")[0])
        types = self.types(cursor) if cursor.take("->") else []
        cursor.expect("{")
        cursor.expect_end()
        regions = [self.body(), Region()]
        if self.lines[self.index].strip() == "} else {":
            regions[1] = self.body()
        attributes, place = self.closing()
        for region in regions:
            _end(region)
        return self.made(line, Op("scf.if", [condition], types, attributes, regions, place))

    def while_loop(self, line: _Line) -> Op:
        cursor = line.cursor
        names, initial = self.carried(cursor) if cursor.take("(") else ([], [])
        cursor.expect(":")
        type_ = cursor.function_type()
        cursor.expect("{")
        cursor.expect_end()
        before = self.body([(n, t, place_of(n)) for n, t in zip(names, type_.inputs, strict=True)])
        if self.lines[self.index].strip() != "} do {":
            self.fail("expected '} do {'")
        after = self.body()
        attributes, place = self.closing()
        return self.made(line, Op("scf.while", initial, type_.outputs, attributes, [before, after], place))

    def made(self, line: _Line, op: Op) -> Op:
        if op.location == UNKNOWN and line.names:
            op.location = place_of(line.names)
            for result in op.results:
                result.location = op.location
        if line.names:
            self.define(line.names, op)
        return op


def _end(region: Region) -> None:
    """Put back an scf.yield that the text leaves out."""
    for block in region.blocks:
        if block.last is None or block.last.name != "scf.yield":
            block.append(Op("scf.yield"))


_STRUCTURES: dict[str, Callable[[_PrettyParser, _Line], Op]] = {
    "module": _PrettyParser.module_op,
    "tt.func": _PrettyParser.function,
    "scf.for": _PrettyParser.for_loop,
    "scf.if": _PrettyParser.branch,
    "scf.while": _PrettyParser.while_loop,
}
