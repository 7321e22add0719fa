"""The shape of the code: sizes, imports, and that the documents name what exists."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.source_map import files, first_sentence
from triton_alloy import config
from triton_alloy.digest import NOT_CODE_GENERATION

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "triton_alloy"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEXTS = files()
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILE_LINES, FUNCTION_LINES, MEDIAN_LINES, COLUMNS = 500, 60, 10, 120

BASE = {"chips", "layout", "conversion", "kernel", "errors", "config", "target"}
VOCABULARY = BASE | {"ir", "dialects", "rules"}
ROOMS = ("tensors", "layouts", "lowering", "registers")
STAGES = {"frontend", *(f"transforms/{room}" for room in ROOMS), "msl"}
MSL_CPU = {
    "errors": set(),
    "limits": set(),
    "compile": {"errors"},
    "text": {"errors", "limits", "compile"},
    "strict": {"errors", "limits", "compile", "text"},
    "launch": {"errors", "limits", "compile", "text"},
    "sanitize": {"errors", "limits", "compile", "launch"},
}
"""Room of msl_cpu -> the rooms of msl_cpu that it may import; its interfaces may import all of them."""
MPS_ON_LINUX = {
    "errors": set(),
    "mac_operators": {"errors"},
    "library": {"errors", "mac_operators"},
    "torch_facts": set(),
    "activation": {"errors", "library", "torch_facts"},
}
"""The same of mps_on_linux."""
WITH_ROOMS = {"msl_cpu": MSL_CPU, "mps_on_linux": MPS_ON_LINUX}
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    "ir": {"ir", "layout", "errors"},
    "dialects": {"dialects", "ir", "layout", "errors"},
    "rules": {"rules", "dialects", "ir", "layout", "errors"},
    **{stage: VOCABULARY | {stage} for stage in STAGES},
    "runtime": {"runtime", "chips", "kernel", "errors", "config", "target", "msl_cpu"},
    "msl_cpu": {"msl_cpu"},
    **{f"msl_cpu/{room}": {f"msl_cpu/{each}" for each in {room, *others}} for room, others in MSL_CPU.items()},
    "mps_on_linux": {"mps_on_linux"},
    **{
        f"mps_on_linux/{room}": {"chips", "config", "errors", "msl_cpu", *(f"mps_on_linux/{each}" for each in others)}
        for room, others in MPS_ON_LINUX.items()
    },
}
"""Part of the package -> the parts it may import, each with its rooms; parts that are not here may import all."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part(names: list[str]) -> str:
    """["ir", "core"] -> "ir", ["layout"] -> "layout", ["transforms", "layouts", "axis"] -> "transforms/layouts"."""
    has_rooms = names[0] == "transforms" or (names[1:2] and names[1] in WITH_ROOMS.get(names[0], ()))
    return "/".join(names[: 2 if has_rooms else 1])


def may_import(importer: str, part: str) -> bool:
    return not MAY_IMPORT[importer].isdisjoint({part, part.partition("/")[0]})


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to."""
    return part(list(path.relative_to(PACKAGE).with_suffix("").parts))


def imported_parts(path: Path) -> Iterator[str]:
    """The parts of the package that a file imports, at its top or inside a function."""
    package = list(path.relative_to(PACKAGE.parent).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[list[str]] = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = base + (node.module.split(".") if node.module else [])
            names = [module + alias.name.split(".") for alias in node.names]
        yield from (part(name[1:]) for name in names if name[0] == PACKAGE.name and len(name) > 1)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines) of every function in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_are_short_and_narrow():
    lines = {relative(path): path.read_text().splitlines() for path in TEXTS + TESTS}
    assert {name: len(text) for name, text in lines.items() if len(text) > FILE_LINES} == {}
    assert [
        f"{name}:{i}" for name, text in lines.items() for i, line in enumerate(text, 1) if len(line) > COLUMNS
    ] == []


def test_functions_are_short():
    found = [(f"{relative(path)} {name}", lines) for path in SOURCES + TESTS for name, lines in functions(path)]
    assert [each for each in found if each[1] > FUNCTION_LINES] == []


def test_most_functions_are_a_few_lines():
    assert statistics.median(lines for path in SOURCES for _, lines in functions(path)) < MEDIAN_LINES


def test_stages_meet_only_in_the_compiler():
    limited = [path for path in SOURCES if part_of(path) in MAY_IMPORT]
    found = {(relative(path), part) for path in limited for part in imported_parts(path)}
    assert {(path, part) for path, part in found if not may_import(part_of(ROOT / path), part)} == set()


def test_no_text_depends_on_what_the_key_of_tritons_cache_leaves_out():
    of_triton = [PACKAGE / "integrations" / "triton" / name for name in ("compiler.py", "float8.py", "options.py")]
    makers = [path for path in SOURCES if part_of(path) in BASE | STAGES | {"ir", "dialects", "compiler"}] + of_triton
    assert len(makers) > 100
    assert [relative(path) for path in makers if set(imported_parts(path)) & set(NOT_CODE_GENERATION)] == []


def test_every_file_says_what_it_is_for():
    """The first sentence, which `make map` prints."""
    assert [relative(path) for path in TEXTS if path.read_text().strip() and not first_sentence(path)] == []


def test_nothing_is_left_for_later():
    pattern = re.compile(r"\b(?:TODO|FIXME|HACK)\b|except Exception|except:")
    assert [relative(path) for path in TEXTS if pattern.search(path.read_text())] == []


def test_every_environment_variable_is_in_the_table():
    read = {name for path in SOURCES for name in re.findall(r"\b(?:ALLOY|TRITON|MSL_CPU)_[A-Z_]+\b", path.read_text())}
    of_triton = {
        "TRITON_KERNEL_OVERRIDE",
        "TRITON_REPRODUCER_PATH",
        "TRITON_INTERPRET",
        "TRITON_CACHE_DIR",
        "TRITON_DEBUG",
    }
    of_triton |= {"TRITON_DISABLE_LINE_INFO", "TRITON_DEFAULT_FP_FUSION"}  # libtriton reads these itself
    assert read - of_triton == {variable.name for variable in config.VARIABLES}


def test_every_environment_variable_is_documented():
    text = (ROOT / "docs" / "environment.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert rows == [(variable.name, f"{variable.form} | {variable.meaning}") for variable in config.VARIABLES]
