"""Masks that are true everywhere: known ones go, and a loop has a copy for the iterations that need none.

    scf.for %k = 0 to %K step 32 iter_args(%c = %zero)      %whole = least of %K and what the masks need, K - 31
      %m = (%k + range(0, 32)) < splat %K                   %at, %sum = scf.for %k = 0 to %whole step 32
      %x = tt.load %p, %m                                                       iter_args(%next = 0, %c = %zero)
      scf.yield %c + %x                               =>      %x = tt.load %p
                                                              scf.yield %k + 32, %c + %x
                                                            scf.for %k = %at to %K step 32 iter_args(%c = %sum)
                                                              ...                            // as it was

The second loop takes over where a mask is first needed: the rest of a ragged edge, or all. So an access of a tile that
lies inside costs no mask, and the loads of an iteration may overlap. A mask counts if what is enough for it to be true
(extents.py) stays true up to some iteration, or from the first one on. Where all masks are the same in every iteration
a loop has a copy for the sake of dots only: beside memory a mask costs little, and two loops take more registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...dialects.control import For
from ...ir.core import Block, Builder, Op, Region, Value, constant_of
from ...ir.rewrite import LOOPS
from ...ir.types import I64, DenseAttribute, TensorType
from ...target import Target
from . import simplify
from .extents import Condition, Extents, Sum, build, build_sum, unique_sums

_MASKS = {"tt.load": 1, "tt.store": 2, "tt.atomic_rmw": 2}
"""Accesses, with the number of the operand that is their mask."""
_VIEWS = ("tt.expand_dims", "tt.broadcast", "tt.reshape", "tt.trans")


def run(module: Op, target: Target) -> None:
    """In place."""
    changed = [_fold(op) for op in list(module.walk()) if op.name == "arith.cmpi"]
    if target.splits_loops:
        loops = [op for op in module.walk() if op.name == "scf.for" and _is_innermost(op)]
        changed += [_split(loop) for loop in loops]
    if any(changed):
        simplify.run(module)


def _fold(comparison: Op) -> bool:
    """Replace a comparison of tensors whose answer is one constant. Whether it was."""
    if not isinstance(comparison.result.type, TensorType):
        return False
    extents = Extents()
    for condition, answer in ((extents.true_everywhere(comparison), 1), (extents.false_everywhere(comparison), 0)):
        if condition is not None and condition.known:
            builder = Builder.before_op(comparison)
            comparison.replace_by([_all(builder, comparison.result.type, answer)])
            return True
    return False


def _all(builder: Builder, type_: TensorType, answer: int) -> Value:
    return builder.value("arith.constant", [], type_, {"value": DenseAttribute((answer,), type_)})


def _is_innermost(loop: Op) -> bool:
    return not any(op.name in LOOPS for op in loop.walk() if op is not loop)


def _split(loop: Op) -> bool:
    """Give the loop its copy. Whether it has masks that a test before it can show true."""
    if loop.attributes.get("unsignedCmp"):
        return False
    tests = {op: condition for op, condition in _tested(loop) if all(_is_usable(loop, s) for s in condition.negative)}
    if not tests or not (_has_dot(loop) or any(_changes(loop, condition) for condition in tests.values())):
        return False
    start, *carried = _copy(loop, tests).results
    For(loop).set_operands([start, *For(loop).bounds[1:]], carried)
    return True


def _tested(loop: Op) -> Iterator[tuple[Op, Condition]]:
    """The comparisons that the masks of the loop's accesses are made of, and what is enough for each to be true."""
    extents = Extents(lambda value: value is For(loop).index or not value.is_within(loop))
    accesses = [op for op in loop.walk() if op.name in _MASKS and len(op.operands) > _MASKS[op.name]]
    for comparison in {op: None for access in accesses for op in _comparisons(access.operands[_MASKS[access.name]])}:
        condition = extents.true_everywhere(comparison)
        if condition is not None:
            yield comparison, condition


def _comparisons(mask: Value) -> Iterator[Op]:
    """The comparisons of tensors that must all be true for a mask to be."""
    pending, seen = [mask], {mask}
    while pending:
        value = pending.pop()
        op = value.definer
        if op is None or not isinstance(value.type, TensorType):
            continue
        if op.name == "arith.cmpi":
            yield op
        elif op.name in _VIEWS or op.name == "arith.andi":
            pending += [operand for operand in reversed(op.operands) if operand not in seen]
            seen.update(op.operands)


def _changes(loop: Op, condition: Condition) -> bool:
    """Whether it may be true in one iteration and false in another."""
    return any(For(loop).index in sum_.factors for sum_ in condition.negative)


def _has_dot(loop: Op) -> bool:
    return any(op.name == "tt.dot" for op in loop.walk())


def _is_usable(loop: Op, negative: Sum) -> bool:
    """Whether a sum is negative up to some iteration, or from the first on: it depends on nothing that changes in the
    loop but on the loop's number, by a power of 2. It must be an i64 too."""
    number = For(loop).index
    factor = abs(negative.factors.get(number, 1))
    if factor & (factor - 1) or not negative.fits:
        return False
    return all(v is number or not v.is_within(loop) for v in negative.factors)


def _copy(loop: Op, tests: dict[Op, Condition]) -> Op:
    """The loop over whole tiles, before the loop: its results are where it ends and what it carries."""
    builder = Builder.before_op(loop)
    builder.location = loop.location.named("whole")
    parts = For(loop)
    lower, _, step = parts.bounds
    body = _body(loop, _known(tests, builder))
    types = [argument.type for argument in loop.body.arguments]
    operands = [lower, _end(loop, unique_sums(tests.values()), builder), step, lower, *parts.initial]
    whole = builder.build("scf.for", operands, types, {}, [Region([body])])
    for result, argument in zip(whole.results, loop.body.arguments, strict=True):
        result.location = argument.location
    return whole


def _end(loop: Op, negative: Iterable[Sum], builder: Builder) -> Value:
    """Before which number every iteration is whole, where these sums must be negative."""
    lower, upper, _ = For(loop).bounds
    number, type_, start = For(loop).index, lower.type, _scalar(lower)
    limits, fixed = [(_scalar(upper), 1)], []
    for sum_ in negative:
        factor = sum_.factors.get(number, 0)
        rest = sum_ + Sum(0, {number: -factor})
        if factor > 0:  # factor * number + rest < 0, so factor * number < -rest
            limits.append((rest * -1, factor))
        else:
            fixed.append(rest + start * factor)
    nearest = [limit for limit in limits if not any(_is_nearer(other, limit) for other in limits)]
    end, *others = (_quotient(*limit, builder) for limit in nearest)
    for other in others:
        end = builder.value("arith.minsi", [end, other], I64)
    end = builder.value("arith.maxsi", [end, build_sum(start, builder)], I64)
    end = end if type_ is I64 else builder.value("arith.trunci", [end], type_)
    for sum_ in unique_sums([Condition(tuple(fixed))]):
        end = builder.value("arith.select", [build(sum_, builder), end, lower], type_)
    return end


def _scalar(value: Value) -> Sum:
    known = constant_of(value)
    return Sum(0, {value: 1}) if known is None else Sum(int(known))


def _is_nearer(limit: tuple[Sum, int], other: tuple[Sum, int]) -> bool:
    """Whether a limit is below another, whatever their scalars are."""
    difference = limit[0] - other[0]
    return limit[1] == other[1] and not difference.factors and difference.constant < 0


def _quotient(sum_: Sum, factor: int, builder: Builder) -> Value:
    """The least number that times the factor, a power of 2, is no less than the sum."""
    if factor == 1:
        return build_sum(sum_, builder)
    shifted = [build_sum(sum_ + Sum(factor - 1), builder), builder.constant(factor.bit_length() - 1, I64)]
    return builder.value("arith.shrsi", shifted, I64)


def _body(loop: Op, known: dict[Value, Value]) -> Block:
    """The body of a whole tile, which carries the number of the next iteration too."""
    block, old = Block(), loop.body.arguments
    values = {**known, old[0]: block.add_argument(old[0].type, old[0].location)}
    block.add_argument(old[0].type, old[0].location)
    values |= {argument: block.add_argument(argument.type, argument.location) for argument in old[1:]}
    for op in loop.body:
        block.append(op.clone(values))
    for value, all_true in known.items():
        if values[value] is not all_true:
            values[value].replace_by(all_true)
    end = block.terminator
    number = values[old[0]]
    following = Builder.before_op(end).value("arith.addi", [number, For(loop).bounds[2]], number.type)
    end.set_operands([following, *end.operands])
    return block


def _known(tests: Iterable[Op], builder: Builder) -> dict[Value, Value]:
    """What is true wherever all tests are: a comparison, and the masks made of such only, inside of the loop or not."""
    known: dict[Value, Value] = {}
    work = [op.result for op in tests]
    while work:
        value = work.pop()
        if value in known:
            continue
        known[value] = _all(builder, value.type, 1)
        for user in value.uses:
            if user.name in _VIEWS or (user.name == "arith.andi" and all(each in known for each in user.operands)):
                work.append(user.result)
    return known
