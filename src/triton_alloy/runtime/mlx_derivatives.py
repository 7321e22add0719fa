"""Derivatives of kernels on arrays of MLX: none is known, so MLX is told to refuse them by name.

What runs at once, and what is written in place, is a constant to mx.grad: its derivative would be 0 without a word. A
node of MLX's graph that passes its arrays on, and raises when it is asked for a derivative, stands between.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import InvalidArgument


def tied(kernel: str, inputs: Sequence[Any], results: Sequence[Any]) -> list[Any]:
    """`results` of a kernel as what depends on its `inputs`: no derivative passes. They share memory, and are there.

    Raises InvalidArgument later, from mx.grad, mx.vjp or mx.jvp; not where mx.custom_function knows the derivative.
    """
    import mlx.core as mx

    made = _node(kernel)(list(inputs), list(results))
    mx.eval(made)  # outside of transformations this lets go of the inputs
    return made


@functools.cache
def _node(kernel: str) -> Any:
    import mlx.core as mx

    @mx.custom_function
    def passed_on(inputs: list[Any], results: list[Any]) -> list[Any]:
        return results

    @passed_on.vjp
    def refuse_backward(*values: Any) -> NoReturn:
        raise InvalidArgument(
            f"kernel {kernel} has no derivative for mx.grad and mx.vjp: give it one with mx.custom_function and its "
            ".vjp, as in triton_alloy.examples.mlx_training, or take its inputs through mx.stop_gradient"
        )

    @passed_on.jvp
    def refuse_forward(*values: Any) -> NoReturn:
        raise InvalidArgument(
            f"kernel {kernel} has no derivative for mx.jvp, which MLX also asks for inside of mx.custom_function: use "
            "mx.grad or mx.vjp with mx.custom_function and its .vjp, as in triton_alloy.examples.mlx_training"
        )

    return passed_on
