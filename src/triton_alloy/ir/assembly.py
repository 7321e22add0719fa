"""How ops are spelled in MLIR's pretty form: one table for those that differ by their words, functions for the rest.

A row is what follows an op's name, with fields: `{1}` the second operand, `{:}` and `{1:3}` several; `{t0}`, `{t1:}`
types of operands, `{r0}`, `{r:}` of results; `{typed}` the operands with their types, if there are any; `{=name}` an
attribute, by its word in WORDS; `{attributes}` the other attributes. Ops without a row have the generic form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .core import Op, Value
from .printer import print_attribute, print_entries
from .types import I1, Attribute, IntegerAttribute, TextAttribute

_SEMANTICS = {1: "relaxed", 2: "acquire", 3: "release", 4: "acq_rel"}
_ELEMENTS: dict[int, str] = dict(enumerate(("e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "bf16", "fp16")))
INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
FLOAT_PREDICATES = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord") + (
    *("ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true"),
)
WORDS: dict[str, dict[int, str]] = {
    "arith.cmpi predicate": dict(enumerate(INTEGER_PREDICATES)),
    "arith.cmpf predicate": dict(enumerate(FLOAT_PREDICATES)),
    "axis": dict(enumerate("xyz")),
    "sem": _SEMANTICS,
    "scope": {1: "gpu", 2: "cta", 3: "sys"},
    "atomic_rmw_op": dict(enumerate(("and", "or", "xor", "add", "fadd", "max", "min", "umax", "umin", "exch"), 1)),
    "kind": dict(enumerate(("add", "min", "max", "inc", "dec", "and", "or", "xor"), 1)),
    "propagateNan": {0: "none", 0xFFFF: "all"},
    "rounding": {0: "rtz", 1: "rtne"},
    "inputPrecision": dict(enumerate(("tf32", "tf32x3", "ieee", "bf16x3", "bf16x6"))),
    "a_elem_type": _ELEMENTS,
    "b_elem_type": _ELEMENTS,
    "addrSpace": {0: "none", 31: "all"},
}
"""Attribute, or op and attribute -> number -> word."""

FORMS: dict[str, str] = {
    "arith.addi arith.subi arith.muli arith.divsi arith.divui arith.remsi arith.remui arith.shli arith.shrui "
    "arith.shrsi arith.andi arith.ori arith.xori arith.minsi arith.minui arith.maxsi arith.maxui arith.addf arith.subf "
    "arith.mulf arith.divf arith.remf arith.minimumf arith.minnumf arith.maximumf arith.maxnumf arith.negf "
    "arith.ceildivsi arith.ceildivui arith.floordivsi "
    "math.exp math.exp2 math.cos math.sin math.log math.log2 math.erf math.sqrt math.rsqrt math.floor math.ceil "
    "math.absf math.absi math.fma tt.mulhiui tt.precise_divf tt.approx_divf tt.precise_sqrt "
    "tt.load tt.store tt.unsplat llvm.intr.assume": " {:}{attributes} : {t0}",
    "arith.sitofp arith.uitofp arith.fptosi arith.fptoui arith.extf arith.truncf arith.extsi arith.extui arith.trunci "
    "arith.bitcast arith.index_cast arith.index_castui": " {:}{attributes} : {t0} to {r0}",
    "tt.splat tt.broadcast tt.expand_dims tt.bitcast tt.ptr_to_int tt.int_to_ptr tt.trans tt.cat tt.join tt.split "
    "tt.histogram": " {:}{attributes} : {t0} -> {r0}",
    "arith.cmpi arith.cmpf": " {=predicate}, {:}{attributes} : {t0}",
    "tt.get_program_id tt.get_num_programs": " {=axis}{attributes} : {r0}",
    "tt.make_range ub.poison": "{attributes} : {r0}",
    "tt.addptr": " {:}{attributes} : {r0}, {t1}",
    "tt.clampf": " {:}, propagateNan = {=propagateNan}{attributes} : {r0}",
    "tt.atomic_rmw": " {=atomic_rmw_op}, {=sem}, {=scope}, {:}{attributes} : ({t:}) -> {r0}",
    "tt.atomic_cas tt.atomic_load": " {=sem}, {=scope}, {:}{attributes} : ({t:}) -> {r0}",
    "tt.atomic_store": " {=sem}, {=scope}, {:}{attributes} : {t0}",
    "tt.gather": " {0}[{1}]{attributes} : ({t:}) -> {r0}",
    "tt.extern_elementwise": " {:}{attributes} : ({t:}) -> {r0}",
    "tt.elementwise_inline_asm": " {=asm_string}{attributes}{typed} -> {r:}",
    "tt.descriptor_load": " {0}[{1:}]{attributes} : {t0} -> {r0}",
    "tt.descriptor_store": " {0}[{2:}], {1}{attributes} : {t0}, {t1}",
    "tt.descriptor_reduce": " {=kind}, {0}[{2:}], {1}{attributes} : {t0}, {t1}",
    "tt.descriptor_gather": " {0}[{1:}]{attributes} : ({t:}) -> {r0}",
    "tt.descriptor_scatter": " {0}[{1:3}], {3}{attributes} : {t:}",
    "tt.return tt.reduce.return tt.scan.return tt.map_elementwise.return scf.yield": "{attributes}{typed}",
    "tt.assert": " {:}, {=message}{attributes} : {t0}",
    "ttg.barrier": " {=addrSpace}{attributes}",
    "tt.grid_dependency_wait tt.grid_dependency_launch_dependents": "{attributes}",
}
_DEFAULTS: dict[str, Any] = {
    "overflowFlags": TextAttribute("#arith.overflow<none>"),
    "fastmath": TextAttribute("#arith.fastmath<none>"),
    "isVolatile": False,
    "maxNumImpreciseAcc": 0,
    "padding": 1,
    "op_bundle_sizes": (),
    "lhs_k_pack": True,
    "rhs_k_pack": True,
    "value": TextAttribute("#ub.poison"),
}
"""Attributes that are not printed where they have this value."""
_IMPLIED = {"operandSegmentSizes"}
_FLAGS = ("overflowFlags", "fastmath")

NameOf = Callable[[Value], str]
Form = Callable[[Op, NameOf], str]
"""What follows the name of an op, given how values are called."""
_FIELD = re.compile(r"\{([^{}]*)\}")
_SLICE = re.compile(r"([tr]?)(\d*)(:?)(\d*)")


def word(op: Op, name: str) -> str:
    """An attribute's spelling where it stands alone: its word, if its numbers have words."""
    value = op.attributes[name]
    words = WORDS.get(f"{op.name} {name}") or WORDS.get(name)
    if words is not None and isinstance(value, IntegerAttribute):
        return words[value.value]
    return print_attribute(value)


def dictionary(op: Op, spelled: Iterable[str] = ()) -> str:
    """` {b = 1 : i32}`: the attributes that are not spelled elsewhere, by name; flags stand before it."""
    if not op.attributes:
        return ""
    shown = {
        name: value
        for name, value in sorted(op.attributes.items())
        if name not in spelled and name not in _IMPLIED and not _is_default(name, value)
    }
    flags = "".join([f" {shown.pop(name).text.removeprefix('#arith.')}" for name in _FLAGS if name in shown])
    return f"{flags} {{{print_entries(shown)}}}" if shown else flags


def _is_default(name: str, value: Attribute) -> bool:
    if name not in _DEFAULTS:
        return False
    return (value.value if isinstance(value, IntegerAttribute) else value) == _DEFAULTS[name]


def typed(values: Sequence[Value], name_of: NameOf) -> str:
    """` %a, %b : f32, i1`, or nothing."""
    return f" {_names(values, name_of)} : {_types(values)}" if values else ""


def _names(values: Iterable[Value], name_of: NameOf) -> str:
    return ", ".join([name_of(value) for value in values])


def _types(values: Iterable[Value]) -> str:
    return ", ".join([value.type._text for value in values])


def _field(text: str, spelled: tuple[str, ...]) -> Form:
    if text == "attributes":
        return lambda op, name_of: dictionary(op, spelled)
    if text == "typed":
        return lambda op, name_of: typed(op.operands, name_of)
    if text.startswith("="):
        return lambda op, name_of: word(op, text[1:])
    found = _SLICE.fullmatch(text)
    assert found is not None, text
    which, start, colon, stop = found.groups()
    first = int(start or 0)
    if which:
        if colon:
            part = slice(first, int(stop) if stop else None)
            return lambda op, name_of: _types((op.operands if which == "t" else op.results)[part])
        return lambda op, name_of: (op.operands if which == "t" else op.results)[first].type._text
    if colon:
        part = slice(first, int(stop) if stop else None)
        return lambda op, name_of: ", ".join([name_of(value) for value in op.operands[part]])
    return lambda op, name_of: name_of(op.operands[first])


def _form(row: str) -> Form:
    pieces = _FIELD.split(row)
    spelled = tuple(text[1:] for text in pieces[1::2] if text.startswith("="))
    fields = [_field(text, spelled) for text in pieces[1::2]]
    template = "".join(piece.replace("%", "%%") if i % 2 == 0 else "%s" for i, piece in enumerate(pieces))
    return lambda op, name_of: template % tuple([field(op, name_of) for field in fields])


# ------------------------------------------------------------------------------------- ops whose form takes a decision
def _constant(op: Op, name_of: NameOf) -> str:
    return f"{dictionary(op, ('value',))} {print_attribute(op.attributes['value'])}"


def _select(op: Op, name_of: NameOf) -> str:
    condition = op.operands[0].type
    types = f"{op.result.type}" if condition is I1 else f"{condition}, {op.result.type}"
    return f" {_names(op.operands, name_of)}{dictionary(op)} : {types}"


def _fp_to_fp(op: Op, name_of: NameOf) -> str:
    rounding = f", rounding = {word(op, 'rounding')}" if "rounding" in op.attributes else ""
    types = f"{op.operands[0].type} -> {op.result.type}"
    return f" {name_of(op.operands[0])}{rounding}{dictionary(op, ('rounding',))} : {types}"


def _reshape(op: Op, name_of: NameOf) -> str:
    marks = [name for name in ("allow_reorder", "efficient_layout") if name in op.attributes]
    types = f"{op.operands[0].type} -> {op.result.type}"
    return f"{''.join([f' {name_of(op.operands[0])}', *(f' {m}' for m in marks)])}{dictionary(op, marks)} : {types}"


def _dot(op: Op, name_of: NameOf) -> str:
    precision = word(op, "inputPrecision") if "inputPrecision" in op.attributes else "ieee"
    shown = "" if precision == "ieee" else f", inputPrecision = {precision}"
    a, b = op.operands[0].type, op.operands[1].type
    names = _names(op.operands, name_of)
    return f" {names}{shown}{dictionary(op, ('inputPrecision',))} : {a} * {b} -> {op.result.type}"


def _dot_scaled(op: Op, name_of: NameOf) -> str:
    """`%a scale %s, %b, %c lhs = e4m3 rhs = e5m2 {..} : ta, ts * tb -> tc`."""
    a, b, c, *scales = op.operands
    _, _, _, has_left, has_right = op.attributes["operandSegmentSizes"]
    left = [a, scales[0]] if has_left else [a]
    right = [b, scales[-1]] if has_right else [b]
    names = ", ".join([" scale ".join(map(name_of, side)) for side in (left, right)])
    formats = f"lhs = {word(op, 'a_elem_type')} rhs = {word(op, 'b_elem_type')}"
    types = f"{_types(left)} * {_types(right)} -> {op.result.type}"
    return f" {names}, {name_of(c)} {formats}{dictionary(op, ('a_elem_type', 'b_elem_type'))} : {types}"


def _atomic_poll(op: Op, name_of: NameOf) -> str:
    pointer, expected, *timeout = op.operands
    limit = f" timeout {name_of(timeout[0])}" if timeout else ""
    types = f"{pointer.type}, {expected.type} -> {op.result.type}"
    names = f"{name_of(pointer)}, {name_of(expected)}{limit}"
    return f" {word(op, 'sem')}, {word(op, 'scope')}, {names}{dictionary(op, ('sem', 'scope'))} : {types}"


def _make_tensor_descriptor(op: Op, name_of: NameOf) -> str:
    base, *sizes = op.operands
    half = len(sizes) // 2
    lists = f"[{_names(sizes[:half], name_of)}], [{_names(sizes[half:], name_of)}]"
    pointer, descriptor = f"{base.type}".removeprefix("!tt.ptr"), f"{op.result.type}".removeprefix("!tt.tensordesc")
    return f" {name_of(base)}, {lists}{dictionary(op)} : {pointer}, {descriptor}"


def _call(op: Op, name_of: NameOf) -> str:
    callee = print_attribute(op.attributes["callee"])
    arguments = f"({_names(op.operands, name_of)}){dictionary(op, ('callee',))}"
    return f" {callee}{arguments} : ({_types(op.operands)}) -> {results_text(op)}"


def results_text(op: Op) -> str:
    """`f32`, or `(f32, i1)` unless there is one result."""
    types = _types(op.results)
    return types if len(op.results) == 1 else f"({types})"


def _print(op: Op, name_of: NameOf) -> str:
    values = f" :{typed(op.operands, name_of)}" if op.operands else ""
    return f" {print_attribute(op.attributes['prefix'])}{dictionary(op, ('prefix',))}{values}"


def _condition(op: Op, name_of: NameOf) -> str:
    return f"({name_of(op.operands[0])}){dictionary(op)}{typed(op.operands[1:], name_of)}"


FORM_OF: dict[str, Form] = {
    "arith.constant": _constant,
    "arith.select": _select,
    "tt.fp_to_fp": _fp_to_fp,
    "tt.reshape": _reshape,
    "tt.dot": _dot,
    "tt.dot_scaled": _dot_scaled,
    "tt.atomic_poll": _atomic_poll,
    "tt.make_tensor_descriptor": _make_tensor_descriptor,
    "tt.call": _call,
    "tt.print": _print,
    "scf.condition": _condition,
}
"""Op name -> form. Ops with regions or successors are printed by pretty_printer.py, all others in the generic form."""
for _names_of_row, _row in FORMS.items():
    _made = _form(_row)
    FORM_OF.update(dict.fromkeys(_names_of_row.split(), _made))
