"""Whether the function of a tt.reduce may take its two arguments in either order.

The function is run on names instead of numbers, as f(x, y) and as f(y, x), for each way in which the compared elements
of x and y can lie to each other: less, equal, greater. It is commutative if the results are always the same expression.
That proves it for single ops and for choices by comparison such as argmax; a sum of products in another form is taken
as not commutative, which costs time only. NaN, which lies to nothing in any way, is left out.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from ...dialects import Trait, traits
from ...ir.core import Op, Value

LESS, EQUAL, GREATER = -1, 0, 1
_ALL = frozenset((LESS, EQUAL, GREATER))
# For which relations the predicate is true, by MLIR's numbers. cmpi: signed, then unsigned; cmpf: ordered, unordered.
_INTEGER = ({EQUAL}, {LESS, GREATER}) + ({LESS}, {LESS, EQUAL}, {GREATER}, {GREATER, EQUAL}) * 2
_FLOAT = (
    (set(), {EQUAL}, {GREATER}, {GREATER, EQUAL}, {LESS}, {LESS, EQUAL}, {LESS, GREATER}, _ALL)
    + ({EQUAL}, {GREATER}, {GREATER, EQUAL}, {LESS}, {LESS, EQUAL}, {LESS, GREATER}, set())
)  # fmt: skip
_PREDICATES = {"arith.cmpi": _INTEGER, "arith.cmpf": _FLOAT}
_FIRST_UNSIGNED = 6

Name = Any
"""An expression: a truth value, ("x" or "y", number of the operand), or (op, attributes, operands)."""


def is_commutative(op: Op) -> bool:
    """Whether swapping the arguments of the combiner of `op` (tt.reduce) provably changes nothing."""
    compared = _compared(op)
    if compared is None:
        return False
    for relations in product((LESS, EQUAL, GREATER), repeat=len(compared)):
        known: dict[int, int] = dict(zip(compared, relations, strict=True))
        if _run(op, known, swapped=False) != _run(op, known, swapped=True):
            return False
    return True


def _compared(op: Op) -> list[int] | None:
    """The operands whose elements in x and y are compared with each other; None if by two different orders."""
    kinds: dict[int, set[str]] = {}
    place = {argument: i for i, argument in enumerate(op.body.arguments)}
    count = len(op.operands)
    for inner in op.body:
        if inner.name not in _PREDICATES or any(o not in place for o in inner.operands):
            continue
        left, right = (place[o] for o in inner.operands)
        if left != right and left % count == right % count:
            unsigned = inner.name == "arith.cmpi" and inner.integer("predicate") >= _FIRST_UNSIGNED
            equality = inner.name == "arith.cmpi" and inner.integer("predicate") < 2
            kinds.setdefault(left % count, set()).update(set() if equality else {f"{unsigned}"})
    return None if any(len(kind) > 1 for kind in kinds.values()) else sorted(kinds)


def _run(op: Op, known: dict[int, int], swapped: bool) -> list[Name]:
    """The results of the combiner on names. known: how x's element lies to y's, by operand."""
    count = len(op.operands)
    names: dict[Value, Name] = {}
    for i, argument in enumerate(op.body.arguments):
        side = "y" if (i >= count) != swapped else "x"
        names[argument] = ("x" if known.get(i % count) == EQUAL else side, i % count)
    *body, end = op.body
    for inner in body:
        operands = [names.get(o, ("outside", id(o))) for o in inner.operands]
        for i, result in enumerate(inner.results):
            names[result] = _name(inner, operands, known, i)
    return [names.get(o, ("outside", id(o))) for o in end.operands]


def _name(op: Op, operands: list[Name], known: dict[int, int], result: int) -> Name:
    if op.name in _PREDICATES:
        (side, number, *_), (other, other_number, *_) = (*map(_padded, operands),)
        if number == other_number and number in known and {side, other} <= {"x", "y"}:
            relation = known[number] if side == "x" else -known[number]
            return relation in _PREDICATES[op.name][op.integer("predicate")]
    if op.name == "arith.select" and isinstance(operands[0], bool):
        return operands[1] if operands[0] else operands[2]
    if op.name in ("arith.andi", "arith.ori") and any(isinstance(o, bool) for o in operands):
        left, right = operands
        fixed, other = (left, right) if isinstance(left, bool) else (right, left)
        absorbing = op.name == "arith.ori"
        return fixed if fixed == absorbing else other
    if Trait.COMMUTATIVE in traits(op):
        operands = sorted(operands, key=repr)
    return (op.name, result, repr(sorted(op.attributes.items(), key=lambda item: item[0])), tuple(operands))


def _padded(name: Name) -> tuple:
    return name if isinstance(name, tuple) else (name, None)
