"""NVIDIA's driver through ctypes: memory, machine code, launches. Needs neither a CUDA toolkit nor PyTorch."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

Launch = Callable[[], None]


class CudaFault(Exception):
    """A call of the driver failed; after a fault of a kernel every later one fails, too."""


class Kernel(Protocol):
    """A kernel on the GPU."""

    def bind(
        self, pointers: Sequence[int], scalars: bytes, services: Sequence[int], grid: Sequence[int], threads: int
    ) -> Launch:
        """A function that launches it. The arguments in the order in which a printed kernel has its buffers."""
        ...


class Machine(Protocol):
    """What replay.py needs of a GPU."""

    def allocate(self, size: int) -> int: ...

    def free(self, address: int) -> None: ...

    def write(self, address: int, data: bytes) -> None: ...

    def read(self, address: int, size: int) -> bytes: ...

    def load(self, code: bytes, name: str) -> Kernel: ...

    def synchronize(self) -> None: ...


def library() -> ctypes.CDLL | None:
    """libcuda; None on a machine without NVIDIA's driver."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def missing() -> str:
    """Why no kernel can run here, or ""."""
    if sys.platform != "linux":
        return "no NVIDIA GPU: this is not Linux"
    cuda = library()
    if cuda is None:
        return "no NVIDIA GPU: there is no libcuda.so.1"
    count = ctypes.c_int()
    status = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    return f"no NVIDIA GPU: the driver answers {status}" if status or not count.value else ""


class Gpu:
    """The first GPU, in the context that CUDA's runtime (and so PyTorch) uses as well."""

    def __init__(self) -> None:
        cuda = library()
        if cuda is None:
            raise CudaFault(missing())
        self.cuda = cuda
        self._call("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)
        self.device = device

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self.cuda, name)(*arguments)
        if status:
            text = ctypes.c_char_p()
            self.cuda.cuGetErrorString(status, ctypes.byref(text))
            raise CudaFault(f"{name}: {(text.value or b'').decode()} ({status})")

    @property
    def name(self) -> str:
        text = ctypes.create_string_buffer(100)
        self._call("cuDeviceGetName", text, 100, self.device)
        return text.value.decode()

    def allocate(self, size: int) -> int:
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(max(1, size)))
        return address.value

    def free(self, address: int) -> None:
        self._call("cuMemFree_v2", ctypes.c_uint64(address))

    def write(self, address: int, data: bytes) -> None:
        if data:
            self._call("cuMemcpyHtoD_v2", ctypes.c_uint64(address), data, ctypes.c_size_t(len(data)))

    def read(self, address: int, size: int) -> bytes:
        data = ctypes.create_string_buffer(size)
        if size:
            self._call("cuMemcpyDtoH_v2", data, ctypes.c_uint64(address), ctypes.c_size_t(size))
        return data.raw

    def synchronize(self) -> None:
        self._call("cuCtxSynchronize")

    def load(self, code: bytes, name: str) -> GpuKernel:
        return GpuKernel(self, code, name)


class GpuKernel:
    """A kernel of a module, which stays loaded."""

    ATTRIBUTES: ClassVar = {"local": 3, "registers": 4}

    def __init__(self, gpu: Gpu, code: bytes, name: str):
        self.gpu = gpu
        self.module, self.function = ctypes.c_void_p(), ctypes.c_void_p()
        gpu._call("cuModuleLoadData", ctypes.byref(self.module), code)
        gpu._call("cuModuleGetFunction", ctypes.byref(self.function), self.module, name.encode())

    def attribute(self, name: str) -> int:
        """ "local": bytes of a thread's own memory; "registers": of 32 bits."""
        value = ctypes.c_int()
        self.gpu._call("cuFuncGetAttribute", ctypes.byref(value), self.ATTRIBUTES[name], self.function)
        return value.value

    def bind(
        self,
        pointers: Sequence[int],
        scalars: bytes,
        services: Sequence[int],
        grid: Sequence[int],
        threads: int,
        stream: Callable[[], int] = lambda: 0,
    ) -> Launch:
        """A function that launches it on the stream that is current then."""
        cells: list[Any] = [ctypes.c_uint64(pointer) for pointer in pointers]
        if scalars:
            cells.append(ctypes.create_string_buffer(scalars, len(scalars)))
        cells += [ctypes.c_uint64(service) for service in services]
        array = (ctypes.c_void_p * max(1, len(cells)))(*map(ctypes.addressof, cells))
        blocks = (*grid, 1, 1)[:3]

        def launch(kept: Any = cells) -> None:
            self.gpu._call(
                "cuLaunchKernel", self.function, *blocks, threads, 1, 1, 0, ctypes.c_void_p(stream()), array, None
            )

        return launch
