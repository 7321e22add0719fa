"""What libtriton says of the environment: upstream reads its own variables through these functions."""

from __future__ import annotations

import os
from typing import Any

_CHANGES_CODE = ("TRITON_DEFAULT_FP_FUSION", "TRITON_DISABLE_LINE_INFO", "TRITON_F32_DEFAULT", "USE_IR_LOC")
_TRUE, _FALSE = ("on", "true", "1"), ("off", "false", "0")


def getenv(name: str, default: Any = None) -> Any:
    """The variable's text, or `default`."""
    return os.environ.get(name, default)


def getenv_bool(name: str, default: Any) -> Any:
    """Whether the variable says yes, or `default`."""
    text = os.environ.get(name)
    return default if text is None else text.lower() in ("1", "y", "on", "yes", "true")


def get_cache_invalidating_env_vars() -> dict[str, str]:
    """The variables that are set and can change what a kernel becomes, for the key of Triton's cache."""
    found = {name: os.environ[name] for name in _CHANGES_CODE if os.environ.get(name)}
    return {
        name: "true" if text.lower() in _TRUE else "false" if text.lower() in _FALSE else text
        for name, text in found.items()
    }


def has_line_info() -> bool:
    """Whether ops shall have locations."""
    return os.environ.get("TRITON_DISABLE_LINE_INFO", "").lower() not in _TRUE


def dumped_kernel() -> str | None:
    """Of which kernel MLIR_ENABLE_DUMP wants the modules: "" for every one, None for none."""
    text = os.environ.get("MLIR_ENABLE_DUMP", "")
    if text.lower() in _TRUE:
        return ""
    return None if not text or text.lower() in _FALSE else text
