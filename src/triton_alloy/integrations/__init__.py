"""Triton and NumPy meet the compiler and the runtimes.

triton/         the plug-in `metal`: Triton's compiler and driver interfaces, launches
triton_cpu/     the plug-in `cpu`: the same, for kernels that PyTorch and libraries start on CPU tensors
inductor/       PyTorch's compiler writes Triton for tensors on `mps`
arrays, shared  NumPy arrays as arguments, and in memory that CPU and GPU share
"""
