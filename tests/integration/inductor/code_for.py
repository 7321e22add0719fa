"""Prints the code that Inductor writes for a device, which need not be there: python code_for.py cuda.

Nothing is compiled or run. What a GPU of NVIDIA would say of itself stands below.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import torch
import torch.nn.functional as F
import triton  # noqa: F401

A100 = SimpleNamespace(
    name="A100",
    multi_processor_count=108,
    major=8,
    minor=0,
    regs_per_multiprocessor=65536,
    max_threads_per_multi_processor=2048,
    max_threads_per_block=1024,
    warp_size=32,
)


def function(x: torch.Tensor, y: torch.Tensor, half: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Elementwise, with 16-bit floats; a softmax, a norm, a scan, a sort, reductions of rows and columns, a product."""
    return (
        F.softmax(x, -1) + y.relu(),
        F.layer_norm(x, (300,)),
        x.sum(0),
        x.argmax(1),
        x.cumsum(1),
        x.sort(-1)[0],
        (half * 2 + 1).sigmoid(),
        x @ y.t(),
    )


def code_for(device: str) -> str:
    """The module that Inductor writes for `function` of tensors on the device."""
    from torch._inductor.debug import DebugContext
    from torch._inductor.decomposition import select_decomp_table
    from torch._inductor.graph import GraphLowering
    from torch._inductor.virtualized import V
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    mode = FakeTensorMode(shape_env=ShapeEnv())
    with mode:
        inputs = [torch.empty(64, 300, device=device) for _ in range(2)]
        inputs.append(torch.empty(64, 300, device=device, dtype=torch.float16))
        graph = make_fx(function, decomposition_table=select_decomp_table())(*inputs)
    lowering = GraphLowering(graph, example_inputs=inputs, shape_env=mode.shape_env)
    with V.set_graph_handler(lowering), V.set_fake_mode(mode), V.set_debug_handler(DebugContext()):
        lowering.run(*inputs)
        code, _ = lowering.codegen()
    return code if isinstance(code, str) else code.value


if __name__ == "__main__":
    if sys.argv[1] == "cuda":
        torch.cuda.get_device_properties = lambda device=None: A100
        torch.cuda.get_device_capability = lambda device=None: (A100.major, A100.minor)
    print(code_for(sys.argv[1]))
