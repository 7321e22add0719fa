"""The tables of the vocabulary's doubles: `python -m tests.doubles.terms` prints their page.

Numbers are fixed-point: a table says how many bits are behind the point. Series are Taylor's where these converge fast,
else interpolate at Chebyshev's points, lowest power first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath

WORD = 1 << 64
Number = mpmath.mpf


@dataclass(frozen=True)
class Table:
    """values: whole numbers; signed: of long, else of ulong; meaning: the comment above the table."""

    values: tuple[int, ...]
    meaning: str
    signed: bool = False

    def text(self, name: str) -> str:
        spelled = [f"long({value % WORD:#x}ul)" if self.signed else f"{value:#x}ul" for value in self.values]
        per_line = 4
        lines = [", ".join(spelled[i : i + per_line]) for i in range(0, len(spelled), per_line)]
        kind = "long" if self.signed else "ulong"
        body = ",\n    ".join(lines)
        return f"// {self.meaning}\nconstant {kind} {name}[{len(self.values)}] = {{\n    {body},\n}};\n"


def fixed(value: Number, bits: int) -> int:
    """Rounded down, so that no sum of a series is too large."""
    return int(mpmath.floor(value * mpmath.mpf(2) ** bits))


def interpolated(function: Callable[[Number], Number], low: float, high: float, degree: int) -> list[Number]:
    """Coefficients of powers of x of the polynomial that equals the function at Chebyshev's points."""
    middle, half = mpmath.mpf(low + high) / 2, mpmath.mpf(high - low) / 2
    count = degree + 1
    nodes = [mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    values = [function(middle + half * node) for node in nodes]
    # Newton's divided differences, then their products multiplied out.
    points = [middle + half * node for node in nodes]
    differences = list(values)
    for order in range(1, count):
        for k in range(count - 1, order - 1, -1):
            differences[k] = (differences[k] - differences[k - 1]) / (points[k] - points[k - order])
    coefficients = [mpmath.mpf(0)] * count
    for k in range(count - 1, -1, -1):
        shifted = [mpmath.mpf(0), *coefficients[:-1]]
        coefficients = [s - points[k] * c for s, c in zip(shifted, coefficients, strict=True)]
        coefficients[0] += differences[k]
    return coefficients


def _two_over_pi() -> tuple[int, ...]:
    words = 19
    bits = int(mpmath.floor(2 / mpmath.pi * mpmath.mpf(2) ** (64 * words)))
    return (0, 0, *(bits >> 64 * (words - 1 - i) & WORD - 1 for i in range(words)))


def _scaled_erfc(u: Number) -> Number:
    """erfc(x) exp(x*x) (1 + 2 x) for x = 4 (1 + u) / (1 - u)."""
    if u == 1:
        return 2 / mpmath.sqrt(mpmath.pi)
    x = 4 * (1 + u) / (1 - u)
    return mpmath.erfc(x) * mpmath.exp(x * x) * (1 + 2 * x)


def tables() -> dict[str, Table]:
    """Every table of the pages, by name."""
    with mpmath.workdps(420):
        two_over_pi = _two_over_pi()
    with mpmath.workdps(60):
        power = [mpmath.mpf(1), *interpolated(lambda f: (mpmath.power(2, f) - 1) / f, 0.0, 1.0, 12)]
        scaled_erfc = interpolated(_scaled_erfc, -1.0, 1.0, 28)
        odd = tuple(fixed(mpmath.mpf(1) / (2 * i + 1), 63) for i in range(13))
        erf = [2 / mpmath.sqrt(mpmath.pi) / (mpmath.factorial(i) * (2 * i + 1)) for i in range(14)]
        return {
            "double_two_over_pi": Table(two_over_pi, "The bits of 2 / pi, behind 128 that are 0."),
            "double_power_terms": Table(tuple(fixed(c, 63) for c in power), "2**x for 0 <= x < 1; 63 bits are behind the point."),
            "double_odd_terms": Table(odd, "1 / (2 i + 1); 63 bits."),
            "double_sin_terms": Table(tuple(fixed(1 / mpmath.factorial(2 * i + 1), 63) for i in range(11)), "1 / (2 i + 1)!; 63 bits."),
            "double_cos_terms": Table(tuple(fixed(1 / mpmath.factorial(2 * i), 63) for i in range(11)), "1 / (2 i)!; 63 bits."),
            "double_expm1_terms": Table(tuple(fixed(1 / mpmath.factorial(i + 1), 63) for i in range(15)), "1 / (i + 1)!; 63 bits."),
            "double_atan_values": Table(tuple(fixed(mpmath.atan(mpmath.mpf(i) / 8), 64) for i in range(9)), "atan(i / 8); 64 bits."),
            "double_erf_terms": Table(tuple(fixed(c, 63) for c in erf), "erf(x) / x by powers of -x * x; 63 bits."),
            "double_erfcx_terms": Table(tuple(int(mpmath.nint(c * 2**62)) for c in scaled_erfc), "erfc(x) exp(x * x) (1 + 2 x) by powers of (x - 4) / (x + 4); 62 bits.", True),
        }  # fmt: skip


def page() -> str:
    """The whole page of them."""
    head = "// Numbers that functions of doubles are made of, fixed-point, computed by tests/doubles/terms.py.\n"
    return head + "".join(f"\n//: {name}\n{table.text(name)}" for name, table in tables().items())


if __name__ == "__main__":
    print(page(), end="")
