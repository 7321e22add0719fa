"""What each op does to the facts of the axis analysis (axis.py): one rule per op, in `RULES`.

The facts follow lib/Analysis/AxisInfo of Triton, and are proved from one observation. In an aligned group of `g`
elements of a value that is contiguous, and whose groups start at a multiple of `g`, the elements are m*g + 0 ... m*g +
g-1. So comparing them with, or dividing them by, a multiple of `g` gives one result for the whole group.
As in Triton, index arithmetic is taken not to overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import gcd

from ...dialects.arith import SGE, SGT, SLE, SLT, UGE, UGT, ULE, ULT
from ...ir.core import Op
from ...ir.types import DenseAttribute, IndexType, IntegerAttribute, IntegerType, PointerType, TensorType, element_of
from ...rules.fold import fold_binary, fold_cast, fold_comparison
from .axis_info import (
    LARGEST_DIVISOR,
    AxisInfo,
    bytes_of,
    divisor_of_all,
    divisor_of_groups,
    each,
    join,
    known,
    largest_divisor,
    nothing_known,
    shape_of,
)

Rule = Callable[[Op, list[AxisInfo]], AxisInfo]
RULES: dict[str, Rule] = {}


def rule(*names: str, folds: bool = False) -> Callable[[Rule], Rule]:
    """folds: on two known values the result is known, and the rule is for all others."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, _folding(function) if folds else function))
        return function

    return enter


def _folding(function: Rule) -> Rule:
    return lambda op, infos: _folded(op, infos) or function(op, infos)


def _folded(op: Op, infos: list[AxisInfo]) -> AxisInfo | None:
    """The facts of a binary op on two known values."""
    element = element_of(op.results[0].type)
    a, b = infos[0].constant, infos[1].constant
    if a is None or b is None or not isinstance(element, IntegerType | IndexType):
        return None
    value = fold_binary(op.name, a, b, element.width if isinstance(element, IntegerType) else 64)
    return None if value is None else known(value, op.results[0].type)


# ---------------------------------------------------------------------------------------------------------- sources
@rule("arith.constant")
def _constant(op: Op, _: list[AxisInfo]) -> AxisInfo:
    value = op.attributes["value"]
    type_ = op.results[0].type
    if isinstance(value, DenseAttribute) and value.is_splat and isinstance(value.values[0], int):
        return known(value.values[0], type_)
    if isinstance(value, IntegerAttribute):
        return known(value.value, type_)
    uniform = not isinstance(value, DenseAttribute) or value.is_splat
    return replace(nothing_known(type_), constancy=shape_of(type_)) if uniform else nothing_known(type_)


@rule("tt.make_range")
def _make_range(op: Op, _: list[AxisInfo]) -> AxisInfo:
    start = op.integer("start")
    size = largest_divisor(op.integer("end") - start)
    return AxisInfo((size,), (largest_divisor(start),), (1,), nonnegative=start >= 0)


@rule("tt.get_program_id", "tt.get_num_programs")
def _program(op: Op, _: list[AxisInfo]) -> AxisInfo:
    return replace(nothing_known(op.results[0].type), nonnegative=True)


# ---------------------------------------------------------------------------------------------------------- shapes
@rule("tt.splat")
def _splat(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    [source] = infos
    shape = shape_of(op.results[0].type)
    divisor = divisor_of_all(source, bytes_of(op.operands[0].type))
    return AxisInfo((1,) * len(shape), (divisor,) * len(shape), shape, source.constant, source.nonnegative)


@rule("tt.expand_dims")
def _expand_dims(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    [source] = infos
    axis = op.integer("axis")
    return _insert(source, axis, divisor_of_all(source, bytes_of(op.operands[0].type)))


def _insert(info: AxisInfo, axis: int, divisor: int) -> AxisInfo:
    """With a new dimension of size 1 before `axis`."""
    widened = info.map(lambda facts: (*facts[:axis], 1, *facts[axis:]))
    return replace(widened, divisibility=(*info.divisibility[:axis], divisor, *info.divisibility[axis:]))


@rule("tt.broadcast")
def _broadcast(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    [source] = infos
    sizes = list(zip(shape_of(op.operands[0].type), shape_of(op.results[0].type), strict=True))
    constancy = [new if old != new else now for (old, new), now in zip(sizes, source.constancy, strict=True)]
    return replace(source, constancy=tuple(constancy))


@rule("tt.trans")
def _trans(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    return infos[0].map(lambda facts: tuple(facts[i] for i in op.attributes["order"]))


@rule("tt.reshape")
def _reshape(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """Row-major order stays: sizes 1 come and go, else the last dimension keeps what fits both last sizes."""
    [source] = infos
    old, new = shape_of(op.operands[0].type), shape_of(op.results[0].type)
    size = bytes_of(op.operands[0].type)
    divisor = divisor_of_all(source, size)
    ones = (1,) * len(new)
    facts = replace(source, contiguity=ones, divisibility=(divisor,) * len(new), constancy=ones)
    if source.constancy == old:
        return replace(facts, constancy=new)
    if "allow_reorder" in op.attributes:
        return facts
    if [n for n in old if n > 1] == [n for n in new if n > 1]:
        return _renamed(source, facts, [d for d, n in enumerate(old) if n > 1], [d for d, n in enumerate(new) if n > 1])
    last_old, last_new = (max(d for d, n in enumerate(shape) if n > 1 or d == 0) for shape in (old, new))
    fits = gcd(old[last_old], new[last_new])
    contiguity = gcd(source.contiguity[last_old], fits)
    group = replace(
        source,
        contiguity=tuple(contiguity for _ in old),
        divisibility=tuple(divisor_of_groups(source, d, contiguity, size) for d in range(len(old))),
        constancy=tuple(gcd(k, fits) for k in source.constancy),
    )
    return _renamed(group, facts, [last_old], [last_new])


def _renamed(source: AxisInfo, others: AxisInfo, old: list[int], new: list[int]) -> AxisInfo:
    """The facts of `source` along its dimensions `old` for the dimensions `new`; of `others` along the rest."""

    def moved(facts: tuple[int, ...], rest: tuple[int, ...]) -> tuple[int, ...]:
        by_dimension = dict(zip(new, (facts[d] for d in old), strict=True))
        return tuple(by_dimension.get(d, value) for d, value in enumerate(rest))

    return source.map(moved, others)


@rule("tt.join")
def _join(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    type_ = op.operands[0].type
    both = join(infos[0], infos[1], type_)
    return _insert(both, both.rank, divisor_of_all(both, bytes_of(type_)))


@rule("tt.split")
def _split(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    return infos[0].map(lambda facts: facts[:-1])


@rule("ttg.convert_layout", "arith.extsi", "arith.index_cast")
def _same(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    info = infos[0]
    source, target = (element_of(value.type) for value in (op.operands[0], op.results[0]))
    if info.constant is None or not isinstance(source, IntegerType) or not isinstance(target, IntegerType):
        return info
    value = fold_cast(op.name, info.constant, source.width, target.width)
    return info if value is None else known(value, op.results[0].type)


@rule("arith.extui", "arith.index_castui")
def _zero_extend(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """A contiguous group that crosses zero is torn apart."""
    info = _same(op, infos)
    if info.nonnegative:
        return info
    return replace(info, contiguity=each(gcd, info.contiguity, info.divisibility), nonnegative=True)


@rule("arith.trunci")
def _truncate(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """May turn a large number into a negative one."""
    info = _same(op, infos)
    return info if info.constant is not None else replace(info, nonnegative=False)


@rule("tt.unsplat")
def _unsplat(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    [source] = infos
    divisor = divisor_of_all(source, bytes_of(op.operands[0].type))
    return AxisInfo((1,), (divisor,), (1,), source.constant, source.nonnegative)


# ------------------------------------------------------------------------------------------------------- arithmetic
@rule("arith.addi", "tt.addptr", folds=True)
def _add(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """Pointers count in elements but divide in bytes."""
    a, b = infos
    size = bytes_of(op.results[0].type)
    groups = [max(gcd(a.constancy[d], b.contiguity[d]), gcd(a.contiguity[d], b.constancy[d])) for d in range(a.rank)]
    divisors = [
        gcd(divisor_of_groups(a, d, group, size), size * divisor_of_groups(b, d, group))
        for d, group in enumerate(groups)
    ]
    constancy = each(gcd, a.constancy, b.constancy)
    return AxisInfo(tuple(groups), tuple(divisors), constancy, None, a.nonnegative and b.nonnegative)


@rule("arith.subi", folds=True)
def _subtract(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """A constant less a contiguous value counts down: only the left side gives contiguity."""
    a, b = infos
    groups = each(gcd, a.contiguity, b.constancy)
    divisors = [gcd(divisor_of_groups(a, d, g), divisor_of_groups(b, d, g)) for d, g in enumerate(groups)]
    return AxisInfo(groups, tuple(divisors), each(gcd, a.constancy, b.constancy))


@rule("arith.muli", folds=True)
def _multiply(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    a, b = infos
    for one, other in ((a, b), (b, a)):
        if one.constant == 1:
            return other
    divisors = [min(divisor_of_groups(a, d, 1) * divisor_of_groups(b, d, 1), LARGEST_DIVISOR) for d in range(a.rank)]
    constancy = each(gcd, a.constancy, b.constancy)
    return AxisInfo((1,) * a.rank, tuple(divisors), constancy, None, a.nonnegative and b.nonnegative)


def _aligned_group(a: AxisInfo, b: AxisInfo, dimension: int) -> int:
    """The group size for which `a` runs from one of its multiples to the next, while `b` is one of its multiples."""
    d = dimension
    return gcd(gcd(a.contiguity[d], a.divisibility[d]), gcd(b.constancy[d], divisor_of_groups(b, d, 1)))


@rule("arith.divsi", "arith.divui", folds=True)
def _divide(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """Truncation towards zero tears the group around zero apart, hence `nonnegative`."""
    a, b = infos
    if b.constant == 1:
        return a
    upwards = op.name == "arith.divui" or (a.nonnegative and b.nonnegative)
    constancy = [
        max(gcd(a.constancy[d], b.constancy[d]), _aligned_group(a, b, d) if upwards else 1) for d in range(a.rank)
    ]
    divisor = _exact_quotient(a, b.constant)
    ones = (1,) * a.rank
    return AxisInfo(ones, (divisor,) * a.rank, tuple(constancy), None, a.nonnegative and b.nonnegative)


def _exact_quotient(a: AxisInfo, divisor: int | None) -> int:
    """What divides the quotient of `a` by a power of two; 1 where it may be inexact."""
    if divisor is None or divisor <= 0 or divisor & (divisor - 1):
        return 1
    return max(divisor_of_all(a) // divisor, 1)


@rule("arith.remsi", "arith.remui", folds=True)
def _remainder(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    a, b = infos
    upwards = op.name == "arith.remui" or (a.nonnegative and b.nonnegative)
    groups = [_aligned_group(a, b, d) if upwards else 1 for d in range(a.rank)]
    divisors = [gcd(divisor_of_groups(a, d, g), divisor_of_groups(b, d, g)) for d, g in enumerate(groups)]
    return AxisInfo(tuple(groups), tuple(divisors), each(gcd, a.constancy, b.constancy), None, a.nonnegative)


@rule("arith.shli", folds=True)
def _shift_left(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    a, b = infos
    if b.constant == 0:
        return a
    times = 1 << b.constant if b.constant is not None and 0 <= b.constant < 30 else 1
    divisors = [min(divisor_of_groups(a, d, 1) * times, LARGEST_DIVISOR) for d in range(a.rank)]
    return AxisInfo((1,) * a.rank, tuple(divisors), each(gcd, a.constancy, b.constancy), None, a.nonnegative)


@rule("arith.shrsi", "arith.shrui", folds=True)
def _shift_right(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """Rounds down, unlike divsi, so that groups below zero are like the others."""
    a, b = infos
    if b.constant is None or not 0 <= b.constant < 30:
        return replace(nothing_known(op.results[0].type), constancy=each(gcd, a.constancy, b.constancy))
    if b.constant == 0:
        return a
    divisor = known(1 << b.constant, op.results[0].type)
    constancy = [max(a.constancy[d], _aligned_group(a, divisor, d)) for d in range(a.rank)]
    quotient = _exact_quotient(a, divisor.constant)
    return AxisInfo((1,) * a.rank, (quotient,) * a.rank, tuple(constancy), None, a.nonnegative)


@rule("arith.andi", folds=True)
def _and(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """With 2**n - 1 it is a remainder, of negative numbers too; else it keeps the zeros at the end of either."""
    a, b = infos
    constancy = each(gcd, a.constancy, b.constancy)
    nonnegative = a.nonnegative or b.nonnegative
    if b.constant is not None and b.constant > 0 and b.constant & (b.constant + 1) == 0:
        modulus = known(b.constant + 1, op.results[0].type)
        groups = [_aligned_group(a, modulus, d) for d in range(a.rank)]
        divisors = [divisor_of_groups(a, d, g) for d, g in enumerate(groups)]
        return AxisInfo(tuple(groups), tuple(divisors), constancy, None, nonnegative)
    divisors = [max(divisor_of_groups(a, d, 1), divisor_of_groups(b, d, 1)) for d in range(a.rank)]
    return AxisInfo((1,) * a.rank, tuple(divisors), constancy, None, nonnegative)


@rule("arith.ori", "arith.xori", "arith.minsi", "arith.minui", "arith.maxsi", "arith.maxui", folds=True)
def _mix(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    a, b = infos
    divisors = [gcd(divisor_of_groups(a, d, 1), divisor_of_groups(b, d, 1)) for d in range(a.rank)]
    nonnegative = a.nonnegative and b.nonnegative or (op.name == "arith.maxsi" and (a.nonnegative or b.nonnegative))
    return AxisInfo((1,) * a.rank, tuple(divisors), each(gcd, a.constancy, b.constancy), None, nonnegative)


# The predicates for which a group that runs from one multiple to the next compares alike with a multiple.
_UP_LEFT = {SLT, SGE, ULT, UGE}  # a < n, a >= n
_UP_RIGHT = {SLE, SGT, ULE, UGT}  # n <= b, n > b


@rule("arith.cmpi")
def _compare(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    a, b = infos
    type_ = op.results[0].type
    predicate = op.integer("predicate")
    element = element_of(op.operands[0].type)
    if a.constant is not None and b.constant is not None and isinstance(element, IntegerType):
        return known(fold_comparison(predicate, a.constant, b.constant, element.width), type_)
    constancy = list(each(gcd, a.constancy, b.constancy))
    for d in range(a.rank):
        if predicate in _UP_LEFT:
            constancy[d] = max(constancy[d], _aligned_group(a, b, d))
        elif predicate in _UP_RIGHT:
            constancy[d] = max(constancy[d], _aligned_group(b, a, d))
    return replace(nothing_known(type_), constancy=tuple(constancy))


@rule("arith.select")
def _select(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    condition, yes, no = infos
    type_ = op.results[0].type
    if condition.constant is not None:
        return yes if condition.constant else no
    both = join(yes, no, type_)
    if not isinstance(op.operands[0].type, TensorType):
        return both
    size = bytes_of(type_)
    groups = each(gcd, both.contiguity, condition.constancy)
    divisors = tuple(divisor_of_groups(both, d, group, size) for d, group in enumerate(groups))
    return replace(
        both, contiguity=groups, divisibility=divisors, constancy=each(gcd, both.constancy, condition.constancy)
    )


# ---------------------------------------------------------------------------------------------------------- memory
@rule("tt.load")
def _load(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """One address under one mask gives one value."""
    type_ = op.results[0].type
    if op.attributes.get("isVolatile") is True:
        return nothing_known(type_)
    return replace(nothing_known(type_), constancy=each(gcd, *(info.constancy for info in infos)))


@rule("tt.bitcast", "arith.bitcast", "tt.int_to_ptr", "tt.ptr_to_int")
def _reinterpret(op: Op, infos: list[AxisInfo]) -> AxisInfo:
    """Addresses stay addresses, but only steps of one size stay contiguous. Other bits mean another number."""
    [info] = infos
    source, target = op.operands[0].type, op.results[0].type
    old, new = bytes_of(source), bytes_of(target)
    if op.name.endswith("bitcast") and not isinstance(element_of(source), PointerType):
        return replace(nothing_known(target), constancy=info.constancy)
    if old == new:
        return replace(info, constant=None)
    return replace(
        info,
        contiguity=(1,) * info.rank,
        divisibility=(divisor_of_all(info, old),) * info.rank,
        constant=None,
        nonnegative=False,
    )
