"""Triton kernels as a user would write them, each with a function on arrays and its NumPy reference.

Nothing here knows the compiler: the kernels are plain Triton and run on any of its backends. Every file runs on its
own (`python examples/softmax.py`), `triton-alloy demo` runs them all.
"""
