"""libtriton's `ir.builder`: makes ops at an insertion point, under the current location. What differs between most ops
is in the tables of operations.py; here are positions, locations, types, constants, functions and control flow."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from ...ir.core import Block, Op, Region, Value
from ...ir.numbers import round_float, wrap_integer
from ...ir.types import (
    BF16,
    F16,
    F32,
    F64,
    I1,
    I8,
    I16,
    I32,
    I64,
    UNKNOWN,
    Attribute,
    FloatAttribute,
    FloatType,
    FunctionType,
    IntegerAttribute,
    IntegerType,
    Location,
    NoneType,
    PointerType,
    SymbolAttribute,
    TensorType,
    TextAttribute,
    Type,
)
from .environment import has_line_info
from .handles import (
    ConditionOp,
    ForOp,
    IfOp,
    InsertPoint,
    OpState,
    WhileOp,
    YieldOp,
    block,
    context,
    function,
    location,
    module,
    operation,
    region,
    value,
)
from .operations import Operations, descriptor_type

_LOOP_LICM = TextAttribute("#llvm.loop_annotation<licm = <disable = true, versioningDisable = true>>")


def _cores(values: Sequence[value]) -> list[Value]:
    return [each.core for each in values]


class builder(Operations):
    """Upstream's front end also hangs `options`, `codegen_fns` and `module_map` on it."""

    options: Any
    codegen_fns: Any
    module_map: Any

    def __init__(self, context: context):
        self.block: Block | None = None
        self.before: Op | None = None
        self.location = UNKNOWN
        self.has_lines = has_line_info()

    def op(
        self,
        name: str,
        operands: Sequence[Value],
        types: Sequence[Type],
        attributes: dict[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
    ) -> Op:
        """Make an op, and insert it if there is an insertion point."""
        op = Op(name, operands, types, attributes, regions, self.location, successors)
        if self.block is not None:
            self.block.insert(op, self.before)
        return op

    def create_module(self) -> module:
        return module(Op("builtin.module", regions=[Region([Block()])], location=self.location))

    # ---------------------------------------------------------------------------------------------------- positions
    def _move(self, around: Block | None, before: Op | None, place: Location) -> None:
        self.block, self.before = around, before
        self._set_location(place)

    def set_insertion_point_to_start(self, target: block) -> None:
        first = target.core.first
        self._move(target.core, first, first.location if first is not None else _around(target.core))

    def set_insertion_point_to_end(self, target: block) -> None:
        last = target.core.last
        self._move(target.core, None, last.location if last is not None else _around(target.core))

    def set_insertion_point_after(self, target: operation) -> None:
        self._move(target.core.block, target.core.next, target.core.location)

    def get_insertion_block(self) -> block | None:
        return block(self.block) if self.block is not None else None

    def get_insertion_point(self) -> InsertPoint:
        return InsertPoint(self.block, self.before)

    def restore_insertion_point(self, point: InsertPoint) -> None:
        if point.block is None:
            self._move(None, None, UNKNOWN)
        else:
            place = point.before.location if point.before is not None else _around(point.block)
            self._move(point.block, point.before, place)

    def get_op_builder(self) -> builder:
        return self

    # ---------------------------------------------------------------------------------------------------- locations
    def _set_location(self, place: Location) -> None:
        if self.has_lines:
            self.location = place

    def set_loc(self, place: location | str, line: int | None = None, column: int | None = None) -> None:
        """Of a location, of a variable's name, or of a file, line and column."""
        if isinstance(place, location):
            self._set_location(place.core)
        elif line is None or column is None:
            self._set_location(Location(name=place))
        else:
            self._set_location(Location(place, line, column))

    def get_loc(self) -> location:
        return location(self.location)

    def create_loc(self, file: str, line: int, column: int) -> location:
        return location(Location(file, line, column))

    def create_name_loc(self, name: str, child_loc: location | None = None) -> location:
        return location((child_loc.core if child_loc is not None else UNKNOWN).named(name))

    # --------------------------------------------------------------------------------------------------- attributes
    def get_unit_attr(self) -> Attribute:
        return None

    def get_bool_attr(self, flag: bool) -> Attribute:
        return bool(flag)

    def get_int32_attr(self, number: int) -> Attribute:
        return IntegerAttribute(wrap_integer(index(number), 32), I32)

    def get_string_attr(self, text: str) -> Attribute:
        return text

    def get_disable_loop_licm_attr(self) -> Attribute:
        return _LOOP_LICM

    def get_cache_policy(self, modifier: str, eviction: str) -> Attribute:
        return TextAttribute(f"#tt.cache_policy<cache_modifier = {modifier}, eviction_policy = {eviction}>")

    # ---------------------------------------------------------------------------------------------------- constants
    def constant(self, attribute: Attribute, type_: Type) -> value:
        return value(self.op("arith.constant", (), (type_,), {"value": attribute}).results[0])

    def _integer(self, number: int, type_: IntegerType) -> value:
        number = index(number)
        if not -(1 << 63) <= number < 1 << 64:
            raise TypeError(f"{number} does not fit into 64 bits")
        return self.constant(IntegerAttribute(wrap_integer(number, type_.width), type_), type_)

    def _float(self, number: float, type_: FloatType) -> value:
        return self.constant(FloatAttribute(round_float(number, type_), type_), type_)

    def get_int1(self, flag: object) -> value:
        return self._integer(bool(flag), I1)

    def get_int8(self, number: int) -> value:
        return self._integer(number, I8)

    def get_int16(self, number: int) -> value:
        return self._integer(number, I16)

    def get_int32(self, number: int) -> value:
        return self._integer(number, I32)

    def get_int64(self, number: int) -> value:
        return self._integer(number, I64)

    get_uint8, get_uint16, get_uint32, get_uint64 = get_int8, get_int16, get_int32, get_int64

    def get_fp16(self, number: float) -> value:
        """libtriton takes an f32, which rounds `number` first."""
        return self._float(round_float(float(number), F32), F16)

    def get_bf16(self, number: float) -> value:
        """libtriton goes through C's `%f`: six decimals."""
        return self._float(float(f"{round_float(float(number), F32):f}"), BF16)

    def get_fp32(self, number: float) -> value:
        return self._float(float(number), F32)

    def get_fp64(self, number: float) -> value:
        return self._float(float(number), F64)

    def get_null_value(self, type_: Type) -> value:
        if isinstance(type_, FloatType):
            return self._float(0.0, type_)
        if isinstance(type_, IntegerType):
            return self._integer(0, type_)
        raise RuntimeError("Not implemented")

    def get_all_ones_value(self, type_: Type) -> value:
        if isinstance(type_, IntegerType):
            return self._integer(-1, type_)
        raise RuntimeError("Not implemented")

    # -------------------------------------------------------------------------------------------------------- types
    def get_ptr_ty(self, pointee: Type, space: str) -> Type:
        return PointerType(pointee, space)

    def get_block_ty(self, element: Type, shape: Sequence[int]) -> Type:
        return TensorType([index(size) for size in shape], element)

    def get_function_ty(self, inputs: Sequence[Type], outputs: Sequence[Type]) -> Type:
        return FunctionType(inputs, outputs)

    def create_tensor_descriptor_type(self, block_type: Type, is_signed: bool) -> Type:
        return descriptor_type(block_type.shape, block_type.element, is_signed)

    # ---------------------------------------------------------------------------------------------------- functions
    def get_or_insert_function(
        self, module: module, func_name: str, func_type: Type, visibility: str, noinline: bool | None
    ) -> function:
        found = module.find(func_name)
        if found is not None:
            return function(found)
        attributes: dict[str, Attribute] = {
            "function_type": func_type,
            "sym_name": func_name,
            "sym_visibility": visibility,
            "noinline": bool(noinline),
        }
        return function(self.op("tt.func", (), (), attributes, [Region()]))

    def ret(self, values: Sequence[value]) -> OpState:
        return OpState(self.op("tt.return", _cores(values), ()))

    def call(self, callee: function, arguments: Sequence[value]) -> OpState:
        symbol = SymbolAttribute(callee.core.attributes["sym_name"])
        return OpState(self.op("tt.call", _cores(arguments), callee.type.outputs, {"callee": symbol}))

    # ------------------------------------------------------------------------------------------------------- blocks
    def _append_block(self, around: Region, types: Sequence[Type] = ()) -> block:
        """A new block at the end of a region becomes the insertion point; the location stays."""
        self.block, self.before = around.append(Block(types)), None
        return block(self.block)

    def create_block(self) -> block:
        assert self.block is not None and self.block.region is not None, "no insertion point is set"
        return self._append_block(self.block.region)

    def create_block_with_parent(self, parent: region, types: Sequence[Type]) -> block:
        return self._append_block(parent.core, types)

    def new_block(self) -> block:
        return block(Block())

    def create_branch(self, target: block, arguments: Sequence[value]) -> OpState:
        return OpState(self.op("cf.br", _cores(arguments), (), None, (), (target.core,)))

    def create_cond_branch(self, condition: value, yes: block, no: block) -> OpState:
        attributes: dict[str, Attribute] = {"operandSegmentSizes": (1, 0, 0)}
        return OpState(self.op("cf.cond_br", (condition.core,), (), attributes, (), (yes.core, no.core)))

    # ------------------------------------------------------------------------------------------------- control flow
    def _body(self, is_closed: bool) -> Region:
        """A region of one block, which ends in an empty scf.yield if `is_closed`."""
        body = Block()
        if is_closed:
            body.append(Op("scf.yield", location=self.location))
        return Region([body])

    def create_for_op(self, lower: value, upper: value, step: value, initial: Sequence[value]) -> ForOp:
        """The counter gets the loop's location, each carried value that of its initial value."""
        body = self._body(is_closed=not initial)
        block_ = body.blocks[0]
        block_.add_argument(lower.core.type, self.location)
        for each in initial:
            block_.add_argument(each.core.type, each.core.location)
        types = [each.core.type for each in initial]
        return ForOp(self.op("scf.for", _cores([lower, upper, step, *initial]), types, None, [body]))

    def create_if_op(self, types: Sequence[Type], condition: value, with_else: bool) -> IfOp:
        then = self._body(is_closed=not types)
        otherwise = self._body(is_closed=not types) if with_else else Region()
        return IfOp(self.op("scf.if", (condition.core,), types, None, [then, otherwise]))

    def create_while_op(self, types: Sequence[Type], initial: Sequence[value]) -> WhileOp:
        return WhileOp(self.op("scf.while", _cores(initial), types, None, [Region(), Region()]))

    def create_yield_op(self, values: Sequence[value]) -> YieldOp:
        return YieldOp(self.op("scf.yield", _cores(values), ()))

    def create_condition_op(self, condition: value, values: Sequence[value]) -> ConditionOp:
        return ConditionOp(self.op("scf.condition", _cores([condition, *values]), ()))


def _around(target: Block) -> Location:
    """The location of the op that holds a block."""
    region_ = target.region
    return region_.owner.location if region_ is not None and region_.owner is not None else UNKNOWN


_TYPES: dict[str, Type] = {
    "void": NoneType(),
    "int1": I1,
    "int8": I8,
    "int16": I16,
    "int32": I32,
    "int64": I64,
    "int128": IntegerType(128),
    "fp8e4nv": FloatType("f8E4M3FN"),
    "fp8e4b8": FloatType("f8E4M3FNUZ"),
    "fp8e4b15": I8,
    "fp8e5": FloatType("f8E5M2"),
    "fp8e5b16": FloatType("f8E5M2FNUZ"),
    "half": F16,
    "bf16": BF16,
    "float": F32,
    "double": F64,
}
for _name, _type in _TYPES.items():
    setattr(builder, f"get_{_name}_ty", lambda self, type_=_type: type_)
