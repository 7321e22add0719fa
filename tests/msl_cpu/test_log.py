"""os_log: messages of kernels reach the host's logger."""

from __future__ import annotations

import logging

import numpy as np

from triton_alloy.msl_cpu import Library

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
