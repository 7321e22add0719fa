"""Expressions as text with a precedence, and register numbers as arithmetic on loop indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..layout import doubling_runs

# Precedence levels of C++, highest first. ANY: needs parentheses wherever an operand is expected.
ATOM, UNARY, PRODUCT, SUM, SHIFT, RELATION, EQUALITY, AND, XOR, OR, BOTH, EITHER, CHOICE, ANY = range(14, 0, -1)


@dataclass(frozen=True)
class Expression:
    """text; level: its precedence; reads: the variables and memory whose change would change it, and the places in the
    user's source that memory is loaded at; short: whether it may be written several times; unsigned: where the text
    converts an unsigned number to a signed one, that number."""

    text: str
    level: int = ATOM
    reads: frozenset = frozenset()
    short: bool = False
    unsigned: Expression | None = None

    def at(self, level: int) -> str:
        """The text as an operand that must bind at least as tightly as `level`."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass(frozen=True)
class Operator:
    """left, right: what an operand needs, not to be put in parentheses; chains: a op b op c is written without."""

    level: int
    left: int
    right: int
    chains: bool = True

    def operand(self, expression: Expression, is_left: bool) -> str:
        if is_left and self.chains and expression.level == self.level:
            return expression.text
        return expression.at(self.left if is_left else self.right)


# Beyond C's rules, operands of shifts and of & | ^ get parentheses unless they are atoms: few know those levels.
OPERATORS = {
    "*": Operator(PRODUCT, PRODUCT, UNARY),
    "/": Operator(PRODUCT, PRODUCT, UNARY),
    "+": Operator(SUM, SUM, PRODUCT),
    "-": Operator(SUM, SUM, PRODUCT),
    "<<": Operator(SHIFT, UNARY, UNARY, chains=False),
    ">>": Operator(SHIFT, UNARY, UNARY, chains=False),
    **{symbol: Operator(RELATION, SUM, SUM, chains=False) for symbol in ("<", "<=", ">", ">=")},
    **{symbol: Operator(EQUALITY, SUM, SUM, chains=False) for symbol in ("==", "!=")},
    "&": Operator(AND, UNARY, UNARY),
    "^": Operator(XOR, UNARY, UNARY),
    "|": Operator(OR, UNARY, UNARY),
    "&&": Operator(BOTH, EQUALITY, EQUALITY),
    "||": Operator(EITHER, EQUALITY, EQUALITY),
}


def binary(symbol: str, left: Expression, right: Expression) -> Expression:
    operator = OPERATORS[symbol]
    text = f"{operator.operand(left, True)} {symbol} {operator.operand(right, False)}"
    return Expression(text, operator.level, left.reads | right.reads)


def name(text: str, reads: frozenset = frozenset()) -> Expression:
    return Expression(text, ATOM, reads, short=True)


# ---------------------------------------------------------------------------------------------------- register numbers
def number_of(table: Sequence[int], indices: Sequence[tuple[str, int]]) -> Expression | None:
    """table[n] as arithmetic, where n is spelled by `indices` ((name, extent), last fastest); None if there is none.

    Found: a constant, a + b * n for one index, and sums of shifted bit fields of indices whose extents are powers of 2.
    """
    if len(set(table)) == 1:
        return _constant(table[0])
    if len(indices) == 1:
        affine = _affine(table, indices[0][0])
        if affine is not None:
            return affine
    return _bit_fields(table, indices)


def _constant(value: int) -> Expression:
    return Expression(str(value), ATOM if value >= 0 else UNARY, short=True)


def _affine(table: Sequence[int], index: str) -> Expression | None:
    start, step = table[0], table[1] - table[0]
    if any(entry != start + step * n for n, entry in enumerate(table)):
        return None
    return _plus(_times(name(index), step), start)


def _times(value: Expression, factor: int) -> Expression:
    return value if factor == 1 else binary("*", value, _constant(factor))


def _plus(value: Expression, addend: int) -> Expression:
    if addend == 0:
        return value
    return binary("+" if addend > 0 else "-", value, _constant(abs(addend)))


def _bit_fields(table: Sequence[int], indices: Sequence[tuple[str, int]]) -> Expression | None:
    """table[n] = table[0] + sum over bits b of n of (table[1 << b] - table[0])"""
    if any(extent & extent - 1 for _, extent in indices) or len(table) & len(table) - 1:
        return None
    start = table[0]
    weights = [table[1 << b] - start for b in range(len(table).bit_length() - 1)]
    for n, entry in enumerate(table):
        if entry != start + sum(w for b, w in enumerate(weights) if n >> b & 1):
            return None
    terms = []
    low = 0
    for index, extent in reversed(indices):
        bits = extent.bit_length() - 1
        terms += [_field(index, bits, *run) for run in doubling_runs(weights[low : low + bits])]
        low += bits
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = binary("+", total, term)
    return _plus(total, start)


def _field(index: str, bits: int, first: int, length: int, weight: int) -> Expression:
    """(index >> first & mask) * weight, shifts merged"""
    value = name(index)
    top = first + length == bits
    if weight > 0 and weight == 1 << first and first:
        return value if first == 0 and top else binary("&", value, _constant((1 << length) - 1 << first))
    if first:
        value = binary(">>", value, _constant(first))
    if not top:
        value = binary("&", value, _constant((1 << length) - 1))
    return _times(value, weight)
