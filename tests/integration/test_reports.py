"""What a run of a wrong kernel says: kernel, program, argument, element, the user's line; Metal's line comes last."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.errors import DeviceAssertion
from triton_alloy.kernel import Kernel
from triton_alloy.msl_cpu import KernelFailure
from triton_alloy.msl_cpu.sanitize import SanitizerError

TARGETS = ("cpu", "apple9")


@triton.jit
def double(x_ptr, o_ptr, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(o_ptr + i, tl.load(x_ptr + i) * 2)  # both without a mask


@triton.jit
def halves(o_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o_ptr + i // 2, i)  # two lanes, one element


@triton.jit
def tally(o_ptr):
    seen = tl.load(o_ptr)  # read
    tl.store(o_ptr, seen + 1)  # written


@triton.jit
def add(at_ptr, v_ptr, o_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.atomic_add(o_ptr + tl.load(at_ptr + i), tl.load(v_ptr + i))  # the atomic


@triton.jit
def far(o_ptr, k, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    if tl.program_id(0) == 7:
        i += k
    tl.store(o_ptr + i, i)  # far away


@triton.jit
def jump(address, o_ptr):
    p = address.to(tl.pointer_type(tl.float32))
    tl.store(o_ptr, tl.load(p))  # nowhere


@triton.jit
def guard(x_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.device_assert(tl.load(x_ptr + i) < 10, "small")  # the assertion


def line_of(kernel: Any, mark: str) -> str:
    """`file.py:12: the source`, of the line of the kernel with the mark."""
    lines, first = inspect.getsourcelines(kernel.fn)
    [number] = [i for i, line in enumerate(lines) if mark in line]
    return f"{__file__}:{first + number}: {lines[number].strip()}"


def reports(run: Any, **variables: str) -> list[list[str]]:
    """The lines of each report of a sanitized launch."""
    with config.scope(TRITON_ALLOY_MODE="sanitize", **variables), pytest.raises(SanitizerError) as caught:
        run()
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    return [text.split("\n    ") for text in caught.value.texts]


@pytest.mark.parametrize("target", TARGETS)
def test_the_sanitizer_on_accesses_out_of_bounds(target):
    x, o = torch.ones(40), torch.zeros(40)
    read, written = reports(lambda: double[(3,)](x, o, B=16), TRITON_ALLOY_TARGET=target)
    for lines, access, name in ((read, "read", "x_ptr"), (written, "write", "o_ptr")):
        pattern = rf"out of bounds: kernel double, program \(2, 0, 0\): {access} of {name}\[4\d\] by thread \d+; "
        assert re.fullmatch(rf"{pattern}{name} has elements 0 to 39 \(\d+ times\)", lines[0])
        assert lines[1] == line_of(double, "both without")
        assert lines[2].startswith("line ") and "of the Metal text: store(o_ptr, i, load(x_ptr, i)" in lines[2]


@pytest.mark.parametrize("target", TARGETS)
def test_a_view_is_the_bound_on_request(target):
    x, o = torch.ones(100)[20:60], torch.zeros(100)[20:60]
    with config.scope(TRITON_ALLOY_MODE="sanitize", TRITON_ALLOY_TARGET=target):
        double[(3,)](x, o, B=16)  # the storages hold it
    assert (o == 2).all()
    read, _ = reports(lambda: double[(3,)](x, o, B=16), TRITON_ALLOY_TARGET=target, TRITON_ALLOY_BOUNDS="view")
    assert "; the view x_ptr has elements 0 to 39" in read[0]
    read, _ = reports(lambda: double[(6,)](x, o, B=16), TRITON_ALLOY_TARGET=target)
    assert "; x_ptr has elements -20 to 79" in read[0]


def test_the_sanitizer_on_races():
    [lines] = reports(lambda: halves[(1,)](torch.zeros(32, dtype=torch.int32), B=32), TRITON_ALLOY_TARGET="cpu")
    head = r"race: kernel halves, program \(0, 0, 0\): write of o_ptr\[(\d+)\] by thread (\d+) against write by thread "
    found = re.fullmatch(head + r"(\d+) \(16 times\)", lines[0])
    assert found and int(found[2]) // 2 == int(found[3]) // 2 == int(found[1])
    assert lines[1] == line_of(halves, "two lanes")


def test_a_race_of_programs_names_both_lines():
    read, written = reports(lambda: tally[(8,)](torch.zeros(1, dtype=torch.int32)), TRITON_ALLOY_TARGET="cpu")
    assert re.fullmatch(
        r"race: kernel tally, program \(1, 0, 0\): read of o_ptr\[0\] by thread \d+ "
        r"against write by thread \d+ of program \(0, 0, 0\) \(\d+ times\)",
        read[0],
    )
    assert read[1:3] == [line_of(tally, "# read"), f"against {line_of(tally, '# written')}"]
    assert written[1] == line_of(tally, "# written") and written[2].startswith("line ")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("count", [6, 7])
def test_atomics_on_the_last_element_are_right(target, dtype, count):
    """Atomics of 16 bits swap the word that holds them, of which one half may lie behind the tensor."""
    at, o = torch.arange(64) % count, torch.zeros(count, dtype=dtype)
    with config.scope(TRITON_ALLOY_MODE="sanitize", TRITON_ALLOY_TARGET=target):
        add[(1,)](at, torch.ones(64, dtype=dtype), o, 64)
    assert torch.equal(o.long(), torch.bincount(at, minlength=count))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32], ids=str)
def test_atomics_behind_the_last_element_are_not(target, dtype):
    at, v, o = torch.arange(64) % 8, torch.ones(64, dtype=dtype), torch.zeros(7, dtype=dtype)
    lines = reports(lambda: add[(1,)](at, v, o, 64), TRITON_ALLOY_TARGET=target)[0]
    head = r"out of bounds: kernel add, program \(0, 0, 0\): atomic access of o_ptr\[7\] by thread \d+; "
    assert re.fullmatch(head + r"o_ptr has elements 0 to 6 \(\d+ times\)", lines[0])
    assert lines[1] == line_of(add, "the atomic")


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_memory_that_is_not_there(mode):
    """Without bounds: the line, what is nearest, and how to find out more."""
    o = torch.zeros(512, dtype=torch.int32)
    with config.scope(TRITON_ALLOY_MODE=mode, TRITON_ALLOY_BOUNDS="0"), pytest.raises(KernelFailure) as caught:
        far[(16,)](o, 1 << 30, B=32)
    head, source, remedy, metal = str(caught.value).split("\n    ")
    assert re.fullmatch(
        r"kernel far, program \(7, 0, 0\): the kernel used memory that is not there "
        r"\(an index outside of a buffer\?\), nearest to o_ptr\[10737420\d\d\]",
        head,
    )
    assert source == line_of(far, "far away")
    assert remedy == "run again with TRITON_ALLOY_BOUNDS=1 to find the access"
    assert metal.startswith(f"line {caught.value.fault.line} of the Metal text: store")
    assert pickle.loads(pickle.dumps(caught.value)).fault == caught.value.fault


@pytest.mark.filterwarnings("ignore:kernel jump makes pointers")
def test_a_pointer_that_is_a_number():
    with config.scope(TRITON_ALLOY_BOUNDS="1"), pytest.raises(KernelFailure) as caught:
        jump[(1,)](1 << 40, torch.zeros(1))
    assert line_of(jump, "nowhere") in str(caught.value)
    assert "this kernel makes pointers of numbers, which TRITON_ALLOY_BOUNDS does not check" in str(caught.value)


@pytest.mark.parametrize("target", TARGETS)
def test_a_failed_assertion_shows_its_line(target):
    x = torch.arange(16, dtype=torch.int32)
    with config.scope(TRITON_ALLOY_TARGET=target), pytest.raises(DeviceAssertion) as caught:
        guard[(1,)](x, B=16, debug=True)
    place, _, text = line_of(guard, "the assertion").partition(": ")
    assert str(caught.value) == (
        f"device-side assert triggered: {place}: guard: Assertion `small` failed in program (0, 0, 0) at element (10) "
        f"(and for 5 more)\n    {text}"
    )


def test_the_lines_travel_with_the_kernel():
    compiled = double[(1,)](torch.zeros(16), torch.zeros(16), B=16)
    kernel = Kernel.from_json(compiled.asm["alloy"])
    assert Kernel.from_json(kernel.to_json()) == kernel
    [number] = [n for n, line in enumerate(kernel.source.split("\n"), 1) if "store(o_ptr, i, load(" in line]
    assert [str(line) for line in kernel.source_lines(number, "read")] == [line_of(double, "both without")]
    assert [str(line) for line in kernel.source_lines(number, "write")] == [line_of(double, "both without")]
    assert kernel.source_lines(1, "read") == []
