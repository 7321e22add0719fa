"""Fast mode with bounds: every function that accesses device memory, by every path; and what counts as outside."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.support.lanes import LANES, kernel
from triton_alloy.msl_cpu import KernelFailure, LaunchError, Library
from triton_alloy.msl_cpu.launch.buffers import Buffer
from triton_alloy.msl_cpu.text import rewrite

POINTERS = ("device int *x", "device int *out", "const device int *at", "device uint *lock_table")
AT = "i32 i = load(at, i32(lane));"
# Body: each accesses x[0] ... x[35] with the offsets 0, 1, ... 31, or as far as `at` says.
READS = {
    "load": "store(out, i32(lane), load(x, i));",
    "load_masked": "store(out, i32(lane), load(x, i, i >= 0));",
    "load_contiguous": "store(out, i32(lane), load_contiguous(x, i));",
    "load_contiguous_masked": "store(out, i32(lane), load_contiguous(x, i, i >= 0, 3));",
    "load_of_64_bits": "store(out, i32(lane), load(x, i64(i)));",
    "load_vector": "i32 v[2]; load_vector<2>(v, x, i * 2); store(out, i32(lane), v[0] + v[1]);",
    "load_vector_masked": "i32 v[4]; load_vector<4>(v, x, i * 4, i >= 0); store(out, i32(lane), v[3]);",
    "load_vector_other": "i32 v[2], o[2]; load_vector<2>(v, x, i * 2, i >= 0, o); store(out, i32(lane), v[0]);",
    "load_address": "store(out, i32(lane), load_address<int>(u64(address_of(x)) + u64(i64(i)) * 4));",
    "load_address_masked": "store(out, i32(lane), load_address<int>(u64(address_of(x)) + u64(i64(i)) * 4, i >= 0));",
    "element": "store_uniform(out, 0, x[first(i)]);",
    "element_of_a_sum": "store_uniform(out, 0, (x + first(i))[0]);",
    "dereferenced": "store_uniform(out, 0, *(x + first(i)));",
    "carried": "const device int *p = x; for (int k = 0; k < first(i); ++k) p += 1; store_uniform(out, 0, p[0]);",
}
WRITES = {
    "store": "store(x, i, i);",
    "store_masked": "store(x, i, i, i >= 0);",
    "store_contiguous": "store_contiguous(x, i, i);",
    "store_contiguous_masked": "store_contiguous(x, i, i, i >= 0);",
    "store_vector": "i32 v[2] = {i, i}; store_vector<2>(x, i * 2, v);",
    "store_vector_masked": "i32 v[4] = {i, i, i, i}; store_vector<4>(x, i * 4, v, i >= 0);",
    "store_address": "store_address<int>(u64(address_of(x)) + u64(i64(i)) * 4, i);",
    "store_uniform": "store_uniform(x, first(i), 1);",
    "element_assigned": "x[first(i)] = 1;",
}
ATOMICS = {
    "atomic_add": "atomic_add(x, i, i);",
    "atomic_exchange": "atomic_exchange(x, i, i, i >= 0);",
    "atomic_cas": "atomic_cas(x, i, i, i);",
    "uniform_atomic_max": "uniform_atomic_max(x, first(i), 1);",
    "load_coherent": "store(out, i32(lane), load_coherent(x, i));",
    "store_coherent": "store_coherent(x, i, i);",
    "uniform_load_coherent": "store_uniform(out, 0, uniform_load_coherent(x, first(i)));",
}
CASES = [(name, body, access) for cases, access in ((READS, "read"), (WRITES, "write"), (ATOMICS, "atomic access"))
         for name, body in cases.items()]  # fmt: skip
WIDTH = {"load_vector": 2, "load_vector_masked": 4, "load_vector_other": 2, "store_vector": 2, "store_vector_masked": 4}
ONE_ELEMENT = ("element", "dereferenced", "uniform", "carried")  # that of lane 0
LANE = np.arange(LANES)


def library(body: str, parameters: tuple[str, ...] = POINTERS) -> Library:
    return Library(kernel(f"    {AT}\n    {body}", parameters), "fast", bounds=True)


def run(program: Library, at: np.ndarray, elements: int) -> bytearray:
    """Launch with `elements` of x in the middle of other memory; returns that memory."""
    memory = bytearray(b"\1\0\0\0" * (elements + 128))
    whole = np.frombuffer(memory, np.int32)
    x = Buffer(whole.ctypes.data + 256, 4 * elements, True, memory)
    try:
        program.k.launch([x, np.zeros(LANES, np.int32), at.astype(np.int32), np.zeros(4096, np.uint32)], 1, LANES)
    finally:
        assert memory[:256] == memory[256 + 4 * elements :] == bytearray(b"\1\0\0\0" * 64)
    return memory


@pytest.mark.parametrize(("name", "body", "access"), CASES, ids=[case[0] for case in CASES])
def test_every_access(name: str, body: str, access: str):
    program = library(body)
    width = WIDTH.get(name, 1)
    for elements in (LANES * width, LANES * width + 3):
        run(program, LANE, elements)
    wrong = [(LANE + 10, 7)]
    if not any(word in name for word in ONE_ELEMENT):
        wrong += [(LANE, 20)]
        wrong += [(LANE * 7 % 32, 31)] if "contiguous" not in name else []
    for at, count in wrong:
        with pytest.raises(KernelFailure) as caught:
            run(program, at, count * width)
        fault = caught.value.fault
        assert (fault.access, fault.bytes, fault.buffer, fault.size) == (access, 4, 0, 4 * count * width)
        assert fault.offset >= fault.size and fault.offset % 4 == 0
        assert (fault.source, fault.threadgroup) == (body, (0, 0, 0))
        assert str(caught.value) == (
            f"program_source:{fault.line}: kernel 'k', threadgroup (0, 0, 0): out of bounds: {access} of 4 bytes at "
            f"offset {fault.offset} of buffer 0, which has {fault.size} bytes\n    {body}"
        )


IN_FRONT = [case for case in CASES if "i >= 0" not in case[1] and case[0] != "carried"]


@pytest.mark.parametrize(("name", "body", "access"), IN_FRONT, ids=[case[0] for case in IN_FRONT])
def test_in_front_of_a_buffer(name: str, body: str, access: str):
    with pytest.raises(KernelFailure) as caught:
        run(library(body), LANE - 40, 64)
    fault = caught.value.fault
    assert (fault.access, fault.buffer) == (access, 0) and fault.offset == -160 * WIDTH.get(name, 1)


MASKED = [case for case in CASES if "i >= 0" in case[1]]


@pytest.mark.parametrize(("name", "body", "access"), MASKED, ids=[case[0] for case in MASKED])
@pytest.mark.parametrize("inside", [0, 1, 5, 31])
def test_masked_lanes_touch_nothing(name: str, body: str, access: str, inside: int):
    at = np.where(np.arange(LANES) < inside, np.arange(LANES), -1000)
    if "contiguous" in name:  # what lane 0's offset says holds for all
        return
    run(library(body), at, max(inside, 1) * WIDTH.get(name, 1))


def test_a_row_with_masked_ends():
    """Only the lanes from 4 to 9 are there."""
    text = "b1 m = (i >= 0) & (i < 6); store_contiguous(x, i, i, m); store(out, i32(lane), load_contiguous(x, i, m));"
    run(library(text), np.arange(LANES) - 4, 6)
    with pytest.raises(KernelFailure):
        run(library(text.replace("i < 6", "i < 7")), np.arange(LANES) - 4, 6)


def test_the_first_element_outside_is_named():
    with pytest.raises(KernelFailure, match="write of 4 bytes at offset 80 of buffer 0, which has 80 bytes"):
        run(library(WRITES["store_contiguous"]), np.arange(LANES), 20)
    with pytest.raises(KernelFailure, match="write of 4 bytes at offset -12 of buffer 0, which has 80 bytes"):
        run(library(WRITES["store_contiguous"]), np.arange(LANES) - 3, 20)


def test_more_buffers_than_are_looked_up_at_once():
    names = [f"b{i}" for i in range(20)]
    body = "\n".join(f"store_contiguous({name}, i, load_contiguous({name}, i) + {n});" for n, name in enumerate(names))
    program = library(body, ("const device int *at", *(f"device int *{name}" for name in names)))
    arrays = [np.zeros(LANES, np.int32) for _ in names]
    at = np.arange(LANES, dtype=np.int32)
    program.k.launch([at, *arrays], 1, LANES)
    assert all((array == n).all() for n, array in enumerate(arrays))
    arrays[17] = np.zeros(LANES - 1, np.int32)
    with pytest.raises(KernelFailure, match="read of 4 bytes at offset 124 of buffer 18, which has 124 bytes"):
        program.k.launch([at, *arrays], 1, LANES)


def test_threadgroup_memory_is_no_buffer():
    body = """threadgroup int scratch[64];
    store_contiguous(scratch, i, i * 3);
    accumulate(scratch, i, i32(1));
    store(out, i32(lane), load(scratch, 31 - i));"""
    out, at = np.zeros(LANES, np.int32), np.arange(LANES, dtype=np.int32)
    library(body).k.launch([out, out, at, np.zeros(4, np.uint32)], 1, LANES)
    assert (out == 3 * (31 - at) + 1).all()


def test_who_waits_for_a_stopped_threadgroup_is_released():
    """Threadgroup 0 waits for a number that threadgroup 1 would write, which goes wrong before."""
    body = """if (program_id.x == 0) uniform_atomic_poll(x, 0, 1);
    else { store_uniform(x, first(i) + 1000, 1); uniform_atomic_exchange(x, 0, 1); }"""
    with pytest.raises(KernelFailure, match="threadgroup \\(1, 0, 0\\): out of bounds"):
        program = library(body)
        at = np.zeros(LANES, np.int32)
        program.k.launch([np.zeros(4, np.int32), at, at, np.zeros(4, np.uint32)], 2, LANES)


def test_a_launcher_is_told_the_ranges():
    program = library(WRITES["store_contiguous"])
    x, at = np.zeros(64, np.int32), np.arange(LANES, dtype=np.int32)
    bound = [x, x, at, at]
    block = (ctypes.c_void_p * 12)()
    for i, array in enumerate(bound):
        block[i] = block[4 + i] = array.ctypes.data
        block[8 + i] = array.ctypes.data + array.nbytes
    launcher = program.k.launcher(4, LANES)
    launcher(block, 1)
    assert (x[:LANES] == at).all()
    block[8] = block[9] = x.ctypes.data + 100
    with pytest.raises(KernelFailure, match="offset 100 of buffer 0, which has 100 bytes"):
        launcher(ctypes.addressof(block), 1)


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("int v = x[2];", "int v = msl_cpu_read(x)[2];"),
        ("int v = (x + 1)[2];", "int v = msl_cpu_read(x, x + 1)[2];"),
        ("int v = *(x + 1);", "int v = *msl_cpu_read(x, x + 1);"),
        ("int v = *(1 + x);", "int v = *msl_cpu_read(1 + x);"),
        ("int v = *(x + x[1]);", "int v = *msl_cpu_read(x, x + msl_cpu_read(x)[1]);"),
        ("*(x - 1) = 2;", "*msl_cpu_write(x, x - 1) = 2;"),
        ("int v = *x;", "int v = *msl_cpu_read(x);"),
        ("int v = ((const device int *)y)[2];", "int v = msl_cpu_read((const        int *)y)[2];"),
        ("x[2] = 1;", "msl_cpu_write(x)[2] = 1;"),
        ("x[2] += 1;", "msl_cpu_write(x)[2] += 1;"),
        ("int v = x[2] == 1;", "int v = msl_cpu_read(x)[2] == 1;"),
        ("device int *p = &x[2];", "       int *p = &x[2];"),
        ("device int *p = x + 2; int v = p[0];", "       int *p = x + 2; int v = msl_cpu_read(p)[0];"),
        ("int a[3]; a[1] = 2;", "int a[3]; a[1] = 2;"),
        ("int v = 2 * (y + 1); v = s.x[0];", "int v = 2 * (y + 1); v = s.x[0];"),
    ],
)
def test_elements_that_the_text_accesses_are_guarded(text: str, guarded: str):
    source = f"kernel void k(device int *x [[buffer(0)]], constant int &y [[buffer(1)]]) {{ {text} }}"
    assert guarded in rewrite.rewrite(source, "fast", {}, bounds=True).text
    assert "msl_cpu_read" not in rewrite.rewrite(source, "fast", {}).text


def test_the_variable_and_the_argument(monkeypatch: pytest.MonkeyPatch):
    source = kernel(f"{AT} store(x, i, i);", POINTERS)
    assert not Library(source, "fast").bounds
    monkeypatch.setenv("MSL_CPU_BOUNDS", "1")
    assert Library(source, "fast").bounds and not Library(source, "fast", bounds=False).bounds
    assert not Library(source, "reference").bounds
    monkeypatch.setenv("MSL_CPU_BOUNDS", "yes")
    with pytest.raises(LaunchError, match="MSL_CPU_BOUNDS='yes' is neither 0 nor 1"):
        Library(source, "fast")
