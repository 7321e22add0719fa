"""The tables of the vocabulary's doubles: `python -m tests.doubles.terms` prints their page.

Numbers are fixed-point: a table says how many bits are behind the point. Series are Taylor's where these converge fast,
else interpolate at Chebyshev's points, lowest power first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def _stirling(k: int) -> Number:
    """The size of Stirling's k-th term, whose sign alternates."""
    return abs(mpmath.bernoulli(2 * k + 2)) / ((2 * k + 2) * (2 * k + 1))


def _signed(coefficients: list[Number], meaning: str) -> Table:
    return Table(tuple(int(mpmath.nint(c * 2**62)) for c in coefficients), meaning + "; 62 bits.", True)


def _log_of_gamma(zero: int, half: float) -> list[Number]:
    """log(Gamma(zero + half * t)) / (half * t) by powers of t between -1 and 1."""

    def function(t: Number) -> Number:
        return mpmath.loggamma(zero + half * t) / (half * t) if t else mpmath.psi(0, zero)

    return interpolated(function, -1.0, 1.0, 23)


def _unsigned(numbers: Iterable[Number], meaning: str, bits: int = 63) -> Table:
    return Table(tuple(fixed(number, bits) for number in numbers), f"{meaning}; {bits} bits.")


def _inverse(whole: Number | int) -> Number:
    return 1 / mpmath.mpf(whole)


def tables() -> dict[str, Table]:
    """Every table of the page, by name; the meaning says how many bits are behind the point."""
    with mpmath.workdps(420):
        two_over_pi = _two_over_pi()
    with mpmath.workdps(60):
        factorial, root_of_pi = mpmath.factorial, mpmath.sqrt(mpmath.pi)
        power = [mpmath.mpf(1), *interpolated(lambda f: (mpmath.power(2, f) - 1) / f, 0.0, 1.0, 12)]
        erf = (2 / root_of_pi / (factorial(i) * (2 * i + 1)) for i in range(14))
        return {
            "double_two_over_pi": Table(two_over_pi, "The bits of 2 / pi, behind 128 that are 0."),
            "double_power_terms": _unsigned(power, "2**x for 0 <= x < 1, by powers of x"),
            "double_odd_terms": _unsigned((_inverse(2 * i + 1) for i in range(13)), "1 / (2 i + 1)"),
            "double_sin_terms": _unsigned((_inverse(factorial(2 * i + 1)) for i in range(10)), "1 / (2 i + 1)!"),
            "double_cos_terms": _unsigned((_inverse(factorial(2 * i)) for i in range(11)), "1 / (2 i)!"),
            "double_expm1_terms": _unsigned((_inverse(factorial(i + 1)) for i in range(15)), "1 / (i + 1)!"),
            "double_atan_values": _unsigned((mpmath.atan(_inverse(8) * i) for i in range(9)), "atan(i / 8)", 64),
            "double_erf_terms": _unsigned(erf, "erf(x) / x by powers of -x * x"),
            "double_erfcx_terms": _signed(
                interpolated(_scaled_erfc, -1.0, 1.0, 28),
                "erfc(x) exp(x * x) (1 + 2 x) by powers of (x - 4) / (x + 4)",
            ),
            "double_stirling_terms": _unsigned(map(_stirling, range(9)), "Stirling's series by powers of -1 / (x * x)"),
            "double_lgamma1_terms": _signed(_log_of_gamma(1, 0.25), "lgamma(1 + x) / x by powers of 4 x"),
            "double_lgamma2_terms": _signed(_log_of_gamma(2, 0.5), "lgamma(2 + x) / x by powers of 2 x"),
        }


def page() -> str:
    """The whole page of them."""
    head = "// Numbers that functions of doubles are made of, fixed-point, computed by tests/doubles/terms.py.\n"
    return head + "".join(f"\n//: {name}\n{table.text(name)}" for name, table in tables().items())


if __name__ == "__main__":
    print(page(), end="")
