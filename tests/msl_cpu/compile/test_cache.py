"""The cache of compiled libraries: the damaged is made anew, too much goes, an unwritable folder is replaced."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library, MslError, sanitize
from triton_alloy.msl_cpu.compile import cache, cache_folder, contents, eviction, workspace
from triton_alloy.msl_cpu.compile.eviction import Entry, Limiter, evict, parse_size

NOBODY = 65534


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a folder of its own for temporary files, where anybody can reach them, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "temporary").mkdir()
        (place / "temporary").chmod(0o777)
        monkeypatch.setattr(cache_folder, "_SUBSTITUTES", {})
        monkeypatch.setattr(os, "getuid", os.geteuid)
        monkeypatch.setattr(tempfile, "tempdir", str(place / "temporary"))
        monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(place / "cache"))
        yield place / "cache"


@contextmanager
def unprivileged(*paths: Path) -> Iterator[None]:
    """Root may write anywhere; nobody, whose the paths are meanwhile, may not."""
    if os.geteuid():
        yield
        return
    for path in paths:
        os.chown(path, NOBODY, -1)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def fetch(key: str, content: bytes = b"library") -> Path:
    return cache.fetch(key, lambda: (content, {"what": key}))[0]


def never() -> tuple[bytes, dict]:
    raise AssertionError("it was there")


# ------------------------------------------------------------------------------------------------------------ damage
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "\0" * len(text),
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"what"', '"that"'),
        lambda text: json.dumps({**json.loads(text), "stack_log2": 99}),
    ],
)
def test_a_damaged_description_is_made_anew(folder: Path, damage):
    fetch("key")
    path = folder / "key.json"
    path.write_text(damage(path.read_text()))
    made = []
    cache.fetch("key", lambda: made.append(1) or (b"library", {"what": "key"}))
    assert made
    assert cache.fetch("key", never)[1]["what"] == "key"


def test_a_library_that_is_cut_off_is_made_anew(folder: Path):
    path = fetch("key")
    path.write_bytes(b"lib")
    assert fetch("key").read_bytes() == b"library"


# --------------------------------------------------------------------------------------------------- read-only and full
def test_a_read_only_cache_is_read_and_a_temporary_one_written(folder: Path):
    present = fetch("present")
    folder.chmod(0o555)
    with warnings.catch_warnings(record=True) as caught, unprivileged(folder, *folder.iterdir()):
        warnings.simplefilter("always")
        assert cache.fetch("present", never)[0] == present
        assert not caught
        first, second = fetch("first"), fetch("second")
        assert cache.fetch("first", never)[0] == first
        assert cache.remember("name", lambda: "x" * 40) == cache.remember("name", lambda: "y" * 40)
        cache_folder._SUBSTITUTES.clear()  # as in another process, which finds what this one has kept
        assert cache.fetch("first", never)[0] == first
    assert first.parent == second.parent != folder
    assert str(tempfile.tempdir) in str(first)
    [warning] = caught
    problem = f"the cache {folder} cannot be written (Permission denied): {first.parent} is used in its place"
    assert str(warning.message) == f"{problem}; set MSL_CPU_CACHE_DIR"


def test_a_cache_that_cannot_be_made_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch):
    folder.mkdir()
    folder.chmod(0o555)
    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(folder / "below"))
    with pytest.warns(UserWarning, match="cannot be written"), unprivileged():
        path = fetch("key")
    assert path.read_bytes() == b"library"


def test_a_disk_that_is_full_in_the_middle_of_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """What is written to the cache goes to /dev/full, where the system says what it says of a full disk."""
    make = tempfile.mkstemp

    def mkstemp(dir: Path, prefix: str) -> tuple[int, str]:
        descriptor, name = make(dir=dir, prefix=prefix)
        if dir != folder:
            return descriptor, name
        os.close(descriptor)
        return os.open("/dev/full", os.O_WRONLY), name

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    with pytest.warns(UserWarning, match=os.strerror(errno.ENOSPC)) as caught:
        path = fetch("key", bytes(1 << 20))
        cache.fetch("key", never)
        fetch("other")
    assert len(caught) == 1
    assert path.stat().st_size == 1 << 20 and path.parent != folder
    assert not list(folder.iterdir())


def test_a_temporary_folder_that_others_can_write_is_not_used(folder: Path):
    taken = Path(tempfile.gettempdir(), f"msl_cpu-{os.getuid()}")
    taken.mkdir()
    taken.chmod(0o777)
    with pytest.warns(UserWarning, match=os.strerror(errno.EROFS)):
        found = cache_folder.substitute(folder, OSError(errno.EROFS, ""), "msl_cpu", "")
    assert found != taken and found.parent == taken.parent and cache_folder.is_private(found.stat())


def test_a_folder_is_made_or_replaced(folder: Path):
    assert cache_folder.writable(folder, "other", "") == folder and folder.is_dir()
    folder.chmod(0o555)
    with pytest.warns(UserWarning, match="cannot be written .* make room"), unprivileged():
        found = cache_folder.writable(folder, "other", "make room")
        assert found == cache_folder.writable(folder, "other", "make room") and os.access(found, os.W_OK)
    assert found.parent == Path(tempfile.gettempdir())


# -------------------------------------------------------------------------------------------------------------- limits
@pytest.mark.parametrize(
    "text, size", [("500MB", 5 * 10**8), ("1.5 GiB", 3 << 29), ("2k", 2000), ("4096", 4096), ("0", 0), ("10 b", 10)]
)
def test_sizes_are_read(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1 XB", "1e9", "one"])
def test_what_is_no_size_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str):
    with pytest.raises(ValueError, match="is no size such as 500MB"):
        parse_size(text)
    if text:
        monkeypatch.setenv("MSL_CPU_CACHE_LIMIT", text)
        with pytest.raises(MslError, match=f"MSL_CPU_CACHE_LIMIT: '{text}' is no size such as 500MB"):
            cache.fetch("key", never)


def used_before(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_was_used_longest_ago_goes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A limit for three libraries; the first of five is used again before the last is written."""
    monkeypatch.setenv("MSL_CPU_CACHE_LIMIT", "4kB")
    monkeypatch.setattr(contents, "LIMITER", Limiter(contents.entries, ".looked"))
    for i in range(4):
        fetch(f"key{i}", bytes([i]) * 1000)
        for path in folder.iterdir():
            used_before(path, 1000 - 100 * i - (i == 0))
    monkeypatch.setenv("MSL_CPU_CACHE_LIMIT", "0")
    cache.fetch("key0", never)
    monkeypatch.setenv("MSL_CPU_CACHE_LIMIT", "4kB")
    fetch("key4", b"4" * 1000)
    kept = {what for what, _, _ in contents.libraries(folder)}
    assert {"key0", "key4"} <= kept and "key1" not in kept
    assert sum(entry.bytes for entry in contents.entries(folder)) <= 4000


def test_an_hour_later_any_write_looks_at_the_whole(folder: Path):
    looked = []
    for expected, age in ((1, 0), (1, 10), (2, eviction.INTERVAL + 10)):
        limiter = Limiter(lambda folder: looked.append(folder) or [], ".looked")
        folder.mkdir(exist_ok=True)
        if age:
            used_before(folder / ".looked", age)
        limiter.wrote(folder, 1, 1000)
        limiter.wrote(folder, 1, 1000)
        assert len(looked) == expected
    limiter.wrote(folder, 200, 1000)
    assert len(looked) == 3
    limiter.wrote(folder, 20_000, 0)
    assert len(looked) == 3


def test_entries_in_use_stay_whatever_the_limit(tmp_path: Path):
    paths = [tmp_path / name for name in ("old", "new")]
    for path in paths:
        path.write_bytes(bytes(10))
    entries = [Entry((paths[0],), 10, time.time() - 100), Entry((paths[1],), 10, time.time())]
    assert evict(entries, 0) == entries[:1]
    assert not paths[0].exists() and paths[1].exists()


def test_a_loaded_library_outlives_its_file(folder: Path):
    """In sanitize mode lines are looked up when a fault is reported, long after the library was loaded."""
    text = "kernel void f(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i + 1] = 1; }"
    kernel = Library(text, "sanitize")["f"]
    for entry in contents.entries(folder):
        entry.remove()
    with pytest.raises(sanitize.SanitizerError, match="program_source:1: out of bounds"):
        kernel.launch([np.zeros(4, np.float32)], 1, 4)


# ------------------------------------------------------------------------------------------------------------ leftovers
def test_what_a_killed_process_has_left_unfinished_goes(folder: Path):
    fetch("key")
    left, new = folder / ".new-left", folder / ".new-new"
    for path in (left, new):
        path.write_bytes(b"half")
    used_before(left, eviction.INTERVAL + 10)
    assert len(list(contents.entries(folder))) == 2
    assert not left.exists() and new.exists()


def test_folders_of_killed_compilations_are_swept(folder: Path):
    script = """
        import sys, tempfile, time
        tempfile.tempdir = sys.argv[1]
        from triton_alloy.msl_cpu.compile.workspace import workspace
        with workspace() as directory:
            open(directory + "/kernel.cpp", "w").close()
            print(directory, flush=True)
            time.sleep(100)
    """
    command = [sys.executable, "-c", "\n".join(line[8:] for line in script.splitlines()), tempfile.gettempdir()]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = [Path(process.stdout.readline().strip()) for process in processes]
    killed, recent, running = paths
    for process in processes[:2]:
        process.kill()
        process.wait()
    strange = Path(tempfile.gettempdir(), f"{workspace.PREFIX}of-mine")
    strange.mkdir()
    for path in (killed, running, strange):
        used_before(path, workspace.AGE + 10)
    try:
        assert workspace.sweep() == [killed]
        assert not killed.exists() and recent.exists() and running.exists() and strange.exists()
    finally:
        processes[2].kill()
        processes[2].wait()


def test_a_compilation_leaves_nothing_behind(folder: Path):
    Library("kernel void f(device float *x [[buffer(0)]]) { x[0] = 1; }", "reference")
    assert not list(Path(tempfile.gettempdir()).iterdir())
