"""Which operators a Mac has no kernel for, by the table from which this release of PyTorch was built.

PyTorch's wheels have that table with torchgen: an entry for each operator, and in it the keys that have a kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import Unavailable

TABLE = Path("torchgen", "packaged", "ATen", "native", "native_functions.yaml")
"""From the folder that packages are installed in."""
_FUNCTION = re.compile(r"- func: ([\w.]+)\(")
_DELEGATE = re.compile(r"  structured_delegate: (\S+)")
_SECTION = re.compile(r"  (\w+):")
_KERNEL = re.compile(r"    ([\w, ]+): \S+")


@dataclass
class Operator:
    """keys: of dispatch, which have a kernel; delegate: the operator whose kernels it takes, "" for none."""

    name: str
    keys: set[str] = field(default_factory=set)
    delegate: str = ""


def read(packages: Path) -> str:
    """The table. packages: the folder that PyTorch is installed in. Raises Unavailable."""
    path = packages / TABLE
    if not path.exists():
        raise Unavailable(f"mps_on_linux reads which operators a Mac has from {path}, which is not there")
    return path.read_text()


@dataclass(frozen=True)
class Lacking:
    """What the CPU has a kernel for and mps has none, nor one made of other operators.

    alone: operators with kernels of their own; delegating: those that PyTorch makes of one of `alone`.
    """

    alone: tuple[str, ...]
    delegating: tuple[str, ...]

    @property
    def header(self) -> str:
        """The names for C++."""
        return (
            "// Generated: operators for which this release of PyTorch has no kernel on a Mac.\n#pragma once\n\n"
            f"{_array('WITHOUT_KERNEL', self.alone)}{_array('LEFT_TO_COMPOSITES', self.delegating)}"
        )


def _array(name: str, values: tuple[str, ...]) -> str:
    rows = "".join(f'    "{value}",\n' for value in values)
    return f"const char* const {name}[] = {{\n{rows}}};\n\n"


def lacking(table: str) -> Lacking:
    """What a Mac lacks by the table of a release."""
    operators = list(_operators(table))
    alone = {operator.name for operator in operators if _is_lacking(operator.keys)}
    delegating = [operator.name for operator in operators if operator.delegate in alone]
    return Lacking(tuple(sorted(alone)), tuple(sorted(delegating)))


def _is_lacking(keys: set[str]) -> bool:
    return "CPU" in keys and "MPS" not in keys and not any(key.startswith("Composite") for key in keys)


def _operators(table: str) -> Iterator[Operator]:
    operator, section = Operator(""), ""
    for line in table.splitlines():
        if found := _FUNCTION.match(line):
            if operator.name:
                yield operator
            operator, section = Operator(found[1]), ""
        elif found := _DELEGATE.match(line):
            operator.delegate = found[1]
        elif found := _SECTION.match(line):
            section = found[1]
        elif section == "dispatch" and (found := _KERNEL.match(line)):
            operator.keys.update(key.strip() for key in found[1].split(","))
    if operator.name:
        yield operator
