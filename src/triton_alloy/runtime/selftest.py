"""What a machine must compute rightly before kernels are trusted to it, checked at its first use.

The maps and modes that printed texts rely on are partly undocumented (the lanes of simdgroup_matrix) and partly known
to be miscompiled by some releases. Each test is a page of Metal text in selftest_kernels/, its input and the output it
must have, worked out here by hand. A failed test refuses the kernels whose text uses one of its words; others run.
The result is remembered in a file per machine and system.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DeviceFailure, RejectedText
from ..kernel import Argument, Kernel
from ..target import MMA_8X8

_FOLDER = Path(__file__).with_name("selftest_kernels")
_LANES = range(32)

Run = Callable[[Kernel, bytes, int, int], bytes]
"""(kernel, input, bytes of output, programs) -> output."""


@dataclass(frozen=True)
class SelfTest:
    """words: of a kernel's text that relies on it, all kernels if empty; meaning: what is wrong where it fails.

    inputs, expected: the bytes of its two buffers; programs: of one simdgroup each.
    """

    name: str
    words: tuple[str, ...]
    meaning: str
    inputs: bytes
    expected: bytes
    programs: int = 1

    @property
    def kernel(self) -> Kernel:
        """Its text, with two buffers."""
        arguments = (Argument("given", "buffer", "i8", 0, read_only=True), Argument("result", "buffer", "i8", 1))
        source = (_FOLDER / f"{self.name}.metal").read_text(encoding="ascii")
        return Kernel(self.name, source, arguments, simdgroups=1, threadgroup_bytes=0, family="apple7")

    def concerns(self, source: str) -> bool:
        """Whether a kernel's text relies on what is tested."""
        used = (re.search(rf"(?<!\w){re.escape(word)}(?!\w)", source) for word in self.words)
        return not self.words or any(used)

    def failure(self, run: Run) -> str:
        """What is wrong; "" where all is right."""
        try:
            result = run(self.kernel, self.inputs, len(self.expected), self.programs)
        except (DeviceFailure, RejectedText) as error:
            return f"{self.meaning} ({error})"
        return "" if result == self.expected else self.meaning


def words(values: Sequence[int]) -> bytes:
    """32-bit words as bytes."""
    return struct.pack(f"<{len(values)}I", *values)


def floats(values: Sequence[float]) -> bytes:
    """32-bit floats as bytes."""
    return struct.pack(f"<{len(values)}f", *values)


def _lane_map() -> bytes:
    """For each lane, the numbers 8 * row + column of its two elements."""
    places = (MMA_8X8.c.apply(register, lane) for lane in _LANES for register in range(2))
    return floats([8 * row + column for row, column in places])


NAN, INFINITY = float("nan"), float("inf")
ONE_THIRD, ROOT_OF_2 = 0x3EAAAAAB, 0x3FB504F3
"""1/3 and the root of 2 as 32-bit floats, correctly rounded."""

SELF_TESTS = (
    SelfTest(
        "lane_map",
        ("simdgroup_matrix",),
        "the elements of simdgroup_matrix lie in other lanes than on the machines it was measured on",
        inputs=floats(range(64)),
        expected=_lane_map() * 3,
    ),
    SelfTest(
        "matrix_product",
        ("simdgroup_matrix",),
        "simdgroup_multiply_accumulate computes something else than a matrix product",
        inputs=floats([*range(64), *(i * i % 11 for i in range(64))]),
        expected=floats(
            [1 + sum((8 * m + k) * ((8 * k + n) ** 2 % 11) for k in range(8)) for m in range(8) for n in range(8)]
        ),
    ),
    SelfTest(
        "safe_math",
        (),
        "floats are optimised as if there were no NaN, infinity or rounding",
        inputs=floats([NAN, INFINITY, 1.25, -0.0, 1.0, 3.0, 2.0]),
        # isnan(NaN), NaN != NaN, isnan(inf - inf), (1.25 + 2^23) - 2^23, -0 + 0 + -0, -0, 1/3, sqrt(2), max(NaN, 1.25)
        expected=words([1, 1, 1, 0x3F800000, 0, 0x80000000, ONE_THIRD, ROOT_OF_2, 0x3FA00000]),
    ),
    SelfTest(
        "contraction",
        ("contract(off)",),
        "a multiplication and an addition are fused, or not, against what the text says",
        inputs=floats([1 + 2.0**-12, 1 + 2.0**-12, -1.0]),
        expected=floats([2.0**-11, 2.0**-11 + 2.0**-24]),
    ),
    SelfTest(
        "integer_division",
        ("divide", "remainder"),
        "unsigned divisions of large numbers are wrong",
        inputs=words([4294967294, 3, 2147483648, 2147483647, 4294967295, 4294967295]),
        expected=words([1431655764, 2, 1, 1, 1, 0]),
    ),
    SelfTest(
        "small_floats",
        ("half", "bfloat", "f16", "bf16"),
        "16-bit floats lose subnormal numbers, or round otherwise than to the nearest even",
        inputs=words([0x0001, 0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF]),
        expected=words([0x0002, 0x3F80, 0x3F82, 0x3F81, 0x7F80]),
    ),
    SelfTest(
        "lanes",
        ("simd_shuffle", "simd_shuffle_xor", "simd_sum", "simd_max", "simd_ballot", "simd_any", "simd_all"),
        "functions across the lanes of a simdgroup give other values",
        inputs=words([(i * 7) % 32 for i in _LANES]),
        expected=words(
            [(7 * (i ^ 5)) % 32 for i in _LANES] + [(7 * ((7 * i) % 32)) % 32 for i in _LANES] + [496, 31, 1, 0]
        ),
    ),
    SelfTest(
        "small_threadgroup",
        ("threadgroup_barrier", "simdgroup_barrier"),
        "a barrier does not order threadgroup memory in a threadgroup of one simdgroup",
        inputs=words([i * i for i in _LANES]),
        expected=words([(31 - i) ** 2 + ((i + 9) % 32) ** 2 for i in _LANES]),
    ),
    SelfTest(
        "bytes",
        ("char", "uchar", "i8", "u8"),
        "stores of bytes are lost where a grid has two threadgroups",
        inputs=bytes(range(64)),
        expected=bytes((3 * i + 1) % 256 for i in range(64)),
        programs=2,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """The failed tests of a machine: name -> what is wrong."""

    failures: dict[str, str]

    def against(self, source: str) -> str | None:
        """Why a text may not run here; None where it may."""
        for test in SELF_TESTS:
            if test.name in self.failures and test.concerns(source):
                return f"the self-test {test.name} failed on this machine: {self.failures[test.name]}"
        return None


def digest() -> str:
    """Of all tests, so that a result is remembered for these tests only."""
    content = hashlib.sha256()
    for test in SELF_TESTS:
        content.update(f"{test.kernel.source}\0{test}".encode())
    return content.hexdigest()


def verdict(run: Run, path: Path | None) -> Verdict:
    """The result for a machine: from the file at `path`, else of running the tests, which is then written there."""
    remembered = _read(path) if path is not None else None
    if remembered is not None:
        return remembered
    failures = {test.name: failure for test in SELF_TESTS if (failure := test.failure(run))}
    if path is not None:
        with contextlib.suppress(OSError):  # of a full disk: it is tested again the next time
            _write(path, failures)
    return Verdict(failures)


def _read(path: Path) -> Verdict | None:
    """A result for the same tests; None where there is none, or it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("tests") != digest():
        return None
    failures = content.get("failures")
    return Verdict(failures) if isinstance(failures, dict) else None


def _write(path: Path, failures: dict[str, str]) -> None:
    """Under another name first, so that no process reads a half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps({"tests": digest(), "failures": failures}), encoding="ascii")
    os.replace(part, path)
