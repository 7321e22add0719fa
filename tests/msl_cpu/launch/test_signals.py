"""Signals and deadlines during a launch: a spinning kernel ends, the process lives, and the next launch is right.

Every script runs in a process of its own, whose main thread launches. "spins" waits for its first buffer to change.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

WITHIN = 2.0
"""Seconds from the signal to the exception: the goal is half a second, the rest is for machines that are busy."""

HEAD = """
import os, signal, sys, threading, time
import numpy as np
from triton_alloy.msl_cpu import Deadline, KernelFailure, Library

TEXT = '''
#include <metal_stdlib>
using namespace metal;
kernel void spins(volatile device int *x [[buffer(0)]]) { while (x[0] == 0) {} }
kernel void meets(volatile device int *x [[buffer(0)]]) {
  uint n = 0;
  while (x[0] == 0) { threadgroup_barrier(mem_flags::mem_threadgroup); ++n; }
}
'''

def load(mode, **options):
    return Library(TEXT, mode, **options)

def launch(kernel, start=0):
    kernel.launch([np.array([start], np.int32)], 4, 64)

def after(seconds, call):
    threading.Timer(seconds, call).start()

def interrupt_self():
    os.kill(os.getpid(), signal.SIGINT)
"""


@contextlib.contextmanager
def running(script: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A process and what it prints. It does not outlive the test, nor a hundred seconds."""
    command = [sys.executable, "-c", HEAD + textwrap.dedent(script)]
    options: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=os.environ | environment, **options) as process:
        guard = threading.Timer(100, process.kill)
        guard.start()
        try:
            assert process.stdout
            yield process, process.stdout
        finally:
            guard.cancel()
            process.kill()


def printed(script: str, **environment: str) -> list[str]:
    """The lines of a script, which must end well."""
    with running(script, **environment) as (process, out):
        lines = out.read()
        assert process.wait() == 0, lines
        return lines.splitlines()


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("mode", ["fast", "reference", "sanitize"])
def test_ctrl_c_ends_a_launch(mode: str, threads: str):
    script = f"""
        library = load({mode!r})
        for name in ("spins", "meets", "spins"):
            launch(library[name], 1)
            try:
                print("ready", flush=True)
                launch(library[name])
            except KeyboardInterrupt:
                print(time.monotonic(), flush=True)
            launch(library[name], 1)
        print("right")
    """
    with running(script, MSL_CPU_THREADS=threads) as (process, out):
        for wait in (0.3, 0.0, 0.6):
            assert out.readline() == "ready\n"
            time.sleep(wait + 0.05)  # 0.05: from its word to its launch
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            taken = float(out.readline()) - sent
            print(f"{taken:.3f} s from the signal to the exception")
            assert taken < WITHIN
        assert out.read() == "right\n" and process.wait() == 0


def test_ctrl_c_while_nothing_runs():
    lines = printed("""
        kernel = load("fast")["spins"]
        launch(kernel, 1)
        after(1.5, interrupt_self)  # by then the runtime has gone to sleep
        try:
            time.sleep(20)
        except KeyboardInterrupt:
            launch(kernel, 1)
            print("right")
    """)
    assert lines == ["right"]


def test_ctrl_c_while_the_text_is_compiled(tmp_path: Path):
    slow = tmp_path / "slow"
    version = '[ "$1" = --version ] && echo "clang version 18" && exit'
    slow.write_text(f"#!/bin/sh\n{version}\ntouch {tmp_path}/begun\nexec sleep 60\n")
    slow.chmod(0o755)
    script = """
        compiler = os.environ.pop("MSL_CPU_CXX", None)
        os.environ["MSL_CPU_CXX"] = os.environ["SLOW"]
        try:
            load("reference")
        except KeyboardInterrupt:
            print(time.monotonic(), flush=True)
        del os.environ["MSL_CPU_CXX"]
        if compiler:
            os.environ["MSL_CPU_CXX"] = compiler
        launch(load("reference")["spins"], 1)
        print("right", os.listdir(os.environ["TMPDIR"]))
    """
    (tmp_path / "temporary").mkdir()
    folders = {"MSL_CPU_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "temporary")}
    with running(script, SLOW=str(slow), **folders) as (process, out):
        while not (tmp_path / "begun").exists() and process.poll() is None:
            time.sleep(0.05)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        caught, right = out.read().splitlines()
        assert float(caught) - sent < WITHIN
        assert right == "right []" and process.wait() == 0


def test_a_handler_that_does_not_raise_lets_the_kernel_go_on():
    """The handler runs during the launch: nothing else ends it."""
    lines = printed("""
        x = np.zeros(1, np.int32)
        def handler(*arguments):
            print("handler", flush=True)
            x[0] = 1
        signal.signal(signal.SIGINT, handler)
        for mode in ("fast", "reference"):
            x[0] = 0
            after(0.3, interrupt_self)
            load(mode)["spins"].launch([x], 4, 64)
            print("ended")
    """)
    assert lines == ["handler", "ended"] * 2


def test_any_signal_and_any_exception():
    lines = printed("""
        def handler(*arguments):
            raise TimeoutError("too slow")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            launch(load("fast")["spins"])
        except TimeoutError as error:
            print(repr(error), error.__traceback__.tb_next.tb_frame.f_code.co_name)
    """)
    assert lines == ["TimeoutError('too slow') launch"]


PARAMETERS = {
    "fast": "uint3 group [[threadgroup_position_in_grid]], u32 lane [[thread_index_in_simdgroup]]",
    "reference": "uint i [[thread_position_in_grid]]",
}
BODIES = {
    "fast": "u32 value = group.x * 32 + lane; REPEATED store_contiguous(out, int(group.x) * 32 + i32(lane), value);",
    "reference": "uint value = i; REPEATED out[i] = value;",
}


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_results_are_right_whatever_arrives(mode: str):
    """Handlers that use vector registers and the stack run between any two instructions of a kernel."""
    loop = "for (uint k = 0; k < count; ++k) value = value * 1664525u + 1013904223u;"
    parameters = f"device uint *out [[buffer(0)]], constant uint &count [[buffer(1)]], {PARAMETERS[mode]}"
    lines = printed(f"""
        calls = []
        def handler(*arguments):
            calls.append(float(np.ones(500) @ np.ones(500)) + sum(range(100)))
        signal.signal(signal.SIGALRM, handler)
        body = {BODIES[mode].replace("REPEATED", loop)!r}
        head = "#include <metal_stdlib>\\nusing namespace metal;\\n"
        kernel = Library(head + "kernel void turns({parameters}) {{" + body + "}}", {mode!r})["turns"]
        count, seconds, out = 1_000_000, 0, np.zeros(128, np.uint32)
        while seconds < 0.8:
            calls.clear()
            count *= 3
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            start = time.monotonic()
            kernel.launch([out, np.array([count], np.uint32)], 4, 32)
            seconds = time.monotonic() - start
            signal.setitimer(signal.ITIMER_REAL, 0)
        factor, term, step, add = 1, 0, 1664525, 1013904223
        while count:
            if count & 1:
                factor, term = factor * step % 2**32, (term * step + add) % 2**32
            step, add = step * step % 2**32, (step + 1) * add % 2**32
            count >>= 1
        print(np.array_equal(out, (np.arange(128, dtype=np.uint64) * factor + term) % 2**32), len(calls) > 1)
    """)
    assert lines == ["True True"]


def test_a_handler_cannot_launch_into_the_launch_it_interrupts():
    lines = printed("""
        x, kernel = np.zeros(1, np.int32), load("fast")["spins"]
        def handler(*arguments):
            try:
                launch(kernel, 1)
            except KernelFailure as error:
                print(error, flush=True)
            x[0] = 1
        signal.signal(signal.SIGINT, handler)
        after(0.3, interrupt_self)
        kernel.launch([x], 4, 64)
        launch(kernel, 1)
    """)
    assert lines == ["kernel 'spins': a signal's handler, which has interrupted a launch, cannot launch another"]


def test_launches_of_other_threads_go_on():
    """As all work of threads does in Python: the main thread gets the exception, also while it waits for its turn."""
    lines = printed("""
        kernel, done = load("fast", deadline=3)["spins"], []
        def work():
            try:
                launch(kernel)
            except KernelFailure as error:
                done.append("deadline" in str(error))
            finished.set()
        finished = threading.Event()
        threading.Thread(target=work).start()
        time.sleep(0.2)
        for wait in (finished.wait, lambda: launch(kernel, 1)):
            try:
                after(0.3, interrupt_self)
                start = time.monotonic()
                wait()
            except KeyboardInterrupt:
                print(time.monotonic() - start < 0.3 + 1.5, done)
        finished.wait()
        launch(kernel, 1)
        print(done)
    """)
    assert lines == ["True []", "True []", "[True]"]


def test_handlers_of_the_signal_that_the_runtime_uses():
    """SIGURG reaches the handler it had, before, during and after a long launch; what the runtime sends does not."""
    lines = printed("""
        x, kernel, seen = np.zeros(1, np.int32), load("fast")["spins"], []
        launch(kernel, 1)
        signal.signal(signal.SIGURG, lambda *arguments: seen.append(len(seen)))
        os.kill(os.getpid(), signal.SIGURG)
        def release():
            os.kill(os.getpid(), signal.SIGURG)
            time.sleep(0.3)
            x[0] = 1
        after(0.5, release)
        kernel.launch([x], 4, 64)
        os.kill(os.getpid(), signal.SIGURG)
        print(seen[0], len(seen))
        after(0.3, interrupt_self)
        try:
            launch(kernel)
        except KeyboardInterrupt:
            print(len(seen))
    """)
    assert lines[0].startswith("0 ") and 2 <= int(lines[0][2:]) <= 3 and lines[1] == lines[0][2:]


def test_a_deadline_may_change():
    lines = printed("""
        limit = [0.3]
        kernel = load("fast", deadline=Deadline(lambda: limit[0], "wait"))["spins"]
        for seconds in (0.3, 0.6):
            limit[0], start = seconds, time.monotonic()
            try:
                launch(kernel)
            except KernelFailure as error:
                print(str(error).splitlines()[0], seconds <= time.monotonic() - start < seconds + 1.5)
        limit[0], x = 0, np.zeros(1, np.int32)
        after(0.9, lambda: x.fill(1))
        kernel.launch([x], 4, 64)
    """)
    head, end = r"program_source:4: kernel 'spins', threadgroup \([0-3], 0, 0\): ", r"was stopped; wait True"
    text = head + r"the kernel ran past its deadline of {} s and " + end
    assert len(lines) == 2
    for seconds, line in zip((r"0\.3", r"0\.6"), lines, strict=True):
        assert re.fullmatch(text.format(seconds), line), line


def test_a_deadline_that_cannot_be_told_ends_the_launch():
    lines = printed("""
        def limit():
            raise ValueError("no number")
        try:
            launch(load("fast", deadline=Deadline(limit, ""))["spins"])
        except ValueError as error:
            print(error)
    """)
    assert lines == ["no number"]


def test_a_forked_child_is_interrupted_too():
    lines = printed("""
        kernel = load("fast")["spins"]
        launch(kernel, 1)
        child = os.fork()
        if not child:
            after(0.3, interrupt_self)
            try:
                launch(kernel)
            except KeyboardInterrupt:
                os._exit(7)
            os._exit(1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert lines == ["7"]


@pytest.mark.parametrize("mode", ["fast", "reference"])
def test_a_fault_ends_the_programs_that_wait_for_its_result(mode: str):
    lines = printed(
        f"""
        text = '''
        #include <metal_stdlib>
        using namespace metal;
        kernel void waits(volatile device int *x [[buffer(0)]], uint3 group [[threadgroup_position_in_grid]]) {{
          if (group.x == 1) {{ x[1] = 7 / x[2]; x[0] = 1; }}
          while (x[0] == 0) {{}}
        }}'''
        kernel = Library(text, {mode!r})["waits"]
        for divisor in (0, 7, 0):
            x = np.array([0, 0, divisor], np.int32)
            try:
                kernel.launch([x], 2, 32)
                print(x[:2].tolist())
            except KernelFailure as error:
                print(str(error).splitlines()[0])
        """,
        MSL_CPU_THREADS="2",
    )
    failure = "program_source:5: kernel 'waits', threadgroup (1, 0, 0): the kernel divided an integer by zero"
    assert lines == [failure, "[1, 1]", failure]
