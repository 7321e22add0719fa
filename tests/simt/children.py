"""Replays in child processes, so that a fault or a hang of the GPU costs one launch; what is done is not done again."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.simt.archive import Archive
from tests.simt.driver import CudaFault, Machine
from tests.simt.replay import FAULT, Outcome, replayed, run_apart

PATIENCE, MOST_FAULTS = 40, 25
"""Seconds without an answer that are a hang; faults after which a run ends."""
GROUP = 250
"""Launches under a tool in one process."""
LAUNCHES, CUBINS = "launches.xz", "cubins.xz"
_SUMMARIES = {
    "memcheck": re.compile(r"ERROR SUMMARY: (\d+) error"),
    "racecheck": re.compile(r"RACECHECK SUMMARY: (\d+) hazard"),
}


def work(machine: Machine, folder: Path, start: int, stop: int | None = None, tool: str = "") -> None:
    """Launches start .. stop-1, a line before and after each. tool: once each, compared with nothing, for that tool."""
    archive, codes = Archive.load(folder / LAUNCHES), Archive.load(folder / CUBINS).blobs
    for index, launch in list(enumerate(archive.launches))[start:stop]:
        description = archive.kernels[launch.kernel]
        if tool == "racecheck" and not description["threadgroup_bytes"]:
            continue
        say({"starts": index, "origin": launch.origin})
        kernel = machine.load(codes[f"{launch.kernel}.0"], description["name"])
        if tool:
            run_apart(machine, kernel, archive, index)
        else:
            say(asdict(replayed(machine, kernel, archive, index)))


def say(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


def heard(process: subprocess.Popen[bytes], deadline: float, patience: float) -> Iterator[dict[str, Any]]:
    """What a child says; it is killed where it says nothing for `patience` seconds, or at the deadline."""
    assert process.stdout is not None
    pipe, rest = process.stdout.fileno(), b""
    while (left := deadline - time.monotonic()) > 0 and select.select([pipe], [], [], min(patience, left))[0]:
        said = os.read(pipe, 1 << 16)  # not readline: a line in its buffer would not wake select
        if not said:
            return
        *lines, rest = (rest + said).split(b"\n")
        yield from map(json.loads, lines)
    process.kill()


def one_child(command: Sequence[str], start: int, deadline: float, patience: float) -> tuple[int, list[Outcome]]:
    """Where to go on, and what the child has found out. Raises CudaFault where it fails before its first launch."""
    process = subprocess.Popen([*command, str(start)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found: list[Outcome] = []
    running: dict[str, Any] | None = None
    for row in heard(process, deadline, patience):
        running = row if "starts" in row else None
        if running is None:
            found.append(Outcome(**row))
    error = process.communicate()[1].decode(errors="replace")[-300:]
    goes_on = found[-1].index + 1 if found else start
    if running is not None and time.monotonic() < deadline:
        said = error or f"no answer for {patience} s"
        found.append(Outcome(running["starts"], running["origin"], FAULT, error=said))
        goes_on = running["starts"] + 1
    elif process.returncode > 0 or (not found and time.monotonic() < deadline):
        raise CudaFault(f"a child fails outside of a launch: {error}")
    return goes_on, found


def run(
    command: Sequence[str],
    total: int,
    results: Path,
    done: Sequence[Outcome],
    seconds: float,
    patience: float = PATIENCE,
) -> list[Outcome]:
    """All outcomes, as far as `seconds` reach, those of an earlier run included; new ones are appended to `results`.

    command: starts a child where the number of its first launch is added.
    """
    outcomes = {each.index: each for each in done}
    deadline = time.monotonic() + seconds
    start = next((index for index in range(total) if index not in outcomes), total)
    faults = 0
    with results.open("a") as file:
        while start < total and faults < MOST_FAULTS and time.monotonic() < deadline:
            start, found = one_child(command, start, deadline, patience)
            for each in found:
                faults += each.state == FAULT
                outcomes[each.index] = each
                file.write(json.dumps(asdict(each)) + "\n")
            file.flush()
    return list(outcomes.values())


def read(path: Path) -> list[Outcome]:
    """The outcomes in a file of results; none where there is no file."""
    if not path.exists():
        return []
    return [Outcome(**json.loads(line)) for line in path.read_text().splitlines()]


def tool_command(tool: str, folder: Path, start: int, stop: int) -> list[str]:
    """compute-sanitizer over launches start .. stop-1, in one child."""
    child = [sys.executable, "-m", "tests.simt", "child", "--records", str(folder), "--tool", tool]
    limits = ["--start", str(start), "--stop", str(stop)]
    return ["compute-sanitizer", "--tool", tool, "--print-limit", "20", *child, *limits]


def findings(tool: str, said: str) -> int | None:
    """The number of findings that the tool sums up; None where it came to no end."""
    match = _SUMMARIES[tool].search(said)
    return int(match[1]) if match else None


def run_tool(tool: str, folder: Path, total: int, results: Path, seconds: float) -> list[dict[str, Any]]:
    """What "memcheck" or "racecheck" finds in groups of launches, as far as `seconds` reach; `results` grows by a line
    for each group, and those in it are not run again. Its words are kept beside it, where it finds something."""
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    deadline = time.monotonic() + seconds
    for start in range(len(rows) * GROUP, total, GROUP):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        row = _tool_on_group(tool_command(tool, folder, start, start + GROUP), tool, results, start, left)
        if row is None:
            break
        rows.append(row)
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return rows


def _tool_on_group(
    command: Sequence[str], tool: str, results: Path, start: int, seconds: float
) -> dict[str, Any] | None:
    """None where the time did not suffice. The findings are None where the launches came to no end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    said = done.stdout + done.stderr
    found = findings(tool, said) if not done.returncode else None
    if found != 0:
        words = [line for line in said.splitlines() if not line.startswith("{")]
        with results.with_suffix(".log").open("a") as file:
            file.write("\n".join(words)[-200_000:])
    return {"start": start, "launches": said.count('{"starts"'), "findings": found}
