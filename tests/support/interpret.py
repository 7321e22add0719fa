"""A small interpreter of tt modules with numpy: the oracle of what a pass must keep.

Values are numpy arrays, scalars of shape (); pointers are byte addresses (int64) into one flat memory.
"""

from __future__ import annotations

import numpy as np

from triton_alloy.ir.core import Block, Op, Value
from triton_alloy.ir.types import DenseAttribute, FloatType, IntegerType, PointerType, TensorType, Type, element_of

_FLOATS = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
_INTEGERS = {1: np.bool_, 8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}


def dtype_of(type_: Type) -> type:
    element = element_of(type_)
    if isinstance(element, PointerType):
        return np.int64
    if isinstance(element, FloatType):
        return _FLOATS[element.name]
    return _INTEGERS[element.width] if isinstance(element, IntegerType) else np.int64


def shape_of(type_: Type) -> tuple[int, ...]:
    return type_.shape if isinstance(type_, TensorType) else ()


def _unsigned(array):
    return array if array.dtype == np.bool_ else array.view(f"u{array.dtype.itemsize}")


def _signed(array):
    return -array.astype(np.int8) if array.dtype == np.bool_ else array


def _divide(a, b):
    """C division; by zero the quotient is 0."""
    safe = np.where(b == 0, 1, b)
    quotient = np.floor_divide(a, safe)
    remainder = a - quotient * safe
    return np.where(b == 0, 0, quotient + ((remainder != 0) & ((a < 0) != (safe < 0))))


def _remainder(a, b):
    """By zero it is the dividend."""
    return a - _divide(a, b) * b


def _shift_amount(a, b):
    return b & (a.dtype.itemsize * 8 - 1)


_BINARY = {
    "addi": np.add,
    "subi": np.subtract,
    "muli": np.multiply,
    "addf": np.add,
    "subf": np.subtract,
    "mulf": np.multiply,
    "divf": np.divide,
    "andi": np.bitwise_and,
    "ori": np.bitwise_or,
    "xori": np.bitwise_xor,
    "divsi": _divide,
    "remsi": _remainder,
    "divui": lambda a, b: _divide(_unsigned(a), _unsigned(b)),
    "remui": lambda a, b: _remainder(_unsigned(a), _unsigned(b)),
    "minsi": lambda a, b: np.where(_signed(a) < _signed(b), a, b),
    "maxsi": lambda a, b: np.where(_signed(a) > _signed(b), a, b),
    "minui": lambda a, b: np.minimum(_unsigned(a), _unsigned(b)),
    "maxui": lambda a, b: np.maximum(_unsigned(a), _unsigned(b)),
    "shli": lambda a, b: a << _shift_amount(a, b),
    "shrsi": lambda a, b: a >> _shift_amount(a, b),
    "shrui": lambda a, b: _unsigned(a) >> _unsigned(_shift_amount(a, b)),
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
}
_COMPARE = [np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal]
_UNORDERED = _COMPARE[2:]


def _compare(op: Op, a, b):
    predicate = op.integer("predicate")
    if predicate < 6:
        return _COMPARE[predicate](_signed(a), _signed(b))
    return _UNORDERED[predicate - 6](_unsigned(a), _unsigned(b))


def _cast(op: Op, a):
    source, target = a, dtype_of(op.results[0].type)
    if op.name == "arith.extsi":
        source = _signed(a)
    elif op.name == "arith.extui":
        source = _unsigned(a)
    elif op.name == "arith.trunci" and target is np.bool_:
        source = a & 1
    return source.astype(target)


def _slice(a, number, axis, shape):
    return np.take(a, range(number * shape[axis], (number + 1) * shape[axis]), axis)


_SHAPES = {
    "tt.splat": lambda op, a: np.full(shape_of(op.result.type), a),
    "tt.unsplat": lambda op, a: a.reshape(()),
    "tt.broadcast": lambda op, a: np.broadcast_to(a, shape_of(op.result.type)),
    "tt.expand_dims": lambda op, a: np.expand_dims(a, op.integer("axis")),
    "tt.reshape": lambda op, a: a.reshape(shape_of(op.result.type)),
    "msl.slice": lambda op, a, number: _slice(a, int(number), op.integer("axis"), shape_of(op.result.type)),
    "tt.trans": lambda op, a: np.transpose(a, op.attributes["order"]),
    "tt.join": lambda op, a, b: np.stack([a, b], -1),
    "tt.make_range": lambda op: np.arange(op.integer("start"), op.integer("end")),
    "ttg.convert_layout": lambda op, a: a,
    "tt.bitcast": lambda op, a: a.view(dtype_of(op.result.type)),
    "tt.int_to_ptr": lambda op, a: a,
    "tt.ptr_to_int": lambda op, a: a,
    "arith.select": lambda op, c, a, b: np.where(c, a, b),
    "arith.cmpi": _compare,
    "arith.negf": lambda op, a: -a,
    "tt.dot": lambda op, a, b, c: np.matmul(a, b) + c,
}
_CASTS = ("extsi", "extui", "trunci", "index_cast", "sitofp", "fptosi", "extf", "truncf")


class Interpreter:
    """Runs functions of `module` on `memory` (bytes). `values` keeps the last value of every IR value."""

    def __init__(self, module: Op, memory: np.ndarray | None = None, program: tuple[int, ...] = (0, 0, 0)):
        self.functions = {op.attributes["sym_name"]: op for op in module.body}
        self.memory = memory if memory is not None else np.zeros(0, np.uint8)
        self.program = program
        self.values: dict[Value, np.ndarray] = {}
        self.watch = lambda value, array: None

    def run(self, name: str, *arguments) -> list[np.ndarray]:
        block, incoming = self.functions[name].regions[0].blocks[0], list(arguments)
        while True:
            self.set(block.arguments, incoming)
            last = self.block(block)
            if last.name == "tt.return":
                return self.get(last.operands)
            block, incoming = self.jump(last)

    def jump(self, op: Op):
        operands = self.get(op.operands)
        if op.name == "cf.br":
            return op.successors[0], operands
        _, to_first, _ = op.attributes["operandSegmentSizes"]
        first, second = operands[1 : 1 + to_first], operands[1 + to_first :]
        return (op.successors[0], first) if operands[0] else (op.successors[1], second)

    def get(self, values) -> list[np.ndarray]:
        return [self.values[value] for value in values]

    def set(self, values, arrays) -> None:
        for value, array in zip(values, arrays, strict=True):
            cast = np.asarray(array).astype(dtype_of(value.type), copy=False)
            assert cast.shape == shape_of(value.type), (value.owner, cast.shape)
            self.values[value] = cast
            self.watch(value, cast)

    def block(self, block: Block) -> Op:
        """Runs the ops; returns the terminator."""
        for op in block:
            if op is block.last:
                return op
            with np.errstate(all="ignore"):
                self.set(op.results, self.operation(op, self.get(op.operands)))
        raise AssertionError("an empty block")

    def nested(self, block: Block, arguments) -> list[np.ndarray]:
        self.set(block.arguments, arguments)
        return self.get(self.block(block).operands)

    def operation(self, op: Op, operands: list[np.ndarray]) -> list[np.ndarray]:
        name = op.name.partition(".")[2]
        method = getattr(self, op.name.replace(".", "_"), None)
        if method is not None:
            return method(op, operands)
        if op.name in _SHAPES:
            return [_SHAPES[op.name](op, *operands)]
        if name in _CASTS:
            return [_cast(op, *operands)]
        if operands[0].dtype == np.bool_:  # arithmetic modulo 2
            name = {"addi": "xori", "subi": "xori", "muli": "andi"}.get(name, name)
        return [_BINARY[name](*operands)]

    def arith_constant(self, op, _):
        value, type_ = op.attributes["value"], op.result.type
        if isinstance(value, DenseAttribute):
            flat = np.asarray(value.values).astype(dtype_of(type_))
            return [np.full(shape_of(type_), flat[0]) if value.is_splat else flat.reshape(shape_of(type_))]
        return [value.value]

    def ub_poison(self, op, _):
        """An address of nothing, for a pointer."""
        return [np.full(shape_of(op.result.type), -1, dtype_of(op.result.type))]

    def tt_get_program_id(self, op, _):
        return [self.program[op.integer("axis")]]

    def tt_addptr(self, op, operands):
        pointee = element_of(op.result.type).pointee
        return [operands[0] + operands[1].astype(np.int64) * np.dtype(dtype_of(pointee)).itemsize]

    def tt_load(self, op, operands):
        address, mask, other = (*operands, *(True, 0)[len(operands) - 1 :])
        type_ = dtype_of(op.result.type)
        result = np.broadcast_to(np.asarray(other, type_), address.shape).copy()
        mask = np.broadcast_to(mask, address.shape)
        for index in np.ndindex(address.shape):
            if mask[index]:
                result[index] = self._at(address[index], type_)[0]
        return [result]

    def tt_store(self, op, operands):
        address, value, mask = (*operands, True)[:3]
        mask = np.broadcast_to(mask, address.shape)
        for index in np.ndindex(address.shape):
            if mask[index]:
                self._at(address[index], value.dtype)[0] = value[index]
        return []

    def _at(self, address, type_):
        size = np.dtype(type_).itemsize
        assert 0 <= address <= self.memory.size - size, f"address {address}"
        return self.memory[address : address + size].view(type_)

    def tt_call(self, op, operands):
        saved = dict(self.values)
        results = self.run(op.attributes["callee"].name, *operands)
        self.values = saved
        return results

    def tt_reduce(self, op, operands):
        axis = op.integer("axis")
        slices = [np.moveaxis(operand, axis, 0) for operand in operands]
        total = [part[0] for part in slices]
        for i in range(1, len(slices[0])):
            pairs = list(np.ndindex(total[0].shape))
            new = [part.copy() for part in total]
            for index in pairs:
                given = [t[index] for t in total] + [part[i][index] for part in slices]
                for part, value in zip(new, self.nested(op.body, given), strict=True):
                    part[index] = value
            total = new
        return total

    def scf_if(self, op, operands):
        region = op.regions[0 if operands[0] else 1]
        return self.nested(region.blocks[0], []) if region.blocks else []

    def scf_for(self, op, operands):
        lower, upper, step, *carried = operands
        for i in range(int(lower), int(upper), int(step)):
            carried = self.nested(op.body, [i, *carried])
        return carried

    def scf_while(self, op, operands):
        before, after = (region.blocks[0] for region in op.regions)
        while True:
            go, *passed = self.nested(before, operands)
            if not go:
                return passed
            operands = self.nested(after, passed)


def assert_same_effects(
    before: Op, after: Op, name: str, arguments, memory_bytes: int = 4096, floats: bool = False
) -> None:
    """Both modules, run on equal memory, write the same and return the same. floats: memory is small whole f32."""
    start = np.random.default_rng(0).integers(0, 256, memory_bytes, dtype=np.uint8)
    if floats:
        start = (start[: memory_bytes // 4] % 8).astype(np.float32).view(np.uint8)
    machines = [Interpreter(module, start.copy(), (1, 2, 3)) for module in (before, after)]
    results = [machine.run(name, *arguments) for machine in machines]
    assert (machines[0].memory == machines[1].memory).all()
    for a, b in zip(*results, strict=True):
        assert (a == b).all() and a.dtype == b.dtype
