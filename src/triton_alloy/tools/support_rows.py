"""The probes of support.py: how an op is written in a module of its own, with T for the element type that is tried.

An operand or result is written as its type; what is not in `ROWS` is a row of the dialects' tables whose operands and
result all have one type.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.assembly import FLOAT_PREDICATES, INTEGER_PREDICATES

ELEMENTS = ("i1", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64") + (
    "f8E5M2", "f8E4M3FN", "f8E5M2FNUZ", "f8E4M3FNUZ",
)  # fmt: skip
INTEGERS, FLOATS = ELEMENTS[:5], ELEMENTS[5:]
VECTOR, FLAGS, NUMBERS = "tensor<64xT>", "tensor<64xi1>", "tensor<64xi32>"
MATRIX, PAIRS, ONE = "tensor<16x16xT>", "tensor<32x2xT>", "tensor<1xT>"
POINTERS = "tensor<64x!tt.ptr<T>>"


@dataclass(frozen=True)
class Row:
    """One op as it is tried: its operands, results, attributes (`<{...}>`) and region, and a word that tells it from
    other rows of the op. elements: the types T that are tried."""

    op: str
    operands: tuple[str, ...] = ()
    results: tuple[str, ...] = (VECTOR,)
    attributes: str = ""
    region: str = ""
    detail: str = ""
    elements: tuple[str, ...] = ELEMENTS

    @property
    def label(self) -> str:
        return f"{self.op} {self.detail}".strip()


def _combiner(op: str, end: str) -> str:
    return f'^bb0(%l: T, %r: T):\n%c = "{op}"(%l, %r) : (T, T) -> T\n"{end}"(%c) : (T) -> ()'


COMBINERS = ("addi", "addf", "muli", "mulf", "maxsi", "maxui", "minsi", "minui", "andi", "ori", "xori") + (
    "maxnumf", "minnumf", "maximumf", "minimumf",
)  # fmt: skip
ATOMICS = ("and", "or", "xor", "add", "fadd", "max", "min", "umax", "umin", "exch")
ORDER = "sem = 4 : i32, scope = 1 : i32"
NO_CACHE = "isVolatile = false"

SHAPES = (
    Row("tt.splat", ("T",)),
    Row("tt.unsplat", (ONE,), ("T",)),
    Row("tt.expand_dims", (VECTOR,), ("tensor<64x1xT>",), "axis = 1 : i32"),
    Row("tt.broadcast", ("tensor<1x16xT>",), (MATRIX,)),
    Row("tt.reshape", (VECTOR,), (PAIRS,)),
    Row("tt.trans", (PAIRS,), ("tensor<2x32xT>",), "order = array<i32: 1, 0>"),
    Row("tt.join", (VECTOR, VECTOR), ("tensor<64x2xT>",)),
    Row("tt.split", (PAIRS,), ("tensor<32xT>", "tensor<32xT>")),
    Row("tt.cat", (VECTOR, VECTOR), ("tensor<128xT>",)),
    Row("tt.gather", (VECTOR, NUMBERS), (VECTOR,), "axis = 0 : i32"),
    Row("tt.make_range", (), (VECTOR,), "start = 0 : i32, end = 64 : i32", elements=("i32",)),
)
MEMORY = (
    Row("tt.load", (POINTERS,), (VECTOR,), f"{NO_CACHE}, operandSegmentSizes = array<i32: 1, 0, 0>", detail="tensor"),
    Row("tt.load", ("!tt.ptr<T>",), ("T",), f"{NO_CACHE}, operandSegmentSizes = array<i32: 1, 0, 0>", detail="scalar"),
    Row("tt.store", (POINTERS, VECTOR), (), detail="tensor"),
    Row("tt.store", ("!tt.ptr<T>", "T"), (), detail="scalar"),
    Row("tt.addptr", (POINTERS, NUMBERS), (POINTERS,)),
    Row("tt.int_to_ptr", ("tensor<64xi64>",), (POINTERS,)),
    Row("tt.ptr_to_int", (POINTERS,), ("tensor<64xi64>",)),
    *(
        Row("tt.atomic_rmw", (POINTERS, VECTOR), (VECTOR,), f"atomic_rmw_op = {number} : i32, {ORDER}", detail=kind)
        for number, kind in enumerate(ATOMICS, 1)
    ),
    Row("tt.atomic_cas", (POINTERS, VECTOR, VECTOR), (VECTOR,), ORDER),
    Row("tt.atomic_load", (POINTERS,), (VECTOR,), ORDER),
    Row("tt.atomic_store", (POINTERS, VECTOR), (), ORDER),
    Row("tt.atomic_poll", ("!tt.ptr<T>", "T"), ("i1",), ORDER.replace("4", "2"), elements=("i16", "i32", "i64")),
)
COMPARISONS = tuple(
    Row(f"arith.{name}", (VECTOR, VECTOR), (FLAGS,), f"predicate = {number} : i64", detail=spelling)
    for name, spellings in (
        ("cmpi", INTEGER_PREDICATES),
        ("cmpf", FLOAT_PREDICATES),
    )
    for number, spelling in enumerate(spellings)
)
ACROSS = (
    *(
        Row(f"tt.{op}", (MATRIX,), (result,), attributes, _combiner(f"arith.{name}", f"tt.{op}.return"), name)
        for op, result, attributes in (
            ("reduce", "tensor<16xT>", "axis = 1 : i32"),
            ("scan", MATRIX, "axis = 1 : i32, reverse = false"),
        )
        for name in COMBINERS
    ),
    *(
        Row(
            "tt.dot",
            (MATRIX, MATRIX, f"tensor<16x16x{result}>"),
            (f"tensor<16x16x{result}>",),
            f"inputPrecision = {number} : i32, maxNumImpreciseAcc = 0 : i32",
            detail=f"to {result}, {precision}",
        )
        for result in ("f32", "f16", "bf16", "f64", "i32")
        for number, precision in enumerate(("tf32", "tf32x3", "ieee", "bf16x3", "bf16x6"))
        if result == "f32" or precision == "ieee"
    ),
    Row("tt.histogram", (VECTOR,), ("tensor<16xi32>",)),
    Row(
        "tt.map_elementwise",
        (VECTOR, VECTOR),
        (VECTOR,),
        "pack = 1 : i32",
        '^bb0(%l: T, %r: T):\n"tt.map_elementwise.return"(%r) : (T) -> ()',
    ),
)
OTHERS = (
    Row("arith.select", (FLAGS, VECTOR, VECTOR)),
    Row("arith.constant", (), (VECTOR,), "value = dense<1> : tensor<64xT>", detail="integer", elements=INTEGERS[1:]),
    Row("arith.constant", (), (VECTOR,), "value = dense<1.0> : tensor<64xT>", detail="float", elements=FLOATS),
    Row("arith.mulsi_extended", (VECTOR, VECTOR), (VECTOR, VECTOR)),
    Row("arith.mului_extended", (VECTOR, VECTOR), (VECTOR, VECTOR)),
    Row("tt.clampf", (VECTOR,) * 3, (VECTOR,), "propagateNan = 0 : i32"),
    Row("tt.clampf", (VECTOR,) * 3, (VECTOR,), "propagateNan = 65535 : i32", detail="keeping NaN"),
    Row(
        "tt.elementwise_inline_asm",
        (VECTOR,),
        (VECTOR,),
        'asm_string = "", constraints = "", packed_element = 1 : i32, pure = true',
    ),
    Row("tt.print", (VECTOR,), (), 'hex = false, isSigned = array<i32: 1>, prefix = " x: "', elements=ELEMENTS),
    Row("tt.assert", (FLAGS,), (), 'message = "x"', elements=("i1",)),
)
ROWS = (*OTHERS, *COMPARISONS, *SHAPES, *MEMORY, *ACROSS)

SCALED = ("e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "bf16", "fp16")
"""The element types of tt.dot_scaled, by Triton's numbers; the floats of 6 bits have a byte each."""

# Ops with no element type of their own, or which end or hold others.
WITHOUT_TYPES = frozenset(
    [
        "arith.index_cast",
        "arith.index_castui",
        "tt.func",
        "tt.return",
        "tt.call",
        "tt.get_program_id",
        "tt.get_num_programs",
        "tt.dot_scaled",
        "tt.reduce.return",
        "tt.scan.return",
        "tt.map_elementwise.return",
        "tt.extern_elementwise",
        "tt.grid_dependency_wait",
        "tt.grid_dependency_launch_dependents",
    ]
)
REWRITTEN = frozenset(
    f"tt.{name}"
    for name in ("make_tensor_descriptor", "make_tensor_ptr", "advance")
    + tuple(f"descriptor_{access}" for access in ("load", "store", "gather", "scatter", "reduce"))
)
"""Descriptors and block pointers, which become loads, stores and atomics before the compiler sees them."""
CASTS = frozenset(
    [
        f"arith.{name}"
        for name in ["extsi", "extui", "trunci", "sitofp", "uitofp", "fptosi", "fptoui", "extf", "truncf", "bitcast"]
    ]
    + ["tt.bitcast", "tt.fp_to_fp"]
)
