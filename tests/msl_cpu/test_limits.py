"""Metal's numbers: those of Python are those of compiled code."""

from __future__ import annotations

import re

from triton_alloy.msl_cpu import limits
from triton_alloy.msl_cpu.compile.build import HEADERS

NAMES = {
    "simd_width": limits.SIMD_WIDTH,
    "max_threads": limits.MAX_THREADS,
    "max_buffers": limits.MAX_BUFFERS,
    "arena_bytes": limits.THREADGROUP_BYTES,
}


def test_the_headers_have_the_same_limits():
    text = (HEADERS / "msl_cpu" / "abi.h").read_text()
    found = dict(re.findall(r"^constexpr uint (\w+) = (\d+);", text, re.MULTILINE))
    assert {name: int(found[name]) for name in NAMES} == NAMES
