"""PyTorch's MPS device: kernels go by torch.mps.compile_shader onto PyTorch's current stream, in order with its ops.

Tensors are bound as they are, with their storage offset; nothing is copied. The scalars of a launch are bound as one
list of 64-bit words, which compile_shader passes on as the bytes of the constant struct, so that every type is exact.
Where there is no Apple GPU, `stand_in` runs the same calls through msl_cpu, on CPU tensors or on those of mps_on_linux.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..chips import LIMITS
from ..errors import DeviceFailure, InvalidArgument, OutOfResources, RejectedText
from ..kernel import Extent, Kernel, Properties, align
from . import limits, log


@dataclass(frozen=True)
class Host:
    """What the runtime takes from PyTorch. place: the type of the tensors' device; name, cores: of the GPU."""

    compile_shader: Callable[[str], Any]
    synchronize: Callable[[], None]
    place: str
    name: str
    cores: int


def mps_host() -> Host:
    """PyTorch's Apple GPU. Raises InvalidArgument where this PyTorch has none, with the remedy."""
    import torch

    if not torch.backends.mps.is_available():
        raise InvalidArgument("the torch_mps runtime needs a Mac with an Apple GPU; torch.backends.mps finds none")
    if not hasattr(torch.mps, "compile_shader"):
        raise InvalidArgument(f"the torch_mps runtime needs PyTorch 2.7 or later, this is {torch.__version__}")
    facts: Any = torch.backends.mps
    name = facts.get_name() if hasattr(facts, "get_name") else "Apple GPU"
    cores = facts.get_core_count() if hasattr(facts, "get_core_count") else 8
    return Host(torch.mps.compile_shader, torch.mps.synchronize, "mps", name, cores)


def stand_in(mode: str, place: str = "cpu") -> Host:
    """msl_cpu in the place of MPS, with the same calls. mode: of msl_cpu; place: where the tensors are, in host memory:
    "cpu", or the "mps" of mps_on_linux."""
    from ..msl_cpu import compile_shader
    from ..msl_cpu.launch.plan import worker_count
    from .cpu import DEADLINE, stack_is_a_resource

    compile_ = stack_is_a_resource(functools.partial(compile_shader, mode=mode, deadline=DEADLINE))
    return Host(compile_, lambda: None, place, f"cpu ({mode})", worker_count())


@dataclass(frozen=True)
class TorchExecutable:
    """A compiled kernel. function: of compile_shader; words: format of the scalars as 64-bit words.

    max_threads: of any kernel; that this one fits has been checked, and Triton asks for the threads it had in mind,
    of which the text may use fewer.
    """

    kernel: Kernel
    function: Any
    words: struct.Struct
    max_threads: int = LIMITS.threads_per_threadgroup


class TorchMpsDevice:
    """PyTorch's GPU. Launches are asynchronous, except those whose kernel has a log, which are waited for."""

    binds = "torch"
    needs_extents = False
    bounds = "0"
    worked_seconds = 0.0

    def __init__(self, host: Host):
        self.host = host
        self.place = host.place
        self._locks: dict[int, Any] = {}

    @property
    def properties(self) -> Properties:
        """Apple's limits, the same on every family."""
        return limits.properties(self.host.name, self.host.cores)

    def compile(self, kernel: Kernel) -> TorchExecutable:
        """Build the text.

        Raises RejectedText with Metal's message, OutOfResources for a kernel that does not fit, Unsupported for one
        with too many arguments or that takes addresses as numbers, DeviceFailure.
        """
        limits.check_kernel(kernel)
        limits.check_constants(kernel)
        if self.place == "mps":
            limits.check_addresses(kernel)
        try:
            function = getattr(self.host.compile_shader(kernel.source), kernel.name)
        except SyntaxError as error:
            raise RejectedText(kernel.name, str(error)) from error
        except RuntimeError as error:
            failure = DeviceFailure(f"PyTorch cannot build {kernel.name}: {error}")
            raise limits.out_of_resources(kernel, str(error)) or failure from error
        limit = function.max_threads_per_threadgroup
        if kernel.threads > limit:
            raise OutOfResources(kernel.threads, limit, "threads")
        count = align(kernel.scalar_bytes, 8) // 8
        return TorchExecutable(kernel, function, struct.Struct(f"<{count}q"))

    def launch(
        self,
        executable: TorchExecutable,
        buffers: Sequence[Any],
        scalars: bytes,
        grid: tuple[int, int, int],
        extents: Sequence[Extent] = (),
    ) -> None:
        """Queue the grid. buffers: a tensor, or None for a null pointer, per pointer. Raises DeviceAssertion."""
        kernel = executable.kernel
        limits.check_grid(kernel, grid)
        threads = (grid[0] * kernel.threads, grid[1], grid[2])
        bound = [self._nothing() if each is None else each for each in buffers]
        if scalars:
            bound.append(list(executable.words.unpack(scalars.ljust(executable.words.size, b"\0"))))
        services = [self._service(service.kind, service.bytes) for service in kernel.services]
        executable.function(*bound, *services, threads=threads, group_size=(kernel.threads, 1, 1))
        for service, memory in zip(kernel.services, services, strict=True):
            if service.kind == "log":
                log.report(kernel, memory.cpu().numpy())

    def synchronize(self) -> None:
        """Wait for all of PyTorch's streams."""
        self.host.synchronize()

    def _zeros(self, size: int) -> Any:
        import torch

        return torch.zeros(size // 4, dtype=torch.int32, device=self.place)

    def _nothing(self) -> Any:
        """What is bound for a null pointer: Metal wants every buffer bound."""
        return self._zeros(4)

    def _service(self, kind: str, size: int) -> Any:
        if kind == "log":
            return self._zeros(size)
        if size not in self._locks:
            self._locks[size] = self._zeros(size)
            self.host.synchronize()  # launches on other streams must find zeros, too
        return self._locks[size]
