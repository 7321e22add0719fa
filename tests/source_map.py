"""The map of the source: the first sentence of every file, in the order of the folders. `make map` prints it.

python -m tests.source_map [FOLDER]
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "triton_alloy"
ENDINGS = (".py", ".h", ".cpp", ".metal", ".txt")


def files(folder: Path = PACKAGE) -> list[Path]:
    """All files of source below a folder; a package's own page comes before its rooms."""
    return sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)


def first_sentence(path: Path) -> str:
    """Of a file's docstring, or of its first comment; "" where there is none."""
    text = path.read_text()
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        lines = text.splitlines()
        mark = "#" if path.suffix == ".txt" else "//"
        count = next((i for i, line in enumerate(lines) if not line.startswith(mark)), len(lines))
        said = "\n".join(line.removeprefix(mark).strip() for line in lines[:count])
    paragraph = " ".join(said.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".")


def main() -> None:
    folder = PACKAGE / sys.argv[1] if len(sys.argv) > 1 else PACKAGE
    for path in files(folder):
        sentence = first_sentence(path)
        if sentence:
            print(f"{path.relative_to(PACKAGE)}: {sentence}")


if __name__ == "__main__":
    main()
