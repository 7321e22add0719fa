"""What a kernel's launch or a `triton.Config` may ask of this backend."""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass
from typing import Any

from triton import knobs

from ...chips import LIMITS, THREADS_PER_SIMDGROUP
from ...errors import InvalidArgument, Unsupported
from .errors import KernelOutOfResources


class InvalidOption(InvalidArgument, AssertionError):
    """An option of a launch was given a value that cannot be right; Triton's own backends assert that."""


@dataclass(frozen=True)
class MetalOptions:
    """Triton's options. Those read here: num_warps, enable_fp_fusion, debug, arch, ir_override.

    What Triton's front end and runtime read is set to what Metal has; hints for other hardware (num_stages, maxnreg,
    waves_per_eu, ...) are accepted because ordinary kernels pass them, and change nothing.
    """

    num_warps: int = 4
    num_ctas: int = 1
    num_stages: int = 2
    warp_size: int = THREADS_PER_SIMDGROUP
    arch: str = "cpu"
    enable_fp_fusion: bool = True
    debug: bool = False
    sanitize_overflow: bool = True
    ir_override: str | None = None
    extern_libs: Any = ()
    launch_cooperative_grid: bool = False
    instrumentation_mode: str = ""
    fpsan_homomorphic_casts: bool = False
    backend_name: str = "metal"
    supported_fp8_dtypes: tuple[str, ...] = ("fp8e5", "fp8e4nv", "fp8e4b8", "fp8e5b16", "fp8e4b15")
    deprecated_fp8_dot_operand_dtypes: tuple[str, ...] = ()
    default_dot_input_precision: str = "ieee"
    allowed_dot_input_precisions: tuple[str, ...] = ("ieee", "tf32", "tf32x3", "bf16x3", "bf16x6")
    max_num_imprecise_acc_default: int = 0
    maxnreg: int | None = None
    launch_pdl: bool = False
    waves_per_eu: int = 0
    matrix_instr_nonkdim: int = 0
    kpack: int = 1

    def hash(self) -> str:
        """A digest of all options, part of Triton's cache key."""
        text = "_".join(f"{key}-{value}" for key, value in sorted(self.__dict__.items()))
        return hashlib.sha256(text.encode()).hexdigest()


def parse(values: dict[str, Any], family: str) -> MetalOptions:
    """The options of a kernel for a target family, from keyword arguments; other keywords are Triton's to judge.

    Raises InvalidArgument for a value that is wrong anywhere, KernelOutOfResources for more threads than a program can
    have, Unsupported for what Metal lacks.
    """
    known = {key: values[key] for key in MetalOptions.__dataclass_fields__ if values.get(key) is not None}
    known["extern_libs"] = tuple(dict(known.get("extern_libs", ())).items())
    known["enable_fp_fusion"] = _fp_fusion(known.get("enable_fp_fusion"))
    options = MetalOptions(**(known | {"arch": family, "warp_size": THREADS_PER_SIMDGROUP}))
    _check_threads(options.num_warps)
    if options.num_ctas != 1:
        raise InvalidArgument(f"num_ctas = {options.num_ctas}: Metal has no thread block clusters, only num_ctas = 1")
    if options.launch_cooperative_grid:
        raise Unsupported("launch_cooperative_grid", "Metal does not promise that all programs run at the same time")
    if options.instrumentation_mode:
        raise Unsupported("instrumentation_mode", f"no {options.instrumentation_mode} instrumentation for Metal")
    return options


def _fp_fusion(requested: bool | None) -> bool:
    """Triton's rule of every release, without the warning of 3.9 about the default of 3.10."""
    if getattr(knobs.language, "force_disable_fp_fusion", False):
        return False
    return knobs.language.default_fp_fusion if requested is None else requested


def _check_threads(num_warps: Any) -> None:
    limit = LIMITS.threads_per_threadgroup // THREADS_PER_SIMDGROUP
    warps = operator.index(num_warps)
    if warps <= 0 or warps & (warps - 1):
        raise InvalidOption(f"num_warps = {warps}: it must be a power of 2 from 1 to {limit}")
    if warps > limit:
        threads = warps * THREADS_PER_SIMDGROUP
        raise KernelOutOfResources(threads, LIMITS.threads_per_threadgroup, f"threads (num_warps = {warps})")
