"""Our macOS wheel under other versions of Python: Triton's front end on our libtriton, and the demo where NumPy is.

    python -m tests.equality.pythons WHEEL python3.13 /usr/bin/python3.14 pyodide@0.27.7

Each interpreter gets an environment of its own, with the wheel in it and no native Triton; `pyodide@VERSION` is CPython
as WebAssembly, from npm. The modules of the example kernels must be those that native libtriton builds here, byte for
byte, and after the passes the same under every version. Status 1 where they are not, or where the demo fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ["numpy", "rich", "platformdirs", "ziglang"]
PLATFORM = ["--platform", "macosx_13_0_arm64", "--only-binary=:all:", "--no-deps"]
PURELIB = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
VERSION = "import platform; print(platform.python_version())"

Digests = dict[str, list[str]]


def output_of(*command: str | Path) -> str:
    """What a command prints; this program ends where it fails."""
    environment = os.environ | {"TRITON_BACKEND": "metal"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout.strip()


def under_interpreter(interpreter: str, wheel: Path, folder: Path) -> tuple[str, Digests, str]:
    """(version, digests, what became of the demo) in a fresh environment of `interpreter`."""
    output_of(interpreter, "-m", "venv", folder)
    python = folder / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    output_of(*pip, *PACKAGES)
    output_of(*pip, "--target", output_of(python, "-c", PURELIB), *PLATFORM, wheel)
    digests = json.loads(output_of(python, HERE / "module_digests.py"))
    output_of(python, "-m", "triton_alloy", "demo")
    return output_of(python, "-c", VERSION), digests, "passes"


def under_pyodide(package: str, wheel: Path, folder: Path) -> tuple[str, Digests, str]:
    """The same as WebAssembly, where there is neither NumPy nor a compiler: modules only."""
    output_of("npm", "install", "--silent", "--no-save", "--prefix", folder, package)
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    output_of(*pip, "--target", site, "rich", "platformdirs")
    version, digests = output_of("node", HERE / "pyodide.mjs", folder, site, HERE).splitlines()
    return version, json.loads(digests), "not tried"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="as `make wheel-macos` builds it")
    parser.add_argument("interpreters", nargs="+", help="commands, or pyodide@VERSION")
    options = parser.parse_args()
    native: Digests = json.loads(output_of(sys.executable, HERE / "module_digests.py"))
    print(f"{'native libtriton':18} {output_of(sys.executable, '-c', VERSION):8} {len(native)} modules")
    found = []
    for interpreter in options.interpreters:
        with tempfile.TemporaryDirectory(prefix="triton-alloy-python-") as folder:
            run = under_pyodide if interpreter.startswith("pyodide@") else under_interpreter
            version, digests, demo = run(interpreter, options.wheel.resolve(), Path(folder) / "environment")
        same = sum(digests[name][0] == native[name][0] for name in native)
        print(f"{Path(interpreter).name:18} {version:8} {same} modules the same, demo {demo}", flush=True)
        found.append((digests, same))
    passes = {json.dumps(digests, sort_keys=True) for digests, _ in found}
    sys.exit(len(passes) != 1 or any(same != len(native) for _, same in found))


if __name__ == "__main__":
    main()
