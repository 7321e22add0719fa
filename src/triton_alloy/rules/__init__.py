"""Rewrites that several parts of the compiler apply: tables by op name, and the driver that applies them.

    driver, values      a worklist of ops, fed by every change; what rules ask about values and types
    fold                integer arithmetic at compile time
    integers, floats, elementwise, selects      arithmetic
    shapes, memory      views; accesses under masks that are known
    branches, loops, blocks     scf and cf

Who runs which rules is said by the passes: `transforms/tensors/simplify.py` and `frontend/passes/`.
"""
