"""No derivative passes a kernel in silence: MLX's transformations raise by name, unless mx.custom_function knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.errors import InvalidArgument

mx = pytest.importorskip("mlx.core", reason="MLX has no wheel for this machine")

from triton_alloy.mlx import triton_call  # noqa: E402


@triton.jit
def twice_kernel(x_ptr, n, out_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n), mask=i < n)


@triton.jit
def increase_kernel(_, x_ptr, n, sum_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(sum_ptr + i, tl.load(sum_ptr + i, mask=i < n) + tl.load(x_ptr + i, mask=i < n), mask=i < n)


@pytest.fixture(params=["fast", "reference"], autouse=True)
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    with config.scope(TRITON_ALLOY_MODE=request.param):
        yield request.param


def new(x: Any) -> Any:
    """An output of its own."""
    return triton_call(x, x.size, kernel=twice_kernel, out_shape=x, grid=1, BLOCK=16)


def aliased(x: Any) -> Any:
    call: Any = {"kernel": increase_kernel, "input_output_aliases": {0: 0}, "BLOCK": 16}
    return triton_call(x, x, x.size, out_shape=x, grid=1, **call)


def in_place(x: Any) -> Any:
    out = mx.zeros(x.shape)
    twice_kernel[(1,)](x, x.size, out, BLOCK=16)
    return out


def among_others(x: Any) -> Any:
    return new(x * x) + x


FORMS = (new, aliased, in_place, among_others)
SIZES = (3, 10)  # small arrays are padded

Function = Callable[[Any], Any]


def total(form: Function) -> Function:
    return lambda x: form(x).sum()


BACKWARD: dict[str, Callable[[Function, Any], Any]] = {
    "grad": lambda f, x: mx.grad(f)(x),
    "value_and_grad": lambda f, x: mx.value_and_grad(f)(x),
    "vjp": lambda f, x: mx.vjp(f, [x], [mx.array(1.0)]),
    "grad of grad": lambda f, x: mx.grad(lambda y: mx.grad(f)(y).sum())(x),
    "grad of compile": lambda f, x: mx.grad(mx.compile(f))(x),
    "checkpoint": lambda f, x: mx.grad(mx.checkpoint(f))(x),
    "jvp of grad": lambda f, x: mx.jvp(mx.grad(f), [x], [x]),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transformation", BACKWARD)
def test_derivatives_backward_are_refused(transformation: str, form: Function, size: int):
    with pytest.raises(InvalidArgument) as caught:
        mx.eval(BACKWARD[transformation](total(form), mx.ones((size,))))
    kernel = "increase_kernel" if form is aliased else "twice_kernel"
    assert str(caught.value).startswith(f"kernel {kernel} has no derivative for mx.grad and mx.vjp: ")
    assert "mx.custom_function and its .vjp" in str(caught.value)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_derivatives_forward_are_refused(form: Function, size: int):
    x = mx.ones((size,))
    with pytest.raises(InvalidArgument, match=r"kernel \w+_kernel has no derivative for mx\.jvp.* mx\.custom_function"):
        mx.jvp(total(form), [x], [x])


@pytest.mark.parametrize("nest", [lambda f: mx.compile(mx.grad(f)), lambda f: mx.vmap(mx.grad(f))])
@pytest.mark.parametrize("form", FORMS)
def test_within_compile_and_vmap_the_call_is_refused_as_before(nest: Callable[[Function], Function], form: Function):
    with pytest.raises(InvalidArgument, match=r"kernel \w+_kernel cannot be called within mx\.compile, mx\.vmap"):
        mx.eval(nest(total(form))(mx.ones((2, 10))))


def known(form: Function) -> Function:
    """`form`, which doubles, with its derivative: a kernel too."""
    function = mx.custom_function(form)
    function.vjp(lambda primals, cotangents, outputs: form(cotangents))
    return function


@pytest.mark.parametrize("form", [new, aliased, in_place])
def test_a_derivative_of_the_users_own_is_used(form: Function):
    x = mx.arange(10, dtype=mx.float32)
    value, gradient = mx.value_and_grad(lambda x: (known(form)(x) * x).sum())(x)
    assert value.item() == 2 * sum(i * i for i in range(10)) and mx.array_equal(gradient, 4 * x)


def test_the_derivative_of_that_derivative_is_refused():
    with pytest.raises(InvalidArgument, match="kernel twice_kernel has no derivative"):
        mx.eval(mx.grad(lambda x: mx.grad(lambda y: (known(new)(y) ** 2).sum())(x).sum())(mx.ones((10,))))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_asked_for_is_not_refused(form: Function):
    x = mx.ones((10,))
    assert mx.array_equal(mx.grad(lambda x: (form(mx.stop_gradient(x)) * x).sum())(x), form(x))
    constant = mx.ones((10,))
    assert mx.array_equal(mx.grad(lambda x: (form(constant) * x).sum())(x), form(constant))


def test_kernels_of_constants_may_be_compiled_and_exported(tmp_path: Path):
    x = mx.ones((10,))
    assert mx.array_equal(mx.compile(lambda y: y + new(x))(x), mx.full((10,), 3.0))
    mx.export_function(str(tmp_path / "f.mlxfn"), lambda y: y + new(x), x)
    assert mx.array_equal(mx.import_function(str(tmp_path / "f.mlxfn"))(x)[0], mx.full((10,), 3.0))


def test_results_hold_no_graph(tmp_path: Path):
    """Outside of transformations nothing keeps the inputs alive."""
    for form in (new, in_place):
        mx.export_to_dot(str(tmp_path / "graph"), form(mx.ones((10,))))
        assert "Custom" not in (tmp_path / "graph").read_text()


def test_memory_written_in_place_stays_where_it_is():
    out = mx.zeros((4, 5))
    view = memoryview(out)
    twice_kernel[(1,)](mx.ones((10,)), 10, out, BLOCK=16)
    assert view.tolist()[0] == [2.0] * 5 and memoryview(out).tolist() == view.tolist()
    view[3, 4] = 7.0
    assert out[3, 4].item() == 7
