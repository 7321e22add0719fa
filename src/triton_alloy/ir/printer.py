"""Prints a module or an op in MLIR's generic form, which parser.py reads back and native libtriton accepts for its
dialects. Values are called by the user's names: `%acc`, `%acc_0`, and numbered where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .core import Block, Op, Region, Value
from .numbers import spell_float
from .types import (
    I1,
    UNKNOWN,
    Attribute,
    DenseAttribute,
    FloatAttribute,
    FloatType,
    IntegerAttribute,
    Location,
    SymbolAttribute,
    TensorType,
    TextAttribute,
    Type,
)

_UNSPELLABLE = re.compile(r"[^\w$.\-]", re.ASCII)
_ISOLATED = ("tt.func", "msl.kernel")
_DISCARDABLE = {"noinline"}  # attributes that are no properties of their op, in spite of an undotted name
_UNPRINTABLE = re.compile(r"[^ !#-\[\]-~]")
_BARE_NAME = re.compile(r"[A-Za-z_][\w$.]*", re.ASCII)


def print_ir(op: Op, locations: bool = False) -> str:
    """The text of `op` with everything in it, ending in a newline; with `locations`, as aliases defined at the end."""
    printer = _Printer(locations)
    printer.operation(op, "")
    definitions = [f"{alias} = {text}" for text, alias in printer.aliases.items()]
    return "\n".join(printer.lines + definitions) + "\n"


def print_attribute(attribute: Attribute) -> str:
    """The text of one attribute; `unit` for None."""
    if isinstance(attribute, bool):
        return "true" if attribute else "false"
    if isinstance(attribute, float):
        return repr(attribute)
    if isinstance(attribute, str):
        return quote(attribute)
    if isinstance(attribute, tuple):
        return _print_array(attribute)
    if isinstance(attribute, dict):
        return f"{{{print_entries(attribute)}}}"
    if isinstance(attribute, IntegerAttribute):
        return _print_number(attribute.value, attribute.type) + ("" if attribute.type is I1 else f" : {attribute.type}")
    if isinstance(attribute, FloatAttribute):
        return f"{_print_number(attribute.value, attribute.type)} : {attribute.type}"
    if isinstance(attribute, DenseAttribute):
        return _print_dense(attribute)
    if isinstance(attribute, SymbolAttribute):
        return f"@{attribute.name}" if _BARE_NAME.fullmatch(attribute.name) else f'@"{attribute.name}"'
    if isinstance(attribute, TextAttribute):
        return attribute.text
    return "unit" if attribute is None else str(attribute)


def quote(text: str) -> str:
    """A string literal of MLIR: what is not printable ASCII as its bytes."""
    return f'"{_UNPRINTABLE.sub(_escape, text)}"' if _UNPRINTABLE.search(text) else f'"{text}"'


def _escape(found: re.Match[str]) -> str:
    return "\\\\" if found[0] == "\\" else "".join(f"\\{byte:02X}" for byte in found[0].encode())


def _print_array(items: tuple[Attribute, ...]) -> str:
    if not items:
        return "array<i32>"
    if all(type(item) is int for item in items):
        return f"array<i32: {', '.join(map(str, items))}>"
    return f"[{', '.join(map(print_attribute, items))}]"


def _print_number(value: int | float, type_: Type) -> str:
    if type_ is I1:
        return "true" if value else "false"
    return spell_float(value, type_) if isinstance(type_, FloatType) else str(value)


def _print_dense(attribute: DenseAttribute) -> str:
    assert isinstance(attribute.type, TensorType)
    texts = [_print_number(value, attribute.type.element) for value in attribute.values]
    if not attribute.is_splat:
        for size in reversed(attribute.type.shape):
            texts = [f"[{', '.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return f"dense<{texts[0] if texts else ''}> : {attribute.type}"


def print_entries(attributes: dict[str, Attribute]) -> str:
    """What stands within the braces of a dictionary."""
    spelled = [(name if _BARE_NAME.fullmatch(name) else quote(name), value) for name, value in attributes.items()]
    return ", ".join(name if value is None else f"{name} = {print_attribute(value)}" for name, value in spelled)


def print_types(types: Iterable[Type]) -> str:
    """`(f32, i1)`."""
    return f"({', '.join(map(str, types))})"


class _Printer:
    def __init__(self, locations: bool):
        self.lines: list[str] = []
        self.locations = locations
        self.aliases: dict[str, str] = {}
        self.names: dict[Value, str] = {}
        self.used: set[str] = set()
        self.next_number = 0
        self.next_suffix: dict[str, int] = {}
        self.labels: dict[Block, str] = {}

    # -------------------------------------------------------------------------------------------------------- names
    def define(self, value: Value) -> str:
        stem = _UNSPELLABLE.sub("_", value.name)
        if not stem:
            name = str(self.next_number)
            self.next_number += 1
        else:
            stem = name = f"_{stem}" if stem[0].isdigit() else stem
            while name in self.used:
                suffix = self.next_suffix.get(stem, 0)
                self.next_suffix[stem] = suffix + 1
                name = f"{stem}_{suffix}"
        self.used.add(name)
        self.names[value] = f"%{name}"
        return f"%{name}"

    def define_results(self, results: list[Value]) -> str:
        """`%x = `, or `%x:3 = ` with users saying `%x#1`."""
        if not results:
            return ""
        name = self.define(results[0])
        if len(results) == 1:
            return f"{name} = "
        self.names.update((result, f"{name}#{i}") for i, result in enumerate(results))
        return f"{name}:{len(results)} = "

    def name_of(self, value: Value) -> str:
        return self.names.get(value, "%<undefined>")

    # ---------------------------------------------------------------------------------------------------- locations
    def location(self, location: Location) -> str:
        if not self.locations:
            return ""
        if location == UNKNOWN:
            return " loc(unknown)"
        text = print_location(location)
        alias = self.aliases.setdefault(f"loc({text})", f"#loc{len(self.aliases)}")
        return f" loc({alias})"

    # ---------------------------------------------------------------------------------------------------- structure
    def operation(self, op: Op, indent: str) -> None:
        head = indent + self.define_results(op.results)
        head += f'"{op.name}"({", ".join(map(self.name_of, op.operands))})'
        if op.successors:
            head += f"[{', '.join(self.labels.get(block, '^undefined') for block in op.successors)}]"
        others = {name: value for name, value in op.attributes.items() if "." in name or name in _DISCARDABLE}
        inherent = {name: value for name, value in op.attributes.items() if name not in others}
        if inherent:
            head += f" <{{{print_entries(inherent)}}}>"
        if op.name in _ISOLATED:
            self.used, self.next_number, self.next_suffix = set(), 0, {}
        if op.regions:
            self.regions(op.regions, head, indent)
            head = f"{indent}}})"
        if others:
            head += f" {{{print_entries(others)}}}"
        outputs = [result.type for result in op.results]
        arrow = str(outputs[0]) if len(outputs) == 1 else print_types(outputs)
        types = f"{print_types(operand.type for operand in op.operands)} -> {arrow}"
        self.lines.append(f"{head} : {types}{self.location(op.location)}")

    def regions(self, regions: list[Region], head: str, indent: str) -> None:
        for i, region in enumerate(regions):
            self.lines.append(f"{head} ({{" if i == 0 else f"{indent}}}, {{")
            for number, block in enumerate(region.blocks):
                self.labels[block] = f"^bb{number}"
            for block in region.blocks:
                self.block(block, indent, labelled=bool(block.arguments) or block is not region.blocks[0])

    def block(self, block: Block, indent: str, labelled: bool) -> None:
        if labelled:
            arguments = [
                f"{self.define(argument)}: {argument.type}{self.location(argument.location)}"
                for argument in block.arguments
            ]
            listed = f"({', '.join(arguments)})" if arguments else ""
            self.lines.append(f"{indent}{self.labels[block]}{listed}:")
        for op in block:
            self.operation(op, indent + "  ")


def print_location(location: Location) -> str:
    """What stands within `loc(...)`."""
    if location == UNKNOWN:
        return "unknown"
    place = f"{quote(location.file)}:{location.line}:{location.column}" if location.file else ""
    for name in (*location.former[::-1], location.name):
        if name:
            place = f"{quote(name)}({place})" if place else quote(name)
    return f"callsite({place or 'unknown'} at {print_location(location.caller)})" if location.caller else place
