"""`triton-alloy cache`: list, limit and clear what is kept between processes; of Triton's cache only what is ours."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from triton_alloy.msl_cpu.compile import cache, cache_folder, contents, workspace
from triton_alloy.msl_cpu.compile.eviction import Entry, evict, size_text


@dataclass(frozen=True)
class Cache:
    """One cache. folders: the first is its own, others stood in for it; kernels: (name, bytes, when it was used)."""

    name: str
    folders: tuple[Path, ...]
    entries: tuple[Entry, ...]
    kernels: tuple[tuple[str, int, float], ...]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.entries)


def caches() -> list[Cache]:
    """Every cache that there is: of the CPU's kernels, of Triton where that is installed, of Metal's binaries."""
    found = [_of_cpu()]
    with contextlib.suppress(ImportError):
        found.append(_of_triton())
    return found + list(_of_metal())


def _of_cpu() -> Cache:
    folders = (cache.chosen_directory(), cache_folder.shared("msl_cpu"))
    entries = tuple(entry for folder in folders for entry in contents.entries(folder))
    return Cache(
        "CPU kernels", folders, entries, tuple(each for folder in folders for each in contents.libraries(folder))
    )


def _of_triton() -> Cache:
    from triton_alloy.integrations.triton import cache_contents as triton_cache

    folders = (triton_cache.folder(), cache_folder.shared("triton-alloy"))
    entries = tuple(entry for folder in folders for entry in triton_cache.entries(folder))
    kernels = tuple((triton_cache.name_of(entry), entry.bytes, entry.used) for entry in entries)
    return Cache("Triton's, ours", folders, entries, kernels)


def _of_metal() -> Iterator[Cache]:
    from triton_alloy.runtime.metal import cache_directory

    folders = (cache_directory(), cache_folder.shared("triton-alloy-metal"))
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    entries = tuple(Entry((path,), path.stat().st_size, path.stat().st_mtime) for path in files)
    if entries:
        kernels = ((path.stem, entry.bytes, entry.used) for path, entry in zip(files, entries, strict=True))
        yield Cache("Metal binaries", folders, entries, tuple(kernels))


def show(console: Console, *, each: bool) -> int:
    """Print a line for each cache. each: and one for each kernel, those that were used last first."""
    found = caches()
    if each:
        console.print(_table_of_kernels(found))
    console.print(table(found))
    return 0


def table(found: list[Cache]) -> Table:
    """Name, kernels, size and folder of each cache, nothing cut off."""
    limit = contents.limit()
    caption = f"MSL_CPU_CACHE_LIMIT: {size_text(limit) if limit else 'none'} for each"
    result = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for name, justify in (("cache", "left"), ("kernels", "right"), ("size", "right"), ("folder", "left")):
        result.add_column(name, justify=justify, overflow="fold")  # pyright: ignore[reportArgumentType]
    for each in found:
        result.add_row(each.name, str(len(each.kernels)), size_text(each.bytes), Text(str(each.folders[0])))
    return result


def _table_of_kernels(found: list[Cache]) -> Table:
    result = Table(box=box.SIMPLE_HEAD)
    for name in ("last used", "size", "cache", "kernel"):
        result.add_column(name, justify="right" if name == "size" else "left", overflow="fold")
    rows = [(used, count, each.name, name) for each in found for name, count, used in each.kernels]
    for used, count, name, kernel in sorted(rows, reverse=True):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(used))
        result.add_row(when, size_text(count), name, Text(kernel))
    return result


def shrink(console: Console, most: int) -> int:
    """Remove what was used longest ago of all caches, until the rest takes at most `most` bytes together."""
    removed = evict([entry for each in caches() for entry in each.entries], most, recent=0)
    left = workspace.sweep()
    size = size_text(sum(entry.bytes for entry in removed))
    console.print(f"Removed {len(removed)} entries, {size}.", highlight=False)
    if left:
        console.print(f"Folders of killed compilations, removed: {len(left)}.", highlight=False)
    return show(console, each=False)
