"""PyTorch's device "mps" on Linux, in host memory: what a program does on a Mac's GPU can be run and tested here.

    python -m triton_alloy.mps_on_linux program.py arguments        as `python program.py arguments` on a Mac
    pytest -p triton_alloy.mps_on_linux.pytest_plugin               the same for tests
    triton_alloy.mps_on_linux.activate()                            before the first `import torch`

Tensors on mps are genuine ones of stock PyTorch, with its dispatch, autograd and views; every operator is computed by
the CPU's kernel on the same memory. It needs PyTorch and g++, no Triton. docs/mps_on_linux.md says what it proves and
cannot prove.

Its rooms, in the order in which an activation goes through them; each imports of those before it only, and `errors`:

- `device/`: the C++ of the device: memory, generators, hooks, and the kernels of all operators;
- `mac_operators`: which operators a Mac has no kernel for, by the table of the release: they raise here as there;
- `library`: builds that with g++ against the headers of the PyTorch that is installed, once, and loads it;
- `torch_facts`: what a PyTorch that was not built for a Mac lacks in Python, by release;
- `activation`: all of these, and the word to the rest of this package that tensors on mps lie in host memory;
- `__main__`, `pytest_plugin`: the command and the plugin.
"""

from .activation import activate, is_active
from .errors import Unavailable

__all__ = ["Unavailable", "activate", "is_active"]
