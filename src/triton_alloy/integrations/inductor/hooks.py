"""The table: every name of PyTorch that is replaced for `mps`, and every registration, for each release.

What takes a name's place calls the original and differs for the device `mps` alone. A release that is not in the table
is left alone, with a warning.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ...target import target_for
from . import builds, configurations, device, templates
from .imports import after_import

MPS = "mps"


@dataclass(frozen=True)
class Replacement:
    """A name that hard-codes what `mps` is. name: dotted for a method; of: original -> what takes its place; reason:
    what is wrong or refused on `mps` without it."""

    module: str
    name: str
    of: Callable[[Any], Any]
    reason: str

    def __call__(self, module: ModuleType) -> None:
        """Replace the name where it is defined, and where it has been imported from there."""
        *owners, name = self.name.split(".")
        owner = functools.reduce(getattr, owners, module)
        original = getattr(owner, name)
        replacement = self.of(original)
        setattr(owner, name, replacement)
        for each in [*sys.modules.values()]:
            if getattr(each, "__name__", "").startswith("torch.") and vars(each).get(name) is original:
                setattr(each, name, replacement)


@dataclass(frozen=True)
class Registration:
    """An entry of ours in a registry. names: of the module that `register` uses, for the tests."""

    module: str
    register: Callable[[ModuleType], None]
    names: tuple[str, ...]

    def __call__(self, module: ModuleType) -> None:
        """Register with the module, which has just been imported."""
        self.register(module)


def backend_of(original: Callable[..., str]) -> Callable[..., str]:
    """`get_current_backend`: the code generator of a device is `triton` where it says `mps`."""

    @functools.wraps(original)
    def get_current_backend(device_type: str | None = None) -> str:
        found = original(device_type)
        return "triton" if found == MPS else found

    return get_current_backend


def is_big(original: Callable[..., bool]) -> Callable[..., bool]:
    """`is_big_gpu`: whether templates pay, which PyTorch judges by the number of cores of NVIDIA's GPUs."""

    @functools.wraps(original)
    def is_big_gpu(index_or_device: Any = 0) -> bool:
        from torch._inductor.utils import get_gpu_type

        kind = getattr(index_or_device, "type", None) or get_gpu_type()
        return kind == MPS or original(index_or_device)

    return is_big_gpu


def heuristics_of(original: Callable[..., Any]) -> Callable[..., Any]:
    """`InductorChoices.get_config_heuristics`: the table of block sizes of a device."""

    @functools.wraps(original)
    def get_config_heuristics(self: Any, device_type: str | None = "cuda") -> Any:
        if device_type != MPS:
            return original(self, device_type)
        return templates.heuristic_of(sys.modules[release().templates])()

    return get_config_heuristics


def autotune_of(original: Callable[..., Any]) -> Callable[..., Any]:
    """`cached_autotune`: what compiles and compares a kernel's configurations, which gets the chosen ones."""

    @functools.wraps(original)
    def cached_autotune(
        size_hints: Any, configs: list[Any], triton_meta: Any, heuristic_type: Any, *arguments: Any, **options: Any
    ) -> Any:
        if triton_meta["device"].type == MPS and heuristic_type.name in CHOSEN:
            kernel = configurations.Kernel.of(heuristic_type.name, size_hints, options.get("inductor_meta") or {})
            configs = configurations.chosen(configs, kernel, target_for(triton_meta["device"].cc))
        return original(size_hints, configs, triton_meta, heuristic_type, *arguments, **options)

    return cached_autotune


def launchers_of(original: Callable[..., Any]) -> Callable[..., Any]:
    """`CachingAutotuner._make_launchers`: loads the configurations of a kernel, of which the device builds none yet."""

    @functools.wraps(original)
    def _make_launchers(self: Any) -> None:
        original(self)
        if self.device_props.type == MPS:
            builds.build_all(builds.launched(self), MPS)

    return _make_launchers


CHOSEN = ("POINTWISE", "REDUCTION", "PERSISTENT_REDUCTION", "SPLIT_SCAN")
"""Kinds of kernels whose configurations are Inductor's own guess; a user's and a template's are what was asked for."""


def register_scheduling(module: ModuleType) -> None:
    """Let Inductor write Triton for `mps`. PyTorch imports this module before it looks what is still unregistered, and
    after all the others."""
    from torch._inductor.codegen import common, triton, wrapper

    scheduling: Any = triton.TritonScheduling
    no_cpp: Any = device.NoCppWrapper
    python: Any = wrapper.PythonWrapperCodegen
    common.register_backend_for_device(MPS, scheduling, python, no_cpp, module.WrapperFxCodegen)


def register_code(module: ModuleType) -> None:
    """Let generated code launch Triton's kernels on `mps`."""
    module.register_device_op_overrides(MPS, device.code_of(module.MPSDeviceOpOverrides))


def register_interface(module: ModuleType) -> None:
    """Let Dynamo and Inductor see the device as one for Triton."""
    module.register_interface_for_device(MPS, module.MpsInterface)


def register_times(module: ModuleType) -> None:
    """Let Inductor time kernels on `mps`."""
    module.register_benchmarker(MPS, device.benchmark, override=True)


INDUCTOR = "torch._inductor"
INTERFACE = "torch._dynamo.device_interface"

REPLACEMENTS = (
    Replacement(
        INTERFACE,
        "MpsInterface",
        device.interface_of,
        "Triton's kernels cannot be compiled or launched: the device has no properties, no raw stream, no context",
    ),
    Replacement(
        f"{INDUCTOR}.utils",
        "get_current_backend",
        backend_of,
        "generated code rounds 16-bit floats as Metal code does: other values, in silence",
    ),
    Replacement(f"{INDUCTOR}.utils", "is_big_gpu", is_big, "max-autotune compares nothing: templates never apply"),
    Replacement(
        f"{INDUCTOR}.choices",
        "InductorChoices.get_config_heuristics",
        heuristics_of,
        "max-autotune tries block sizes for NVIDIA's GPUs on convolutions",
    ),
    Replacement(
        f"{INDUCTOR}.runtime.triton_heuristics",
        "cached_autotune",
        autotune_of,
        "up to seven configurations of each kernel are compiled, most of which suit no GPU of Apple",
    ),
    Replacement(
        f"{INDUCTOR}.runtime.triton_heuristics",
        "CachingAutotuner._make_launchers",
        launchers_of,
        "the device builds the configurations one after the other, each when its turn to be timed comes",
    ),
)

REGISTRATIONS = (
    Registration(f"{INDUCTOR}.codegen.wrapper_fxir", register_scheduling, ("WrapperFxCodegen",)),
    Registration(
        f"{INDUCTOR}.codegen.mps_device_op_overrides",
        register_code,
        ("MPSDeviceOpOverrides", "register_device_op_overrides"),
    ),
    Registration(INTERFACE, register_interface, ("register_interface_for_device",)),
    Registration(f"{INDUCTOR}.runtime.benchmarking", register_times, ("register_benchmarker", "may_ban_benchmarking")),
)

TEMPLATE_NAMES = (
    *("BaseConfigHeuristic", "MMTemplateConfigMixin", "AddMMConfigMixin", "GemmConfig", "ConvConfig"),
    *("mm_template", "bmm_template", "register_template_heuristic"),
)


@dataclass(frozen=True)
class Release:
    """A release of PyTorch. templates: the module with the templates' heuristics, which has been moved once."""

    templates: str

    @property
    def rows(self) -> tuple[Replacement | Registration, ...]:
        """All that is done in this release, a name before the registration that uses it."""
        ours = Registration(self.templates, templates.register, TEMPLATE_NAMES)
        return (*REPLACEMENTS, *REGISTRATIONS, ours)


RELEASES = {
    "2.13": Release(f"{INDUCTOR}.template_heuristics.triton"),
    "2.14": Release(f"{INDUCTOR}.heuristics.template.triton"),
    "2.15": Release(f"{INDUCTOR}.heuristics.template.triton"),
}


def release() -> Release:
    """The row of the PyTorch that has been imported. Raises KeyError for one that is not in the table."""
    import torch

    return RELEASES[".".join(torch.__version__.split(".")[:2])]


def install() -> None:
    """Do all that the table says, now or when PyTorch's modules are imported."""
    try:
        rows = release().rows
    except KeyError as error:
        known = ", ".join(RELEASES)
        warnings.warn(
            f"triton-alloy knows the compiler of PyTorch {known}, this is {error.args[0]}: torch.compile on mps uses "
            "PyTorch's own Metal code, without Triton",
            stacklevel=2,
        )
        return
    after_import(
        {name: _Together([row for row in rows if row.module == name]) for name in {row.module for row in rows}}
    )


@dataclass(frozen=True)
class _Together:
    """All rows of one module, in the order of the table."""

    rows: list[Replacement | Registration]

    def __call__(self, module: ModuleType) -> None:
        for row in self.rows:
            row(module)
