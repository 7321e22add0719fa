"""On modules of our own kernels our passes leave no more ops than native's, and both parsers read the same."""

import importlib.util
from pathlib import Path

import pytest

from tests.frontend.passes.against_native import LIMIT, count, native_module, op_counts, read_differently
from triton_alloy.frontend import native
from triton_alloy.frontend.passes import optimise
from triton_alloy.ir.pretty_parser import parse_pretty
from triton_alloy.ir.pretty_printer import print_pretty

MODULES = sorted((Path(__file__).parent / "modules").glob("*.ttir"))
SPEC = importlib.util.find_spec("triton._C.libtriton")
NEEDS_NATIVE = pytest.mark.skipif(
    SPEC is None or not (SPEC.origin or "").endswith(".so"), reason="native libtriton is not installed"
)


@NEEDS_NATIVE
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_our_passes_leave_no_more_ops(path: Path):
    ours, theirs = op_counts(path)
    assert ours <= LIMIT * theirs


@NEEDS_NATIVE
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_native_accepts_what_our_passes_leave(path: Path, tmp_path: Path):
    """Its parser verifies the text."""
    module = parse_pretty(path.read_text())
    optimise(module)
    text = tmp_path / path.name
    text.write_text(print_pretty(module))
    assert count(native.import_module(native_module(text))) == count(module)


@NEEDS_NATIVE
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_both_parsers_read_the_same(path: Path):
    assert read_differently(path) is None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_text_survives_reading_and_printing(path: Path):
    text = path.read_text()
    assert print_pretty(parse_pretty(text), locations="loc(" in text) == text


def test_there_are_modules():
    assert len(MODULES) > 20
