"""MLX: kernels go through mx.fast.metal_kernel, as nodes of MLX's graph.

MLX allocates what such a kernel writes. So a launch's arrays come as operands, each of which says what becomes of it:

    input     read only: bound as it is
    output    made by the launch; its contents before are unspecified, or zeros
    updated   read and written: a private copy is passed as an input and written through a cast; what the copy is used
              for afterwards waits for the kernel, because it also depends on an output of it
    in place  as `updated`, but the caller's own memory is written and the launch waits until it is

An input of fewer than eight elements would get another address space, so it is padded. float64, which MLX has on its
CPU device alone, is passed as the uint64 of its bits. Where there is no Apple GPU, `stand_in` runs the same calls
through msl_cpu; a kernel then runs when it is called, not when its result is needed.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple

from ..chips import LIMITS
from ..errors import InvalidArgument, RejectedText
from ..kernel import Extent, Kernel, Properties, check_limits
from . import limits, log
from .mlx_derivatives import tied
from .mlx_text import KernelText, buffer_name, split_kernel

Role = Literal["input", "output", "updated", "in place"]

_LIMITS = replace(LIMITS, buffers=LIMITS.buffers - 1)  # one buffer tells that a kernel has run

LEAST_SIZE = 8
"""Elements below which MLX passes an array in the constant address space (mlx/backend/metal/custom_kernel)."""

WORDS = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}
"""Bytes of an element -> MLX's unsigned type of that size."""


@dataclass
class Operand:
    """An array of a launch. array: its contents before, None for an output; zeroed: an output starts as zeros.

    result: after the launch, of an output or updated operand. The methods are those that Triton calls on a tensor. An
    operand has no address yet, but counts as aligned, as MLX's own buffers are.
    """

    shape: tuple[int, ...]
    dtype: Any
    array: Any = None
    role: Role = "input"
    zeroed: bool = False
    result: Any = None
    runtime: ClassVar[str] = "mlx"

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def data_ptr(self) -> int:
        """An aligned address, which is never used."""
        return 0

    def ptr_range(self) -> int:
        """The bytes of its memory."""
        return self.size * self.dtype.size

    def zero_(self) -> None:
        """For an autotuner's reset_to_zero: every launch starts from the same contents anyway."""

    def clone(self) -> Operand:
        """For an autotuner's restore_value, likewise."""
        return self

    def copy_(self, other: Operand) -> None:
        """For an autotuner's restore_value, likewise."""


@dataclass(frozen=True)
class Host:
    """What the runtime takes from MLX. metal_kernel: of mx.fast, or msl_cpu's."""

    metal_kernel: Callable[..., Any]
    name: str
    cores: int
    lazy: bool


def mlx_host() -> Host:
    """MLX's Apple GPU. Raises InvalidArgument where this MLX has none, with the remedy."""
    import mlx.core as mx

    if not mx.metal.is_available():
        raise InvalidArgument("the mlx runtime needs a Mac with an Apple GPU; mx.metal.is_available() is False")
    facts = mx.device_info() if hasattr(mx, "device_info") else mx.metal.device_info()
    return Host(mx.fast.metal_kernel, str(facts.get("device_name", "Apple GPU")), 8, lazy=True)


def stand_in(mode: str) -> Host:
    """MLX's CPU arrays and msl_cpu in the place of the GPU. mode: of msl_cpu."""
    from ..msl_cpu import metal_kernel
    from ..msl_cpu.launch.plan import worker_count
    from .cpu import DEADLINE, stack_is_a_resource

    def make(**arguments: Any) -> Any:
        return stack_is_a_resource(metal_kernel(**arguments, mode=mode, deadline=DEADLINE))

    return Host(make, f"cpu ({mode})", worker_count(), lazy=False)


@dataclass
class MlxExecutable:
    """A kernel's text, and the metal_kernel for every combination of roles it was launched with."""

    kernel: Kernel
    text: KernelText
    max_threads: int = LIMITS.threads_per_threadgroup
    callables: dict[tuple[bool, ...], Any] = field(default_factory=dict)


class Launch(NamedTuple):
    """A kernel in MLX's graph. done: an array that is there when it has run."""

    kernel: Kernel
    done: Any


class MlxDevice:
    """MLX's GPU. A launch with an operand in place, or with a log, is complete when it returns; others are lazy."""

    binds = "mlx"
    place = "gpu"
    needs_extents = False
    bounds = "0"
    worked_seconds = 0.0

    def __init__(self, host: Host):
        self.host = host
        self._locks: dict[int, Any] = {}
        self._last: Launch | None = None

    @property
    def properties(self) -> Properties:
        """Apple's limits, the same on every family."""
        return limits.properties(self.host.name, self.host.cores)

    def compile(self, kernel: Kernel) -> MlxExecutable:
        """Take the text apart; MLX compiles it at the first launch.

        Raises OutOfResources for a kernel that does not fit, Unsupported for one that takes addresses as numbers.
        """
        check_limits(kernel, _LIMITS)
        if self.host.lazy:
            limits.check_addresses(kernel)
        return MlxExecutable(kernel, split_kernel(kernel.source, kernel.name))

    def launch(
        self,
        executable: MlxExecutable,
        buffers: Sequence[Operand],
        scalars: bytes,
        grid: tuple[int, int, int],
        extents: Sequence[Extent] = (),
    ) -> None:
        """Add the kernel to MLX's graph. Afterwards outputs and updated operands have a `result`.

        Raises InvalidArgument for arrays that cannot be written in place, and within transformations that need values
        which are not there; DeviceAssertion.
        """
        kernel = executable.kernel
        limits.check_grid(kernel, grid)
        operands = [*buffers, *([_scalar_operand(scalars)] if scalars else []), *map(self._service, kernel.services)]
        inputs = {buffer_name(i): prepared(each) for i, each in enumerate(operands) if each.role != "output"}
        outputs = {buffer_name(i): each for i, each in enumerate(operands) if each.role == "output"}
        try:
            made = self._call(executable, inputs, outputs, grid)
            made = self._tied(kernel, operands, made)
            self._last = Launch(kernel, made[-1])
            self._finish(kernel, operands, inputs, dict(zip([*outputs, "done"], made, strict=True)))
        except (RuntimeError, ValueError) as error:
            if "function transformations" in str(error):
                raise InvalidArgument(_within_transformation(kernel.title, self.host.lazy)) from error
            _raise_if_too_large(kernel, error)
            raise

    def synchronize(self) -> None:
        """Run the last launch, and wait for MLX's default stream. Raises OutOfResources for a kernel that does not fit.

        One within a transformation cannot be run by itself; other errors come again where its arrays are used.
        """
        import mlx.core as mx

        last, self._last = self._last, None
        if last is not None:
            try:
                mx.eval(last.done)
            except (RuntimeError, ValueError) as error:
                _raise_if_too_large(last.kernel, error)
        mx.synchronize()

    def _call(
        self, executable: MlxExecutable, inputs: dict[str, Any], outputs: dict[str, Operand], grid: Sequence[int]
    ) -> list[Any]:
        """The outputs, and an array `done` that is there when the kernel has run."""
        import mlx.core as mx

        kernel = executable.kernel
        callable_ = self._callable(executable, list(inputs), [*outputs, "done"])
        try:
            return callable_(
                inputs=list(inputs.values()),
                output_shapes=[*(each.shape for each in outputs.values()), (1,)],
                output_dtypes=[*(_passed_as(each.dtype) for each in outputs.values()), mx.bool_],
                grid=(grid[0] * kernel.threads, grid[1], grid[2]),
                threadgroup=(kernel.threads, 1, 1),
                init_value=0 if any(each.zeroed for each in outputs.values()) else None,
            )
        except SyntaxError as error:
            raise RejectedText(kernel.title, str(error)) from error

    def _callable(self, executable: MlxExecutable, inputs: list[str], outputs: list[str]) -> Any:
        key = tuple(name in outputs for name in sorted([*inputs, *outputs]))
        if key not in executable.callables:
            kernel = executable.kernel
            digest = hashlib.sha256(f"{kernel.source}{key}".encode()).hexdigest()[:16]
            executable.callables[key] = self.host.metal_kernel(
                name=f"{kernel.name}_{digest}",  # MLX keeps one library per name
                input_names=inputs,
                output_names=outputs,
                source=executable.text.body(),
                header=executable.text.header,
            )
        return executable.callables[key]

    def _finish(self, kernel: Kernel, operands: list[Operand], inputs: dict[str, Any], made: dict[str, Any]) -> None:
        """Hand out the results, and wait where memory of the caller was written or a log is to be read."""
        import mlx.core as mx

        if any(each.role == "in place" for each in operands):
            mx.eval(made["done"])
        for index, operand in enumerate(operands):
            name = buffer_name(index)
            if operand.role == "output":
                operand.result = _viewed(made[name], operand.dtype)
            elif operand.role == "updated":
                written = mx.where(made["done"], inputs[name], inputs[name])
                result = written.reshape(-1)[: operand.size].reshape(operand.shape)
                operand.result = self._tied(kernel, operands, [_viewed(result, operand.dtype)])[0]
            elif operand.role == "in place" and inputs[name] is not operand.array:
                copy_bytes(inputs[name], operand.array)
        own = len(operands) - len(kernel.services)
        for operand in operands[:own]:
            if operand.role == "in place":
                with mx.stream(mx.cpu if operand.dtype == mx.float64 else mx.default_device()):
                    operand.array[...] = tied(kernel.title, arrays_of(operands), [operand.array])[0]
        for service, operand in zip(kernel.services, operands[own:], strict=True):
            if service.kind == "log":
                log.report(kernel, bytes(memoryview(operand.array)))

    def _tied(self, kernel: Kernel, operands: Sequence[Operand], results: list[Any]) -> list[Any]:
        """Where a kernel runs at once. A node of MLX's graph has no derivative by itself, and can be exported."""
        return results if self.host.lazy else tied(kernel.title, arrays_of(operands), results)

    def _service(self, service: Any) -> Operand:
        import mlx.core as mx

        memory = self._locks.get(service.bytes) if service.kind == "locks" else None
        if memory is None:
            memory = mx.zeros((service.bytes // 4,), mx.uint32)
            mx.eval(memory)
        if service.kind == "locks":
            self._locks[service.bytes] = memory
        return Operand(memory.shape, memory.dtype, memory, "in place")


def arrays_of(operands: Sequence[Operand]) -> list[Any]:
    """What a launch depends on."""
    return [each.array for each in operands if each.array is not None]


def _scalar_operand(scalars: bytes) -> Operand:
    import mlx.core as mx

    array = mx.array(list(scalars), dtype=mx.uint8)
    return Operand(array.shape, array.dtype, array)


def prepared(operand: Operand) -> Any:
    """The array that is passed: row contiguous, of at least LEAST_SIZE elements, and private where it is updated."""
    import mlx.core as mx

    if operand.role == "in place":
        _check_writable(operand.array)
    array = _viewed(operand.array, _passed_as(operand.dtype))
    if operand.size < LEAST_SIZE:
        padding = mx.zeros((LEAST_SIZE - operand.size,), array.dtype)
        return _evaluated(mx.concatenate([array.reshape(-1), padding]), operand.role)
    if operand.role == "updated":
        return _private_copy(array)
    return _evaluated(array, operand.role) if operand.role == "in place" else mx.contiguous(array)


def _passed_as(dtype: Any) -> Any:
    """The type of an array as MLX's kernels take it: they have no float64."""
    import mlx.core as mx

    return mx.uint64 if dtype == mx.float64 else dtype


def _viewed(array: Any, dtype: Any) -> Any:
    """The same bits as another type: on the CPU, since MLX's GPU device has no operation of float64."""
    import mlx.core as mx

    return array if array.dtype == dtype else mx.view(array, dtype, stream=mx.cpu)


def _evaluated(array: Any, role: Role) -> Any:
    """Memory that is written in place must exist before."""
    import mlx.core as mx

    if role == "in place":
        mx.eval(array)
    return array


def _private_copy(array: Any) -> Any:
    """The same bits in memory of its own. Adding 0 to the words does that; reshape and contiguous share memory."""
    import mlx.core as mx

    word = getattr(mx, WORDS[array.dtype.size])
    return (mx.contiguous(array).view(word) + mx.array(0, word)).view(array.dtype)


def _check_writable(array: Any) -> None:
    """Raises InvalidArgument for an array whose elements do not lie one after the other."""
    if array.size and not memoryview(array).c_contiguous:
        raise InvalidArgument("an array that a kernel writes must be row contiguous; pass mx.contiguous(x)")


def copy_bytes(source: Any, target: Any) -> None:
    """Write the first bytes of `source` into the memory of the array `target`."""
    if target.nbytes:
        views = [memoryview(each) for each in (target, source)]
        to, origin = (ctypes.addressof(ctypes.c_char.from_buffer(view)) for view in views)
        ctypes.memmove(to, origin, target.nbytes)


def _raise_if_too_large(kernel: Kernel, error: Exception) -> None:
    """Raises OutOfResources where that is what MLX's error means."""
    too_large = limits.out_of_resources(kernel, str(error))
    if too_large is not None:
        raise too_large from error


def _within_transformation(name: str, lazy: bool) -> str:
    reason = "it writes its arrays in place" if lazy else "on the CPU it runs at once"
    return (
        f"kernel {name} cannot be called within mx.compile, mx.vmap or mx.export_function: {reason}, which needs the "
        "arrays' values; call it outside, or give it an output of its own (out_shape)"
    )
