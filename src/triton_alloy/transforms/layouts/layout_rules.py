"""How layouts pass through ops that compute nothing across threads: from an operand to the result, and back.

All tensor operands of such an op have one layout, and so have its results. These ops can be computed again in whatever
layout a user of the result wants, unless they have effects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...dialects import is_elementwise, is_pure
from ...ir.core import Op, Value
from ...ir.types import TensorType
from ...layout import LinearLayout


@dataclass(frozen=True)
class LayoutRule:
    """`forward`: the results' layout where the operands have the given one; None if that says too little about it.
    `backward`: the layout that the operands need for the results to have the given one."""

    forward: Callable[[Op, LinearLayout], LinearLayout] | None
    backward: Callable[[Op, LinearLayout], LinearLayout]


def shape_of(value: Value) -> tuple[int, ...]:
    type_ = value.type
    assert isinstance(type_, TensorType)
    return type_.shape


def is_tensor(value: Value) -> bool:
    return isinstance(value.type, TensorType)


def _unchanged(op: Op, layout: LinearLayout) -> LinearLayout:
    return layout


def _order(op: Op) -> tuple[int, ...]:
    return tuple(op.attributes["order"])


def _last(layout: LinearLayout) -> LinearLayout:
    return layout.remove(layout.rank - 1)


ELEMENTWISE = LayoutRule(_unchanged, _unchanged)

RULES: dict[str, LayoutRule] = {
    # Without tensor operands: any layout will do.
    "arith.constant": LayoutRule(None, _unchanged),
    "tt.make_range": LayoutRule(None, _unchanged),
    "tt.splat": LayoutRule(None, _unchanged),
    "ub.poison": LayoutRule(None, _unchanged),
    # Elementwise ops with a region or a text of their own.
    "tt.map_elementwise": ELEMENTWISE,
    "tt.elementwise_inline_asm": ELEMENTWISE,
    "tt.expand_dims": LayoutRule(
        lambda op, layout: layout.expand_dims(op.integer("axis")),
        lambda op, layout: layout.remove(op.integer("axis")),
    ),
    "tt.broadcast": LayoutRule(None, lambda op, layout: layout.clip(shape_of(op.operands[0]))),
    "tt.reshape": LayoutRule(
        lambda op, layout: layout.reshape(shape_of(op.results[0])),
        lambda op, layout: layout.reshape(shape_of(op.operands[0])),
    ),
    "tt.trans": LayoutRule(
        lambda op, layout: layout.transpose(_order(op)),
        lambda op, layout: layout.transpose_inverse(_order(op)),
    ),
    "tt.join": LayoutRule(lambda op, layout: layout.join(), lambda op, layout: _last(layout)),
    "tt.split": LayoutRule(lambda op, layout: _last(layout), lambda op, layout: layout.join()),
    "msl.slice": LayoutRule(None, lambda op, layout: layout.extend(shape_of(op.operands[0]))),
    "tt.cat": LayoutRule(lambda op, layout: layout.cat(), lambda op, layout: layout.clip(shape_of(op.operands[0]))),
}


def rule_of(op: Op) -> LayoutRule | None:
    """The rule of an op without effects, else None."""
    rule = RULES.get(op.name) or (ELEMENTWISE if is_elementwise(op) else None)
    return rule if rule is not None and is_pure(op) else None
