"""Run Metal compute kernels on a CPU.

`Library(source)` compiles Metal Shading Language text with the C++ compiler of this machine and runs its kernels on all
processors. The package knows nothing of Triton and imports nothing else of triton_alloy.

Its rooms, in the order in which a text goes through them; each imports of those before it only, and
`errors` and `limits`, Metal's numbers:

- `compile/`: a C++ compiler, what it has compiled, on disk, and what the key of that is;
- `text/`: Metal text becomes C++ text; the table of Metal's words;
- `strict/`: what Apple's compiler would refuse is refused, by clang and by checks of our own;
- `launch/`: what Python and compiled code hand each other, and the line where a launch was stopped;
- `sanitize`: the mode in which every access is checked, and its reports;
- `recipe`: from a text to its loaded library, from the cache or by all of these;
- `library`: `Library` and its kernels; `shader` and `metal_kernel`: the same behind the signatures of
  torch.mps and of mx.fast;
- `headers/`: the C++ that a text is compiled with: `metal_stdlib.h`, Metal's library for a fiber per thread
  (`headers/msl_cpu/`), the vocabulary on vectors of 32 lanes (`headers/lanes/`), the declarations of strict mode
  (`headers/strict/`); `runtime/`: the pool of threads and the sanitizer.
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
from .launch.host import Deadline
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
