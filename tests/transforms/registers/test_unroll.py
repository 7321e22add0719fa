"""On GPUs every loop that picks registers asks to be unrolled and no other does; the CPU's text asks for nothing."""

from __future__ import annotations

import re

import pytest
import torch
import triton
import triton.language as tl

from tests.support.register_form import only_kernel
from triton_alloy import config
from triton_alloy.config import FAMILIES
from triton_alloy.ir.parser import parse
from triton_alloy.target import target_for
from triton_alloy.transforms.registers import unroll

LOOP = re.compile(r"^ *(UNROLL )?for \(int \w+ = \d+; \w+ < (.+?);", re.MULTILINE)
EMPTY_LOOP = """
"builtin.module"() ({
  "msl.kernel"() <{sym_name = "k", simdgroups = 1}> ({
    "msl.loop"() <{count = 4 : i32, start = 0 : i32}> ({
    ^bb0(%r: index):
      "msl.yield"() : () -> ()
    }) : () -> ()
  }) : () -> ()
}) : () -> ()
"""


@triton.jit
def products_kernel(x_ptr, out_ptr, n, BATCH: tl.constexpr, SIZE: tl.constexpr):
    """Loops over registers, batches of products, and one loop over blocks of x."""
    batch, i, j = tl.arange(0, BATCH)[:, None, None], tl.arange(0, SIZE)[None, :, None], tl.arange(0, SIZE)
    offsets = (batch * SIZE + i) * SIZE + j[None, None, :]
    total = tl.zeros((BATCH, SIZE, SIZE), tl.float32)
    for block in range(n):
        x = tl.load(x_ptr + block * BATCH * SIZE * SIZE + offsets)
        total = tl.dot(x, x, total) + tl.exp(x)
    tl.store(out_ptr + offsets, total - tl.max(total, axis=2)[:, :, None])


@pytest.mark.parametrize("family", FAMILIES)
def test_loops_over_registers_are_unrolled_on_gpus(family):
    with config.scope(TRITON_ALLOY_TARGET=family):
        compiled = products_kernel.warmup(torch.float32, torch.float32, 3, 2, 32, grid=(1,), num_warps=1)
    loops = LOOP.findall(compiled.asm["msl"].split("// vocabulary: end\n")[1])
    constant = [bool(asked) for asked, bound in loops if bound.isdecimal()]
    assert len(constant) > 3 and set(constant) == {family != "cpu"}
    assert [bool(asked) for asked, bound in loops if not bound.isdecimal()] == [False]


def test_a_loop_that_picks_no_register_asks_for_nothing():
    module = parse(EMPTY_LOOP)
    unroll.run(module, target_for("apple9"))
    [loop] = [op for op in only_kernel(module).walk() if op.name == "msl.loop"]
    assert "unroll" not in loop.attributes
