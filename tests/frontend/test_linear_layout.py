"""LinearLayout between named dimensions: libtriton's is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from triton._C.libtriton.linear_layout import LinearLayout as Native

from triton_alloy.errors import Unsupported
from triton_alloy.frontend.libtriton.linear_layout import LinearLayout as Own

OUTS = ["dim0", "dim1"]


@st.composite
def bases(draw: st.DrawFn, ins: tuple[str, ...] = ("register", "lane"), sizes: tuple[int, ...] = ()) -> Any:
    """Bases of a map to 8 x 4. sizes: how many of each of `ins`, else up to 4."""
    row = st.tuples(st.integers(0, 7), st.integers(0, 3)).map(list)
    limits = [(size, size) for size in sizes] or [(0, 4)] * len(ins)
    return [
        (name, draw(st.lists(row, min_size=low, max_size=high))) for name, (low, high) in zip(ins, limits, strict=True)
    ]


def both(function: Callable[[Any], Any], *arguments: Any) -> tuple[Any, Any]:
    """What a function gives for layouts of ours and of libtriton; the errors where it raises."""
    results = []
    for make in (Own, Native):
        layouts = [make.from_bases(each, OUTS, [8, 4], False) for each in arguments]
        try:
            found = function(*layouts)
        except (ValueError, RuntimeError):
            found = "refused"
        results.append((found.bases, found.out_dims) if isinstance(found, (Own, Native)) else found)
    return results[0], results[1]


@settings(max_examples=150, deadline=None)
@given(bases(), bases())
def test_products(a: Any, b: Any):
    ours, theirs = both(lambda x, y: x * y, a, b)
    assert ours == theirs


@settings(max_examples=150, deadline=None)
@given(bases())
def test_questions(a: Any):
    def ask(layout: Any) -> Any:
        names = (layout.get_in_dim_names(), layout.get_out_dim_names(), layout.num_in_dims, layout.num_out_dims)
        kinds = (layout.is_surjective(), layout.is_injective(), layout.is_invertible())
        return names, kinds, repr(layout), layout.get_matrix_view(), layout == layout * type(layout)()

    ours, theirs = both(ask, a)
    assert ours == theirs


@settings(max_examples=150, deadline=None)
@given(bases(), st.integers(0, 2**8 - 1))
def test_values(a: Any, number: int):
    inputs = {"register": number & (1 << len(a[0][1])) - 1, "lane": (number >> 4) & (1 << len(a[1][1])) - 1}
    ours, theirs = both(lambda layout: layout.apply(inputs), a)
    assert ours == theirs


@settings(max_examples=100, deadline=None)
@given(bases(), bases(ins=("dim0", "dim1"), sizes=(3, 2)))
def test_composition(a: Any, b: Any):
    ours, theirs = both(lambda inner, outer: inner.compose(outer), a, b)
    assert ours == theirs


@settings(max_examples=150, deadline=None)
@given(bases(), bases(ins=("offset", "block")))
def test_inverses(a: Any, b: Any):
    if Own.from_bases(b, OUTS, [8, 4], False).is_surjective():
        ours, theirs = both(lambda inner, outer: inner.invert_and_compose(outer), a, b)
        assert ours == theirs
    if Own.from_bases(a, OUTS, [8, 4], False).is_surjective():
        ours, theirs = both(lambda layout: layout.pseudoinvert(), a)
        assert ours == theirs
    if Own.from_bases(a, OUTS, [8, 4], False).is_invertible():
        ours, theirs = both(lambda layout: layout.invert(), a)
        assert ours == theirs


@pytest.mark.parametrize("size", [1, 2, 8])
def test_one_dimension(size: int):
    for make in (
        lambda layout: layout.identity_1d(size, "x", "y"),
        lambda layout: layout.strided_1d(size, 4, "x", "y"),
        lambda layout: layout.zeros_1d(size, "x", "y", 2),
    ):
        ours, theirs = make(Own), make(Native)
        assert (ours.bases, ours.out_dims, repr(ours)) == (theirs.bases, theirs.out_dims, repr(theirs))


def test_refusals():
    with pytest.raises(ValueError, match="expected to be surjective"):
        Own.from_bases([("x", [[0], [2]])], ["y"])
    with pytest.raises(ValueError, match="only an invertible layout"):
        Own.zeros_1d(4, "x", "y").invert()
    with pytest.raises(ValueError, match="coordinate 4 lies outside dimension y of size 4"):
        Own.from_bases([("x", [[4]])], ["y"], [4])
    with pytest.raises(Unsupported, match="get_shared_view"):
        Own.identity_1d(4, "x", "y").get_shared_view(True)
