"""What `triton-alloy calibrate` compares with: PyTorch on mps and MLX, as far as they are there, on the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from triton_alloy.tools.launches import Launch

Arrays = Mapping[str, Any]
Function = Callable[[Arrays, Launch], Any]


@dataclass(frozen=True)
class Rival:
    """A library. take: an array into its memory; functions: by the kind of a launch, of which a call begins the work;
    finish: returns when all that was begun is done."""

    name: str
    version: str
    take: Callable[[np.ndarray], Any]
    functions: Mapping[str, Function]
    finish: Callable[[], None]

    def call(self, launch: Launch, arrays: Mapping[str, np.ndarray]) -> Callable[[], Any] | None:
        """The launch's work on copies of its arrays; None where the library has no function for it."""
        function = self.functions.get(launch.kind)
        if function is None:
            return None
        own = {name: self.take(array) for name, array in arrays.items()}
        return lambda: function(own, launch)


def rivals() -> list[Rival]:
    """Those that run on this machine's GPU."""
    found = []
    try:
        import torch

        if torch.backends.mps.is_available():
            found.append(torch_rival("mps", torch.mps.synchronize))
    except ImportError:
        pass
    try:
        import mlx.core as mx  # pyright: ignore[reportMissingImports]

        if mx.metal.is_available():
            found.append(mlx_rival())
    except (ImportError, AttributeError):  # of a release without mx.metal
        pass
    return found


def torch_rival(device: str, finish: Callable[[], None]) -> Rival:
    """PyTorch on a device."""
    import torch

    functions = torch.nn.functional

    def layer_norm(x: Arrays, _: Launch) -> Any:
        return functions.layer_norm(x["x_ptr"], x["x_ptr"].shape[1:], x["weight_ptr"], x["bias_ptr"])

    def attention(x: Arrays, launch: Launch) -> Any:
        queries, keys, values = (x[f"{name}_ptr"] for name in "qkv")
        causal = launch.constants["CAUSAL"]
        return functions.scaled_dot_product_attention(queries, keys, values, is_causal=causal)

    return Rival(
        "PyTorch",
        torch.__version__,
        lambda array: torch.from_numpy(array).to(device),
        {
            "add": lambda x, _: torch.add(x["x_ptr"], x["y_ptr"], out=x["output_ptr"]),
            "softmax": lambda x, _: torch.softmax(x["input_ptr"], 1),
            "layer_norm": layer_norm,
            "column_sums": lambda x, _: x["x_ptr"].sum(0, dtype=torch.float32),
            "matmul": lambda x, _: torch.matmul(x["a_ptr"], x["b_ptr"], out=x["c_ptr"]),
            "attention": attention,
        },
        finish,
    )


def mlx_rival() -> Rival:
    """MLX on its default device."""
    import mlx.core as mx  # pyright: ignore[reportMissingImports]

    def attention(x: Arrays, launch: Launch) -> Any:
        queries, keys, values = (x[f"{name}_ptr"] for name in "qkv")
        mask = "causal" if launch.constants["CAUSAL"] else None
        return mx.fast.scaled_dot_product_attention(queries, keys, values, scale=launch.scalars["scale"], mask=mask)

    def begun(function: Function) -> Function:
        def begin(x: Arrays, launch: Launch) -> Any:
            result = function(x, launch)
            mx.async_eval(result)
            return result

        return begin

    functions: dict[str, Function] = {
        "add": lambda x, _: x["x_ptr"] + x["y_ptr"],
        "softmax": lambda x, _: mx.softmax(x["input_ptr"], axis=1, precise=True),
        "layer_norm": lambda x, launch: mx.fast.layer_norm(
            x["x_ptr"], x["weight_ptr"], x["bias_ptr"], launch.scalars["eps"]
        ),
        "column_sums": lambda x, _: mx.sum(x["x_ptr"].astype(mx.float32), axis=0),
        "matmul": lambda x, _: x["a_ptr"] @ x["b_ptr"],
        "attention": attention,
    }
    functions = {kind: begun(function) for kind, function in functions.items()}
    return Rival("MLX", version("mlx"), mx.array, functions, mx.synchronize)
