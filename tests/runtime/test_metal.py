"""The metal runtime on the double of PyObjC: what it calls, in which order, and what comes out."""

from __future__ import annotations

import mmap
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.metal_double import CONSTANT_BYTES, GPU_SECONDS, Device, Error, Size, World, double
from triton_alloy.errors import DeviceFailure, InvalidArgument, OutOfResources, RejectedText, Unsupported
from triton_alloy.kernel import Argument, Extent, Kernel, Service
from triton_alloy.runtime import limits
from triton_alloy.runtime.host_memory import PAGE_BYTES, allocate
from triton_alloy.runtime.metal import MetalDevice, MetalExecutable
from triton_alloy.runtime.metal_commands import DISPATCHES
from triton_alloy.runtime.selftest import Verdict

AXPY = """#include <metal_stdlib>
using namespace metal;
struct axpy_scalars { int n; float a; };
[[kernel]] void axpy(const device float *x [[buffer(0)]], device float *y [[buffer(1)]],
                     constant axpy_scalars &scalars [[buffer(2)]],
                     uint3 program [[threadgroup_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
    int i = program.x * 32 + lane;
    if (i < scalars.n) y[i] = y[i] + scalars.a * x[i];
}
"""
POINTERS = (Argument("x", "buffer", "f32", 0, read_only=True), Argument("y", "buffer", "f32", 1))
SCALARS = (Argument("n", "scalar", "i32", 2), Argument("a", "scalar", "f32", 3))


def axpy_kernel(source: str = AXPY, simdgroups: int = 1, services: tuple[Service, ...] = ()) -> Kernel:
    return Kernel("axpy", source, (*POINTERS, *SCALARS), simdgroups, 0, "apple9", services=services)


def open_device(world: World, cache: Path | None = None, trusted: bool = True) -> MetalDevice:
    """A device on the double; trusted: without its self-test, which has tests of its own."""
    device = MetalDevice(double(world), Device(world), 18, cache)
    if trusted:
        device.verdict = Verdict({})
    return device


def around(array: np.ndarray) -> Extent:
    """The memory of the array that owns what this one shows."""
    base = array if array.base is None or not isinstance(array.base, np.ndarray) else array.base
    before = array.ctypes.data - base.ctypes.data
    return Extent(before, base.nbytes - before)


def run_axpy(device: MetalDevice, kernel: MetalExecutable, x: np.ndarray, y: np.ndarray, a: float = 2.0) -> None:
    n = min(len(x), len(y))
    grid = (-(-n // 32), 1, 1)
    device.launch(kernel, [x.ctypes.data, y.ctypes.data], struct.pack("<if", n, a), grid, [around(x), around(y)])


def pages(count: int) -> np.ndarray:
    """Floats in memory of whole pages."""
    return np.frombuffer(allocate(4 * count), np.float32, count)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def device(world: World) -> MetalDevice:
    return open_device(world)


# ------------------------------------------------------------------------------------------------------------- launches
def test_a_launch_computes_and_is_complete(world: World, device: MetalDevice):
    x, y = np.arange(100, dtype=np.float32), np.ones(100, np.float32)
    kernel = device.compile(axpy_kernel())
    before = len(world.calls)
    run_axpy(device, kernel, x, y)
    np.testing.assert_array_equal(y, 1 + 2 * x)
    sequence = [name for name, _ in world.calls[before:] if not name.startswith(("newBuffer", "contents"))]
    assert sequence == [
        "commandBuffer",
        "computeCommandEncoder",
        "setComputePipelineState:",
        "setBuffer:offset:atIndex:",
        "setBuffer:offset:atIndex:",
        "setBytes:length:atIndex:",
        "dispatchThreadgroups:threadsPerThreadgroup:",
        "endEncoding",
        "commit",
        "waitUntilCompleted",
        "status",
        "GPUEndTime",
        "GPUStartTime",
    ]
    assert world.last("setBytes:length:atIndex:") == (struct.pack("<if", 100, 2.0), 8, 2)
    assert world.last("dispatchThreadgroups:threadsPerThreadgroup:") == (Size(4, 1, 1), Size(32, 1, 1))


def test_every_launch_adds_the_time_of_the_gpu(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    before = device.worked_seconds
    for _ in range(3):
        run_axpy(device, kernel, np.ones(4, np.float32), np.ones(4, np.float32))
    assert device.worked_seconds - before == pytest.approx(3 * GPU_SECONDS)


def test_launches_of_a_batch_share_command_buffers(world: World, device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    x, y = pages(64), pages(64)
    x[:], y[:] = 1, 0
    commits = world.count("commit")
    with device.batch():
        for _ in range(DISPATCHES + 10):
            run_axpy(device, kernel, x, y, 1.0)
        assert world.count("commit") == commits + 1
    assert world.count("commit") == commits + 2
    np.testing.assert_array_equal(y, DISPATCHES + 10)


def test_a_batch_keeps_memory_that_its_caller_drops(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    y = pages(64)
    with device.batch():
        for value in range(5):
            x = pages(64)
            x[:] = value
            run_axpy(device, kernel, x, y, 1.0)
            del x
    np.testing.assert_array_equal(y, 10)


def test_what_must_be_copied_back_is_complete_within_a_batch(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    y = np.zeros(64, np.float32)
    with device.batch():
        run_axpy(device, kernel, np.ones(64, np.float32), y)
        np.testing.assert_array_equal(y, 2)


def test_a_stopped_kernel_is_an_error_and_the_next_one_runs(world: World, device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    x, y = np.ones(4, np.float32), np.zeros(4, np.float32)
    world.failures = [2]
    with pytest.raises(DeviceFailure, match=r"stopped axpy: it ran too long.*Caused GPU Timeout Error"):
        run_axpy(device, kernel, x, y)
    run_axpy(device, kernel, x, y)
    np.testing.assert_array_equal(y, 2)


# --------------------------------------------------------------------------------------------------------------- memory
def test_whole_pages_are_used_where_they_are(world: World, device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    x, y = pages(100), pages(100)
    x[:], y[:] = np.arange(100), 1
    copies = world.count("newBufferWithLength:options:")
    for _ in range(3):
        run_axpy(device, kernel, x, y)
    np.testing.assert_array_equal(y, 1 + 6 * np.arange(100))
    assert world.count("newBufferWithBytesNoCopy:length:options:deallocator:") == 2
    assert world.count("newBufferWithLength:options:") == copies
    run_axpy(device, kernel, x[7:], y[3:90])
    assert [arguments[1] for name, arguments in world.calls if name.startswith("setBuffer")][-2:] == [28, 12]


def test_freed_pages_are_forgotten(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    for value in range(20):  # the system gives the same address again
        x, y = pages(64), pages(64)
        x[:] = value
        run_axpy(device, kernel, x, y)
        np.testing.assert_array_equal(y, 2 * value)
        del x, y


@pytest.mark.parametrize("wraps", ["copies", "nothing"])
def test_without_shared_pages_there_are_copies(wraps: str):
    device = open_device(World(wraps=wraps))
    kernel = device.compile(axpy_kernel())
    x, y = pages(2 * PAGE_BYTES), pages(100)
    x[:] = np.arange(len(x))
    run_axpy(device, kernel, x[5:], y)
    np.testing.assert_array_equal(y, 2 * np.arange(5, 105))


def test_foreign_pages_are_wrapped_for_one_launch(world: World, device: MetalDevice):
    memory = np.zeros(4 * PAGE_BYTES, np.uint8)
    start = -memory.ctypes.data % PAGE_BYTES
    x = memory[start : start + PAGE_BYTES].view(np.float32)
    y = np.zeros_like(x)
    x[:] = 3
    address = x.ctypes.data
    extents = [Extent(0, PAGE_BYTES), Extent(0, y.nbytes)]
    scalars = struct.pack("<if", len(x), 1.0)
    device.launch(device.compile(axpy_kernel()), [address, y.ctypes.data], scalars, (len(x) // 32, 1, 1), extents)
    np.testing.assert_array_equal(y, 3)
    assert world.count("newBufferWithBytesNoCopy:length:options:deallocator:") == 1


def test_views_of_one_array_share_its_copy(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    base = np.arange(64, dtype=np.float32)
    run_axpy(device, kernel, base[32:], base[:32], 1.0)
    np.testing.assert_array_equal(base[:32], np.arange(32) * 2 + 32)
    np.testing.assert_array_equal(base[32:], np.arange(32, 64))


def test_arrays_side_by_side_are_not_mixed_up(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    memory = np.zeros(96, np.float32)
    memory[:32], memory[32:64] = 1, 5
    parts = [memory[0:32], memory[32:64]]
    extents = [Extent(0, 128), Extent(0, 128)]
    device.launch(kernel, [part.ctypes.data for part in parts], struct.pack("<if", 32, 1.0), (1, 1, 1), extents)
    np.testing.assert_array_equal(memory, np.repeat([1, 6, 0], 32))


def test_memory_before_a_pointer_is_there_too(device: MetalDevice):
    text = AXPY.replace("scalars.a * x[i]", "scalars.a * x[-i]")
    x, y = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    last = x[31:]
    kernel = device.compile(axpy_kernel(text))
    device.launch(
        kernel, [last.ctypes.data, y.ctypes.data], struct.pack("<if", 32, 1.0), (1, 1, 1), [around(last), around(y)]
    )
    np.testing.assert_array_equal(y, x[::-1])


def test_copies_keep_the_alignment_of_the_original(world: World, device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    memory = np.zeros(1000, np.float32)
    x, y = memory[3:35].copy(), memory[5:]
    run_axpy(device, kernel, x, y)
    offset = [arguments[1] for name, arguments in world.calls if name.startswith("setBuffer")][-1]
    assert offset % 256 == y.ctypes.data % 256


def test_buffers_return_to_the_pool(world: World, device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    for count in (1, 1000, 4000, 4000, 1000, 1):
        run_axpy(device, kernel, np.ones(count, np.float32), np.ones(count, np.float32))
    made = world.count("newBufferWithLength:options:")
    for count in (1, 1000, 4000):
        run_axpy(device, kernel, np.ones(count, np.float32), np.ones(count, np.float32))
    assert world.count("newBufferWithLength:options:") == made


def test_memory_that_is_only_read_is_not_written_back(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    x = np.frombuffer(mmap.mmap(-1, PAGE_BYTES, prot=mmap.PROT_READ), np.float32)  # a write would kill the process
    y = np.ones(32, np.float32)
    extents = [Extent(0, 128), around(y)]
    device.launch(kernel, [x[1:].ctypes.data, y.ctypes.data], struct.pack("<if", 32, 1.0), (1, 1, 1), extents)
    np.testing.assert_array_equal(y, 1)


def test_a_null_pointer_is_bound_to_something(device: MetalDevice):
    kernel = device.compile(axpy_kernel())
    device.launch(kernel, [0, 0], struct.pack("<if", 0, 1.0), (1, 1, 1), [Extent(0, 0), Extent(0, 0)])


# ------------------------------------------------------------------------------------------------ scalars and services
def many_scalars(count: int) -> Kernel:
    members = "".join(f"long v{i}; " for i in range(count))
    source = f"""#include <metal_stdlib>
using namespace metal;
struct sum_scalars {{ {members}}};
[[kernel]] void sum(device long *out [[buffer(0)]], constant sum_scalars &scalars [[buffer(1)]]) {{
    out[0] = scalars.v0 + scalars.v{count - 1};
}}
"""
    arguments = [Argument(f"v{i}", "scalar", "i64", i + 1) for i in range(count)]
    return Kernel("sum", source, (Argument("out", "buffer", "i64", 0), *arguments), 1, 0, "apple9")


@pytest.mark.parametrize("count", [CONSTANT_BYTES // 8, CONSTANT_BYTES // 8 + 1])
def test_large_structs_lie_in_a_buffer(world: World, device: MetalDevice, count: int):
    out = np.zeros(1, np.int64)
    scalars = struct.pack(f"<{count}q", *range(7, 7 + count))
    kernel = device.compile(many_scalars(count))
    constants = world.count("setBytes:length:atIndex:")
    device.launch(kernel, [out.ctypes.data], scalars, (1, 1, 1), [around(out)])
    assert out[0] == 7 + 7 + count - 1
    assert world.count("setBytes:length:atIndex:") - constants == (8 * count <= CONSTANT_BYTES)


COUNT = """#include <metal_stdlib>
using namespace metal;
[[kernel]] void count(device int *out [[buffer(0)]], device uint *locks [[buffer(1)]], device uint *log [[buffer(2)]],
                      uint lane [[thread_index_in_simdgroup]]) {
    if (lane != 0) return;
    locks[5] += 1;
    log[7] += 1;
    out[0] = int(locks[5]);
    out[1] = int(log[7]);
}
"""


def test_locks_last_and_logs_are_fresh(world: World, device: MetalDevice):
    services = (Service("locks", 64), Service("log", 4096))
    kernel = Kernel("count", COUNT, (Argument("out", "buffer", "i32", 0),), 1, 0, "apple9", services=services)
    executable = device.compile(kernel)
    out = np.zeros(2, np.int32)
    for run in (1, 2, 3):
        device.launch(executable, [out.ctypes.data], b"", (1, 1, 1), [around(out)])
        assert out.tolist() == [run, 1]
    world.failures = [1]
    with pytest.raises(DeviceFailure):
        device.launch(executable, [out.ctypes.data], b"", (1, 1, 1), [around(out)])
    device.launch(executable, [out.ctypes.data], b"", (1, 1, 1), [around(out)])
    assert out.tolist() == [1, 1]


# --------------------------------------------------------------------------------------------------------------- limits
def test_a_kernel_that_fits_no_gpu_is_refused_before_it_is_compiled(world: World, device: MetalDevice):
    compiled = world.count("newLibraryWithSource:options:error:")
    with pytest.raises(OutOfResources, match="threads, required: 2048, limit: 1024"):
        device.compile(axpy_kernel(simdgroups=64))
    pointers = tuple(Argument(f"p{i}", "buffer", "f32", i) for i in range(32))
    with pytest.raises(Unsupported, match=r"f needs 32 buffers \(32 pointers\), of which an Apple GPU has 31"):
        device.compile(Kernel("f", "", pointers, 1, 0, "apple9"))
    with pytest.raises(OutOfResources, match="threadgroup memory, required: 32784, limit: 32768"):
        device.compile(Kernel("f", "", (), 1, 32784, "apple9"))
    assert world.count("newLibraryWithSource:options:error:") == compiled


def test_fewer_threads_in_the_pipeline_are_out_of_resources(world: World, device: MetalDevice):
    world.threads["axpy"] = 384
    assert device.compile(axpy_kernel(simdgroups=12)).max_threads == 384
    with pytest.raises(OutOfResources) as caught:
        device.compile(axpy_kernel(simdgroups=16))
    assert (caught.value.required, caught.value.limit) == (512, 384)


def test_a_grid_beyond_32_bits_is_refused(device: MetalDevice):
    kernel = device.compile(axpy_kernel(simdgroups=4))
    with pytest.raises(InvalidArgument, match="32 bits"):
        device.launch(kernel, [0, 0], bytes(8), (2**25, 1, 1), [Extent(0, 0)] * 2)
    limits.check_grid(axpy_kernel(simdgroups=4), (2**25 - 1, 2**20, 2**20))


def test_addresses_as_numbers_are_refused(device: MetalDevice):
    with pytest.raises(Unsupported, match="makes pointers of numbers"):
        device.compile(replace(axpy_kernel(), takes_addresses=True))


# ---------------------------------------------------------------------------------------------------------- compilation
def test_metal_quotes_the_line_that_it_rejects(device: MetalDevice):
    with pytest.raises(RejectedText) as caught:
        device.compile(axpy_kernel(AXPY.replace("scalars.a * x[i]", "scalars.b")))
    assert "program_source:8" in str(caught.value)
    assert "y[i] = y[i] + scalars.b;" in str(caught.value)


@pytest.mark.parametrize(
    "message, numbers",
    [
        ("Threadgroup memory size (40960) exceeds the maximum threadgroup memory allowed (32768)", (40960, 32768)),
        ("Compute function exceeds available stack space", (0, 0)),
    ],
)
def test_what_the_driver_has_no_room_for_is_out_of_resources(
    world: World, device: MetalDevice, monkeypatch: pytest.MonkeyPatch, message: str, numbers: tuple[int, int]
):
    monkeypatch.setattr(
        Device,
        "do_newComputePipelineStateWithFunction_error_",
        lambda self, function: (None, Error(self.world, message)),
    )
    with pytest.raises(OutOfResources) as caught:
        device.compile(axpy_kernel())
    assert (caught.value.required, caught.value.limit) == numbers


def test_other_words_of_the_driver_are_a_failure(device: MetalDevice, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        Device,
        "do_newComputePipelineStateWithFunction_error_",
        lambda self, function: (None, Error(self.world, "Compiler encountered an internal error")),
    )
    with pytest.raises(DeviceFailure, match="axpy: Compiler encountered an internal error"):
        device.compile(axpy_kernel())


def test_a_crash_of_the_compiler_is_tried_again_once(world: World, device: MetalDevice):
    crash = "Compilation failed due to an interrupted connection: XPC_ERROR_CONNECTION_INTERRUPTED."
    world.compiler_messages = [crash]
    device.compile(axpy_kernel())
    world.compiler_messages = [crash, crash]
    with pytest.raises(DeviceFailure, match="crashed twice on axpy"):
        device.compile(axpy_kernel())


def test_the_language_is_found_by_building_a_pipeline():
    assert open_device(World()).language == "3.2"
    assert open_device(World(languages=("3.1",))).language == "3.1"  # 3.2 compiles, but no pipeline comes of it
    assert open_device(World(compiles=("3.1",))).language == "3.1"
    with pytest.raises(DeviceFailure, match=r"3\.1.*macOS 14"):
        open_device(World(compiles=(), languages=()))


def test_a_text_for_a_newer_language_is_unsupported():
    world = World(languages=("3.1",))
    device = open_device(world)
    world.compiler_messages = ["program_source:2:2: error: fences need Metal 3.2"]
    text = '#if __METAL_VERSION__ < 320\n#error "fences need Metal 3.2"\n#endif\n' + AXPY
    with pytest.raises(Unsupported, match=r"fences need Metal 3.2"):
        device.compile(axpy_kernel(text))


def test_before_macos_15_fast_math_is_switched_off():
    world = World(lacks=("setMathMode:", "setMathFloatingPointFunctions:"), languages=("3.1",))
    open_device(world).compile(axpy_kernel())
    assert world.last("setFastMathEnabled:") == (False,)


# ------------------------------------------------------------------------------------------------------------- binaries
def test_binaries_are_kept_between_processes(tmp_path: Path):
    first, second = World(), World()
    open_device(first, tmp_path).compile(axpy_kernel())
    assert first.count("serializeToURL:error:") == 1
    device = open_device(second, tmp_path)
    device.compile(axpy_kernel())
    assert second.count("addComputePipelineFunctionsWithDescriptor:error:") == 0
    assert second.count("setBinaryArchives:") == second.count("setUrl:") == 1
    device.compile(axpy_kernel(AXPY + "\n"))
    assert second.count("serializeToURL:error:") == 1


def test_a_damaged_binary_is_made_anew(tmp_path: Path):
    open_device(World(), tmp_path).compile(axpy_kernel())
    files = sorted(tmp_path.rglob("*.metalarchive"))
    assert files
    for file in files:
        file.write_text("{")
    open_device(World(), tmp_path).compile(axpy_kernel())
    assert not any(file.exists() for file in files)
    open_device(World(), tmp_path).compile(axpy_kernel())
    assert all(file.exists() for file in files[-1:])


def test_binaries_are_given_up_where_pyobjc_passes_no_null(tmp_path: Path):
    world = World(takes_null=False)
    device = open_device(world, tmp_path)
    x, y = np.ones(4, np.float32), np.zeros(4, np.float32)
    run_axpy(device, device.compile(axpy_kernel()), x, y)
    np.testing.assert_array_equal(y, 2)
    assert not any(tmp_path.rglob("*.metalarchive"))


def test_a_virtual_gpu_without_archives_compiles(tmp_path: Path):
    world = World(name="Apple Paravirtual device", archives=False)
    open_device(world, tmp_path).compile(axpy_kernel())
    assert world.count("serializeToURL:error:") == 0 and not any(tmp_path.rglob("*.metalarchive"))


def test_an_access_outside_of_memory_stops_the_kernel(device: MetalDevice):
    text = AXPY.replace("y[i] = y[i]", "y[i] = y[i + (1l << 40)]")
    with pytest.raises(DeviceFailure, match="memory that it was not given"):
        run_axpy(device, device.compile(axpy_kernel(text)), np.ones(4, np.float32), np.ones(4, np.float32))
