"""`metal_kernel(...)` as in mx.fast: the same arguments and the same generated signature, on the CPU."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors import LaunchError
from .launch.buffers import buffer_of
from .launch.host import Deadline
from .library import Library, choose_mode
from .text.language import BUILT_INS

# Built-ins that MLX adds when their names occur in the source, in MLX's order.
_ATTRIBUTES = dict(sorted(BUILT_INS.items()))

# Built-ins that differ between the lanes of a simdgroup: in fast mode they have a vector type.
_VARYING = {"thread_index_in_simdgroup": "u32"}

# dtype name -> (type in the generated text, NumPy type of the same size). bfloat16 has no NumPy type.
_TYPES = {
    "bool": ("bool", np.bool_),
    "uint8": ("uint8_t", np.uint8),
    "uint16": ("uint16_t", np.uint16),
    "uint32": ("uint32_t", np.uint32),
    "uint64": ("uint64_t", np.uint64),
    "int8": ("int8_t", np.int8),
    "int16": ("int16_t", np.int16),
    "int32": ("int32_t", np.int32),
    "int64": ("int64_t", np.int64),
    "float16": ("float16_t", np.float16),
    "float32": ("float", np.float32),
    "bfloat16": ("bfloat16_t", np.uint16),
}

# Arrays of fewer elements are put into the constant address space.
_SMALL = 8

# What user code finds defined before its header, as in MLX: names of types, and where elements of strided arrays are.
_PRELUDE = """#include <metal_stdlib>
using namespace metal;
typedef half float16_t;
typedef bfloat bfloat16_t;
template <typename T = int64_t>
inline T elem_to_loc(T element, constant const int *shape, constant const int64_t *strides, int ndim) {
  T location = 0;
  for (int i = ndim - 1; i >= 0; --i) {
    location += element % T(shape[i]) * T(strides[i]);
    element /= T(shape[i]);
  }
  return location;
}
template <typename T = int64_t>
inline T elem_to_loc(uint3 element, constant const int *shape, constant const int64_t *strides, int ndim) {
  T location = T(element.x) * T(strides[ndim - 1]) + T(element.y) * T(strides[ndim - 2]);
  for (int i = ndim - 3; i >= 0; --i) {
    location += T(element.z % uint(shape[i])) * T(strides[i]);
    element.z /= uint(shape[i]);
  }
  return location;
}
"""


def _dtype_name(dtype: Any) -> str:
    """ "float32" for np.float32, torch.float32, mx.float32 and "float32"."""
    is_numpy = isinstance(dtype, (type, np.dtype))
    name = np.dtype(dtype).name if is_numpy else str(dtype).rpartition(".")[2]
    if name not in _TYPES:
        raise LaunchError(f"the type {dtype} does not exist in Metal")
    return name


def _contains(source: str, word: str) -> bool:
    """As MLX decides: a plain search of the source, also within other words."""
    return word in source


def _template_value(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) else _TYPES[_dtype_name(value)][0]


_ALIGNMENT = 16
"""Bytes of the longest vectors."""


def _array(value: Any) -> Any:
    """Python numbers become arrays without dimensions, of the type MLX gives them."""
    if hasattr(value, "shape"):
        return value
    if isinstance(value, bool):
        return np.array(value)
    if isinstance(value, int):
        return np.array(value, np.int32 if -(2**31) <= value < 2**31 else np.int64)
    if isinstance(value, float):
        return np.array(value, np.float32)
    raise LaunchError(f"an input must be an array or a number, not {type(value).__name__}")


def _is_mlx(array: Any) -> bool:
    return type(array).__module__.partition(".")[0] == "mlx"


def _strides(array: Any) -> list[int]:
    """In elements."""
    if hasattr(array, "stride"):
        return list(array.stride())
    view: Any = memoryview(array) if _is_mlx(array) else array
    return [stride // view.itemsize for stride in view.strides]


def _row_contiguous(array: Any) -> Any:
    if hasattr(array, "contiguous"):
        return array.contiguous()
    if _is_mlx(array):
        import mlx.core as mx  # pyright: ignore[reportMissingImports]

        return mx.contiguous(array)
    return np.ascontiguousarray(array) if array.ndim else array


def _aligned(value: Any) -> Any:
    """Memory that begins where Metal's buffers may: MLX's arrays on a CPU are 8 bytes behind that, hence copied."""
    if not _is_mlx(value) or not memoryview(value).c_contiguous or buffer_of(value).address % _ALIGNMENT == 0:
        return value
    return np.frombuffer(bytearray(memoryview(value).tobytes()), np.uint8)


class MetalKernel:
    """A kernel whose body is given and whose signature follows from the inputs of each call."""

    def __init__(
        self,
        name: str,
        input_names: Sequence[str],
        output_names: Sequence[str],
        source: str,
        header: str,
        ensure_row_contiguous: bool,
        atomic_outputs: bool,
        mode: str | None,
        deadline: float | Deadline | None,
    ):
        if not output_names:
            raise LaunchError("metal_kernel needs at least one output")
        self.name = name
        self.input_names = list(input_names)
        self.output_names = list(output_names)
        self.source = source
        self.header = header
        self.ensure_row_contiguous = ensure_row_contiguous
        self.atomic_outputs = atomic_outputs
        self.mode = mode
        self.deadline = deadline
        self._libraries: dict[str, Library] = {}

    def _input_parameters(self, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """(declaration without its buffer index, value) of each input and of its shape, strides and ndim if used."""
        parameters: list[tuple[str, Any]] = []
        for name, array in zip(self.input_names, inputs, strict=True):
            size = math.prod(array.shape)
            space = "constant" if size < _SMALL else "device"
            element = _TYPES[_dtype_name(array.dtype)][0]
            dimensions = len(array.shape)
            parameters.append((f"const {space} {element}{'*' if dimensions else '&'} {name}", array))
            if not dimensions:
                continue
            if _contains(self.source, f"{name}_shape"):
                parameters.append((f"const constant int* {name}_shape", np.array(array.shape, np.int32)))
            if _contains(self.source, f"{name}_strides"):
                parameters.append((f"const constant int64_t* {name}_strides", np.array(_strides(array), np.int64)))
            if _contains(self.source, f"{name}_ndim"):
                parameters.append((f"const constant int& {name}_ndim", ctypes.c_int(dimensions)))
        return parameters

    def _function_name(
        self, inputs: Sequence[Any], output_types: Sequence[str], template: Sequence[tuple[str, Any]]
    ) -> str:
        """As MLX names it: c marks an input in the constant address space, s a scalar."""
        parts = ["", *(_template_value(value) for _, value in template)] if template else []
        for array in inputs:
            mark = "s" if not array.shape else "c" if math.prod(array.shape) < _SMALL else ""
            parts.append(_TYPES[_dtype_name(array.dtype)][0] + mark)
        parts += [_TYPES[dtype][0] for dtype in output_types]
        return "_".join([f"custom_kernel_{self.name}", *parts])

    def _text(
        self,
        function: str,
        declarations: Sequence[str],
        output_types: Sequence[str],
        template: Sequence[tuple[str, Any]],
    ) -> str:
        """The text that MLX generates, apart from MLX's own utilities before it."""
        text = self.header
        if template:
            kinds = [
                ("bool" if isinstance(v, bool) else "int" if isinstance(v, int) else "typename", n) for n, v in template
            ]
            text += f"template <{', '.join(f'{kind} {name}' for kind, name in kinds)}>\n"
        wrap = "atomic<{}>" if self.atomic_outputs else "{}"
        outputs = [
            f"device {wrap.format(_TYPES[dtype][0])}* {name}"
            for name, dtype in zip(self.output_names, output_types, strict=True)
        ]
        lines = [f"  {line} [[buffer({index})]]" for index, line in enumerate([*declarations, *outputs])]
        kinds = _ATTRIBUTES | _VARYING if choose_mode(self.mode) == "fast" else _ATTRIBUTES
        lines += [f"  {kind} {name} [[{name}]]" for name, kind in kinds.items() if _contains(self.source, name)]
        text += f"[[kernel]] void {function}(\n" + ",\n".join(lines) + f") {{\n{self.source}\n}}\n"
        if template:
            arguments = ", ".join(_template_value(value) for _, value in template)
            instance = f"{function}<{arguments}>"
            text += f'\ntemplate [[host_name("{function}")]] [[kernel]] decltype({instance}) {instance};\n'
        return text

    def __call__(
        self,
        *,
        inputs: Sequence[Any],
        output_shapes: Sequence[Sequence[int]],
        output_dtypes: Sequence[Any],
        grid: Sequence[int],
        threadgroup: Sequence[int],
        template: Sequence[tuple[str, Any]] | None = None,
        init_value: float | None = None,
        verbose: bool = False,
        stream: Any = None,
    ) -> list[Any]:
        """Run `grid` threads in all; returns the outputs, as arrays of the kind that the inputs are."""
        del stream
        if len(inputs) != len(self.input_names):
            raise LaunchError(f"expected {len(self.input_names)} inputs, got {len(inputs)}")
        if not len(output_shapes) == len(output_dtypes) == len(self.output_names):
            raise LaunchError(f"expected shapes and types of {len(self.output_names)} outputs")
        arrays = [_array(value) for value in inputs]
        if self.ensure_row_contiguous:
            arrays = [_row_contiguous(array) for array in arrays]
        parameters = self._input_parameters(arrays)
        types = [_dtype_name(dtype) for dtype in output_dtypes]
        function = self._function_name(arrays, types, template or ())
        text = self._text(function, [line for line, _ in parameters], types, template or ())
        if verbose:
            print(f"Generated source code for `{self.name}`:\n```\n{text}\n```")
        outputs = [
            _new_output(shape, dtype, init_value, arrays) for shape, dtype in zip(output_shapes, types, strict=True)
        ]
        if text not in self._libraries:
            self._libraries[text] = Library(_PRELUDE + text, self.mode, deadline=self.deadline)
        kernel = self._libraries[text][function]
        group = [max(1, min(size, count)) for size, count in zip(threadgroup, grid, strict=True)]
        values = [value for _, value in parameters]
        aligned = [_aligned(value) for value in values]
        kernel.launch_threads([*aligned, *(memory for memory, _ in outputs)], tuple(grid), group)
        for value, copy in zip(values, aligned, strict=True):
            if copy is not value:  # a text may write to its inputs all the same
                ctypes.memmove(buffer_of(value).address, copy.ctypes.data, copy.nbytes)
        return [finish(memory) for memory, finish in outputs]


def _new_output(shape: Sequence[int], dtype: str, init_value: float | None, inputs: Sequence[Any]) -> tuple[Any, Any]:
    """Memory for an output, and what makes the caller's kind of array of it."""
    kind = next((type(array).__module__.partition(".")[0] for array in inputs if not isinstance(array, np.ndarray)), "")
    if kind == "torch":
        import torch

        tensor = torch.empty(tuple(shape), dtype=getattr(torch, dtype))
        return (tensor if init_value is None else tensor.fill_(init_value)), lambda memory: memory
    memory = np.empty(tuple(shape), _TYPES[dtype][1])
    if init_value is not None:
        memory[...] = _bfloat_bits(init_value) if dtype == "bfloat16" else init_value
    if kind == "mlx":
        return memory, lambda array: _to_mlx(array, dtype)
    return memory, lambda array: array


def _bfloat_bits(value: float) -> int:
    bits = int(np.float32(value).view(np.uint32))
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF


def _to_mlx(array: np.ndarray[Any, Any], dtype: str) -> Any:
    import mlx.core as mx  # pyright: ignore[reportMissingImports]

    result = mx.array(array)
    return result.view(mx.bfloat16) if dtype == "bfloat16" else result


_NAME = re.compile(r"[A-Za-z_]\w*")


def metal_kernel(
    name: str,
    input_names: Sequence[str],
    output_names: Sequence[str],
    source: str,
    header: str = "",
    ensure_row_contiguous: bool = True,
    atomic_outputs: bool = False,
    compile_options: Mapping[str, Any] | None = None,
    *,
    mode: str | None = None,
    deadline: float | Deadline | None = None,
) -> MetalKernel:
    """A kernel as mx.fast.metal_kernel makes it: `source` is the body, the signature is generated at each call.

    compile_options (math_mode) is accepted: arithmetic is always exact here. mode, deadline: see Library.
    """
    del compile_options
    if not _NAME.fullmatch(name):
        raise LaunchError(f"{name!r} is not a name for a kernel")
    return MetalKernel(
        name, input_names, output_names, source, header, ensure_row_contiguous, atomic_outputs, mode, deadline
    )
