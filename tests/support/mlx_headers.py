"""MLX's Metal headers from its macOS wheel, downloaded at test time, and instantiations of their kernels.

Five families are in no wheel as text, only compiled (searched: macOS wheels of mlx 0.0.5, 0.2.0, 0.10.0, 0.21.1, 0.25.2
and of mlx-metal 0.26.5, 0.29.4, 0.31.2, 0.32.4: their headers, and the strings of libmlx.dylib, which has the sources
that MLX compiles at run time; there is no source distribution). They come from a checkout of MLX named by $MLX_SOURCE,
else from its repository.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.wheels import cache_folder, downloaded
from triton_alloy.msl_cpu import Library
from triton_alloy.msl_cpu.strict import check

WHEEL = "mlx-metal==0.32.4"
PLATFORM = "macosx_14_0_arm64"
KERNELS = "mlx/backend/metal/kernels/"
REPOSITORY = "https://raw.githubusercontent.com/ml-explore/mlx/v0.32.1/"
# The texts of that release, and what they hash to.
TEXTS = {
    "rope": "2b35221ebea033ff43100b85eaaddec5c0e34e3cfd52e7c692573764b2b7d0ab",
    "rms_norm": "5d411a2350ba7ddf84eb35f9dcac7cde0d441bd55fa1e9e1ccc61d490d428dee",
    "layer_norm": "2d243f5abea7353929f9bc838ceb5a98e52a452dfc29609ad4d5974447ea689f",
    "random": "f1a19b3f11b7b10203824890f13debc6d627959b4e7f17c219e2e9da553c1bd7",
    "arg_reduce": "3d413c4d7eb5a6c397a52487721f445e08ba206a997a90fddcb7e51bf126d1f2",
}
# Uses internals of Apple's compiler to declare bfloat functions that the standard library here has already.
_SHADOWED = "bf16_math.h"


@functools.cache
def include_paths() -> tuple[str, ...]:
    """Unpacked headers, with a directory before them that shadows what only Apple's compiler can read."""
    place = cache_folder() / WHEEL.replace("==", "-")
    if not place.exists():
        with (
            zipfile.ZipFile(downloaded(WHEEL, PLATFORM)) as archive,
            tempfile.TemporaryDirectory(dir=cache_folder()) as folder,
        ):
            headers = [n for n in archive.namelist() if n.startswith("mlx/include/") and n.endswith(".h")]
            archive.extractall(Path(folder, "headers"), headers)
            with contextlib.suppress(OSError):  # another process was first
                os.rename(Path(folder, "headers"), place)
    return str(_shadow(place, "shadow", "")), str(place / "mlx" / "include")


def _shadow(place: Path, name: str, content: str) -> Path:
    """A directory of include files whose bf16_math.h is `content`. Others may read it meanwhile."""
    file = place / name / KERNELS / _SHADOWED
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as written:
        written.write(content)
    os.replace(written.name, file)
    return place / name


@functools.cache
def strict_include_paths() -> tuple[str, ...]:
    """... where bf16_math.h is MLX's own, behind declarations of the compiler's internals that it calls."""
    include = Path(include_paths()[-1])
    text = (include / KERNELS / _SHADOWED).read_text()
    internals = sorted(set(re.findall(r"\b__metal_\w+", text)))
    declarations = [f"template <class T, class... Rest> T {name}(T, Rest...);" for name in internals]
    modes = [f"#define {name} 0" for name in sorted(set(re.findall(r"\b__METAL_\w+_MATH__", text)))]
    head = "\n".join([*modes, "namespace metal {", *declarations, "}", "using namespace metal;", ""])
    return str(_shadow(include.parent.parent, "strict", head + text)), str(include)


@functools.cache
def metal_text(name: str) -> str:
    """MLX's file `name`.metal. Skips the test where it is neither in $MLX_SOURCE nor to be had from the repository."""
    checkout = os.environ.get("MLX_SOURCE")
    if checkout:
        return Path(checkout, KERNELS, f"{name}.metal").read_text()
    place = cache_folder() / f"{name}-{TEXTS[name][:16]}.metal"
    if not place.exists():
        try:
            with urllib.request.urlopen(f"{REPOSITORY}{KERNELS}{name}.metal", timeout=30) as answer:
                content = answer.read()
        except (urllib.error.URLError, OSError) as error:
            pytest.skip(f"{name}.metal is in no wheel of MLX, and its repository cannot be reached: {error}")
        place.write_bytes(content)
    content = place.read_bytes()
    assert hashlib.sha256(content).hexdigest() == TEXTS[name], f"{place} is not MLX's {name}.metal"
    return content.decode()


def instantiate(name: str, template: str, *arguments: object) -> str:
    """An explicit instantiation as MLX writes it; arguments of a template are C++ text, ints or bools."""
    text = ", ".join(str(a).lower() if isinstance(a, bool) else str(a) for a in arguments)
    return f'template [[host_name("{name}")]] [[kernel]] decltype({template}<{text}>) {template}<{text}>;\n'


def mlx_library(
    headers: Sequence[str], instantiations: Sequence[str], constants: Mapping[int | str, bool | int] | None = None
) -> Library:
    return _library(mlx_source(headers, instantiations), constants)


def mlx_source(headers: Sequence[str], instantiations: Sequence[str]) -> str:
    """A text that includes MLX's headers and instantiates kernels of theirs."""
    includes = "".join(f'#include "{KERNELS}{header}"\n' for header in ("utils.h", *headers))
    return includes + "".join(instantiations)


def mlx_text_library(name: str, constants: Mapping[int | str, bool | int] | None = None) -> Library:
    """All kernels that MLX instantiates in `name`.metal, which is compiled as it is."""
    return _library(metal_text(name), constants)


def _library(source: str, constants: Mapping[int | str, bool | int] | None) -> Library:
    """Every text of the suite is one that strict mode takes too: Apple's compiler does."""
    check(source, language="3.2", include_paths=strict_include_paths(), plain_literals=True)
    return Library(source, "reference", constants, include_paths=include_paths())
