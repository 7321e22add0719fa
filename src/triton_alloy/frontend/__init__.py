"""A tt module from Triton, as our IR. Where a kernel enters the compiler.

native      on native libtriton: its module's text becomes our IR
libtriton/  where there is none: `triton._C.libtriton` in Python, which builds our IR directly
passes/     Triton's own target-independent passes, for the second case (and for the first on request)
"""
