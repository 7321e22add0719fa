"""Types, attributes and locations from MLIR's text: `Cursor` reads them from one line.

Attributes: `15 : i32` IntegerAttribute, `1.0 : f32` FloatAttribute, `dense<..>` DenseAttribute, `@f` SymbolAttribute,
`true` bool, `"s"` str, `array<i32: 1, 2>` tuple of int, `[..]` tuple of attributes, `{..}` dict, `unit` None, a type
itself, a number without a type int or float, and `#dialect...` TextAttribute.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NoReturn

from ..errors import InvalidIR
from ..layout import LinearLayout
from .call_sites import called
from .numbers import float_from_bits, round_float, wrap_integer
from .types import (
    I1,
    UNKNOWN,
    Attribute,
    DenseAttribute,
    DescriptorType,
    FloatAttribute,
    FloatType,
    FunctionType,
    IndexType,
    IntegerAttribute,
    IntegerType,
    Location,
    NoneType,
    PointerType,
    RegisterType,
    SharedType,
    SymbolAttribute,
    TensorType,
    TextAttribute,
    Type,
)

_SPACE = re.compile(r"[ \t]*(?://.*)?")
_NAME = re.compile(r"[A-Za-z_][\w$.\-]*")
_ATTRIBUTE_NAME = re.compile(r'[A-Za-z_][\w$.\-]*|"[^"\n]*"')
_NUMBER = re.compile(r"-?(?:0x[0-9A-Fa-f]+|\d+(?:\.\d*(?:[eE][-+]?\d+)?)?)")
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2}|.)")
_SYMBOL = re.compile(r'@([\w$.\-]+|"[^"\n]+")')
_ALIAS = re.compile(r"#loc\d*")
_DIALECT_ATTRIBUTE = re.compile(r"#[\w$.\-]+")
_DIMENSIONS = re.compile(r"(?:\d+x)*")
_SIGN = re.compile(r"[su](?=i\d)")
_COUNT = re.compile(r"(\d+)x")
_WHOLE_TYPE = re.compile(r"tensor<[\dx]*(?:!tt\.ptr<\w+>|\w+)>|!tt\.ptr<\w+>|\w+")
_FLOATS = {"f16", "bf16", "f32", "f64"} | {
    f"f8{form}" for form in ("E5M2", "E4M3FN", "E5M2FNUZ", "E4M3FNUZ", "E4M3B11FNUZ")
}
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"'}
_BRACKETS = {"<": ">", "(": ")", "[": "]", "{": "}"}

_types: dict[str, Type] = {}


class Cursor:
    """A position in one line of text. Every reader advances it, or raises InvalidIR with line and column."""

    __slots__ = ("text", "position", "line", "column", "aliases")

    def __init__(self, text: str, line: int = 1, column: int = 0, aliases: Callable[[str], Location] | None = None):
        self.text = text
        self.position = 0
        self.line = line
        self.column = column
        self.aliases = aliases
        self.skip()

    # ------------------------------------------------------------------------------------------------------- tokens
    def fail(self, problem: str) -> NoReturn:
        raise InvalidIR(f"line {self.line}, column {self.column + self.position + 1}: {problem}")

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.position)
        if found is not None:
            self.position = found.end()

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
            self.skip()
        return found

    def expect_match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        return self.match(pattern) or self.fail(f"expected {what}")

    def take(self, literal: str) -> bool:
        if not self.text.startswith(literal, self.position):
            return False
        self.position += len(literal)
        self.skip()
        return True

    def expect(self, literal: str) -> None:
        if not self.take(literal):
            self.fail(f"expected '{literal}'")

    @property
    def at_end(self) -> bool:
        return self.position == len(self.text)

    def expect_end(self) -> None:
        if not self.at_end:
            self.fail("unexpected text")

    def sequence(self, read: Callable[[], object], close: str) -> list:
        """Comma-separated items until `close`, which is consumed."""
        items = []
        if self.take(close):
            return items
        while True:
            items.append(read())
            if self.take(close):
                return items
            self.expect(",")

    def string(self) -> str:
        text = self.expect_match(_STRING, "a string")[1]
        if "\\" not in text:
            return text
        return _ESCAPE.sub(_unescape, text).encode("latin-1", "surrogateescape").decode("utf-8", "replace")

    # -------------------------------------------------------------------------------------------------------- types
    def type(self) -> Type:
        found = _WHOLE_TYPE.match(self.text, self.position)
        known = _types.get(found[0]) if found is not None else None
        if found is None or known is None:
            start = self.position
            known = self._new_type()
            _types[self.text[start : self.position].rstrip()] = known
            return known
        self.position = found.end()
        self.skip()
        return known

    def _new_type(self) -> Type:
        if self.take("("):
            return self._function_type()
        if self.take("!"):
            name = self.expect_match(_NAME, "a type")[0]
            reader = _DIALECT_TYPES.get(name)
            return reader(self) if reader is not None else self.fail(f"unknown type !{name}")
        start = self.position
        name = self.expect_match(_NAME, "a type")[0]
        if name == "tensor":
            return self._tensor()
        if name[0] == "i" and name[1:].isdigit():
            return IntegerType(int(name[1:]))
        if name in _FLOATS:
            return FloatType(name)
        if name in ("index", "none"):
            return IndexType() if name == "index" else NoneType()
        self.position = start
        return self.fail(f"unknown type {name}")

    def _function_type(self) -> FunctionType:
        """What follows `(`."""
        inputs = self.sequence(self.type, ")")
        self.expect("->")
        outputs = self.sequence(self.type, ")") if self.take("(") else [self.type()]
        return FunctionType(inputs, outputs)

    def function_type(self) -> FunctionType:
        self.expect("(")
        return self._function_type()

    def _tensor(self) -> TensorType:
        self.expect("<")
        dimensions = self.expect_match(_DIMENSIONS, "a shape")[0]
        element = self.type()
        shape = [int(d) for d in dimensions.split("x")[:-1]]
        layout = self._layout(shape) if self.take(",") else None
        self.expect(">")
        return TensorType(shape, element, layout)

    def _layout(self, shape: list[int]) -> LinearLayout:
        """`#linear<{register = [[0, 1]], lane = [], simdgroup = []}>`."""
        self.expect("#linear<{")
        bases = self.dictionary()
        self.expect(">")
        if list(bases) != ["register", "lane", "simdgroup"]:
            self.fail("a layout has the bases register, lane and simdgroup")
        return LinearLayout(shape, *bases.values())

    def pointer(self) -> Type:
        self.expect("<")
        pointee = self.type()
        space = "global"
        if self.take(","):
            space = self.string() if self.text.startswith('"', self.position) else self._pointer_space()
        self.expect(">")
        return PointerType(pointee, space)

    def _pointer_space(self) -> str:
        number = self.expect_match(_NUMBER, "an address space")[0]
        return {"1": "global", "4": "constant"}.get(number) or self.fail(f"unknown address space {number}")

    def descriptor(self) -> Type:
        """`<8x16xsi32>`; Triton 3.7 writes a tensor type within."""
        self.expect("<")
        is_tensor = self.take("tensor<")
        dimensions = self.expect_match(_DIMENSIONS, "a shape")[0]
        sign = self.match(_SIGN)
        element = self.type()
        if is_tensor:
            self.expect(">")
        self.expect(">")
        return DescriptorType([int(d) for d in dimensions.split("x")[:-1]], element, sign[0] if sign else "")

    def counted(self) -> tuple[int, Type]:
        """`<8xf32>`."""
        self.expect("<")
        count = int(self.expect_match(_COUNT, "a count")[1])
        element = self.type()
        self.expect(">")
        return count, element

    # --------------------------------------------------------------------------------------------------- attributes
    def dictionary(self) -> dict[str, Attribute]:
        """What follows `{`, to `}`."""
        return dict(self.sequence(self._entry, "}"))

    def _entry(self) -> tuple[str, Attribute]:
        name = self.expect_match(_ATTRIBUTE_NAME, "an attribute name")[0].strip('"')
        return name, self.attribute() if self.take("=") else None

    def attribute(self) -> Attribute:
        if self.at_end:
            self.fail("expected an attribute")
        start = self.text[self.position]
        if start.isdigit() or start == "-":
            return self._number()
        if start == '"':
            return self.string()
        if start == "[":
            self.expect("[")
            return tuple(self.sequence(self.attribute, "]"))
        if start == "{":
            self.expect("{")
            return self.dictionary()
        if start == "@":
            return SymbolAttribute(self.expect_match(_SYMBOL, "a symbol")[1].strip('"'))
        if start == "#":
            return self._text_attribute()
        word = _NAME.match(self.text, self.position)
        reader = _KEYWORDS.get(word[0]) if word is not None else None
        if word is None or reader is None:
            return self.type()
        self.position = word.end()
        self.skip()
        return reader(self)

    def _number(self) -> Attribute:
        text = self.expect_match(_NUMBER, "a number")[0]
        if not self.take(":"):
            return float(text) if "." in text else int(text, 0)
        type_ = self.type()
        value = self._value(text, type_)
        return FloatAttribute(value, type_) if isinstance(type_, FloatType) else IntegerAttribute(int(value), type_)

    def _value(self, text: str, type_: Type) -> int | float:
        if isinstance(type_, FloatType):
            return float_from_bits(int(text, 16), type_) if "0x" in text else round_float(float(text), type_)
        if isinstance(type_, IntegerType | IndexType) and "." not in text:
            return wrap_integer(int(text, 0), type_.width if isinstance(type_, IntegerType) else 64)
        return self.fail(f"{text} is no {type_}")

    def _text_attribute(self) -> TextAttribute:
        start = self.position
        self.expect_match(_DIALECT_ATTRIBUTE, "an attribute")
        if self.text.startswith("<", self.position):
            self._balanced()
        return TextAttribute(self.text[start : self.position].rstrip())

    def _balanced(self) -> None:
        """Pass over a bracketed text, such as `<{a = "}", b = <1>}>`."""
        expected: list[str] = []
        while not self.at_end:
            found = self.text[self.position]
            if found == '"':
                self.string()
                continue
            self.position += 1
            if found in _BRACKETS:
                expected.append(_BRACKETS[found])
            elif expected and found == expected[-1] and self.text[self.position - 2] != "-":
                expected.pop()
                if not expected:
                    self.skip()
                    return
        self.fail("unbalanced brackets")

    def array(self) -> tuple[int, ...] | TextAttribute:
        """`array<i32: 1, 2>`, after the word."""
        start = self.position
        self.expect("<")
        if self.type() is not IntegerType(32):
            self.position = start
            self._balanced()
            return TextAttribute("array" + self.text[start : self.position].rstrip())
        if self.take(">"):
            return ()
        self.expect(":")
        return tuple(self.sequence(lambda: int(self.expect_match(_NUMBER, "an integer")[0], 0), ">"))

    def dense(self) -> DenseAttribute:
        """`dense<[1, 2]> : tensor<2xi32>`, after the word."""
        self.expect("<")
        blob = self.string() if self.text.startswith('"', self.position) else None
        texts: list[str] = []
        if blob is None and not self.text.startswith(">", self.position):
            self._elements(texts)
        self.expect(">")
        self.expect(":")
        type_ = self.type()
        if not isinstance(type_, TensorType):
            self.fail("a dense constant is a tensor")
        if blob is not None:
            return DenseAttribute(self._unpack(blob, type_), type_)
        values = tuple([self._value(text, type_.element) for text in texts])
        return DenseAttribute(values, type_)

    def _elements(self, texts: list[str]) -> None:
        if self.take("["):
            self.sequence(lambda: self._elements(texts), "]")
        elif self.take("true"):
            texts.append("1")
        elif self.take("false"):
            texts.append("0")
        else:
            texts.append(self.expect_match(_NUMBER, "a number")[0])

    def _unpack(self, blob: str, type_: TensorType) -> tuple[int | float, ...]:
        """The values of `"0x..."`: little-endian elements, one byte each for i1."""
        element = type_.element
        if not blob.startswith("0x") or not isinstance(element, IntegerType | FloatType):
            self.fail("malformed dense constant")
        data = bytes.fromhex(blob[2:])
        if element is I1:
            return tuple((data[i // 8] >> i % 8) & 1 for i in range(len(data) * 8))[: _volume(type_.shape)]
        codes = struct.unpack(f"<{len(data) * 8 // element.width}{_CODES[element.width]}", data)
        if isinstance(element, FloatType):
            return tuple([float_from_bits(code, element) for code in codes])
        return tuple([wrap_integer(code, element.width) for code in codes])

    # ---------------------------------------------------------------------------------------------------- locations
    def location(self) -> Location:
        """What is within `loc(...)`."""
        found = self.match(_ALIAS)
        if found is not None:
            return self.aliases(found[0]) if self.aliases is not None else UNKNOWN
        if self.text.startswith('"', self.position):
            return self._place()
        if self.take("callsite("):
            callee = self.location()
            self.expect("at")
            caller = self.location()
            self.expect(")")
            return called(callee, caller)
        if self.take("fused"):
            if self.text.startswith("<", self.position):
                self._balanced()
            self.expect("[")
            return _fuse(self.sequence(self.location, "]"))
        self.expect("unknown")
        return UNKNOWN

    def _place(self) -> Location:
        """`"file":1:2`, `"file":1:2 to :3` or `"name"(location)`."""
        text = self.string()
        if self.take("("):
            place = self.location()
            self.expect(")")
            return place.named(text)
        if not self.take(":"):
            return Location(name=text)
        line = int(self.expect_match(_NUMBER, "a line")[0])
        self.expect(":")
        column = int(self.expect_match(_NUMBER, "a column")[0])
        if self.take("to"):
            while self.take(":") or self.match(_NUMBER):
                pass
        return Location(text, line, column)


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return _ESCAPES[code] if code in _ESCAPES else chr(int(code, 16)) if len(code) == 2 else code


def _volume(shape: tuple[int, ...]) -> int:
    volume = 1
    for size in shape:
        volume *= size
    return volume


def _fuse(parts: list[Location]) -> Location:
    place = next((part for part in parts if part.file), UNKNOWN)
    name = place.name or next((part.name for part in parts if part.name), "")
    return Location(place.file, place.line, place.column, name, place.caller, place.former)


_CODES = {8: "B", 16: "H", 32: "I", 64: "Q"}
_DIALECT_TYPES: dict[str, Callable[[Cursor], Type]] = {
    "tt.ptr": Cursor.pointer,
    "tt.tensordesc": Cursor.descriptor,
    "msl.reg": lambda cursor: RegisterType(*cursor.counted()),
    "msl.uniform": lambda cursor: RegisterType(*cursor.counted(), uniform=True),
    "msl.shared": lambda cursor: SharedType(*cursor.counted()),
}
_KEYWORDS: dict[str, Callable[[Cursor], Attribute]] = {
    "true": lambda _: True,
    "false": lambda _: False,
    "unit": lambda _: None,
    "dense": Cursor.dense,
    "array": Cursor.array,
}
