"""Folds what is known: constants, neutral operands, views of splats, branches. One rule per op, in `_RULES`.

Native libtriton has done most of it where it built the module; but the later stages count on these forms for modules
that were not optimised, too, and on uniform values being scalars that are splat as late as possible.
"""

from __future__ import annotations

from collections.abc import Callable

from ..dialects import Trait, is_elementwise, traits
from ..ir.core import Block, Builder, Op, Value, constant_of
from ..ir.numbers import wrap_integer
from ..ir.rewrite import eliminate_common_subexpressions, eliminate_dead_code
from ..ir.types import (
    I1,
    FloatType,
    IndexType,
    IntegerAttribute,
    IntegerType,
    PointerType,
    TensorType,
    Type,
    element_of,
)
from .fold import BINARY, CASTS, fold_binary, fold_cast, fold_comparison

# A rule gives the value that replaces the op's only result, having built what that needs, or None to leave the op.
Rule = Callable[[Op, Builder], "Value | None"]
_RULES: dict[str, list[Rule]] = {}


def run(module: Op) -> None:
    """Operands come before their users, so one pass over the ops reaches the end of every chain but those of loops."""
    _simplify_within(module)
    eliminate_common_subexpressions(module)
    eliminate_dead_code(module)


def _simplify_within(op: Op) -> None:
    for region in op.regions:
        for block in region.blocks:
            for inner in block:
                _simplify(inner)
                if inner.block is not None:
                    _simplify_within(inner)


def _simplify(op: Op) -> None:
    if op.name == "llvm.intr.assume":
        op.erase()
    elif op.name == "scf.if":
        _simplify_if(op)
    elif op.name == "tt.store":
        _simplify_store(op)
    elif len(op.results) == 1 and not op.regions and not any(name.startswith("tt.") for name in op.attributes):
        _apply_rules(op)


def _apply_rules(op: Op) -> None:
    """Apply the first rule that fits, then simplify what it has built. Ops with hints, `tt.divisibility`, stay."""
    _put_constant_right(op)
    before, after = op.prev, op.next
    for rule in (*_RULES.get(op.name, ()), *(_FOR_ELEMENTWISE if is_elementwise(op) else ())):
        builder = Builder.before_op(op)
        value = rule(op, builder)
        if value is None:
            continue
        op.replace_by([value])
        new = before.next if before is not None else builder.block.first
        while new is not None and new is not after:
            following = new.next
            _simplify(new)
            new = following
        return


def _put_constant_right(op: Op) -> None:
    if len(op.operands) == 2 and Trait.COMMUTATIVE in traits(op):
        left, right = op.operands
        if constant_of(left) is not None and constant_of(right) is None:
            op.set_operands([right, left])


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def enter(function: Rule) -> Rule:
        for name in names:
            _RULES.setdefault(name, []).append(function)
        return function

    return enter


def _width(type_: Type) -> int | None:
    """Of integers; None for what is none."""
    element = element_of(type_)
    return element.width if isinstance(element, IntegerType) else 64 if isinstance(element, IndexType) else None


def _integer(value: Value) -> int | None:
    number = constant_of(value)
    return number if isinstance(number, int) and _width(value.type) is not None else None


def _made_by(value: Value, name: str) -> Op | None:
    op = value.definer
    return op if op is not None and op.name == name else None


# ---------------------------------------------------------------------------------------------------------- constants
@_rule(*BINARY)
def _fold_binary(op: Op, builder: Builder) -> Value | None:
    left, right, width = _integer(op.operands[0]), _integer(op.operands[1]), _width(op.result.type)
    if left is None or right is None or width is None:
        return None
    number = fold_binary(op.name, left, right, width)
    return None if number is None else builder.constant(number, op.result.type)


@_rule(*CASTS)
def _fold_cast(op: Op, builder: Builder) -> Value | None:
    number, source, target = _integer(op.operands[0]), _width(op.operands[0].type), _width(op.result.type)
    if number is None or source is None or target is None:
        return None
    folded = fold_cast(op.name, number, source, target)
    return None if folded is None else builder.constant(folded, op.result.type)


@_rule("arith.cmpi")
def _fold_comparison(op: Op, builder: Builder) -> Value | None:
    left, right = op.operands
    a, b, width = _integer(left), _integer(right), _width(left.type)
    if left is right:
        a = b = 0
    if a is None or b is None or width is None:
        return None
    return builder.constant(fold_comparison(op.integer("predicate"), a, b, width), op.result.type)


# ---------------------------------------------------------------------------------------------------------- operands
# A constant on the right that leaves the left operand, and one that makes the result that very constant.
_NEUTRAL = {
    **dict.fromkeys(("addi", "subi", "ori", "xori", "shli", "shrsi", "shrui"), 0),
    **dict.fromkeys(("muli", "divsi", "divui"), 1),
    "andi": -1,
}
_ABSORBING = {"muli": 0, "andi": 0, "ori": -1}
_IDEMPOTENT = ("arith.andi", "arith.ori", "arith.minsi", "arith.minui", "arith.maxsi", "arith.maxui")
_SELF_INVERSE = ("arith.subi", "arith.xori")


@_rule(*(f"arith.{name}" for name in _NEUTRAL), "tt.addptr")
def _drop_neutral(op: Op, builder: Builder) -> Value | None:
    left, right = op.operands
    number, width = _integer(right), _width(right.type)
    if number is None or width is None:
        return None
    name = op.name.partition(".")[2]
    if number == wrap_integer(_NEUTRAL.get(name, 0), width):
        return left
    return right if name in _ABSORBING and number == wrap_integer(_ABSORBING[name], width) else None


@_rule("arith.remsi", "arith.remui")
def _remainder_of_one(op: Op, builder: Builder) -> Value | None:
    return builder.constant(0, op.result.type) if _integer(op.operands[1]) == 1 else None


@_rule(*_IDEMPOTENT)
def _drop_repetition(op: Op, builder: Builder) -> Value | None:
    return op.operands[0] if op.operands[0] is op.operands[1] else None


@_rule(*_SELF_INVERSE)
def _cancel(op: Op, builder: Builder) -> Value | None:
    return builder.constant(0, op.result.type) if op.operands[0] is op.operands[1] else None


@_rule("arith.xori")
def _negate_twice(op: Op, builder: Builder) -> Value | None:
    """not (not x), and not (a < b)."""
    left, right = op.operands
    if element_of(op.result.type) is not I1 or _integer(right) != 1:
        return None
    inner = _made_by(left, "arith.xori")
    if inner is not None and _integer(inner.operands[1]) == 1:
        return inner.operands[0]
    comparison = _made_by(left, "arith.cmpi")
    if comparison is None:
        return None
    inverse = IntegerAttribute(_INVERSE[comparison.integer("predicate")], comparison.attributes["predicate"].type)
    return builder.value("arith.cmpi", comparison.operands, op.result.type, {"predicate": inverse})


_INVERSE = (1, 0, 5, 4, 3, 2, 9, 8, 7, 6)  # of arith.cmpi's predicates


@_rule("arith.negf")
def _negate_float_twice(op: Op, builder: Builder) -> Value | None:
    inner = _made_by(op.operands[0], "arith.negf")
    return inner.operands[0] if inner is not None else None


@_rule("arith.select")
def _choose(op: Op, builder: Builder) -> Value | None:
    condition, yes, no = op.operands
    known = _integer(condition)
    if known is not None:
        return yes if known else no
    if yes is no:
        return yes
    is_same = condition.type is op.result.type and _integer(yes) == 1 and _integer(no) == 0
    return condition if is_same else None


@_rule("arith.extsi", "arith.extui", "arith.trunci")
def _cast_twice(op: Op, builder: Builder) -> Value | None:
    """Widened twice the same way, or narrowed after widening."""
    inner = op.operands[0].definer
    if inner is None or inner.name not in ("arith.extsi", "arith.extui"):
        return None
    source = inner.operands[0]
    if op.name == inner.name:
        return builder.value(op.name, [source], op.result.type)
    first, last = _width(source.type), _width(op.result.type)
    if op.name != "arith.trunci" or first is None or last is None:
        return None
    if first == last:
        return source
    return builder.value(inner.name if last > first else op.name, [source], op.result.type)


# ---------------------------------------------------------------------------------------------------------- shapes
_VIEWS = ("tt.broadcast", "tt.expand_dims", "tt.reshape", "tt.trans")


@_rule("tt.splat", *_VIEWS)
def _view_of_splat(op: Op, builder: Builder) -> Value | None:
    """Whatever the shape, all elements are the same."""
    source = op.operands[0]
    number = constant_of(source)
    if number is not None and not isinstance(element_of(source.type), PointerType):
        return builder.constant(number, op.result.type)
    splat = _made_by(source, "tt.splat")
    return builder.value("tt.splat", splat.operands, op.result.type) if splat is not None else None


@_rule("tt.broadcast", "tt.reshape")
def _view_unchanged(op: Op, builder: Builder) -> Value | None:
    return op.operands[0] if op.operands[0].type is op.result.type else None


@_rule("tt.broadcast", "tt.reshape")
def _view_twice(op: Op, builder: Builder) -> Value | None:
    inner = _made_by(op.operands[0], op.name)
    if inner is None or any("allow_reorder" in view.attributes for view in (op, inner)):
        return None
    return builder.value(op.name, inner.operands, op.result.type, dict(op.attributes))


@_rule("tt.trans")
def _transpose(op: Op, builder: Builder) -> Value | None:
    order = op.attributes["order"]
    if list(order) == sorted(order):
        return op.operands[0]
    inner = _made_by(op.operands[0], "tt.trans")
    if inner is None:
        return None
    both = tuple(inner.attributes["order"][i] for i in order)
    return builder.value("tt.trans", inner.operands, op.result.type, {"order": both})


@_rule("tt.unsplat")
def _unsplat(op: Op, builder: Builder) -> Value | None:
    splat = _made_by(op.operands[0], "tt.splat")
    return splat.operands[0] if splat is not None else None


def _splat_scalar(value: Value, builder: Builder) -> Value | None:
    """The scalar that all elements of `value` are."""
    number = constant_of(value)
    if number is not None:
        return builder.constant(number, element_of(value.type))
    splat = _made_by(value, "tt.splat")
    return splat.operands[0] if splat is not None else None


def _is_splat(value: Value) -> bool:
    return constant_of(value) is not None or _made_by(value, "tt.splat") is not None


def _splat_last(op: Op, builder: Builder) -> Value | None:
    """Integers and addresses that are alike in all elements are computed once."""
    values = [*op.operands, op.result]
    if any(not isinstance(v.type, TensorType) or isinstance(element_of(v.type), FloatType) for v in values):
        return None
    if not op.operands or not all(map(_is_splat, op.operands)):
        return None
    scalars = [_splat_scalar(operand, builder) for operand in op.operands]
    scalar = builder.value(op.name, filter(None, scalars), element_of(op.result.type), dict(op.attributes))
    return builder.value("tt.splat", [scalar], op.result.type)


def _broadcast_last(op: Op, builder: Builder) -> Value | None:
    """Operands of one smaller shape are combined before they are broadcast."""
    sources = [_made_by(operand, "tt.broadcast") for operand in op.operands]
    shapes = {source.operands[0].type.shape for source in sources if source is not None}  # type: ignore[attr-defined]
    if len(shapes) != 1 or not isinstance(op.result.type, TensorType):
        return None
    if any(s is None and not _is_splat(operand) for s, operand in zip(sources, op.operands, strict=True)):
        return None
    [shape] = shapes
    operands = []
    for operand, source in zip(op.operands, sources, strict=True):
        if source is not None:
            operands.append(source.operands[0])
            continue
        number, small = constant_of(operand), TensorType(shape, element_of(operand.type))
        if number is not None:
            operands.append(builder.constant(number, small))
        elif operand.definer is not None:
            operands.append(builder.value("tt.splat", operand.definer.operands, small))
    type_ = TensorType(shape, element_of(op.result.type))
    return builder.value("tt.broadcast", [builder.value(op.name, operands, type_, dict(op.attributes))], op.result.type)


_FOR_ELEMENTWISE: tuple[Rule, ...] = (_splat_last, _broadcast_last)


# ---------------------------------------------------------------------------------------------------------- memory
@_rule("tt.load")
def _known_mask(op: Op, builder: Builder) -> Value | None:
    """A mask that is true everywhere is none; under one that is false everywhere nothing is loaded."""
    if len(op.operands) < 2 or op.attributes.get("isVolatile") is True:
        return None
    known = _integer(op.operands[1])
    if known == 1:
        attributes = {**op.attributes, "operandSegmentSizes": (1, 0, 0)}
        return builder.value("tt.load", op.operands[:1], op.result.type, attributes)
    return op.operands[2] if known == 0 and len(op.operands) == 3 else None


def _simplify_store(op: Op) -> None:
    known = _integer(op.operands[2]) if len(op.operands) == 3 else None
    if known == 0:
        op.erase()
    elif known == 1:
        op.set_operands(op.operands[:2])


# ---------------------------------------------------------------------------------------------------------- branches
def _simplify_if(op: Op) -> None:
    """A known condition leaves one branch; branches without code choose between values."""
    known = constant_of(op.operands[0])
    if known is not None:
        region = op.regions[0 if known else 1]
        _take_branch(op, region.blocks[0] if region.blocks else None)
        return
    blocks = [region.blocks[0] for region in op.regions if region.blocks]
    simple = len(blocks) == 2 and all(block.first is block.last for block in blocks)
    if not simple or not op.results or any(isinstance(element_of(r.type), PointerType) for r in op.results):
        return
    builder = Builder.before_op(op)
    yes, no = (list(block.terminator.operands) for block in blocks)
    chosen = [builder.value("arith.select", [op.operands[0], a, b], a.type) for a, b in zip(yes, no, strict=True)]
    op.replace_by(chosen)
    for value in chosen:
        assert value.definer is not None
        _simplify(value.definer)


def _take_branch(op: Op, block: Block | None) -> None:
    values: list[Value] = []
    moved = []
    if block is not None:
        values = list(block.terminator.operands)
        block.terminator.erase()
        for inner in block:
            assert op.block is not None
            moved.append(op.block.insert(inner.detach(), op))
    op.replace_by(values)
    for inner in moved:
        _simplify(inner)
        if inner.block is not None:
            _simplify_within(inner)
