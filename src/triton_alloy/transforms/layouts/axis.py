"""The axis analysis: how contiguous, aligned and constant every integer and pointer is along its dimensions.

As Triton's lib/Analysis/AxisInfo. Loops are solved from the optimistic side: a carried value starts as its initial
value, and loses what the next iteration does not keep. Facts that the user gave (tl.multiple_of, tl.max_contiguous,
tl.max_constancy, aligned arguments) are taken for true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...dialects.control import For, While
from ...ir.core import Block, Op, Value
from ...ir.types import Attribute, DenseAttribute, IntegerAttribute
from .axis_info import AxisInfo, join, nothing_known
from .axis_rules import RULES

__all__ = ["AxisAnalysis", "AxisInfo"]

_HINTS = {"tt.contiguity": "contiguity", "tt.divisibility": "divisibility", "tt.constancy": "constancy"}


class AxisAnalysis:
    """The facts of every value in `function`, a `tt.func`, as it is now."""

    def __init__(self, function: Op):
        self._infos: dict[Value, AxisInfo] = {}
        arguments = function.regions[0].blocks[0].arguments
        hints: Sequence[dict[str, Attribute]] = function.attributes.get("arg_attrs") or [{}] * len(arguments)
        for argument, given in zip(arguments, hints, strict=True):
            self._infos[argument] = _hinted(nothing_known(argument.type), given)
        for block in function.regions[0].blocks:
            self._block(block)

    def of(self, value: Value) -> AxisInfo:
        """The facts of `value`; the weakest where nothing is known."""
        info = self._infos.get(value)
        return info if info is not None else nothing_known(value.type)

    def _block(self, block: Block) -> None:
        for op in block:
            self._operation(op)

    def _operation(self, op: Op) -> None:
        control = _CONTROL.get(op.name)
        if control is not None:
            control(self, op)
            return
        rule = RULES.get(op.name)
        if rule is None:
            infos = [nothing_known(result.type) for result in op.results]
        else:
            infos = [rule(op, [self.of(operand) for operand in op.operands])] * len(op.results)
        for result, info in zip(op.results, infos, strict=True):
            self._infos[result] = _hinted(info, op.attributes)

    def _set(self, values: Sequence[Value], infos: Sequence[AxisInfo]) -> None:
        self._infos.update(zip(values, infos, strict=True))

    def _all(self, values: Sequence[Value]) -> list[AxisInfo]:
        return [self.of(value) for value in values]

    def _for(self, op: Op) -> None:
        loop, body = For(op), op.body
        lower, _, step = self._all(loop.bounds)
        induction = join(lower, step, loop.index.type)
        # The step of scf.for is positive.
        self._infos[loop.index] = replace(induction, constant=None, nonnegative=lower.nonnegative)
        carried = self._all(loop.initial)
        while True:
            self._set(loop.carried, carried)
            self._block(body)
            weaker = self._weaken(carried, loop.yielded)
            if weaker == carried:
                break
            carried = weaker
        self._set(op.results, carried)

    def _while(self, op: Op) -> None:
        loop = While(op)
        before, after = op.blocks()
        carried = self._all(loop.initial)
        while True:
            self._set(before.arguments, carried)
            self._block(before)
            passed = self._all(loop.passed)
            self._set(after.arguments, passed)
            self._block(after)
            weaker = self._weaken(carried, loop.yielded)
            if weaker == carried:
                break
            carried = weaker
        self._set(op.results, passed)

    def _weaken(self, carried: list[AxisInfo], yielded: Sequence[Value]) -> list[AxisInfo]:
        return [join(info, self.of(value), value.type) for info, value in zip(carried, yielded, strict=True)]

    def _if(self, op: Op) -> None:
        blocks = op.blocks()
        for block in blocks:
            self._block(block)
        if not op.results:
            return
        yes, no = (block.terminator.operands for block in blocks)
        self._set(op.results, [join(self.of(a), self.of(b), a.type) for a, b in zip(yes, no, strict=True)])


_CONTROL = {"scf.for": AxisAnalysis._for, "scf.while": AxisAnalysis._while, "scf.if": AxisAnalysis._if}


def _hinted(info: AxisInfo, attributes: dict[str, Attribute]) -> AxisInfo:
    """`info` with what the user said in addition. A hint may only add: each fact is the larger one."""
    for name, fact in _HINTS.items():
        attribute = attributes.get(name)
        if attribute is not None:
            hints = _numbers(attribute, info.rank)
            stronger = tuple(max(a, b & -b) for a, b in zip(getattr(info, fact), hints, strict=True))
            info = replace(info, **{fact: stronger})
    return info


def _numbers(attribute: Any, rank: int) -> tuple[int, ...]:
    """A hint's value for each dimension: given for each, or one for all."""
    if isinstance(attribute, DenseAttribute):
        values = [int(value) for value in attribute.values]
    else:
        values = [attribute.value if isinstance(attribute, IntegerAttribute) else int(attribute)]
    return tuple(values) if len(values) == rank else (values[0],) * rank
