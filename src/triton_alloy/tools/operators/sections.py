"""The sections of `triton-alloy bench` that go over many operators: `operators`, `sizes` and `tiles`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from triton_alloy import config
from triton_alloy.tools.measure import REST_AFTER, interleave, ratio

Line = dict[str, Any]

SIZE, TILE = 1024, 1024
"""Rows and columns of the operands in `operators`, and elements of a program in all sections but `tiles`."""
CURVES = ("add", "exp", "gelu", "sum", "softmax", "layer_norm", "transpose")
SIZES = tuple(1 << bits for bits in range(12, 25, 2))
TILES = tuple(1 << bits for bits in range(7, 15))
ELEMENTS_OF_TILES = 1 << 20
SHARE = 0.05
"""Of the time for a comparison, since there are many."""
TURN, ROUNDS = 0.01, 5


def _start() -> None:
    import torch

    torch.set_num_threads(config.THREADS.value)
    torch.manual_seed(0)


def _turns(functions: list[Callable[[], Any]], seconds: float) -> list[Any]:
    return interleave(functions, seconds * SHARE, ROUNDS, TURN, rest=REST_AFTER["PyTorch"])


def operators(seconds: float) -> list[Line]:
    """Every operator of the table, ours and PyTorch's, on 1024 x 1024 elements."""
    from triton_alloy.tools.operators.table import OPERATORS

    _start()
    lines = []
    for operator in OPERATORS:
        ours, theirs = _turns(list(operator.functions(SIZE, SIZE, TILE)), seconds)
        times = {"ours": ours.median, "theirs": theirs.median, "ratio": ratio(ours, theirs)}
        lines.append({"name": operator.name, "kind": operator.kind, **times})
    return lines


def sizes(seconds: float) -> list[Line]:
    """Operators over the number of elements: ours, PyTorch's, that of torch.compile, and an empty launch."""
    return list(_curves([(elements, TILE) for elements in SIZES], seconds))


def tiles(seconds: float) -> list[Line]:
    """The same over the number of elements that a program or a row has."""
    return list(_curves([(ELEMENTS_OF_TILES, tile) for tile in TILES], seconds))


def _curves(points: list[tuple[int, int]], seconds: float) -> Iterator[Line]:
    from triton_alloy.tools.operators.table import BY_NAME, EMPTY

    _start()
    launch, _ = EMPTY.functions(1, 1, TILE)
    empty = _turns([launch], seconds)[0].median
    for name in CURVES:
        operator = BY_NAME[name]
        compiled = _compiled(operator.theirs)
        for elements, tile in points:
            shape = elements // tile, tile
            functions = list(operator.functions(*shape, tile))
            if compiled is not None:
                functions.append(_with_inputs(compiled, operator.inputs(*shape)))
            ours, theirs, *others = (sample.median for sample in _turns(functions, seconds))
            line = {"name": name, "elements": elements, "tile": tile, "threads": config.THREADS.value, "empty": empty}
            yield line | {"ours": ours, "theirs": theirs, "compiled": others[0] if others else None}


def _compiled(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function as torch.compile's C++, for any size; None where there is no compiler for it."""
    import torch

    if not any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++"))):
        return None
    torch.compiler.reset()  # the lambda is one piece of code for all functions, which is compiled 8 times at most
    return torch.compile(lambda *inputs: function(*inputs), dynamic=True)


def _with_inputs(function: Callable[..., Any], inputs: Any) -> Callable[[], Any]:
    return lambda: function(*inputs)
