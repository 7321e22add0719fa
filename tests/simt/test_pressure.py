"""The estimate of registers says of five texts what NVRTC does with them, and about how many it takes."""

from __future__ import annotations

import pytest

from tests.simt import nvrtc, pressure
from tests.simt.registers import Report

GUARDED = ("softmax_f32", "matmul_64x64x32_f32", "matmul_128x128x32_f32", "attention_f16", "attention_f32")


@pytest.mark.skipif(nvrtc.library() is None, reason="no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
@pytest.mark.parametrize("name", GUARDED)
def test_the_estimate_is_near(name):
    """Near to what NVRTC takes: as it likes, which may be few so that more threads fit, and at most CAP."""
    row = pressure.row_of(name)
    assert row.right, "make pressure shows which numbers of transforms/registers/pressure.py to mend"
    taken = (row.report.registers, row.report.capped[0])
    assert 0.7 * min(taken) < row.estimate < 1.3 * max(taken)
    assert row.chosen == row.warps or row.estimate > pressure.CAP


def test_ranks_of_equal_numbers_are_shared():
    report = Report(0, 0, (0, 0), 0, None, {}, {})
    rows = [
        pressure.Row(estimate, 4, 4, Report(registers, 0, (0, 0), 0, None, {}, {}))
        for estimate, registers in ((10, 30), (20, 31), (20, 31), (40, 90))
    ]
    assert pressure.rank_correlation(rows) == pytest.approx(1)
    assert pressure.Row(128, 4, 4, report).right and not pressure.Row(129, 4, 4, report).right
