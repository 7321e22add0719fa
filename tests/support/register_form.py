"""Lowered IR in tests: text to a printed kernel, running it, and what it means in numpy.

`run_numpy` interprets register form before form_loops: an array is (registers, 32 lanes), a single value (32 lanes),
for one simdgroup. It knows nothing of loops, storage or MSL.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from triton_alloy.ir.core import Block, Op, Value
from triton_alloy.ir.parser import parse
from triton_alloy.ir.types import RegisterType, element_of
from triton_alloy.msl.printer import PrintedKernel, print_kernel
from triton_alloy.msl_cpu import Library
from triton_alloy.transforms.registers import form_loops, pointers, storage

LANES = 32
DTYPES = {
    "i1": np.bool_,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "f16": np.float16,
    "f32": np.float32,
}


def kernel_text(arguments: str, body: str, name: str = "k", attributes: str = "") -> str:
    """Generic MLIR of a module with one msl.kernel. arguments: "%x: !tt.ptr<f32>, %n: i32"."""
    more = f", {attributes}" if attributes else ""
    return (
        f'"builtin.module"() ({{\n"msl.kernel"() <{{sym_name = "{name}", simdgroups = 1, fp_contract = false{more}}}> '
        f'({{\n^bb0({arguments}):\n{body}\n"msl.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
    )


def only_kernel(module: Op) -> Op:
    [kernel] = list(module.body)
    return kernel


def printed(module: Op, **options: Any) -> PrintedKernel:
    form_loops.run(module, 0)
    storage.run(module)
    return print_formed(only_kernel(module), **{"fp_contract": False, **options})


def print_formed(kernel: Op, **options: Any) -> PrintedKernel:
    """The text of a kernel in loop form, whose values have their variables."""
    pointers.run(kernel)
    return print_kernel(kernel, threads_per_simdgroup=LANES, **options)


def print_text(arguments: str, body: str, **options: Any) -> PrintedKernel:
    return printed(parse(kernel_text(arguments, body)), **options)


def body_of(kernel: PrintedKernel) -> str:
    """The text after the vocabulary."""
    return kernel.source.split("// vocabulary: end\n")[1]


def library(kernels: Sequence[PrintedKernel], mode: str) -> Library:
    """All kernels in one text, which compiles faster than many; definitions are printed once."""
    blocks = [k.source.split("// vocabulary: begin\n")[1].split("// vocabulary: end\n")[0] for k in kernels]
    definitions = _merged(blocks)
    head = kernels[0].source.split("// vocabulary: begin\n")[0]
    bodies = "\n".join(map(body_of, kernels))
    return Library(f"{head}// vocabulary: begin\n{definitions}// vocabulary: end\n{bodies}", mode)


def _merged(blocks: Sequence[str]) -> str:
    from triton_alloy.msl.vocabulary import source_of

    names = {word for block in blocks for word in block.replace("(", " ").replace("<", " ").split()}
    return source_of(names) + "\n"


def run(
    kernel: PrintedKernel, arrays: Mapping[str, Any], grid: int = 1, mode: str = "fast", within: Any = None
) -> None:
    """Run a printed kernel of one simdgroup; arrays: buffers and scalars by name."""
    buffers = [arrays[a.name] for a in kernel.arguments if a.kind == "buffer"]
    scalars = [a for a in kernel.arguments if a.kind == "scalar"]
    if scalars:
        letters = {"i32": "i", "f32": "f", "i64": "q", "i1": "?", "i8": "b", "i16": "h"}
        form = "@" + "".join(letters[a.element] for a in scalars)
        buffers.append(np.frombuffer(struct.pack(form, *(arrays[a.name] for a in scalars)), np.uint8))
    (within or Library(kernel.source, mode))[kernel.name].launch(buffers, (grid, 1, 1), (32, 1, 1))


# --------------------------------------------------------------------------------------------------------- in numpy
def _unsigned(x: np.ndarray) -> np.ndarray:
    return x if x.dtype == np.bool_ else x.view(f"u{x.dtype.itemsize}")


COMPARE = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
BINARY = {
    "arith.addi": np.add,
    "arith.subi": np.subtract,
    "arith.muli": np.multiply,
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
    "arith.xori": np.bitwise_xor,
    "arith.maxsi": np.maximum,
    "arith.minsi": np.minimum,
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.maxnumf": np.fmax,
    "arith.minnumf": np.fmin,
}


class Numpy:
    """The meaning of a kernel in register form. values: of SSA values; memory: buffer argument -> array."""

    def __init__(self, kernel: Op, arrays: Mapping[str, Any]):
        self.values: dict[Value, Any] = {}
        for argument in kernel.body.arguments:
            given = arrays[argument.name]
            self.values[argument] = given if isinstance(given, np.ndarray) else self._scalar(given, argument)

    def _scalar(self, value: Any, of: Value) -> np.ndarray:
        return np.full(LANES, value, DTYPES[str(of.type)])

    def block(self, block: Block) -> list[Any]:
        """Runs the ops; what the terminator passes on."""
        for op in block:
            operands = [self.values[v] for v in op.operands]
            if op is block.last:
                return operands
            results = self.op(op, operands)
            for result, value in zip(op.results, results, strict=True):
                self.values[result] = value
        return []

    def op(self, op: Op, operands: list[Any]) -> list[Any]:
        method = getattr(self, op.name.replace(".", "_"), None)
        if method is not None:
            return method(op, *operands)
        arrays = self._spread(op, operands)
        with np.errstate(all="ignore"):
            return [BINARY[op.name](*arrays)]

    def _spread(self, op: Op, operands: list[Any]) -> list[Any]:
        """Single values as rows of an array, where an operand or the result is one."""
        if any(o.ndim == 2 for o in operands):
            return [o if o.ndim == 2 else o[None, :] for o in operands]
        return operands

    # -------------------------------------------------------------------------------------------------------- places
    def arith_constant(self, op: Op) -> list[Any]:
        return [self._scalar(op.attributes["value"].value, op.result)]

    def msl_lane(self, op: Op) -> list[Any]:
        return [np.arange(LANES, dtype=np.int32)]

    def msl_register(self, op: Op) -> list[Any]:
        bases = op.attributes["bases"]
        table = [sum(b for i, b in enumerate(bases) if r >> i & 1) for r in range(1 << len(bases))]
        return [np.repeat(np.array(table, np.int32)[:, None], LANES, 1)]

    def msl_index(self, op: Op, x: Any) -> list[Any]:
        rows = np.atleast_2d(x)[list(op.attributes["map"])]
        count = op.result.type.count if isinstance(op.result.type, RegisterType) else 1
        return [rows if count > 1 else rows[0]]

    def msl_call(self, op: Op, *operands: Any) -> list[Any]:
        [x] = operands
        function = op.attributes["function"]
        count = op.result.type.count if isinstance(op.result.type, RegisterType) else 1
        if function == "first":
            return [np.broadcast_to(x[..., :1], x.shape).copy()]
        assert function == str(element_of(op.result.type))
        return [np.repeat(x[None, :], count, 0) if count > 1 and x.ndim == 1 else x]

    # ------------------------------------------------------------------------------------------------------ arithmetic
    def arith_cmpi(self, op: Op, a: Any, b: Any) -> list[Any]:
        predicate = op.integer("predicate")
        if predicate > 5:
            a, b, predicate = _unsigned(a), _unsigned(b), predicate - 4
        a, b = self._spread(op, [a, b])
        return [getattr(np, COMPARE[predicate])(a, b)]

    def arith_select(self, op: Op, *operands: Any) -> list[Any]:
        return [np.where(*self._spread(op, list(operands)))]

    def math_fma(self, op: Op, *operands: Any) -> list[Any]:
        a, b, c = (x.astype(np.float64) for x in self._spread(op, list(operands)))
        return [(a * b + c).astype(np.float32)]

    # ---------------------------------------------------------------------------------------------------------- memory
    def _places(self, op: Op, operands: list[Any]) -> list[Any]:
        """Operands but the base, all of one shape."""
        shape = np.broadcast_shapes(*(o.shape if o.ndim == 2 else (1, LANES) for o in operands[1:]))
        shaped = [np.broadcast_to(o if o.ndim == 2 else o[None, :], shape) for o in operands[1:]]
        return shaped if any(o.ndim == 2 for o in operands[1:]) else [s[0] for s in shaped]

    def msl_load(self, op: Op, *operands: Any) -> list[Any]:
        base = operands[0]
        offset, *rest = self._places(op, list(operands))
        if not rest:
            return [base[offset]]
        mask, other = (*rest, np.zeros((), base.dtype))[:2]
        return [np.where(mask, base[np.where(mask, offset, 0)], other)]

    def msl_store(self, op: Op, *operands: Any) -> list[Any]:
        base = operands[0]
        offset, value, *mask = self._places(op, list(operands))
        chosen = mask[0] if mask else np.ones(offset.shape, bool)
        base[offset[chosen]] = value[chosen]
        return []

    def msl_pointer_add(self, op: Op, base: Any, offset: Any) -> list[Any]:
        return [base[int(offset[0]) :]]

    def msl_load_vector(self, op: Op, *operands: Any) -> list[Any]:
        return self.msl_load(op, *operands)

    def msl_store_vector(self, op: Op, *operands: Any) -> list[Any]:
        return self.msl_store(op, *operands)

    # ----------------------------------------------------------------------------------------------------------- lanes
    def msl_shuffle_xor(self, op: Op, x: Any) -> list[Any]:
        return [x[..., np.arange(LANES) ^ op.integer("mask")]]

    def msl_simd_reduce(self, op: Op, x: Any) -> list[Any]:
        reduced = {"add": np.sum, "max": np.max, "min": np.min, "xor": np.bitwise_xor.reduce}[op.attributes["kind"]](
            x, axis=-1, keepdims=True
        )
        return [np.broadcast_to(reduced.astype(x.dtype), x.shape).copy()]

    def msl_exchange(self, op: Op, x: Any) -> list[Any]:
        register_bit, lane_bit = op.integer("register_bit"), op.integer("lane_bit")
        result = np.empty_like(x)
        for r in range(x.shape[0]):
            for lane in range(LANES):
                j, t = r >> register_bit & 1, lane >> lane_bit & 1
                to_register = r & ~(1 << register_bit) | t << register_bit
                to_lane = lane & ~(1 << lane_bit) | j << lane_bit
                result[to_register, to_lane] = x[r, lane]
        return [result]

    def msl_mma(self, op: Op, c: Any, a: Any, b: Any) -> list[Any]:
        """mma_rows: c[m, n * 32 + lane] += sum over k of a[m, k] * b[k, n * 32 + lane]"""
        m, n, k = (op.integer(key) for key in "mnk")
        left = a.reshape(m, -1)[:, :k].astype(np.float64)
        right = b.reshape(k, n * LANES).astype(np.float64)
        return [(c.reshape(m, n * LANES) + left @ right).astype(c.dtype).reshape(c.shape)]

    def msl_reduce_registers(self, op: Op, *operands: Any) -> list[Any]:
        outputs, table = op.integer("outputs"), op.attributes["map"]
        group = len(table) // outputs
        columns: list[list[Any]] = [[] for _ in operands]
        for o in range(outputs):
            total = [x[table[o * group]] for x in operands]
            for j in range(1, group):
                entries = [x[table[o * group + j]] for x in operands]
                for argument, value in zip(op.body.arguments, [*total, *entries], strict=True):
                    self.values[argument] = value
                total = self.block(op.body)
            for column, value in zip(columns, total, strict=True):
                column.append(value)
        return [np.stack(column) if outputs > 1 else column[0] for column in columns]

    # ---------------------------------------------------------------------------------------------------- control flow
    def scf_for(self, op: Op, lower: Any, upper: Any, step: Any, *carried: Any) -> list[Any]:
        current = list(carried)
        for k in range(int(lower[0]), int(upper[0]), int(step[0])):
            index = np.full(LANES, k, DTYPES[str(op.body.arguments[0].type)])
            for argument, value in zip(op.body.arguments, [index, *current], strict=True):
                self.values[argument] = value
            current = self.block(op.body)
        return current

    def scf_if(self, op: Op, condition: Any) -> list[Any]:
        return self.block(op.regions[0 if condition[0] else 1].blocks[0])

    def scf_while(self, op: Op, *carried: Any) -> list[Any]:
        before, after = (region.blocks[0] for region in op.regions)
        current = list(carried)
        while True:
            for argument, value in zip(before.arguments, current, strict=True):
                self.values[argument] = value
            condition, *passed = self.block(before)
            if not condition[0]:
                return passed
            for argument, value in zip(after.arguments, passed, strict=True):
                self.values[argument] = value
            current = self.block(after)


def run_numpy(module: Op, arrays: Mapping[str, Any]) -> None:
    """Run the module's kernel for one program; buffers are changed in place."""
    kernel = only_kernel(module)
    Numpy(kernel, arrays).block(kernel.body)
