"""`triton-alloy support`: which op runs on which element type, found by compiling a module for each (docs/support.md).

The ops are those of the dialects' tables, so that a new one appears here by itself; a cell is what the compiler did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .. import dialects
from ..compiler import compile_module
from ..dialects import find_rule
from ..dialects.arith import ARITH, MATH
from ..dialects.tt import TT
from ..errors import InvalidIR, Unsupported
from ..ir.core import Op
from ..ir.parser import parse
from ..ir.verifier import verify
from ..target import target_for
from . import progress
from .support_rows import CASTS, ELEMENTS, FLOATS, INTEGERS, REWRITTEN, ROWS, SCALED, VECTOR, WITHOUT_TYPES, Row

RUNS, NONE = "yes", ""
HEADINGS = {"f8E5M2": "e5m2", "f8E4M3FN": "e4m3", "f8E5M2FNUZ": "e5m2 fnuz", "f8E4M3FNUZ": "e4m3 fnuz"}
FAMILY = "apple9"
INTRODUCTION = """# What runs

Made by `triton-alloy support > docs/support.md`: a module with each op on each element type is compiled for Metal.
**yes**: it is translated; a number: it is refused with the reason below; nothing: the op has no such type. All families
of Apple GPUs and the CPU take the same. What an op computes is tested in `tests/kernels/`.

Integers wrap. Division by zero is defined, on the GPU as on the CPU: `x // 0` is 0 and `x % 0` is `x`, so that
`x == x // y * y + x % y` always holds. The least number divided by -1 is itself, with the remainder 0.

`/` and `tl.fdiv` (`arith.divf`, `tt.approx_divf`) are Metal's `fast::divide` in float32: within 2.5 ulp where the
divisor's size is from 2^-126 to 2^126, as Triton's own is within 2 on NVIDIA's GPUs; one outside of that may count
as 0 or infinity. 16-bit quotients are such, rounded. `tl.div_rn` and `tl.fdiv(..., ieee_rounding=True)` are correctly
rounded, quotients of integers exact. The CPU rounds all correctly, unless `MSL_CPU_FAST_MATH=worst` asks for errors of
that size.

No Apple GPU has float64: there it is computed exactly in integer registers, some 30 to 60 times as slowly as float32
(docs/doubles.md); the CPU's fast mode takes the processor's own and libm's functions. A number that a kernel takes as
float64 (`x: tl.float64`, or as PyTorch's Inductor passes a learning rate) but only moves, negates, chooses from and
rounds to float32, float16 or bfloat16 is rounded by the host, once: the value is the same and costs nothing. Tensors of
float64 are NumPy's, on PyTorch's CPU, or MLX's, which kernels take as their bits; PyTorch's mps device has none.

How near functions come: `tl.exp`, `tl.log` and the others of Triton's language are Metal's `precise::` ones in float32,
by Metal's specification within 4 ulp (`tan` and `atan2` 6, `atan` and `tanh` 5, `pow` 16); what the CPU has is within
3.7 of exact values (`tests/msl_cpu/headers/lanes/test_math.py`). 16-bit floats are computed in float32 and rounded.
`tl.extra.libdevice` keeps to the errors that CUDA's documentation gives, in float32 by the table of
`tests/kernels/test_kernel_libdevice.py`, in float64 as measured in [`doubles.md`](doubles.md); so do Triton's own
functions of float64.
"""


@dataclass
class Notes:
    """The reasons of refusals, numbered in order of appearance."""

    reasons: list[str] = field(default_factory=list)

    def number(self, reason: str) -> str:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return str(self.reasons.index(reason) + 1)


# -------------------------------------------------------------------------------------------------------------- probing
class _Module:
    """The text of a kernel that loads operands, applies an op and stores its results."""

    def __init__(self) -> None:
        self.arguments: list[str] = []
        self.lines: list[str] = []

    def line(self, op: str, operands: Iterable[tuple[str, str]], result: str, attributes: str = "") -> tuple[str, str]:
        """An op with one result; the result's name and type."""
        name = f"%v{len(self.lines)}"
        names, types = zip(*operands, strict=True) if operands else ((), ())
        properties = f" <{{{attributes}}}>" if attributes else ""
        self.lines.append(f'{name} = "{op}"({", ".join(names)}){properties} : ({", ".join(types)}) -> {result}')
        return name, result

    def pointer(self, element: str) -> tuple[str, str]:
        self.arguments.append(f"!tt.ptr<{element}>")
        return f"%a{len(self.arguments) - 1}", self.arguments[-1]

    def pointers(self, size: int, element: str) -> tuple[str, str]:
        base = self.pointer(element)
        type_ = f"tensor<{size}x{base[1]}>"
        offsets = self.line("tt.make_range", [], f"tensor<{size}xi32>", f"start = 0 : i32, end = {size} : i32")
        return self.line("tt.addptr", [self.line("tt.splat", [base], type_), offsets], type_)

    def load(self, place: tuple[str, str], result: str) -> tuple[str, str]:
        segments = "operandSegmentSizes = array<i32: 1, 0, 0>"
        return self.line("tt.load", [place], result, f"isVolatile = false, {segments}")

    def operand(self, type_: str) -> tuple[str, str]:
        """A value of any type, from memory; a flag from a byte."""
        shape, element = shape_of(type_)
        if element == "i1" and "!tt.ptr" not in type_:
            return self.line("arith.trunci", [self.operand(type_.replace("i1", "i8"))], type_)
        if not type_.startswith("tensor"):
            return self.pointer(element) if type_.startswith("!tt.ptr") else self.load(self.pointer(element), type_)
        size = 1
        for extent in shape:
            size *= extent
        pointers = self.pointers(size, element)
        if "!tt.ptr" in type_:
            return pointers
        flat = self.load(pointers, f"tensor<{size}x{element}>")
        return flat if len(shape) == 1 else self.line("tt.reshape", [flat], type_)

    def keep(self, value: tuple[str, str]) -> None:
        """Store a value, or through it if it is pointers, so that nothing is dead."""
        shape, element = shape_of(value[1])
        if "!tt.ptr" in value[1]:
            value = self.load(value, value[1].replace(f"!tt.ptr<{element}>", element))
        elif element == "i1":
            self.keep(self.line("arith.extui", [value], value[1].replace("i1", "i8")))
            return
        if not value[1].startswith("tensor"):
            place = self.pointer(element)
        else:
            size = 1
            for extent in shape:
                size *= extent
            place = self.pointers(size, element)
            if len(shape) > 1:
                value = self.line("tt.reshape", [value], f"tensor<{size}x{element}>")
        self.lines.append(f'"tt.store"({place[0]}, {value[0]}) : ({place[1]}, {value[1]}) -> ()')

    def text(self) -> str:
        types = ", ".join(self.arguments)
        names = ", ".join(f"%a{i}: {type_}" for i, type_ in enumerate(self.arguments))
        body = "\n".join(self.lines)
        return (
            f'"builtin.module"() ({{\n"tt.func"() <{{function_type = ({types}) -> (), sym_name = "probe"}}> ({{\n'
            f'^bb0({names}):\n{body}\n"tt.return"() : () -> ()\n}}) : () -> ()\n}}) : () -> ()\n'
        )


def shape_of(type_: str) -> tuple[list[int], str]:
    """The sizes and the element, or pointee, of a type's spelling."""
    inner = type_.removeprefix("tensor<").removesuffix(">") if type_.startswith("tensor<") else type_
    *sizes, element = re.split(r"(?<=\d)x", inner)
    return [int(size) for size in sizes], element.removeprefix("!tt.ptr<").removesuffix(">")


def module_of(row: Row, element: str) -> str:
    """The text of a module that does nothing but a row's op on one element type."""
    module = _Module()
    operands = [module.operand(_typed(type_, element)) for type_ in row.operands]
    results = [_typed(type_, element) for type_ in row.results]
    names = [f"%r{i}" for i in range(len(results))]
    properties = f" <{{{_typed(row.attributes, element)}}}>" if row.attributes else ""
    region = f" ({{\n{_typed(row.region, element)}\n}})" if row.region else ""
    types = ", ".join(type_ for _, type_ in operands)
    module.lines.append(
        f'{", ".join(names)}{" = " if names else ""}"{row.op}"({", ".join(name for name, _ in operands)})'
        f"{properties}{region} : ({types}) -> ({', '.join(results)})"
    )
    for name, type_ in zip(names, results, strict=True):
        module.keep((name, type_))
    return module.text()


def _typed(text: str, element: str) -> str:
    return re.sub(r"(?:\b|(?<=x))T\b", element, text)


def tried(row: Row, element: str) -> str:
    """RUNS, NONE where the op has no such type, or the reason of a refusal."""
    module = parse(module_of(row, element))
    try:
        verify(module)
    except InvalidIR:
        return NONE
    return outcome(module)


def outcome(module: Op) -> str:
    """RUNS, or why the compiler refuses a module."""
    try:
        compile_module(module, target_for(FAMILY), num_warps=1)
    except Unsupported as error:
        reason = re.sub(r" \(value .*?\)", "", error.reason)
        return re.sub(rf"\b(?:{'|'.join(ELEMENTS)})\b", "this type", reason)
    return RUNS


# --------------------------------------------------------------------------------------------------------------- tables
def rows() -> Iterator[Row]:
    """A row for every op of the tables that has an element type."""
    special: dict[str, list[Row]] = {}
    for row in ROWS:
        special.setdefault(row.op, []).append(row)
    for dialect, table in (("arith", ARITH), ("math", MATH), ("tt", TT)):
        for name in (f"{dialect}.{name}" for names in table for name in names.split()):
            if name in special:
                yield from special[name]
            elif name not in CASTS | REWRITTEN | WITHOUT_TYPES:
                rule = find_rule(name)
                assert rule is not None and isinstance(rule.operands, int), f"{name} needs a row in support_rows.py"
                yield Row(name, (VECTOR,) * rule.operands)


def table(notes: Notes, begin: Callable[[str], None]) -> list[str]:
    """The table of ops by element types, in Markdown; rows of one op that agree are one. begin: told of each op."""
    lines = [f"| op | {' | '.join(HEADINGS.get(e, e) for e in ELEMENTS)} |", "|---" * (len(ELEMENTS) + 1) + "|"]
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in rows():
        begin(row.op)
        cells = [tried(row, element) if element in row.elements else NONE for element in ELEMENTS]
        shown = tuple(cell if cell in (RUNS, NONE) else notes.number(cell) for cell in cells)
        found.setdefault((row.op, shown), []).append(row.detail)
    for (op, cells), details in found.items():
        suffix = f" {', '.join(filter(None, details))}" if any(details) else ""
        lines.append(f"| `{op}`{suffix} | {' | '.join(cells)} |")
    return lines


def casts(notes: Notes, begin: Callable[[str], None]) -> list[str]:
    """The table of casts from row to column. begin: told of each row."""
    lines = [f"| from / to | {' | '.join(HEADINGS.get(e, e) for e in ELEMENTS)} |", "|---" * (len(ELEMENTS) + 1) + "|"]
    for source in ELEMENTS:
        begin(f"casts from {source}")
        cells = []
        for target in ELEMENTS:
            rows = [(row, source) for row in _casts_between(source, target)]
            if not rows and source != target:  # Triton goes through f32
                rows = [(row, source) for row in _casts_between(source, "f32")]
                rows += [(row, "f32") for row in _casts_between("f32", target)]
            results = [tried(row, element) for row, element in rows]
            refusals = [result for result in results if result != RUNS]
            cells.append(NONE if source == target else notes.number(refusals[0]) if refusals else RUNS)
        lines.append(f"| {HEADINGS.get(source, source)} | {' | '.join(cells)} |")
    return lines


def _casts_between(source: str, target: str) -> Iterator[Row]:
    """Every cast op that Triton may use between two types, with each rounding that it has."""
    result = (VECTOR.replace("T", target),)
    width = {element: int(re.sub(r"^b?[if](\d+).*", r"\1", element)) for element in ELEMENTS}
    wider = width[target] > width[source]
    if source in INTEGERS and target in INTEGERS:
        names = ("extsi", "extui") if wider else ("trunci",)
    elif source in INTEGERS:
        names = ("sitofp", "uitofp")
    elif target in INTEGERS:
        names = ("fptosi", "fptoui")
    else:
        yield Row("tt.fp_to_fp", (VECTOR,), result, "" if wider else "rounding = 1 : i32")
        if not wider:
            yield Row("tt.fp_to_fp", (VECTOR,), result, "rounding = 0 : i32")
        names = ("extf",) if wider else ("truncf",) if width[target] < width[source] else ()
    if not {source, target} & set(FLOATS[4:]) or names in (("extf",), ("truncf",)):
        yield from (Row(f"arith.{name}", (VECTOR,), result) for name in names)
    if width[source] == width[target] and "i1" not in (source, target):
        yield Row("tt.bitcast", (VECTOR,), result)


def scaled_dots(notes: Notes) -> list[str]:
    """The table of tt.dot_scaled, by the element types of its operands."""
    lines = [f"| a / b | {' | '.join(SCALED)} |", "|---" * (len(SCALED) + 1) + "|"]
    for left, name in enumerate(SCALED):
        cells = [outcome(parse(_scaled_dot(left, right))) for right in range(len(SCALED))]
        lines.append(f"| {name} | {' | '.join(c if c == RUNS else notes.number(c) for c in cells)} |")
    return lines


def _scaled_dot(left: int, right: int) -> str:
    def stored(kind: int) -> tuple[str, int]:
        element = {4: "i8", 5: "bf16", 6: "f16", 0: "f8E4M3FN", 1: "f8E5M2"}.get(kind, "i8")
        return element, 32 if kind == 4 else 64

    (a, a_depth), (b, b_depth) = stored(left), stored(right)
    scales = [kind < 5 for kind in (left, right)]
    types = [f"tensor<16x{a_depth}x{a}>", f"tensor<{b_depth}x16x{b}>", "tensor<16x16xf32>"]
    types += ["tensor<16x2xi8>" for scaled in scales if scaled]
    attributes = (
        f"a_elem_type = {left} : i32, b_elem_type = {right} : i32, fastMath = false, lhs_k_pack = true, "
        f"rhs_k_pack = true, operandSegmentSizes = array<i32: 1, 1, 1, {int(scales[0])}, {int(scales[1])}>"
    )
    return module_of(Row("tt.dot_scaled", tuple(types), ("tensor<16x16xf32>",), attributes), "f32")


def functions() -> str:
    """The external functions that are known."""
    from ..transforms.tensors.libdevice import FUNCTIONS

    return ", ".join(f"`{name}`" for name in sorted(FUNCTIONS))


def page() -> str:
    """The whole of docs/support.md."""
    assert dialects
    notes = Notes()
    with progress.steps(len(list(rows())) + len(ELEMENTS) + 1) as begin:
        ops, conversions = table(notes, begin), casts(notes, begin)
        begin("scaled dots")
        scaled = scaled_dots(notes)
    parts = [
        INTRODUCTION,
        "## Operations\n",
        *ops,
        "\n## Casts\n\nWith every op and rounding that Triton has between two types.\n",
        *conversions,
        "\n## Scaled dots\n\n`tt.dot_scaled`, by the element types of its operands.\n",
        *scaled,
        f"\n## External functions\n\n`tl.extra.libdevice`, by CUDA's names without `__nv_`: {functions()}.\n",
        "## Refused\n",
        *(f"{number}. {reason}" for number, reason in enumerate(notes.reasons, 1)),
    ]
    return "\n".join(parts) + "\n"
