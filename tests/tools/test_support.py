"""docs/support.md is what the compiler does, for every op of the dialects."""

from __future__ import annotations

from pathlib import Path

from triton_alloy.tools import support

PAGE = Path(__file__).parents[2] / "docs" / "support.md"


def test_the_page_is_up_to_date():
    """If this fails: triton-alloy support > docs/support.md, and look at what changed."""
    assert PAGE.read_text() == support.page()


def test_every_row_is_tried_with_a_type_that_it_has():
    """A probe that breaks a rule of its op would look like an op without types."""
    for row in support.rows():
        assert any(support.tried(row, element) != support.NONE for element in row.elements), row.label


def test_refusals_are_found():
    ops = ("arith.addf", "arith.addi", "tt.elementwise_inline_asm")
    cells = {row.op: support.tried(row, "f64") for row in support.rows() if row.op in ops}
    refusal = "inline assembly is written for another machine"
    assert cells == dict(zip(ops, (support.RUNS, support.NONE, refusal), strict=True))
