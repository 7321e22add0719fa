"""The builder's methods that make one op each: tables for those that differ by a name, functions for the rest. Ops get
the attributes that native libtriton gives them, in the form of the generic text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from operator import index
from typing import Any

from ...ir.assembly import FLOAT_PREDICATES, INTEGER_PREDICATES
from ...ir.core import Op, Region, Value
from ...ir.types import (
    I1,
    I32,
    I64,
    Attribute,
    DenseAttribute,
    DescriptorType,
    FloatAttribute,
    IntegerAttribute,
    IntegerType,
    TensorType,
    TextAttribute,
    Type,
    element_of,
    with_element,
)
from .handles import OpState, value

_FAST_MATH = TextAttribute("#arith.fastmath<none>")
_OVERFLOW = TextAttribute("#arith.overflow<none>")
_DEFAULT_CACHE_POLICY = TextAttribute("#tt.cache_policy<cache_modifier = none, eviction_policy = evict_normal>")
_ALL_ADDRESS_SPACES = 31

_BINARY = {
    "arith.addi arith.subi arith.muli arith.shli": ("add sub mul shl", {"overflowFlags": _OVERFLOW}),
    "arith.divsi arith.divui arith.remsi arith.remui": ("sdiv udiv srem urem", {}),
    "arith.shrui arith.shrsi arith.andi arith.ori arith.xori": ("lshr ashr and or xor", {}),
    "arith.minsi arith.minui arith.maxsi arith.maxui": ("minsi minui maxsi maxui", {}),
    "arith.addf arith.subf arith.mulf arith.divf arith.remf": ("fadd fsub fmul fdiv frem", {"fastmath": _FAST_MATH}),
    "arith.minimumf arith.minnumf arith.maximumf arith.maxnumf": (
        "minimumf minnumf maximumf maxnumf",
        {"fastmath": _FAST_MATH},
    ),
    "tt.mulhiui tt.precise_divf tt.approx_divf": ("umulhi precise_divf approx_divf", {}),
}
_UNARY = {
    "math.exp math.exp2 math.cos math.sin math.log math.log2 math.erf math.sqrt math.rsqrt math.floor math.ceil": (
        "exp exp2 cos sin log log2 erf sqrt rsqrt floor ceil",
        {"fastmath": _FAST_MATH},
    ),
    "math.absf arith.negf": ("fabs fneg", {"fastmath": _FAST_MATH}),
    "math.absi tt.precise_sqrt": ("iabs precise_sqrt", {}),
}
_CASTS = {
    "arith.sitofp arith.uitofp arith.fptosi arith.fptoui": "si_to_fp ui_to_fp fp_to_si fp_to_ui",
    "arith.extf arith.truncf": "fp_ext fp_trunc",
    "tt.bitcast tt.ptr_to_int tt.int_to_ptr": "bitcast ptr_to_int int_to_ptr",
}
_PREDICATES = {
    "icmp": ("arith.cmpi", {}, INTEGER_PREDICATES),
    "fcmp": ("arith.cmpf", {"fastmath": _FAST_MATH}, FLOAT_PREDICATES),
}


def number(amount: int) -> IntegerAttribute:
    """`amount : i32`."""
    return IntegerAttribute(index(amount), I32)


def descriptor_type(shape: Sequence[int], element: Type, is_signed: bool) -> DescriptorType:
    """A descriptor of blocks; only integers have a sign."""
    sign = ("s" if is_signed else "u") if isinstance(element, IntegerType) else ""
    return DescriptorType([index(size) for size in shape], element, sign)


def pointee(pointer: Type) -> Type:
    """What a load through a pointer, or a tensor of pointers, gives."""
    return with_element(pointer, element_of(pointer).pointee)


def _shaped(type_: TensorType, shape: Sequence[int]) -> TensorType:
    return TensorType(shape, type_.element)


def _caching(policy: Attribute) -> dict[str, Attribute]:
    return {} if policy == _DEFAULT_CACHE_POLICY else {"cachePolicy": policy}


def _ordering(semantic: Enum, scope: Enum) -> dict[str, Attribute]:
    return {"scope": number(scope.value), "sem": number(semantic.value)}


def _list(values: Sequence[value | None]) -> list[Value]:
    """The values that are there."""
    return [each.core for each in values if each is not None and each.core is not None]


class Operations:
    """A base of `builder`, which has `op` and `constant`."""

    op: Callable[..., Op]
    constant: Callable[[Attribute, Type], value]

    def _value(
        self, name: str, operands: Sequence[value | None], type_: Type, attributes: dict[str, Attribute] | None = None
    ) -> value:
        """Make an op of one result."""
        return value(self.op(name, _list(operands), (type_,), attributes).results[0])

    def _effect(
        self, name: str, operands: Sequence[value | None], attributes: dict[str, Attribute] | None = None
    ) -> None:
        """Make an op without results."""
        self.op(name, _list(operands), (), attributes)

    # -------------------------------------------------------------------------------------------------- elementwise
    def _compare(self, name: str, attributes: dict[str, Attribute], left: value, right: value) -> value:
        return self._value(name, (left, right), with_element(left.core.type, I1), dict(attributes))

    def create_int_cast(self, source: value, target: Type, is_signed: bool) -> value:
        before, after = element_of(source.core.type).width, element_of(target).width
        if before == after:
            return self._value("arith.bitcast", (source,), target)
        if before > after:
            return self._value("arith.trunci", (source,), target, {"overflowFlags": _OVERFLOW})
        return self._value("arith.extsi" if is_signed else "arith.extui", (source,), target)

    def create_fp_to_fp(self, src: value, dstType: Type, roundingMode: Enum | None) -> value:
        attributes = {"rounding": number(roundingMode.value)} if roundingMode is not None else None
        return self._value("tt.fp_to_fp", (src,), dstType, attributes)

    def create_fma(self, a: value, b: value, c: value) -> value:
        return self._value("math.fma", (a, b, c), a.core.type, {"fastmath": _FAST_MATH})

    def create_clampf(self, x: value, low: value, high: value, nan: Enum) -> value:
        return self._value("tt.clampf", (x, low, high), x.core.type, {"propagateNan": number(nan.value)})

    def create_addptr(self, pointer: value, offset: value) -> value:
        return self._value("tt.addptr", (pointer, offset), pointer.core.type)

    def create_select(self, condition: value, yes: value, no: value) -> value:
        return self._value("arith.select", (condition, yes, no), yes.core.type)

    def create_extern_elementwise(
        self, library: str, path: str, symbol: str, arguments: Sequence[value], type_: Type, is_pure: bool
    ) -> value:
        attributes = {"libname": library, "libpath": path, "pure": bool(is_pure), "symbol": symbol}
        return self._value("tt.extern_elementwise", arguments, type_, attributes)

    def create_inline_asm(
        self, text: str, constraints: str, arguments: Sequence[value], types: Sequence[Type], is_pure: bool, pack: int
    ) -> OpState:
        attributes: dict[str, Attribute] = {"asm_string": text, "constraints": constraints}
        attributes |= {"packed_element": number(pack), "pure": bool(is_pure)}
        return OpState(self.op("tt.elementwise_inline_asm", _list(arguments), types, attributes))

    # ------------------------------------------------------------------------------------------------------- memory
    def _load(self, operands: Sequence[value | None], policy: Attribute, is_volatile: bool) -> value:
        present = tuple(int(operand is not None) for operand in operands)
        attributes = {**_caching(policy), "isVolatile": bool(is_volatile), "operandSegmentSizes": present}
        pointer: Any = operands[0]
        return self._value("tt.load", operands, pointee(pointer.core.type), attributes)

    def create_load(self, pointer: value, policy: Attribute, is_volatile: bool) -> value:
        return self._load((pointer, None, None), policy, is_volatile)

    def create_masked_load(
        self, ptrs: value, mask: value, other: value | None, cachePolicy: Attribute, isVolatile: bool
    ) -> value:
        return self._load((ptrs, mask, other), cachePolicy, isVolatile)

    def create_store(self, pointer: value, stored: value, policy: Attribute) -> None:
        self._effect("tt.store", (pointer, stored), _caching(policy))

    def create_masked_store(self, ptrs: value, val: value, mask: value, cachePolicy: Attribute) -> None:
        self._effect("tt.store", (ptrs, val, mask), _caching(cachePolicy))

    def create_atomic_rmw(
        self, kind: Enum, pointer: value, operand: value, mask: value, semantic: Enum, scope: Enum
    ) -> value:
        attributes = {"atomic_rmw_op": number(kind.value), **_ordering(semantic, scope)}
        return self._value("tt.atomic_rmw", (pointer, operand, mask), pointee(pointer.core.type), attributes)

    def create_atomic_cas(self, pointer: value, compare: value, new: value, semantic: Enum, scope: Enum) -> value:
        type_ = pointee(pointer.core.type)
        return self._value("tt.atomic_cas", (pointer, compare, new), type_, _ordering(semantic, scope))

    def create_atomic_load(self, pointer: value, mask: value, semantic: Enum, scope: Enum) -> value:
        return self._value("tt.atomic_load", (pointer, mask), pointee(pointer.core.type), _ordering(semantic, scope))

    def create_atomic_store(self, pointer: value, stored: value, mask: value, semantic: Enum, scope: Enum) -> None:
        self._effect("tt.atomic_store", (pointer, stored, mask), _ordering(semantic, scope))

    def create_atomic_poll(
        self, pointer: value, expected: value, timeout: value | None, semantic: Enum, scope: Enum
    ) -> value:
        type_ = with_element(pointer.core.type, I1)
        return self._value("tt.atomic_poll", (pointer, expected, timeout), type_, _ordering(semantic, scope))

    # -------------------------------------------------------------------------------------------------- descriptors
    def create_make_tensor_descriptor(
        self,
        base: value,
        shape: Sequence[value],
        strides: Sequence[value],
        block: Sequence[int],
        is_signed: bool,
        padding: Enum,
    ) -> value:
        type_ = descriptor_type(block, base.core.type.pointee, is_signed)
        return self._value(
            "tt.make_tensor_descriptor", [base, *shape, *strides], type_, {"padding": number(padding.value)}
        )

    def create_descriptor_load(self, descriptor: value, indices: Sequence[value], policy: Attribute) -> value:
        type_ = descriptor.core.type
        block = TensorType(type_.shape, type_.element)
        return self._value("tt.descriptor_load", [descriptor, *indices], block, _caching(policy))

    def create_descriptor_store(self, descriptor: value, stored: value, indices: Sequence[value]) -> None:
        self._effect("tt.descriptor_store", [descriptor, stored, *indices])

    def create_descriptor_reduce(self, kind: Enum, descriptor: value, stored: value, indices: Sequence[value]) -> None:
        self._effect("tt.descriptor_reduce", [descriptor, stored, *indices], {"kind": number(kind.value)})

    def create_descriptor_gather(self, descriptor: value, rows: value, column: value, type_: Type) -> value:
        return self._value("tt.descriptor_gather", (descriptor, rows, column), type_)

    def create_descriptor_scatter(self, descriptor: value, stored: value, rows: value, column: value) -> None:
        self._effect("tt.descriptor_scatter", (descriptor, rows, column, stored))

    # ------------------------------------------------------------------------------------------------------- shapes
    def create_splat(self, type_: Type, scalar: value) -> value:
        """A constant for a constant."""
        definer = scalar.core.definer
        known = definer.attributes["value"] if definer is not None and definer.name == "arith.constant" else None
        if isinstance(known, IntegerAttribute | FloatAttribute):
            return self.constant(DenseAttribute((known.value,), type_), type_)
        return self._value("tt.splat", (scalar,), type_)

    def create_unsplat(self, source: value) -> value:
        return self._value("tt.unsplat", (source,), source.core.type.element)

    def create_broadcast(self, source: value, shape: Sequence[int]) -> value:
        """A constant for a constant of equal elements, and nothing where the shape is the same."""
        if not isinstance(source.core.type, TensorType):
            raise ValueError("arg is not of RankedTensorType, use create_splat")
        type_ = _shaped(source.core.type, [index(size) for size in shape])
        if type_ is source.core.type:
            return value(source.core)
        definer = source.core.definer
        known = definer.attributes["value"] if definer is not None and definer.name == "arith.constant" else None
        if isinstance(known, DenseAttribute) and known.is_splat:
            return self.constant(DenseAttribute(known.values, type_), type_)
        return self._value("tt.broadcast", (source,), type_)

    def create_expand_dims(self, source: value, axis: int) -> value:
        shape = list(source.core.type.shape)
        shape.insert(axis, 1)
        return self._value("tt.expand_dims", (source,), _shaped(source.core.type, shape), {"axis": number(axis)})

    def create_reshape(self, source: value, shape: Sequence[int], allow_reorder: bool) -> value:
        type_ = _shaped(source.core.type, [index(size) for size in shape])
        return self._value("tt.reshape", (source,), type_, {"allow_reorder": None} if allow_reorder else None)

    def create_trans(self, source: value, order: Sequence[int]) -> value:
        order = tuple(index(axis) for axis in order)
        shape = [source.core.type.shape[axis] for axis in order]
        return self._value("tt.trans", (source,), _shaped(source.core.type, shape), {"order": order})

    def create_cat(self, left: value, right: value) -> value:
        types = left.core.type, right.core.type
        if any(len(type_.shape) != 1 for type_ in types):
            raise ValueError("shape not supported by cat. Expecting rank-1 inputs")
        return self._value("tt.cat", (left, right), _shaped(types[0], [types[0].shape[0] + types[1].shape[0]]))

    def create_join(self, left: value, right: value) -> value:
        return self._value("tt.join", (left, right), _shaped(left.core.type, [*left.core.type.shape, 2]))

    def create_split(self, source: value) -> list[value]:
        type_ = _shaped(source.core.type, source.core.type.shape[:-1])
        return [value(half) for half in self.op("tt.split", (source.core,), (type_, type_)).results]

    def create_make_range(self, type_: Type, start: int, end: int) -> value:
        return self._value("tt.make_range", (), type_, {"end": number(end), "start": number(start)})

    def create_gather(self, source: value, indices: value, axis: int) -> value:
        type_ = indices.core.type.with_element(source.core.type.element)
        return self._value("tt.gather", (source, indices), type_, {"axis": number(axis)})

    def create_histogram(self, operand: value, numBins: int, mask: value | None) -> value:
        return self._value("tt.histogram", (operand, mask), TensorType([index(numBins)], I32))

    # --------------------------------------------------------------------------------------------------------- dots
    def create_dot(self, a: value, b: value, c: value, precision: Enum, imprecise: int) -> value:
        attributes = {"inputPrecision": number(precision.value), "maxNumImpreciseAcc": number(imprecise)}
        return self._value("tt.dot", (a, b, c), c.core.type, attributes)

    def create_dot_scaled(
        self,
        lhs: value,
        lhs_scale: value | None,
        lhs_format: Enum,
        rhs: value,
        rhs_scale: value | None,
        rhs_format: Enum,
        fast_math: bool,
        lhs_k_pack: bool,
        rhs_k_pack: bool,
        c: value,
    ) -> value:
        attributes: dict[str, Attribute] = {
            "a_elem_type": number(lhs_format.value),
            "b_elem_type": number(rhs_format.value),
            "fastMath": bool(fast_math),
            "lhs_k_pack": bool(lhs_k_pack),
            "operandSegmentSizes": (1, 1, 1, int(lhs_scale is not None), int(rhs_scale is not None)),
            "rhs_k_pack": bool(rhs_k_pack),
        }
        return self._value("tt.dot_scaled", (lhs, rhs, c, lhs_scale, rhs_scale), c.core.type, attributes)

    # ------------------------------------------------------------------------------------- functions over elements
    def create_reduce(self, operands: Sequence[value], axis: int) -> OpState:
        axis = index(axis)
        types = [_reduced(each.core.type, axis) for each in operands]
        return OpState(self.op("tt.reduce", _list(operands), types, {"axis": number(axis)}, [Region()]))

    def create_scan(self, operands: Sequence[value], axis: int, is_reverse: bool) -> OpState:
        attributes = {"axis": number(axis), "reverse": bool(is_reverse)}
        types = [each.core.type for each in operands]
        return OpState(self.op("tt.scan", _list(operands), types, attributes, [Region()]))

    def create_map_elementwise(self, operands: Sequence[value], types: Sequence[Type], pack: int) -> OpState:
        return OpState(self.op("tt.map_elementwise", _list(operands), types, {"pack": number(pack)}, [Region()]))

    def create_reduce_ret(self, *values: value) -> OpState:
        return OpState(self.op("tt.reduce.return", _list(values), ()))

    def create_scan_ret(self, *values: value) -> OpState:
        return OpState(self.op("tt.scan.return", _list(values), ()))

    def create_map_elementwise_ret(self, values: Sequence[value]) -> OpState:
        return OpState(self.op("tt.map_elementwise.return", _list(values), ()))

    # --------------------------------------------------------------------------------------------- programs, debugging
    def create_get_program_id(self, axis: int) -> value:
        return self._value("tt.get_program_id", (), I32, {"axis": number(axis)})

    def create_get_num_programs(self, axis: int) -> value:
        return self._value("tt.get_num_programs", (), I32, {"axis": number(axis)})

    def create_barrier(self) -> None:
        self._effect("ttg.barrier", (), {"addrSpace": number(_ALL_ADDRESS_SPACES)})

    def create_grid_dependency_wait(self) -> None:
        self._effect("tt.grid_dependency_wait", ())

    def create_grid_dependency_launch_dependents(self) -> None:
        self._effect("tt.grid_dependency_launch_dependents", ())

    def create_poison(self, type_: Type) -> value:
        return self._value("ub.poison", (), type_, {"value": TextAttribute("#ub.poison")})

    def create_assume(self, condition: value) -> None:
        self._effect("llvm.intr.assume", (condition,), {"op_bundle_sizes": ()})

    def create_print(self, prefix: str, is_hex: bool, values: Sequence[value], signs: Sequence[int]) -> None:
        signed = tuple(index(sign) for sign in signs)
        self._effect("tt.print", values, {"hex": bool(is_hex), "isSigned": signed, "prefix": prefix})

    def create_assert(self, condition: value, message: str) -> None:
        self._effect("tt.assert", (condition,), {"message": message})


def _reduced(type_: TensorType, axis: int) -> Type:
    shape = [size for i, size in enumerate(type_.shape) if i != axis]
    return _shaped(type_, shape) if shape else type_.element


def _binary(name: str, attributes: dict[str, Attribute]) -> Callable[..., value]:
    def create(self: Operations, left: value, right: value) -> value:
        operands = left.core, right.core
        return value(self.op(name, operands, (operands[0].type,), attributes.copy()).results[0])

    return create


def _unary(name: str, attributes: dict[str, Attribute]) -> Callable[..., value]:
    return lambda self, operand: self._value(name, (operand,), operand.core.type, attributes.copy())


def _cast(name: str) -> Callable[..., value]:
    return lambda self, operand, type_: self._value(name, (operand,), type_)


def _comparison(name: str, attributes: dict[str, Attribute]) -> Callable[..., value]:
    return lambda self, left, right: self._compare(name, attributes, left, right)


def _define(method: str, create: Callable[..., value]) -> None:
    create.__name__ = create.__qualname__ = f"create_{method}"
    setattr(Operations, f"create_{method}", create)


for _table, _make in ((_BINARY, _binary), (_UNARY, _unary)):
    for _names, (_methods, _attributes) in _table.items():
        for _name, _method in zip(_names.split(), _methods.split(), strict=True):
            _define(_method, _make(_name, _attributes))
for _names, _methods in _CASTS.items():
    for _name, _method in zip(_names.split(), _methods.split(), strict=True):
        _define(_method, _cast(_name))
for _method, (_name, _attributes, _words) in _PREDICATES.items():
    for _number, _word in enumerate(_words):
        _predicate = {"predicate": IntegerAttribute(_number, I64)}
        _define(f"{_method}{_word.upper()}", _comparison(_name, _attributes | _predicate))
