"""Our wheel for macOS: the package, and Triton's Python files as `triton-alloy setup` would put them.

    python -m triton_alloy.tools.macos_wheel dist/triton_alloy-0.1.0-py3-none-any.whl --output dist

`pip install` of that one wheel gives `import triton`. Triton's files come from the wheel that pip fetches now; none is
part of this repository. Unpacking, packing and tagging is done by the package `wheel`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import AlloyError
from . import setup

PLATFORM = "macosx_13_0_arm64"
"""The oldest macOS whose Metal has the language that the printed texts need is 14; PyObjC and MLX ask for 13."""


def build(pure: Path, output: Path, triton_wheel: Path | None = None) -> Path:
    """Make the macOS wheel from our pure one; gives its path. Raises SetupFailed.

    triton_wheel: of Triton, if it is at hand.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = setup.checked_files(triton_wheel or setup.fetch(folder))
        _wheel("unpack", "--dest", folder / "tree", pure)
        [tree] = (folder / "tree").iterdir()
        setup.write(files, tree)
        output.mkdir(parents=True, exist_ok=True)
        _wheel("pack", "--dest-dir", folder, tree)
        [packed] = folder.glob("triton_alloy-*.whl")
        tagged = _wheel("tags", "--platform-tag", PLATFORM, packed)
        return (folder / tagged).rename(output / tagged)


def _wheel(*arguments: str | Path) -> str:
    """Run the command `wheel`; gives its last line of output."""
    command = [sys.executable, "-m", "wheel", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AlloyError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout.strip().rpartition("\n")[2]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m triton_alloy.tools.macos_wheel", description=__doc__)
    parser.add_argument("pure", type=Path, help="triton_alloy-...-py3-none-any.whl")
    parser.add_argument("--output", type=Path, default=Path("dist"), help="where the wheel is put (default dist)")
    parser.add_argument("--triton-wheel", type=Path, metavar="FILE", help="Triton's wheel, instead of fetching it")
    options = parser.parse_args()
    try:
        print(build(options.pure, options.output, options.triton_wheel))
    except AlloyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
