"""Loops that wait for other programs end, as a failed assertion if nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
import triton
import triton.language as tl

import triton_alloy.dialects  # noqa: F401
from triton_alloy import config, target
from triton_alloy.errors import DeviceAssertion
from triton_alloy.ir.parser import parse
from triton_alloy.ir.printer import print_ir
from triton_alloy.ir.verifier import verify
from triton_alloy.transforms.tensors import bound_waits

LOOP = """
"builtin.module"() ({
  "tt.func"() <{function_type = (!tt.ptr<i32>, i32) -> (), sym_name = "f"}> ({
  ^bb0(%p: !tt.ptr<i32>, %n: i32):
    %zero = "arith.constant"() <{value = 0 : i32}> : () -> i32
    %one = "arith.constant"() <{value = 1 : i32}> : () -> i32
    %r = "scf.while"(%n) ({
    ^bb0(%a: i32):
      %old = OP
      %again = "arith.cmpi"(%old, %one) <{predicate = 0 : i64}> : (i32, i32) -> i1
      "scf.condition"(%again, %a) : (i1, i32) -> ()
    }, {
    ^bb0(%b: i32):
      "scf.yield"(%b) : (i32) -> ()
    }) : (i32) -> i32
    "tt.store"(%p, %r) : (!tt.ptr<i32>, i32) -> ()
    "tt.return"() : () -> ()
  }) : () -> ()
}) : () -> ()
"""
SWAP = '"tt.atomic_cas"(%p, %zero, %one) <{sem = 4 : i32, scope = 1 : i32}> : (!tt.ptr<i32>, i32, i32) -> i32'
VOLATILE = '"tt.load"(%p) <{isVolatile = true, operandSegmentSizes = array<i32: 1, 0, 0>}> : (!tt.ptr<i32>) -> i32'
PLAIN = '"arith.addi"(%a, %one) : (i32, i32) -> i32'


@pytest.mark.parametrize("op", [SWAP, VOLATILE])
def test_a_loop_that_looks_at_memory_of_others_is_bounded(op: str):
    module = parse(LOOP.replace("OP", op))
    bound_waits.run(module, 1000)
    verify(module)
    text = print_ir(module)
    assert text.count("tt.assert") == 1 and "has not ended after 1000 rounds" in text
    [loop] = [each for each in module.walk() if each.name == "scf.while"]
    assert len(loop.operands) == len(loop.results) == 2


@pytest.mark.parametrize("op, limit", [(PLAIN, 1000), (SWAP, None)])
def test_other_loops_stay(op: str, limit: int | None):
    module = parse(LOOP.replace("OP", op))
    before = print_ir(module)
    bound_waits.run(module, limit)
    assert print_ir(module) == before


@triton.jit
def lock_kernel(lock_ptr, out_ptr):
    while tl.atomic_cas(lock_ptr, 0, 1) == 1:
        pass
    tl.store(out_ptr, tl.load(out_ptr) + 1)
    tl.debug_barrier()
    tl.atomic_xchg(lock_ptr, 0)


@triton.jit
def poll_kernel(flags_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, i)
    tl.atomic_poll(flags_ptr + i[:, None] * 2 + tl.arange(0, 2)[None, :], 5)
    tl.atomic_poll(flags_ptr, 5)
    tl.store(out_ptr + i, i + 1)


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch, triton_cache) -> Iterator[None]:
    impatient = replace(target.target_for("apple9"), wait_rounds=1000)
    monkeypatch.setitem(target._TARGETS, "apple9", impatient)
    with config.scope(ALLOY_RUNTIME="cpu", TRITON_ALLOY_TARGET="apple9", TRITON_ALLOY_MODE="fast"):
        yield


@pytest.mark.parametrize("warps", [1, 4])
def test_a_lock_that_nobody_releases_is_an_error(few_rounds, warps: int):
    lock, out = torch.zeros(1, dtype=torch.int32), torch.zeros(1)
    lock_kernel[(3,)](lock, out, num_warps=warps)
    assert out.item() == 3 and lock.item() == 0
    lock[0] = 1
    with pytest.raises(DeviceAssertion, match="waits for other programs has not ended after 1000 rounds"):
        lock_kernel[(2,)](lock, out, num_warps=warps)
    assert out.item() == 3


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_a_poll_ends(few_rounds, dtype: torch.dtype):
    flags, out = torch.full((64,), 5, dtype=dtype), torch.zeros(32, dtype=torch.int32)
    poll_kernel[(1,)](flags, out, 32)
    assert out.tolist() == list(range(1, 33))
    flags[63] = 4
    with pytest.raises(DeviceAssertion, match="has not ended after 1000 rounds"):
        poll_kernel[(1,)](flags, out, 32)
    assert out.tolist() == list(range(32))
