"""Ctrl-C and TRITON_ALLOY_DEADLINE during launches of Triton kernels, on every runtime that ends up on the CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.errors import InvalidArgument
from triton_alloy.msl_cpu import KernelFailure

WITHIN = 2.0
"""Seconds from the signal to the exception: the goal is half a second, the rest is for machines that are busy."""

SCRIPT = """
import time
import torch, triton, triton.language as tl

@triton.jit
def spin(o):
    while tl.atomic_add(o, 0) == 0:
        pass

@triton.jit
def repeat(o, n, B: tl.constexpr):
    i = tl.arange(0, B)
    x = i
    for k in range(n):
        x = x * 3 + 1
    tl.store(o + i, x)

@triton.jit
def tell(o):
    tl.device_print("told", tl.load(o))
    if tl.program_id(0) == 0:
        tl.device_assert(tl.load(o) == 7, "seven")
    else:
        while tl.atomic_add(o, 0) == 0:
            pass

def ones():
    return torch.ones(64, dtype=torch.int32)

def works():
    out = ones()
    spin[(2,)](ones())
    repeat[(2,)](out, 3, B=64)
    tell[(2,)](ones() * 7, debug=True)
    return torch.equal(out, torch.arange(64, dtype=torch.int32) * 27 + 13)

works()  # compiles all of them
for launch in (lambda: spin[(2,)](ones() - 1), lambda: repeat[(4,)](ones(), 2**31 - 1, B=64),
               lambda: tell[(2,)](ones() - 1, debug=True)):
    try:
        print("ready", flush=True)
        launch()
    except KeyboardInterrupt:
        print("caught", time.monotonic(), flush=True)
    print(works(), flush=True)
"""


def line_of(out: IO[str], told: set[str]) -> str:
    """The next line but for those of tl.device_print, which are added to `told`."""
    while (line := out.readline()).startswith("pid"):
        told.add(line)
    return line


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_ctrl_c_ends_a_launch(mode: str, threads: str, tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"TRITON_ALLOY_MODE": mode, "MSL_CPU_THREADS": threads}
    command = [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(200, process.kill)
        guard.start()
        try:
            out: Any = process.stdout
            for programs_that_tell in (0, 0, 2):
                assert line_of(out, set()) == "ready\n"
                time.sleep(0.5)
                sent, told = time.monotonic(), set[str]()
                process.send_signal(signal.SIGINT)
                word, at = line_of(out, told).split()
                print(f"{float(at) - sent:.3f} s from the signal to the exception")
                assert word == "caught" and float(at) - sent < WITHIN and len(told) == programs_that_tell
                assert line_of(out, set()) == "True\n"
            assert out.read() == "" and process.wait() == 0
        finally:
            guard.cancel()
            process.kill()


@triton.jit
def wait_kernel(o_ptr):
    while tl.atomic_add(o_ptr, 0) == 0:
        pass


def passes(ones: Any) -> bool:
    wait_kernel[(2,)](ones)
    return True


@pytest.mark.parametrize("mode", ["fast", "reference", "sanitize"])
@pytest.mark.parametrize("runtime", ["cpu", "torch_mps", "mlx"])
def test_a_deadline_ends_a_launch(runtime: str, mode: str):
    if runtime == "mlx":
        mx = pytest.importorskip("mlx.core", reason="MLX has no wheel for this machine")
        import triton_alloy.mlx  # noqa: F401

        make = {"ones": mx.ones((8,), mx.int32), "zeros": mx.zeros((8,), mx.int32)}
    else:
        make = {"ones": torch.ones(8, dtype=torch.int32), "zeros": torch.zeros(8, dtype=torch.int32)}
    with config.scope(ALLOY_RUNTIME=runtime, TRITON_ALLOY_MODE=mode, TRITON_ALLOY_DEADLINE="0.4"):
        assert passes(make["ones"])
        start = time.monotonic()
        with pytest.raises(KernelFailure) as caught:
            wait_kernel[(2,)](make["zeros"])
        assert 0.4 <= time.monotonic() - start < 0.4 + WITHIN
        first, *lines = str(caught.value).split("\n")
        assert "wait_kernel" in first and first.endswith(
            "the kernel ran past its deadline of 0.4 s and was stopped; look for a loop or a wait that never ends, "
            "else set TRITON_ALLOY_DEADLINE higher (0: no limit)"
        )
        if runtime == "cpu":
            assert first.startswith("kernel wait_kernel, program (")
        if runtime == "cpu" and mode != "sanitize":  # which calls the vocabulary's functions
            assert "test_interrupts.py:" in lines[0] and lines[0].endswith(": while tl.atomic_add(o_ptr, 0) == 0:")
        assert passes(make["ones"])


def test_a_deadline_is_read_when_it_is_needed():
    """The kernel is loaded before; a launch that ends soon does not ask."""
    ones, zeros = torch.ones(8, dtype=torch.int32), torch.zeros(8, dtype=torch.int32)
    with config.scope(ALLOY_RUNTIME="cpu", TRITON_ALLOY_MODE="fast"):
        assert passes(ones)
        with config.scope(TRITON_ALLOY_DEADLINE="0.2"), pytest.raises(KernelFailure, match=r"deadline of 0\.2 s"):
            wait_kernel[(2,)](zeros)
        with (
            config.scope(TRITON_ALLOY_DEADLINE="soon"),
            pytest.raises(InvalidArgument, match="TRITON_ALLOY_DEADLINE='soon': expected a number of seconds"),
        ):
            wait_kernel[(2,)](zeros)
        assert passes(ones)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1s"])
def test_what_is_no_deadline(text: str):
    with (
        config.scope(TRITON_ALLOY_DEADLINE=text),
        pytest.raises(InvalidArgument, match="a number of seconds, 0 for no"),
    ):
        config.DEADLINE.value  # noqa: B018
