"""A launch's arguments: where each is, and its scalars as bytes."""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import AlloyError, InvalidArgument
from ...kernel import ELEMENT_BYTES, Argument, Kernel

ELEMENTS = {f"{sign}{bits}": f"i{bits}" for sign in "iu" for bits in (1, 8, 16, 32, 64)} | {
    "fp16": "f16",
    "bf16": "bf16",
    "fp32": "f32",
    "fp64": "f64",
    "fp8e5": "f8E5M2",
    "fp8e4nv": "f8E4M3FN",
    "fp8e4b8": "f8E4M3FNUZ",
    "fp8e5b16": "f8E5M2FNUZ",
}
"""Triton's name of a type in a signature -> the element in MLIR's spelling."""

ROUNDED = {ELEMENTS[type_]: type_ for type_ in ("fp32", "fp16", "bf16")}
"""Element that an fp64 argument is passed as where the kernel only rounds it (transforms/tensors/round_arguments.py) ->
its type."""

FROM_MLIR = {f"{star}f{bits}": f"{star}fp{bits}" for star in ("", "*") for bits in (16, 32, 64)}

INTEGER_CODES = {8: "b", 16: "h", 32: "i", 64: "q"}
STRUCT_CODES = {
    **{f"i{bits}": code for bits, code in INTEGER_CODES.items()},
    **{f"u{bits}": code.upper() for bits, code in INTEGER_CODES.items()},
    **dict.fromkeys(("i1", "u1"), "?"),
    "fp16": "e",
    "bf16": "H",
    "fp32": "f",
    "fp64": "d",
}
"""Type in a signature -> code of Python's `struct`. A bf16 is packed as its bits."""


# ---------------------------------------------------------------------------------------------------------- signature
@dataclass(frozen=True)
class Leaf:
    """One TTIR argument. index: into the values of a launch; type: as in the signature; name: for messages."""

    index: int
    type: str
    name: str


@dataclass(frozen=True)
class Signature:
    """The parameters of a kernel, and the TTIR arguments that they become.

    is_flat: no tuples and no descriptors, so that the launch's own tuple serves as the values; else `flatten` makes
    a list with one value per leaf. pointers: where in the values there are some.
    """

    names: tuple[str, ...]
    types: tuple[Any, ...]
    leaves: tuple[Leaf, ...]
    is_flat: bool
    pointers: tuple[int, ...]

    @staticmethod
    def of(source: Any) -> Signature:
        """The signature of a Triton `ASTSource`, or of an `IRSource`, which spells floats as MLIR does ("*f32")."""
        types = tuple(FROM_MLIR.get(type_, type_) for type_ in source.signature.values())
        named = [leaf for name, type_ in zip(source.signature, types, strict=True) for leaf in expand(str(name), type_)]
        is_flat = all(isinstance(type_, str) and not type_.startswith("tensordesc") for type_ in types)
        indices = [i for i, type_ in enumerate(types) if type_ != "constexpr"] if is_flat else range(len(named))
        leaves = tuple(Leaf(index, type_, name) for index, (name, type_) in zip(indices, named, strict=True))
        pointers = tuple(leaf.index for leaf in leaves if leaf.type.startswith("*"))
        return Signature(tuple(map(str, source.signature)), types, leaves, is_flat, pointers)

    def leaf(self, argument: Argument) -> Leaf:
        """Where a kernel's argument is found, in the type that the kernel takes. Raises AlloyError where compiler and
        signature disagree."""
        leaf = self.leaves[argument.position]
        if leaf.type == "fp64" and argument.element in ROUNDED:
            return replace(leaf, type=ROUNDED[argument.element])
        if leaf.type.startswith("*") != (argument.kind == "buffer"):
            raise AlloyError(f"argument {argument.name} was compiled as a {argument.kind}, the launch has {leaf.type}")
        return leaf

    def wrong_count(self, kernel: str, given: int) -> str:
        """What an error says of a launch with another number of arguments."""
        were = "was" if given == 1 else "were"
        return (
            f"{kernel}() takes {len(self.types)} arguments, constexprs included ({', '.join(self.names)}), but {given} "
            f"{were} given"
        )

    def flatten(self, arguments: Sequence[Any]) -> list[Any]:
        """The arguments of a launch -> one value per leaf."""
        return list(flatten(self.types, arguments))


def expand(name: str, type_: Any) -> Iterator[tuple[str, str]]:
    """The (name, type) of every TTIR argument that a parameter becomes: none for a constexpr, many for a tuple."""
    if isinstance(type_, tuple):
        for index, inner in enumerate(type_):
            yield from expand(f"{name}[{index}]", inner)
    elif type_.startswith("tensordesc"):
        yield from expand_descriptor(name, type_)
    elif type_ != "constexpr":
        yield name, type_


def expand_descriptor(name: str, type_: str) -> Iterator[tuple[str, str]]:
    """`tensordesc<fp32[16, 32]>` -> the arguments of Triton's rewrite of descriptors to pointers, in its order."""
    element, _, shape = type_.partition("<")[2].partition("[")
    rank = shape.partition("]")[0].count(",") + 1
    yield f"{name}.base", f"*{element}"
    sizes = [(f"{name}.shape[{axis}]", f"{name}.strides[{axis}]") for axis in range(rank)]
    yield from ((shape, "i64") for shape, _ in sizes)
    yield from ((stride, "i64") for _, stride in sizes)
    yield from ((f"{name}.{flag}", "i1") for flag in ("padding", "round_f32_to_tf32"))
    yield from ((shape, "i32") for shape, _ in sizes)
    yield from ((stride, "i64") for _, stride in sizes)


def flatten(types: Sequence[Any], values: Sequence[Any]) -> Iterator[Any]:
    """The values of the leaves, in the order of `expand`."""
    for type_, value in zip(types, values, strict=True):
        if isinstance(type_, tuple):
            yield from flatten(type_, value)
        elif type_.startswith("tensordesc"):
            yield from (value.base, *value.shape, *value.strides, value.padding == "nan", value.round_f32_to_tf32)
            yield from (*value.shape, *value.strides)
        elif type_ != "constexpr":
            yield value


# ------------------------------------------------------------------------------------------------------------ scalars
class ScalarPacker:
    """Packs the scalars of a launch into the kernel's constant struct. Called with the values of a launch."""

    def __init__(self, leaves: Sequence[Leaf], kernel: Kernel):
        self.leaves = leaves
        self.indices = [leaf.index for leaf in leaves]
        self.struct = struct.Struct(struct_format(leaves, kernel))
        self.needs_conversion = any(leaf.type == "bf16" for leaf in leaves)

    def __call__(self, values: Sequence[Any]) -> bytes:
        """The struct's bytes. Raises InvalidArgument, naming the argument."""
        if self.needs_conversion:
            return self._pack_checked(values)
        try:
            return self.struct.pack(*[values[index] for index in self.indices])
        except (struct.error, OverflowError, TypeError):
            return self._pack_checked(values)

    def _pack_checked(self, values: Sequence[Any]) -> bytes:
        return self.struct.pack(*[convert(leaf, values[leaf.index]) for leaf in self.leaves])


def struct_format(leaves: Sequence[Leaf], kernel: Kernel) -> str:
    """The `struct` format of a kernel's scalars: little endian, every gap of Metal's layout spelled out."""
    parts, end = ["<"], 0
    for leaf, argument, offset in zip(leaves, kernel.scalars, kernel.scalar_offsets, strict=True):
        if ELEMENTS.get(leaf.type) != argument.element:
            raise AlloyError(f"argument {leaf.name} was compiled as {argument.element}, the launch has {leaf.type}")
        parts.append(f"{offset - end}x{STRUCT_CODES[leaf.type]}")
        end = offset + ELEMENT_BYTES[argument.element]
    return "".join([*parts, f"{kernel.scalar_bytes - end}x"])


def convert(leaf: Leaf, value: Any) -> Any:
    """`value` in the form that `struct` takes for the leaf's type; floats too large become infinite, as in C."""
    try:
        if leaf.type in FLOATS:
            return FLOATS[leaf.type](float(value))
        number = operator.index(value)
    except TypeError as error:
        raise InvalidArgument(f"argument {leaf.name}: a number is needed, not {type(value).__name__}") from error
    bits = int(leaf.type[1:])
    low, high = (0, 2**bits) if leaf.type[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    if bits > 1 and not low <= number < high:
        raise InvalidArgument(f"argument {leaf.name}: {number} does not fit {leaf.type}")
    return number


def _rounded(value: float, dtype: type) -> float:
    """The nearest value of a NumPy dtype, infinite where `struct` would raise."""
    with np.errstate(over="ignore"):
        return float(dtype(value))


def _bfloat16_bits(value: float) -> int:
    """Rounded once: by way of f32 a number close to the middle of two neighbours would become the wrong one."""
    from ...ir.numbers import bits_of_float
    from ...ir.types import BF16

    return bits_of_float(value, BF16)


FLOATS = {
    "fp32": lambda value: _rounded(value, np.float32),
    "fp16": lambda value: _rounded(value, np.float16),
    "bf16": _bfloat16_bits,
    "fp64": float,
}
"""Type in a signature -> a Python float in the form that `struct` takes."""
