"""os_log: messages of kernels reach the host's logger."""

from __future__ import annotations

import ctypes
import logging

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library, compile_shader, metal_kernel

TEXT = """
#include <metal_stdlib>
#include <metal_logging>
using namespace metal;
constant os_log mine("org.example", "kernels");
kernel void f(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  if (i == 2) os_log_default.log_error("thread %u has %.2f", i, x[i]);
  threadgroup_barrier(mem_flags::mem_none);
  if (i == 5) mine.log_info("half %g, long %ld", half(1.5h), long(1) << 40);
  if (i == 6) mine.log("plain");
}
"""


def test_messages(caplog):
    kernel = Library(TEXT, "reference")["f"]
    with caplog.at_level(logging.DEBUG, "msl_cpu"):
        kernel.launch([np.arange(64, dtype=np.float32)], 2, 32)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "f: thread 2 has 2.00"),
        ("INFO", "f: half 1.5, long 1099511627776"),
        ("INFO", "f: plain"),
    ]


def test_too_many_messages_are_counted(caplog):
    text = TEXT.replace("if (i == 2)", "for (uint k = 0; k < 1000; ++k)")
    with caplog.at_level(logging.DEBUG, "msl_cpu"):
        Library(text, "reference")["f"].launch([np.arange(64, dtype=np.float32)], 2, 32)
    assert "messages did not fit" in caplog.records[-1].getMessage()
    assert 9000 < len(caplog.records) < 20000


BODY = 'os_log_default.log_error("thread %u has %.1f of %d", {thread}, x[{index}], 7);'


def _by_interface(interface: str, mode: str) -> None:
    """Run 32 threads that log their index, by one of the ways to start a kernel."""
    x = np.arange(32, dtype=np.float32)
    thread = "i" if interface != "metal_kernel" else "thread_position_in_grid.x"
    body = BODY.format(thread=thread, index=thread)
    head = "#include <metal_stdlib>\n#include <metal_logging>\nusing namespace metal;\n"
    text = f"{head}kernel void f(device float *x, uint i [[thread_position_in_grid]]) {{ {body} }}"
    if interface == "compile_shader":
        compile_shader(text, mode).f(x)
    elif interface == "metal_kernel":
        kernel = metal_kernel("f", ["x"], ["y"], body + " y[0] = 0;", "#include <metal_logging>\n", mode=mode)
        kernel(inputs=[x], output_shapes=[(1,)], output_dtypes=[np.float32], grid=(32, 1, 1), threadgroup=(32, 1, 1))
    else:
        launcher = Library(text, mode)["f"].launcher(1, 32)
        launcher((ctypes.c_void_p * 1)(x.ctypes.data), 1)
        launcher.report_messages()


@pytest.mark.parametrize("interface", ["compile_shader", "metal_kernel", "launcher"])
def test_messages_come_by_every_interface(interface: str, caplog):
    with caplog.at_level(logging.DEBUG, "msl_cpu"):
        _by_interface(interface, "reference")
    assert len(caplog.records) == 32
    assert {record.getMessage().partition(": ")[2] for record in caplog.records} == {
        f"thread {i} has {i}.0 of 7" for i in range(32)
    }


FAST = """
#include <metal_stdlib>
#include <metal_logging>
using namespace metal;
kernel void f(const device float *x [[buffer(0)]], u32 lane [[thread_index_in_simdgroup]]) {
  f32 v = load_contiguous(x, i32(lane));
  if (x[0] < 1.0f) os_log_default.log_info("lane %u: %g, all: %g %s", lane, f16(v), x[3], "text");
}
"""


def test_fast_mode_logs_for_every_lane(caplog):
    with caplog.at_level(logging.DEBUG, "msl_cpu"):
        Library(FAST, "fast")["f"].launch([np.arange(32, dtype=np.float32) / 2], 1, 32)
    assert [record.getMessage() for record in caplog.records] == [
        f"f: lane {lane}: {lane / 2:g}, all: 1.5 text" for lane in range(32)
    ]


def test_sanitize_mode_logs(caplog):
    with caplog.at_level(logging.DEBUG, "msl_cpu"):
        Library(TEXT, "sanitize")["f"].launch([np.arange(64, dtype=np.float32)], 1, 32)
    assert sorted(record.levelname for record in caplog.records) == ["ERROR", "INFO", "INFO"]
