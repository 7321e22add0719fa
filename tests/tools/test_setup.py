"""Triton's files on a machine without a Triton: from a small wheel of the same form as Triton's."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from triton_alloy.tools import setup, vendor

FILES = {
    "triton/__init__.py": "__version__ = '3.9.0'\nfrom .here import LETTER\n",
    "triton/here.py": "LETTER = 'v'\n",
    "triton/_C/libtriton.so": "native",
    "triton/backends/nvidia/driver.py": "raise ImportError\n",
    f"{vendor.METADATA}/METADATA": "Metadata-Version: 2.1\nName: triton\nVersion: 3.9.0\n",
    f"{vendor.METADATA}/entry_points.txt": "[triton.backends]\nnvidia = triton.backends.nvidia\n",
    f"{vendor.METADATA}/licenses/LICENSE": "MIT\n",
}
TAKEN = {name: text for name, text in FILES.items() if vendor.is_taken(name)}


def hash_of(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def make_wheel(folder: Path, **changed: str) -> Path:
    """A wheel whose files have the texts `changed` (by name without folders) after RECORD was written."""
    path = folder / "triton-3.9.0-cp312-abi3-manylinux_2_28_aarch64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, changed.get(Path(name).stem, text))
        record = "".join(f"{name},sha256={hash_of(text)},{len(text)}\n" for name, text in FILES.items())
        archive.writestr(setup.RECORD, f"{record}{setup.RECORD},,\n")
    return path


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(setup, "DIGEST", setup.digest((name, text.encode()) for name, text in TAKEN.items()))
    return make_wheel(tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def run(function: object, *arguments: object) -> str:
    """What a command says."""
    console = Console(file=io.StringIO(), width=1000)
    assert function(console, *arguments) == 0
    return console.file.getvalue()


def see(site: Path, code: str) -> str:
    """What a Python prints whose only packages are those of `site`."""
    program = f"import site; site.addsitedir({str(site)!r}); {code}"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_triton_can_be_imported_and_is_seen_by_its_metadata(wheel: Path, site: Path):
    said = run(setup.setup, wheel, site)
    assert f"{len(TAKEN) + 5} files, hashes verified, written to {site / 'triton_alloy_vendor'}" in said
    assert see(site, "import triton; print(triton.LETTER)") == "v"
    assert see(site, "from importlib.metadata import version; print(version('triton'))") == "3.9.0"
    groups = "from importlib.metadata import entry_points; print(list(entry_points(group='triton.backends')))"
    assert see(site, groups) == "[]"
    tree = site / "triton_alloy_vendor"
    assert not (tree / "triton/backends").exists() and (tree / vendor.METADATA / "licenses/LICENSE").is_file()
    assert "triton-alloy" in (tree / "triton/_C/libtriton.so").read_text()


def test_a_second_time_there_is_nothing_to_do(wheel: Path, site: Path):
    run(setup.setup, wheel, site)
    assert "nothing to do" in run(setup.setup, Path("no such wheel"), site)


@pytest.mark.parametrize("name", ["triton/here.py", "triton/_C/libtriton.so", "../triton_alloy.pth"])
def test_what_is_missing_is_repaired(wheel: Path, site: Path, name: str):
    run(setup.setup, wheel, site)
    (site / "triton_alloy_vendor" / name).unlink()
    assert not setup.is_whole(site)
    run(setup.setup, wheel, site)
    assert setup.is_whole(site)


def test_what_was_changed_is_repaired(wheel: Path, site: Path):
    run(setup.setup, wheel, site)
    (site / "triton_alloy_vendor/triton/here.py").write_text("LETTER = 'x'\n")
    run(setup.setup, wheel, site)
    assert see(site, "import triton; print(triton.LETTER)") == "v"


def test_remove_leaves_nothing(wheel: Path, site: Path):
    (site / "other").mkdir()
    run(setup.setup, wheel, site)
    assert "Removed" in run(setup.remove, site)
    assert [path.name for path in site.iterdir()] == ["other"]
    assert "Nothing to remove" in run(setup.remove, site)


def test_a_triton_that_is_installed_wins(wheel: Path, site: Path):
    run(setup.setup, wheel, site)
    real = {"triton/__init__.py": "LETTER = 'r'\n", "triton-3.8.0.dist-info/METADATA": "Name: triton\nVersion: 3.8.0\n"}
    for name, text in real.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    assert see(site, "import triton; print(triton.LETTER)") == "r"
    assert "Triton 3.8.0 is installed with its native library: nothing to do" in run(setup.setup, wheel, site)


def test_a_damaged_file_is_refused_and_nothing_changes(wheel: Path, tmp_path: Path, site: Path):
    with pytest.raises(setup.SetupFailed, match=r"triton/here\.py is damaged: its hash is not the one in RECORD"):
        run(setup.setup, make_wheel(tmp_path, here="LETTER = 'x'\n"), site)
    assert not list(site.iterdir())


def test_another_release_is_refused(tmp_path: Path, site: Path):
    with pytest.raises(setup.SetupFailed, match=r"the digest of its files is .*, Triton 3.9.0 has b59dad"):
        run(setup.setup, make_wheel(tmp_path), site)


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path, site: Path):
    (tmp_path / "x.whl").write_text("no zip")
    with pytest.raises(setup.SetupFailed, match=r"x\.whl is no readable wheel of Triton 3\.9\.0"):
        run(setup.setup, tmp_path / "x.whl", site)


def test_without_a_network_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(setup.SetupFailed, match=r"could not fetch triton==3\.9\.0: .*pass it with --wheel FILE"):
        setup.fetch(tmp_path)


def test_the_digest_is_that_of_the_triton_that_the_tests_run_on():
    assert setup.digest(vendor.installed_files()) == setup.DIGEST
