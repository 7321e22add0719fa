"""The rows of `msl` ops: each says what its op touches, and no other file says it again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import triton_alloy
from triton_alloy.dialects.msl import DEVICE, LOG, LOOPS, MSL, THREADGROUP, Form, Row, is_movable, row_of
from triton_alloy.ir.core import Block, Op, Region
from triton_alloy.ir.registry import Trait
from triton_alloy.msl import operations, statements

PACKAGE = Path(triton_alloy.__file__).parent
ROWS = {name: row for table in (MSL, LOOPS) for names, row in table.items() for name in names.split()}
# Without results, operands that they set, and memory: what they are for is to be where they stand.
STANDING = {"kernel", "fence", "barrier", "stop", "loop"}
# READS of neither memory nor a variable: what makes a place, of which each op makes another.
PLACES = {"shared_alloc", "variable"}


@pytest.mark.parametrize("name", ROWS)
def test_every_row_says_what_its_op_touches(name: str):
    row = ROWS[name]
    assert isinstance(row, Row)
    reads = row.reads or (row.memory is not None and row.memory.reads)
    changes = row.changes or (row.memory is not None and row.memory.writes)
    said = {
        "pure": bool(row.traits & (Trait.PURE | Trait.RECURSIVE | Trait.TERMINATOR)),
        "reads": bool(reads and not changes),
        "changes": bool(changes),
        "stands": name in STANDING,
        "place": name in PLACES,
    }
    assert sum(said.values()) == 1, said
    assert (Trait.READS in row.traits) == (said["reads"] or said["place"])


@pytest.mark.parametrize("name", ROWS)
def test_the_numbers_of_a_row_are_of_operands_that_are_always_there(name: str):
    row = ROWS[name]
    least = row.operands if isinstance(row.operands, int) else row.operands[0]
    assert all(number < least for number in (*row.reads, *row.changes))
    assert (row.data is not None) == (row.form in (Form.VECTOR, Form.SELECTED))
    if row.memory is not None and row.memory.space != LOG:
        assert least >= (1 if row.memory.by_address else 2)


def test_the_space_of_an_access_is_in_its_name():
    spaces = {name: row.memory.space for name, row in ROWS.items() if row.memory is not None}
    assert {name for name, space in spaces.items() if space == THREADGROUP} == {
        name for name in ROWS if name.startswith("shared_") and name != "shared_alloc"
    }
    assert {name for name, space in spaces.items() if space == LOG} == {"print", "report"}
    assert {name for name, space in spaces.items() if space == DEVICE} == {
        name for name in ROWS if name.startswith(("load", "store", "atomic")) and name != "load_into"
    }


def test_what_has_a_text_of_its_own_is_a_row():
    printed = {name for table in (operations.RULES, statements.RULES) for name in table}
    assert {name.removeprefix("msl.") for name in printed if name.startswith("msl.")} <= set(ROWS)


def test_what_changes_memory_or_variables_is_a_statement():
    changing = {f"msl.{n}" for n, row in ROWS.items() if row.changes or (row.memory and row.memory.writes)}
    assert changing <= set(statements.RULES)


@pytest.mark.parametrize(
    ("name", "movable"),
    [("lane", True), ("shared_alloc", True), ("load", False), ("store", False), ("barrier", False), ("return", False)],
)
def test_only_what_touches_nothing_is_movable(name: str, movable: bool):
    assert is_movable(Op(f"msl.{name}")) is movable


def test_a_combining_op_is_movable_if_its_function_is():
    def combining(inner: str) -> Op:
        block = Block()
        block.append(Op(inner))
        block.append(Op("msl.yield"))
        return Op("msl.reduce_registers", regions=[Region([block])])

    assert is_movable(combining("arith.addf"))
    assert not is_movable(combining("msl.barrier"))


def test_ops_of_other_dialects_touch_nothing():
    assert row_of(Op("arith.addi")) == Row()


def _lists(path: Path) -> list[str]:
    """The collections in a file, beside its calls' arguments, that name two `msl` ops or more."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            names = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            if sum(str(name).startswith("msl.") for name in names) > 1:
                found.append(f"{path.relative_to(PACKAGE)}: {names}")
    return found


def test_no_other_file_lists_ops_by_name():
    """Lowering makes the ops, and so names them."""
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "dialects" / "msl.py"]
    lowering = PACKAGE / "transforms" / "lowering"
    assert [each for path in files if lowering not in path.parents for each in _lists(path)] == []
