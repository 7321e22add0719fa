"""Elementwise operators: a row each, of which a Triton kernel is written."""

from __future__ import annotations

import functools
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

F = torch.nn.functional


@dataclass(frozen=True)
class Elementwise:
    """expression: in Triton's language, of the elements a, b, c; theirs: PyTorch's function of as many tensors;
    values: what kind of numbers they hold, a letter for each: n(ormal), p(ositive), m(ask); has_out: PyTorch's function
    takes `out`."""

    name: str
    expression: str
    theirs: Callable[..., Any]
    values: str = "n"
    has_out: bool = True


ROWS = (
    Elementwise("abs", "tl.abs(a)", torch.abs),
    Elementwise("neg", "-a", torch.neg),
    Elementwise("exp", "tl.exp(a)", torch.exp),
    Elementwise("log", "tl.log(a)", torch.log, "p"),
    Elementwise("sqrt", "tl.sqrt(a)", torch.sqrt, "p"),
    Elementwise("rsqrt", "tl.rsqrt(a)", torch.rsqrt, "p"),
    Elementwise("reciprocal", "1.0 / a", torch.reciprocal, "p"),
    Elementwise("sin", "tl.sin(a)", torch.sin),
    Elementwise("cos", "tl.cos(a)", torch.cos),
    Elementwise("tanh", "libdevice.tanh(a)", torch.tanh),
    Elementwise("sigmoid", "tl.sigmoid(a)", torch.sigmoid),
    Elementwise("relu", "tl.maximum(a, 0.0)", F.relu, has_out=False),
    Elementwise("gelu", "0.5 * a * (1.0 + tl.erf(a * 0.7071067811865476))", F.gelu, has_out=False),
    Elementwise("silu", "a * tl.sigmoid(a)", F.silu, has_out=False),
    Elementwise("erf", "tl.erf(a)", torch.erf),
    Elementwise("floor", "tl.floor(a)", torch.floor),
    Elementwise("clamp", "tl.clamp(a, -0.5, 0.5)", functools.partial(torch.clamp, min=-0.5, max=0.5)),
    Elementwise("square", "a * a", torch.square),
    Elementwise("softplus", "tl.where(a > 20.0, a, tl.log(1.0 + tl.exp(a)))", F.softplus, has_out=False),
    Elementwise("to_half", "a.to(tl.float16)", lambda a: a.half(), has_out=False),
    Elementwise("add", "a + b", torch.add, "nn"),
    Elementwise("sub", "a - b", torch.sub, "nn"),
    Elementwise("mul", "a * b", torch.mul, "nn"),
    Elementwise("div", "a / b", torch.div, "np"),
    Elementwise("maximum", "tl.maximum(a, b)", torch.maximum, "nn"),
    Elementwise("minimum", "tl.minimum(a, b)", torch.minimum, "nn"),
    Elementwise("pow", "libdevice.pow(a, b)", torch.pow, "pn"),
    Elementwise("eq", "a == b", torch.eq, "nn"),
    Elementwise("masked_fill", "tl.where(b, 0.0, a)", lambda a, b: a.masked_fill(b, 0.0), "nm", has_out=False),
    Elementwise("where", "tl.where(c, a, b)", lambda a, b, c, out: torch.where(c, a, b, out=out), "nnm"),
    Elementwise("lerp", "a + c * (b - a)", torch.lerp, "nnn"),
    Elementwise("addcmul", "a + b * c", torch.addcmul, "nnn"),
)

_HEAD = """import triton
import triton.language as tl
from triton.language.extra import libdevice
"""
_KERNEL = """
@triton.jit
def {name}_kernel({parameters}, output_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
{loads}
    tl.store(output_ptr + i, {expression}, mask)
"""


def text() -> str:
    """The kernels of all rows, as Python."""
    kernels = []
    for row in ROWS:
        names = "abc"[: len(row.values)]
        loads = "\n".join(f"    {name} = tl.load({name}_ptr + i, mask)" for name in names)
        parameters = ", ".join(f"{name}_ptr" for name in names)
        kernels.append(_KERNEL.format(name=row.name, parameters=parameters, loads=loads, expression=row.expression))
    return _HEAD + "\n".join(kernels)


@functools.cache
def _module() -> ModuleType:
    """The module of `text`, from a file, as Triton reads the source of a kernel."""
    folder = tempfile.TemporaryDirectory(prefix="triton_alloy_operators-")
    path = Path(folder.name, "elementwise_kernels.py")
    path.write_text(text())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    vars(module)["folder"] = folder  # goes with the module
    return module


def kernel(row: Elementwise) -> Any:
    """The JIT function of a row."""
    return getattr(_module(), f"{row.name}_kernel")
