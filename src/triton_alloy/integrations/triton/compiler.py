"""Triton's compiler interface: the stages ttir -> msl -> alloy, where `alloy` is the Kernel as JSON."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from triton.backends.compiler import BaseBackend, GPUTarget, Language

from ... import __version__, config
from ...chips import THREADS_PER_SIMDGROUP
from ...digest import sources_digest
from ...errors import InvalidArgument, OutOfResources, Unsupported
from ...kernel import Kernel

if TYPE_CHECKING:
    from ...ir.core import Op
    from ...target import Target
    from .options import MetalOptions

POINTER_RANGE = 2**31
"""A tensor with fewer bytes of storage is addressed with 32-bit byte offsets (`tt.pointer_range = 32`)."""


class MetalBackend(BaseBackend):
    """Compiles for GPUTarget(name, family, 32), where family is "apple7" ... "apple10" or "cpu".

    names: those of the target that are ours. Inductor names no family: its target is the machine's own.
    """

    names = ("metal", "mps")

    binary_ext = "alloy"
    supports_native_tensor_specialization = False

    def __init__(self, target: GPUTarget) -> None:
        from . import cache, driver

        super().__init__(target)
        cache.install()
        self.family = str(target.arch) or driver.DEVICES[driver.current_device()][0]
        if self.family not in config.FAMILIES:
            families = ", ".join(config.FAMILIES)
            raise InvalidArgument(f"unknown architecture {target.arch!r}: the metal backend has {families}")
        if target.warp_size != THREADS_PER_SIMDGROUP:
            raise InvalidArgument(f"{target}: the warp size of Metal is {THREADS_PER_SIMDGROUP}")

    @functools.cached_property
    def metal(self) -> Target:
        """The compiler's facts of the target; a kernel from the cache needs none of them."""
        from ...target import target_for

        return target_for(self.family)

    @classmethod
    def supports_target(cls, target: GPUTarget) -> bool:
        """Whether this backend compiles for `target`."""
        return target.backend in cls.names

    def hash(self) -> str:
        """Identifies the compiler and the target in Triton's cache."""
        skipped = "-".join(sorted(config.SKIP.value))
        return f"triton-alloy-{__version__}-{sources_digest()}-{self.target}-{config.FRONTEND.value}-{skipped}"

    def parse_options(self, options: dict) -> MetalOptions:
        """The checked options of one kernel; see options.py."""
        from .options import parse

        return parse(options, self.family)

    def pack_metadata(self, metadata: Any) -> tuple[int, int, int]:
        """What Triton hands to the launcher at each launch."""
        return metadata.num_warps, metadata.num_ctas, metadata.shared

    def get_codegen_implementation(self, options: MetalOptions) -> dict[str, Any]:
        """Functions that Triton's front end asks of a backend: that a dot may have any size, and fp8e4b15's casts."""
        from .float8 import convert

        return {"min_dot_size": lambda lhs_type, rhs_type: (1, 1, 1), "convert_custom_types": convert}

    def get_module_map(self) -> dict[str, ModuleType]:
        """`tl.extra.libdevice` becomes CUDA's table of names; the lowering knows functions by those names."""
        from triton.language.extra.cuda import libdevice

        return {"triton.language.extra.libdevice": libdevice}

    def load_dialects(self, context: Any) -> None:
        """Triton's own dialects are enough."""

    @staticmethod
    def get_tensor_specialization(arg: Any, align: bool = False, **others: Any) -> str:
        """ "D": the address is a multiple of 16; "S": all of the storage is within 2 GiB of the address."""
        aligned = "D" if align and not arg.data_ptr() % 16 else ""
        return aligned + "S" if storage_bytes(arg) < POINTER_RANGE else aligned

    @staticmethod
    def parse_attr(desc: str) -> list[list[Any]]:
        """The argument attributes that the letters of a specialisation stand for."""
        divisible = [["tt.divisibility", 16]] if "D" in desc else []
        return [*divisible, ["tt.pointer_range", 32]] if "S" in desc else divisible

    def add_stages(self, stages: dict, options: MetalOptions, language: Language = Language.TRITON) -> None:
        """Register the stages; the names are the file endings in Triton's cache and the keys of `kernel.asm`."""
        if language != Language.TRITON:
            raise Unsupported("gluon", "Gluon programs name the layouts of one vendor's GPU")
        stages["ttir"] = lambda module, metadata: optimise(module)
        stages["msl"] = lambda module, metadata: self.print_msl(module, metadata, options)
        stages["alloy"] = lambda text, metadata: finish(text, metadata, options)

    def print_msl(self, module: Any, metadata: dict, options: MetalOptions) -> str:
        """libtriton's module -> MSL text; the kernel's interface goes into the metadata.

        Raises UnsupportedKernel, or KernelOutOfResources where the kernel needs more than the target has.
        """
        from ...compiler import compile_module
        from .errors import UnsupportedKernel, as_triton_has_it

        metadata["name"] = module.get_entry_func_name()  # compiling may consume the module
        try:
            kernel = compile_module(
                import_module(module),
                self.metal,
                num_warps=options.num_warps,
                fp_fusion=options.enable_fp_fusion,
            )
        except Unsupported as error:
            raise UnsupportedKernel(error.op, error.reason, error.location) from error
        except OutOfResources as error:
            raise as_triton_has_it(error) from error
        # Never 0: persistent kernels divide by it to count the programs that fit (Triton's softmax tutorial).
        metadata["shared"] = max(kernel.threadgroup_bytes, 1)
        metadata["interface"] = kernel.interface()
        return kernel.source


def storage_bytes(argument: Any) -> int:
    """The bytes of memory that `argument` is a view of; unknown is the largest number."""
    try:
        storage = argument.untyped_storage
    except AttributeError:
        return _bytes_of_array(argument)
    return storage().nbytes()


def _bytes_of_array(argument: Any) -> int:
    if hasattr(argument, "ptr_range"):
        return argument.ptr_range()
    if hasattr(argument, "nbytes"):
        return argument.nbytes
    return storage_bytes(argument.base) if hasattr(argument, "base") else POINTER_RANGE


def import_module(module: Any) -> Op:
    """What Triton's front end has built, as our IR: a copy where libtriton is native, the module itself where it is
    ours."""
    from ...frontend import native

    if not native.is_ours(module):
        return native.import_module(module)
    native.drop_hints(module.core)
    return module.core


def optimise(module: Any) -> Any:
    """Run Triton's own target-independent passes, or ours; the result is the text of `kernel.asm["ttir"]`."""
    from ...frontend import native

    if config.FRONTEND.value == "python" and not native.is_ours(module):
        module = native.take_over(module)
    native.optimise(module)
    return module


def finish(text: str | None, metadata: dict, options: MetalOptions) -> bytes:
    """MSL text and interface -> the Kernel as JSON. Triton hands on None for a text that it was told to override."""
    if text is None:
        if not (options.ir_override or "").endswith(".msl"):
            raise Unsupported("TRITON_KERNEL_OVERRIDE", "Triton cannot read .msl back; use ir_override='file.msl'")
        text = Path(str(options.ir_override)).read_text("ascii")
    return Kernel.from_interface(text, metadata["interface"]).to_json()
