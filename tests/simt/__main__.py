"""What needs an NVIDIA GPU: `python -m tests.simt all --records build/simt --out results`, or a part instead of `all`.

replay: recorded launches, compared with the CPU; racecheck, memcheck: the same under compute-sanitizer; speed: the
workloads against Triton and PyTorch. A part goes on where its results in --out end, and begins nothing new after
--seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.simt import children, driver
from tests.simt.archive import Archive
from tests.simt.replay import summary

PARTS = ("replay", "speed", "racecheck", "memcheck")


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("part", choices=(*PARTS, "all", "child"))
    result.add_argument("--records", type=Path, required=True, help="what `make simt-records` has made")
    result.add_argument("--out", type=Path, default=Path("results"))
    result.add_argument("--seconds", type=float, default=540, help="after which nothing new is begun")
    result.add_argument("--only", action="append", default=[], help="workloads whose names begin so")
    result.add_argument("--start", type=int, default=0, help="a child's first launch")
    result.add_argument("--stop", type=int, help="the launch before which a child ends")
    result.add_argument("--tool", default="", help="under which a child runs")
    return result


def replay(options: argparse.Namespace, left: float) -> int:
    total, results = _launches(options.records), options.out / "replay.jsonl"
    command = [sys.executable, "-m", "tests.simt", "child", "--records", str(options.records), "--start"]
    outcomes = children.run(command, total, results, children.read(results), left)
    print(summary(outcomes, total))
    return sum(not each.is_right for each in outcomes)


def tool(name: str, options: argparse.Namespace, left: float) -> int:
    rows = children.run_tool(name, options.records, _launches(options.records), options.out / f"{name}.jsonl", left)
    launches, found = sum(row["launches"] for row in rows), [row["findings"] for row in rows]
    print(f"{name}: {launches} launches in {len(rows)} groups, findings {found}")
    return sum(each != 0 for each in found)


def speed(options: argparse.Namespace, left: float) -> int:
    from tests.simt import speed as part  # needs PyTorch

    reason = part.missing()
    if reason:
        print(f"speed skipped: {reason}")
        return 0
    deadline = time.monotonic() + left
    results = options.out / "speed.jsonl"
    rows = part.run(options.records, results, options.only, lambda: time.monotonic() < deadline)
    (options.out / "speed.md").write_text(part.markdown(rows))
    return sum(not part.is_right(row) for row in rows)


def _launches(records: Path) -> int:
    return len(Archive.load(records / children.LAUNCHES).launches)


def main() -> int:
    options = parser().parse_args()
    reason = driver.missing()
    if reason:
        print(f"skipped: {reason}")
        return 0
    if options.part == "child":
        children.work(driver.Gpu(), options.records, options.start, options.stop, options.tool)
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    began, wrong = time.monotonic(), 0
    for part in PARTS if options.part == "all" else (options.part,):
        left = options.seconds - (time.monotonic() - began)
        if left <= 0:
            print(f"{part}: no time left, run again")
        elif part in ("racecheck", "memcheck"):
            wrong += tool(part, options, left)
        else:
            wrong += {"replay": replay, "speed": speed}[part](options, left)
        print(f"-- {part}: after {time.monotonic() - began:.0f} s", flush=True)
    return min(wrong, 125)


if __name__ == "__main__":
    sys.exit(main())
