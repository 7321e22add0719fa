"""Loads and stores of lanes: every type, masks, consecutive and scattered offsets; masked lanes touch nothing."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest

from tests.support.lanes import FLOATS, INTEGERS, LANES, MODES, STORAGE, kernel, launch, memory_name

TYPES = (*INTEGERS, *FLOATS)
PAGE = mmap.PAGESIZE
OFFSETS = {
    "consecutive": np.arange(LANES) + 5,
    "reversed": 40 - np.arange(LANES),
    "halves": np.arange(LANES) % 16 + np.where(np.arange(LANES) < 16, 70, 11),
    "almost_halves": np.where(np.arange(LANES) == 20, 99, np.arange(LANES) % 16 + np.arange(LANES) // 16 * 40),
    "strided": 3 * np.arange(LANES) + 1,
    "scattered": np.random.default_rng(3).permutation(100)[:LANES],
    "almost_consecutive": np.where(np.arange(LANES) == 17, 99, np.arange(LANES)),
}
MASKS = {
    "all": np.ones(LANES, bool),
    "none": np.zeros(LANES, bool),
    "first": np.arange(LANES) < 13,
    "last": np.arange(LANES) >= 20,
    "some": np.random.default_rng(4).integers(0, 2, LANES).astype(bool),
}


def memory(type_: str, count: int, seed: int = 0) -> np.ndarray:
    storage = np.dtype(STORAGE[type_])
    return np.random.default_rng(seed).integers(1, 100, count).astype(storage)


def as_array(values: np.ndarray, type_: str = "int32") -> np.ndarray:
    return np.ascontiguousarray(values, type_)


def parameters(element: str) -> list[str]:
    return [
        f"const device {element} *p",
        "const device int *offsets",
        "const device uchar *masks",
        f"device {element} *out",
    ]


LOADS = """    {I} at = {I}(load(offsets, i32(lane)));
    b1 m = load(masks, i32(lane)) != 0;
    store_contiguous(out, i32(lane), {function}(p, at));
    store_contiguous(out, i32(lane) + 32, {function}(p, at, m));
    store_contiguous(out, i32(lane) + 64, {function}(p, at, m, {T}(load(p, i32(lane) + 64))));
    store_contiguous(out, i32(lane) + 96, {function}(p, at, m, {uniform}(7)));"""
STORES = """    {I} at = {I}(load(offsets, i32(lane)));
    b1 m = load(masks, i32(lane)) != 0;
    {function}(out, at, load(p, i32(lane)));
    {function}(out + 128, at, load(p, i32(lane)), m);"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("type_", "index"), [*((type_, "i32") for type_ in TYPES), ("f32", "i64"), ("i16", "u32"), ("u64", "i64")]
)
def test_loads_and_stores(type_: str, index: str, mode: str):
    names = {"I": index, "T": type_, "uniform": memory_name(type_)}
    for layout, offsets in OFFSETS.items():
        functions = ("load", "load_contiguous") if layout == "consecutive" else ("load",)
        for function in functions:
            for mask in MASKS.values():
                arrays = [memory(type_, 128), as_array(offsets), as_array(mask, "uint8")]
                _check_loads(names | {"function": function}, mode, arrays)
                _check_stores(names | {"function": function.replace("load", "store")}, mode, arrays)


def _check_loads(names: dict[str, str], mode: str, arrays: list[np.ndarray]) -> None:
    values, offsets, mask = arrays
    out = np.zeros(128, values.dtype)
    launch(kernel(LOADS.format(**names), parameters(names["uniform"])), mode, [*arrays, out])
    seven = {"bf16": 0x40E0}.get(names["T"], 7)
    found = values[offsets]
    expected = [found] + [np.where(mask, found, other) for other in (0, values[64:96], seven)]
    assert np.array_equal(out.reshape(4, LANES), expected)


def _check_stores(names: dict[str, str], mode: str, arrays: list[np.ndarray]) -> None:
    values, offsets, mask = arrays
    out = np.zeros(256, values.dtype)
    launch(kernel(STORES.format(**names), parameters(names["uniform"])), mode, [*arrays, out])
    right = np.zeros((2, 128), values.dtype)
    right[0, offsets], right[1, offsets[mask != 0]] = values[:LANES], values[:LANES][mask != 0]
    assert np.array_equal(out.reshape(2, 128), right)


VECTORS = """    {T} x[{N}], y[{N}], z[{N}], w[{N}];
    i32 at = i32(load(offsets, i32(lane)));
    b1 m = load(masks, i32(lane)) != 0;
    load_vector<{N}>(x, p, at);
    load_vector<{N}>(y, p, at, m);
    load_vector<{N}>(z, p, at, m, x);
    load_vector<{N}>(w, p, at, m, {uniform}(7));
    for (uint j = 0; j < {N}; ++j) {{
        store(out, i32(lane) + int(j * 32), x[j]);
        store(out, i32(lane) + int(j * 32) + {N} * 32, y[j]);
        store(out, i32(lane) + int(j * 32) + {N} * 64, z[j]);
        store(out, i32(lane) + int(j * 32) + {N} * 96, w[j]);
    }}
    store_vector<{N}>(out + {N} * 128, at, x);
    store_vector<{N}>(out + {N} * 224, at, x, m);"""
VECTOR_TYPES = ("i8", "i16", "f16", "bf16", "i32", "f32", "i64")


def vector_widths() -> list[tuple[str, int, str]]:
    """On a GPU a vector is one access of up to 16 bytes; lanes have any number of elements."""
    fast = [(type_, width, "fast") for type_ in ("i8", "f16", "f32", "i64") for width in (1, 2, 3, 4, 8, 16)]
    sizes = {type_: np.dtype(STORAGE[type_]).itemsize for type_ in VECTOR_TYPES}
    found = [(t, n, "reference") for t in VECTOR_TYPES for n in (2, 4, 8, 16) if n * sizes[t] <= 16]
    return fast + found


@pytest.mark.parametrize(("type_", "width", "mode"), vector_widths())
def test_vectors_of_elements(type_: str, width: int, mode: str):
    names = {"T": type_, "N": width, "uniform": memory_name(type_)}
    source = kernel(VECTORS.format(**names), parameters(memory_name(type_)))
    size, seven = 96 * width, {"bf16": 0x40E0}.get(type_, 7)
    values = memory(type_, size)
    for start in (np.arange(LANES) * width, np.random.default_rng(1).permutation(LANES) * width * 2):
        for mask in (MASKS["all"], MASKS["some"]):
            out = np.zeros(width * (128 + 96 * 2), values.dtype)
            launch(source, mode, [values, as_array(start), as_array(mask, "uint8"), out])
            element = values[start[None, :] + np.arange(width)[:, None]]
            kept, others = (np.where(mask, element, other) for other in (0, seven))
            loaded, stored = out[: width * 128], out[width * 128 :].reshape(2, size)
            assert np.array_equal(loaded.reshape(4, width, LANES), [element, kept, element, others])
            for area, active in zip(stored, (np.ones(LANES, bool), mask), strict=True):
                right = np.zeros(size, values.dtype)
                right[(start[None, :] + np.arange(width)[:, None])[:, active]] = element[:, active]
                assert np.array_equal(area, right)


SCALARS = """    int at = offsets[0];
    float one = load(p, at), none = load(p, at, false), other = load(p, 2000000000, false, 3.0f);
    b1 m = load(masks, i32(lane)) != 0;
    store_contiguous(out, i32(lane), load(p, at, m, f32(i32(lane))));
    store(out, 32, one); store(out, 33, none); store(out, 34, other);
    store(out, 35, 9.0f, false);
    store(out, 36, 8.0f, simd_any(m));"""


@pytest.mark.parametrize("mode", MODES)
def test_uniform_offsets(mode: str):
    values, out, mask = memory("f32", 64), np.zeros(64, np.float32), MASKS["some"]
    if mode == "reference":
        source = SCALARS.replace("load(p, at, m, f32(i32(lane)))", "load(p, i32(at), m, f32(i32(lane)))")
    else:
        source = SCALARS
    launch(kernel(source, parameters("float")), mode, [values, as_array(np.full(1, 9)), as_array(mask, "uint8"), out])
    assert np.array_equal(out[:LANES], np.where(mask, values[9], np.arange(LANES)))
    assert out[32:37].tolist() == [values[9], 0, 3, 0, 8]


ADDRESSES = """    u64 base = u64(address_of(p));
    u64 at = base + u64(load(offsets, i32(lane))) * 4;
    b1 m = load(masks, i32(lane)) != 0;
    store(out, i32(lane), load_address<float>(at));
    store(out, i32(lane) + 32, load_address<float>(at, m, f32(5.0f)));
    u64 to = u64(address_of(out)) + u64(load(offsets, i32(lane)) + 64) * 4;
    store_address<float>(to, f32(1.0f) + f32(i32(lane)), m);"""


@pytest.mark.parametrize("mode", MODES)
def test_computed_addresses(mode: str):
    for offsets in OFFSETS.values():
        for mask in (MASKS["all"], MASKS["some"]):
            values, out = memory("f32", 128), np.zeros(192, np.float32)
            launch(
                kernel(ADDRESSES, parameters("float")), mode, [values, as_array(offsets), as_array(mask, "uint8"), out]
            )
            assert np.array_equal(out[:32], values[offsets])
            assert np.array_equal(out[32:64], np.where(mask, values[offsets], 5))
            right = np.zeros(128, np.float32)
            right[offsets[mask]] = (1 + np.arange(LANES))[mask]
            assert np.array_equal(out[64:], right)


SHARED = """    threadgroup uchar arena[1024] __attribute__((aligned(16)));
    threadgroup {T} *scratch = (threadgroup {T} *)(arena + 64);
    store(scratch, 31 - i32(lane), load(p, i32(lane)));
    store_uniform(scratch, 32u, {T}(5));
    simdgroup_barrier(mem_flags::mem_threadgroup);
    store_contiguous(out, i32(lane), load_contiguous(scratch, i32(lane) + 1));"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", TYPES)
def test_threadgroup_memory(type_: str, mode: str):
    name = memory_name(type_)
    values = memory(type_, LANES)
    out = np.zeros_like(values)
    source = kernel(SHARED.format(T=name), [f"const device {name} *p", f"device {name} *out"])
    launch(source, mode, [values, out])
    five = {"bf16": 0x40A0}.get(type_, 5)
    assert np.array_equal(out, np.append(values[::-1], np.array([five], values.dtype))[1:])


# ---------------------------------------------------------------------------------------------------- beyond the memory
class Guarded:
    """A page of memory between two that must not be touched."""

    def __init__(self):
        self._map = mmap.mmap(-1, 3 * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        protect = ctypes.CDLL(None).mprotect
        for page in (0, 2):
            assert protect(ctypes.c_void_p(start + page * PAGE), ctypes.c_size_t(PAGE), 0) == 0
        self.page = np.frombuffer(self._map, np.uint8)[PAGE : 2 * PAGE]


EDGE = """    i32 at = i32(lane) + start[0];
    b1 m = (at >= 0) & (at < start[1]);
    {T} x = {load}(p, at, m, {uniform}(1));
    {store}(p, at, {T}(x + {uniform}(1)), m);
    store_contiguous(out, i32(lane), x);"""


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("suffix", ("_contiguous", ""))
def test_masked_lanes_touch_no_memory(type_: str, suffix: str):
    names = {"T": type_, "uniform": memory_name(type_), "load": "load" + suffix, "store": "store" + suffix}
    source = kernel(EDGE.format(**names), edge_parameters(type_))
    page = Guarded().page.view(STORAGE[type_])
    count = len(page)
    one = np.array([{"bf16": 0x3F80}.get(type_, 1)], page.dtype)[0]
    for start in (-20, count - 13, count + 5, -32):
        page[:] = 2
        out = np.zeros(LANES, page.dtype)
        launch(source, "fast", [page, np.array([start, count], np.int32), out])
        at = start + np.arange(LANES)
        assert np.array_equal(out, np.where((at >= 0) & (at < count), np.full(LANES, 2, page.dtype), one))


@pytest.mark.parametrize("type_", ("i8", "f16", "f32", "i64"))
def test_masked_lanes_of_scattered_accesses_touch_no_memory(type_: str):
    names = {"T": type_, "uniform": memory_name(type_), "load": "load", "store": "store"}
    body = EDGE.format(**names).replace("i32(lane) + start[0]", "i32(lane) * 3 + start[0]")
    source = kernel(body, edge_parameters(type_))
    page = Guarded().page.view(STORAGE[type_])
    for start in (-50, len(page) - 50):
        launch(source, "fast", [page, np.array([start, len(page)], np.int32), np.zeros(LANES, page.dtype)])


def edge_parameters(type_: str) -> list[str]:
    return [f"device {memory_name(type_)} *p", "const device int *start", f"device {memory_name(type_)} *out"]
