"""What `triton-alloy bench` runs: the example kernels in float32 on large sizes, and their rivals in PyTorch and NumPy.

A workload can be built with a part of its rows only. Every Triton program then does the work it does in the whole, and
there are proportionally fewer of them: that is how the interpreter, thousands of times slower, is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from triton_alloy.examples import attention, layer_norm, matmul, softmax, vector_add

Functions = tuple[Callable[[], Any], Callable[[], Any]]


@dataclass(frozen=True)
class Workload:
    """One comparison.

    rival: the library on the other side; target: largest accepted ratio of our time to the rival's; part: the divisor
    of the rows under the interpreter, None where a program's work depends on its row; kernel: the JIT function;
    functions: divisor -> (ours, the rival's).
    """

    name: str
    rival: str
    target: float
    part: int | None
    kernel: Any
    functions: Callable[[int], Functions]


def _vector_add(part: int) -> Functions:
    x, y, output = (torch.randn((1 << 24) // part) for _ in range(3))
    return lambda: vector_add.add(x, y, output), lambda: torch.add(x, y, out=output)


def _softmax(part: int) -> Functions:
    x, output = (torch.randn(4096 // part, 1024) for _ in range(2))
    return lambda: softmax.softmax(x, output), lambda: torch.softmax(x, 1, out=output)


def _layer_norm(part: int) -> Functions:
    x, weight, bias = torch.randn(4096 // part, 1024), torch.randn(1024), torch.randn(1024)
    return (
        lambda: layer_norm.layer_norm(x, weight, bias),
        lambda: torch.nn.functional.layer_norm(x, (1024,), weight, bias),
    )


def _matmul(part: int) -> Functions:
    a, b, output = torch.randn(1024 // part, 1024), torch.randn(1024, 1024), torch.empty(1024 // part, 1024)
    arrays = [x.numpy() for x in (a, b, output)]
    return lambda: matmul.matmul(a, b, output=output), lambda: np.matmul(*arrays[:2], out=arrays[2])


def _attention(causal: bool) -> Callable[[int], Functions]:
    def functions(part: int) -> Functions:
        q, k, v = torch.randn(1, 4, 1024 // part, 64), torch.randn(1, 4, 1024, 64), torch.randn(1, 4, 1024, 64)
        rival = torch.nn.functional.scaled_dot_product_attention
        return lambda: attention.attention(q, k, v, causal), lambda: rival(q, k, v, is_causal=causal)

    return functions


WORKLOADS = (
    Workload("vector_add 16M", "PyTorch", 1.2, 256, vector_add.add_kernel, _vector_add),
    Workload("softmax 4096 x 1024", "PyTorch", 2.5, 128, softmax.softmax_kernel, _softmax),
    Workload("layer_norm 4096 x 1024", "PyTorch", 3.0, 128, layer_norm.layer_norm_forward_kernel, _layer_norm),
    Workload("matmul 1024^3", "NumPy", 1.3, 16, matmul.matmul_kernel, _matmul),
    Workload("attention 4 x 1024 x 64", "PyTorch", 3.0, 16, attention.attention_kernel, _attention(False)),
    Workload("attention causal", "PyTorch", 3.0, None, attention.attention_kernel, _attention(True)),
)
