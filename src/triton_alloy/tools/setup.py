"""Triton's Python files for a machine that Triton has no wheel for, such as a Mac: `triton-alloy setup`.

pip fetches Triton's wheel for Linux. Its Python files and licence are checked against the wheel's own hashes and the
digest that this release was tested with, and written to a folder beside this environment's packages, with our libtriton
in place of the native one. A `.pth` file puts that folder at the end of the import path, so that a Triton
installed by pip comes first.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from rich.console import Console

from ..errors import AlloyError
from . import vendor
from .vendor import VERSION

DIGEST = "b59dad16ab171399f7bdf379c7c821032b52e4985aa576597652f391e670e9cd"
"""Of the files that are taken from Triton's release, the same in the wheels of all machines."""

FOLDER = "triton_alloy_vendor"
PATH_FILE = "triton_alloy.pth"
RECORD = f"{vendor.METADATA}/RECORD"
PLATFORMS = ("manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
"""Of the wheel to fetch; the Python files in those of other machines are the same."""
STDERR = 2
"""The process's own, whatever sys.stderr is. pip draws its bar on what it is given as stdout."""


class SetupFailed(AlloyError):
    """Triton's files could not be fetched, or are not those that this release knows; nothing was changed."""


def setup(console: Console, wheel: Path | None = None, site: Path | None = None) -> int:
    """Put Triton's files into this environment; a second call repairs what is missing or changed.

    wheel: of Triton, if it is at hand; site: the folder of packages, this environment's if not given. Raises
    SetupFailed.
    """
    site = site or site_packages()
    native = native_triton(site)
    if native:
        console.print(f"Triton {native} is installed with its native library: nothing to do.")
        return 0
    if is_whole(site):
        console.print(f"Triton {VERSION} is set up in {site / FOLDER}: nothing to do.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            console.print(f"Fetching Triton {VERSION} with pip (263 MB, of which 1.6 MB are kept) ...")
        files = checked_files(wheel or fetch(Path(folder)))
    remove_files(site)
    written = write(files, site)
    console.print(f"Triton {VERSION}: {len(written)} files, hashes verified, written to {site / FOLDER}.")
    console.print("`triton-alloy setup --remove` undoes this; so does `pip uninstall triton`.")
    return 0


def remove(console: Console, site: Path | None = None) -> int:
    """Undo `setup`."""
    site = site or site_packages()
    found = remove_files(site)
    console.print(f"Removed {site / FOLDER}." if found else f"Nothing to remove: there is no {site / FOLDER}.")
    return 0


def site_packages() -> Path:
    """Where this environment's packages are."""
    return Path(sysconfig.get_paths()["purelib"])


def native_triton(site: Path) -> str:
    """The version of a Triton that is installed among the packages, or ""."""
    return next((found.version for found in distributions(name="triton", path=[str(site)])), "")


def fetch(folder: Path) -> Path:
    """Triton's wheel, fetched by pip into `folder`; pip shows how far it is where stderr is a terminal.

    Raises SetupFailed with pip's last words.
    """
    shows = sys.stderr.isatty()
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version=3.12", "--dest", str(folder), f"triton=={VERSION}"]
    command += [f"--platform={platform}" for platform in PLATFORMS] + ([] if shows else ["--quiet"])
    shown = STDERR if shows else subprocess.DEVNULL
    done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, check=False)
    found = list(folder.glob("*.whl"))
    if done.returncode or not found:
        words = done.stderr.strip().rpartition("\n")[2]
        remedy = "fetch the wheel and pass it with --wheel FILE"
        raise SetupFailed(f"pip could not fetch triton=={VERSION}: {words}; {remedy}")
    return found[0]


def checked_files(wheel: Path) -> list[tuple[str, bytes]]:
    """The files to take from a wheel of Triton. Raises SetupFailed where they are damaged or unknown."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            files = list(_verified(archive))
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise SetupFailed(f"{wheel} is no readable wheel of Triton {VERSION}: {error}") from error
    found = digest(files)
    if found != DIGEST:
        raise SetupFailed(f"{wheel}: the digest of its files is {found}, Triton {VERSION} has {DIGEST}")
    return files


def _verified(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    hashes = dict(_hashes(archive.read(RECORD).decode()))
    for member in sorted(filter(vendor.is_taken, archive.namelist())):
        content = archive.read(member)
        if hashes.get(member) != _hash(content):
            raise SetupFailed(f"{archive.filename}: {member} is damaged: its hash is not the one in RECORD")
        yield member, content


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """One digest of names and contents."""
    summary = hashlib.sha256()
    for member, content in sorted(files):
        summary.update(f"{member}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return summary.hexdigest()


def write(files: list[tuple[str, bytes]], site: Path) -> list[str]:
    """Write the tree and the `.pth` file below `site`; gives the paths of the tree's files."""
    folder = site / FOLDER
    written = vendor.make_tree(files, folder)
    record = [(member, _hash((folder / member).read_bytes())) for member in written]
    rows = [*((member, f"sha256={hash_}", "") for member, hash_ in record), (RECORD, "", "")]
    (folder / RECORD).write_text("".join(f"{','.join(row)}\n" for row in rows))
    (site / PATH_FILE).write_text(f"{FOLDER}\n")
    return written


def is_whole(site: Path) -> bool:
    """Whether the tree is there, as written, by this release of ours."""
    folder = site / FOLDER
    if not (folder / RECORD).is_file() or not (site / PATH_FILE).is_file():
        return False
    hashes = dict(_hashes((folder / RECORD).read_text()))
    ours = {member: _hash(text.encode()) for member, text in vendor.written_files().items()}
    expected = hashes | ours
    return all((folder / path).is_file() and _hash((folder / path).read_bytes()) == expected[path] for path in expected)


def remove_files(site: Path) -> bool:
    """Remove the tree and the `.pth` file; whether there were any."""
    found = (site / FOLDER).is_dir() or (site / PATH_FILE).is_file()
    (site / PATH_FILE).unlink(missing_ok=True)
    shutil.rmtree(site / FOLDER, ignore_errors=True)
    return found


def _hashes(record: str) -> Iterator[tuple[str, str]]:
    """RECORD's (path, sha256 in base64) of every file that has one (PEP 376, PEP 427)."""
    for path, hash_, _ in csv.reader(io.StringIO(record)):
        if hash_:
            yield path, hash_.removeprefix("sha256=")


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
