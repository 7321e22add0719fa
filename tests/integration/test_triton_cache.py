"""Triton's cache of our kernels: the damaged is compiled anew, an unwritable folder replaced, ours alone counted."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import triton
import triton.language as tl
from triton import knobs
from triton.runtime.cache import FileCacheManager

from triton_alloy import config
from triton_alloy.integrations.triton import cache, cache_contents
from triton_alloy.msl_cpu.compile import cache_folder
from triton_alloy.msl_cpu.compile.eviction import INTERVAL, Limiter, evict


@triton.jit
def plus(x, y, n: tl.constexpr, add: tl.constexpr):
    i = tl.arange(0, n)
    tl.store(y + i, tl.load(x + i) + add)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a folder of its own for temporary files."""
    monkeypatch.setattr(cache_folder, "_SUBSTITUTES", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "triton").mkdir()
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    with config.scope(TRITON_ALLOY_TARGET="cpu", TRITON_ALLOY_MODE="fast", ALLOY_RUNTIME=None):
        yield tmp_path / "triton"


def run(add: int = 1) -> tuple[Path, bool]:
    """(the file with the metadata, whether the kernel came from the cache), of a launch with an empty memory."""
    hits = []
    plus.device_caches.clear()
    x, y = torch.arange(32.0), torch.zeros(32)
    knobs.compilation.listener = lambda *, cache_hit, **_: hits.append(cache_hit)
    try:
        compiled = plus[(1,)](x, y, 32, add)
    finally:
        knobs.compilation.listener = None
    assert torch.equal(y, x + add)
    return Path(compiled.metadata_group["plus.json"]), hits[0]


def test_a_kernel_comes_from_the_cache(folder: Path):
    assert [run()[1], run()[1]] == [False, True]
    assert knobs.cache.manager_class is cache.CacheManager


@pytest.mark.parametrize("suffix", [".json", ".alloy"])
@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 100, b"[]", b"\xff\xfe{}"])
def test_a_damaged_file_is_made_anew(suffix: str, content: bytes):
    path, _ = run()
    path.with_suffix(suffix).write_bytes(content)
    assert [run()[1], run()[1]] == [False, True]


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"child_paths": 3}', "{}"])
def test_a_damaged_list_of_files_is_made_anew(content: str):
    path, _ = run()
    path.with_name("__grp__plus.json").write_text(content)
    assert [run()[1], run()[1]] == [False, True]


def test_a_folder_that_cannot_be_made_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """As on a read-only file system; the one of the tests may run as root, who can write everywhere."""
    make = os.makedirs

    def makedirs(name: str, *arguments, **options) -> None:
        if Path(name).is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)
        make(name, *arguments, **options)

    monkeypatch.setattr(os, "makedirs", makedirs)
    with pytest.warns(UserWarning) as caught:
        (path, first), (_, second), (_, third) = run(1), run(1), run(2)
    assert (first, second, third) == (False, True, False)
    assert path.is_relative_to(tempfile.gettempdir()) and not list(folder.iterdir())
    behind = path.parent.parent
    [words] = [str(warning.message) for warning in caught]
    assert words == (
        f"the cache {folder} cannot be written (Read-only file system): {behind} is used in its place; "
        "set TRITON_CACHE_DIR"
    )


def test_a_disk_that_is_full_in_the_middle_of_an_entry(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The third file no longer fits: the entry ends in a temporary folder."""
    put, written = FileCacheManager.put, []

    def full(self: FileCacheManager, data, filename: str, binary: bool = True) -> str:
        if not Path(self.cache_dir).is_relative_to(folder) or len(written) < 2:
            written.append(filename)
            return put(self, data, filename, binary)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FileCacheManager, "put", full)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        path, hit = run()
    assert not hit and len(caught) == 1
    assert path.is_relative_to(tempfile.gettempdir())
    [entry] = folder.iterdir()
    assert len(list(entry.iterdir())) == 2


def test_what_a_temporary_folder_cannot_help_is_raised(folder: Path):
    shutil.rmtree(folder)
    folder.write_text("a file")
    with pytest.raises(NotADirectoryError):
        run()


def test_ours_are_told_from_those_of_others(folder: Path):
    path, _ = run()
    for name, suffix in (("THEIRS", "cubin"), ("HALF", "ttir")):
        (folder / name).mkdir()
        (folder / name / f"kernel.{suffix}").write_text("x")
    entries = list(cache_contents.entries(folder))
    assert [entry.folder for entry in entries] == [path.parent]
    assert entries[0].bytes == sum(file.stat().st_size for file in path.parent.iterdir())
    evict(entries, 0, recent=-1)
    assert {each.name for each in folder.iterdir() if each.is_dir()} == {"HALF", "THEIRS"}
    assert run()[1] is False


def test_what_was_used_longest_ago_goes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A limit for three kernels of five: the first is used again before the last is compiled."""
    monkeypatch.setattr(cache_contents, "LIMITER", Limiter(cache_contents.entries, ".alloy-looked"))
    paths = [run(add)[0] for add in range(4)]
    size = sum(file.stat().st_size for file in paths[0].parent.iterdir())
    for i, path in enumerate(paths):
        for file in path.parent.iterdir():
            os.utime(file, (time.time() - 1000 + i,) * 2)
    assert run(0)[1]
    with config.scope(MSL_CPU_CACHE_LIMIT=str(int(size * 4.2))):
        run(4)
    assert [run(add)[1] for add in (0, 4, 1)] == [True, True, False]


def test_what_killed_processes_have_left_goes(folder: Path):
    path, _ = run()
    old, new = (path.parent / f"tmp.pid_{pid}_x" for pid in (1, 2))
    half = folder / "HALF"
    for place in (old, new, half):
        place.mkdir()
        (place / "plus.msl").write_text("half")
    for file in (old, half / "plus.msl"):
        os.utime(file, (time.time() - INTERVAL - 10,) * 2)
    assert [entry.folder for entry in cache_contents.entries(folder)] == [path.parent]
    assert not old.exists() and new.exists() and not half.exists()


def test_a_file_that_is_gone_again_is_not_counted(folder: Path):
    """Whoever writes the same entry at the same time makes and removes folders in it."""
    path, _ = run()
    (path.parent / "tmp.pid_1_x").symlink_to("nowhere")
    cache_contents.wrote(path.parent)


def test_a_manager_of_the_user_stays(monkeypatch: pytest.MonkeyPatch):
    class Mine(FileCacheManager):
        pass

    monkeypatch.setattr(knobs.cache, "manager_class", Mine)
    run()
    assert knobs.cache.manager_class is Mine
