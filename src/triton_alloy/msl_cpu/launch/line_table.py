"""Which line of which file an address in a compiled library belongs to: ELF and DWARF 4, as far as needed.

What clang compiles has such a table: see FLAGS in places.py. Other formats of object files (macOS) have their lines
elsewhere: their table is empty.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ELF64_LITTLE = b"\x7fELF\x02\x01"
_PT_LOAD = 1


@dataclass
class LineTable:
    """Addresses count from the start of the library. `rows`: (address, file, line), line 0 behind a function's end."""

    rows: list[tuple[int, str, int]] = field(default_factory=list)
    symbols: dict[str, int] = field(default_factory=dict)
    bytes: int = 0  # of the loaded image

    def find(self, address: int) -> tuple[str, int] | None:
        """(file, line) of the instruction at `address`."""
        i = bisect_right(self.rows, (address, "\U0010ffff", 0)) - 1
        if i < 0 or not self.rows[i][2]:
            return None
        return self.rows[i][1], self.rows[i][2]


def read_line_table(path: Path) -> LineTable:
    """Of an ELF library; empty for anything else."""
    content = path.read_bytes()
    if not content.startswith(_ELF64_LITTLE):
        return LineTable()
    sections = dict(_sections(content))
    table = LineTable(bytes=_image_bytes(content))
    table.symbols = dict(_symbols(sections.get(".dynsym", b""), sections.get(".dynstr", b"")))
    table.rows = sorted(_programs(sections.get(".debug_line", b"")), key=lambda row: (row[0], row[2] > 0))
    return table


def _sections(content: bytes) -> Iterator[tuple[str, bytes]]:
    offset, size, count, names = (*struct.unpack_from("<Q", content, 40), *struct.unpack_from("<HHH", content, 58))
    headers = [struct.unpack_from("<IIQQQQ", content, offset + i * size) for i in range(count)]
    strings = headers[names][4]
    for name, _, _, _, start, length in headers:
        yield _text(content, strings + name)[0], content[start : start + length]


def _image_bytes(content: bytes) -> int:
    offset, size, count = (*struct.unpack_from("<Q", content, 32), *struct.unpack_from("<HH", content, 54))
    end = 0
    for i in range(count):
        kind, _, _, address, _, _, length = struct.unpack_from("<IIQQQQQ", content, offset + i * size)
        end = max(end, address + length) if kind == _PT_LOAD else end
    return end


def _symbols(symbols: bytes, strings: bytes) -> Iterator[tuple[str, int]]:
    for name, _, _, _, value, _ in struct.iter_unpack("<IBBHQQ", symbols):
        yield _text(strings, name)[0], value


def _text(content: bytes, start: int) -> tuple[str, int]:
    """The zero-terminated text at `start` and the offset behind it."""
    end = content.index(b"\0", start)
    return content[start:end].decode(errors="replace"), end + 1


def _unsigned(content: bytes, at: int) -> tuple[int, int]:
    """LEB128: the value and the offset behind it."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _signed(content: bytes, at: int) -> tuple[int, int]:
    value, end = _unsigned(content, at)
    bits = 7 * (end - at)
    return (value - (1 << bits) if value >> (bits - 1) & 1 else value), end


def _programs(content: bytes) -> Iterator[tuple[int, str, int]]:
    """Rows of every unit; units of another DWARF version are skipped."""
    at = 0
    while at + 6 <= len(content):
        length, version = struct.unpack_from("<IH", content, at)
        end = at + 4 + length
        if version in (2, 3, 4):
            yield from _Program(content, at + 6, end, version).rows()
        at = end


class _Program:
    """One unit's line number program (DWARF 4, section 6.2)."""

    def __init__(self, content: bytes, at: int, end: int, version: int):
        self.content, self.end = content, end
        (header_length,) = struct.unpack_from("<I", content, at)
        self.start = at + 4 + header_length
        fields = struct.unpack_from("<BBBbBB" if version >= 4 else "<BxBbBB", content, at + 4)
        self.step = fields[0]
        self.line_base, self.line_range, self.opcode_base = fields[-3:]
        at += 4 + (6 if version >= 4 else 5)
        self.operands = content[at : at + self.opcode_base - 1]
        self.files = self._read_files(at + self.opcode_base - 1)

    def _read_files(self, at: int) -> list[str]:
        while self.content[at]:  # directories
            _, at = _text(self.content, at)
        files, at = [""], at + 1
        while self.content[at]:
            name, at = _text(self.content, at)
            for _ in range(3):
                _, at = _unsigned(self.content, at)
            files.append(name)
        return files

    def rows(self) -> Iterator[tuple[int, str, int]]:
        at = self.start
        address, file, line = 0, 1, 1
        while at < self.end:
            opcode = self.content[at]
            at += 1
            if opcode >= self.opcode_base:
                address += (opcode - self.opcode_base) // self.line_range * self.step
                line += self.line_base + (opcode - self.opcode_base) % self.line_range
                yield address, self.files[file], line
            elif opcode == 0:
                length, at = _unsigned(self.content, at)
                if self.content[at] == 1:  # end of sequence
                    yield address, "", 0
                    address, file, line = 0, 1, 1
                elif self.content[at] == 2:
                    (address,) = struct.unpack_from("<Q", self.content, at + 1)
                at += length
            elif opcode == 1:
                yield address, self.files[file], line
            elif opcode == 2:
                value, at = _unsigned(self.content, at)
                address += value * self.step
            elif opcode == 3:
                value, at = _signed(self.content, at)
                line += value
            elif opcode == 4:
                file, at = _unsigned(self.content, at)
            elif opcode == 8:
                address += (255 - self.opcode_base) // self.line_range * self.step
            elif opcode == 9:
                address += struct.unpack_from("<H", self.content, at)[0]
                at += 2
            else:
                for _ in range(self.operands[opcode - 1]):
                    _, at = _unsigned(self.content, at)
