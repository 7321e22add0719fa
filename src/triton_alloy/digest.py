"""A digest of the compiler's own sources: Triton's cache must not outlive a change of them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

NOT_CODE_GENERATION = ("msl_cpu", "runtime", "tools", "examples")
"""Packages whose sources cannot change a kernel's text."""


@functools.lru_cache(maxsize=1)
def sources_digest() -> str:
    """The digest, in hexadecimal, of every source file that can change the text of a kernel."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.metal")]):
        if path.relative_to(package).parts[0] not in NOT_CODE_GENERATION:
            digest.update(path.read_bytes())
    return digest.hexdigest()
