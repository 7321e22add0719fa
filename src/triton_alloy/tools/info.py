"""`triton-alloy info`: the machine, the frameworks on it, and which runtime takes which arguments, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from triton_alloy import config
from triton_alloy.chips import CHIPS
from triton_alloy.runtime.detection import DeviceInfo, choices
from triton_alloy.runtime.probes import device_info
from triton_alloy.tools import progress

GIBI = 1 << 30


def info(console: Console) -> int:
    """Print what is known of this machine."""
    console.print(table(rows(examined())))
    return 0


def examined() -> DeviceInfo:
    """This machine, with every framework imported before it is promised."""
    with progress.steps() as begin:
        begin("importing the frameworks")
        return device_info(imports=True)


def table(lines: Iterable[tuple[str, str]]) -> Table:
    """(name, text) of every line, nothing cut off."""
    result = Table(show_header=False, box=None)
    for _ in range(2):
        result.add_column(overflow="fold")
    for name, text in lines:
        result.add_row(name, Text(text))
    return result


def rows(found: DeviceInfo) -> Iterator[tuple[str, str]]:
    """(name, text) of every line."""
    yield "system", f"{found.system} {found.system_build}".strip()
    yield "processor", found.processor
    yield "memory", f"{found.memory_bytes / GIBI:.0f} GiB" if found.memory_bytes else "unknown"
    yield from _gpu(found)
    yield from found.frameworks.items()
    for kind, runtime, why in choices(found, config.RUNTIME.value):
        yield f"{kind}", f"-> {runtime}  ({why})"
    for note in found.notes:
        yield "note", note


def _gpu(found: DeviceInfo) -> Iterator[tuple[str, str]]:
    if found.family == "cpu":
        yield "target", f"cpu, {found.cores} threads"
        return
    yield "target", f"{found.family}, {found.cores} GPU cores"
    yield "Metal", f"language {found.language}" if found.language else "language unknown"
    if found.metal is not None:
        metal = found.metal
        limits = f"{metal.threads_per_threadgroup} threads and {metal.threadgroup_bytes // 1024} KiB per threadgroup"
        yield "GPU", f"{metal.name} ({metal.architecture or 'architecture unknown'}), {limits}"
        yield "GPU memory", f"{metal.working_set_bytes / GIBI:.1f} GiB, one buffer {metal.buffer_bytes / GIBI:.1f} GiB"
    if found.peak is not None and found.bandwidth is not None:
        reached = CHIPS[found.chip].achieved / CHIPS[found.chip].bandwidth * found.bandwidth
        yield "peak", f"{found.peak:.1f} TFLOPS of 32-bit floats"
        yield "bandwidth", f"{found.bandwidth:.0f} GB/s on paper, about {reached:.0f} measured"
