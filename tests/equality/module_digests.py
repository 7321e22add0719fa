"""Digests of the modules that Triton's front end builds of the example kernels, before and after its passes, as JSON.

    python -m tests.equality.module_digests

Names no path and needs NumPy only where it is there: the examples import it, and build nothing with it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import types
from pathlib import Path

from frontend_times import KERNELS, build_module, source_of


def stand_in_for_numpy() -> None:
    """For a Python that has no NumPy."""
    numpy = types.ModuleType("numpy")
    numpy.ndarray = type("ndarray", (), {})  # type: ignore[attr-defined]
    sys.modules["numpy"] = numpy


def digest(module: object, packages: list[types.ModuleType]) -> str:
    """Of a module's text, locations included, wherever `packages` are installed."""
    text = str(module)
    for package in packages:
        text = text.replace(f"{Path(package.__file__ or '').parent}/", f"{package.__name__}/")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    if not importlib.util.find_spec("numpy"):
        stand_in_for_numpy()
    import triton

    import triton_alloy
    from triton_alloy.frontend import native

    packages = [triton_alloy, triton]
    digests = {}
    for name in KERNELS:
        module = build_module(source_of(name))
        before = digest(module, packages)
        native.optimise(module)
        digests[name] = [before, digest(module, packages)]
    print(json.dumps(digests))


if __name__ == "__main__":
    main()
