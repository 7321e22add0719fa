"""A row of numbers for each kernel, as `make agx` prints it and records it in docs/agx_text.json and its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.agx.statistics import Kernel
from tests.support.recorded import by_width, spelled

DOCS = Path(__file__).parents[2] / "docs"
RESULTS, PAGE = DOCS / "agx_text.json", DOCS / "agx_text.md"
HEADINGS = (
    *("registers", "threads", "spills/fills", "instructions", "code", "loop (net)", "products", "per 64"),
    *("loop's loads", "loads", "stores", "tg loads"),
)
_NAME_WIDTH, _WIDTHS = 34, (9, 7, 12, 12, 6, 12, 8, 6, 13, 16, 13, 9)
_ACCESSES = ("loop_loads", "loads", "stores", "threadgroup_loads")


@dataclass(frozen=True)
class Row:
    """registers: of 16 bits, 256 at most; threads: at once on a core; code: bytes; loop, net, products: of the loop
    that counts (statistics.py), net of waits, moves and spills, products of 8x8 matrices; loads and stores: bytes of an
    access -> how many, of device memory, of it in that loop, and of threadgroup memory."""

    registers: int
    threads: int
    spills: int
    fills: int
    instructions: int
    code: int
    loop: int
    net: int
    products: int
    loop_loads: Mapping[int, int]
    loads: Mapping[int, int]
    stores: Mapping[int, int]
    threadgroup_loads: Mapping[int, int]


def row_of(kernel: Kernel) -> Row:
    loop = kernel.loop
    return Row(
        kernel.registers,
        kernel.threads,
        kernel.count("stack_store"),
        kernel.count("stack_load"),
        kernel.instructions,
        kernel.code_bytes,
        loop.instructions if loop else 0,
        loop.net if loop else 0,
        loop.products if loop else 0,
        loop.device_loads if loop else {},
        kernel.accesses("device_loads"),
        kernel.accesses("device_stores"),
        kernel.accesses("threadgroup_loads"),
    )


def recorded(path: Path = RESULTS) -> dict[str, dict[str, Row]]:
    """Group -> text -> its row, of the file."""
    groups = json.loads(path.read_text())
    return {
        group: {
            name: Row(**values | {key: by_width(values[key]) for key in _ACCESSES}) for name, values in rows.items()
        }
        for group, rows in groups.items()
    }


def cells(row: Row) -> list[str]:
    """What stands under HEADINGS."""
    loop = f"{row.loop} ({row.net})" if row.loop else "-"
    per_64 = f"{64 * row.loop / row.products:.0f}" if row.products else "-"
    numbers = (row.registers, row.threads, f"{row.spills}/{row.fills}", row.instructions, row.code)
    accesses = (row.loop_loads, row.loads, row.stores, row.threadgroup_loads)
    return [*map(str, numbers), loop, str(row.products or "-"), per_64, *(spelled(each) or "-" for each in accesses)]


def loops(kernel: Kernel) -> Iterator[str]:
    """A line for each loop of a kernel, in the order of the code, loops inside others further in."""
    depths = [0]
    for region in kernel.regions[1:]:
        depths.append(depths[region.parent] + 1)
        spills = f"{region.opcodes.get('stack_store', 0)}/{region.opcodes.get('stack_load', 0)} spills/fills"
        counts = f"{region.instructions} ({region.net}) instructions, {region.products} products, {spills}"
        yield f"{'  ' * depths[-1]}loop: {counts}, loads {spelled(region.device_loads) or '-'}\n"


def markdown(groups: Mapping[str, Mapping[str, Row]]) -> str:
    """The table of docs/agx_text.md."""
    lines = [f"| text | {' | '.join(HEADINGS)} |", f"|---|{'---|' * len(HEADINGS)}"]
    for group, rows in groups.items():
        lines += [f"| {group}: {name} | {' | '.join(cells(row))} |" for name, row in rows.items()]
    return "\n".join(lines) + "\n"


def line(name: str, values: Iterable[str]) -> str:
    """The values in columns, for a terminal."""
    columns = (value.ljust(width) for value, width in zip(values, _WIDTHS, strict=True))
    return " ".join([name.ljust(_NAME_WIDTH), *columns]).rstrip()
