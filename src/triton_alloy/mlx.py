"""Triton kernels on arrays of MLX.

    from triton_alloy.mlx import triton_call

    def add(x, y):
        grid = (triton.cdiv(x.size, 1024),)
        return triton_call(x, y, x.size, kernel=add_kernel, out_shape=x, grid=grid, BLOCK_SIZE=1024)

`triton_call` follows jax-triton: arrays go in, new arrays come out. On a Mac it adds a node to MLX's graph, through
mx.fast.metal_kernel; elsewhere the same text runs on the CPU when it is called. For a gradient wrap it in
mx.custom_function (see triton_alloy/examples/mlx_training.py); mx.grad, mx.vjp and mx.jvp raise without.

Importing this module also lets `kernel[grid](...)` take arrays of MLX: it gives mx.array the method `data_ptr` that
Triton asks every tensor for. The arrays that a kernel writes are then written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mlx.core as mx  # pyright: ignore[reportMissingImports]

from .errors import InvalidArgument
from .runtime.mlx import Operand

__all__ = ["triton_call"]


def _data_ptr(array: mx.array) -> int:
    """What Triton takes the address of an array for: aligned, as MLX's own buffers are."""
    return 0


mx.array.data_ptr = _data_ptr  # pyright: ignore[reportAttributeAccessIssue]


def triton_call(
    *args: Any,
    kernel: Any,
    out_shape: Any,
    grid: int | Sequence[int] | Callable[[dict[str, Any]], Any],
    name: str = "",
    num_warps: int | None = None,
    num_stages: int | None = None,
    num_ctas: int = 1,
    input_output_aliases: Mapping[int, int] | None = None,
    zeroed_outputs: Sequence[int] | Callable[[dict[str, Any]], Sequence[int]] = (),
    debug: bool = False,
    **metaparams: Any,
) -> Any:
    """Call a Triton kernel on arrays of MLX; returns new arrays.

    args: the kernel's inputs, arrays and numbers, in the order of its parameters; pointers to the outputs follow them.
    kernel: of @triton.jit, also autotuned or with heuristics. out_shape: of each output something with shape and dtype
    (an array, say) or such a pair; one, or a sequence of them, as which the outputs are returned. grid: programs along
    up to three axes, or a function of the meta-parameters. input_output_aliases: {input: output} of equal shape and
    type, which the kernel sees as one buffer that starts with the input's contents; the input itself stays as it is.
    zeroed_outputs: indices of outputs that start as zeros; others start with any contents. name is for jax-triton's
    sake. metaparams: the kernel's constexprs. Raises InvalidArgument.
    """
    del name
    several = isinstance(out_shape, (list, tuple)) and not _is_pair(out_shape)
    zeroed = zeroed_outputs(metaparams) if callable(zeroed_outputs) else zeroed_outputs
    operands = [_input(index, value) for index, value in enumerate(args)]
    outputs = [_output(each, index in zeroed) for index, each in enumerate(out_shape if several else [out_shape])]
    for source, target in (input_output_aliases or {}).items():
        operands[source] = outputs[target] = _aliased(operands, outputs, source, target)
    options = {"num_warps": num_warps, "num_stages": num_stages, "debug": debug or None}
    options = {key: value for key, value in options.items() if value is not None}
    if num_ctas != 1:
        options["num_ctas"] = num_ctas
    programs = (grid,) if isinstance(grid, int) else grid if callable(grid) else tuple(grid)
    kernel[programs](*operands, *outputs, **options, **metaparams)
    results = [_result(index, output) for index, output in enumerate(outputs)]
    return type(out_shape)(results) if several else results[0]


def _is_pair(value: Sequence[Any]) -> bool:
    """Whether this is (shape, dtype) rather than a sequence of outputs."""
    return len(value) == 2 and isinstance(value[0], (tuple, list)) and isinstance(value[1], mx.Dtype)


def _input(index: int, value: Any) -> Any:
    if isinstance(value, mx.array):
        return Operand(value.shape, value.dtype, value)
    if hasattr(value, "shape") and not isinstance(value, Operand):
        raise InvalidArgument(f"argument {index}: triton_call takes arrays of MLX, not {type(value).__name__}")
    return value


def _output(wanted: Any, zeroed: bool) -> Operand:
    shape, dtype = wanted if isinstance(wanted, tuple) else (wanted.shape, wanted.dtype)
    if not isinstance(dtype, mx.Dtype):
        raise InvalidArgument(f"out_shape: {dtype!r} is no type of MLX, such as mx.float32")
    return Operand(tuple(shape), dtype, None, "output", zeroed)


def _aliased(operands: Sequence[Any], outputs: Sequence[Operand], source: int, target: int) -> Operand:
    if not (0 <= source < len(operands) and isinstance(operands[source], Operand) and 0 <= target < len(outputs)):
        raise InvalidArgument(f"input_output_aliases: {{{source}: {target}}} names no array input and output")
    before, after = operands[source], outputs[target]
    if (before.shape, before.dtype) != (after.shape, after.dtype):
        kinds = f"{before.shape} {before.dtype} and {after.shape} {after.dtype}"
        raise InvalidArgument(f"input_output_aliases: {{{source}: {target}}} are of different kinds, {kinds}")
    return Operand(before.shape, before.dtype, before.array, "updated")


def _result(index: int, output: Operand) -> mx.array:
    """The array, or for an output that the kernel does not mention, what it started as."""
    if output.result is not None:
        return output.result
    if output.role == "updated":
        return output.array
    if output.zeroed or not output.size:
        return mx.zeros(output.shape, output.dtype)
    raise InvalidArgument(f"output {index}: the kernel does not write it, or the grid is empty")
