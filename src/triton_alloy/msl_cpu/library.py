"""`Library(source)` compiles Metal text; `library.kernel.launch(...)` runs a kernel on this machine's processors."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import LaunchError
from .launch.buffers import Buffer, buffer_of
from .launch.host import Deadline
from .launch.plan import (
    ABI_VERSION,
    CACHED_BYTES,
    INTERRUPTED,
    STOPPED_BY_SANITIZER,
    Log,
    ParameterInfo,
    Plan,
    raise_of_host,
    runtime,
    schedule_seed,
    stop_of,
    worker_count,
)
from .limits import MAX_BUFFERS, MAX_THREADS, SIMD_WIDTH, THREADGROUP_BYTES
from .recipe import Recipe
from .text.preprocess import needs_preprocessing, preprocess

if TYPE_CHECKING:
    from .launch.places import Module
    from .text.signatures import ConstantValue

# A kernel from the cache is loaded without strict and sanitize: their import takes longer than the loading.
MODES = ("fast", "reference", "sanitize", "strict")
_LOGGER = logging.getLogger("msl_cpu")
_LEVELS = {2: logging.DEBUG, 3: logging.INFO, 4: logging.ERROR, 5: logging.CRITICAL}  # os_log_type; 1 is the default
_LARGEST_INDEX = 2**32 - 1

Size = int | Sequence[int]


def choose_mode(mode: str | None, default: str = "reference") -> str:
    """The argument, else $MSL_CPU_MODE, else the default: "reference" runs any text."""
    chosen = mode or os.environ.get("MSL_CPU_MODE") or default
    if chosen not in MODES:
        raise LaunchError(f"mode {chosen!r} is not one of {', '.join(MODES)}")
    return chosen


def choose_bounds(bounds: bool | None) -> bool:
    """The argument, else $MSL_CPU_BOUNDS, which is 0 or 1, else not."""
    if bounds is not None:
        return bounds
    chosen = os.environ.get("MSL_CPU_BOUNDS") or "0"
    if chosen not in ("0", "1"):
        raise LaunchError(f"MSL_CPU_BOUNDS={chosen!r} is neither 0 nor 1")
    return chosen == "1"


def three(size: Size, what: str) -> tuple[int, int, int]:
    """An int or a sequence of 1 to 3 ints -> (x, y, z), missing ones 1."""
    values = (size,) if isinstance(size, int) else tuple(int(value) for value in size)
    if not 1 <= len(values) <= 3:
        raise LaunchError(f"{what} must have 1 to 3 dimensions, not {len(values)}")
    if not 0 <= min(values) <= max(values) <= _LARGEST_INDEX:
        raise LaunchError(f"{what} is {values}: each dimension must lie in 0 .. 2**32-1")
    return (*values, 1, 1)[:3]  # pyright: ignore[reportReturnType]


class Shape(NamedTuple):
    """What launches of one kernel differ in, apart from buffers and grid; `launch` says what each is."""

    group: tuple[int, int, int]
    threads: tuple[int, int, int] | None
    memory: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, group: Size, threads: Size | None, threadgroup_memory: Mapping[int, int] | None) -> Shape:
        total = None if threads is None else three(threads, "threads")
        memory = tuple(threadgroup_memory.items()) if threadgroup_memory else ()
        return cls(three(group, "threads_per_threadgroup"), total, memory)


class Parameter(NamedTuple):
    """What a buffer must have: `bytes` of them if the parameter is a reference."""

    bytes: int
    reference: bool
    writable: bool


class Launcher:
    """A prepared launch of one kernel with one threadgroup size: calling it costs about a microsecond.

    `launcher(pointers, gx, gy, gz)` runs gx * gy * gz threadgroups; `pointers` is a ctypes array of void pointers, or
    its address, indexed by buffer. Nothing is checked: the caller guarantees that every buffer the kernel uses is there
    and large enough. Of a library with `bounds` the address of the first byte of each buffer follows, then that of the
    byte behind each: no other memory is accessed. From C: `uint (*function)(const void *plan, void *const *pointers,
    uint, uint, uint)` at `function_address`, called with `plan_address`; it returns 0 on success. Both live as long as
    this object.

    call: the quickest form, a foreign function of the address of a block as launch/plan.py's CALL describes. Its result
    is 0 on success, else what `fail` takes.
    """

    def __init__(self, plan: Plan, owner: Kernel):
        self._plan = plan
        self._owner = owner
        self._dispatch = runtime().msl_cpu_dispatch
        self.call: Callable[[int], int] = runtime().msl_cpu_call
        self.plan_address = ctypes.addressof(plan)
        self.function_address = ctypes.cast(self._dispatch, ctypes.c_void_p).value

    def report_messages(self) -> None:
        """Hand what os_log has collected since the last time to the logger "msl_cpu"."""
        log = self._plan.messages
        if log is None:
            return
        for level, message in log.messages():
            _LOGGER.log(_LEVELS.get(level, logging.INFO), "%s: %s", self._owner.name, message)
        if log.dropped:
            _LOGGER.warning("%s: %d messages did not fit", self._owner.name, log.dropped)
        log.used = log.dropped = 0

    def __call__(self, pointers: Any, gx: int, gy: int = 1, gz: int = 1) -> None:
        result = self._dispatch(self.plan_address, pointers, gx, gy, gz)
        if result:
            self.fail(result, pointers)

    def fail(self, result: int, pointers: Any) -> None:
        """Raise what stopped a launch, KernelFailure in general; the sanitizer has its own reports."""
        stop = stop_of(result)
        if stop.failure == INTERRUPTED:
            raise_of_host()
        if stop.failure == STOPPED_BY_SANITIZER:
            return
        from .launch.failures import failure, ranges_of

        ranges = ranges_of(pointers, self._plan.buffers) if self._plan.bounded else []
        raise failure(self._owner.name, stop, self._owner.module, ranges, self._owner.deadline)


class SanitizingLauncher(Launcher):
    """In sanitize mode: raises SanitizerError. Buffers have unknown sizes, so nothing is out of bounds; see launch."""

    def __init__(self, plan: Plan, owner: Kernel, n_buffers: int, module: Module):
        super().__init__(plan, owner)
        self._n_buffers = n_buffers
        self._module = module

    def __call__(self, pointers: Any, gx: int, gy: int = 1, gz: int = 1) -> None:
        launch = functools.partial(super().__call__, pointers, gx, gy, gz)
        from .sanitize import run_unbounded

        run_unbounded(launch, self._n_buffers, self._owner.name, self._module)


class Kernel:
    """One kernel of a library."""

    def __init__(self, library: Library, name: str, symbol: str, optional: frozenset[int], max_threads: int | None):
        self.name = name
        self.deadline = library.deadline
        self._library = library
        self._symbol = symbol
        self._function = getattr(library.compiled, symbol)
        self._optional = optional
        self.max_threads_per_threadgroup = max_threads or MAX_THREADS
        self.thread_execution_width = SIMD_WIDTH
        length = ctypes.POINTER(ctypes.c_uint).in_dll(library.compiled, symbol.replace("kernel", "static"))
        self.static_thread_group_memory_length: int = length.contents.value
        self.buffers, self.threadgroup_buffers = self._read_parameters(symbol)
        # Messages belong to one launch, and so does a launcher that collects them.
        self._launcher = self._new_launcher if library.uses_log else functools.lru_cache(16)(self._new_launcher)

    def _read_parameters(self, symbol: str) -> tuple[dict[int, Parameter], dict[int, Parameter]]:
        """By index: the buffers and the threadgroup arrays that the kernel declares."""
        rows = ctypes.cast(
            getattr(self._library.compiled, symbol.replace("kernel", "parameters")), ctypes.POINTER(ParameterInfo)
        )
        found: tuple[dict[int, Parameter], ...] = ({}, {})
        for row in rows:
            if row.kind == 2**32 - 1:
                break
            if row.kind < len(found):
                found[row.kind][row.index] = Parameter(row.bytes, bool(row.reference), bool(row.writable))
        return found[0], found[1]

    def launcher(
        self,
        n_buffers: int,
        threads_per_threadgroup: Size,
        *,
        threads: Size | None = None,
        threadgroup_memory: Mapping[int, int] | None = None,
    ) -> Launcher:
        """Prepare launches with this threadgroup size. n_buffers: how many pointers the caller will pass."""
        missing = [index for index in self.buffers if index >= n_buffers and index not in self._optional]
        if missing:
            raise LaunchError(f"kernel '{self.name}' needs buffer {missing[0]}; {n_buffers} buffers were announced")
        plan = self._plan(n_buffers, Shape.of(threads_per_threadgroup, threads, threadgroup_memory), worker_count())
        if self._library.mode == "sanitize":
            return SanitizingLauncher(plan, self, n_buffers, self.module)
        return Launcher(plan, self)

    @property
    def module(self) -> Module:
        """Turns addresses of the compiled text into lines."""
        return self._library.module(self._symbol)

    def _new_launcher(self, shape: Shape, workers: int) -> Launcher:
        return Launcher(self._plan(MAX_BUFFERS, shape, workers), self)

    def _plan(self, n_buffers: int, shape: Shape, workers: int) -> Plan:
        count = shape.group[0] * shape.group[1] * shape.group[2]
        if not 1 <= count <= self.max_threads_per_threadgroup:
            raise LaunchError(
                f"kernel '{self.name}': {count} threads per threadgroup; allowed are 1 to "
                f"{self.max_threads_per_threadgroup}"
            )
        if self._library.mode == "fast" and (shape.group[0] % SIMD_WIDTH or shape.threads is not None):
            raise LaunchError(f"kernel '{self.name}': fast mode runs whole simdgroups of {SIMD_WIDTH} threads only")
        unset = self.threadgroup_buffers.keys() - {index for index, length in shape.memory if length}
        if unset:
            raise LaunchError(f"kernel '{self.name}': threadgroup_memory[{min(unset)}] is not set")
        dynamic = sum((length + 15) // 16 * 16 for _, length in shape.memory)
        if dynamic + self.static_thread_group_memory_length > THREADGROUP_BYTES:
            raise LaunchError(f"kernel '{self.name}': more than {THREADGROUP_BYTES} bytes of threadgroup memory")
        plan = Plan(version=ABI_VERSION, stack_log2=self._library.stack_log2)
        plan.workers = 1 if self._library.mode == "sanitize" else workers
        plan.buffers, plan.cached_bytes = n_buffers, CACHED_BYTES
        plan.seed = schedule_seed(self._library.seed)
        plan.run = ctypes.cast(self._function, ctypes.c_void_p).value
        plan.threads_per_threadgroup[:] = shape.group
        plan.flush_denormals = self._library.flush_denormals
        plan.bounded = self._library.bounds
        if self.deadline is not None:
            plan.deadline = self.deadline.nanoseconds
        for index, length in shape.memory:
            plan.dynamic_bytes[index] = length
        if self._library.uses_log:
            plan.messages = Log()
            plan.log = ctypes.addressof(plan.messages)
        if shape.threads is not None:
            plan.threads[:] = shape.threads
        return plan

    def _bind(self, buffers: Sequence[Any] | Mapping[int, Any]) -> dict[int, Buffer]:
        """The memory of each buffer, by index."""
        items = buffers.items() if isinstance(buffers, Mapping) else enumerate(buffers)
        bound = {index: buffer_of(value) for index, value in items if value is not None}
        if bound and not 0 <= min(bound) <= max(bound) < MAX_BUFFERS:
            raise LaunchError(f"kernel '{self.name}': buffer indices lie in 0 .. {MAX_BUFFERS - 1}")
        for index, info in self.buffers.items():
            buffer = bound.get(index)
            if buffer is None:
                if index in self._optional:
                    continue
                raise LaunchError(f"kernel '{self.name}': buffer {index} is not bound")
            if info.reference and buffer.bytes < info.bytes:
                raise LaunchError(
                    f"kernel '{self.name}': buffer {index} has {buffer.bytes} bytes; the parameter needs {info.bytes}"
                )
            if info.writable and not buffer.writable:
                raise LaunchError(f"kernel '{self.name}': buffer {index} is read-only, the kernel may write to it")
        return bound

    def launch(
        self,
        buffers: Sequence[Any] | Mapping[int, Any],
        threadgroups: Size,
        threads_per_threadgroup: Size,
        threads: Size | None = None,
        threadgroup_memory: Mapping[int, int] | None = None,
    ) -> None:
        """Run and wait.

        buffers: by index; NumPy, PyTorch CPU, MLX CPU arrays, bytes, ctypes objects. threadgroups: how many, per
        dimension. threads: total threads where that is less, so that threadgroups at the edge are smaller.
        threadgroup_memory: bytes of each `threadgroup` parameter. Raises LaunchError before anything has run, or
        KernelFailure; in sanitize mode SanitizerError, after the run.
        """
        bound = self._bind(buffers)
        grid = three(threadgroups, "threadgroups")
        launcher = self._launcher(Shape.of(threads_per_threadgroup, threads, threadgroup_memory), worker_count())
        try:
            if self._library.mode == "sanitize":
                from .sanitize import run

                elements = {index: parameter.bytes for index, parameter in self.buffers.items()}
                return run(launcher, bound, elements, grid, self.name, self.module)
            return launcher(self._pointers(bound), *grid)
        finally:
            launcher.report_messages()

    def _pointers(self, bound: Mapping[int, Buffer]) -> Any:
        """What a launcher is given."""
        pointers = (ctypes.c_void_p * (MAX_BUFFERS * (3 if self._library.bounds else 1)))()
        for index, buffer in bound.items():
            pointers[index] = buffer.address
            if self._library.bounds:
                pointers[MAX_BUFFERS + index] = buffer.start
                pointers[2 * MAX_BUFFERS + index] = buffer.address + buffer.bytes
        return pointers

    def launch_threads(
        self,
        buffers: Sequence[Any] | Mapping[int, Any],
        threads: Size,
        threads_per_threadgroup: Size,
        threadgroup_memory: Mapping[int, int] | None = None,
    ) -> None:
        """Run `threads` threads in total (Metal's dispatchThreads): threadgroups at the edge may be smaller."""
        total = three(threads, "threads")
        group = three(threads_per_threadgroup, "threads_per_threadgroup")
        if 0 in group:
            raise LaunchError(f"kernel '{self.name}': a threadgroup of {group} threads")
        grid = [-(-count // size) for count, size in zip(total, group, strict=True)]
        full = all(count % size == 0 for count, size in zip(total, group, strict=True))
        self.launch(buffers, grid, group, None if full else total, threadgroup_memory)


class Library:
    """Metal text, compiled for this machine.

    mode: "reference" (any text, a fiber per thread), "fast" (text in our vocabulary, 32 lanes at once), "sanitize"
    (reference with checks of every access, in a random order that `seed` chooses) or "strict" (reference, for text that
    Apple's compiler would accept, else StrictError); default $MSL_CPU_MODE, else "reference". function_constants:
    values by index or by name. include_paths: where `#include "x.h"` of the text is looked for. flush_denormals: treat
    f32 denormals as zero, as the hardware does. deadline: seconds after which a launch is stopped, or a Deadline,
    which may change. bounds: in fast mode, stop a launch that accesses memory outside of its buffers (default
    $MSL_CPU_BOUNDS, else not). Kernels are attributes (`library.softmax`) and items (`library["softmax_f32"]`).
    """

    def __init__(
        self,
        source: str,
        mode: str | None = None,
        function_constants: Mapping[int | str, ConstantValue] | None = None,
        *,
        include_paths: Sequence[str] = (),
        flush_denormals: bool = False,
        deadline: float | Deadline | None = None,
        seed: int = 0,
        bounds: bool | None = None,
    ):
        self.mode = choose_mode(mode)
        if self.mode == "strict":
            from .strict import check as check_strictly

            check_strictly(source, language="3.2", include_paths=include_paths)  # what the headers here say they are
            self.mode = "reference"
        self.seed = seed
        self.bounds = choose_bounds(bounds) and self.mode == "fast"
        self._source = source
        self.flush_denormals = flush_denormals
        self.deadline = Deadline.of(deadline)
        if needs_preprocessing(source, include_paths):
            source = preprocess(source, include_paths)
        self.compiled, description = Recipe(source, self.mode, function_constants or {}, self.bounds).load()
        self.uses_log = "os_log" in source
        self.stack_log2: int = description["stack_log2"]
        self._kernels: dict[str, Kernel] = {}
        for name, symbol, optional, max_threads in description["entries"]:
            self._kernels[name] = Kernel(self, name, symbol, frozenset(optional), max_threads)

    def module(self, symbol: str) -> Module:
        """Turns addresses of the compiled text into lines."""
        from .launch.places import Module

        return Module(self.compiled, symbol, self._source)

    def __getitem__(self, name: str) -> Kernel:
        return self._kernels[name]

    def __getattr__(self, name: str) -> Kernel:
        kernels = self.__dict__.get("_kernels", {})
        if name not in kernels:
            raise AttributeError(f"no kernel '{name}' in this library; it has {', '.join(kernels)}")
        return kernels[name]

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *self._kernels])

    def __iter__(self) -> Iterator[str]:
        return iter(self._kernels)
