"""The one table of elementwise ops: how each is spelled in MSL.

In a template, {0} {1} ... are operands, {T} is the result's type, {U} the unsigned type of the operands' width, {V}
that of the result's, {I} a 32-bit integer, {or} and {and} the logical operators; uniform code has its own names and
symbols for these. The printer, the tests and the documentation read this table; an op that is not in it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .expressions import ANY, ATOM, CHOICE, EITHER, EQUALITY, SUM, UNARY


@dataclass(frozen=True)
class Intrinsic:
    """How an op is written.

    symbol: a binary operator, or; template: any text, of precedence `level`, with operands that bind at least as
    `operand_level`; unsigned: operands are taken as unsigned numbers; widens: C gives a wider type for i8, i16 and
    bf16, so that the result is converted back; in_float: the element types that Metal lacks the function for, which are
    converted to f32 and back.
    """

    template: str = ""
    symbol: str = ""
    level: int = ATOM
    operand_level: int = ANY
    unsigned: bool = False
    widens: bool = False
    in_float: tuple[str, ...] = ()


def operator(symbol: str, unsigned: bool = False) -> Intrinsic:
    return Intrinsic(symbol=symbol, unsigned=unsigned, widens=True)


def call(function: str, operands: int = 1, unsigned: bool = False, widens: bool = True) -> Intrinsic:
    arguments = ", ".join(f"{{{i}}}" for i in range(operands))
    return Intrinsic(f"{function}({arguments})", unsigned=unsigned, widens=widens)


def in_float(function: str, operands: int = 1, of: tuple[str, ...] = ("f16", "bf16")) -> Intrinsic:
    return replace(call(function, operands), in_float=of)


def of_half(function: str, operands: int = 1) -> Intrinsic:
    """A function of Metal for half and float."""
    return in_float(function, operands, ("bf16",))


def template(text: str, level: int = ATOM, operand_level: int = UNARY, widens: bool = True) -> Intrinsic:
    return Intrinsic(text, level=level, operand_level=operand_level, widens=widens)


CONVERT = Intrinsic("{T}({0})")
PRECISE = ("exp", "exp2", "log", "log2", "sin", "cos", "tan", "tanh", "sqrt", "rsqrt") + (
    "asin", "acos", "atan", "sinh", "cosh",
)  # fmt: skip

INTRINSICS: dict[str, Intrinsic] = {
    # ---- integers
    "arith.addi": operator("+"),
    "arith.subi": operator("-"),
    "arith.muli": operator("*"),
    "arith.andi": operator("&"),
    "arith.ori": operator("|"),
    "arith.xori": operator("^"),
    "arith.shli": operator("<<"),
    "arith.shrsi": operator(">>"),
    "arith.shrui": operator(">>", unsigned=True),
    "arith.divsi": call("divide", 2),
    "arith.remsi": call("remainder", 2),
    "arith.divui": call("divide", 2, unsigned=True),
    "arith.remui": call("remainder", 2, unsigned=True),
    "arith.floordivsi": template("divide({0}, {1}) - {T}((remainder({0}, {1}) != 0) & (({0} ^ {1}) < 0))", SUM),
    "arith.ceildivsi": template("divide({0}, {1}) + {T}((remainder({0}, {1}) != 0) & (({0} ^ {1}) >= 0))", SUM),
    "arith.ceildivui": template(
        "{T}(divide({U}({0}), {U}({1})) + {U}(remainder({U}({0}), {U}({1})) != 0))", widens=False
    ),
    "arith.maxsi": call("max", 2),
    "arith.minsi": call("min", 2),
    "arith.maxui": call("max", 2, unsigned=True),
    "arith.minui": call("min", 2, unsigned=True),
    "math.absi": call("abs"),
    "math.ctpop": call("popcount"),
    "math.ctlz": call("clz"),
    "math.cttz": call("ctz"),
    "tt.mulhiui": call("mulhi", 2, unsigned=True),
    # ---- floats
    "arith.addf": operator("+"),
    "arith.subf": operator("-"),
    "arith.mulf": operator("*"),
    "arith.divf": in_float("fast::divide", 2),
    "arith.negf": Intrinsic("-{0}", level=UNARY, operand_level=ATOM, widens=True),
    "arith.remf": of_half("fmod", 2),
    "arith.maxnumf": of_half("fmax", 2),
    "arith.minnumf": of_half("fmin", 2),
    "arith.maximumf": call("maximum", 2),
    "arith.minimumf": call("minimum", 2),
    "math.fma": of_half("fma", 3),
    "math.absf": of_half("fabs"),
    "math.floor": of_half("floor"),
    "math.ceil": of_half("ceil"),
    "math.trunc": of_half("trunc"),
    "math.round": of_half("round"),
    "math.roundeven": of_half("rint"),
    **{f"math.{function}": in_float(f"precise::{function}") for function in PRECISE},
    "math.atan2": in_float("precise::atan2", 2),
    "math.powf": in_float("precise::pow", 2),
    "math.erf": in_float("erf"),
    "tt.precise_sqrt": in_float("precise::sqrt"),
    "tt.approx_divf": in_float("fast::divide", 2),
    "tt.precise_divf": in_float("precise::divide", 2),
    "tt.clampf": Intrinsic("fmin(fmax({0}, {1}), {2})", widens=True, in_float=("bf16",)),
    # ---- conversions
    "arith.extsi": CONVERT,
    "arith.extui": Intrinsic("{T}({U}({0}))"),
    "arith.trunci": CONVERT,
    "arith.index_cast": CONVERT,
    "arith.index_castui": Intrinsic("{T}({U}({0}))"),
    "arith.sitofp": CONVERT,
    "arith.uitofp": Intrinsic("{T}({U}({0}))"),
    "arith.fptosi": CONVERT,
    "arith.fptoui": CONVERT,
    "arith.extf": CONVERT,
    "arith.truncf": CONVERT,
    "arith.bitcast": Intrinsic("as_type<{T}>({0})"),
    # ---- choices
    "arith.select": Intrinsic("select({2}, {1}, {0})"),
    "arith.cmpi": Intrinsic(),  # spelled by their predicate
    "arith.cmpf": Intrinsic(),
}

# Of f64, whose functions are the vocabulary's own and have one precision.
DOUBLES: dict[str, Intrinsic] = {
    **dict.fromkeys(("arith.divf", "tt.precise_divf", "tt.approx_divf"), operator("/")),
    **{f"math.{function}": call(function) for function in PRECISE},
    "tt.precise_sqrt": call("sqrt"),
    **{f"math.{f}": call(f) for f in ("acosh", "asinh", "atanh", "cbrt", "erfc", "expm1", "log10", "log1p")},
    **{f"math.{function}": call(function, 2) for function in ("atan2", "copysign")},
    "math.powf": call("pow", 2),
    "arith.select": Intrinsic("choice({2}, {1}, {0})"),
}
# tt.extern_elementwise of f64, by symbol: what transforms/tensors/libdevice/doubles.py leaves of these.
SYMBOLS: dict[str, Intrinsic] = {
    **{f"__nv_{f}": call(f) for f in ("cospi", "sinpi", "exp10", "erfcx", "normcdf", "tgamma", "lgamma", "rcbrt")},
    **{f"__nv_{f}": call(f) for f in ("erfinv", "erfcinv", "normcdfinv", "logb", "ilogb")},
    **{f"__nv_{function}": call(function, 2) for function in ("hypot", "rhypot", "fdim", "ldexp", "nextafter")},
    **{f"__nv_{function}": call(function, 3) for function in ("norm3d", "rnorm3d")},
    **{f"__nv_{function}": call(function, 4) for function in ("norm4d", "rnorm4d")},
    "__nv_remainder": call("ieee_remainder", 2),
}
DOUBLE_FROM_BITS = Intrinsic("as_float64({0})", unsigned=True)
BITS_OF_DOUBLE = Intrinsic("{T}(as_ulong({0}))")

UNIFORM_SELECT = Intrinsic("{0} ? {1} : {2}", level=CHOICE, operand_level=EITHER)
CLAMP_KEEPING_NAN = Intrinsic("minimum(maximum({0}, {1}), {2})", widens=True)

# cmpi by predicate (MLIR's numbers): operator, and whether it compares unsigned numbers.
INTEGER_COMPARISONS = (
    operator("=="),
    operator("!="),
    operator("<"),
    operator("<="),
    operator(">"),
    operator(">="),
    operator("<", unsigned=True),
    operator("<=", unsigned=True),
    operator(">", unsigned=True),
    operator(">=", unsigned=True),
)

# The same for i1, whose numbers are 0 and, if signed, -1.
BOOL_COMPARISONS = (
    operator("=="),
    operator("!="),
    *(template(f"{left} {joint} {right}", EITHER, ATOM, widens=False) for left, joint, right in (
        ("{0}", "{and}", "!{1}"), ("{0}", "{or}", "!{1}"), ("!{0}", "{and}", "{1}"), ("!{0}", "{or}", "{1}"),
        ("!{0}", "{and}", "{1}"), ("!{0}", "{or}", "{1}"), ("{0}", "{and}", "!{1}"), ("{0}", "{or}", "!{1}"),
    )),
)  # fmt: skip

# cmpf by predicate. Ordered: false if an operand is NaN; unordered: true. The operators are ordered, but for !=.
FLOAT_COMPARISONS = (
    template("false", widens=False),
    operator("=="),
    operator(">"),
    operator(">="),
    operator("<"),
    operator("<="),
    template("({0} < {1}) {or} ({0} > {1})", EITHER),
    template("({0} == {0}) {and} ({1} == {1})", EITHER),
    template("!(({0} < {1}) {or} ({0} > {1}))", UNARY),
    template("!({0} <= {1})", UNARY, EQUALITY),
    template("!({0} < {1})", UNARY, EQUALITY),
    template("!({0} >= {1})", UNARY, EQUALITY),
    template("!({0} > {1})", UNARY, EQUALITY),
    operator("!="),
    template("({0} != {0}) {or} ({1} != {1})", EITHER),
    template("true", widens=False),
)

# Spellings that differ where the operands are i1, and where the result is.
FROM_BOOL: dict[str, Intrinsic] = {
    "arith.extui": CONVERT,
    "arith.uitofp": CONVERT,
    "arith.extsi": Intrinsic("{T}(-{I}({0}))"),
    "arith.sitofp": Intrinsic("{T}(-{I}({0}))"),
    "arith.muli": operator("&"),
    "arith.addi": operator("^"),
    "arith.subi": operator("^"),
    "arith.maxui": operator("|"),
    "arith.minui": operator("&"),
    "arith.maxsi": operator("&"),
    "arith.minsi": operator("|"),
    "arith.select": template("({0} {and} {1}) {or} (!{0} {and} {2})", EITHER),
}
# A number of one bit has the values 0 and -1. By 0 the quotient is 0 and the remainder the dividend, as of wider
# numbers; a shift by 1, which is not defined, may be anything.
_ITSELF = template("{0}", operand_level=ATOM, widens=False)
FROM_BOOL |= dict.fromkeys(
    [f"arith.{name}" for name in ("floordivsi", "ceildivui", "shli", "shrsi", "shrui")] + ["math.absi", "math.ctpop"],
    _ITSELF,
)
FROM_BOOL |= dict.fromkeys(("arith.divsi", "arith.divui", "arith.ceildivsi"), operator("&"))
FROM_BOOL |= dict.fromkeys(("arith.remsi", "arith.remui"), template("{0} {and} !{1}", EITHER, ATOM, widens=False))
FROM_BOOL["tt.mulhiui"] = template("false", widens=False)
FROM_BOOL |= dict.fromkeys(("math.ctlz", "math.cttz"), template("!{0}", UNARY, ATOM, widens=False))
TO_BOOL: dict[str, Intrinsic] = {
    "arith.trunci": template("({0} & 1) != 0", EQUALITY, widens=False),
    "arith.fptosi": template("{0} != 0", EQUALITY, widens=False),
    "arith.fptoui": template("{0} != 0", EQUALITY, widens=False),
}
NARROW_FROM_FLOAT = Intrinsic("{T}({I}({0}))")
UNSIGNED_FROM_FLOAT = Intrinsic("{T}({V}({0}))")
