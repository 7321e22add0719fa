"""What each op is: the mechanism. The tables are in `dialects/`, one row for the ops that differ by name only.

The verifier reads the counts and the type rule of a row, the rewrites its traits.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import InvalidIR
from .core import Op


class Trait(enum.Flag):
    NONE = 0
    PURE = enum.auto()
    """No effects, and no trap for any operand: may be removed, merged with an equal op, and run where it was not."""
    READS = enum.auto()
    """Depends on memory or on what other threads do: may be removed if unused, but neither merged nor moved."""
    RECURSIVE = enum.auto()
    """Has the effects of the ops in its regions."""
    TERMINATOR = enum.auto()
    ELEMENTWISE = enum.auto()
    """Every element of the results depends on the same element of each operand only."""
    COMMUTATIVE = enum.auto()
    ISOLATED = enum.auto()
    """Its regions see no values from outside."""


Count = int | tuple[int, int | None]
TypeRule = Callable[[Op], str | None]


@dataclass(frozen=True, slots=True)
class OpRule:
    """operands, results: how many, or (least, most) with None for any number. check: the problem with an op's types
    and attributes, or None. attributes: those that must be there. regions: how many."""

    operands: Count = 0
    results: Count = 1
    check: TypeRule | None = None
    traits: Trait = Trait.NONE
    attributes: tuple[str, ...] = ()
    regions: Count = 0


_rules: dict[str, OpRule] = {}


def register(dialect: str, table: Mapping[str, OpRule]) -> None:
    """Enter a dialect's table. A key is one op name without the dialect, or several separated by spaces."""
    for names, rule in table.items():
        for name in names.split():
            _rules[f"{dialect}.{name}"] = rule


def find_rule(name: str) -> OpRule | None:
    """The row of an op, or None if it is not registered."""
    if not _rules:
        raise InvalidIR("no op is registered: import triton_alloy.dialects first")
    return _rules.get(name)


@functools.lru_cache
def names_with(trait: Trait) -> frozenset[str]:
    """The names of all ops that have a trait."""
    return frozenset(name for name, rule in _rules.items() if trait in rule.traits)


def traits(op: Op) -> Trait:
    """The traits of the op's row; NONE for an unregistered op, which is hence never removed or moved."""
    rule = find_rule(op.name)
    return rule.traits if rule is not None else Trait.NONE


def is_terminator(op: Op) -> bool:
    return Trait.TERMINATOR in traits(op)


def is_elementwise(op: Op) -> bool:
    return Trait.ELEMENTWISE in traits(op)


def is_pure(op: Op) -> bool:
    """Whether the op, with what is in its regions, may be removed, merged with an equal one, or moved."""
    found = traits(op)
    if Trait.RECURSIVE in found:
        return all(is_pure(inner) or is_terminator(inner) for inner in _inner(op))
    if op.attributes.get("pure") is False:  # tt.extern_elementwise, tt.elementwise_inline_asm
        return False
    return Trait.PURE in found


def is_removable(op: Op) -> bool:
    """Whether the op may be dropped when its results are unused."""
    found = traits(op)
    if Trait.RECURSIVE in found:
        return all(is_removable(inner) or is_terminator(inner) for inner in _inner(op))
    if op.attributes.get("isVolatile") is True or op.attributes.get("pure") is False:
        return False
    return bool(found & (Trait.PURE | Trait.READS))


def _inner(op: Op):
    for block in op.blocks():
        yield from block
