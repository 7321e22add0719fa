"""Outputs of fast mode: which buffers a kernel only writes, and that what goes past the caches arrives."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.lanes import LANES, STORAGE, kernel, memory_name
from triton_alloy.msl_cpu import Library, library
from triton_alloy.msl_cpu.text import rewrite

STORE = "store_contiguous(out, i32(lane), load_contiguous(x, i32(lane)));"
POINTERS = ("const device float *x", "device float *out")
KEPT = {
    "read": (POINTERS, STORE + "store_contiguous(out, i32(lane), load_contiguous(out, i32(lane)));"),
    "aliased": (POINTERS, "device float *row = out; store_contiguous(row, i32(lane), load_contiguous(x, i32(lane)));"),
    "shadowed": (POINTERS, STORE + "{ int out = 0; (void)out; }"),
    "computed": (POINTERS, "store_contiguous(out[0] > 0 ? out : out, i32(lane), f32(1));"),
    "in_a_macro": (POINTERS, STORE + "\n#define FIRST out[0]\n"),
    "published_by_an_atomic": (
        (*POINTERS, "device int *flag"),
        STORE + "atomic_exchange(flag, 0, 1);",
    ),
    "passed_on": (POINTERS, STORE + "consume(out);"),
    "a_field": (POINTERS, STORE + "scalars.out;"),
}


def text(parameters: tuple[str, ...], body: str) -> str:
    """The kernel in C++, and only it."""
    program = rewrite.rewrite(kernel(body, parameters), "fast", {})
    return program.text[program.text.index("void k(") :]


@pytest.mark.parametrize(
    "body", [STORE, STORE.replace("(out,", "(out + 32 * 4,"), STORE + "store(out, i32(0), f32(0));"]
)
def test_a_buffer_that_is_only_written_is_an_output(body):
    assert text(POINTERS, body).count("write_contiguous") == 1


@pytest.mark.parametrize("case", KEPT)
def test_any_other_use_keeps_a_buffer_from_being_an_output(case):
    assert "write_contiguous" not in text(*KEPT[case])


def test_each_buffer_counts_for_itself():
    both = (*POINTERS, "device float *kept")
    found = text(both, STORE + "store_contiguous(kept, i32(lane), load_contiguous(kept, i32(lane)));")
    assert "write_contiguous(out," in found and "store_contiguous(kept," in found


def test_only_fast_mode_has_outputs():
    assert "write_contiguous" not in rewrite.rewrite(kernel(STORE, POINTERS), "reference", {}).text


COPY = """    const i32 i = int(program_id.x) * 64 + i32(lane);
    store_contiguous(out, i, load_contiguous(x, i, i < size[0]), i < size[0]);
    store_contiguous(out, i + 32, load_contiguous(x, i + 32, i + 32 < size[0]), i + 32 < size[0]);"""


@pytest.fixture
def nothing_is_cached(monkeypatch):
    """Every output goes past the caches, after the first threadgroups of each worker."""
    monkeypatch.setattr(library, "CACHED_BYTES", 0)


@pytest.mark.parametrize("offset", [0, 1], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("type_", STORAGE)
def test_past_the_caches_every_value_arrives(nothing_is_cached, type_, offset):
    element = memory_name(type_)
    parameters = [f"const device {element} *x", f"device {element} *out", "constant int *size"]
    size = 300 * 64 - 7
    x = np.random.default_rng(0).integers(0, 100, size).astype(STORAGE[type_])
    room = np.full(size + 2 * LANES + 64, 101, x.dtype)
    start = -room.ctypes.data % 64 // x.itemsize + offset
    run = Library(kernel(COPY, parameters), "fast")["k"]
    run.launch([x, room[start : start + size], np.array([size], np.int32)], 300, 32)
    np.testing.assert_array_equal(room[start : start + size], x)
    assert (room[:start] == 101).all() and (room[start + size :] == 101).all()


def test_past_the_caches_a_buffer_that_is_also_read_is_updated_in_place(nothing_is_cached):
    parameters = ["const device float *x", "device float *out", "constant int *size"]
    body = COPY.replace("load_contiguous(", "f32(1) + load_contiguous(")
    x = np.arange(300 * 64, dtype=np.float32)
    Library(kernel(body, parameters), "fast")["k"].launch([x, x, np.array([x.size], np.int32)], 300, 32)
    np.testing.assert_array_equal(x, np.arange(300 * 64) + 1)


def test_past_the_caches_simdgroups_see_the_last_store(nothing_is_cached):
    """Two simdgroups store to one place, a barrier between them."""
    body = """    const i32 at = int(program_id.x) * 32 + i32(lane);
    if (simdgroup == 0) store_contiguous(out, at, i32(1));
    threadgroup_barrier(mem_flags::mem_device);
    if (simdgroup == 1) store_contiguous(out, at, i32(2));"""
    source = kernel(body, ["device int *out"]).replace(
        "u32 lane [[", "uint simdgroup [[simdgroup_index_in_threadgroup]], u32 lane [["
    )
    out = np.zeros(512 * 32, np.int32)
    Library(source, "fast")["k"].launch([out], 512, 64)
    assert (out == 2).all()
