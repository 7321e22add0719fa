"""Where a thread is, and what it holds by that: coordinates, owners of elements, elections, from the index bits.

All of it is computed once, at the start of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable

from ...dialects.arith import EQ, NE
from ...ir.core import Builder, Value
from ...ir.types import I1, I32, RegisterType
from ...layout import LinearLayout, doubling_runs
from .context import Held, Lowering

REGISTERS, LANES, SIMDGROUPS = range(3)  # as in LinearLayout.bases


def lane(lowering: Lowering) -> Value:
    return lowering.at_entry(("lane",), lambda b: b.value("msl.lane", [], RegisterType(1, I32)))


def simdgroup(lowering: Lowering) -> Value:
    return lowering.at_entry(("simdgroup",), lambda b: b.value("msl.simdgroup", [], I32))


def bits_to_number(lowering: Lowering, source: Value, bases: tuple[int, ...]) -> Value:
    """The sum over bits i of `source` of bases[i], not all of them zero, by as few shifts and masks as possible.

    Bases that double with consecutive bits are one masked shift: the usual layouts need one term.
    """

    def term(b: Builder, start: int, length: int, weight: int) -> Value:
        value = source
        if start:
            value = b.value("arith.shrui", [value, b.constant(start, I32)], source.type)
        if start + length != len(bases):
            value = b.value("arith.andi", [value, b.constant((1 << length) - 1, I32)], source.type)
        return value if weight == 1 else b.value("arith.muli", [value, b.constant(weight, I32)], source.type)

    def make(b: Builder) -> Value:
        run, *others = doubling_runs(bases)
        total = term(b, *run)
        for other in others:
            total = b.value("arith.addi", [total, term(b, *other)], source.type)
        return total

    return lowering.at_entry(("bits", source, bases), make)


def coordinate(lowering: Lowering, layout: LinearLayout, strides: tuple[int, ...]) -> Held:
    """`sum(coordinate[d] * strides[d])` of the element each register holds, as i32 (strides in elements)."""
    return weighed(lowering, layout, lambda basis: sum(c * s for c, s in zip(basis, strides, strict=True)))


def weighed(lowering: Lowering, layout: LinearLayout, weigh: Callable[[tuple[int, ...]], int]) -> Held:
    """For each register, `weigh` of the bases of the index bits that are 1, added up, as i32."""
    return position(lowering, *(tuple(map(weigh, bases)) for bases in layout.bases))


def position(
    lowering: Lowering, registers: tuple[int, ...], lanes: tuple[int, ...], simdgroups: tuple[int, ...]
) -> Held:
    """The sum of the weights of the bits that are 1 in the register, lane and simdgroup index, as i32."""
    parts = [bits_to_number(lowering, lane(lowering), lanes)] if any(lanes) else []
    if lowering.simdgroups > 1 and any(simdgroups):
        parts.append(bits_to_number(lowering, simdgroup(lowering), simdgroups))
    place = _sum_at_entry(lowering, parts)
    kept = tuple(weight for weight in registers if weight)
    if not kept:
        return Held(place if place is not None else lowering.constant(0))
    entries = lowering.builder.value("msl.register", [], RegisterType(1 << len(kept), I32, True), {"bases": kept})
    value = entries if place is None else lowering.emit("arith.addi", [place, entries], I32)
    return Held(value, compress(registers))


def exclusive_or(lowering: Lowering, lanes: tuple[int, ...], simdgroups: tuple[int, ...]) -> Value:
    """The XOR of the bases of the bits that are 1 in the lane and simdgroup index."""
    parts = [_masked(lowering, lane(lowering), bit, basis) for bit, basis in enumerate(lanes) if basis]
    if lowering.simdgroups > 1:
        parts += [_masked(lowering, simdgroup(lowering), bit, basis) for bit, basis in enumerate(simdgroups) if basis]
    total = parts[0] if parts else lowering.constant(0)
    for part in parts[1:]:
        operands = [total, part]
        total = lowering.at_entry(
            ("xor", *operands), lambda b, both=operands: b.value("arith.xori", both, RegisterType(1, I32))
        )
    return total


def _masked(lowering: Lowering, source: Value, bit: int, basis: int) -> Value:
    """`basis` where bit `bit` of `source` is 1, else 0."""
    return bits_to_number(lowering, source, tuple(basis if i == bit else 0 for i in range(bit + 2)))


def parity(lowering: Lowering, lanes: tuple[int, ...], simdgroups: tuple[int, ...]) -> Value:
    """Whether an odd number of the named index bits are 1 (`lanes[i]` is 1 for the bits that count)."""
    odd = exclusive_or(lowering, lanes, simdgroups)
    uniform = not isinstance(odd.type, RegisterType)
    return lowering.at_entry(
        ("odd", odd),
        lambda b: b.value("arith.cmpi", [odd, b.constant(0, I32)], RegisterType(1, I1, uniform), {"predicate": NE}),
    )


def _sum_at_entry(lowering: Lowering, parts: list[Value]) -> Value | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return lowering.at_entry(("sum", *parts), lambda b: b.value("arith.addi", parts, RegisterType(1, I32)))


def owner_mask(lowering: Lowering, layout: LinearLayout) -> Value | None:
    """True in the one lane and simdgroup that owns each element; None when nothing is replicated."""
    _, lanes, groups = layout.free_bits()
    return elect(lowering, lanes, groups)


def elect(lowering: Lowering, lane_bits: int, simdgroup_bits: int) -> Value | None:
    """True where these bits of the lane and simdgroup index are 0; None when that is everywhere."""
    masks = [_no_bits(lowering, lane(lowering), lane_bits)] if lane_bits else []
    if simdgroup_bits and lowering.simdgroups > 1:
        masks.append(_no_bits(lowering, simdgroup(lowering), simdgroup_bits))
    if len(masks) < 2:
        return masks[0] if masks else None
    return lowering.at_entry(("both", *masks), lambda b: b.value("arith.andi", masks, RegisterType(1, I1)))


def _no_bits(lowering: Lowering, source: Value, free: int) -> Value:
    def make(b: Builder) -> Value:
        masked = b.value("arith.andi", [source, b.constant(free, I32)], source.type)
        type_ = RegisterType(1, I1, not isinstance(source.type, RegisterType))
        return b.value("arith.cmpi", [masked, b.constant(0, I32)], type_, {"predicate": EQ})

    return lowering.at_entry(("free", source, free), make)


def compress(bases: tuple[int, ...]) -> tuple[int, ...]:
    """For each register index, the index made of only its bits with a non-zero basis."""
    table = [0]
    position = 0
    for base in bases:
        step = 1 << position if base else 0
        table += [entry | step for entry in table]
        position += bool(base)
    return tuple(table)
