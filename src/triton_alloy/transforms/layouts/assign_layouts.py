"""Gives every tensor a layout, and inserts ttg.convert_layout where a tensor is used in another than it has.

What follows from layouts and addresses is written on the ops: `width` and `contiguous` on loads and stores, on a dot
the function of the matrix unit that does it, as `unit`.

Anchored tensors have their natural layout (natural_layouts.py). Floating ones are computed anew, right after the
original, in each layout that is demanded of them; what they are computed from is demanded in turn. So conversions
appear only on anchored tensors, once for each layout, and of a broadcast vector the vector is converted.
"""

from __future__ import annotations

from ...ir.core import Builder, Op, Value
from ...ir.types import DenseAttribute, TensorType
from ...layout import LinearLayout
from ...target import Target
from .axis import AxisAnalysis
from .layout_choice import LayoutChoice
from .layout_rules import is_tensor, shape_of
from .natural_layouts import STAGED, NaturalLayouts


def run(module: Op, target: Target, simdgroups: int) -> None:
    """In place, on the only function of `module`. `simdgroups`: how many run a program.

    Raises Unsupported for tensor ops without a rule.
    """
    [function] = [op for op in module.body if op.name == "tt.func"]
    layouts = NaturalLayouts(function, LayoutChoice(target, simdgroups, AxisAnalysis(function)))
    _Assignment(layouts).run()


class _Assignment:
    """`held`: the value that holds a tensor in a layout."""

    def __init__(self, layouts: NaturalLayouts):
        self.layouts = layouts
        self.natural = layouts.natural
        self.held: dict[tuple[Value, LinearLayout], Value] = {}

    def run(self) -> None:
        for value, layout in self.natural.items():
            value.type = _with_layout(value, layout)
        for op in self.layouts.ops:
            self._place(op)
        for carried in self.layouts.carried:
            for op, index in carried.uses:
                op.set_operand(index, self.demand(op.operands[index], self.natural[carried.targets[0]]))
        for op in reversed(self.layouts.ops):
            if self._is_floating(op):
                op.erase()

    def _is_floating(self, op: Op) -> bool:
        return op in self.layouts.rules and op.results[0] not in self.natural

    def _place(self, op: Op) -> None:
        """Give an op that stays its operands in the layouts that it needs."""
        if op in self.layouts.required:
            layout = self.layouts.required[op]
            if op.name in ("tt.load", "tt.store"):
                op.attributes.update(self.layouts.choice.access(op, layout))
            self._demand_all(op, layout)
        elif op.name == "tt.dot":
            self._place_dot(op)
        elif op.name in STAGED:
            self._place_staged(op)
        elif op in self.layouts.rules and not self._is_floating(op):
            self._demand_all(op, self.layouts.rules[op].backward(op, self.natural[op.results[0]]))

    def _demand_all(self, op: Op, layout: LinearLayout) -> None:
        op.set_operands([self.demand(o, layout) if is_tensor(o) else o for o in op.operands])

    def _place_dot(self, op: Op) -> None:
        """On the matrix unit, or with A and B as they are: they will be read from threadgroup memory."""
        fragments = self.layouts.dots.get(op)
        if fragments is not None:
            op.attributes["unit"] = self.layouts.choice.target.fragment.function
        else:
            default = self.layouts.choice.default
            left, right = (self.natural.get(o) or default(shape_of(o)) for o in op.operands[:2])
            fragments = (left, right, self.natural[op.result])
        op.set_operands([self.demand(o, layout) for o, layout in zip(op.operands, fragments, strict=True)])

    def _place_staged(self, op: Op) -> None:
        """The first operand as it is, in any layout; a gather's indices in its result's, a histogram's mask in that of
        the first operand."""
        first, *rest = op.operands
        layout = self.natural.get(first) or self.layouts.choice.default(shape_of(first))
        other = self.natural[op.results[0]] if op.name == "tt.gather" else layout
        op.set_operands([self.demand(first, layout), *(self.demand(o, other) for o in rest)])

    def demand(self, value: Value, layout: LinearLayout) -> Value:
        """The value that holds the tensor `value` in `layout`: it, a conversion, or computed anew."""
        pending = [value]
        wanted = [layout]
        while pending:
            missing = self._produce(pending[-1], wanted[-1])
            if not missing:
                pending.pop()
                wanted.pop()
            for operand, needed in missing:
                pending.append(operand)
                wanted.append(needed)
        return self.held[value, layout]

    def _produce(self, value: Value, layout: LinearLayout) -> list[tuple[Value, LinearLayout]]:
        """Enter `value` in `layout` into `held`, or return what has to be there before."""
        if (value, layout) in self.held:
            return []
        natural = self.natural.get(value)
        if natural is not None:
            self.held[value, layout] = value if natural is layout else _convert(value, layout)
            return []
        op = value.definer
        assert op is not None, "every carried tensor has a natural layout"
        needed = self.layouts.rules[op].backward(op, layout)
        operands = list(filter(is_tensor, op.operands))
        missing = [(operand, needed) for operand in operands if (operand, needed) not in self.held]
        if not missing:
            self._compute_again(op, layout, {operand: self.held[operand, needed] for operand in operands})
        return missing

    def _compute_again(self, op: Op, layout: LinearLayout, operands: dict[Value, Value]) -> None:
        copy = op.clone(operands)
        for old, new in zip(op.results, copy.results, strict=True):
            new.type = _with_layout(old, layout)
            self.held[old, layout] = new
        constant = copy.attributes.get("value")
        if isinstance(constant, DenseAttribute):
            copy.attributes["value"] = DenseAttribute(constant.values, copy.results[0].type)
        assert op.block is not None
        op.block.insert(copy, op.next)


def _with_layout(value: Value, layout: LinearLayout) -> TensorType:
    assert isinstance(value.type, TensorType) and value.type.shape == layout.shape
    return value.type.with_layout(layout)


def _convert(value: Value, layout: LinearLayout) -> Value:
    converted = Builder.after_value(value).value("ttg.convert_layout", [value], _with_layout(value, layout))
    converted.location = value.location
    return converted
