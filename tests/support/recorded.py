"""Numbers that an instrument records in docs/: a JSON file with a line for each text, and a table inside a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any


def as_json(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Group -> text -> dataclass of numbers, as JSON with a line for each text."""
    written = []
    for group, rows in groups.items():
        lines = [f'    "{name}": {json.dumps(asdict(row))}' for name, row in rows.items()]
        written.append(f'  "{group}": {{\n' + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(written) + "\n}\n"


def page_with(page: Path, name: str, tables: str) -> str:
    """The page's text with other tables between its markers `<!-- name: begin -->` and `<!-- name: end -->`."""
    start, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    head, _, rest = page.read_text().partition(start)
    _, _, tail = rest.partition(end)
    return head + start + tables + end + tail


def by_width(accesses: Mapping[Any, int]) -> dict[int, int]:
    """Bytes of an access -> how many, widest first, of what JSON may have made of it."""
    return dict(sorted(((int(width), count) for width, count in accesses.items()), reverse=True))


def spelled(accesses: Mapping[int, int]) -> str:
    """{16: 2, 4: 1} -> "16x2 4x1"."""
    return " ".join(f"{width}x{count}" for width, count in accesses.items())
