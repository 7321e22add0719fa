"""Our passes and our parser of pretty text against native libtriton's, on files of unoptimised TTIR.

    python -m tests.transforms.ttir.against_native FOLDER [EVERY]

prints, for each module, the ops that are left by our passes per op that is left by native's; then the worst and all
together, and the modules that the two parsers read differently. EVERY: take each EVERY-th file only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import triton_alloy.dialects  # noqa: F401
from triton_alloy.errors import InvalidIR
from triton_alloy.frontend import native
from triton_alloy.frontend import passes as ttir
from triton_alloy.ir.core import Block, Op, Value
from triton_alloy.ir.parser import parse
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.ir.rewrite import frozen
from triton_alloy.ir.verifier import verify

LIMIT = 1.1
"""Ops that our passes may leave per op that native's leave."""


def native_module(path: Path) -> Any:
    """A file as native libtriton reads it."""
    from triton._C.libtriton import ir

    context = ir.context()
    ir.load_dialects(context)
    module = ir.parse_mlir_module(str(path), context)
    module.context = context
    return module


def count(module: Op) -> int:
    return sum(1 for _ in module.walk())


def op_counts(path: Path) -> tuple[int, int]:
    """(ours, native's): the ops that are left of a module."""
    theirs = native_module(path)
    ours = parse(native.generic_text(theirs))
    verify(ours)
    ttir.optimise(ours)
    verify(ours)
    native.optimise(theirs)
    return count(ours), count(native.import_module(theirs))


# -------------------------------------------------------------------------------------------------- equal structure
def difference(one: Op, other: Op, path: Path) -> str | None:
    """What differs first between two modules, in their ops, operands, types, attributes, blocks or locations.

    What has no location in the text is for native where it stands in the file `path`, for us nowhere."""
    numbers = {id(value): i for module in (one, other) for i, value in enumerate(_defined(module))}
    for left, right in zip(one.walk(), other.walk(), strict=False):
        if _key(left, numbers) != _key(right, numbers):
            return f"{_key(left, numbers)} is not {_key(right, numbers)}"
        if left.location != right.location and right.location.file != str(path):
            return f"{left.name}: {left.location!r} is not {right.location!r}"
    return None if count(one) == count(other) else "one has more ops"


def _defined(module: Op) -> Iterator[Value | Block]:
    for op in module.walk():
        yield from op.results
        for region in op.regions:
            for block in region.blocks:
                yield block
                yield from block.arguments


def _key(op: Op, numbers: dict[int, int]) -> tuple:
    blocks = [[[argument.type for argument in block.arguments] for block in region.blocks] for region in op.regions]
    attributes = {name: frozen(value) for name, value in op.attributes.items() if name != "llvm.data_layout"}
    operands = [numbers[id(value)] for value in op.operands]
    types = [result.type for result in op.results]
    return op.name, operands, types, attributes, [numbers[id(block)] for block in op.successors], blocks


def read_differently(path: Path) -> str | None:
    """How our parser of pretty text and native's parser disagree on a file, or None."""
    try:
        ours = parse_pretty(path.read_text())
    except InvalidIR as problem:
        return f"{problem}"
    return difference(ours, parse(native.generic_text(native_module(path))), path)


# ---------------------------------------------------------------------------------------------------------- runner
def main(folder: Path, every: int) -> int:
    rows, misread = [], 0
    for path in sorted(folder.glob("*.ttir"))[::every]:
        ours, theirs = op_counts(path)
        rows.append((ours / theirs, ours, theirs, path.stem))
        print(f"{ours / theirs:6.3f}  {ours:5} {theirs:5}  {path.stem}")
        problem = read_differently(path)
        if problem is not None:
            misread += 1
            print(f"{path.stem} is read differently: {problem}")
    rows.sort(reverse=True)
    print("\nthe worst:")
    for ratio, ours, theirs, name in rows[:20]:
        print(f"{ratio:6.3f}  {ours:5} {theirs:5}  {name}")
    ours, theirs = sum(row[1] for row in rows), sum(row[2] for row in rows)
    over = sum(row[0] > LIMIT for row in rows)
    print(f"\n{len(rows)} modules: {ours} ops, native {theirs}: {ours / theirs:.4f}; {over} over {LIMIT}")
    print(f"{misread} read differently")
    return int(bool(over or misread))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
