"""Arguments that are only read become constant pointers, whatever way they take; services are what an op asks for."""

from __future__ import annotations

import pytest

from tests.support.register_form import kernel_text, only_kernel, print_text
from triton_alloy.ir.parser import parse
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.registers import pointers

ARGUMENTS = "%x: !tt.ptr<f32>, %y: !tt.ptr<f32>, %n: i32"
LOAD = '%v = "msl.load"(%{0}, %n) <{{contiguous = false}}> : (!tt.ptr<f32>, i32) -> f32\n'
STORE = '"msl.store"(%{0}, %n, %v) <{{contiguous = false}}> : (!tt.ptr<f32>, i32, f32) -> ()\n'
MOVE = '%{0} = "msl.pointer_add"(%{1}, %n) : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>\n'
CHOOSE = (
    '%c = "arith.cmpi"(%n, %n) <{predicate = 0}> : (i32, i32) -> i1\n'
    '%p = "arith.select"(%c, %x, %y) : (i1, !tt.ptr<f32>, !tt.ptr<f32>) -> !tt.ptr<f32>\n'
)
EXPOSE = '%a = "msl.address_of"(%x) : (!tt.ptr<f32>) -> i64\n'
RETURN = '%p = "msl.pointer_from"(%a) : (i64) -> !tt.ptr<f32>\n'
VARIABLE = (
    '%p = "msl.variable"(%x) : (!tt.ptr<f32>) -> !tt.ptr<f32>\n'
    '"msl.write"(%y, %p) : (!tt.ptr<f32>, !tt.ptr<f32>) -> ()\n'
    '%q = "msl.read"(%p) : (!tt.ptr<f32>) -> !tt.ptr<f32>\n'
)
CARRY = (
    '%e = "scf.for"(%n, %n, %n, %x) ({\n^bb0(%i: i32, %p: !tt.ptr<f32>):\n'
    + MOVE.format("q", "p")
    + '"scf.yield"(%q) : (!tt.ptr<f32>) -> ()\n}) : (i32, i32, i32, !tt.ptr<f32>) -> !tt.ptr<f32>\n'
)
ATOMIC = (
    '%old = "msl.atomic"(%x, %n, %v) <{{function = "atomic_add", has_mask = false{0}}}> : '
    "(!tt.ptr<f32>, i32, f32) -> f32\n"
)
PRINT = (
    '"msl.print"() <{text = "here", element = "", signed = true, hexadecimal = false, shape = array<i32>, '
    "operand = 0 : i32, operands = 0 : i32}> : () -> ()\n"
)


def decided(body: str) -> tuple[list[str], tuple[str, ...]]:
    """The arguments that are constant, and the services."""
    module = parse(kernel_text(ARGUMENTS, body))
    kernel = only_kernel(module)
    pointers.run(kernel)
    verify(module)
    constant = [name for name, value in zip("xy", kernel.body.arguments, strict=False) if value.type.space != "global"]
    return constant, kernel.attributes["services"]


@pytest.mark.parametrize(
    ("body", "constant"),
    [
        (LOAD.format("x") + STORE.format("y"), ["x"]),
        (LOAD.format("x") + STORE.format("x"), ["y"]),
        (MOVE.format("p", "x") + LOAD.format("p"), ["x", "y"]),
        (LOAD.format("y") + MOVE.format("p", "x") + MOVE.format("q", "p") + STORE.format("q"), ["y"]),
        (LOAD.format("x") + CHOOSE + STORE.format("p"), []),
        (CHOOSE + LOAD.format("p"), ["x", "y"]),
        (EXPOSE, ["y"]),
        (EXPOSE + RETURN + LOAD.format("p"), ["y"]),
        (LOAD.format("y") + VARIABLE + STORE.format("q"), []),
        (VARIABLE + LOAD.format("q"), ["x", "y"]),
        (LOAD.format("y") + CARRY + STORE.format("e"), ["y"]),
        (CARRY + LOAD.format("e"), ["x", "y"]),
        (LOAD.format("y") + ATOMIC.format(""), ["y"]),
    ],
)
def test_what_leads_to_memory_that_is_only_read_is_constant(body: str, constant: list[str]):
    assert decided(body)[0] == constant


@pytest.mark.parametrize(
    ("body", "services"),
    [
        (LOAD.format("x"), ()),
        (PRINT, ("log",)),
        (LOAD.format("x") + ATOMIC.format(""), ()),
        (LOAD.format("x") + ATOMIC.format(", locked = true") + PRINT, ("locks", "log")),
    ],
)
def test_services_are_those_that_an_op_asks_for(body: str, services: tuple[str, ...]):
    assert decided(body)[1] == services


def test_every_pointer_of_a_group_has_its_type():
    kernel = only_kernel(parse(kernel_text(ARGUMENTS, VARIABLE + LOAD.format("q") + EXPOSE.replace("%x", "%y"))))
    pointers.run(kernel)
    assert {str(value.type) for op in kernel.walk() for value in op.operands if value.type is not None} == {
        "!tt.ptr<f32>",
        "i32",
    }


def test_the_text_says_const_and_binds_services_after_the_arguments():
    printed = print_text(ARGUMENTS, LOAD.format("x") + STORE.format("y") + PRINT)
    assert [(argument.name, argument.read_only) for argument in printed.arguments] == [
        ("x", True),
        ("y", False),
        ("n", False),
    ]
    assert "const device float *x [[buffer(0)]], device float *y [[buffer(1)]]" in printed.source
    assert "device uint *device_log [[buffer(3)]]" in printed.source
    assert [service.kind for service in printed.services] == ["log"]
    assert [message.text for message in printed.messages] == ["here"]
