"""Which line of which file an address in a compiled library belongs to: ELF and DWARF 4, as far as needed.

What clang compiles has such a table: see FLAGS in places.py. Other formats of object files (macOS) have their lines
elsewhere: their table is empty.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
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


Row = tuple[int, str, int]


class _Program:
    """One unit's line number program (DWARF 4, section 6.2), and the registers of the machine that runs it."""

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

    def rows(self) -> Iterator[Row]:
        """The rows that the program makes."""
        self._begin_sequence()
        self.at = self.start
        while self.at < self.end:
            opcode = self.content[self.at]
            self.at += 1
            if opcode >= self.opcode_base:
                row = self._special(opcode)
            else:
                row = _OPCODES[opcode](self) if opcode in _OPCODES else self._skip(self.operands[opcode - 1])
            if row is not None:
                yield row

    def _begin_sequence(self) -> None:
        self.address, self.file, self.line = 0, 1, 1

    def _number(self) -> int:
        value, self.at = _unsigned(self.content, self.at)
        return value

    def _skip(self, operands: int) -> None:
        for _ in range(operands):
            self._number()

    def _advance_as(self, opcode: int) -> None:
        self.address += (opcode - self.opcode_base) // self.line_range * self.step

    def _special(self, opcode: int) -> Row:
        self._advance_as(opcode)
        self.line += self.line_base + (opcode - self.opcode_base) % self.line_range
        return self.row()

    def row(self) -> Row:
        return self.address, self.files[self.file], self.line

    def extended(self) -> Row | None:
        length = self._number()
        opcode, operand = self.content[self.at], self.at + 1
        self.at += length
        return _EXTENDED[opcode](self, operand) if opcode in _EXTENDED else None

    def end_sequence(self, _operand: int) -> Row:
        behind = self.address, "", 0
        self._begin_sequence()
        return behind

    def set_address(self, operand: int) -> None:
        (self.address,) = struct.unpack_from("<Q", self.content, operand)

    def advance_address(self) -> None:
        self.address += self._number() * self.step

    def advance_line(self) -> None:
        value, self.at = _signed(self.content, self.at)
        self.line += value

    def set_file(self) -> None:
        self.file = self._number()

    def advance_by_constant(self) -> None:
        self._advance_as(255)

    def advance_by_fixed(self) -> None:
        self.address += struct.unpack_from("<H", self.content, self.at)[0]
        self.at += 2


_OPCODES: dict[int, Callable[[_Program], Row | None]] = {
    0: _Program.extended,
    1: _Program.row,
    2: _Program.advance_address,
    3: _Program.advance_line,
    4: _Program.set_file,
    8: _Program.advance_by_constant,
    9: _Program.advance_by_fixed,
}
"""Standard opcodes; of the others the header says how many operands they have, which mean nothing to a line."""
_EXTENDED: dict[int, Callable[[_Program, int], Row | None]] = {1: _Program.end_sequence, 2: _Program.set_address}
"""Opcodes behind a 0 and a length, with the offset of their operand."""
