"""The Triton plug-in again, for kernels that run on the CPU: entry point `cpu` of the group `triton.backends`.

PyTorch and libraries ask Triton's target for the name of a PyTorch device, and Inductor compiles for GPUTarget("cpu")
whatever the driver says. Apple's GPUs are "mps" there, so the CPU needs a backend and a driver of its own.
"""
