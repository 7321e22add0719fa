"""What may be passed for a pointer, and what a device is given for it: one rule per pointer of a kernel."""

from __future__ import annotations

import sys
from typing import Any

from triton._utils import type_canonicalisation_dict

from ...errors import InvalidArgument
from ...kernel import Argument, Device, Extent
from ...runtime.automatic import runtime_of
from .arguments import ELEMENTS, Leaf

PLAIN_TENSORS: set[type] = set()
"""PyTorch's tensor classes without overridden behaviour; filled when PyTorch is first seen, as it may be absent."""


class BufferRule:
    """What may be passed for one pointer: an array of the right dtype, in a memory that the device takes.

    dtypes: the dtype objects accepted so far, so that a launch compares by identity.
    """

    def __init__(self, leaf: Leaf, argument: Argument, device: Device):
        self.index = leaf.index
        self.name = leaf.name
        self.pointee = leaf.type.lstrip("*").removeprefix("k")
        self.is_untyped = leaf.type.startswith("**") or self.pointee == "void"
        self.read_only = argument.read_only
        self.place = device.place
        self.extent_is_needed = device.needs_extents
        self.of_view = device.bounds == "view"
        self.dtypes: set[Any] = set()

    def bind(self, value: Any) -> Any:
        """What the device is given for `value`. Raises InvalidArgument, naming the argument."""
        raise NotImplementedError

    def extent(self, value: Any) -> Extent:
        """The memory around the address: of the view, or of its storage. Where nothing tells it is any memory; raises
        InvalidArgument if the device must know."""
        if value is None:
            return Extent(0, 0)
        tensor = getattr(value, "base", value)
        if hasattr(tensor, "untyped_storage"):
            return view_extent(tensor) if self.of_view else storage_extent(tensor)
        if hasattr(tensor, "extent"):
            return tensor.extent(self.of_view)
        if self.extent_is_needed:
            raise self.refusal("here it must be known how much memory there is: pass a tensor, not an address")
        return Extent.unknown(value if isinstance(value, int) else value.data_ptr())

    def check_dtype(self, dtype: Any) -> None:
        """Raises InvalidArgument for a dtype other than the kernel was compiled for."""
        if dtype in self.dtypes:
            return
        name = str(dtype).rpartition(".")[2]
        element = ELEMENTS.get(type_canonicalisation_dict.get(name, name))
        if not self.is_untyped and element != ELEMENTS.get(self.pointee):
            raise self.refusal(f"the kernel was compiled for {self.pointee}, the tensor is of dtype {name}")
        self.dtypes.add(dtype)

    def refusal(self, reason: str) -> InvalidArgument:
        """The error for a value that may not be passed here."""
        return InvalidArgument(f"argument {self.name}: {reason}")


def storage_extent(tensor: Any) -> Extent:
    """The storage of a tensor of PyTorch, around its address."""
    storage = tensor.untyped_storage()
    before = tensor.data_ptr() - storage.data_ptr()
    return Extent(before, storage.nbytes() - before)


def view_extent(tensor: Any) -> Extent:
    """From a tensor's address to the end of its last element; PyTorch has no negative strides."""
    if not tensor.numel():
        return Extent(0, 0)
    last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return Extent(0, (last + 1) * tensor.element_size())


class AddressRule(BufferRule):
    """For devices that take addresses in the CPU's memory."""

    def bind(self, value: Any) -> int:
        """The checked address of `value`; 0 for None."""
        if value is None:
            return 0
        if isinstance(value, int):
            return self._raw_address(value)
        if runtime_of(value) == "mlx":
            raise self.refusal("it is an array of MLX, which ALLOY_RUNTIME=mlx or auto takes")
        if not hasattr(value, "data_ptr"):
            raise self.refusal(f"a tensor is needed, not {type(value).__name__}; wrap NumPy with triton_alloy.array")
        tensor = getattr(value, "base", value)
        if not getattr(tensor, "is_cpu", True):
            raise self.refusal(f"the tensor is on {tensor.device}, this kernel runs on the CPU: pass x.cpu()")
        if not self.read_only and getattr(value, "writeable", True) is False:
            raise self.refusal("the kernel writes to it, but the NumPy array is read-only")
        self.check_dtype(value.dtype)
        remember_plain(type(value))
        return value.data_ptr() or self._null(tensor)

    def _raw_address(self, value: int) -> int:
        if not 0 <= value < 2**64:
            raise self.refusal(f"{value} is no address")
        return value

    def _null(self, tensor: Any) -> int:
        if tensor.numel():
            raise self.refusal(f"the tensor of {tensor.numel()} elements has no memory (its address is 0)")
        return 0


class TorchRule(BufferRule):
    """For devices that take PyTorch's tensors."""

    def bind(self, value: Any) -> Any:
        """The checked tensor; None for None."""
        if value is None:
            return None
        tensor = getattr(value, "base", value)
        if not hasattr(tensor, "untyped_storage"):
            raise self.refusal(f"the torch_mps runtime takes tensors of PyTorch, not {type(value).__name__}")
        if tensor.device.type != self.place:
            where = f"the tensor is on {tensor.device}, this kernel runs on {self.place}"
            raise self.refusal(f"{where}: pass x.to('{self.place}')")
        self.check_dtype(value.dtype)
        return tensor


class MlxRule(BufferRule):
    """For devices that take operands of runtime/mlx. An array of MLX that the kernel writes is written in place."""

    def bind(self, value: Any) -> Any:
        """The checked operand."""
        import mlx.core as mx  # pyright: ignore[reportMissingImports]

        from ...runtime.mlx import Operand

        if value is None:
            nothing = mx.zeros((1,), mx.uint8)
            return Operand(nothing.shape, nothing.dtype, nothing)
        if not isinstance(value, (mx.array, Operand)):
            raise self.refusal(f"the mlx runtime takes arrays of MLX, not {type(value).__name__}")
        self.check_dtype(value.dtype)
        if isinstance(value, mx.array):
            return Operand(value.shape, value.dtype, value, "input" if self.read_only else "in place")
        if value.role == "input" and not self.read_only:
            raise self.refusal("the kernel writes to it: name it in input_output_aliases")
        return value


RULES: dict[str, type[BufferRule]] = {"addresses": AddressRule, "torch": TorchRule, "mlx": MlxRule}
"""What a device binds -> the rule of its pointers."""


def remember_plain(class_: type) -> None:
    """Let the quick path take tensors of `class_` from now on, if it is one of PyTorch's own."""
    torch = sys.modules.get("torch")
    if torch is not None and class_ in (torch.Tensor, torch.nn.Parameter):
        PLAIN_TENSORS.add(class_)
