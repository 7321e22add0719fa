"""The operators that the benchmark compares give what PyTorch gives, at sizes that fill no block."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from triton_alloy.tools.operators.table import BY_NAME, EMPTY, OPERATORS

SIZES = ((33, 100), (64, 128))


def test_there_are_55_of_all_kinds():
    assert len(OPERATORS) == len(BY_NAME) == 55
    assert set(Counter(operator.kind for operator in OPERATORS)) == {
        *("elementwise", "reduction", "norm", "index", "sort", "product"),
    }


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_both_sides_give_the_same(name: str, rows: int, columns: int):
    torch.manual_seed(0)
    ours, theirs = BY_NAME[name].functions(rows, columns, 256)
    expected = [tensor.clone() for tensor in theirs()]
    for got, want in zip(ours(), expected, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        torch.testing.assert_close(got, want, rtol=1e-5, atol=2e-5)


def test_an_empty_launch_leaves_its_output_alone():
    ours, _ = EMPTY.functions(1, 4, 32)
    (output,) = ours()
    before = output.fill_(7).clone()
    assert torch.equal(ours()[0], before)
