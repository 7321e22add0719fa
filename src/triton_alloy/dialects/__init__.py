"""The ops that the compiler knows, as tables. Importing this package registers them."""

from ..ir.registry import Trait, find_rule, is_elementwise, is_pure, is_removable, is_terminator, traits
from . import arith, builtin, control, msl, tt

__all__ = [
    "Trait",
    "arith",
    "builtin",
    "control",
    "find_rule",
    "is_elementwise",
    "is_pure",
    "is_removable",
    "is_terminator",
    "msl",
    "traits",
    "tt",
]
