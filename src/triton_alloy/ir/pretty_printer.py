"""Prints MLIR's pretty form exactly as native libtriton does: `module.str()` and `module.str_nodebug()`.

Names are given before anything is printed, region by region: first everything in a region, then what is in its ops'
regions, which go on counting from there and may all use the same names. Locations, too, are numbered beforehand, in
the order in which they will be printed, inner ones of a nest before outer ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .assembly import FORM_OF, dictionary, results_text, typed
from .core import Block, Op, Region, Value
from .printer import print_attribute, print_entries, print_location, print_types, quote
from .types import I1, UNKNOWN, IndexType, IntegerAttribute, Location, SymbolAttribute, TextAttribute

_UNSPELLABLE = re.compile(r"[^A-Za-z0-9_$.\-]")
_SYMBOL_ATTRIBUTES = ("function_type", "sym_name", "sym_visibility", "arg_attrs", "res_attrs")
_LOOP_ANNOTATION = re.compile(r"#llvm\.loop_annotation<licm = (?:#llvm\.loop_licm)?<(.*)>>")


def print_pretty(op: Op, locations: bool = False) -> str:
    """The text of an op. A module's ends in a newline; its locations get numbers, and are defined around it.

    locations: whether to print them; values then have the names that they carry.
    """
    return _print(op, locations)[0]


def print_with_places(module: Op) -> tuple[str, dict[Op, tuple[int, int]]]:
    """The text of a module with locations, and at which line (from 1) and column (from 0) of it each op begins."""
    text, places, first = _print(module, locations=True)
    return text, {op: (first + line, column) for op, (line, column) in places.items()}


def _print(op: Op, locations: bool) -> tuple[str, dict[Op, tuple[int, int]], int]:
    """(text, places in the lines that are not definitions, the number of the first of those lines)."""
    is_module = op.name == "builtin.module"
    printer = _Printer(op, locations, _Aliases(op, locations) if is_module else None)
    printer.operation(op, "")
    if printer.aliases is None:
        return "\n".join(printer.lines), printer.places, 1
    before, after = printer.aliases.definitions()
    return "\n".join([*before, *printer.lines, *after]) + "\n", printer.places, 1 + len(before)


# -------------------------------------------------------------------------------------------------------------- names
class _Names:
    """`names`: what each value is called, with its `%`."""

    def __init__(self, op: Op, from_locations: bool):
        self.names: dict[Value, str] = {}
        self.from_locations = from_locations
        self.used: set[str] = set()
        self.numbers = self.arguments = self.suffixes = 0
        if op.results:
            self.results(op)
        for region in op.regions:
            self.region(region)

    def region(self, region: Region) -> None:
        """Name everything directly in a region, then each region in it with the counters as they are then."""
        outside = self.used
        self.used = set(outside)
        for block in region.blocks:
            self.block_arguments(block, is_entry=block is region.blocks[0])
            for op in block:
                if op.results:
                    self.results(op)
        counters = self.numbers, self.arguments, self.suffixes
        for inner in _regions_in(region):
            self.region(inner)
            self.numbers, self.arguments, self.suffixes = counters
        self.used = outside

    def block_arguments(self, block: Block, is_entry: bool) -> None:
        for argument in block.arguments:
            name = self.carried_name(argument.location)
            if is_entry:
                name = name or f"arg{self.arguments}"
                self.arguments += 1
            self.names[argument] = self.unique(name) if name else self.number()

    def results(self, op: Op) -> None:
        carried = self.carried_name(op.location)
        if op.name == "tt.split":
            for result, name in zip(op.results, ("outLHS", "outRHS"), strict=True):
                self.names[result] = self.unique(carried or name)
            return
        name = carried or (_constant_name(op) if op.name == "arith.constant" else "")
        spelled = self.unique(name) if name else self.number()
        if len(op.results) == 1:
            self.names[op.results[0]] = spelled
            return
        for i, result in enumerate(op.results):
            self.names[result] = f"{spelled}#{i}"

    def carried_name(self, location: Location) -> str:
        return location.name if self.from_locations else ""

    def number(self) -> str:
        self.numbers += 1
        return f"%{self.numbers - 1}"

    def unique(self, name: str) -> str:
        name = stem = _identifier(name)
        while name in self.used:
            name = f"{stem}_{self.suffixes}"
            self.suffixes += 1
        self.used.add(name)
        return f"%{name}"


def _regions_in(region: Region) -> Iterator[Region]:
    for block in region.blocks:
        for op in block:
            yield from op.regions


def _identifier(name: str) -> str:
    """`name` with what no identifier may contain replaced: blanks by `_`, other bytes by their hexadecimal digits."""
    if name[0].isdigit():
        name = f"_{name}"
    return _UNSPELLABLE.sub(lambda found: "_" if found[0] == " " else found[0].encode().hex().upper(), name)


def _constant_name(op: Op) -> str:
    attribute = op.attributes["value"]
    if not isinstance(attribute, IntegerAttribute):
        return "cst"
    if attribute.type is I1:
        return "true" if attribute.value else "false"
    return f"c{attribute.value}" if isinstance(attribute.type, IndexType) else f"c{attribute.value}_{attribute.type}"


# ---------------------------------------------------------------------------------------------------------- locations
class _Alias:
    """A location that is printed as `#loc3`. depth: how many of its parts are nested; deferred: defined at the end."""

    __slots__ = ("kind", "text", "depth", "deferred", "parts", "name")

    def __init__(self, kind: str, parts: list[_Alias], deferred: bool):
        self.kind = kind
        self.parts = parts
        self.depth = 1 + max(part.depth for part in parts) if parts else 0
        self.deferred = deferred
        self.text = ""
        self.name = ""


class _Aliases:
    """The aliases of a module: of its locations, and of the few attributes that have some."""

    def __init__(self, module: Op, with_locations: bool):
        self.found: dict[object, _Alias] = {}
        self.with_locations = with_locations
        self.visit(module)
        self.ordered = sorted(self.found.values(), key=lambda alias: (alias.depth, alias.kind))
        counts: dict[str, int] = {}
        for alias in self.ordered:
            number = counts.get(alias.kind, 0)
            counts[alias.kind] = number + 1
            alias.name = f"#{alias.kind}{number or ''}"

    def visit(self, op: Op) -> None:
        if self.with_locations:
            self.location(op.location, deferred=True)
        for attribute in op.attributes.values():
            if isinstance(attribute, TextAttribute):
                self.attribute(attribute)
        for block in op.blocks():
            if self.with_locations and _shows_arguments(op, block):
                for argument in block.arguments:
                    self.location(argument.location, deferred=False)
            for inner in block:
                if inner.next is not None or not _hides_terminator(op):
                    self.visit(inner)

    def location(self, location: Location, deferred: bool) -> _Alias:
        """The alias of a location, made, with those of its parts, where it is met first."""
        known = self.found.get(location)
        if known is not None:
            if not deferred and known.deferred:
                self._define_early(known)
            return known
        parts = [self.location(part, deferred) for part in _parts(location)]
        self.found[location] = alias = _Alias("loc", parts, deferred)
        return alias

    def _define_early(self, alias: _Alias) -> None:
        alias.deferred = False
        for part in alias.parts:
            self._define_early(part)

    def attribute(self, attribute: TextAttribute) -> None:
        found = _LOOP_ANNOTATION.fullmatch(attribute.text)
        if found is None or attribute in self.found:
            return
        licm = self.found.setdefault(found[1], _Alias("loop_licm", [], deferred=False))
        licm.text = f"#llvm.loop_licm<{found[1]}>"
        self.found[attribute] = _Alias("loop_annotation", [licm], deferred=False)

    def definitions(self) -> tuple[list[str], list[str]]:
        """The lines before and after the module."""
        texts = {id(alias): self._definition(key, alias) for key, alias in self.found.items()}
        before = [texts[id(alias)] for alias in self.ordered if not alias.deferred]
        return before, [texts[id(alias)] for alias in self.ordered if alias.deferred]

    def _definition(self, key: object, alias: _Alias) -> str:
        inner = [part.name for part in alias.parts]
        if isinstance(key, Location):
            return f"{alias.name} = loc({_with_parts(key, inner)})"
        return f"{alias.name} = {alias.text or f'#llvm.loop_annotation<licm = {inner[0]}>'}"


def _parts(location: Location) -> list[Location]:
    """The locations that a location's text contains."""
    if location.caller is not None:
        callee = Location(location.file, location.line, location.column, location.name, None, location.former)
        return [callee, location.caller]
    if not location.name:
        return []
    outer, *former = location.former or ("",)
    place = Location(location.file, location.line, location.column, outer, None, tuple(former))
    return [place] if place != UNKNOWN else []


def _with_parts(location: Location, parts: list[str]) -> str:
    """What stands within `loc(...)`, with `parts` in place of the locations in it, if there are names for those."""
    if parts and location.caller is not None:
        return f"callsite({parts[0]} at {parts[1]})"
    if parts and location.name:
        return f"{quote(location.name)}({parts[0]})"
    return print_location(location)


def _shows_arguments(op: Op, block: Block) -> bool:
    """Whether a block's arguments are printed with their types and locations."""
    if op.name in ("scf.for", "scf.if"):
        return False
    return op.name != "scf.while" or block.region is op.regions[1]


def _hides_terminator(op: Op) -> bool:
    return op.name in ("scf.for", "scf.if") and not op.results


# ---------------------------------------------------------------------------------------------------------------- ops
class _Printer:
    def __init__(self, op: Op, with_locations: bool, aliases: _Aliases | None):
        self.lines: list[str] = []
        self.names = _Names(op, with_locations).names
        self.with_locations = with_locations
        self.aliases = aliases
        self.labels: dict[Block, str] = {}
        self.places: dict[Op, tuple[int, int]] = {}

    def name_of(self, value: Value) -> str:
        return self.names.get(value, "<<UNKNOWN SSA VALUE>>")

    def location(self, location: Location) -> str:
        """` loc(#loc3)`, or the location itself where there are no aliases."""
        if not self.with_locations:
            return ""
        alias = self.aliases.found.get(location) if self.aliases is not None else None
        return f" loc({alias.name if alias is not None else print_location(location)})"

    def operation(self, op: Op, indent: str) -> None:
        self.places[op] = len(self.lines), len(indent)
        head = indent + self.results(op) if op.results else indent
        special = _WITH_REGIONS.get(op.name)
        if special is not None:
            special(self, op, head, indent)
            return
        form = FORM_OF.get(op.name)
        if form is None or op.regions:
            self.generic(op, head, indent)
            return
        self.lines.append(f"{head}{op.name}{form(op, self.name_of)}{self.location(op.location)}")

    def results(self, op: Op) -> str:
        """`%x = `, `%x:2 = `, and `%a, %b = ` for the two of tt.split."""
        name = self.names[op.results[0]]
        if len(op.results) == 1:
            return f"{name} = "
        if op.name == "tt.split":
            return f"{name}, {self.names[op.results[1]]} = "
        return f"{name[:-2]}:{len(op.results)} = "

    def attributes(self, op: Op, spelled: tuple[str, ...] = ()) -> str:
        """The dictionary, with aliases."""
        text = dictionary(op, spelled)
        if self.aliases is not None and "#llvm." in text:
            for attribute in op.attributes.values():
                if isinstance(attribute, TextAttribute) and attribute in self.aliases.found:
                    text = text.replace(attribute.text, self.aliases.found[attribute].name)
        return text

    def generic(self, op: Op, head: str, indent: str) -> None:
        """`"tt.reduce"(%x) <{axis = 0 : i32}> ({ ... }) : (tensor<4xf32>) -> f32`."""
        inherent = {name: value for name, value in sorted(op.attributes.items()) if "." not in name}
        others = {name: value for name, value in sorted(op.attributes.items()) if "." in name}
        head += f'"{op.name}"({", ".join(map(self.name_of, op.operands))})'
        head += f" <{{{print_entries(inherent)}}}>" if inherent else ""
        for i, region in enumerate(op.regions):
            self.lines.append(f"{head} ({{" if i == 0 else f"{indent}}}, {{")
            self.region(op, region, indent, labelled=True)
        head = f"{indent}}})" if op.regions else head
        shown = f" {{{print_entries(others)}}}" if others else ""
        types = f"{print_types(operand.type for operand in op.operands)} -> {results_text(op)}"
        self.lines.append(f"{head}{shown} : {types}{self.location(op.location)}")

    # ------------------------------------------------------------------------------------------------------- regions
    def region(self, op: Op, region: Region, indent: str, labelled: bool = False) -> None:
        """The blocks; the entry has a label if `labelled` and it has arguments."""
        for number, block in enumerate(region.blocks):
            self.labels[block] = f"^bb{number}"
        hides_terminator = _hides_terminator(op)
        for block in region.blocks:
            if block is not region.blocks[0]:
                self.lines.append(self.label(block, indent) + self.predecessors(block))
            elif labelled and block.arguments:
                self.lines.append(self.label(block, indent))
            for inner in block:
                if inner.next is not None or not hides_terminator:
                    self.operation(inner, indent + "  ")

    def label(self, block: Block, indent: str) -> str:
        arguments = ", ".join([self.argument(argument) for argument in block.arguments])
        return f"{indent}{self.labels[block]}{f'({arguments})' if arguments else ''}:"

    def argument(self, argument: Value, attributes: str = "") -> str:
        """`%x: f32 {tt.divisibility = 16 : i32} loc("x"(#loc3))`: only the parts of its location have aliases."""
        place = ""
        if self.with_locations:
            found = self.aliases.found[argument.location].parts if self.aliases is not None else []
            place = f" loc({_with_parts(argument.location, [part.name for part in found])})"
        return f"{self.names[argument]}: {argument.type}{attributes}{place}"

    def predecessors(self, block: Block) -> str:
        assert block.region is not None
        sources = [
            self.labels[other]
            for other in block.region.blocks
            for successor in (other.last.successors if other.last is not None else ())
            if successor is block
        ]
        if not sources:
            return "  // no predecessors"
        return f"  // pred: {sources[0]}" if len(sources) == 1 else f"  // {len(sources)} preds: {', '.join(sources)}"

    def close(self, op: Op, text: str) -> None:
        self.lines.append(f"{text}{self.location(op.location)}")

    def module(self, op: Op, head: str, indent: str) -> None:
        attributes = self.attributes(op)
        self.lines.append(f"{head}module{f' attributes{attributes}' if attributes else ''} {{")
        self.region(op, op.regions[0], indent)
        self.close(op, f"{indent}}}")

    def function(self, op: Op, head: str, indent: str) -> None:
        visibility = op.attributes.get("sym_visibility")
        name = print_attribute(SymbolAttribute(op.attributes["sym_name"]))
        results = op.attributes["function_type"].outputs
        outputs = f" -> {results[0]}" if len(results) == 1 else f" -> {print_types(results)}" if results else ""
        attributes = self.attributes(op, _SYMBOL_ATTRIBUTES)
        head += f"tt.func {f'{visibility} ' if visibility else ''}{name}({self.function_arguments(op)}){outputs}"
        self.lines.append(f"{head}{f' attributes{attributes}' if attributes else ''} {{")
        self.region(op, op.regions[0], indent)
        self.close(op, f"{indent}}}")

    def function_arguments(self, op: Op) -> str:
        arguments = op.regions[0].blocks[0].arguments if op.regions[0].blocks else []
        extras = op.attributes.get("arg_attrs") or ({},) * len(arguments)
        shown = [f" {{{print_entries(dict(sorted(extra.items())))}}}" if extra else "" for extra in extras]
        return ", ".join(map(self.argument, arguments, shown))

    def for_loop(self, op: Op, head: str, indent: str) -> None:
        counter, *carried = op.body.arguments
        lower, upper, step, *initial = map(self.name_of, op.operands)
        pairs = ", ".join(f"{self.names[a]} = {value}" for a, value in zip(carried, initial, strict=True))
        carries = f" iter_args({pairs}) -> {print_types(result.type for result in op.results)}" if pairs else ""
        kind = "" if isinstance(counter.type, IndexType) else f" : {counter.type}"
        bounds = f"{self.names[counter]} = {lower} to {upper} step {step}"
        self.lines.append(f"{head}scf.for {bounds}{carries} {kind} {{")
        self.region(op, op.regions[0], indent)
        self.close(op, f"{indent}}}{self.attributes(op)}")

    def branch(self, op: Op, head: str, indent: str) -> None:
        then, otherwise = op.regions
        types = f" -> {print_types(result.type for result in op.results)}" if op.results else ""
        self.lines.append(f"{head}scf.if {self.name_of(op.operands[0])}{types} {{")
        self.region(op, then, indent)
        if otherwise.blocks:
            self.lines.append(f"{indent}}} else {{")
            self.region(op, otherwise, indent)
        self.close(op, f"{indent}}}{self.attributes(op)}")

    def while_loop(self, op: Op, head: str, indent: str) -> None:
        before, after = op.regions
        inputs = zip(before.blocks[0].arguments, op.operands, strict=True)
        pairs = ", ".join(f"{self.names[a]} = {self.name_of(value)}" for a, value in inputs)
        types = f"{print_types(operand.type for operand in op.operands)} -> {results_text(op)}"
        self.lines.append(f"{head}scf.while{f' ({pairs})' if pairs else ''} : {types} {{")
        self.region(op, before, indent)
        self.lines.append(f"{indent}}} do {{")
        self.region(op, after, indent, labelled=True)
        attributes = self.attributes(op)
        self.close(op, f"{indent}}}{f' attributes{attributes}' if attributes else ''}")

    def jump(self, op: Op, head: str, indent: str) -> None:
        """cf.br and cf.cond_br: each target with the values it gets."""
        words, values = [], op.operands
        sizes: tuple[int, ...] = (len(values),)
        if op.name == "cf.cond_br":
            words, values = [self.name_of(values[0])], values[1:]
            sizes = op.attributes["operandSegmentSizes"][1:]
        for block, size in zip(op.successors, sizes, strict=True):
            passed, values = values[:size], values[size:]
            words.append(self.labels[block] + (f"({typed(passed, self.name_of)[1:]})" if passed else ""))
        self.close(op, f"{head}{op.name} {', '.join(words)}{self.attributes(op)}")


_WITH_REGIONS = {
    "builtin.module": _Printer.module,
    "tt.func": _Printer.function,
    "scf.for": _Printer.for_loop,
    "scf.if": _Printer.branch,
    "scf.while": _Printer.while_loop,
    "cf.br": _Printer.jump,
    "cf.cond_br": _Printer.jump,
}
