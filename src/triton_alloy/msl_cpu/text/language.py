"""What language.txt says of kernels: the parameters that need no argument."""

from __future__ import annotations

import re
from pathlib import Path

_TABLE = Path(__file__).with_name("language.txt")
_BUILT_IN = re.compile(r"^built-in (?P<type>\w+): (?P<names>.*)$", re.MULTILINE)

BUILT_INS: dict[str, str] = {
    name: row["type"] for row in _BUILT_IN.finditer(_TABLE.read_text(encoding="ascii")) for name in row["names"].split()
}
"""Attribute of a parameter -> its widest type, uint or uint3. Each is also a Kind of headers/msl_cpu/arguments.h."""
