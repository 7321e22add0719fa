"""The log of a launch as people see it, from bytes written by hand; services as buffers of a kernel, in all modes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from triton_alloy.errors import DeviceAssertion
from triton_alloy.kernel import LOCKS_BYTES, LOG_BYTES, Argument, Extent, Kernel, Message, Service
from triton_alloy.runtime import log
from triton_alloy.runtime.cpu import cpu_device

TEXT = """#include <metal_stdlib>
using namespace metal;
// vocabulary: begin
typedef uint u32;
inline void store_uniform(device uint *p, uint i, uint value) { if (simd_is_first()) p[i] = value; }
inline void store_uniform(device int *p, uint i, int value) { if (simd_is_first()) p[i] = value; }
// vocabulary: end
struct probe_scalars { int a; };
[[kernel, max_total_threads_per_threadgroup(32)]]
void probe(device int *out [[buffer(0)]], constant probe_scalars &scalars [[buffer(1)]],
           device uint *device_log [[buffer(2)]], device uint *lock_table [[buffer(3)]],
           uint3 program_id [[threadgroup_position_in_grid]]) {
    store_uniform(out, 0u, scalars.a);
    store_uniform(device_log, 0u, 1u);
    store_uniform(device_log, 8u + 1u, 4u);
    store_uniform(device_log, 8u + 5u, 7u);
    store_uniform(lock_table, 4095u, lock_table[0]);
}
"""
SERVICES = (Service("log", LOG_BYTES), Service("locks", LOCKS_BYTES))


def kernel(*messages: Message, source: str = "") -> Kernel:
    arguments = (Argument("out", "buffer", "i32", 0), Argument("a", "scalar", "i32", 1))
    return Kernel("probe", source, arguments, 1, 0, "cpu", services=SERVICES, messages=messages)


def written(records: list[tuple[int, ...]], asked: int | None = None, failures: tuple[int, ...] = (0,)) -> bytes:
    """A log with (message, x, y, z, element, value) records."""
    head = (len(records) if asked is None else asked, *failures)
    words = [*head, *[0] * (8 - len(head))]
    for *start, value in records:
        words += [*start, value & 0xFFFFFFFF, value >> 32, 0]
    return struct.pack(f"<{len(words)}I", *words)


def bits(code: str, number: float) -> int:
    return int.from_bytes(struct.pack(f"<{code}", number), "little")


@pytest.mark.parametrize(
    "message, element, value, text",
    [
        (Message("print", " x: ", element="i32", shape=(128,)), 7, 2**32 - 3, "pid (0, 1, 2) idx (  7) x: -3"),
        (Message("print", " x: ", element="i32", signed=False, shape=(8,)), 7, 2**32 - 3, "idx (7) x: 4294967293"),
        (Message("print", ": ", element="i8", signed=False, shape=(4, 32)), 41, 200, "pid (0, 1, 2) idx (1,  9): 200"),
        (Message("print", " x: ", element="i64", shape=(1, 1)), 0, 2**63, "idx (0, 0) x: -9223372036854775808"),
        (Message("print", " x: ", element="i16", hexadecimal=True), 0, 0xFFAB, "pid (0, 1, 2) idx () x: 0xffab"),
        (Message("print", " x: ", element="f32", hexadecimal=True), 0, bits("f", 1.0), "idx () x: 0x3f800000"),
        (Message("print", " x: ", element="f32"), 0, bits("f", -1.5), "idx () x: -1.500000"),
        (Message("print", " x: ", element="f16"), 0, bits("e", 0.25), "idx () x: 0.250000"),
        (Message("print", " x: ", element="bf16"), 0, 0x7F80, "idx () x: inf"),
        (Message("print", " x: ", element="i1", signed=False), 0, 1, "idx () x: 1"),
        (Message("print", " p: ", element="pointer"), 0, 0x7F0012345678, "idx () p: 0x7f0012345678"),
        (Message("print", ": ", element="i32", operand=1, operands=2), 0, 5, "pid (0, 1, 2) idx (): (operand 1) 5"),
        (Message("print", " reached"), 0, 0, "pid (0, 1, 2) reached"),
    ],
)
def test_a_line_is_that_of_triton_on_cuda(capsys, message, element, value, text):
    log.report(kernel(message), written([(0, 0, 1, 2, element, value)]))
    assert capsys.readouterr().out.endswith(f"{text}\n")


def test_lines_are_sorted_by_program_and_repeated_per_thread(capsys):
    messages = (Message("print", " a", copies=2), Message("print", " b"))
    records = [(1, 1, 0, 0, 0, 0), (0, 0, 0, 1, 0, 0), (0, 1, 0, 0, 0, 0), (1, 0, 2, 0, 0, 0)]
    log.report(kernel(*messages), written(records))
    assert capsys.readouterr().out.splitlines() == [
        "pid (1, 0, 0) b",
        *["pid (1, 0, 0) a"] * 2,
        "pid (0, 2, 0) b",
        *["pid (0, 0, 1) a"] * 2,
    ]


def test_what_did_not_fit_is_counted(capsys):
    log.report(kernel(Message("print", " a")), written([(0, 0, 0, 0, 0, 0)] * 2, asked=5))
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert printed.err == "probe: 3 values of device_print did not fit into the log\n"


def test_a_failed_assertion_says_where():
    message = Message("assert", "x < 1", "t.py:9", shape=(4, 16))
    with pytest.raises(DeviceAssertion) as caught:
        log.report(kernel(message), written([], failures=(3, 0, 5, 6, 7, 18)))
    assert str(caught.value) == (
        "device-side assert triggered: t.py:9: probe: Assertion `x < 1` failed in program (5, 6, 7) "
        "at element (1, 2) (and for 2 more)"
    )
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("mode", ["fast", "reference", "strict", "sanitize"])
def test_services_follow_the_arguments(mode, capsys):
    message = Message("print", " seen: ", element="i32")
    probe = Kernel.from_json(kernel(message, source=TEXT).to_json())
    assert probe == kernel(message, source=TEXT)
    device = cpu_device(mode)
    executable = device.compile(probe)
    out = np.zeros(1, np.int32)
    for number in (5, 6):  # a log is zero before each launch
        device.launch(executable, [out.ctypes.data], struct.pack("i", number), (1, 1, 1), [Extent(0, out.nbytes)])
        assert out[0] == number
    assert capsys.readouterr().out == "pid (4, 0, 0) idx () seen: 7\n" * 2
