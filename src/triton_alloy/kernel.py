"""What the compiler hands to a runtime: a frozen `Kernel` of text and plain numbers, and the `Device` that runs it.

A runtime never sees IR; the compiler never sees a device. Arguments are numbered as the TTIR function numbers them:
tuples flattened depth first, constexprs gone, tensor descriptors taken apart. A kernel binds its pointers to buffer
indices 0, 1, ... in that order, all its scalars as one constant struct at the index after the last pointer, and then
its services: memory of the runtime's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from .chips import THREADS_PER_SIMDGROUP
from .errors import InvalidArgument, OutOfResources, Unsupported

if TYPE_CHECKING:
    from .chips import Limits

FORMAT = 5
"""The version of the JSON form. Another number is refused."""

ELEMENT_BYTES = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "f16": 2, "bf16": 2, "f32": 4, "f64": 8}
"""Size, and also the alignment, of a scalar in a constant struct (MSL specification, scalar data types)."""

LOG_HEAD_WORDS = 8
"""Words of 4 bytes before the first record of a log; see runtime/log.py."""
LOG_RECORD_WORDS = 8
LOG_BYTES = 1 << 20
LOCKS_BYTES = 1 << 14
"""Sizes of the services. The vocabulary (msl/vocabulary/7_log.metal) knows them, too."""


def align(offset: int, alignment: int) -> int:
    """The least multiple of `alignment` that is at least `offset`."""
    return -(-offset // alignment) * alignment


@dataclass(frozen=True)
class Argument:
    """One argument of a kernel.

    kind: "buffer" is a device pointer, "scalar" a member of the scalar struct; element: the pointee or scalar type in
    MLIR's spelling ("f32", "i1"); read_only: the kernel never writes through this pointer; position: index in the
    TTIR function's argument list. One that is rounded to several types is an argument for each, all of one position.
    """

    name: str
    kind: Literal["buffer", "scalar"]
    element: str
    position: int
    read_only: bool = False


@dataclass(frozen=True)
class Service:
    """Device memory that a kernel needs from the runtime.

    kind: "log", all zero before a launch and handed to runtime/log.py after it, never shared by two launches that may
    overlap; "locks", zero once, then shared by all launches on a device; bytes: its size.
    """

    kind: Literal["log", "locks"]
    bytes: int


@dataclass(frozen=True)
class Message:
    """What the host says for a record of the log; a record names its message by the index in `Kernel.messages`.

    kind: "print" one operand of a tl.device_print, "assert" a tl.device_assert; text: its prefix or message; location:
    "file.py:12", of inlined code also that of the call; source: what that line says, "" where it could not be read. For
    an operand: its element in MLIR's spelling ("" for a
    message without operands, "pointer" for an address), shape (empty for a scalar), index among `operands`. copies:
    lines per record.
    """

    kind: Literal["print", "assert"]
    text: str
    location: str = ""
    element: str = ""
    signed: bool = True
    hexadecimal: bool = False
    shape: tuple[int, ...] = ()
    operand: int = 0
    operands: int = 0
    copies: int = 1
    source: str = ""


@dataclass(frozen=True)
class SourceLine:
    """A line of the user's source. text: what it says, stripped, "" where the file could not be read; caller:
    "file.py:12", the line of the kernel that an inlined function was called at, "" for the kernel's own lines."""

    file: str
    line: int
    text: str = ""
    caller: str = ""

    def __str__(self) -> str:
        called = f" (called at {self.caller})" if self.caller else ""
        return f"{self.file}:{self.line}{called}: {self.text}".removesuffix(": ")


class Origin(NamedTuple):
    """Where a line of the text comes from. line: of the text, from 1; source: index in `Kernel.sources`; access: "" for
    the statement, "read" for a load within it."""

    line: int
    source: int
    access: str = ""


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel: MSL text and all that is needed to launch it.

    source: pure ASCII MSL with one kernel function `name`; arguments: as the text binds them, without unused ones;
    simdgroups: of one threadgroup; threadgroup_bytes: statically allocated in the text; family: of the `Target`;
    registers: of 32 bits that a thread needs, as estimated (transforms/registers/pressure.py), 0 if nobody counts them;
    services: bound in this order; messages: of the log; takes_addresses: pointers are made of numbers that come from
    outside, which must be addresses in the memory of the device; sources, origins: the user's lines that the lines of
    the text come from; given_name: what its author calls the kernel, before Metal's rules for names.
    """

    name: str
    source: str
    arguments: tuple[Argument, ...]
    simdgroups: int
    threadgroup_bytes: int
    family: str
    threads_per_simdgroup: int = THREADS_PER_SIMDGROUP
    services: tuple[Service, ...] = ()
    messages: tuple[Message, ...] = ()
    takes_addresses: bool = False
    sources: tuple[SourceLine, ...] = ()
    origins: tuple[Origin, ...] = ()
    given_name: str = ""
    registers: int = 0

    @property
    def title(self) -> str:
        """The name for people."""
        return self.given_name or self.name

    @property
    def threads(self) -> int:
        """Threads in one threadgroup, which is one Triton program."""
        return self.simdgroups * self.threads_per_simdgroup

    @cached_property
    def buffers(self) -> tuple[Argument, ...]:
        """The pointers; the index in this tuple is the buffer index."""
        return tuple(argument for argument in self.arguments if argument.kind == "buffer")

    @cached_property
    def scalars(self) -> tuple[Argument, ...]:
        """The members of the scalar struct, in order."""
        return tuple(argument for argument in self.arguments if argument.kind == "scalar")

    @property
    def scalars_index(self) -> int | None:
        """The buffer index of the scalar struct; None where the kernel has no scalars."""
        return len(self.buffers) if self.scalars else None

    @property
    def services_index(self) -> int:
        """The buffer index of the first service."""
        return len(self.buffers) + bool(self.scalars)

    @cached_property
    def scalar_offsets(self) -> tuple[int, ...]:
        """Byte offset of each scalar: every member at the next multiple of its own size, as Metal and C do."""
        offsets: list[int] = []
        end = 0
        for scalar in self.scalars:
            size = ELEMENT_BYTES[scalar.element]
            offsets.append(align(end, size))
            end = offsets[-1] + size
        return tuple(offsets)

    @cached_property
    def scalar_bytes(self) -> int:
        """Size of the scalar struct in bytes, a multiple of its largest member; 0 where there are no scalars."""
        if not self.scalars:
            return 0
        sizes = [ELEMENT_BYTES[scalar.element] for scalar in self.scalars]
        return align(self.scalar_offsets[-1] + sizes[-1], max(sizes))

    def source_lines(self, line: int, access: str) -> list[SourceLine]:
        """The user's lines that a line of the text comes from: those of its loads for "read", else its statement's."""
        found = [origin for origin in self.origins if origin.line == line]
        exact = [origin for origin in found if origin.access == access]
        chosen = exact or [origin for origin in found if not origin.access]
        return [self.sources[origin.source] for origin in chosen]

    def interface(self) -> dict[str, Any]:
        """Everything but the text, as JSON values."""
        return {key: value for key, value in asdict(self).items() if key != "source"}

    @staticmethod
    def from_interface(source: str, interface: dict[str, Any]) -> Kernel:
        """The kernel of `interface()` and a text. Raises InvalidArgument where the interface has other fields."""
        known = {f.name for f in fields(Kernel)} - {"source"}
        if set(interface) != known:
            raise InvalidArgument(f"not a kernel's interface: fields {sorted(set(interface) ^ known)} differ")
        arguments = tuple(Argument(**each) for each in interface["arguments"])
        services = tuple(Service(**each) for each in interface["services"])
        messages = tuple(Message(**each | {"shape": tuple(each["shape"])}) for each in interface["messages"])
        sources = tuple(SourceLine(**each) for each in interface["sources"])
        origins = tuple(Origin(*each) for each in interface["origins"])
        built = {"source": source, "arguments": arguments, "services": services, "messages": messages}
        built |= {"sources": sources, "origins": origins}
        return Kernel(**(interface | built))

    def to_json(self) -> bytes:
        """The kernel as ASCII JSON."""
        return json.dumps({"format": FORMAT, "source": self.source, **self.interface()}).encode("ascii")

    @staticmethod
    def from_json(data: bytes) -> Kernel:
        """The inverse of `to_json`. Raises InvalidArgument where the bytes are damaged or of another version."""
        try:
            values = json.loads(data)
        except ValueError as error:
            raise InvalidArgument(f"damaged kernel file: {error}") from error
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT or "source" not in values:
            raise InvalidArgument("this kernel file was written by another version of triton-alloy")
        return Kernel.from_interface(values.pop("source"), values)


def check_limits(kernel: Kernel, limits: Limits, location: str = "") -> None:
    """Raise OutOfResources where a launch needs too much, Unsupported, at `location`, where it needs too many buffers.

    Smaller blocks or fewer threads may fit, so that an autotuner goes on; the arguments are as many in every
    configuration.
    """
    for needed, limit, what in (
        (kernel.threads, limits.threads_per_threadgroup, "threads"),
        (kernel.threadgroup_bytes, limits.threadgroup_bytes, "threadgroup memory"),
    ):
        if needed > limit:
            raise OutOfResources(needed, limit, what)
    bound = kernel.services_index + len(kernel.services)
    if bound > limits.buffers:
        others = ["all scalars"] * bool(kernel.scalars) + [f"its {service.kind}" for service in kernel.services]
        parts = ", ".join([f"{len(kernel.buffers)} pointers", *(f"one for {each}" for each in others)])
        reason = f"{kernel.title} needs {bound} buffers ({parts}), of which an Apple GPU has {limits.buffers}"
        raise Unsupported("tt.func", f"{reason}: pass several arrays as parts of one tensor", location)


@dataclass(frozen=True)
class Properties:
    """Facts of a device that callers size their launches by."""

    name: str
    cores: int
    threads_per_simdgroup: int
    threadgroup_bytes: int
    threads_per_threadgroup: int


class Extent(NamedTuple):
    """The memory around a pointer, in bytes: what lies before it, and what follows."""

    before: int
    after: int

    @staticmethod
    def unknown(address: int) -> Extent:
        """Any memory."""
        return Extent(address, 2**64 - 1 - address)


class Executable(Protocol):
    """A kernel loaded on one device."""

    @property
    def kernel(self) -> Kernel: ...

    @property
    def max_threads(self) -> int:
        """Threads that one threadgroup of this kernel may have at most."""
        ...


Block = tuple[Any, ...]
"""A launch in the form of whoever has packed it."""


class PackedLaunches(Protocol):
    """Launches of one executable that are told in one block of memory."""

    free: list[Block]  # blocks that `pack` may use again

    def pack(self, x: int, y: int, z: int, addresses: Sequence[int], scalars: Sequence[Any]) -> Block:
        """A launch over x * y * z programs, as struct.pack; raises what that raises."""
        ...

    def run(self, block: Block) -> None:
        """Launch, and wait. The block is as before. Raises what `Device.launch` raises."""
        ...


@runtime_checkable
class PackableExecutable(Executable, Protocol):
    """An executable of a device that binds addresses, whose launches may be told in one block of memory."""

    @property
    def is_packable(self) -> bool:
        """Whether its launches need nothing but a grid, addresses and scalars."""
        ...

    def packed(self, scalars: str) -> PackedLaunches:
        """What packs launches. scalars: the form of the kernel's struct, as `struct` spells it, without padding."""
        ...


class Device(Protocol):
    """What a runtime implements. Launches are in order; on the CPU they are complete when `launch` returns.

    binds: what it takes for a pointer: "addresses" in the CPU's memory, tensors of "torch", operands of runtime/"mlx";
    place: the type of the device that holds such arrays, as PyTorch names it; needs_extents: whether `launch` must be
    told how much memory there is around each pointer; bounds: which memory that is, "view" the array's own, else that
    of its storage. Devices whose bounds are not "0" want to be told what is known.
    """

    @property
    def binds(self) -> str: ...

    @property
    def place(self) -> str: ...

    @property
    def needs_extents(self) -> bool: ...

    @property
    def bounds(self) -> str: ...

    @property
    def worked_seconds(self) -> float:
        """What the device itself has measured of launches that are complete; always 0 where it measures nothing."""
        ...

    @property
    def properties(self) -> Properties: ...

    def compile(self, kernel: Kernel) -> Executable:
        """Build the kernel's text for this device."""
        ...

    def launch(
        self,
        executable: Any,
        buffers: Sequence[Any],
        scalars: bytes,
        grid: tuple[int, int, int],
        extents: Sequence[Extent] = (),
    ) -> None:
        """Run `grid` threadgroups.

        buffers: one per pointer, in order, in the form that `binds` names; scalars: the packed struct; extents: the
        memory around each address, where the device needs them.
        """
        ...

    def synchronize(self) -> None:
        """Return when all launches are complete."""
        ...
