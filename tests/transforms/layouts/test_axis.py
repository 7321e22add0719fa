"""Every fact that the axis analysis claims holds for random programs, run with numpy; and it finds what it must."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import triton_alloy.dialects  # noqa: F401
from tests.support.interpret import Interpreter
from triton_alloy.ir.core import Block, Builder, Op, Region, Value
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.types import I1, I16, I32, I64, FunctionType, IntegerAttribute, PointerType, TensorType, element_of
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.layouts.axis import AxisAnalysis, AxisInfo
from triton_alloy.transforms.layouts.axis_info import bytes_of


def groups(array: np.ndarray, dimension: int, size: int) -> np.ndarray:
    """The aligned groups along a dimension, one in each row."""
    assert array.shape[dimension] % size == 0, f"{array.shape} has no groups of {size}"
    return np.moveaxis(array, dimension, -1).reshape(-1, size)


def assert_facts(value: Value, array: np.ndarray, info: AxisInfo) -> None:
    step = bytes_of(value.type)
    array = array.reshape(array.shape or (1,)).astype(object)
    assert info.rank == array.ndim
    for d in range(array.ndim):
        contiguous = groups(array, d, info.contiguity[d])
        expected = contiguous[:, :1] + step * np.arange(info.contiguity[d]).astype(object)
        assert (contiguous == expected).all(), f"contiguity {info} of\n{array}"
        assert (contiguous[:, 0] % info.divisibility[d] == 0).all(), f"divisibility {info} of\n{array}"
        constant = groups(array, d, info.constancy[d])
        assert (constant == constant[:, :1]).all(), f"constancy {info} of\n{array}"
    if info.constant is not None:
        assert (array == info.constant).all()
    if info.nonnegative:
        assert (array >= 0).all()


BINARY = ["addi", "subi", "muli", "divsi", "divui", "remsi", "remui", "andi", "ori", "xori", "addi", "muli", "addi"]
BINARY += ["minsi", "maxsi", "minui", "maxui", "shli", "shrsi", "shrui"]
CONSTANTS = [0, 1, 2, 3, 4, 7, 8, 12, 15, 16, 31, 32, 64, -1, -4, -16]


class Programs:
    """Builds a random program; everything is i64, so that no arithmetic overflows."""

    def __init__(self, data):
        self.draw = data.draw
        self.shape = self.draw(st.sampled_from([(16,), (8, 16), (4, 32)]))
        self.depth = 0

    def function(self) -> tuple[Op, list[int]]:
        block = Block()
        hints, arguments = [], []
        for i in range(4):
            divisor = self.draw(st.sampled_from([1, 2, 8, 16]))
            is_pointer = i < 2
            block.add_argument(PointerType([I16, I32][i]) if is_pointer else I64)
            hints.append({"tt.divisibility": IntegerAttribute(divisor, I32)})
            arguments.append(divisor * self.draw(st.integers(0 if is_pointer else -9, 9)))
        pool = list(block.arguments)
        builder = Builder(block)
        self.operations(builder, pool, 14)
        builder.build("tt.return")
        type_ = FunctionType([a.type for a in block.arguments], [])
        attributes = {"sym_name": "f", "function_type": type_, "arg_attrs": tuple(hints)}
        module = Op("builtin.module", regions=[Region([Block()])])
        module.body.append(Op("tt.func", attributes=attributes, regions=[Region([block])]))
        return module, arguments

    def pick(self, pool: list[Value], accept) -> Value | None:
        found = [value for value in pool if accept(value)]
        # Recent values make deep expressions.
        return found[-1 - min(self.draw(st.integers(0, 5)), len(found) - 1)] if found else None

    def operations(self, builder: Builder, pool: list[Value], count: int) -> None:
        for _ in range(count):
            make = self.draw(st.sampled_from([self.binary] * 5 + MAKERS))
            value = make(self, builder, pool) if make in MAKERS else make(builder, pool)
            if value is not None:
                pool.append(value)

    def shaped(self, builder: Builder, value: Value) -> Value:
        """A tensor of the full shape from a scalar."""
        return builder.value("tt.splat", [value], TensorType(self.shape, value.type))

    def binary(self, builder: Builder, pool: list[Value]) -> Value | None:
        a = self.pick(pool, lambda v: element_of(v.type) is I64)
        if a is None:
            return None
        name = self.draw(st.sampled_from(BINARY))
        b = self.pick(pool, lambda v: v.type is a.type)
        if name.startswith(("sh", "div", "rem", "mul")) or self.draw(st.booleans()):
            choice = [0, 1, 2, 3, 4] if name.startswith("sh") else CONSTANTS
            b = builder.constant(self.draw(st.sampled_from(choice)), a.type)
        return builder.value(f"arith.{name}", [a, b], a.type)

    def constant(self, builder: Builder, pool: list[Value]) -> Value:
        type_ = self.draw(st.sampled_from([I64, TensorType(self.shape, I64)]))
        return builder.constant(self.draw(st.sampled_from(CONSTANTS)), type_)

    def range(self, builder: Builder, pool: list[Value]) -> Value:
        axis = self.draw(st.integers(0, len(self.shape) - 1))
        start, size = self.draw(st.sampled_from([0, 0, 3, 8, 16])), self.shape[axis]
        bounds = {"start": IntegerAttribute(start, I32), "end": IntegerAttribute(start + size, I32)}
        value = builder.value("tt.make_range", [], TensorType([size], I32), bounds)
        value = builder.value("arith.extsi", [value], TensorType([size], I64))
        if len(self.shape) == 1:
            return value
        shape = (size, 1) if axis == 0 else (1, size)
        if self.draw(st.booleans()):
            value = builder.value("tt.reshape", [value], TensorType(shape, I64))
        else:
            at = {"axis": IntegerAttribute(1 - axis, I32)}
            value = builder.value("tt.expand_dims", [value], TensorType(shape, I64), at)
        if self.draw(st.booleans()):
            by = builder.constant(self.draw(st.sampled_from(CONSTANTS)), value.type)
            value = builder.value(self.draw(st.sampled_from(["arith.muli", "arith.subi"])), [value, by], value.type)
        return builder.value("tt.broadcast", [value], TensorType(self.shape, I64))

    def number(self, builder: Builder, value: Value) -> Value:
        return builder.constant(self.draw(st.sampled_from(CONSTANTS[1:])), value.type)

    def compared(self, builder: Builder, value: Value, number: Value) -> Value:
        sides = [value, number] if self.draw(st.booleans()) else [number, value]
        predicate = {"predicate": IntegerAttribute(self.draw(st.integers(0, 9)), I64)}
        bits = TensorType(self.shape, I1) if isinstance(value.type, TensorType) else I1
        return builder.value("arith.cmpi", sides, bits, predicate)

    def splat(self, builder: Builder, pool: list[Value]) -> Value | None:
        value = self.pick(pool, lambda v: not isinstance(v.type, TensorType))
        return self.shaped(builder, value) if value is not None else None

    def address(self, builder: Builder, pool: list[Value]) -> Value | None:
        pointer = self.pick(pool, lambda v: isinstance(element_of(v.type), PointerType))
        assert pointer is not None
        type_ = TensorType(self.shape, I64) if isinstance(pointer.type, TensorType) else I64
        offset = self.pick(pool, lambda v: v.type is type_)
        return builder.value("tt.addptr", [pointer, offset], pointer.type) if offset is not None else None

    def reshaped(self, builder: Builder, pool: list[Value]) -> Value | None:
        """There and back through another shape."""
        value = self.pick(pool, lambda v: isinstance(v.type, TensorType))
        if value is None:
            return None
        total = int(np.prod(self.shape))
        other = self.draw(st.sampled_from([(total,), (total // 4, 4), (2, 1, total // 2), (4, 2, total // 8)]))
        order = tuple(self.draw(st.permutations(range(len(other)))))
        there = builder.value("tt.reshape", [value], TensorType(other, element_of(value.type)))
        turned = TensorType([other[i] for i in order], element_of(value.type))
        there = builder.value("tt.trans", [there], turned, {"order": order})
        return builder.value("tt.reshape", [there], value.type)

    def chosen(self, builder: Builder, pool: list[Value]) -> Value | None:
        a = self.pick(pool, lambda v: True)
        b = self.pick(pool, lambda v: v.type is a.type)
        type_ = TensorType(self.shape, I64) if isinstance(a.type, TensorType) else I64
        left = self.pick(pool, lambda v: v.type is type_)
        if left is None:
            return None
        condition = self.compared(builder, left, self.number(builder, left))
        return builder.value("arith.select", [condition, a, b], a.type)

    def narrowed(self, builder: Builder, pool: list[Value]) -> Value | None:
        """Through i32, and back signed or unsigned."""
        value = self.pick(pool, lambda v: element_of(v.type) is I64)
        if value is None:
            return None
        half = TensorType(self.shape, I32) if isinstance(value.type, TensorType) else I32
        narrow = builder.value("arith.trunci", [value], half)
        return builder.value(self.draw(st.sampled_from(["arith.extsi", "arith.extui"])), [narrow], value.type)

    def loop(self, builder: Builder, pool: list[Value]) -> Value | None:
        if self.depth == 2:
            return None
        self.depth += 1
        initial = self.pick(pool, lambda v: True)
        lower, step = (builder.constant(self.draw(st.sampled_from(c)), I64) for c in ([0, 2, -3], [1, 2, 4]))
        trips = self.draw(st.integers(0, 3))
        bound = builder.constant(lower.definer.attributes["value"].value + 4 * trips, I64)
        body = Block([I64, initial.type])
        inner = Builder(body)
        inside = [*pool, *body.arguments]
        self.operations(inner, inside, 5)
        kept = self.pick(inside, lambda v: v.type is initial.type)
        inner.build("scf.yield", [kept])
        self.depth -= 1
        return builder.build("scf.for", [lower, bound, step, initial], [initial.type], regions=[Region([body])]).result


MAKERS = [
    Programs.constant,
    Programs.range,
    Programs.range,
    Programs.splat,
    Programs.splat,
    Programs.address,
    Programs.address,
    Programs.reshaped,
    Programs.chosen,
    Programs.narrowed,
    Programs.loop,
]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_claim_holds(data):
    module, arguments = Programs(data).function()
    verify(module)
    function = module.body.terminator
    analysis = AxisAnalysis(function)
    machine = Interpreter(module)

    def check(value: Value, array: np.ndarray) -> None:
        if element_of(value.type) is not I1 and (np.abs(array.astype(float)) < 2.0**31).all():
            try:
                assert_facts(value, array, analysis.of(value))
            except AssertionError as error:
                raise AssertionError(f"{value.owner} {value.type} {arguments}: {error}\n{print_ir(module)}") from None
        elif element_of(value.type) is I1:
            assert_facts(value, array.astype(np.int64), analysis.of(value))
        else:
            raise Overflow

    machine.watch = check
    try:
        machine.run("f", *arguments)
    except Overflow:
        return


@pytest.mark.parametrize("shift", range(-20, 21))
def test_every_claim_on_a_shifted_range(shift):
    """Where groups begin and end: comparisons, division and widening of `shift ... shift + 15` by all constants."""
    block = Block()
    builder = Builder(block)
    type_, bits = TensorType([16], I64), TensorType([16], I1)
    bounds = {"start": IntegerAttribute(0, I32), "end": IntegerAttribute(16, I32)}
    numbers = builder.value("tt.make_range", [], TensorType([16], I32), bounds)
    numbers = builder.value("arith.extsi", [numbers], type_)
    value = builder.value("arith.addi", [numbers, builder.constant(shift, type_)], type_)
    for number in CONSTANTS[1:]:
        other = builder.constant(number, type_)
        for predicate in range(10):
            named = {"predicate": IntegerAttribute(predicate, I64)}
            builder.value("arith.cmpi", [value, other], bits, dict(named))
            builder.value("arith.cmpi", [other, value], bits, named)
        for name in ("divsi", "divui", "remsi", "remui", "andi", "addi", "subi", "muli", "minsi", "maxui"):
            builder.value(f"arith.{name}", [value, other], type_)
    for number in range(5):
        for name in ("shli", "shrsi", "shrui"):
            builder.value(f"arith.{name}", [value, builder.constant(number, type_)], type_)
    narrow = builder.value("arith.trunci", [value], TensorType([16], I32))
    builder.value("arith.extui", [narrow], type_)
    builder.build("tt.return")
    function = Op(
        "tt.func", attributes={"sym_name": "f", "function_type": FunctionType([], [])}, regions=[Region([block])]
    )
    module = Op("builtin.module", regions=[Region([Block()])])
    module.body.append(function)
    machine, analysis = Interpreter(module), AxisAnalysis(function)
    machine.watch = lambda value, array: assert_facts(value, array.astype(np.int64), analysis.of(value))
    machine.run("f")


class Overflow(Exception):
    """The program left the range in which index arithmetic is exact: its facts are not claimed."""


def facts(body: str, arguments: str = "%p: !tt.ptr<f32>, %n: i32", hints: str = "{}, {}") -> dict[str, AxisInfo]:
    """The facts of every named value."""
    types = ", ".join(argument.split(": ")[1] for argument in arguments.split(", "))
    module = parse(
        f'"tt.func"() <{{function_type = ({types}) -> (), sym_name = "f", arg_attrs = [{hints}]}}> ({{\n'
        f'^bb0({arguments}):\n{body}\n  "tt.return"() : () -> ()\n}}) : () -> ()'
    )
    verify(module)
    analysis = AxisAnalysis(module.body.terminator)
    values = [v for op in module.walk() for v in op.results] + module.body.terminator.regions[0].blocks[0].arguments
    for op in module.walk():
        for region in op.regions[:1] if op.name.startswith("scf") else ():
            values += region.blocks[0].arguments
    return {value.name: analysis.of(value) for value in values}


def test_a_tile_of_a_row_major_matrix():
    found = facts(
        """\
  %r = "tt.make_range"() <{start = 0 : i32, end = 16 : i32}> : () -> tensor<16xi32>
  %pid = "tt.get_program_id"() <{axis = 0 : i32}> : () -> i32
  %c16 = "arith.constant"() <{value = 16 : i32}> : () -> i32
  %m = "arith.muli"(%pid, %c16) : (i32, i32) -> i32
  %ms = "tt.splat"(%m) : (i32) -> tensor<16xi32>
  %rm = "arith.addi"(%ms, %r) : (tensor<16xi32>, tensor<16xi32>) -> tensor<16xi32>
  %row = "tt.expand_dims"(%rm) <{axis = 1 : i32}> : (tensor<16xi32>) -> tensor<16x1xi32>
  %s = "tt.splat"(%n) : (i32) -> tensor<16x1xi32>
  %far = "arith.muli"(%row, %s) : (tensor<16x1xi32>, tensor<16x1xi32>) -> tensor<16x1xi32>
  %base = "tt.splat"(%p) : (!tt.ptr<f32>) -> tensor<16x1x!tt.ptr<f32>>
  %rows = "tt.addptr"(%base, %far) : (tensor<16x1x!tt.ptr<f32>>, tensor<16x1xi32>) -> tensor<16x1x!tt.ptr<f32>>
  %all = "tt.broadcast"(%rows) : (tensor<16x1x!tt.ptr<f32>>) -> tensor<16x16x!tt.ptr<f32>>
  %col = "tt.expand_dims"(%rm) <{axis = 0 : i32}> : (tensor<16xi32>) -> tensor<1x16xi32>
  %cols = "tt.broadcast"(%col) : (tensor<1x16xi32>) -> tensor<16x16xi32>
  %tile = "tt.addptr"(%all, %cols) : (tensor<16x16x!tt.ptr<f32>>, tensor<16x16xi32>) -> tensor<16x16x!tt.ptr<f32>>
  %end = "tt.splat"(%n) : (i32) -> tensor<1x16xi32>
  %mask = "arith.cmpi"(%col, %end) <{predicate = 2 : i64}> : (tensor<1x16xi32>, tensor<1x16xi32>) -> tensor<1x16xi1>
""",
        hints="{tt.divisibility = 16 : i32}, {tt.divisibility = 16 : i32}",
    )
    assert found["rm"] == AxisInfo((16,), (16,), (1,), nonnegative=True)
    assert found["tile"].contiguity == (1, 16) and found["tile"].divisibility[1] == 16
    assert found["tile"].constancy == (1, 1)
    assert found["mask"].constancy == (1, 16)
    assert found["base"] == AxisInfo((1, 1), (16, 16), (16, 1))


def test_division_and_remainder_of_a_range():
    found = facts(
        """\
  %r = "tt.make_range"() <{start = 0 : i32, end = 64 : i32}> : () -> tensor<64xi32>
  %w = "arith.constant"() <{value = dense<16> : tensor<64xi32>}> : () -> tensor<64xi32>
  %q = "arith.divsi"(%r, %w) : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
  %m = "arith.remsi"(%r, %w) : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
  %below = "arith.subi"(%r, %w) : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
  %torn = "arith.divsi"(%below, %w) : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
""",
    )
    assert found["q"].constancy == (16,)
    assert found["m"].contiguity == (16,) and found["m"].divisibility == (16,)
    assert found["below"].contiguity == (64,) and found["torn"].constancy == (1,)


def test_hints_of_the_user():
    found = facts(
        """\
  %x = "arith.addi"(%n, %n) {tt.divisibility = dense<32> : tensor<1xi32>} : (i32, i32) -> i32
  %s = "tt.splat"(%x) {tt.contiguity = dense<8> : tensor<1xi32>} : (i32) -> tensor<32xi32>
  %both = "tt.load"(%p) {tt.constancy = 4 : i32} : (!tt.ptr<f32>) -> f32
""",
    )
    assert found["x"].divisibility == (32,)
    assert found["s"].contiguity == (8,) and found["both"].constancy == (4,)


@pytest.mark.parametrize("step, divisor", [(16, 16), (4, 4), (1, 1)])
def test_a_carried_pointer_keeps_what_every_step_keeps(step, divisor):
    found = facts(
        f"""\
  %z = "arith.constant"() <{{value = 0 : i32}}> : () -> i32
  %step = "arith.constant"() <{{value = {step} : i32}}> : () -> i32
  %out = "scf.for"(%z, %n, %step, %p) ({{
  ^bb0(%i: i32, %q: !tt.ptr<f32>):
    %next = "tt.addptr"(%q, %step) : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>
    "scf.yield"(%next) : (!tt.ptr<f32>) -> ()
  }}) : (i32, i32, i32, !tt.ptr<f32>) -> !tt.ptr<f32>
""",
        hints="{tt.divisibility = 64 : i32}, {}",
    )
    assert found["i"].divisibility == (divisor,) and found["i"].nonnegative and found["i"].constant is None
    assert found["q"].divisibility == found["out"].divisibility == (4 * divisor,)
