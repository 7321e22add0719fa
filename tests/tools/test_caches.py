"""`triton-alloy cache`, on caches with entries of ours and of others."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from triton_alloy import config
from triton_alloy.msl_cpu.compile import cache, contents, workspace
from triton_alloy.runtime import metal
from triton_alloy.tools import caches, cli


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three caches with entries of known ages and sizes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest's workers have it
    monkeypatch.setattr(metal, "cache_directory", lambda: tmp_path / "metal")
    monkeypatch.setenv("MSL_CPU_CACHE_DIR", str(tmp_path / "cpu"))
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    for key, age in (("old", 3000), ("new", 100)):
        description = {"entries": [[f"kernel_{key}", "symbol", [], None]]}
        cache.fetch(key, lambda key=key, description=description: (key.encode() * 1000, description))
        for path in (tmp_path / "cpu").iterdir():
            if path.suffix and time.time() - path.stat().st_mtime < 50:
                used(path, age)
    for name, file, age in (("OURS", "softmax.alloy", 2000), ("THEIRS", "softmax.cubin", 9000)):
        write(tmp_path / "triton" / name / file, age)
        write(tmp_path / "triton" / name / "__grp__softmax.json", age)
    write(tmp_path / "metal" / "machine" / "binaries" / "abc.metalarchive", 1000)
    (tmp_path / "temporary").mkdir()
    return tmp_path


def write(path: Path, age: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(500))
    used(path, age)


def used(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """What a command prints, with single spaces."""
    assert cli.main(["cache", *arguments]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def kept(place: Path) -> set[str]:
    folders = ("cpu", "triton", "metal")
    return {path.name for folder in folders for path in (place / folder).rglob("*") if path.suffix not in ("", ".so")}


def test_each_cache_is_a_line(place: Path, capsys: pytest.CaptureFixture[str]):
    printed = lines(capsys)
    size = sum(entry.bytes for entry in contents.entries(place / "cpu")) / 1000
    assert f"CPU kernels 2 {size:.1f} kB {place / 'cpu'}" in printed
    assert f"Triton's, ours 1 1.0 kB {place / 'triton'}" in printed
    assert f"Metal binaries 1 500 bytes {place / 'metal'}" in printed
    assert "MSL_CPU_CACHE_LIMIT: 1.0 GB for each" in printed
    with config.scope(MSL_CPU_CACHE_LIMIT="0"):
        assert "MSL_CPU_CACHE_LIMIT: none for each" in lines(capsys)


def test_kernels_are_listed_as_they_were_used(capsys: pytest.CaptureFixture[str]):
    names = [line.split()[-1] for line in lines(capsys, "--list") if line.startswith("20")]
    assert names == ["kernel_new", "abc", "softmax", "kernel_old"]


def test_a_limit_drops_what_was_used_longest_ago_of_all(place: Path, capsys: pytest.CaptureFixture[str]):
    total = sum(each.bytes for each in caches.caches())
    printed = lines(capsys, "--limit", str(total - 3001))
    assert any(line.startswith("Removed ") for line in printed)
    assert "kernel_old" not in " ".join(lines(capsys, "--list"))
    assert kept(place) == {"new.json", "softmax.cubin", "__grp__softmax.json", "abc.metalarchive", "softmax.alloy"}


def test_clear_leaves_what_is_not_ours(place: Path, capsys: pytest.CaptureFixture[str]):
    left = Path(tempfile.gettempdir(), f"{workspace.PREFIX}abcdefgh")
    left.mkdir()
    used(left, workspace.AGE + 10)
    printed = lines(capsys, "--clear")
    assert "Folders of killed compilations, removed: 1." in printed and not left.exists()
    assert kept(place) == {"softmax.cubin", "__grp__softmax.json"}
    assert not (place / "triton" / "OURS").exists()
    assert lines(capsys, "--clear")[0] == "Removed 0 entries, 0 bytes."


@pytest.mark.parametrize("size, words", [("0", "nothing would be kept: use --clear"), ("5 XB", "is no size such as")])
def test_sizes_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str], size: str, words: str):
    with pytest.raises(SystemExit) as ended:
        cli.main(["cache", "--limit", size])
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_the_table_of_variables_knows_the_default():
    assert config.CACHE_LIMIT.default == contents.DEFAULT_LIMIT
