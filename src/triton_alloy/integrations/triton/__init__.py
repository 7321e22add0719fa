"""The Triton plug-in: entry point `metal` of the group `triton.backends`.

Triton imports `compiler` and `driver` from here while it is itself being imported, and demands exactly one concrete
subclass in each. Both therefore import only `triton.backends` and `triton._C` at their top, and the rest when called.
"""

# Whoever imports this package first gets Triton first, so that discovery always sees finished modules.
import triton as _triton  # noqa: F401
