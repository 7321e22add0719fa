"""Functions of simdgroups and quadgroups for every type they take, and atomics, against NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from triton_alloy.msl_cpu import Library

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
TYPES = {
    "char": np.int8,
    "uchar": np.uint8,
    "short": np.int16,
    "ushort": np.uint16,
    "int": np.int32,
    "uint": np.uint32,
    "half": np.float16,
    "float": np.float32,
}
INTEGERS = list(TYPES)[:6]
THREADS = 64

Function = Callable[[np.ndarray], np.ndarray]


def _spread(reduce: Callable[..., np.ndarray]) -> Function:
    return lambda v: np.repeat(reduce(v, axis=1, keepdims=True), v.shape[1], 1)


def _exclusive(accumulate: Function, first: int) -> Function:
    return lambda v: np.concatenate([np.full((len(v), 1), first, v.dtype), accumulate(v)[:, :-1]], 1)


def _sum(v: np.ndarray) -> np.ndarray:
    return np.cumsum(v, 1, dtype=v.dtype)


def _product(v: np.ndarray) -> np.ndarray:
    return np.cumprod(v, 1, dtype=v.dtype)


def _moved(delta: int) -> Function:
    """Lane i gets what lane i + delta has, where that is in the group, else its own."""

    def move(v: np.ndarray) -> np.ndarray:
        lanes = np.arange(v.shape[1])
        inside = (lanes + delta >= 0) & (lanes + delta < v.shape[1])
        return v[:, np.where(inside, lanes + delta, lanes)]

    return move


def _filled(delta: int) -> Function:
    """... else the filling of the lane that is there modulo the group's size; the filling is v + 1."""

    def fill(v: np.ndarray) -> np.ndarray:
        lanes = np.arange(v.shape[1])
        inside = (lanes + delta >= 0) & (lanes + delta < v.shape[1])
        return np.where(
            inside, v[:, (lanes + delta) % v.shape[1]], (v + v.dtype.type(1))[:, (lanes + delta) % v.shape[1]]
        )

    return fill


# Call without its prefix (simd or quad) -> its result over the rows of groups.
EXCHANGES: dict[str, Function] = {
    "broadcast(v, 2)": lambda v: np.repeat(v[:, 2:3], v.shape[1], 1),
    "broadcast_first(v)": lambda v: np.repeat(v[:, :1], v.shape[1], 1),
    "shuffle(v, ushort((lane * 3 + 1) % width))": lambda v: v[:, (np.arange(v.shape[1]) * 3 + 1) % v.shape[1]],
    "shuffle_xor(v, 3)": lambda v: v[:, np.arange(v.shape[1]) ^ 3],
    "shuffle_up(v, 1)": _moved(-1),
    "shuffle_down(v, 2)": _moved(2),
    "shuffle_rotate_up(v, 1)": lambda v: np.roll(v, 1, 1),
    "shuffle_rotate_down(v, 3)": lambda v: np.roll(v, -3, 1),
    "shuffle_and_fill_up(v, T(v + 1), 1)": _filled(-1),
    "shuffle_and_fill_down(v, T(v + 1), 2)": _filled(2),
}
ARITHMETIC: dict[str, Function] = {
    "sum(v)": _spread(lambda v, **k: np.sum(v, dtype=v.dtype, **k)),
    "product(v)": _spread(lambda v, **k: np.prod(v, dtype=v.dtype, **k)),
    "min(v)": _spread(np.min),
    "max(v)": _spread(np.max),
    "prefix_inclusive_sum(v)": _sum,
    "prefix_exclusive_sum(v)": _exclusive(_sum, 0),
    "prefix_inclusive_product(v)": _product,
    "prefix_exclusive_product(v)": _exclusive(_product, 1),
}
BITS: dict[str, Function] = {
    "and(v)": _spread(lambda v, **k: np.bitwise_and.reduce(v, **k)),
    "or(v)": _spread(lambda v, **k: np.bitwise_or.reduce(v, **k)),
    "xor(v)": _spread(lambda v, **k: np.bitwise_xor.reduce(v, **k)),
}


def _calls(element: str) -> dict[str, Function]:
    return EXCHANGES | ARITHMETIC | (BITS if element in INTEGERS else {})


def _kernel(prefix: str, element: str) -> str:
    width, lane = (32, "thread_index_in_simdgroup") if prefix == "simd" else (4, "thread_index_in_quadgroup")
    lines = []
    for k, call in enumerate(_calls(element)):
        lines.append(f"  out[{k * THREADS} + i] = {prefix}_{call};\n")
        vector = call.replace("(v", "(w", 1).replace("T(v + 1)", "T2(w + T(1))")
        if "prefix" not in call and "product" not in call:
            lines.append(f"  vectors[{k * THREADS} + i] = {prefix}_{vector}.y;\n")
    return (
        f"kernel void {prefix}_{element}(const device {element} *in, device {element} *out, device {element} *vectors,"
        f" uint i [[thread_position_in_grid]], uint lane [[{lane}]]) {{\n"
        f"  typedef {element} T; typedef {element}2 T2; const uint width = {width};\n"
        f"  T v = in[i]; T2 w(T(0), v);\n{''.join(lines)}}}\n"
    )


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(HEAD + "".join(_kernel(p, t) for p in ("simd", "quad") for t in TYPES), "reference")


@pytest.mark.parametrize("element", list(TYPES))
@pytest.mark.parametrize("prefix", ["simd", "quad"])
def test_operations_of_a_group(library: Library, prefix: str, element: str):
    """Values are small and whole: floats are exact, in whatever order they are added up."""
    dtype = TYPES[element]
    if element in INTEGERS:
        values = np.random.default_rng(8).integers(0, 120, THREADS).astype(dtype)
    else:
        values = np.random.default_rng(8).choice([1, 1, 1, 2, -1], THREADS).astype(dtype)
    calls = _calls(element)
    out, vectors = (np.zeros((len(calls), THREADS), dtype) for _ in range(2))
    library[f"{prefix}_{element}"].launch_threads([values, out, vectors], THREADS, THREADS)
    groups = values.reshape(-1, 32 if prefix == "simd" else 4)
    for row, vector_row, (call, function) in zip(out, vectors, calls.items(), strict=True):
        expected = function(groups).ravel()
        np.testing.assert_array_equal(row, expected, err_msg=call)
        if "prefix" not in call and "product" not in call:
            np.testing.assert_array_equal(vector_row, expected, err_msg=f"{call} of a vector")


@pytest.mark.parametrize("prefix", ["simd", "quad"])
def test_lanes_that_are_elsewhere_bring_nothing(prefix: str):
    """Of a simdgroup that has diverged, and of one that is not full, after all lanes have left values behind."""
    width, calls = 32 if prefix == "simd" else 4, ARITHMETIC | BITS
    lines = "".join(f"  out[{k * THREADS} + i] = {prefix}_{call};\n" for k, call in enumerate(calls))
    text = f"""{HEAD}kernel void k(const device int *in, device int *out, uint i [[thread_position_in_grid]]) {{
      int v = {prefix}_shuffle(in[i] + 1000, 0);
      v = {prefix}_sum(v);
      v = in[i];
      if (v % 3 == 0) return;
    {lines}}}"""
    values = np.random.default_rng(12).integers(1, 120, THREADS).astype(np.int32)
    threads = THREADS - 9
    out = np.zeros((len(calls), THREADS), np.int32)
    Library(text, "reference")["k"].launch_threads([values, out], threads, threads)
    for row, (call, function) in zip(out, calls.items(), strict=True):
        expected = np.zeros(THREADS, np.int32)
        for first in range(0, threads, width):
            lanes = np.array([i for i in range(first, min(first + width, threads)) if values[i] % 3], int)
            if len(lanes):
                expected[lanes] = function(values[None, lanes])[0]
        np.testing.assert_array_equal(row, expected, err_msg=call)


@pytest.mark.parametrize("threads", [2, 32, 37])
def test_a_lane_that_is_elsewhere_reads_as_zero(threads: int):
    """As on Apple's GPUs, where Metal promises nothing; not as a value that the lane had brought before."""
    text = f"""{HEAD}kernel void k(device int *out, uint i [[thread_position_in_grid]]) {{
      int seen = simd_sum(int(i) + 1) + simd_shuffle_xor(77, 1);
      if (i % 32 >= 2) return;
      out[i * 5] = simd_shuffle(seen, 9);
      out[i * 5 + 1] = simd_shuffle_down(seen, 4);
      out[i * 5 + 2] = simd_shuffle_xor(seen, 16);
      out[i * 5 + 3] = simd_shuffle_and_fill_down(seen, 5, 8);
      out[i * 5 + 4] = simd_shuffle_rotate_up(seen, 2);
    }}"""
    out = np.full((threads, 5), -1, np.int32)
    Library(text, "reference")["k"].launch_threads([out], threads, threads)
    active = np.arange(threads) % 32 < 2
    assert not out[active].any() and (out[~active] == -1).all()


def test_votes():
    text = f"""{HEAD}kernel void k(const device int *in, device uint *out, uint i [[thread_position_in_grid]]) {{
      bool v = in[i] > 0;
      simd_vote s = simd_ballot(v);
      quad_vote q = quad_ballot(v);
      out[i] = uint(simd_vote::vote_t(s));
      out[64 + i] = uint(quad_vote::vote_t(q));
      out[128 + i] = s.all() | s.any() << 1 | simd_all(v) << 2 | simd_any(v) << 3;
      out[192 + i] = q.all() | q.any() << 1 | quad_all(v) << 2 | quad_any(v) << 3;
      out[256 + i] = simd_is_first() | quad_is_first() << 1;
      out[320 + i] = 0;
      if (v) out[320 + i] = uint(ulong(simd_active_threads_mask())) & 15u | simd_is_first() << 8;
      out[384 + i] = uint(simd_vote::vote_t(quad_active_threads_mask()));
    }}"""
    values = np.random.default_rng(9).integers(-5, 6, 64).astype(np.int32)
    values[:4], values[60:] = 1, -1
    out = np.zeros((7, 64), np.uint32)
    Library(text.replace("simd_vote::vote_t(quad", "quad_vote::vote_t(quad"), "reference")["k"].launch_threads(
        [values, out], 64, 64
    )
    simd, quad = (values > 0).reshape(2, 32), (values > 0).reshape(16, 4)

    def words(rows: np.ndarray) -> np.ndarray:
        return np.repeat((rows * 2 ** np.arange(rows.shape[1], dtype=np.uint64)).sum(1), rows.shape[1])

    def flags(rows: np.ndarray) -> np.ndarray:
        return np.repeat(rows.all(1) * 5 + rows.any(1) * 10, rows.shape[1])

    lanes = np.arange(64)
    first = np.array([lane == np.argmax(row) for row in simd for lane in range(32)])
    np.testing.assert_array_equal(out[0], words(simd))
    np.testing.assert_array_equal(out[1], words(quad))
    np.testing.assert_array_equal(out[2], flags(simd))
    np.testing.assert_array_equal(out[3], flags(quad))
    np.testing.assert_array_equal(out[4], (lanes % 32 == 0) + 2 * (lanes % 4 == 0))
    np.testing.assert_array_equal(out[5], np.where(values > 0, words(simd).astype(np.uint32) & 15 | first * 256, 0))
    np.testing.assert_array_equal(out[6], 15)


UPDATES: dict[str, Callable[[list[int], int], int]] = {
    "add": lambda values, start: start + sum(values),
    "sub": lambda values, start: start - sum(values),
    "min": lambda values, start: min([start, *values]),
    "max": lambda values, start: max([start, *values]),
    "and": lambda values, start: start & int(np.bitwise_and.reduce(values)),
    "or": lambda values, start: start | int(np.bitwise_or.reduce(values)),
    "xor": lambda values, start: start ^ int(np.bitwise_xor.reduce(values)),
}


@pytest.mark.parametrize("element", ["int", "uint"])
@pytest.mark.parametrize("space", ["device", "threadgroup"])
def test_atomic_updates(element: str, space: str):
    """Each operation by 256 threads of 4 threadgroups (in threadgroup memory: of one)."""
    dtype = TYPES[element]
    values = np.random.default_rng(10).integers(0, 2**20, 256).astype(dtype)
    start = 12345
    lines = []
    for k, name in enumerate(UPDATES):
        place = f"&cells[{k}]" if space == "device" else f"&local[{k}]"
        lines.append(f"  atomic_fetch_{name}_explicit({place}, in[i], memory_order_relaxed);\n")
    local = (
        f"  threadgroup atomic_{element} local[8];\n"
        f"  if (t < 8) atomic_store_explicit(&local[t], {element}({start}), memory_order_relaxed);\n"
        "  threadgroup_barrier(mem_flags::mem_threadgroup);\n"
    )
    back = (
        "  threadgroup_barrier(mem_flags::mem_threadgroup);\n  if (t < 8) atomic_store_explicit(&cells[t],"
        " atomic_load_explicit(&local[t], memory_order_relaxed), memory_order_relaxed);\n"
    )
    text = (
        f"{HEAD}kernel void k(const device {element} *in, device atomic_{element} *cells,"
        " uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {\n"
        f"{local if space == 'threadgroup' else ''}{''.join(lines)}{back if space == 'threadgroup' else ''}}}\n"
    )
    cells = np.full(8, start, dtype)
    Library(text, "reference")["k"].launch_threads([values, cells], 256, 64 if space == "device" else 256)
    wrap = 2**32
    for name, cell in zip(UPDATES, cells, strict=False):
        assert int(cell) % wrap == UPDATES[name]([int(v) for v in values], start) % wrap, name


def test_atomics_return_what_was_there():
    text = f"""{HEAD}kernel void k(device atomic_uint *next, device uint *seen, device atomic_int *slot,
        device int *won, device atomic_float *sum, device atomic_ulong *wide, device atomic_bool *flag,
        uint i [[thread_position_in_grid]]) {{
      seen[atomic_fetch_add_explicit(next, 1u, memory_order_relaxed)] = i;
      int expected = 0;
      while (!atomic_compare_exchange_weak_explicit(slot, &expected, int(i) + 1, memory_order_relaxed,
                                                    memory_order_relaxed) && expected == 0) {{}}
      won[i] = expected;
      atomic_fetch_add_explicit(sum, 0.5f, memory_order_relaxed);
      atomic_fetch_sub_explicit(sum + 1, float(i), memory_order_relaxed);
      atomic_min_explicit(wide, ulong(1) << 40 | i, memory_order_relaxed);
      atomic_max_explicit(wide + 1, ulong(i) << 33, memory_order_relaxed);
      if (i == 7) atomic_store_explicit(flag, !atomic_exchange_explicit(flag + 1, true, memory_order_relaxed),
                                        memory_order_relaxed);
    }}"""
    n = 512
    following, seen, slot, won = (
        np.zeros(k, t) for k, t in ((1, np.uint32), (n, np.uint32), (1, np.int32), (n, np.int32))
    )
    total, wide, flag = np.zeros(2, np.float32), np.array([2**63, 3], np.uint64), np.zeros(2, np.bool_)
    Library(text, "reference")["k"].launch_threads([following, seen, slot, won, total, wide, flag], n, 64)
    assert following[0] == n and sorted(seen) == list(range(n))
    winner = slot[0] - 1
    assert 0 <= winner < n and won[winner] == 0 and set(np.delete(won, winner)) == {winner + 1}
    assert total.tolist() == [n / 2, -sum(range(n))]
    assert wide.tolist() == [2**40, (n - 1) << 33] and flag.all()
