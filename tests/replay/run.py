"""The texts of a fixed corpus, printed by two revisions: what a change does to what we print, line by line.

    python -m tests.replay.run [BASE] [--corpus ARCHIVE] [--source TRITON_SOURCE]       (make replay BASE=main)

The corpus is every module that the kernel tests and examples of this tree compile, every few of an archive of TTIR
modules, and Triton's tutorials where a source tree is named. Both sides print it for every target: BASE, a revision,
HEAD if it is not named, from a copy of its sources; and the working tree as it stands. A move or a clean-up has no
difference. Status 1: there are differences; all are in build/replay/difference.txt.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triton_alloy.config import FAMILIES

HERE = Path(__file__).resolve().parent
TESTS, ROOT = HERE.parent, HERE.parents[1]
BUILD = ROOT / "build" / "replay"
CORPUS_STEP = 16
SHOWN = 3
NUM_WARPS = 4


def pytest_modules(folder: Path, output: Path, *arguments: str, **environment: str) -> None:
    """Append the modules that tests compile to `output`."""
    settings = {
        "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)]),
        "TRITON_BACKEND": "metal",
        "TRITON_ALLOY_TARGET": "apple9",
    }
    quiet = ["-q", "-n0", "-p", "no:cacheprovider", "--tb=no", "--no-summary", "--assert=plain"]
    quiet.append(f"--basetemp={BUILD / 'sources'}")  # kernels that a test has written stay, for their lines' sake
    command = [sys.executable, "-m", "pytest", *quiet, "-p", "record_plugin", "--modules", str(output), *arguments]
    process = subprocess.run(command, cwd=folder, env={**os.environ, **settings, **environment}, capture_output=True)
    if process.returncode not in (0, 1):  # 1: tests fail, as nothing runs
        sys.exit((process.stdout[-4000:] + process.stderr[-4000:]).decode())


def archive_modules(path: Path, step: int) -> Iterator[dict[str, Any]]:
    """Every step-th module of an archive or folder of TTIR, as tests/corpus/run_corpus.py reads them."""
    from tests.corpus.run_corpus import modules, parse_text
    from triton_alloy.frontend import native

    for module in list(modules(path))[::step]:
        text = native.generic_text(parse_text(module.text))
        yield {"name": module.name, "num_warps": NUM_WARPS, "fp_fusion": True, "module": text}


def record(options: argparse.Namespace) -> Path:
    """The file of all modules; made again when the tests have changed."""
    digest = hashlib.sha256(f"{options.corpus} {options.source} {options.step}".encode())
    for path in sorted([*(TESTS / "kernels").glob("*.py"), *(ROOT / "src/triton_alloy/examples").glob("*.py")]):
        digest.update(path.read_bytes())
    output = BUILD / f"modules-{digest.hexdigest()[:16]}.jsonl"
    if output.exists():
        return output
    print("recording modules of the kernel tests ...", file=sys.stderr, flush=True)
    partial = output.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    pytest_modules(ROOT, partial, "tests/kernels", "-k", "not reference and not cpu")
    if options.source:
        environment = {"TRITON_SOURCE": str(options.source.resolve())}
        pytest_modules(TESTS / "upstream", partial, "-m", "upstream", "test_tutorials.py", **environment)
    if options.corpus:
        with partial.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in archive_modules(options.corpus, options.step))
    return partial.rename(output)


def checkout(revision: str) -> Path:
    """The sources of a revision, in a folder that bears its full name."""
    name = subprocess.check_output(["git", "rev-parse", f"{revision}^{{commit}}"], cwd=ROOT, text=True).strip()
    folder = BUILD / name
    if not folder.exists():
        archive = subprocess.check_output(["git", "archive", name, "src"], cwd=ROOT)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
    return folder


def texts(modules: Path, tree: Path) -> dict[tuple[int, str], dict[str, Any]]:
    """(number of the module, target) -> what a tree prints. A revision's are kept; the working tree's never are."""
    output = BUILD / f"texts-{tree.name}-{modules.stem}.jsonl"
    if tree == ROOT or not output.exists():
        print(f"printing with {tree.name} ...", file=sys.stderr, flush=True)
        partial = output.with_suffix(".partial")
        command = [sys.executable, str(HERE / "print_texts.py"), str(modules), str(partial), *FAMILIES]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(tree / "src")})
        partial.rename(output)
    rows = map(json.loads, output.read_text().splitlines())
    return {(number // len(FAMILIES), row["target"]): row for number, row in enumerate(rows)}


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The lines that differ, of the texts and of what both revisions say of the interface."""
    common = before["interface"].keys() & after["interface"].keys()
    sides = []
    for row in (before, after):
        interface = [f"{key}: {json.dumps(row['interface'][key])}" for key in sorted(common)]
        sides.append([*row["text"].splitlines(), *interface])
    return [] if sides[0] == sides[1] else list(difflib.unified_diff(*sides, n=1, lineterm=""))[2:]


def report(before: dict, after: dict) -> bool:
    """Print counts and the first differences of each target; whether there are none."""
    differ: Counter[str] = Counter()
    with (BUILD / "difference.txt").open("w") as file:
        for key in sorted(before):
            found = difference(before[key], after[key])
            if not found:
                continue
            family = key[1]
            differ[family] += 1
            text = "\n".join([f"== {family}: {before[key]['name']}", *found, ""])
            file.write(text)
            if differ[family] <= SHOWN:
                print(text)
    for family in FAMILIES:
        print(f"{family:8} {differ[family]:6} of {len(before) // len(FAMILIES)} texts differ")
    if differ:
        print(f"all differences: {BUILD.relative_to(ROOT) / 'difference.txt'}")
    return not differ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", default="HEAD", help="the revision to compare with")
    parser.add_argument("--corpus", type=Path, help="a folder or archive of TTIR modules")
    parser.add_argument("--step", type=int, default=CORPUS_STEP, help="take every STEP-th module of it only")
    parser.add_argument("--source", type=Path, help="a Triton source tree, for its tutorials")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    modules = record(options)
    return int(not report(texts(modules, checkout(options.base)), texts(modules, ROOT)))


if __name__ == "__main__":
    sys.exit(main())
