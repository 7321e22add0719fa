"""Masks that are true everywhere: known ones go, and a loop has a copy without those that a uniform test shows true.

    scf.for %k = 0 to %K step 32 iter_args(%c = %zero)      %at, %sum = scf.while (%k = 0, %c = %zero) {
      %m = (%k + range(0, 32)) < splat %K                     condition(%k < %K & %k + 31 < %K) %k, %c
      %x = tt.load %p, %m                                   } do {
      scf.yield %c + %x                               =>      %x = tt.load %p
                                                              scf.yield %k + 32, %c + %x
                                                            }
                                                            scf.for %k = %at to %K step 32 iter_args(%c = %sum)
                                                              ...                            // as it was

The second loop takes over where the test is first false, whatever it is then: the rest of a ragged edge, or all. So an
access of a tile that lies inside costs no mask, and the loads of an iteration may overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...ir.core import Block, Builder, Op, Region, Value
from ...ir.registry import is_pure
from ...ir.types import I1, DenseAttribute, TensorType
from ...target import Target
from . import simplify
from .extents import SLT, ULT, Condition, build, compare, false_everywhere, true_everywhere

_MASKS = {"tt.load": 1, "tt.store": 2, "tt.atomic_rmw": 2}
"""Accesses, with the number of the operand that is their mask."""
_LOOPS = ("scf.for", "scf.while")
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
    for condition, answer in ((true_everywhere(comparison), 1), (false_everywhere(comparison), 0)):
        if condition is not None and condition.known:
            builder = Builder.before_op(comparison)
            comparison.replace_by([_all(builder, comparison.result.type, answer)])
            return True
    return False


def _all(builder: Builder, type_: TensorType, answer: int) -> Value:
    return builder.value("arith.constant", [], type_, {"value": DenseAttribute((answer,), type_)})


def _is_innermost(loop: Op) -> bool:
    return not any(op.name in _LOOPS for op in loop.walk() if op is not loop)


def _split(loop: Op) -> bool:
    """Give the loop its copy. Whether it has masks that a test before an iteration can show true."""
    seen = _Seen(loop)
    tests = {op: condition for op, condition in _tested(loop) if all(map(seen.can_see, condition.scalars))}
    if not tests:
        return False
    whole = _copy(loop, tests, seen)
    loop.set_operand(0, whole.results[0])
    for index, result in enumerate(whole.results[1:]):
        loop.set_operand(index + 3, result)
    return True


def _tested(loop: Op) -> Iterator[tuple[Op, Condition]]:
    """The comparisons that the masks of the loop's accesses are made of, and what is enough for each to be true."""
    accesses = [op for op in loop.walk() if op.name in _MASKS and len(op.operands) > _MASKS[op.name]]
    for comparison in {op: None for access in accesses for op in _comparisons(access.operands[_MASKS[access.name]])}:
        condition = true_everywhere(comparison)
        if condition is not None:
            yield comparison, condition


def _comparisons(mask: Value) -> Iterator[Op]:
    """The comparisons of tensors that must all be true for a mask to be."""
    op = mask.definer
    if op is None or not isinstance(mask.type, TensorType):
        return
    if op.name == "arith.cmpi":
        yield op
    elif op.name in _VIEWS or op.name == "arith.andi":
        for operand in op.operands:
            yield from _comparisons(operand)


class _Seen:
    """What of a loop's body can be known before an iteration: scalars computed from what is outside and from what the
    loop carries."""

    def __init__(self, loop: Op):
        self.loop = loop

    def can_see(self, value: Value) -> bool:
        if not self._is_inside(value) or value.owner is self.loop.body:
            return True
        op = value.definer
        return op is not None and is_pure(op) and not op.regions and all(map(self.can_see, op.operands))

    def is_fixed(self, value: Value) -> bool:
        """Whether it is the same in every iteration."""
        return not self._is_inside(value)

    def _is_inside(self, value: Value) -> bool:
        block = value.owner.block if isinstance(value.owner, Op) else value.owner
        while block is not None and block is not self.loop.body:
            parent = block.region.owner if block.region is not None else None
            block = parent.block if parent is not None else None
        return block is not None


def _copy(loop: Op, tests: dict[Op, Condition], seen: _Seen) -> Op:
    """The loop over whole tiles, before the loop: its results are where it ends and what it carries."""
    builder = Builder.before_op(loop)
    fixed, changing = [], []
    for condition in Condition.unique(tests.values()):
        (fixed if all(map(seen.is_fixed, condition.scalars)) else changing).append(condition)
    conditions = [build(condition, builder, lambda value: value) for condition in fixed]
    types = [argument.type for argument in loop.body.arguments]
    before = _before(loop, conditions, changing)
    after = _after(loop, _known(loop, tests, builder))
    start = [loop.operands[0], *loop.operands[3:]]
    whole = builder.build("scf.while", start, types, {}, [Region([before]), Region([after])])
    for result, argument in zip(whole.results, loop.body.arguments, strict=True):
        result.location = argument.location
    return whole


def _arguments(block: Block, like: Block) -> dict[Value, Value]:
    """Arguments of `block` as those of another."""
    return {argument: block.add_argument(argument.type, argument.location) for argument in like.arguments}


def _before(loop: Op, conditions: Iterable[Value], changing: Iterable[Condition]) -> Block:
    """Whether an iteration comes, and is whole."""
    block = Block()
    values = _arguments(block, loop.body)
    builder = Builder(block, None, loop.location)

    def leaf(value: Value) -> Value:
        op = value.definer
        if value in values or op is None or seen.is_fixed(value):
            return values.get(value, value)
        for operand in op.operands:
            values[operand] = leaf(operand)
        block.append(op.clone(values))
        return values[value]

    seen = _Seen(loop)
    number = values[loop.body.arguments[0]]
    predicate = ULT if loop.attributes.get("unsignedCmp") else SLT
    goes_on = compare(builder, predicate, number, loop.operands[1])
    for condition in [*conditions, *(build(each, builder, leaf) for each in changing)]:
        goes_on = builder.value("arith.andi", [goes_on, condition], I1)
    builder.build("scf.condition", [goes_on, *block.arguments])
    return block


def _after(loop: Op, known: dict[Value, Value]) -> Block:
    """The body of a whole tile, and the number of the next iteration."""
    block = Block()
    values = {**known, **_arguments(block, loop.body)}
    for op in loop.body:
        block.append(op.clone(values))
    for value, all_true in known.items():
        if values[value] is not all_true:
            values[value].replace_by(all_true)
    end = block.terminator
    builder = Builder.before_op(end)
    number = block.arguments[0]
    end.set_operands([builder.value("arith.addi", [number, loop.operands[2]], number.type), *end.operands])
    return block


def _known(loop: Op, tests: Iterable[Op], builder: Builder) -> dict[Value, Value]:
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
