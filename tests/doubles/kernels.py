"""Functions of doubles run by msl_cpu: from the text that a GPU gets, and on lanes, as the CPU's fast mode has them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import numpy as np

from tests.doubles.exact import EXACT
from tests.support.lanes import LANES, UNIFORM, Operand, evaluate
from triton_alloy.msl.vocabulary import source_of, words_of
from triton_alloy.msl_cpu import Library

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
_KERNEL = """kernel void function_{number}(const device ulong *a [[buffer(0)]], const device ulong *b [[buffer(1)]],
    const device ulong *c [[buffer(2)]], device ulong *out [[buffer(3)]], uint i [[thread_position_in_grid]]) {{
    f64 x = as_float64(a[i]), y = as_float64(b[i]), z = as_float64(c[i]);
    ulong n = a[i];
    out[i] = {text};
}}
"""
GROUP = 256


def text_of(texts: Mapping[str, str]) -> str:
    """One kernel for each text, with as much of the vocabulary as they use."""
    kernels = "".join(_KERNEL.format(number=i, text=text) for i, text in enumerate(texts.values()))
    return HEAD + source_of(words_of(kernels)) + kernels


class Kernels:
    """The functions by name."""

    def __init__(self, texts: Mapping[str, str], mode: str = "reference"):
        self.source = text_of(texts)
        self._library = Library(self.source, mode=mode)
        self._numbers = {name: i for i, name in enumerate(texts)}

    def run(self, name: str, operands: list[np.ndarray]) -> np.ndarray:
        """The bits that the function gives for operands by their bits (uint64)."""
        out = np.zeros(len(operands[0]), np.uint64)
        a, b, c = map(np.ascontiguousarray, [*operands, *[operands[0]] * (3 - len(operands))])
        kernel = self._library[f"function_{self._numbers[name]}"]
        kernel.launch_threads([a, b, c, out], len(out), GROUP)
        return out


@functools.cache
def exact_kernels(mode: str = "reference", names: tuple[str, ...] = tuple(EXACT)) -> Kernels:
    """Those that must be exact, all or some."""
    return Kernels({name: EXACT[name].text for name in names}, mode)


# ------------------------------------------------------------------------------------------------------------- on lanes
_VARYING = {uniform: varying for varying, uniform in UNIFORM.items() if varying != "f64"}
_CONVERSION = re.compile(rf"\b({'|'.join(_VARYING)})\b")


def spelled_for_lanes(text: str) -> str:
    """With the varying type for each plain one."""
    return _CONVERSION.sub(lambda found: _VARYING[found[1]], text)


def on_lanes(text: str, operands: list[np.ndarray]) -> np.ndarray:
    """What `Kernels.run` gives for a text of x, y, z and n, in fast mode."""
    count = len(operands[0])
    size = -(-count // LANES) * LANES
    filled = [np.resize(each, size) for each in operands]
    given = [Operand(name, "f64", bits.view(np.float64)) for name, bits in zip("xyz", filled, strict=False)]
    given.append(Operand("n", "u64", filled[0]))
    [result] = evaluate([(spelled_for_lanes(text), "u64")], given, "fast")
    return result[:count]
