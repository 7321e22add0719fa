"""The IR's vocabulary of immutable values: locations, interned types, attributes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar


# ---------------------------------------------------------------------------------------------------------- locations
@dataclass(frozen=True, slots=True)
class Location:
    """A place in the user's source. `name` is the variable being assigned, `former` are the names that the value had
    before it, latest first; `caller` is the call site of inlined code."""

    file: str = ""
    line: int = 0
    column: int = 0
    name: str = ""
    caller: Location | None = None
    former: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else ""

    def named(self, name: str) -> Location:
        """This place, of a value that is now called `name`."""
        former = (self.name, *self.former) if self.name else ()
        return Location(self.file, self.line, self.column, name, self.caller, former)

    def outermost(self) -> Location:
        """The location in the kernel itself: the last caller of inlined code."""
        place = self
        while place.caller is not None:
            place = place.caller
        return place


UNKNOWN = Location()


# -------------------------------------------------------------------------------------------------------------- types
class Type:
    """The base of types. Two equal types are the same object, so `is` compares types."""

    __slots__ = ("__weakref__", "_text")
    _pool: ClassVar[dict[tuple, Type]] = {}

    if TYPE_CHECKING:
        # A pass knows from the op that a type is a tensor's; a type checker cannot.
        def __getattr__(self, name: str) -> Any: ...

    @classmethod
    def _intern(cls, *key: Any) -> Any:
        full = (cls, *key)
        found = Type._pool.get(full)
        if found is None:
            found = object.__new__(cls)
            found._fill(*key)
            found._text = found._spell()
            found = Type._pool.setdefault(full, found)  # atomic: of two threads, both get the first's
        return found

    def _fill(self, *key: Any) -> None:
        for slot, value in zip(type(self).__slots__, key, strict=True):
            object.__setattr__(self, slot, value)

    def _spell(self) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def __reduce__(self):
        return type(self), tuple(getattr(self, slot) for slot in type(self).__slots__)


class IntegerType(Type):
    """i1, i8, ... i64: signless, as in MLIR. Bits: `width`."""

    __slots__ = ("width",)
    width: int

    def __new__(cls, width: int):
        return cls._intern(width)

    def _spell(self) -> str:
        return f"i{self.width}"


class FloatType(Type):
    """f16, bf16, f32, f64 and the f8 forms, by MLIR's name."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str):
        return cls._intern(name)

    @property
    def width(self) -> int:
        return {"f64": 64, "f32": 32, "f16": 16, "bf16": 16}.get(self.name, 8)

    def _spell(self) -> str:
        return self.name


class IndexType(Type):
    __slots__ = ()

    def __new__(cls):
        return cls._intern()

    def _spell(self) -> str:
        return "index"


class NoneType(Type):
    __slots__ = ()

    def __new__(cls):
        return cls._intern()

    def _spell(self) -> str:
        return "none"


class PointerType(Type):
    """`!tt.ptr<f32>`; `space` is "global" or "constant" (a const pointer)."""

    __slots__ = ("pointee", "space")
    pointee: Type
    space: str

    def __new__(cls, pointee: Type, space: str = "global"):
        return cls._intern(pointee, space)

    def _spell(self) -> str:
        return f"!tt.ptr<{self.pointee}>" if self.space == "global" else f'!tt.ptr<{self.pointee}, "{self.space}">'


class TensorType(Type):
    """`tensor<4x8xf32>`, or `tensor<4x8xf32, #linear>` once `layout` (a layout.LinearLayout) is assigned."""

    __slots__ = ("shape", "element", "layout")
    shape: tuple[int, ...]
    element: Type
    layout: Any

    def __new__(cls, shape: Sequence[int], element: Type, layout: Any = None):
        return cls._intern(tuple(shape), element, layout)

    def _spell(self) -> str:
        dims = "".join(f"{d}x" for d in self.shape)
        return (
            f"tensor<{dims}{self.element}>" if self.layout is None else f"tensor<{dims}{self.element}, {self.layout}>"
        )

    def with_layout(self, layout: Any) -> TensorType:
        return TensorType(self.shape, self.element, layout)

    def with_element(self, element: Type) -> TensorType:
        return TensorType(self.shape, element, self.layout)


class RegisterType(Type):
    """Registers of one thread. `!msl.reg<8xf32>`: 8 values per lane; `!msl.uniform<8xf32>`: 8 values equal in all lanes
    of the simdgroup. A single uniform value has the plain scalar type instead."""

    __slots__ = ("count", "element", "uniform")
    count: int
    element: Type
    uniform: bool

    def __new__(cls, count: int, element: Type, uniform: bool = False):
        if count == 1 and uniform:
            return element
        return cls._intern(count, element, uniform)

    def _spell(self) -> str:
        return f"!msl.{'uniform' if self.uniform else 'reg'}<{self.count}x{self.element}>"


class SharedType(Type):
    """A buffer of `count` elements in threadgroup memory: `!msl.shared<256xf32>`."""

    __slots__ = ("count", "element")
    count: int
    element: Type

    def __new__(cls, count: int, element: Type):
        return cls._intern(count, element)

    def _spell(self) -> str:
        return f"!msl.shared<{self.count}x{self.element}>"


class DescriptorType(Type):
    """`!tt.tensordesc<8x16xsi32>`: blocks of `shape` in a tensor of memory. `sign` is "s" or "u" for integers that the
    user calls so, else ""; `element`, what a load gives, is signless."""

    __slots__ = ("shape", "element", "sign")
    shape: tuple[int, ...]
    element: Type
    sign: str

    def __new__(cls, shape: Sequence[int], element: Type, sign: str = ""):
        return cls._intern(tuple(shape), element, sign)

    def _spell(self) -> str:
        return f"!tt.tensordesc<{''.join(f'{d}x' for d in self.shape)}{self.sign}{self.element}>"


class FunctionType(Type):
    __slots__ = ("inputs", "outputs")
    inputs: tuple[Type, ...]
    outputs: tuple[Type, ...]

    def __new__(cls, inputs: Sequence[Type], outputs: Sequence[Type]):
        return cls._intern(tuple(inputs), tuple(outputs))

    def _spell(self) -> str:
        outputs = ", ".join(map(str, self.outputs))
        outputs = outputs if len(self.outputs) == 1 else f"({outputs})"
        return f"({', '.join(map(str, self.inputs))}) -> {outputs}"


I1, I8, I16, I32, I64 = (IntegerType(w) for w in (1, 8, 16, 32, 64))
F16, BF16, F32, F64 = (FloatType(n) for n in ("f16", "bf16", "f32", "f64"))
INDEX = IndexType()


def element_of(type_: Type) -> Type:
    """The scalar type in a tensor or register type, or the type itself."""
    return type_.element if isinstance(type_, TensorType | RegisterType | SharedType) else type_


def with_element(type_: Type, element: Type) -> Type:
    """`type_` with its scalar type replaced: tensor<4xf32>, i1 -> tensor<4xi1>."""
    if isinstance(type_, TensorType):
        return type_.with_element(element)
    if isinstance(type_, RegisterType):
        return RegisterType(type_.count, element, type_.uniform)
    return element


# --------------------------------------------------------------------------------------------------------- attributes
@dataclass(frozen=True, slots=True)
class IntegerAttribute:
    """`15 : i32`; the value is signed two's complement, except for i1 (0 or 1)."""

    value: int
    type: Type


@dataclass(frozen=True, slots=True, eq=False)
class FloatAttribute:
    """`1.0 : f32`. Equality is by bits, so that nan equals nan and -0.0 differs from 0.0."""

    value: float
    type: Type

    def _key(self):
        return struct.pack("<d", self.value), self.type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloatAttribute) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True, slots=True, eq=False)
class DenseAttribute:
    """`dense<16> : tensor<32x16xi32>`: one value for all elements (`splat`), or all values in row-major order.

    Equality of floats is by bits, as in FloatAttribute.
    """

    values: tuple[int | float, ...]
    type: Type

    def _key(self):
        return tuple([struct.pack("<d", v) if isinstance(v, float) else v for v in self.values]), self.type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DenseAttribute) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def is_splat(self) -> bool:
        return len(self.values) == 1


@dataclass(frozen=True, slots=True)
class SymbolAttribute:
    """`@name`."""

    name: str


@dataclass(frozen=True, slots=True)
class TextAttribute:
    """An attribute kept as its MLIR text, such as `#arith.overflow<none>`."""

    text: str


# Other attributes are Python values: bool, str, tuple (arrays), dict, Type, and None for `unit`.
Attribute = Any
