"""The example kernels on sizes that are no multiples of a block, in every float type, from PyTorch and from NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from triton_alloy import config
from triton_alloy.examples import attention, layer_norm, matmul
from triton_alloy.tools import cases

CASES = {case.name: case for case in cases.CASES}


def as_tensors(arrays: cases.Arrays, dtype: str) -> list[torch.Tensor]:
    """Tensors with the strides of the arrays."""
    return [torch.from_numpy(x).to(getattr(torch, dtype)) for x in arrays]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_tensors(device, rng, name, dtype):
    case = CASES[name]
    tensors = as_tensors(case.inputs(rng, "float32"), dtype)
    if name == "layer_norm_backward":
        tensors[3:] = [x.float() for x in tensors[3:]]
    exact = case.reference(*(x.double().numpy() for x in tensors))
    results = case.run(*tensors)
    results = tuple(x.double().numpy() for x in results) if isinstance(results, tuple) else results.double().numpy()
    assert cases.error(results, exact) <= cases.TOLERANCE[dtype]


@pytest.mark.parametrize("name", CASES)
def test_numpy_arrays(rng, name):
    if config.RUNTIME.value == "torch_mps":  # refused by name: tests/integration/test_torch_mps.py
        pytest.skip("the torch_mps runtime takes no NumPy arrays")
    case = CASES[name]
    arrays = case.inputs(rng, "float32")
    exact = case.reference(*(x.astype(np.float64) for x in arrays))
    assert cases.error(case.run(*arrays), exact) <= cases.TOLERANCE["float32"]


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 500, 2), (65, 64, 33), (64, 128, 32)])
@pytest.mark.parametrize("transposed", [False, True])
def test_matmul_of_any_shape(device, shape, transposed):
    check_matmul(*shape, transposed)


def test_matmul_in_reference_mode(any_device):
    check_matmul(65, 64, 33, transposed=True)


def check_matmul(m: int, n: int, k: int, transposed: bool) -> None:
    a = torch.randn(k, m).T if transposed else torch.randn(m, k)
    b = torch.randn(n, k).T if transposed else torch.randn(k, n)
    c = torch.full((n, m), 7.0).T
    matmul.matmul(a, b, output=c, block_m=32, block_n=32, block_k=16)
    np.testing.assert_allclose(c.numpy(), (a.double() @ b.double()).numpy(), atol=1e-5 * k)


@pytest.mark.parametrize("block_m, block_n", [(16, 16), (64, 64), (32, 128)])
def test_matmul_blocks(device, block_m, block_n):
    a, b = torch.randn(100, 70).half(), torch.randn(70, 90).half()
    c = matmul.matmul(a, b, "leaky_relu", block_m=block_m, block_n=block_n, block_k=32)
    exact = matmul.reference(a.double().numpy(), b.double().numpy(), "leaky_relu")
    np.testing.assert_allclose(c.double().numpy(), exact, atol=2e-2)


@pytest.mark.parametrize("head_size", [16, 40, 128])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_of_any_head(device, head_size, causal):
    """Queries and keys of different lengths, from one interleaved buffer, heads not padded to a power of two."""
    packed = torch.randn(2, 70, 3, 2, head_size)
    q, k, v = packed.permute(2, 0, 3, 1, 4)
    if not causal:
        k, v = k[:, :, :45], v[:, :, :45]
    out = attention.attention(q, k, v, causal, block_m=32, block_n=16)
    exact = attention.reference(*(x.double().numpy() for x in (q, k, v)), causal)
    np.testing.assert_allclose(out.numpy(), exact, atol=1e-5)


def test_attention_in_reference_mode(any_device):
    q, k, v = (torch.randn(1, 1, 37, 16) for _ in range(3))
    out = attention.attention(q, k, v, True, block_m=16, block_n=16)
    exact = attention.reference(*(x.double().numpy() for x in (q, k, v)), True)
    np.testing.assert_allclose(out.numpy(), exact, atol=1e-5)


@pytest.mark.parametrize("columns", [1, 31, 32, 33, 1000])
def test_layer_norm_of_any_width(device, columns):
    x, weight, bias, dy = torch.randn(7, columns), torch.randn(columns), torch.randn(columns), torch.randn(7, columns)
    y, mean, rstd = layer_norm.layer_norm(x, weight, bias)
    exact = [array.double().numpy() for array in (x, weight, bias)]
    np.testing.assert_allclose(y.numpy(), layer_norm.reference(*exact), atol=1e-5)
    gradients = layer_norm.layer_norm_backward(dy, x, weight, mean, rstd, n_programs=3)
    wanted = layer_norm.reference_backward(dy.double().numpy(), *exact[:2])
    scale = float(rstd.max())
    for ours, theirs in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5 * max(scale, 1))
