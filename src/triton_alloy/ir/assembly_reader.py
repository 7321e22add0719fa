"""Reads what follows an op's name in MLIR's pretty form: the rows of assembly.py, the other way round.

What the text leaves out is put back: results' types from the operands', attributes that have their usual value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .assembly import FORMS, WORDS
from .core import Block, Value
from .syntax import Cursor
from .types import I1, I32, I64, Attribute, IntegerAttribute, PointerType, TextAttribute, Type, element_of, with_element

_VALUE = re.compile(r"%[\w$.\-]+(?:#\d+)?")
_NEXT_VALUE = re.compile(r",[ \t]*(?=%)")
_LABEL = re.compile(r"\^[\w$.\-]+")
_WORD = re.compile(r"[A-Za-z_]\w*")
_FIELD = re.compile(r"\{([^{}]*)\}")
_FLAG = re.compile(r"(overflow|fastmath)<[^>]*>")


@dataclass
class Read:
    """What is known of an op while its text is read."""

    cursor: Cursor
    value_of: Callable[[str], Value]
    block_of: Callable[[str], Block]
    operands: list[Value] = field(default_factory=list)
    types: list[Type] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    successors: list[Block] = field(default_factory=list)
    name: str = ""

    def value(self) -> Value:
        found = self.cursor.expect_match(_VALUE, "a value")[0]
        return self.value_of(found)

    def values(self) -> list[Value]:
        """Values with commas between them, or none."""
        if not self.cursor.text.startswith("%", self.cursor.position):
            return []
        found = [self.value()]
        while self.cursor.match(_NEXT_VALUE) is not None:
            found.append(self.value())
        return found

    def listed(self) -> list[Value]:
        """`[%a, %b]`."""
        self.cursor.expect("[")
        found = self.values()
        self.cursor.expect("]")
        return found

    def type_list(self) -> list[Type]:
        """Types with commas between them."""
        found = [self.cursor.type()]
        while self.cursor.take(","):
            found.append(self.cursor.type())
        return found

    def dictionary(self) -> None:
        """Flags and `{name = value}`, either or none."""
        while (flag := self.cursor.match(_FLAG)) is not None:
            name = "overflowFlags" if flag[1] == "overflow" else flag[1]
            self.attributes[name] = TextAttribute(f"#arith.{flag[0]}")
        if self.cursor.take("{"):
            self.attributes.update(self.cursor.dictionary())

    def typed(self) -> list[Value]:
        """`%a, %b : f32, i1`, or nothing."""
        found = self.values()
        if found:
            self.cursor.expect(":")
            self.check(found, self.type_list())
        return found

    def check(self, values: Sequence[Value], types: Sequence[Type]) -> None:
        for value, type_ in zip(values, types, strict=False):
            if value.type is not type_:
                self.cursor.fail(f"a value of {value.type} is called one of {type_}")

    def word(self, name: str) -> None:
        """An attribute that stands alone, by its word."""
        words = WORDS.get(f"{self.name} {name}") or WORDS.get(name)
        if words is None:
            self.attributes[name] = self.cursor.attribute()
            return
        spelled = self.cursor.expect_match(_WORD, "a word")[0]
        number = next((number for number, word in words.items() if word == spelled), None)
        if number is None:
            self.cursor.fail(f"unknown word {spelled}")
        width = I64 if name == "predicate" else I32
        self.attributes[name] = IntegerAttribute(number, width)


Reader = Callable[[Read], None]


# ---------------------------------------------------------------------------------------------------------- rows
def _row_reader(row: str) -> Reader:
    pieces = _FIELD.split(row)

    def read(read: Read) -> None:
        slots: dict[int, list[Value]] = {}
        for number, piece in enumerate(pieces):
            if number % 2 == 0:
                for literal in piece.split():
                    read.cursor.expect(literal)
            else:
                _read_field(read, piece, slots)
        read.operands = [value for start in sorted(slots) for value in slots[start]] or read.operands

    return read


def _read_field(read: Read, text: str, slots: dict[int, list[Value]]) -> None:
    if text == "attributes":
        read.dictionary()
    elif text == "typed":
        slots[0] = read.typed()
    elif text[0] == "=":
        read.word(text[1:])
    elif text[0] == "t":
        operands = [value for start in sorted(slots) for value in slots[start]]
        first = int(text[1:].rstrip(":") or 0)
        read.check(operands[first:], read.type_list() if ":" in text else [read.cursor.type()])
    elif text[0] == "r":
        read.types = read.type_list() if ":" in text else [read.cursor.type()]
    else:
        start, colon, _ = text.partition(":")
        slots[int(start or 0)] = read.values() if colon else [read.value()]


# ------------------------------------------------------------------------------------- ops whose form takes a decision
def _constant(read: Read) -> None:
    read.dictionary()
    value = read.cursor.attribute()
    read.attributes["value"] = IntegerAttribute(int(value), I1) if isinstance(value, bool) else value
    type_: Any = getattr(read.attributes["value"], "type", None)
    read.types = [type_]


def _select(read: Read) -> None:
    read.operands = read.values()
    read.dictionary()
    read.cursor.expect(":")
    read.types = read.type_list()[-1:]


def _fp_to_fp(read: Read) -> None:
    read.operands = [read.value()]
    if read.cursor.take(","):
        read.cursor.expect("rounding")
        read.cursor.expect("=")
        read.word("rounding")
    read.dictionary()
    read.cursor.expect(":")
    _arrow(read)


def _arrow(read: Read) -> None:
    """`f32 -> f16`."""
    read.check(read.operands, [read.cursor.type()])
    read.cursor.expect("->")
    read.types = [read.cursor.type()]


def _reshape(read: Read) -> None:
    read.operands = [read.value()]
    for mark in ("allow_reorder", "efficient_layout"):
        if read.cursor.take(mark):
            read.attributes[mark] = None
    read.dictionary()
    read.cursor.expect(":")
    _arrow(read)


def _dot(read: Read) -> None:
    read.operands = [read.value()]
    while read.cursor.take(","):
        if read.cursor.take("inputPrecision"):
            read.cursor.expect("=")
            read.word("inputPrecision")
        else:
            read.operands.append(read.value())
    read.dictionary()
    read.attributes.setdefault("inputPrecision", IntegerAttribute(2, I32))
    read.cursor.expect(":")
    read.cursor.type()
    read.cursor.expect("*")
    _arrow_after(read)


def _arrow_after(read: Read) -> None:
    read.type_list()
    read.cursor.expect("->")
    read.types = [read.cursor.type()]


def _dot_scaled(read: Read) -> None:
    """`%a scale %s, %b, %c lhs = e4m3 rhs = e5m2 {..} : ta, ts * tb -> tc`."""
    sides = []
    for _ in range(2):
        side = [read.value()]
        if read.cursor.take("scale"):
            side.append(read.value())
        sides.append(side)
        read.cursor.expect(",")
    left, right = sides
    read.operands = [left[0], right[0], read.value(), *left[1:], *right[1:]]
    for word, name in (("lhs", "a_elem_type"), ("rhs", "b_elem_type")):
        read.cursor.expect(word)
        read.cursor.expect("=")
        read.word(name)
    read.dictionary()
    read.attributes["operandSegmentSizes"] = (1, 1, 1, len(left) - 1, len(right) - 1)
    read.cursor.expect(":")
    read.type_list()
    read.cursor.expect("*")
    _arrow_after(read)


def _atomic_poll(read: Read) -> None:
    read.word("sem")
    read.cursor.expect(",")
    read.word("scope")
    read.cursor.expect(",")
    read.operands = read.values()
    if read.cursor.take("timeout"):
        read.operands.append(read.value())
    read.dictionary()
    read.cursor.expect(":")
    _arrow_after(read)


def _make_tensor_descriptor(read: Read) -> None:
    base = read.value()
    read.cursor.expect(",")
    sizes = read.listed()
    read.cursor.expect(",")
    read.operands = [base, *sizes, *read.listed()]
    read.dictionary()
    read.cursor.expect(":")
    read.check([base], [read.cursor.pointer()])
    read.cursor.expect(",")
    read.types = [read.cursor.descriptor()]


def _call(read: Read) -> None:
    read.attributes["callee"] = read.cursor.attribute()
    read.cursor.expect("(")
    read.operands = read.values()
    read.cursor.expect(")")
    read.dictionary()
    read.cursor.expect(":")
    read.types = list(read.cursor.function_type().outputs)


def _print(read: Read) -> None:
    read.attributes["prefix"] = read.cursor.string()
    read.dictionary()
    if read.cursor.take(":"):
        read.operands = read.typed()


def _condition(read: Read) -> None:
    read.cursor.expect("(")
    condition = read.value()
    read.cursor.expect(")")
    read.dictionary()
    read.operands = [condition, *read.typed()]


def _target(read: Read) -> int:
    """`^bb1(%a, %b : f32, i1)`: the number of the values."""
    read.successors.append(read.block_of(read.cursor.expect_match(_LABEL, "a block")[0]))
    if not read.cursor.take("("):
        return 0
    values = read.typed()
    read.cursor.expect(")")
    read.operands += values
    return len(values)


def _branch(read: Read) -> None:
    _target(read)
    read.dictionary()


def _conditional_branch(read: Read) -> None:
    read.operands = [read.value()]
    counts = []
    for _ in range(2):
        read.cursor.expect(",")
        counts.append(_target(read))
    read.dictionary()
    read.attributes["operandSegmentSizes"] = (1, *counts)


READERS: dict[str, Reader] = {
    "arith.constant": _constant,
    "arith.select": _select,
    "tt.fp_to_fp": _fp_to_fp,
    "tt.reshape": _reshape,
    "tt.dot": _dot,
    "tt.dot_scaled": _dot_scaled,
    "tt.atomic_poll": _atomic_poll,
    "tt.make_tensor_descriptor": _make_tensor_descriptor,
    "tt.call": _call,
    "tt.print": _print,
    "scf.condition": _condition,
    "cf.br": _branch,
    "cf.cond_br": _conditional_branch,
}
"""Op name -> what reads the text after it."""
for _names, _row in FORMS.items():
    READERS.update(dict.fromkeys(_names.split(), _row_reader(_row)))


# ------------------------------------------------------------------------------------------------- what is left out
def _nothing(read: Read) -> list[Type]:
    return []


def _boolean(read: Read) -> list[Type]:
    return [with_element(read.operands[0].type, I1)]


def _pointee(read: Read) -> list[Type]:
    pointer = read.operands[0].type
    element = element_of(pointer)
    return [with_element(pointer, element.pointee)] if isinstance(element, PointerType) else []


_WITHOUT_RESULTS = (
    *("tt.store", "llvm.intr.assume", "tt.atomic_store", "tt.descriptor_store", "tt.descriptor_reduce"),
    *("tt.descriptor_scatter", "tt.return", "tt.reduce.return", "tt.scan.return", "tt.map_elementwise.return"),
    *("scf.yield", "scf.condition", "tt.assert", "ttg.barrier", "tt.grid_dependency_wait"),
    *("tt.grid_dependency_launch_dependents", "tt.print", "tt.call", "cf.br", "cf.cond_br"),
)
_RESULTS: dict[str, Callable[[Read], list[Type]]] = {
    **dict.fromkeys(("arith.cmpi", "arith.cmpf"), _boolean),
    "tt.load": _pointee,
    "tt.unsplat": lambda read: [element_of(read.operands[0].type)],
    **dict.fromkeys(_WITHOUT_RESULTS, _nothing),
}
"""The types of results that the text does not name; where there is no row, the first operand's."""

_FASTMATH = TextAttribute("#arith.fastmath<none>")
_OVERFLOW = TextAttribute("#arith.overflow<none>")
_USUAL: dict[str, tuple[str, Attribute]] = {
    "arith.addi arith.subi arith.muli arith.shli arith.trunci": ("overflowFlags", _OVERFLOW),
    "arith.addf arith.subf arith.mulf arith.divf arith.remf arith.negf arith.cmpf arith.minimumf arith.minnumf "
    "arith.maximumf arith.maxnumf math.exp math.exp2 math.cos math.sin math.log math.log2 math.erf math.sqrt "
    "math.rsqrt math.floor math.ceil math.absf math.fma": ("fastmath", _FASTMATH),
    "tt.load": ("isVolatile", False),
    "tt.dot": ("maxNumImpreciseAcc", IntegerAttribute(0, I32)),
    "tt.make_tensor_descriptor": ("padding", IntegerAttribute(1, I32)),
    "ub.poison": ("value", TextAttribute("#ub.poison")),
}
_USUAL_OF = {name: row for names, row in _USUAL.items() for name in names.split()}


def complete(read: Read) -> None:
    """Put back what the text leaves out."""
    if not read.types:
        results = _RESULTS.get(read.name)
        if results is not None:
            read.types = results(read)
        elif read.operands:
            read.types = [read.operands[0].type]
    if read.name == "tt.split":
        read.types *= 2
    usual = _USUAL_OF.get(read.name)
    if usual is not None:
        read.attributes.setdefault(*usual)
    if read.name == "tt.load":
        count = len(read.operands)
        read.attributes["operandSegmentSizes"] = (1, int(count > 1), int(count > 2))
    elif read.name == "tt.dot_scaled":
        read.attributes.setdefault("lhs_k_pack", True)
        read.attributes.setdefault("rhs_k_pack", True)
    elif read.name == "llvm.intr.assume":
        read.attributes.setdefault("op_bundle_sizes", ())
