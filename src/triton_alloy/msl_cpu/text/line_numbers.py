"""A line number for every place where lanes meet, for g++, which knows lines but no columns.

Meetings are told apart, and put in order, by their place in the source (MSL_SITE in headers/msl_cpu/simd.h). With clang
that is line and column. For g++ line n of the user becomes line n * SITES_PER_LINE, and each operation between lanes
gets a line of its own from there on.
"""

from __future__ import annotations

import re

from .tokens import Tokens

SITES_PER_LINE = 64

_MEETING = re.compile(
    r"(threadgroup|simdgroup)_barrier|simdgroup_multiply\w*|(simd|quad)_(?!lane|group|id\b|gid|lid)\w+"
)
_MARKER = re.compile(r'\s*#\s*(?:line\s+)?(\d+)(\s+"[^"]*")?')


def spread_lines(tokens: Tokens) -> str:
    """The text with line directives, columns kept."""
    line, site, column = 1, 0, 0

    def number() -> str:
        return f"#line {line * SITES_PER_LINE + site}\n"

    text = [number()]
    for token in tokens:
        marker = _MARKER.match(token.text) if token.kind == "directive" else None
        if marker:
            line = int(marker.group(1)) - 1  # the directive numbers the line that follows it
            text.append(f"#line {int(marker.group(1)) * SITES_PER_LINE}{marker.group(2) or ''}")
            continue
        if token.kind == "word" and _MEETING.fullmatch(token.text):
            site = min(site + 1, SITES_PER_LINE - 1)
            text.append("\n" + number() + " " * column)
        first, *rest = token.text.split("\n")
        text.append(first)
        column += len(first)
        for part in rest:
            line, site, column = line + 1, 0, len(part)
            # Within a directive or a comment a line of ours would be part of it.
            text.append(("\n" + number() if token.kind not in ("directive", "comment") else "\n") + part)
    return "".join(text)
