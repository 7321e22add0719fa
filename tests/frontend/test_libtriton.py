"""Our libtriton against the native one, call by call."""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from hypothesis import given, settings
from hypothesis import strategies as st
from triton._C import libtriton as native
from triton.tools.tensor_descriptor import TensorDescriptor

from tests.support.every_op import build
from triton_alloy.frontend import libtriton as ours
from triton_alloy.ir.numbers import spell_float
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.types import FloatType

BOTH = (native, ours)


def same(call: Callable[[Any], Any]) -> Any:
    """What `call` gives with either module, or raises, which must be equal."""

    def outcome(module: Any) -> Any:
        try:
            return call(module)
        except Exception as error:
            return type(error).__name__, str(error)

    expected, found = map(outcome, BOTH)
    assert found == expected
    return found


@pytest.fixture(scope="module")
def modules() -> list[Any]:
    return [build(module.ir) for module in BOTH]


def test_every_op_has_the_native_text(modules: list[Any]):
    expected, found = modules
    assert found.verify()
    assert found.str() == expected.str()
    assert found.str_nodebug() == expected.str_nodebug()
    assert str(found) == str(expected)
    assert len(set(re.findall(r"\b[a-z]+\.[a-z_.0-9]+", found.str_nodebug()))) > 100, "few ops were built"


def test_an_op_is_printed_alone_as_native_does(modules: list[Any]):
    expected, found = (module.get_function("a kernel") for module in modules)
    assert str(found) == str(expected)
    assert found.str_nodebug() == expected.str_nodebug()


def test_attributes_are_those_of_native_ops(modules: list[Any]):
    """Also the ones that the pretty form does not show."""
    from triton_alloy.frontend.native import generic_text

    def sorted_text(top: Any) -> str:
        for op in top.walk():
            op.attributes = dict(sorted(op.attributes.items()))
            op.attributes.pop("llvm.data_layout", None)
        return print_ir(top).replace(
            "#loop_annotation", "#llvm.loop_annotation<licm = <disable = true, versioningDisable = true>>"
        )

    expected = sorted_text(parse(generic_text(build(native.ir))))
    assert sorted_text(build(ours.ir).core) == expected


def test_every_method_of_the_builder_is_there():
    expected = {name for name in dir(native.ir.builder) if not name.startswith("_")}
    assert expected - set(dir(ours.ir.builder)) == {"extend_with"}  # loads native plug-ins


@pytest.mark.parametrize("name", [name for name in dir(native.ir) if name.isupper() or name == "ScaleDotElemTypeTY"])
def test_enumerations(name: str):
    members = getattr(native.ir, name)
    expected = {member.name: member.value for member in members} if isinstance(members, type) else members.value
    found = getattr(ours.ir, name)
    assert ({member.name: member.value for member in found} if isinstance(found, type) else found.value) == expected


@pytest.mark.parametrize("name", ["f16", "bf16", "f32", "f64"])
@settings(max_examples=300, deadline=None)
@given(bits=st.integers(0, 2**64 - 1))
def test_floats_are_spelled_as_mlir_does(name: str, bits: int):
    from triton_alloy.ir.numbers import float_from_bits

    type_ = FloatType(name)
    value = float_from_bits(bits & ((1 << type_.width) - 1), type_)
    if value != value or (name == "bf16" and 0 < abs(value) < 1e-3):  # get_bf16 takes six decimals
        return
    method = {"f16": "get_fp16", "bf16": "get_bf16", "f32": "get_fp32", "f64": "get_fp64"}[name]
    assert spell_float(value, type_) == NATIVE_FLOATS.spell(method, value)


class _NativeFloats:
    """Prints a number through a native constant."""

    def __init__(self) -> None:
        self.context = native.ir.context()
        native.ir.load_dialects(self.context)

    def spell(self, method: str, value: float) -> str:
        builder = native.ir.builder(self.context)
        module = builder.create_module()
        type_ = builder.get_function_ty([], [])
        function = builder.get_or_insert_function(module, "f", type_, "public", False)
        module.push_back(function)
        builder.set_insertion_point_to_start(function.add_entry_block())
        getattr(builder, method)(value)
        builder.ret([])
        return re.search(r"arith.constant (\S+) :", module.str_nodebug())[1]


NATIVE_FLOATS = _NativeFloats()


# ----------------------------------------------------------------------------------------------------------- arguments
Pair = namedtuple("Pair", "left right")


@triton.jit
def helper(x):
    return x


def descriptor() -> TensorDescriptor:
    return TensorDescriptor.from_tensor(torch.zeros(64, 64), [16, 32])


class Backend:
    supports_native_tensor_specialization = True

    @staticmethod
    def get_tensor_specialization(arg: Any, **options: Any) -> str:
        return f"{type(arg).__name__}{options}"


class OwnBackend(Backend):
    supports_native_tensor_specialization = False


class Number(int):
    pass


ARGUMENTS: dict[str, Any] = {
    **{f"int {n}": n for n in (0, 1, 2, 16, -1, 2**31 - 1, 2**31, -(2**31), 2**63, 2**64 - 1, 2**64, -(2**63) - 1)},
    "bool": True,
    "float": 1.5,
    "none": None,
    "empty": (),
    "tuple": (1, 16, 2.0, None, (3, True)),
    "named": Pair(1, 32),
    "tensor": torch.zeros(8),
    "unaligned": torch.zeros(8)[1:],
    "half": torch.zeros(8, dtype=torch.float16),
    "parameter": torch.nn.Parameter(torch.zeros(8)),
    "constexpr": tl.constexpr(3),
    "function": helper,
    "descriptor": descriptor(),
    "subclass": Number(48),
    "text": "no",
    "list": [1],
}


@pytest.mark.parametrize("backend", [Backend, OwnBackend])
@pytest.mark.parametrize("argument", ARGUMENTS.values(), ids=ARGUMENTS)
def test_specialisation(argument: Any, backend: type):
    for flags in ((False, True, True), (True, True, False), (False, False, True)):
        found = same(lambda module, flags=flags: module.native_specialize_impl(backend, argument, *flags))
        assert found is not None


SCALARS = {
    "int": (np.int32(5), 5),
    "one": (np.int64(1), 5),
    "aligned": (np.int16(-32), -32),
    "byte": (np.uint8(200), 200),
    "long": (np.int64(2**40), 2**40),
    "large": (np.uint64(2**64 - 16), 2**64 - 16),
    "bool": (np.bool_(True), True),
    "float": (np.float32(1.5), 1.5),
    "half": (np.float16(1.5), 1.5),
    "double": (np.float64(1.5), 1.5),
}


@pytest.mark.parametrize("argument, number", SCALARS.values(), ids=SCALARS)
def test_scalars_of_numpy_are_specialised_as_numbers(argument: Any, number: Any):
    """But 1 as any other, since it would be compiled in, and Triton knows no NumPy scalars among its constants."""
    for flags in ((False, True, True), (True, True, False), (False, False, True)):
        expected = native.native_specialize_impl(OwnBackend, number, *flags)
        assert ours.native_specialize_impl(OwnBackend, argument, *flags) == expected


@pytest.mark.parametrize("argument", [np.zeros(3), np.array(1), np.ma.zeros(3)], ids=["array", "0-d", "masked"])
def test_arrays_of_numpy_are_refused_with_the_remedy(argument: Any):
    words = f"failed to specialize argument of type: {type(argument).__name__}"
    for flags in ((False, True, True), (False, False, True)):
        with pytest.raises(TypeError, match=f"^{words}$"):
            native.native_specialize_impl(OwnBackend, argument, *flags)
        with pytest.raises(TypeError, match=rf"^{words}; pass triton_alloy\.array\(x\)$"):
            ours.native_specialize_impl(OwnBackend, argument, *flags)


@pytest.mark.parametrize("argument", [np.complex64(1), np.datetime64(1, "s"), np.void(b"12")])
def test_scalars_that_are_no_numbers_of_triton_are_refused(argument: Any):
    found = same(lambda module: module.native_specialize_impl(OwnBackend, argument, False, True, True))
    assert found == ("TypeError", f"failed to specialize argument of type: {type(argument).__name__}")


def test_descriptors_become_arguments():
    def expand(argument: Any, meta: Any, base: Any) -> list[Any]:
        return [argument, meta, base]

    signature = ("i32", "tensordesc<fp16[4]>", ("i32", "tensordesc<fp16[4]>"), ("i32",))
    arguments = (1, "a", (2, "b"), (3,))
    for meta in ([], [{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 2}, {"x": 3}]):
        rest = ({1: {}, 2: {1: {}}}, meta, "base", expand)
        same(lambda module, rest=rest: module.make_tensordesc_args(arguments, signature, *rest))


@pytest.mark.parametrize("text", ["1", "on", "TRUE", "y", "yes", "0", "no", "", "2"])
def test_environment(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALLOY_TEST_FLAG", text)
    for key in ("TRITON_DISABLE_LINE_INFO", "USE_IR_LOC"):
        monkeypatch.setenv(key, text)
    same(lambda module: module.getenv("ALLOY_TEST_FLAG", "default"))
    same(lambda module: module.getenv("ALLOY_TEST_OTHER", "default"))
    same(lambda module: module.getenv_bool("ALLOY_TEST_FLAG", "default"))
    same(lambda module: module.get_cache_invalidating_env_vars())


@pytest.mark.parametrize(
    "scales", [(None, None), ((64, 4), None), (None, (64, 8)), ((64, 4), (64, 8)), ((64, 3), None)]
)
@pytest.mark.parametrize("packs", [True, False])
def test_scale_factor(scales: tuple[Any, Any], packs: bool):
    def deduce(module: Any) -> int:
        formats = module.ir.ScaleDotElemTypeTY
        left, right = scales
        return module.ir.deduce_scale_factor(
            (64, 64), left, formats.E2M1, packs, (128, 64), right, formats.E4M3, not packs
        )

    same(deduce)


def test_other_vendors_parts_refuse_by_name():
    from triton_alloy.errors import Unsupported
    from triton_alloy.frontend.libtriton.absent import AbsentModule

    builder = AbsentModule("triton._C.libtriton.gluon_ir").GluonOpBuilder
    with pytest.raises(Unsupported, match=r"gluon_ir.GluonOpBuilder"):
        builder(None)


def test_line_info_can_be_turned_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRITON_DISABLE_LINE_INFO", "1")
    same(lambda module: build(module.ir).str())
    assert "kernel.py" not in build(ours.ir).str()


def test_files_of_text_and_their_places(modules: list[Any], tmp_path: Path):
    """What native libtriton prints is read, printed the same, and gets the native places of its own lines."""
    path = tmp_path / "kernel.ttir"
    path.write_text(modules[0].str())
    assert ours.ir.parse_mlir_module(str(path), ours.ir.context()).str() == path.read_text()
    context = native.ir.context()
    native.ir.load_dialects(context)
    path.write_text(native.ir.parse_mlir_module(str(path), context).str())  # it forgets the names of loops' arguments

    def snapshot(module: Any) -> tuple[str, str, str]:
        context = module.ir.context()
        module.ir.load_dialects(context)
        parsed = module.ir.parse_mlir_module(str(path), context)
        before = parsed.str()
        parsed.create_location_snapshot(str(tmp_path / "places.mlir"))
        return before, (tmp_path / "places.mlir").read_text(), parsed.str()

    before, written, after = same(snapshot)
    assert before == written == path.read_text()
    assert "places.mlir" in after


def test_a_broken_file_is_refused_with_its_place(tmp_path: Path):
    path = tmp_path / "kernel.ttir"
    path.write_text("module {\n  tt.func @f() {\n    %0 = tt.nonsense\n  }\n}\n")
    with pytest.raises(RuntimeError, match=r"Parse MLIR file failed.*kernel\.ttir.*line 3"):
        ours.ir.parse_mlir_module(str(path), ours.ir.context())


def test_walking_a_module(modules: list[Any]):
    """Ops with their attributes, as libtriton's other users see them."""

    def visits(module: Any) -> list[Any]:
        found: list[Any] = []

        def visit(op: Any) -> None:
            counts = op.get_num_operands(), op.get_num_results(), op.get_num_regions()
            constant = op.get_constant_value() if op.get_name() == "arith.constant" else None
            flags = [op.get_int_attr("axis"), op.get_bool_attr("pure"), op.get_str_attr("sym_name")]
            found.append((op.get_name(), *counts, constant, *flags, op.get_flat_symbol_ref_attr("callee")))

        module.walk(visit)
        return found

    expected, found = map(visits, modules)
    assert found == expected
    signatures = [module.get_function_signature(module.get_function("a kernel")) for module in modules]
    assert signatures[0] == signatures[1]
    assert [module.get_entry_func_name() for module in modules] == ["a kernel"] * 2
    assert [module.has_function("absent") for module in modules] == [False] * 2


@pytest.mark.parametrize(("asked", "dumps"), [("1", True), ("a kernel", True), ("other", False), ("0", False)])
def test_modules_around_passes_are_dumped(
    asked: str, dumps: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("MLIR_ENABLE_DUMP", asked)
    module = build(ours.ir)
    manager = ours.ir.pass_manager(module.context)
    ours.passes.common.add_cse(manager)
    assert manager.enable_debug() == (asked != "0")
    manager.run(module, "make_ttir")
    printed = capsys.readouterr().err
    assert ("IR Dump Before cse" in printed and "tt.func public" in printed) == dumps
