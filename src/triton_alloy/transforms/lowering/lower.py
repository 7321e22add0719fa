"""Tensors to registers: a tt function with layouts becomes an `msl.kernel` of per-thread code.

One rule per op, registered by name (the files beside this one). Every elementwise op has the same rule. An op without a
rule is refused with its place in the source.
"""

from __future__ import annotations

from ...errors import Unsupported
from ...ir.core import Block, Builder, Op, Region
from ...ir.types import I32, I64, DenseAttribute, TensorType, element_of
from ...target import Target
from . import atomic, control, convert, debug, dot, gather, memory, reduce, scan, shape  # noqa: F401  their rules
from .context import Addresses, Held, Lowered, Lowering, is_pointer, lower_elementwise, lower_ops, rule


def run(module: Op, target: Target, simdgroups: int, fp_contract: bool) -> None:
    """Replace the module's only function by an `msl.kernel`. Raises Unsupported for what has no rule."""
    [function] = [op for op in module.body if op.name == "tt.func"]
    kernel = lower_function(function, target, simdgroups, fp_contract)
    module.body.insert(kernel, function)
    function.erase()


def lower_function(function: Op, target: Target, simdgroups: int, fp_contract: bool) -> Op:
    block = Block()
    attributes = {
        "sym_name": function.attributes["sym_name"],
        "simdgroups": simdgroups,
        "fp_contract": fp_contract,
    }
    if "positions" in function.attributes:  # of arguments that are passed in several types
        attributes["positions"] = function.attributes["positions"]
    kernel = Op("msl.kernel", [], [], attributes, [Region([block])], function.location)
    entry_end = block.append(Op("msl.entry_end"))
    lowering = Lowering(target, simdgroups, Builder(block), Builder(block, entry_end, function.location))
    argument_attributes = function.attributes.get("arg_attrs") or [{}] * len(function.body.arguments)
    for argument, hints in zip(function.body.arguments, argument_attributes, strict=True):
        value = block.add_argument(argument.type, argument.location)
        lowering.bind([argument], [Held(value)])
        if "tt.pointer_range" in hints:
            lowering.narrow.add(value)
    lower_ops(lowering, function.body)
    entry_end.erase()
    return kernel


@rule("arith.constant")
def constant(lowering: Lowering, op: Op) -> Held:
    """A splat constant is one uniform value; any other a table."""
    attribute = op.attributes["value"]
    if not isinstance(attribute, DenseAttribute):
        return Held(lowering.builder.value("arith.constant", [], op.result.type, {"value": attribute}))
    if not attribute.is_splat:
        return gather.table(lowering, attribute.values, op.result.type)
    return Held(lowering.constant(attribute.values[0], element_of(op.result.type)))


@rule("arith.select")
def select(lowering: Lowering, op: Op) -> Lowered:
    """Like any elementwise op, and for pointers on their offsets or addresses."""
    if is_pointer(op.result.type) and isinstance(op.result.type, TensorType):
        return memory.select_pointers(lowering, op)
    return lower_elementwise(lowering, op)


@rule("tt.get_program_id", "tt.get_num_programs")
def program_id(lowering: Lowering, op: Op) -> Held:
    name = {"tt.get_program_id": "msl.program_id", "tt.get_num_programs": "msl.num_programs"}[op.name]
    return Held(lowering.builder.value(name, [], I32, {"axis": op.integer("axis")}))


@rule("llvm.intr.assume")
def assume(lowering: Lowering, op: Op) -> None:
    """A promise of the user; nothing to compute."""


@rule("tt.grid_dependency_wait", "tt.grid_dependency_launch_dependents")
def grid_dependency(lowering: Lowering, op: Op) -> None:
    """Kernels run one after another: what this one depends on is complete, and what depends on it waits for its end."""


@rule("tt.return")
def return_(lowering: Lowering, op: Op) -> None:
    if op.operands:
        raise Unsupported(op, "a kernel returns no value")
    lowering.builder.build("msl.return")


@rule("ub.poison")
def poison(lowering: Lowering, op: Op) -> Held | Addresses:
    """Any value will do: zero."""
    element = element_of(op.result.type)
    if not is_pointer(op.result.type):
        return Held(lowering.constant(0, element))
    zero = lowering.constant(0, I64)
    if isinstance(op.result.type, TensorType):
        return Addresses(Held(zero))
    return Held(lowering.builder.value("msl.pointer_from", [zero], element))
