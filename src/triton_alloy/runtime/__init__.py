"""Devices: what runs a `Kernel`. A runtime never sees IR.

automatic       which runtime a launch goes to, by its arrays
cpu             msl_cpu runs the text on the processor
metal*          Apple's GPUs through PyObjC: devices, compilation, memory, command buffers
torch_mps       PyTorch's compile_shader, on MPS tensors
mlx, mlx_text   MLX's metal_kernel, on its arrays
log, limits, host_memory        what they share
detection, probes, selftest     what a machine has, and whether it works
"""
