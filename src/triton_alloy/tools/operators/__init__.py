"""PyTorch's most used operators as plain Triton kernels, for `triton-alloy bench` to compare.

elementwise   a table of expressions, and the kernels that are written of it
kernels       reductions, norms, indexing, sorting and products, as users write them
table         every operator: its inputs, PyTorch's function, our launch
"""
