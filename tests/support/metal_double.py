"""A double of PyObjC's Metal on which the metal runtime runs on any system.

Which selectors exist, how many arguments they take, and what they return besides their value, is decided by PyObjC's
own metadata, not here. What Metal forbids or answers with silence (unbound buffers, too many threads, encoding after
the end) raises `Misuse`. Dispatches are computed by msl_cpu when their command buffer is committed, with right results.
"""

from __future__ import annotations

import ctypes
import json
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.pyobjc_metadata import Method, metadata
from triton_alloy.msl_cpu import CompileError, KernelFailure, Library
from triton_alloy.msl_cpu.launch.buffers import Buffer
from triton_alloy.runtime.metal_api import Api

SLOTS, CONSTANT_BYTES = 31, 4096
GPU_SECONDS = 1e-3
"""What every command buffer of the double takes."""


class Misuse(AssertionError):
    """A call that Metal or PyObjC would refuse, crash on, or answer with nothing."""


@dataclass
class World:
    """The machine that the double plays.

    languages: that build a pipeline; compiles: that the compiler takes at all; lacks: selectors that this macOS does
    not have; threads: the most of a pipeline, by the kernel's name; alter: what the machine makes of a text; wraps:
    "pages", "copies" or "nothing", for memory without a copy; archives: whether there are binary archives; takes_null:
    whether PyObjC passes None for a pointer that the metadata says no more about; failures:
    error codes of the next command buffers, 0 for none; compiler_messages: of the next compilations, "" for success;
    calls: all that was called, in order.
    """

    name: str = "Apple M3 Pro"
    families: tuple[int, ...] = (1007, 1008, 1009)
    languages: tuple[str, ...] = ("3.1", "3.2")
    compiles: tuple[str, ...] = ("3.1", "3.2")
    lacks: tuple[str, ...] = ()
    threads: dict[str, int] = field(default_factory=dict)
    alter: Callable[[str], str] = str
    wraps: str = "pages"
    archives: bool = True
    takes_null: bool = True
    failures: list[int] = field(default_factory=list)
    compiler_messages: list[str] = field(default_factory=list)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    pools: int = 0

    def count(self, selector: str) -> int:
        """How often a selector was called."""
        return sum(name == selector for name, _ in self.calls)

    def last(self, selector: str) -> tuple[Any, ...]:
        """The arguments of its last call."""
        return next(arguments for name, arguments in reversed(self.calls) if name == selector)


class Double:
    """An Objective-C object: its methods are those that the metadata knows, and that `do_...` plays."""

    objc_class = "NSObject"

    def __init__(self, world: World):
        self.world = world

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith(("_", "do_")):
            raise AttributeError(name)
        selector = name.replace("_", ":")
        method = metadata().method(self.objc_class, selector)
        if method is None or selector in self.world.lacks:
            raise Misuse(f"-[{self.objc_class} {selector}] is not in the metadata")
        handler = getattr(self, f"do_{name}")
        return lambda *arguments: call(self.world, method, handler, arguments)

    def do_respondsToSelector_(self, selector: str) -> bool:
        return selector not in self.world.lacks and metadata().method(self.objc_class, selector) is not None


def call(world: World, method: Method, handler: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Check a call by the metadata, play it, and return what PyObjC would: the value, with the results after it."""
    if len(arguments) != method.count:
        raise Misuse(f"{method.selector} takes {method.count} arguments, not {len(arguments)}")
    for index, argument in enumerate(arguments):
        check_argument(method, index, argument, arguments)
        if not world.takes_null and index not in method.outs and method.arguments.get(index) == "^@":
            raise ValueError("depythonifying 'pointer', got 'NoneType'")
    world.calls.append((method.selector, arguments))
    result = handler(*(each for index, each in enumerate(arguments) if index not in method.outs))
    if len(method.outs) != (len(result) - 1 if isinstance(result, tuple) else 0):
        raise Misuse(f"the double plays {method.selector} with other results than {len(method.outs)}")
    return result


def check_argument(method: Method, index: int, argument: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse what PyObjC could not pass for the type encoding of this argument."""
    encoding = method.arguments.get(index, "")
    wrong = Misuse(f"{method.selector}: argument {index} ({encoding}) cannot be {argument!r}")
    if index in method.outs and argument is not None:
        raise wrong
    if encoding in ("Q", "q") and not (isinstance(argument, int) and 0 <= argument < 2**63):
        raise wrong
    if encoding.startswith("{MTLSize") and not isinstance(argument, Size):
        raise wrong
    if index in method.arrays and memoryview(argument).nbytes < arguments[method.arrays[index]]:
        raise wrong


@dataclass(frozen=True)
class Size:
    width: int
    height: int
    depth: int


class Error(Double):
    objc_class = "NSError"

    def __init__(self, world: World, message: str, code: int = 0):
        super().__init__(world)
        self._message, self._code = message, code

    def do_localizedDescription(self) -> str:
        return self._message

    def do_code(self) -> int:
        return self._code


class Settings(Double):
    """A descriptor: whatever is set is kept in `values`."""

    def __init__(self, world: World, objc_class: str):
        super().__init__(world)
        self.objc_class = objc_class
        self.values: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_set") and name.endswith("_"):
            return lambda value: self.values.update({name[6:-1]: value})
        return super().__getattr__(name)

    def do_alloc(self) -> Settings:
        return Settings(self.world, self.objc_class)

    def do_init(self) -> Settings:
        return self


class Architecture(Double):
    def do_name(self) -> str:
        return "applegpu_g15s"


class Contents:
    """objc.varlist."""

    def __init__(self, memory: Any):
        self._memory = memory

    def as_buffer(self, count: int) -> memoryview:
        return memoryview(self._memory).cast("B")[:count]


class MemoryBuffer(Double):
    def __init__(self, world: World, memory: Any):
        super().__init__(world)
        self.memory = memory
        self.address, self.bytes = ctypes.addressof(ctypes.c_char.from_buffer(memory)), memoryview(memory).nbytes

    def do_contents(self) -> Contents:
        return Contents(self.memory)


class Pipeline(Double):
    def __init__(self, world: World, function: Function):
        super().__init__(world)
        self.kernel = function.library[function.name]
        self.threads = world.threads.get(function.name, self.kernel.max_threads_per_threadgroup)

    def do_maxTotalThreadsPerThreadgroup(self) -> int:
        return self.threads

    def do_threadExecutionWidth(self) -> int:
        return 32

    def do_staticThreadgroupMemoryLength(self) -> int:
        return 0


class Function(Double):
    def __init__(self, world: World, library: Library, name: str, language: str):
        super().__init__(world)
        self.library, self.name, self.language = library, name, language


class MetalLibrary(Double):
    def __init__(self, world: World, library: Library, language: str):
        super().__init__(world)
        self._library, self._language = library, language

    def do_newFunctionWithName_(self, name: str) -> Function | None:
        return Function(self.world, self._library, name, self._language) if name in list(self._library) else None


class Archive(Double):
    def __init__(self, world: World, names: list[str]):
        super().__init__(world)
        self.names = names

    def do_addComputePipelineFunctionsWithDescriptor_error_(self, descriptor: Settings) -> tuple[bool, None]:
        self.names.append(descriptor.values["ComputeFunction"].name)
        return True, None

    def do_serializeToURL_error_(self, url: Url) -> tuple[bool, None]:
        Path(url.path).write_text(json.dumps(self.names))
        return True, None


class Url(Double):
    objc_class = "NSURL"
    path = ""

    def do_fileURLWithPath_(self, path: str) -> Url:
        url = Url(self.world)
        url.path = path
        return url


class Encoder(Double):
    def __init__(self, world: World):
        super().__init__(world)
        self.dispatches: list[Callable[[], None]] = []
        self.is_open = True
        self._state: Pipeline | None = None
        self._bound: dict[int, Buffer] = {}

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(("_", "do_")) and not self.is_open:
            raise Misuse(f"{name} after endEncoding")
        return super().__getattr__(name)

    def do_setComputePipelineState_(self, state: Pipeline) -> None:
        self._state = state

    def do_setBuffer_offset_atIndex_(self, buffer: MemoryBuffer, offset: int, index: int) -> None:
        self._check_slot(index)
        if offset >= buffer.bytes:
            raise Misuse(f"offset {offset} is behind a buffer of {buffer.bytes} bytes")
        self._bound[index] = Buffer(buffer.address + offset, buffer.bytes - offset, True, buffer)

    def do_setBytes_length_atIndex_(self, content: bytes, length: int, index: int) -> None:
        self._check_slot(index)
        if not 0 < length <= CONSTANT_BYTES:
            raise Misuse(f"setBytes of {length} bytes")
        memory = (ctypes.c_char * length).from_buffer_copy(content)
        self._bound[index] = Buffer(ctypes.addressof(memory), length, True, memory)

    def do_dispatchThreadgroups_threadsPerThreadgroup_(self, groups: Size, threads: Size) -> None:
        state, bound = self._state, dict(self._bound)
        if state is None:
            raise Misuse("a dispatch without a pipeline")
        if threads.width * threads.height * threads.depth > state.threads:
            raise Misuse(f"{threads} is more than the {state.threads} threads of the pipeline: Metal runs nothing")
        if 0 in (groups.width, groups.height, groups.depth):
            raise Misuse(f"an empty grid {groups}")
        unbound = set(state.kernel.buffers) - set(bound)
        if unbound:
            raise Misuse(f"buffers {sorted(unbound)} are not bound")
        sizes = [(each.width, each.height, each.depth) for each in (groups, threads)]
        self.dispatches.append(lambda: state.kernel.launch(bound, *sizes))

    def do_endEncoding(self) -> None:
        self.is_open = False

    @staticmethod
    def _check_slot(index: int) -> None:
        if index >= SLOTS:
            raise Misuse(f"slot {index}: there are {SLOTS}")


class CommandBuffer(Double):
    def __init__(self, world: World):
        super().__init__(world)
        self._encoder: Encoder | None = None
        self._code: int | None = None
        self._is_waited = False

    def do_computeCommandEncoder(self) -> Encoder:
        if self.world.pools == 0:
            raise Misuse("an encoder outside of an autorelease pool is never freed")
        self._encoder = Encoder(self.world)
        return self._encoder

    def do_commit(self) -> None:
        if self._encoder is None or self._encoder.is_open or self._code is not None:
            raise Misuse("commit: nothing encoded, still encoding, or committed before")
        self._code = self.world.failures.pop(0) if self.world.failures else 0
        try:
            for run in () if self._code else self._encoder.dispatches:
                run()
        except KernelFailure:
            self._code = metadata().constants["MTLCommandBufferErrorPageFault"]

    def do_waitUntilCompleted(self) -> None:
        if self._code is None:
            raise Misuse("waitUntilCompleted before commit waits forever")
        self._is_waited = True

    def do_status(self) -> int:
        name = "Error" if self._code else "Completed" if self._is_waited else "Committed"
        return metadata().constants[f"MTLCommandBufferStatus{name}"]

    def do_error(self) -> Error | None:
        return Error(self.world, "Caused GPU Timeout Error", self._code) if self._code else None

    def do_GPUStartTime(self) -> float:
        return 5.0

    def do_GPUEndTime(self) -> float:
        return 5.0 + GPU_SECONDS


class Queue(Double):
    def do_commandBuffer(self) -> CommandBuffer:
        if self.world.pools == 0:
            raise Misuse("a command buffer outside of an autorelease pool is never freed")
        return CommandBuffer(self.world)


class Device(Double):
    def do_name(self) -> str:
        return self.world.name

    def do_supportsFamily_(self, family: int) -> bool:
        return family in self.world.families

    def do_architecture(self) -> Architecture:
        return Architecture(self.world)

    def do_maxThreadgroupMemoryLength(self) -> int:
        return 32768

    def do_maxThreadsPerThreadgroup(self) -> Size:
        return Size(1024, 1024, 1024)

    def do_recommendedMaxWorkingSetSize(self) -> int:
        return 27 << 30

    def do_maxBufferLength(self) -> int:
        return 1 << 34

    def do_hasUnifiedMemory(self) -> bool:
        return True

    def do_newCommandQueue(self) -> Queue:
        return Queue(self.world)

    def do_newBufferWithLength_options_(self, length: int, options: int) -> MemoryBuffer | None:
        if options != metadata().constants["MTLResourceStorageModeShared"]:
            raise Misuse("the host must see the buffer")
        return MemoryBuffer(self.world, mmap.mmap(-1, length)) if length <= self.do_maxBufferLength() else None

    def do_newBufferWithBytesNoCopy_length_options_deallocator_(
        self, memory: Any, length: int, options: int, deallocator: Any
    ) -> MemoryBuffer | None:
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        if address % mmap.PAGESIZE or length % mmap.PAGESIZE:
            raise Misuse(f"{length} bytes at {address:#x} are not whole pages")
        if self.world.wraps == "nothing":
            return None
        size = ctypes.c_char * length
        is_copy = self.world.wraps == "copies"
        return MemoryBuffer(self.world, size.from_buffer_copy(memory) if is_copy else size.from_address(address))

    def do_newLibraryWithSource_options_error_(
        self, source: str, options: Settings
    ) -> tuple[MetalLibrary | None, Error | None]:
        if self.world.compiler_messages:
            message = self.world.compiler_messages.pop(0)
            if message:
                return None, Error(self.world, message)
        language = language_of(options)
        if language not in self.world.compiles:
            return None, Error(self.world, f"language {language} is not supported")
        try:
            source = self.world.alter(source)
            mode = "fast" if "// vocabulary: begin" in source else "reference"
            return MetalLibrary(self.world, Library(source, mode), language), None
        except CompileError as error:
            return None, Error(self.world, str(error))

    def do_newComputePipelineStateWithFunction_error_(self, function: Function) -> tuple[Pipeline | None, Error | None]:
        if function.language not in self.world.languages:
            return None, Error(self.world, f"metal{function.language} does not load on this OS")
        return Pipeline(self.world, function), None

    def do_newComputePipelineStateWithDescriptor_options_reflection_error_(
        self, descriptor: Settings, options: int, reflection: None
    ) -> tuple[Pipeline | None, Error | None]:
        return self.do_newComputePipelineStateWithFunction_error_(descriptor.values["ComputeFunction"])

    def do_newBinaryArchiveWithDescriptor_error_(self, descriptor: Settings) -> tuple[Archive | None, Error | None]:
        if not self.world.archives:
            return None, Error(self.world, "binary archives are not supported")
        if "Url" not in descriptor.values:
            return Archive(self.world, []), None
        try:
            return Archive(self.world, json.loads(Path(descriptor.values["Url"].path).read_text())), None
        except ValueError:
            return None, Error(self.world, "not an archive")


def language_of(options: Settings) -> str:
    """The language of compile options, which must ask for safe math in the way that this macOS has."""
    values, constants = options.values, metadata().constants
    if "MathMode" in values:
        safe = values["MathMode"] == constants["MTLMathModeSafe"]
        exact = values["MathFloatingPointFunctions"] == constants["MTLMathFloatingPointFunctionsPrecise"]
        is_safe = safe and exact
    else:
        is_safe = values.get("FastMathEnabled") is False
    if not is_safe:
        raise Misuse(f"fast math: {values}")
    return f"{values['LanguageVersion'] >> 16}.{values['LanguageVersion'] & 0xFFFF}"


class Module:
    """The modules Metal and Foundation: constants and functions by the metadata, and the classes in use."""

    def __init__(self, world: World):
        self._world = world

    def __getattr__(self, name: str) -> Any:
        if name in metadata().constants:
            return metadata().constants[name]
        if name == "NSURL":
            return Url(self._world)
        if name in metadata().functions:
            return {"MTLSizeMake": Size, "MTLCreateSystemDefaultDevice": lambda: Device(self._world)}[name]
        if name.endswith(("Options", "Descriptor")):
            return Settings(self._world, name)
        raise Misuse(f"{name} is not in the metadata of Metal")


class Objc:
    """The module objc."""

    def __init__(self, world: World):
        self._world = world

    @contextmanager
    def autorelease_pool(self) -> Iterator[None]:
        self._world.pools += 1
        try:
            yield
        finally:
            self._world.pools -= 1


def double(world: World) -> Api:
    """What the metal runtime takes for PyObjC."""
    return Api(Module(world), Module(world), Objc(world))
