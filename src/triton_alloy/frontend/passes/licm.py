"""What no iteration changes moves before its loop; also loads, from loops that write nothing."""

from __future__ import annotations

from ...dialects.arith import SLT
from ...dialects.control import For
from ...ir.core import Builder, Op, Value
from ...ir.registry import is_removable
from ...ir.rewrite import hoist_invariants
from ...ir.types import I1, I64, IntegerAttribute, TensorType, with_element

_SLT = IntegerAttribute(SLT, I64)


def run(module: Op) -> None:
    hoist_invariants(module)
    for loop in [op for op in module.walk() if op.name == "scf.for"]:
        if any(op.name == "tt.load" for op in loop.body) and is_removable(loop):
            _hoist_loads(loop)
            hoist_invariants(module)


def _hoist_loads(loop: Op) -> None:
    """Under a mask that says whether the loop runs at all."""
    for op in loop.body:
        if op.name == "tt.load" and not any(operand.is_within(loop) for operand in op.operands):
            _hoist_load(op, loop)


def _hoist_load(load: Op, loop: Op) -> None:
    assert loop.block is not None
    builder = Builder.before_op(loop)
    runs = builder.value("arith.cmpi", For(loop).bounds[:2], I1, {"predicate": _SLT})
    type_ = with_element(load.operands[0].type, I1)
    mask: Value = builder.value("tt.splat", [runs], type_) if isinstance(type_, TensorType) else runs
    if len(load.operands) > 1:
        mask = builder.value("arith.andi", [load.operands[1], mask], type_)
    load.set_operands([load.operands[0], mask, *load.operands[2:]])
    load.attributes["operandSegmentSizes"] = (1, 1, len(load.operands) - 2)
    loop.block.insert(load.detach(), loop)
