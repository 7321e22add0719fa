"""`tt`, Triton's dialect, and the `ttg` ops that appear in it."""

from __future__ import annotations

from math import prod

from ..ir.core import Op
from ..ir.registry import OpRule, Trait, register
from ..ir.types import I1, FunctionType, IntegerType, PointerType, TensorType, Type, element_of, with_element
from .types import (
    block_takes,
    casts,
    first_problem,
    is_any,
    is_float,
    is_integer,
    is_pointer,
    same,
    shapes_agree,
    tensors,
    types_of,
)

_ANY = (0, None)
_EACH = Trait.PURE | Trait.ELEMENTWISE


def _function(op: Op) -> str | None:
    type_ = op.attributes["function_type"]
    if not isinstance(type_, FunctionType):
        return "its function_type is no function type"
    entry = op.regions[0].blocks[0]
    returns = [block.terminator for block in op.regions[0].blocks if block.terminator.name == "tt.return"]
    wrong = any(types_of(one.operands) != list(type_.outputs) for one in returns)
    return first_problem(block_takes(entry, type_.inputs, "its body"), "a return has other types" if wrong else None)


def _shape(type_: Type) -> tuple[int, ...]:
    return type_.shape if isinstance(type_, TensorType) else ()


def _address(op: Op) -> str | None:
    pointer, offset = op.operands
    if not is_pointer(pointer.type) or not is_integer(offset.type):
        return f"cannot add {offset.type} to {pointer.type}"
    if pointer.type is not op.result.type:
        return f"{pointer.type} plus an offset is no {op.result.type}"
    return shapes_agree(op.operands, op.result.type)


def _accessed(op: Op, value: Type, mask: Type | None) -> str | None:
    """A load, store or atomic through operand 0: of `value`, under `mask`."""
    pointer = op.operands[0].type
    pointee = element_of(pointer)
    if not isinstance(pointee, PointerType):
        return f"{pointer} is no pointer"
    if value is not with_element(pointer, pointee.pointee):
        return f"{value} does not go through {pointer}"
    if mask is not None and mask is not with_element(pointer, I1):
        return f"{mask} is no mask for {pointer}"
    return None


def _load(op: Op) -> str | None:
    types = types_of(op.operands)
    if len(types) == 3 and types[2] is not op.result.type:
        return f"{types[2]} cannot stand in for {op.result.type}"
    return _accessed(op, op.result.type, types[1] if len(types) > 1 else None) or _vectors(op, op.result.type)


def _store(op: Op) -> str | None:
    types = types_of(op.operands)
    return _accessed(op, types[1], types[2] if len(types) > 2 else None) or _vectors(op, types[1])


def _vectors(op: Op, value: Type) -> str | None:
    """Whether the layout allows what layout assignment says: `width` consecutive elements of a lane at once, and that
    the lanes' addresses are `contiguous`."""
    width, contiguous = op.integer("width", 1), op.integer("contiguous", 0)
    if width == 1 and not contiguous:
        return None
    layout = value.layout if isinstance(value, TensorType) else None
    if layout is None:
        return f"{value} has no layout to access {width} consecutive elements in"
    axes = range(layout.rank)
    if width < 1 or width & (width - 1) or width > max(map(layout.contiguous_registers, axes)):
        return f"no {width} registers of {layout} hold consecutive elements"
    if contiguous and not any(map(layout.lanes_contiguous, axes)):
        return f"the lanes of {layout} hold no consecutive elements"
    return None


def _atomic(op: Op) -> str | None:
    types = types_of(op.operands)
    has_mask = op.name == "tt.atomic_rmw" and len(types) > 2
    return _accessed(op, op.result.type, types[2] if has_mask else None)


def _splat(op: Op) -> str | None:
    source, result = op.operands[0].type, op.result.type
    return None if isinstance(result, TensorType) and result.element is source else f"no {result} of {source}"


def _unsplat(op: Op) -> str | None:
    source, result = op.operands[0].type, op.result.type
    is_single = isinstance(source, TensorType) and prod(source.shape) == 1 and source.element is result
    return None if is_single else f"no {result} in {source}"


def _make_range(op: Op) -> str | None:
    length = op.integer("end") - op.integer("start")
    return None if _shape(op.result.type) == (length,) else f"its range has {length} elements"


def _same_element(op: Op) -> str | None:
    source, result = op.operands[0].type, op.result.type
    alike = element_of(source) is element_of(result)
    return tensors(op) or (None if alike else f"{source} and {result} differ in their elements")


def _expand_dims(op: Op) -> str | None:
    shape, axis = _shape(op.operands[0].type), op.integer("axis")
    right = _shape(op.result.type) == (*shape[:axis], 1, *shape[axis:])
    return _same_element(op) or (None if right else f"a size 1 at {axis} does not give {op.result.type}")


def _broadcast(op: Op) -> str | None:
    source, target = _shape(op.operands[0].type), _shape(op.result.type)
    right = len(source) == len(target) and all(a in (1, b) for a, b in zip(source, target, strict=True))
    return _same_element(op) or (None if right else f"{op.operands[0].type} does not broadcast to {op.result.type}")


def _reshape(op: Op) -> str | None:
    right = prod(_shape(op.operands[0].type)) == prod(_shape(op.result.type))
    return _same_element(op) or (None if right else "it changes the number of elements")


def _trans(op: Op) -> str | None:
    shape, order = _shape(op.operands[0].type), op.attributes["order"]
    right = sorted(order) == list(range(len(shape))) and _shape(op.result.type) == tuple(shape[i] for i in order)
    return _same_element(op) or (None if right else f"order {list(order)} does not give {op.result.type}")


def _join(op: Op) -> str | None:
    left, right = types_of(op.operands)
    fits = left is right and _shape(op.result.type) == (*_shape(left), 2)
    return _same_element(op) or (None if fits else f"{left} and {right} do not join to {op.result.type}")


def _split(op: Op) -> str | None:
    source, results = op.operands[0].type, op.results
    fits = all(_shape(source) == (*_shape(result.type), 2) for result in results)
    return tensors(op) or (None if fits else f"{source} does not split into {results[0].type}")


def _dot(op: Op) -> str | None:
    a, b, c = types_of(op.operands)
    if tensors(op) is not None or c is not op.result.type:
        return tensors(op) or f"it accumulates {op.result.type} on {c}"
    if len(_shape(a)) < 2 or len(_shape(a)) != len(_shape(b)):
        return f"{a} and {b} are no matrices"
    (*batch, m, k), (*other_batch, k2, n) = _shape(a), _shape(b)
    if k != k2 or batch != other_batch or _shape(c) != (*batch, m, n):
        return f"{a} times {b} is no {c}"
    if "unit" in op.attributes and None in (a.layout, b.layout, c.layout):
        return f"its operands have no layouts for {op.attributes['unit']}"
    return None


def _combine(op: Op) -> str | None:
    """tt.reduce and tt.scan: one region that takes two elements of each operand, and gives one of each."""
    elements = [element_of(operand.type) for operand in op.operands]
    if len(op.operands) != len(op.results):
        return "it has as many results as operands"
    body = op.body
    gives = [operand.type for operand in body.terminator.operands]
    wrong = f"its combiner gives {gives}" if gives != elements else None
    return first_problem(block_takes(body, [*elements, *elements], "its combiner"), wrong)


def _cat(op: Op) -> str | None:
    left, right = types_of(op.operands)
    size = prod(_shape(left)) + prod(_shape(right))
    return _same_element(op) or (None if prod(_shape(op.result.type)) == size else f"no {op.result.type} by cat")


def _converts(op: Op) -> str | None:
    source, result = op.operands[0].type, op.result.type
    return _same_element(op) or (None if _shape(source) == _shape(result) else "it changes the shape")


def _histogram(op: Op) -> str | None:
    return tensors(op) or (None if is_integer(op.operands[0].type) else "it counts integers")


def _word(type_: Type) -> bool:
    return isinstance(element_of(type_), IntegerType)


ATOMICS = {
    "atomic_rmw": OpRule((2, 3), check=_atomic, attributes=("atomic_rmw_op", "sem", "scope")),
    "atomic_cas": OpRule(3, check=_atomic, attributes=("sem", "scope")),
    "atomic_load": OpRule((1, 2), attributes=("sem", "scope")),
    "atomic_store": OpRule((2, 3), 0, attributes=("sem", "scope")),
    "atomic_poll": OpRule((1, None), _ANY),
}
TT = {
    "func": OpRule(0, 0, _function, Trait.ISOLATED, ("function_type", "sym_name"), regions=1),
    "return": OpRule(_ANY, 0, traits=Trait.TERMINATOR),
    "call": OpRule(_ANY, _ANY, attributes=("callee",)),
    "grid_dependency_wait grid_dependency_launch_dependents": OpRule(results=0),
    "get_program_id get_num_programs": OpRule(traits=Trait.PURE, attributes=("axis",)),
    # ---- shapes
    "make_range": OpRule(check=_make_range, traits=Trait.PURE, attributes=("start", "end")),
    "splat": OpRule(1, check=_splat, traits=Trait.PURE),
    "unsplat": OpRule(1, check=_unsplat, traits=Trait.PURE),
    "expand_dims": OpRule(1, check=_expand_dims, traits=Trait.PURE, attributes=("axis",)),
    "broadcast": OpRule(1, check=_broadcast, traits=Trait.PURE),
    "reshape": OpRule(1, check=_reshape, traits=Trait.PURE),
    "trans": OpRule(1, check=_trans, traits=Trait.PURE, attributes=("order",)),
    "join": OpRule(2, check=_join, traits=Trait.PURE),
    "split": OpRule(1, 2, check=_split, traits=Trait.PURE),
    "cat": OpRule(2, check=_cat, traits=Trait.PURE),
    "gather": OpRule(2, check=tensors, traits=Trait.PURE, attributes=("axis",)),
    # ---- elementwise
    "addptr": OpRule(2, check=_address, traits=_EACH),
    "bitcast": OpRule(1, check=casts(is_any, is_any), traits=_EACH),
    "int_to_ptr": OpRule(1, check=casts(_word, is_pointer), traits=_EACH),
    "ptr_to_int": OpRule(1, check=casts(is_pointer, _word), traits=_EACH),
    "fp_to_fp": OpRule(1, check=casts(is_float, is_float), traits=_EACH),
    "clampf": OpRule(3, check=same(is_float), traits=_EACH, attributes=("propagateNan",)),
    "precise_sqrt": OpRule(1, check=same(is_float), traits=_EACH),
    "precise_divf approx_divf": OpRule(2, check=same(is_float), traits=_EACH),
    "mulhiui": OpRule(2, check=same(is_integer), traits=_EACH),
    "extern_elementwise": OpRule(_ANY, traits=_EACH, attributes=("symbol", "pure")),
    "elementwise_inline_asm": OpRule(_ANY, _ANY, traits=Trait.PURE, attributes=("pure",)),
    "map_elementwise": OpRule(_ANY, _ANY, traits=Trait.RECURSIVE, regions=1),
    "map_elementwise.return": OpRule(_ANY, 0, traits=Trait.TERMINATOR),
    # ---- across elements
    "dot": OpRule(3, check=_dot, traits=Trait.PURE),
    "dot_scaled": OpRule((3, 5), check=tensors, traits=Trait.PURE),
    "reduce scan": OpRule((1, None), (1, None), _combine, Trait.RECURSIVE, ("axis",), regions=1),
    "reduce.return scan.return": OpRule((1, None), 0, traits=Trait.TERMINATOR),
    "histogram": OpRule((1, 2), check=_histogram, traits=Trait.PURE),
    # ---- memory
    "load": OpRule((1, 3), check=_load, traits=Trait.READS),
    "store": OpRule((2, 3), 0, check=_store),
    **ATOMICS,
    # ---- descriptors and block pointers, which frontend/passes rewrites
    "make_tensor_descriptor": OpRule((3, None), traits=Trait.PURE),
    "descriptor_load": OpRule((2, None), traits=Trait.READS),
    "descriptor_gather": OpRule(3, traits=Trait.READS),
    "descriptor_store descriptor_reduce descriptor_scatter": OpRule((3, None), 0),
    "make_tensor_ptr": OpRule((4, None), traits=Trait.PURE),
    "advance": OpRule((2, None), traits=Trait.PURE),
    # ---- debugging
    "print": OpRule(_ANY, 0, attributes=("prefix",)),
    "assert": OpRule(1, 0, attributes=("message",)),
}
TTG = {
    "barrier": OpRule(results=0),
    "convert_layout": OpRule(1, check=_converts, traits=Trait.PURE),
}
register("tt", TT)
register("ttg", TTG)


def is_atomic(op: Op) -> bool:
    return op.name.removeprefix("tt.") in ATOMICS
