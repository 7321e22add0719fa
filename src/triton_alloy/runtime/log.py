"""What a kernel has logged, for people: lines of tl.device_print on stdout, a failed tl.device_assert as an error.

A log is an array of 32-bit words, written by msl/vocabulary/7_log.metal. Head: records asked for, elements for
which an assertion failed; message, program x, y, z and element of the first failure; one unused. Then the records:
message, program x, y, z, element, low and high word of the value, one unused. An element is its row-major number.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import DeviceAssertion
from ..kernel import LOG_HEAD_WORDS, LOG_RECORD_WORDS, Kernel, Message

_HEAD = struct.Struct(f"<{LOG_HEAD_WORDS}I")
_RECORD = struct.Struct(f"<{LOG_RECORD_WORDS}I")
_FLOATS = {"f16": ("<H", "<e"), "f32": ("<I", "<f"), "f64": ("<Q", "<d")}
_WIDTHS = {"i1": 1, "i8": 8, "i16": 16, "f16": 16, "bf16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}

Record = tuple[int, ...]


def report(kernel: Kernel, log: Any) -> None:
    """Print the lines of a complete launch, one program after the other. log: its "log" service, as bytes or the like.

    Raises DeviceAssertion where an assertion failed.
    """
    asked, failures, *failure = _HEAD.unpack_from(log)
    room = (memoryview(log).nbytes - _HEAD.size) // _RECORD.size
    records = [_RECORD.unpack_from(log, _HEAD.size + _RECORD.size * i) for i in range(min(asked, room))]
    if records:
        sys.stdout.write("".join(lines(kernel, records)))
        sys.stdout.flush()
    if asked > room:
        print(f"{kernel.title}: {asked - room} values of device_print did not fit into the log", file=sys.stderr)
    if failures:
        message, x, y, z, element, _ = failure
        raise DeviceAssertion(failed(kernel, kernel.messages[message], (x, y, z), element, failures))


def lines(kernel: Kernel, records: Sequence[Record]) -> Iterator[str]:
    """The lines of the records, sorted by program; those of one program stay in their order."""
    for message, x, y, z, element, low, high, _ in sorted(records, key=lambda record: record[3:0:-1]):
        what = kernel.messages[message]
        yield line(what, (x, y, z), element, low | high << 32) * what.copies


def line(message: Message, program: tuple[int, int, int], element: int, bits: int) -> str:
    """One line, in the format of Triton's CUDA backend."""
    head = f"pid ({', '.join(map(str, program))})"
    if not message.element:
        return f"{head}{message.text}\n"
    operand = f"(operand {message.operand}) " if message.operands > 1 else ""
    return f"{head} idx ({index(message.shape, element)}){message.text}{operand}{value(message, bits)}\n"


def coordinates(shape: tuple[int, ...], element: int) -> list[int]:
    """Of an element, from its row-major number."""
    found = []
    for size in reversed(shape):
        element, coordinate = divmod(element, size)
        found.append(coordinate)
    return found[::-1]


def index(shape: tuple[int, ...], element: int) -> str:
    """The coordinates of an element, each as wide as its largest."""
    widths = [len(str(size - 1)) for size in shape]
    return ", ".join(f"{c:{width}}" for c, width in zip(coordinates(shape, element), widths, strict=True))


def value(message: Message, bits: int) -> str:
    """A value from its bits."""
    if message.element == "pointer":
        return f"0x{bits:x}"
    width = _WIDTHS[message.element]
    bits &= (1 << width) - 1
    if message.hexadecimal:
        return f"0x{bits:0{width // 4}x}"
    if message.element == "bf16":
        return f"{_number(bits << 16, 'f32'):f}"
    if message.element in _FLOATS:
        return f"{_number(bits, message.element):f}"
    return str(bits - (1 << width) if message.signed and bits >> (width - 1) else bits)


def _number(bits: int, element: str) -> float:
    unsigned, code = _FLOATS[element]
    return struct.unpack(code, struct.pack(unsigned, bits))[0]


def failed(kernel: Kernel, message: Message, program: tuple[int, int, int], element: int, failures: int) -> str:
    """What an error says about a failed assertion."""
    where = f" at element ({', '.join(map(str, coordinates(message.shape, element)))})" if message.shape else ""
    more = f" (and for {failures - 1} more)" if failures > 1 else ""
    place = f"{message.location}: " if message.location else ""
    source = f"\n    {message.source}" if message.source else ""
    return (
        f"device-side assert triggered: {place}{kernel.title}: Assertion `{message.text}` failed "
        f"in program ({', '.join(map(str, program))}){where}{more}{source}"
    )
