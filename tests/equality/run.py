"""Every kernel of our tests, and of a Triton source tree's tutorials and language tests, built by both front ends.

    python -m tests.equality.run [TRITON_SOURCE] [--files core tuple]        (make equality TRITON_SOURCE=folder)

No kernel runs. Prints how many modules are the same, byte for byte, with names, floats and locations, and what differs;
then Triton's own test_frontend.py on a tree that has our libtriton only. Fails if fewer than 99.9 % are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.upstream.suite import LANGUAGE, copied_tests
from triton_alloy.tools.vendor import installed_files, make_tree

HERE = Path(__file__).parent
TESTS = HERE.parent

LEAST = 0.999
SHOWN = 20


def pytest_run(arguments: list[str], folder: Path, *path: Path, **environment: str) -> int:
    """Run pytest in `folder` with these in its path."""
    quiet = ["-q", "-n0", "-p", "no:cacheprovider", "--tb=no", "--no-summary", "--assert=plain"]
    settings = {
        "PYTHONPATH": os.pathsep.join(map(str, (*path, TESTS.parent))),
        "TRITON_BACKEND": "metal",
        "TRITON_ALLOY_TARGET": "apple9",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", *quiet, *arguments]
    process = subprocess.run(
        command, cwd=folder, env=os.environ | settings | environment, capture_output=True, text=True
    )
    if process.returncode not in (0, 1, 5):  # 1: tests fail, as nothing runs; 5: there are none
        sys.exit(process.stdout[-4000:] + process.stderr[-4000:])
    return process.returncode


def compare_own(results: Path) -> None:
    """The kernels of our tests, for one target: the module does not depend on it."""
    arguments = [
        "-p",
        "equality_plugin",
        "--equality",
        str(results),
        "tests/kernels",
        "-k",
        "not reference and not cpu",
    ]
    pytest_run(arguments, TESTS.parent, HERE)


def compare_tutorials(source: Path, results: Path) -> None:
    arguments = ["-p", "equality_plugin", "--equality", str(results), "-m", "upstream", "test_tutorials.py"]
    pytest_run(arguments, TESTS / "upstream", HERE, TRITON_SOURCE=str(source), TRITON_ALLOY_TARGET="cpu")


def compare_language(copy: Path, file: Path, results: Path) -> None:
    tests = ["-c", str(copy / "pytest.ini"), "--rootdir", str(file.parent), "--confcutdir", str(copy / "test")]
    arguments = ["-p", "equality_plugin", "--equality", str(results), *tests, "--device", "cpu", file.name]
    pytest_run(arguments, file.parent, HERE)


def frontend_tests(copy: Path) -> bool:
    """Whether Triton's test_frontend.py passes on a tree without native code."""
    tests = ["-c", str(copy / "pytest.ini"), "--rootdir", str(copy / "test" / LANGUAGE), "test_frontend.py"]
    with tempfile.TemporaryDirectory(prefix="triton-tree-") as tree:
        make_tree(installed_files(), Path(tree))
        return pytest_run(["-p", "stub_backend_plugin", *tests], copy / "test" / LANGUAGE, Path(tree), HERE) == 0


def report(name: str, results: Path) -> tuple[int, int]:
    """Print one line for a file of results, and the differences in it; (same, all)."""
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    different = [row for row in rows if not row["same"]]
    refused = sum(row["failed"] for row in rows)
    lines = sum(row["lines"] for row in rows)
    counts = f"{len(rows) - len(different):6} of {len(rows):6} modules the same, {lines:8} lines"
    print(f"{name:28} {counts}, {refused} of them errors", flush=True)
    for row in different[:SHOWN]:
        print("\n".join([f"    {row['test']} {row['kernel']}", *(f"        {line}" for line in row["difference"])]))
    return len(rows) - len(different), len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="a Triton source tree")
    parser.add_argument("--files", nargs="*", default=[], help="only these language tests: core, tuple, ...")
    options = parser.parse_args()
    counts = []
    passes = True
    with tempfile.TemporaryDirectory(prefix="triton-equality-") as folder:
        results = Path(folder)
        os.environ["TRITON_CACHE_DIR"] = str(results / "cache")
        if not options.files:
            compare_own(results / "own")
            counts.append(report("tests/kernels", results / "own"))
        if options.source is not None:
            if not options.files:
                compare_tutorials(options.source.resolve(), results / "tutorials")
                counts.append(report("tutorials", results / "tutorials"))
            with copied_tests(options.source.resolve()) as copy:
                for file in sorted((copy / "test" / LANGUAGE).glob("test_*.py")):
                    name = file.stem.removeprefix("test_")
                    if not options.files or name in options.files:
                        compare_language(copy, file, results / name)
                        counts.append(report(f"language/{file.name}", results / name))
                passes = frontend_tests(copy)
                print("Triton's test_frontend.py", "passes" if passes else "FAILS")
    same, total = map(sum, zip(*counts, strict=True))
    print(f"{same} of {total} modules are the same: {same / total:.4%}")
    sys.exit(not passes or same < LEAST * total)


if __name__ == "__main__":
    main()
