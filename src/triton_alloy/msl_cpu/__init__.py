"""Run Metal compute kernels on a CPU.

`Library(source)` compiles Metal Shading Language text with the C++ compiler of this machine and runs its kernels on all
processors. The package knows nothing of Triton and imports nothing else of triton_alloy.
"""

from .errors import (
    CompileError,
    CompilerCrash,
    Diagnostic,
    FrameTooLarge,
    KernelFailure,
    LaunchError,
    MslError,
    NoCompiler,
    OutOfStack,
)
from .host import Deadline
from .library import Kernel, Launcher, Library
from .metal_kernel import MetalKernel, metal_kernel
from .shader import ShaderKernel, ShaderLibrary, compile_shader

__all__ = [
    "CompileError",
    "CompilerCrash",
    "Deadline",
    "Diagnostic",
    "FrameTooLarge",
    "Kernel",
    "KernelFailure",
    "LaunchError",
    "Launcher",
    "Library",
    "MetalKernel",
    "MslError",
    "NoCompiler",
    "OutOfStack",
    "ShaderKernel",
    "ShaderLibrary",
    "compile_shader",
    "metal_kernel",
]
