"""What went wrong in a launch on the CPU, in the words of the kernel's author: program, argument, element, source line.

msl_cpu knows a threadgroup, an address and a line of the Metal text; the Kernel tells what those are in the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..kernel import ELEMENT_BYTES, Argument, Extent, Kernel
from ..msl_cpu import KernelFailure
from ..msl_cpu.errors import Fault
from ..msl_cpu.launch.failures import Range, nearest
from ..msl_cpu.launch.plan import ADDRESS, BOUNDS, DIVISION, STACK
from ..msl_cpu.sanitize import Party, Report, SanitizerError

MASK = "mask the access (mask=...), or pass more memory"
FIND = "run again with TRITON_ALLOY_BOUNDS=1 to find the access"
GUARD = "guard the divisor where it can be 0, as in x // tl.where(y == 0, 1, y)"
SHALLOW = "take smaller blocks, or let functions call each other less deeply"
NUMBERS = "this kernel makes pointers of numbers, which TRITON_ALLOY_BOUNDS does not check"


class Memory(NamedTuple):
    """What a launch passed for a pointer: its address, and the addresses of the first byte that may be accessed and
    behind the last; is_view: they are those of a view, else of its storage."""

    argument: Argument
    address: int
    low: int
    high: int
    is_view: bool

    @property
    def bytes(self) -> int:
        """Of an element."""
        return ELEMENT_BYTES.get(self.argument.element, 1)

    def element(self, address: int) -> str:
        """What lies at an address, as the user would write it."""
        index, rest = divmod(address - self.address, self.bytes)
        return f"{self.argument.name}[{index}]" if not rest else f"{self.argument.name}[{index}] (byte {rest} of it)"

    def held(self) -> str:
        """The elements that there are."""
        name = f"the view {self.argument.name}" if self.is_view else self.argument.name
        first, end = ((address - self.address) // self.bytes for address in (self.low, self.high))
        return f"{name} has elements {first} to {end - 1}" if first < end else f"{name} has no elements"


def memory_of(kernel: Kernel, buffers: Sequence[int], extents: Sequence[Extent], is_view: bool = False) -> list[Memory]:
    """The memory of each pointer of a launch; nothing around its address where the extents are not known."""
    known = extents or [Extent(0, 0)] * len(buffers)
    return [
        Memory(argument, address, address - extent.before, address + extent.after, is_view)
        for argument, address, extent in zip(kernel.buffers, buffers, known, strict=True)
    ]


def explained_failure(kernel: Kernel, error: KernelFailure, memory: Sequence[Memory]) -> KernelFailure:
    """The same failure in the user's words."""
    fault = error.fault
    if fault is None:
        return error
    program = f", program {fault.threadgroup}" if fault.threadgroup else ""
    text = f"kernel {kernel.title}{program}: {fault.reason}{_accessed(fault, memory)}"
    lines = [*_source(kernel, fault.line, fault.access), *_remedy(kernel, fault), *_metal(fault.line, fault.source)]
    return type(error)("\n    ".join([text, *lines]), fault)


def _accessed(fault: Fault, memory: Sequence[Memory]) -> str:
    """The element that was accessed, or what is nearest to it."""
    if fault.access and fault.buffer is not None and fault.buffer < len(memory):
        found = memory[fault.buffer]
        return f": {fault.access} of {found.element(fault.address)}; {found.held()}"
    if not fault.address:
        return ""
    ranges = [Range(i, each.low, each.high) for i, each in enumerate(memory)]
    near = nearest(ranges, fault.address)
    return f", nearest to {memory[near.index].element(fault.address)}" if near else ""


def _remedy(kernel: Kernel, fault: Fault) -> Iterator[str]:
    """What to do. A deadline's reason says it by itself."""
    remedies = {BOUNDS: MASK, DIVISION: GUARD, STACK: SHALLOW}
    if fault.failure == ADDRESS:
        yield NUMBERS if kernel.takes_addresses else FIND
    elif fault.failure in remedies:
        yield remedies[fault.failure]


def _source(kernel: Kernel, line: int, access: str) -> list[str]:
    """The user's lines that a line of the text comes from."""
    return [f"{'or ' if i else ''}{each}" for i, each in enumerate(kernel.source_lines(line, access))]


def _metal(line: int, source: str) -> Iterator[str]:
    if line:
        yield f"line {line} of the Metal text: {source.strip()}"


# ---------------------------------------------------------------------------------------------------------- sanitizer
def explained_reports(kernel: Kernel, error: SanitizerError, memory: Sequence[Memory]) -> SanitizerError:
    """The same reports in the user's words."""
    return SanitizerError(error.reports, [_report(kernel, report, memory) for report in error.reports])


def _report(kernel: Kernel, report: Report, memory: Sequence[Memory]) -> str:
    head = f"{report.fault}: kernel {kernel.title}, program {report.party.threadgroup}: "
    what = _barrier(report) if report.fault == "divergent barrier" else _access(report, memory)
    times = f" ({report.count} times)" if report.count > 1 else ""
    lines = _source(kernel, report.line, report.party.access)
    if report.other and report.other.line != report.line:
        lines += [f"against {line}" for line in _source(kernel, report.other.line, report.other.access)]
    return "\n    ".join([f"{head}{what}{times}", *lines, *_metal(report.line, report.source)])


def _barrier(report: Report) -> str:
    other = report.other
    if other is None:
        return f"thread {report.party.thread} waits at a barrier"
    where = "is at another" if other.line else "is not there"
    return f"thread {report.party.thread} waits at a barrier; thread {other.thread} {where}"


def _access(report: Report, memory: Sequence[Memory]) -> str:
    party, other = report.party, report.other
    found = _touched(report, memory)
    what = found.element(report.address) if found else f"byte {report.offset} of {report.space} memory"
    text = f"{party.access} of {what} by thread {party.thread}"
    if other:
        text += f" against {other.access} by {_thread(other, party)}"
    if report.same_value:
        text += ", of the same value, which Metal leaves undefined too"
    return f"{text}; {found.held()}" if found and report.fault == "out of bounds" else text


def _thread(other: Party, party: Party) -> str:
    elsewhere = f" of program {other.threadgroup}" if other.threadgroup != party.threadgroup else ""
    return f"thread {other.thread}{elsewhere}"


def _touched(report: Report, memory: Sequence[Memory]) -> Memory | None:
    """The pointer's memory that a report is about. Where several share it, the first."""
    if report.space != "device" or not memory or report.buffer is None or report.buffer >= len(memory):
        return None
    near = nearest([Range(i, each.low, each.high) for i, each in enumerate(memory)], report.address)
    return memory[near.index] if near else None
