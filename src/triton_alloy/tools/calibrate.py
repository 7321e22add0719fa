"""`triton-alloy calibrate`: what a Mac's own compiler and GPU make of our texts, as a table and as one JSON file.

Every text is built twice: as it is printed, which promises how many threads a threadgroup has, and without that
promise, so that Metal's `maxTotalThreadsPerThreadgroup` tells how many registers a thread takes: the fewer threads, the
more. Both are timed by the GPU's own clock, PyTorch and MLX by the clock on the wall over calls in a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from triton_alloy.chips import FAMILIES
from triton_alloy.errors import InvalidArgument
from triton_alloy.runtime.metal import MetalDevice
from triton_alloy.tools import bench, launches, progress
from triton_alloy.tools.launches import Launch
from triton_alloy.tools.measure import duration
from triton_alloy.tools.pipelines import DTYPES, Built, Runner, inputs, printed
from triton_alloy.tools.rivals import Rival, rivals

FORMAT = 1
"""Of the file."""
TOLERANCES = {"f32": 2e-5, "f16": 4e-3}
"""Of results, relative to the largest magnitude of the exact one."""
NOTE = """threads: that a threadgroup may have by Metal, without the promise of the text; the fewer, the more registers
as printed, free: the GPU's time of a launch with that promise and without; rate: of the faster one
against: the GPU's time of ours by the library's time on the wall, below 1 where ours is faster"""


@dataclass(frozen=True)
class Sizes:
    """How much is computed: elements of a sum, rows and columns, the side of a matrix, keys of a head, heads."""

    elements: int = 1 << 25
    rows: int = 4096
    columns: int = 4096
    matrix: int = 4096
    keys: int = 2048
    heads: int = 32


@dataclass(frozen=True)
class Row:
    """One text. family: that it is printed for; text: its SHA-256; bytes, operations: of a launch; rivals: library ->
    seconds of a call."""

    name: str
    kind: str
    family: str
    element: str
    warps: int
    constants: Mapping[str, Any]
    bytes: int
    operations: int
    text: str
    as_printed: Built
    free: Built
    rivals: Mapping[str, float]

    @property
    def builds(self) -> list[Built]:
        """Those that ran."""
        return [built for built in (self.as_printed, self.free) if not built.problem]

    @property
    def is_right(self) -> bool:
        """Whether both builds ran and gave the right result."""
        return len(self.builds) == 2 and all(built.error <= TOLERANCES[self.element] for built in self.builds)

    @property
    def seconds(self) -> float:
        """Of the faster build that ran; 0 where none did."""
        return min((built.seconds for built in self.builds), default=0.0)


def launches_of(sizes: Sizes) -> Iterator[Launch]:
    """The benchmark's kernels, and other blocks and numbers of simdgroups for those with products."""
    columns, rows = sizes.columns, sizes.rows
    for element in DTYPES:
        yield launches.of_add(f"add_{element}", element, sizes.elements)
        yield launches.of_softmax(f"softmax_{element}", element, columns, columns, 4, rows)
        yield launches.of_layer_norm(f"layer_norm_{element}", element, columns, columns, 4, rows)
        yield launches.of_column_sums(f"column_sums_{element}", element, 4 * columns, rows)
        for block, depth, warps in ((64, 32, 4), (64, 16, 4), (64, 32, 8), (128, 32, 8), (128, 32, 4)):
            name = f"matmul_{block}x{block}x{depth}_{warps}warps_{element}"
            yield launches.of_matmul(name, element, sizes.matrix, block, warps, depth)
        for size, causal in ((64, False), (64, True), (128, False)):
            name = f"attention_{size}{'_causal' * causal}_{element}"
            yield launches.of_attention(name, element, size, causal, 1, sizes.heads, sizes.keys)


def families_of(device: MetalDevice, launch: Launch) -> list[str]:
    """The GPU's own family; for kernels with products also the oldest, whose text may be another one."""
    known = [family.name for family in FAMILIES if family.number in device.facts.families] or [FAMILIES[0].name]
    return list(dict.fromkeys([known[-1], known[0]] if launch.operations else [known[-1]]))


def chosen(sizes: Sizes, names: Sequence[str]) -> list[Launch]:
    """The launches whose names begin so, all where no name is given. Raises InvalidArgument for one that fits none."""
    known = list(launches_of(sizes))
    for name in names:
        if not any(launch.name.startswith(name) for launch in known):
            raise InvalidArgument(f"--only {name}: the texts are {', '.join(launch.name for launch in known)}")
    return [launch for launch in known if not names or launch.name.startswith(tuple(names))]


def rows_of(runner: Runner, launch: Launch, found: Sequence[Rival], texts: dict[str, str]) -> Iterator[Row]:
    """A row for each text of a launch, which is put into `texts` by its hash. The libraries are timed once."""
    arrays = inputs(launch)
    times = {rival.name: seconds for rival in found if (seconds := runner.rival(rival, launch, arrays)) is not None}
    element = next(iter(launch.arrays.values()))[1]
    seen = set()
    for family in families_of(runner.device, launch):
        text = printed(launch, family, arrays)
        key = hashlib.sha256(text.kernel.source.encode()).hexdigest()
        if key in seen:
            continue
        seen.add(key)
        texts[key] = text.kernel.source
        yield Row(
            name=launch.name,
            kind=launch.kind,
            family=family,
            element=element,
            warps=launch.warps,
            constants=launch.constants,
            bytes=launch.bytes,
            operations=launch.operations,
            text=key,
            as_printed=runner.built(text, launch, arrays),
            free=runner.built(text.free(), launch, arrays),
            rivals=times,
        )


def rate(row: Row) -> str:
    """Of the faster build: operations or bytes in a second."""
    if not row.seconds:
        return ""
    return (
        f"{row.operations / row.seconds / 1e12:.2f} TFLOPS"
        if row.operations
        else f"{row.bytes / row.seconds / 1e9:.0f} GB/s"
    )


def table(title: str, rows: Sequence[Row]) -> Table:
    """The rows for a terminal; what is wrong or did not run is red."""
    libraries = list(dict.fromkeys(name for row in rows for name in row.rivals))
    result = Table(title=title, caption=NOTE, caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("text", "family"):
        result.add_column(heading, no_wrap=True)
    for heading in (
        "threads",
        "threadgroup B",
        "as printed",
        "free",
        "rate",
        *(f"against {each}" for each in libraries),
    ):
        result.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        against = [f"{row.seconds / row.rivals[each]:.2f}" if each in row.rivals else "" for each in libraries]
        threads = str(row.free.threads or "")
        times = [
            duration(built.seconds) if not built.problem else "[bold red]failed" for built in (row.as_printed, row.free)
        ]
        name = row.name if row.is_right else f"[bold red]{row.name}"
        result.add_row(name, row.family, threads, str(row.as_printed.threadgroup_bytes), *times, rate(row), *against)
    return result


def report(
    device: MetalDevice, seconds: float, sizes: Sizes, found: Sequence[Rival], rows: Sequence[Row]
) -> dict[str, Any]:
    """What the file says, but for the texts."""
    return {
        "format": FORMAT,
        "machine": bench.machine(),
        "gpu": asdict(device.facts) | {"cores": device.properties.cores, "language": device.language},
        "seconds": seconds,
        "sizes": asdict(sizes),
        "libraries": {rival.name: rival.version for rival in found},
        "rows": [asdict(row) | {"is_right": row.is_right} for row in rows],
    }


def calibrate(
    console: Console,
    device: MetalDevice,
    file: Path,
    seconds: float,
    names: Sequence[str] = (),
    sizes: Sizes = Sizes(),
    found: Sequence[Rival] | None = None,
) -> int:
    """Measure, print the table, write the file; 0 if every result is right, else 1.

    names: beginnings of those that are wanted; found: what is compared with, None for what there is. The file is
    written after every kernel, so that an interrupted run leaves what it has. Raises InvalidArgument.
    """
    wanted, runner = chosen(sizes, names), Runner(device, seconds)
    libraries = rivals() if found is None else found
    rows: list[Row] = []
    texts: dict[str, str] = {}
    with progress.steps(len(wanted)) as begin:
        for launch in wanted:
            begin(launch.name)
            rows += rows_of(runner, launch, libraries, texts)
            written = report(device, seconds, sizes, libraries, rows) | {"texts": texts}
            file.write_text(json.dumps(written, indent=1) + "\n")
    console.print(table(f"triton-alloy calibrate, {device.properties.name}", rows))
    for row in rows:
        for name, built in (("as printed", row.as_printed), ("free", row.free)):
            if built.problem:
                console.print(f"{row.name}, {row.family}, {name}: {built.problem}", highlight=False, markup=False)
    console.print(f"written to {file}: please attach it to an issue", highlight=False, markup=False)
    return 0 if all(row.is_right for row in rows) else 1
