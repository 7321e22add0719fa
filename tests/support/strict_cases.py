"""The committed kernels, right and wrong: sections `//// name | rule` of right.metal and wrong.metal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PRELUDE = "#include <metal_stdlib>\nusing namespace metal;\n"
_NO_PRELUDE = {"no_include"}
FOLDER = Path(__file__).parents[1] / "msl_cpu" / "strict"
_HEAD = re.compile(r"^//// (\w+) \| (.*)$", re.MULTILINE)
_EXPECTED = re.compile(r"// error: (.*)$")


@dataclass(frozen=True)
class Case:
    name: str
    rule: str
    source: str

    def expected(self) -> dict[int, str]:
        """Line -> pattern of the message that must stand there."""
        found = {}
        for number, line in enumerate(self.source.split("\n"), 1):
            if match := _EXPECTED.search(line):
                found[number] = match[1]
        return found


def read_cases(kind: str) -> list[Case]:
    """All cases of `kind` ("right" or "wrong")."""
    parts = _HEAD.split((FOLDER / f"{kind}.metal").read_text())[1:]
    cases = []
    for name, rule, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        prelude = "" if body.lstrip().startswith("#include") or name in _NO_PRELUDE else _PRELUDE
        cases.append(Case(name, rule, prelude + body.lstrip("\n")))
    return cases
