"""A little FileCheck: directives in a text, matched in order against another.

CHECK: a later line contains this; CHECK-NEXT: the very next line does; CHECK-NOT: no line before the next match does.
Runs of blanks are alike; `{{regex}}` matches as a regular expression; `[[name]]` matches an SSA value the first time,
and the same one after that.
"""

from __future__ import annotations

import re

_DIRECTIVE = re.compile(r"^\s*(?://\s*)?(CHECK(?:-NOT|-NEXT)?):\s*(.*?)\s*$")
_PART = re.compile(r"\{\{(.*?)\}\}|\[\[(\w+)\]\]")


def check(text: str, directives: str) -> None:
    """Raise AssertionError unless `text` satisfies the CHECK lines in `directives`."""
    lines = [re.sub(r"\s+", " ", line.strip()) for line in text.splitlines()]
    bound: dict[str, str] = {}
    position, forbidden = 0, []
    found_any = False
    for raw in directives.splitlines():
        directive = _DIRECTIVE.match(raw)
        if directive is None:
            assert "CHECK" not in raw, f"not a directive: {raw}"
            continue
        found_any = True
        kind, pattern = directive.groups()
        if kind == "CHECK-NOT":
            forbidden.append(pattern)
            continue
        last = min(position + 1, len(lines)) if kind == "CHECK-NEXT" else len(lines)
        at = next((i for i in range(position, last) if _search(pattern, lines[i], bound)), None)
        assert at is not None, f"{kind}: {pattern}\nis not found after line {position} of\n{text}"
        _refuse(forbidden, lines[position:at], bound, text)
        _search(pattern, lines[at], bound, bind=True)
        position, forbidden = at + 1, []
    assert found_any, "no CHECK lines"
    _refuse(forbidden, lines[position:], bound, text)


def _refuse(patterns: list[str], lines: list[str], bound: dict[str, str], text: str) -> None:
    for pattern in patterns:
        hit = next((line for line in lines if _search(pattern, line, bound)), None)
        assert hit is None, f"CHECK-NOT: {pattern}\nis found in\n{hit}\nof\n{text}"


def _search(pattern: str, line: str, bound: dict[str, str], bind: bool = False) -> bool:
    regex, at, names = "", 0, []
    for part in _PART.finditer(pattern):
        regex += _literal(pattern[at : part.start()])
        at = part.end()
        if part[1] is not None:
            regex += f"(?:{part[1]})"
        elif part[2] in bound:
            regex += re.escape(bound[part[2]]) + r"(?![\w.$-])"
        elif part[2] in names:
            regex += f"(?P={part[2]})"
        else:
            names.append(part[2])
            regex += rf"(?P<{part[2]}>%[\w.$-]+(?:#\d+)?)"
    found = re.search(regex + _literal(pattern[at:]), line)
    if found is not None and bind:
        bound.update({name: found[name].split(":")[0] for name in names})
    return found is not None


def _literal(text: str) -> str:
    return re.escape(re.sub(r"\s+", " ", text))
