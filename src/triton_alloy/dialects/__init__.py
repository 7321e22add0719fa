"""The ops that the compiler knows, as tables. Importing this package registers them.

builtin, tt     modules and Triton's ops, as they come
control         scf and cf: loops and branches, and what they carry
arith           arithmetic on scalars, tensors and registers alike
msl             the ops of lowered IR, whose values are registers of one thread
types           rules for operand and result types that the tables share
"""

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
