"""Wrong input has a clear outcome: an exception that names the cause, and a process that goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from triton_alloy.msl_cpu import (
    CompileError,
    CompilerCrash,
    FrameTooLarge,
    KernelFailure,
    LaunchError,
    Library,
    MslError,
    NoCompiler,
)
from triton_alloy.msl_cpu.compile import build
from triton_alloy.msl_cpu.strict import StrictError

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
SCALE = HEAD + (
    "struct P { float a, b; };\n"
    "[[max_total_threads_per_threadgroup(64)]] kernel void scale(const device float *x [[buffer(0)]],"
    "device float *out [[buffer(1)]], constant P &p [[buffer(2)]], uint i [[thread_position_in_grid]])"
    "{ out[i] = p.a * x[i] + p.b; }\n"
)
X = np.arange(64, dtype=np.float32)
P = np.array([2, 1], np.float32)


@pytest.fixture(scope="module")
def scale():
    return Library(SCALE, "reference")["scale"]


def _works(scale) -> bool:
    out = np.zeros_like(X)
    scale.launch([X, out, P], 1, 64)
    return np.array_equal(out, 2 * X + 1)


@pytest.mark.parametrize(
    ("buffers", "message"),
    [
        ({0: X, 2: P}, "buffer 1 is not bound"),
        ({0: X, 1: np.zeros(64, np.float32)}, "buffer 2 is not bound"),
        ({0: X, 1: np.zeros(64, np.float32), 2: P[:1]}, "buffer 2 has 4 bytes; the parameter needs 8"),
        ({0: X, 1: bytes(256), 2: P}, "buffer 1 is read-only"),
        ({0: X, 1: 3, 2: P}, "a int cannot be bound"),
        ({0: X, 1: np.zeros(64, np.float32), 2: P, 31: X}, "buffer indices lie in 0 .. 30"),
    ],
)
def test_wrong_buffers_are_refused(scale, buffers: dict, message: str):
    with pytest.raises(LaunchError, match=message):
        scale.launch(buffers, 1, 64)
    assert _works(scale)


def test_read_only_arrays_are_inputs_only(scale):
    frozen = X.copy()
    frozen.flags.writeable = False
    scale.launch([frozen, np.zeros_like(X), P], 1, 64)
    with pytest.raises(LaunchError, match="read-only"):
        scale.launch([X, frozen, P], 1, 64)


@pytest.mark.parametrize("threads", [0, 65, (8, 9), (1, 1, 1, 1), (2**33, 1)])
def test_wrong_sizes_are_refused(scale, threads):
    with pytest.raises(LaunchError):
        scale.launch([X, X.copy(), P], 1, threads)


def test_an_empty_grid_runs_nothing(scale):
    scale.launch([X, X.copy(), P], 0, 64)


def test_too_much_threadgroup_memory():
    body = "threadgroup float a[8000]; threadgroup float b[N]; a[i] = b[i] = x[i]; x[i] = a[i] + b[i];"
    text = (
        "constant uint N = {};\nkernel void f(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {{{}}}"
    )
    x = np.ones(32, np.float32)
    Library(HEAD + text.format(192, body), "reference")["f"].launch([x], 1, 32)
    assert (x == 2).all()
    with pytest.raises(LaunchError, match="threadgroup memory"):
        Library(HEAD + text.format(193, body), "reference")["f"].launch([x], 1, 32)
    dynamic = "kernel void f(threadgroup float *a [[threadgroup(0)]], device float *x [[buffer(0)]]) { a[0] = x[0]; }"
    kernel = Library(HEAD + dynamic, "reference")["f"]
    kernel.launch([x], 1, 32, threadgroup_memory={0: 32768})
    with pytest.raises(LaunchError, match="threadgroup memory"):
        kernel.launch([x], 1, 32, threadgroup_memory={0: 32769})
    with pytest.raises(LaunchError, match="not set"):
        kernel.launch([x], 1, 32)


@pytest.mark.parametrize("mode", ["reference", "fast", "sanitize"])
@pytest.mark.parametrize(
    "body",
    ["while (x[0] == 0) {}", "uint n = 0; while (x[0] == 0) { threadgroup_barrier(mem_flags::mem_threadgroup); ++n; }"],
)
def test_a_deadline_ends_an_infinite_loop(mode: str, body: str):
    text = HEAD + f"kernel void f(volatile device float *x [[buffer(0)]]) {{ {body} }}"
    kernel = Library(text, mode, deadline=0.2)["f"]
    start = time.monotonic()
    with pytest.raises(KernelFailure, match="deadline"):
        kernel.launch([np.zeros(1, np.float32)], 4, 64)
    assert time.monotonic() - start < 5
    kernel.launch([np.ones(1, np.float32)], 4, 64)


@pytest.mark.parametrize("mode", ["reference", "fast"])
def test_faults_end_the_launch(mode: str):
    text = HEAD + (
        "kernel void wild(device int *x [[buffer(0)]]) { x[1l << 44] = 1; }\n"
        "kernel void divide(device int *x [[buffer(0)]]) { x[0] = 7 / x[1]; }\n"
        "kernel void right(device int *x [[buffer(0)]]) { threadgroup_barrier(mem_flags::mem_none); x[0] = 5; }\n"
    )
    library, x = Library(text, mode), np.zeros(2, np.int32)
    for _ in range(3):
        with pytest.raises(KernelFailure, match="memory that is not there"):
            library["wild"].launch([x], 100, 32)
        with pytest.raises(KernelFailure, match="by zero"):
            library["divide"].launch([x], 100, 32)
    library["right"].launch([x], 1, 32)
    assert x[0] == 5


def test_large_frames_get_larger_stacks():
    body = """
      float a[20000];
      for (uint k = 0; k < 20000; ++k) a[k] = x[(k + i) % 64];
      threadgroup_barrier(mem_flags::mem_none);
      float s = 0;
      for (uint k = 0; k < 20000; ++k) s += a[(k * 7919) % 20000];
      out[i] = s;
    """
    parameters = (
        "const device float *x [[buffer(0)]], device float *out [[buffer(1)]], uint i [[thread_position_in_grid]]"
    )
    library = Library(HEAD + f"kernel void f({parameters}) {{{body}}}", "reference")
    assert library.stack_log2 > 17
    out = np.zeros_like(X)
    library["f"].launch([X, out], 1, 64)
    expected = [np.sum(X[(np.arange(20000) + i) % 64]) for i in range(64)]
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    with pytest.raises(FrameTooLarge, match=r"needs \d+ bytes of stack: at most \d+ are supported") as caught:
        Library(HEAD + f"kernel void f({parameters}) {{{body.replace('20000', '900000')}}}", "reference")
    assert caught.value.required > 3_600_000 > 1_000_000 > caught.value.limit > 100_000
    assert isinstance(caught.value, CompileError)


def test_launches_from_several_threads(scale):
    failures = []

    def work(offset: float):
        for _ in range(50):
            x, out = X + offset, np.zeros_like(X)
            scale.launch([x, out, P], 1, 64)
            if not np.array_equal(out, 2 * x + 1):
                failures.append(offset)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_fork_after_use(scale, monkeypatch):
    monkeypatch.setenv("MSL_CPU_THREADS", "2")
    x, out = np.ones(64 * 64, np.float32), np.zeros(64 * 64, np.float32)
    scale.launch([x, out, P], 64, 64)
    child = os.fork()
    if child == 0:
        out[:] = 0
        scale.launch([x, out, P], 64, 64)
        os._exit(0 if (out == 3).all() else 1)
    deadline = time.monotonic() + 20
    finished, status = 0, 0
    while not finished and time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if not finished:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert finished == child and os.waitstatus_to_exitcode(status) == 0


def _script(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_crashing_compiler(tmp_path, monkeypatch, fresh_cache):
    monkeypatch.setenv("MSL_CPU_CXX", _script(tmp_path / "crash", "echo 'internal error' >&2; kill -SEGV $$\n"))
    with pytest.raises(CompilerCrash, match="internal error"):
        Library(SCALE)


def test_a_missing_compiler(monkeypatch, fresh_cache):
    monkeypatch.setenv("MSL_CPU_CXX", "/no/such/compiler")
    with pytest.raises(NoCompiler, match="/no/such/compiler"):
        Library(SCALE)
    monkeypatch.delenv("MSL_CPU_CXX")
    monkeypatch.setattr(build, "_candidates", lambda: iter(()))
    build._find.cache_clear()
    with pytest.raises(NoCompiler, match="pip install ziglang"):
        Library(SCALE)
    build._find.cache_clear()


def test_damaged_cache_entries_are_built_anew(fresh_cache):
    Library(SCALE)
    libraries = list(fresh_cache.glob("*.so"))
    assert libraries
    for damage in (lambda b: b[: len(b) // 2], lambda b: b[:-8] + b"tampered", lambda b: b""):
        for path in libraries:
            content = path.read_bytes()
            path.unlink()  # another inode: the one that is loaded must not change
            path.write_bytes(damage(content))
        assert _works(Library(SCALE)["scale"])
    for path in [*fresh_cache.glob("*.json"), *fresh_cache.glob("*.key")]:
        path.write_text("{")
    assert _works(Library(SCALE)["scale"])


def test_the_cache_is_private(fresh_cache, tmp_path):
    Library(SCALE)
    assert fresh_cache.stat().st_mode & 0o077 == 0
    fresh_cache.chmod(0o777)
    with pytest.raises(MslError, match="writable by others"):
        Library(SCALE)


def test_a_full_disk(fresh_cache):
    """A limit on the size of files stands for the disk: writing fails in the same place, with an OSError."""
    script = f"""
        import resource, signal
        from triton_alloy.msl_cpu import Library, MslError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
        try:
            Library({SCALE!r})
        except MslError as error:
            print("refused:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "refused:" in done.stdout, done.stderr


def _child(script: str) -> str:
    """What a process of its own prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_disk_that_fills_up_while_the_cache_is_written(fresh_cache):
    printed = _child("""
        import resource, signal
        from triton_alloy.msl_cpu import MslError
        from triton_alloy.msl_cpu.compile import cache
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        large = bytes(1 << 20)
        for make in (lambda: cache.fetch("a", lambda: (large, {})), lambda: cache.remember("b", large.decode)):
            try:
                make()
            except MslError as error:
                print("refused:", error)
    """)
    assert printed.count("refused: cannot write to the kernel cache") == 2
    assert not list(fresh_cache.iterdir())


def test_a_cache_that_is_no_directory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(MslError, match="set MSL_CPU_CACHE_DIR"):
        Library(SCALE)


def test_no_memory_for_stacks():
    printed = _child(f"""
        import resource, numpy as np
        from triton_alloy.msl_cpu import KernelFailure, Library
        from triton_alloy.msl_cpu.launch import plan
        kernel = Library({SCALE!r})["scale"]
        plan.runtime()
        x = np.arange(64, dtype=np.float32); out = np.zeros_like(x); p = np.array([2, 1], np.float32)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
        try:
            kernel.launch([x, out, p], 1, 64)
        except KernelFailure as error:
            print("refused:", error)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        kernel.launch([x, out, p], 1, 64)
        print(np.array_equal(out, 2 * x + 1))
    """)
    assert "the system gave no memory" in printed and "True" in printed


def test_modes_and_threads_are_checked(monkeypatch, scale):
    with pytest.raises(LaunchError, match="mode 'quick' is not one of"):
        Library(SCALE, "quick")
    monkeypatch.setenv("MSL_CPU_MODE", "slow")
    with pytest.raises(LaunchError, match="mode 'slow' is not one of"):
        Library(SCALE)
    monkeypatch.setenv("MSL_CPU_MODE", "strict")
    with pytest.raises(StrictError):
        Library(HEAD + "kernel void f(device float *x) { float *p = x; }")
    monkeypatch.setenv("MSL_CPU_THREADS", "none")
    with pytest.raises(LaunchError, match="MSL_CPU_THREADS"):
        _works(scale)


def test_processes_share_an_empty_cache(fresh_cache):
    script = f"""
        import numpy as np
        from triton_alloy.msl_cpu import Library
        x = np.arange(64, dtype=np.float32); out = np.zeros_like(x)
        Library({SCALE!r})["scale"].launch([x, out, np.array([2, 1], np.float32)], 1, 64)
        assert np.array_equal(out, 2 * x + 1)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        _, error = process.communicate(timeout=100)
        assert process.returncode == 0, error
    assert not list(fresh_cache.glob(".new-*"))


def test_the_pool_of_threads_is_started_once():
    """By many threads at the same time: a second start would forget the launch that is running."""
    printed = _child("""
        import threading, time
        from unittest.mock import MagicMock
        from triton_alloy.msl_cpu.launch import plan
        library = MagicMock()
        plan.runtime_library = lambda name: time.sleep(0.2) or library
        found = []
        threads = [threading.Thread(target=lambda: found.append(plan.runtime())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(library.msl_cpu_start.call_count, found == [library] * 8)
    """)
    assert printed.split() == ["1", "True"]
