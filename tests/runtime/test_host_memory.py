"""Page-aligned memory: what is allocated is found by every address in it, and only while it is in use."""

from __future__ import annotations

import ctypes
import gc

import numpy as np
import pytest

from triton_alloy.runtime.host_memory import PAGE_BYTES, Span, allocate, find
from triton_alloy.runtime.metal_memory import merged


@pytest.mark.parametrize("size", [0, 1, PAGE_BYTES, PAGE_BYTES + 1])
def test_an_allocation_has_whole_pages_of_zeros(size: int):
    owner = allocate(size)
    assert ctypes.sizeof(owner) == PAGE_BYTES * (2 if size > PAGE_BYTES else 1)
    assert ctypes.addressof(owner) % PAGE_BYTES == 0
    assert bytes(owner) == bytes(ctypes.sizeof(owner))


def test_an_allocation_is_found_from_every_address_inside():
    blocks = [allocate(3 * PAGE_BYTES) for _ in range(5)]
    for block in blocks:
        start = ctypes.addressof(block)
        for address in (start, start + 1, start + 3 * PAGE_BYTES - 1):
            found = find(address)
            assert found is not None and found.owner is block and found.span == Span(start, start + 3 * PAGE_BYTES)
    assert find(1) is None
    assert find(np.zeros(3).ctypes.data) is None


def test_a_view_keeps_an_allocation_and_its_end_frees_it():
    view = np.frombuffer(allocate(100), np.uint8)[10:]
    address = view.ctypes.data
    gc.collect()
    assert find(address) is not None
    del view
    gc.collect()
    assert find(address) is None


def test_overlapping_spans_become_one():
    assert merged([Span(5, 9), Span(0, 6), Span(9, 12), Span(20, 20)]) == [Span(0, 9), Span(9, 12), Span(20, 20)]
