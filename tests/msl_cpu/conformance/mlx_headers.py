"""MLX's Metal headers from its macOS wheel, downloaded at test time, and instantiations of their kernels."""

from __future__ import annotations

import functools
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence

import platformdirs

from triton_alloy.msl_cpu import Library

WHEEL = "mlx-metal==0.32.4"
PLATFORM = "macosx_14_0_arm64"
KERNELS = "mlx/backend/metal/kernels/"
# Uses internals of Apple's compiler to declare bfloat functions that the standard library here has already.
_SHADOWED = ("bf16_math.h",)


@functools.cache
def include_paths() -> tuple[str, ...]:
    """Unpacked headers, with a directory before them that shadows what only Apple's compiler can read."""
    place = platformdirs.user_cache_path("msl_cpu_conformance", appauthor=False) / WHEEL.replace("==", "-")
    if not (place / "complete").exists():
        place.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*download, "--platform", PLATFORM, "--dest", str(place), WHEEL], check=True)
        (wheel,) = place.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(
                place, [n for n in archive.namelist() if n.startswith("mlx/include/") and n.endswith(".h")]
            )
        wheel.unlink()
        (place / "complete").touch()
    shadow = place / "shadow"
    for name in _SHADOWED:
        file = shadow / KERNELS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return str(shadow), str(place / "mlx" / "include")


def instantiate(name: str, template: str, *arguments: object) -> str:
    """An explicit instantiation as MLX writes it; arguments of a template are C++ text, ints or bools."""
    text = ", ".join(str(a).lower() if isinstance(a, bool) else str(a) for a in arguments)
    return f'template [[host_name("{name}")]] [[kernel]] decltype({template}<{text}>) {template}<{text}>;\n'


def mlx_library(
    headers: Sequence[str], instantiations: Sequence[str], constants: Mapping[int | str, bool | int] | None = None
) -> Library:
    includes = "".join(f'#include "{KERNELS}{header}"\n' for header in ("utils.h", *headers))
    source = f"{includes}{''.join(instantiations)}"
    return Library(source, "reference", constants, include_paths=include_paths())
