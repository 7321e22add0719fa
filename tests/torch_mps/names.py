"""Records which names of PyTorch our table of hooks uses, with their parameters, from the releases' own wheels.

    python -m tests.torch_mps.names 2.13.0 2.14.1 2.15.0      fetches PyTorch's macOS wheels with pip, 100 MB each
    python -m tests.torch_mps.names --wheels folder           takes wheels that are at hand

A Mac's wheel holds the Python sources as every other; nothing of it is imported.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from triton_alloy.integrations.inductor import hooks

RECORD = Path(__file__).parents[1] / "integration" / "inductor" / "names.json"
Parameters = list[str] | None


def fetch(release: str, folder: Path) -> None:
    """PyTorch's wheel for Macs."""
    platform = ["--platform", "macosx_14_0_arm64", "--python-version", "3.11", "--only-binary=:all:", "--no-deps"]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", *platform, "-d", folder, f"torch=={release}"], check=True
    )


def names_of(wheel: Path) -> dict[str, dict[str, Parameters]]:
    """Module -> name -> parameters, for every row of the wheel's release."""
    release = hooks.RELEASES[".".join(wheel.name.split("-")[1].split(".")[:2])]
    found: dict[str, dict[str, Parameters]] = {}
    with zipfile.ZipFile(wheel) as files:
        for row in release.rows:
            tree = ast.parse(files.read(row.module.replace(".", "/") + ".py"))
            names = (row.name,) if isinstance(row, hooks.Replacement) else row.names
            found.setdefault(row.module, {}).update({name: parameters(tree, name) for name in names})
    return {module: dict(sorted(names.items())) for module, names in sorted(found.items())}


def parameters(tree: ast.Module, name: str) -> Parameters:
    """Of the function or method that a module defines; None for a class or for what it imports. Raises LookupError."""
    node: ast.AST = tree
    for part in name.split("."):
        node = definition(ast.iter_child_nodes(node), part)
    if not isinstance(node, ast.FunctionDef):
        return None
    return [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


def definition(nodes: Iterable[ast.AST], name: str) -> ast.AST:
    """What gives a name its meaning."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom | ast.Import) and any((a.asname or a.name) == name for a in node.names):
            return node
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return node
    raise LookupError(f"no {name}")


def main() -> None:
    """Write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("releases", nargs="*")
    parser.add_argument("--wheels", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for release in options.releases:
            fetch(release, Path(name))
        wheels = sorted(
            each for folder in (options.wheels, Path(name)) if folder for each in folder.glob("torch-*.whl")
        )
        record = {wheel.name.split("-")[1]: names_of(wheel) for wheel in wheels}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
