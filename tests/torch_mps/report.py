"""Makes the table of docs/torch_compile.md and its data of what the census has found.

python -m tests.torch_mps.report            reads build/torch_mps, writes docs/torch_compile.json and the page's tables
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "torch_mps"
RECORD = ROOT / "docs" / "torch_compile.json"
PAGE = ROOT / "docs" / "torch_compile.md"
RUNS = {
    "mps": "mps, PyTorch 2.13",
    "mps-2.14": "2.14",
    "mps-2.15": "2.15",
    "cpu": "cpu",
    "own": "PyTorch's Metal code",
}
"""Name of a file of outcomes -> the head of its column."""
BEGIN, END = "<!-- {} -->", "<!-- end of {} -->"


def gathered() -> dict[str, list[dict[str, Any]]]:
    """The outcomes of every run, by its name, without times: the census compares configurations meanwhile."""
    return {
        run: [
            {key: value for key, value in json.loads(line).items() if key != "seconds"}
            for line in (FOUND / f"{run}.jsonl").read_text().splitlines()
        ]
        for run in RUNS
        if (FOUND / f"{run}.jsonl").exists()
    }


def census_table(record: dict[str, Any]) -> str:
    """Programs by group: how many are right in each run."""
    runs = record["runs"]
    groups = list(dict.fromkeys(each["group"] for each in runs["mps"]))
    lines = [
        "| programs | " + " | ".join(RUNS[run] for run in runs) + " | kernels | configurations compared |",
        "|---|" + "---:|" * (len(runs) + 2),
    ]
    for group in [*groups, None]:
        chosen = {run: [e for e in found if group in (None, e["group"])] for run, found in runs.items()}
        right = [f"{sum(not e['failure'] for e in found)} of {len(found)}" for found in chosen.values()]
        sums = [sum(each[key] for each in chosen["mps"]) for key in ("kernels", "configurations")]
        lines.append(f"| {group or '**all**'} | {' | '.join(right)} | {sums[0]} | {sums[1]} |")
    return "\n".join(lines)


def failures_table(record: dict[str, Any]) -> str:
    """Every program that is not right, with the reason."""
    lines = ["| run | program | why not |", "|---|---|---|"]
    for run, found in record["runs"].items():
        lines += [
            f"| {RUNS[run]} | {each['name']} | {each['failure'].replace('|', '/')} |"
            for each in found
            if each["failure"]
        ]
    return "\n".join(lines)


def times_table(record: dict[str, Any]) -> str:
    """Seconds of first calls, by the clock and of processors."""
    lines = ["| program | empty caches | of processors | full caches | of processors |", "|---|---:|---:|---:|---:|"]
    for name, each in record.get("seconds", {}).items():
        lines.append(f"| {name} | {' | '.join(f'{value} s' for value in each['first'] + each['again'])} |")
    return "\n".join(lines)


def cold_sentence(record: dict[str, Any]) -> str:
    """What runs with empty caches have shown."""
    cold = record["cold"]
    wrong = f"wrong: {', '.join(cold['wrong'])}" if cold["wrong"] else "right every time"
    return (
        f"{cold['runs']} runs with empty caches of the {cold['programs']} programs that Inductor tunes, "
        f"{cold['configurations']} configurations in all: {wrong}."
    )


TABLES = {"census": census_table, "cold": cold_sentence, "failures": failures_table, "times": times_table}


def with_tables(page: str, record: dict[str, Any]) -> str:
    """The page with each table between its marks."""
    for name, table in TABLES.items():
        before, begin, rest = page.partition(BEGIN.format(name))
        _, end, after = rest.partition(END.format(name))
        if not end:
            raise LookupError(f"the page has no place for the table {name!r}")
        page = f"{before}{begin}\n{table(record)}\n{end}{after}"
    return page


def main() -> None:
    """Write the record and the page's tables."""
    import torch

    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record |= {"torch": torch.__version__.partition("+")[0], "runs": gathered()}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text(), record))


if __name__ == "__main__":
    main()
