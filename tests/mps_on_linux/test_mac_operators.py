"""The table of operators that a Mac lacks, from text in the form of PyTorch's."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_alloy.mps_on_linux import Unavailable, library
from triton_alloy.mps_on_linux.mac_operators import Lacking, lacking, read

TABLE = """
- func: everywhere(Tensor self) -> Tensor
  variants: function, method
  dispatch:
    CPU, CUDA, MPS: everywhere

- func: cpu_only.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)
  structured: True
  dispatch:
    CPU: cpu_only_out
    CUDA, SparseCPU: other
  tags: core

- func: cpu_only(Tensor self) -> Tensor
  structured_delegate: cpu_only.out

- func: made_of_others(Tensor self) -> Tensor
  dispatch:
    CPU: quick
    CompositeExplicitAutograd: slow

- func: implicit(Tensor self) -> Tensor
  variants: function

- func: sparse_only(Tensor self) -> Tensor
  dispatch:
    SparseCPU: sparse
"""


def test_an_operator_is_lacking_if_the_cpu_alone_has_it():
    assert lacking(TABLE) == Lacking(alone=("cpu_only.out",), delegating=("cpu_only",))


def test_the_header_has_the_names():
    assert 'WITHOUT_KERNEL[] = {\n    "cpu_only.out",\n};' in lacking(TABLE).header
    assert 'LEFT_TO_COMPOSITES[] = {\n    "cpu_only",\n};' in lacking(TABLE).header


@pytest.mark.usefixtures("device_can_be_built")
def test_the_table_of_the_installed_torch():
    found = lacking(read(library.find_torch().folder.parent))
    assert {"mode", "take", "_ctc_loss", "_linalg_eigh.eigenvalues"} <= set(found.alone)
    assert not {"add.out", "mm.out", "index.Tensor_out", "native_layer_norm", "nonzero"} & set(found.alone)
    assert "_linalg_eigh" in found.delegating


def test_a_missing_table_is_refused(tmp_path: Path):
    with pytest.raises(Unavailable, match=f"reads which operators a Mac has from {tmp_path}/torchgen"):
        read(tmp_path)
