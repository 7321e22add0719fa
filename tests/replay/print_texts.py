"""Prints the Metal text of every module of a file for every target, with the triton_alloy that comes first in the path.

    PYTHONPATH=TREE/src python tests/replay/print_texts.py MODULES TEXTS cpu apple9

TEXTS gets a line of JSON for each module and target: {"name", "target", "text", "interface"}; a refusal is a text.
Only what has been there in every revision is used: parse, target_for, compile_module.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any


def print_text(row: dict[str, Any], family: str) -> dict[str, Any]:
    """The text and the interface of one module for one target."""
    from triton_alloy.compiler import compile_module
    from triton_alloy.errors import AlloyError
    from triton_alloy.frontend.native import drop_hints
    from triton_alloy.ir.parser import parse
    from triton_alloy.target import target_for

    module = parse(row["module"])
    module.attributes.pop("llvm.data_layout", None)
    drop_hints(module)
    options = {"num_warps": row["num_warps"], "fp_fusion": row["fp_fusion"]}
    head = {"name": row["name"], "target": family}
    try:
        kernel = compile_module(module, target_for(family), **options)
    except (AlloyError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        return {**head, "text": f"{type(error).__name__}: {error}", "interface": {}}
    return {**head, "text": kernel.source, "interface": kernel.interface()}


def print_all(line: str, families: list[str]) -> list[str]:
    row = json.loads(line)
    return [json.dumps(print_text(row, family)) for family in families]


def main() -> None:
    modules, texts, *families = sys.argv[1:]
    lines = Path(modules).read_text().splitlines()
    with multiprocessing.Pool() as pool, Path(texts).open("w") as file:
        for printed in pool.imap(functools.partial(print_all, families=families), lines, chunksize=8):
            file.writelines(f"{line}\n" for line in printed)


if __name__ == "__main__":
    main()
