"""The printed texts against Triton's own backend, on the same source and blocks, and against PyTorch: on a GPU.

Times are medians over rounds in which all sides take turns, of graphs that walk over several sets of inputs, so that
none of them finds its data in the cache. Errors are norms relative to the exact result in float64.
"""

from __future__ import annotations

import json
import statistics
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.simt.archive import Archive
from tests.simt.driver import Gpu
from tests.simt.workloads import Workload, named

Arrays = dict[str, torch.Tensor]
Launch = Callable[[], Any]
CACHE_BYTES, ROUNDS, MICROSECONDS = 256 << 20, 9, 1500
"""More than a GPU's cache; rounds of measurement; about how long one graph runs."""
TOLERANCE = 2e-3
"""The largest accepted error; products of float32 are of tf32, as Triton's are."""
WORD = {"i32": "=i", "f32": "=f"}


@dataclass
class Row:
    """One workload.

    bytes: that must be moved; errors: of our result and Triton's; microseconds: by side, medians; spread: of rounds, by
    side, relative to the median; registers, local: of our kernel, local in bytes; skipped: which side and why.
    """

    name: str
    bytes: int
    errors: dict[str, float] = field(default_factory=dict)
    microseconds: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    registers: int = 0
    local: int = 0
    skipped: str = ""

    @property
    def ratio(self) -> float:
        """Triton's time over ours: 1 is Triton's bandwidth."""
        return self.microseconds["triton"] / self.microseconds["ours"]


def missing() -> str:
    """Why nothing can be timed here, or ""."""
    if not torch.cuda.is_available():
        return "PyTorch here is built without CUDA" if torch.version.cuda is None else "PyTorch finds no NVIDIA GPU"
    return ""


def inputs(workload: Workload, seed: int, device: str = "cuda") -> Arrays:
    """Arrays of normal numbers; of a backward pass the statistics of its rows."""
    generator = torch.Generator(device).manual_seed(seed)
    arrays = {
        name: torch.randn(shape, generator=generator, device=device).to(dtype)
        for name, (shape, dtype) in workload.tensors.items()
    }
    if workload.kind == "layer_norm_backward":
        mean, rstd = _statistics(arrays["x_ptr"].double())
        arrays["mean_ptr"].copy_(mean)
        arrays["rstd_ptr"].copy_(rstd)
    return arrays


def _statistics(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.mean(1), 1 / torch.sqrt(x.var(1, unbiased=False) + 1e-5)


# ------------------------------------------------------------------------------------------------------- exact results
def _exact_layer_norm(x: Arrays, _: Workload) -> Arrays:
    mean, rstd = _statistics(x["x_ptr"])
    y = (x["x_ptr"] - mean[:, None]) * rstd[:, None] * x["weight_ptr"] + x["bias_ptr"]
    return {"y_ptr": y, "mean_ptr": mean, "rstd_ptr": rstd}


def _exact_layer_norm_backward(x: Arrays, _: Workload) -> Arrays:
    normalised = (x["x_ptr"] - x["mean_ptr"][:, None]) * x["rstd_ptr"][:, None]
    weighted = x["dy_ptr"] * x["weight_ptr"]
    projection, average = (normalised * weighted).mean(1, keepdim=True), weighted.mean(1, keepdim=True)
    dx = (weighted - normalised * projection - average) * x["rstd_ptr"][:, None]
    sums = {"partial_dw_ptr": (x["dy_ptr"] * normalised).sum(0), "partial_db_ptr": x["dy_ptr"].sum(0)}
    return {"dx_ptr": dx, **sums}


def _exact_attention(x: Arrays, workload: Workload) -> Arrays:
    output = torch.empty_like(x["q_ptr"])
    for batch in range(len(output)):  # all at once would be gigabytes
        scores = x["q_ptr"][batch] @ x["k_ptr"][batch].transpose(-1, -2) * workload.scalars["scale"]
        if workload.constants["CAUSAL"]:
            visible = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
            scores = scores.masked_fill(~visible, -torch.inf)
        output[batch] = torch.softmax(scores, -1) @ x["v_ptr"][batch]
    return {"output_ptr": output}


EXACT: dict[str, Callable[[Arrays, Workload], Arrays]] = {
    "add": lambda x, _: {"output_ptr": x["x_ptr"] + x["y_ptr"]},
    "softmax": lambda x, _: {"output_ptr": torch.softmax(x["input_ptr"], 1)},
    "layer_norm": _exact_layer_norm,
    "layer_norm_backward": _exact_layer_norm_backward,
    "column_sums": lambda x, _: {"y_ptr": x["x_ptr"].sum(0)},
    "matmul": lambda x, _: {"c_ptr": x["a_ptr"] @ x["b_ptr"]},
    "attention": _exact_attention,
}
"""kind -> outputs of float64 inputs. A partial sum of several programs is added up before it is compared."""


def _torch_layer_norm(x: Arrays, _: Workload) -> Launch:
    shape = x["weight_ptr"].shape
    return lambda: torch.nn.functional.layer_norm(x["x_ptr"], shape, x["weight_ptr"], x["bias_ptr"])


def _torch_layer_norm_backward(x: Arrays, _: Workload) -> Launch:
    shape, mean, rstd = x["weight_ptr"].shape, x["mean_ptr"][:, None], x["rstd_ptr"][:, None]
    weight, bias = x["weight_ptr"], torch.zeros_like(x["weight_ptr"])
    backward = torch.ops.aten.native_layer_norm_backward
    return lambda: backward(x["dy_ptr"], x["x_ptr"], shape, mean, rstd, weight, bias, [True, True, True])


def _torch_attention(x: Arrays, workload: Workload) -> Launch:
    attention, causal = torch.nn.functional.scaled_dot_product_attention, workload.constants["CAUSAL"]
    return lambda: attention(x["q_ptr"], x["k_ptr"], x["v_ptr"], is_causal=causal)


TORCH: dict[str, Callable[[Arrays, Workload], Launch]] = {
    "add": lambda x, _: lambda: torch.add(x["x_ptr"], x["y_ptr"], out=x["output_ptr"]),
    "softmax": lambda x, _: lambda: torch.softmax(x["input_ptr"], 1),
    "layer_norm": _torch_layer_norm,
    "layer_norm_backward": _torch_layer_norm_backward,
    "column_sums": lambda x, _: lambda: torch.sum(x["x_ptr"], 0, dtype=torch.float32),
    "matmul": lambda x, _: lambda: torch.matmul(x["a_ptr"], x["b_ptr"], out=x["c_ptr"]),
    "attention": _torch_attention,
}


def error(found: Mapping[str, torch.Tensor], exact: Arrays) -> float:
    """The largest of all outputs; NaN where a number is missing."""
    errors = []
    for name, wanted in exact.items():
        result = found[name].double()
        result = result.sum(0) if result.shape != wanted.shape else result
        errors.append(((result - wanted).norm() / wanted.norm()).item())
    return float("nan") if any(each != each for each in errors) else max(errors)


# --------------------------------------------------------------------------------------------------------------- timing
def packed(kernel: Mapping[str, Any], workload: Workload) -> bytes:
    """The struct of the kernel's scalars, all of 4 bytes."""
    scalars = [each for each in kernel["arguments"] if each["kind"] == "scalar"]
    return b"".join(struct.pack(WORD[each["element"]], workload.scalars[each["name"]]) for each in scalars)


def ours(function: Any, kernel: Mapping[str, Any], workload: Workload, arrays: Arrays) -> Launch:
    buffers = [each["name"] for each in kernel["arguments"] if each["kind"] == "buffer"]
    threads = kernel["simdgroups"] * kernel["threads_per_simdgroup"]
    addresses = [arrays[name].data_ptr() for name in buffers]
    stream = lambda: torch.cuda.current_stream().cuda_stream  # noqa: E731
    return function.bind(addresses, packed(kernel, workload), [], workload.grid, threads, stream)


def tritons(workload: Workload, arrays: Arrays) -> Launch:
    arguments = workload.arguments(arrays)
    return lambda: workload.kernel[workload.grid](*arguments, **workload.constants, num_warps=workload.warps)


def graph_of(launches: list[Launch], count: int) -> torch.cuda.CUDAGraph:
    """`count` launches that walk over the sets of inputs."""
    launches[0]()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(count):
            launches[i % len(launches)]()
    return graph


def timed(run: Callable[[], Any]) -> float:
    """Microseconds."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) * 1000


def measured(sides: Mapping[str, list[Launch]]) -> dict[str, list[float]]:
    """Microseconds of one launch by side, one number a round; the sides take turns."""
    sets = len(next(iter(sides.values())))
    single = statistics.median(timed(launches[0]) for launches in sides.values())
    count = max(sets, min(24, int(MICROSECONDS / single)))
    graphs = {side: graph_of(launches, count) for side, launches in sides.items()}
    for graph in graphs.values():
        graph.replay()
    times: dict[str, list[float]] = {side: [] for side in graphs}
    for _ in range(ROUNDS):
        for side, graph in graphs.items():
            times[side].append(timed(graph.replay) / count)
    return times


def row_of(gpu: Gpu, archive: Archive, workload: Workload) -> Row:
    """Check and time one workload."""
    kernel, row = archive.kernels[workload.name], Row(workload.name, workload.bytes)
    codes = [archive.blobs.get(f"{workload.name}.{product}") for product in (1, 0)]
    function = gpu.load(next(code for code in codes if code is not None), kernel["name"])
    row.registers, row.local = function.attribute("registers"), function.attribute("local")
    sets = max(1, min(4, CACHE_BYTES // workload.bytes + 1))
    arrays = [inputs(workload, seed) for seed in range(sets)]
    exact = EXACT[workload.kind]({name: x.double() for name, x in arrays[0].items()}, workload)
    sides = {
        "ours": [ours(function, kernel, workload, each) for each in arrays],
        "triton": [tritons(workload, each) for each in arrays],
        "torch": [TORCH[workload.kind](each, workload) for each in arrays],
    }
    for side in ("ours", "triton"):
        for name in exact:
            arrays[0][name].fill_(float("nan"))
        sides[side][0]()
        row.errors[side] = error(arrays[0], exact)
    del exact
    try:
        sides["torch"][0]()
    except RuntimeError as refusal:
        row.skipped = f"PyTorch: {refusal}"[:200]
        del sides["torch"]
    for side, times in measured(sides).items():
        row.microseconds[side] = statistics.median(times)
        row.spread[side] = (max(times) - min(times)) / row.microseconds[side]
    return row


def run(folder: Path, results: Path, names: Iterable[str], has_time: Callable[[], bool]) -> list[Row]:
    """Rows of all workloads that are in the file, those in `results` included, as long as there is time."""
    torch.backends.cuda.matmul.allow_tf32 = True
    archive, gpu = Archive.load(folder / "workloads.xz"), Gpu()
    rows = [Row(**json.loads(line)) for line in results.read_text().splitlines()] if results.exists() else []
    known = {row.name for row in rows}
    for workload in named(names):
        if workload.name in known or workload.name not in archive.kernels or not has_time():
            continue
        rows.append(row_of(gpu, archive, workload))
        print(told(rows[-1]), flush=True)
        with results.open("a") as file:
            file.write(json.dumps(asdict(rows[-1])) + "\n")
        torch.cuda.empty_cache()
    return rows


def told(row: Row) -> str:
    times = "  ".join(f"{side} {value:9.1f} us" for side, value in row.microseconds.items())
    wrong = "" if is_right(row) else "  WRONG"
    return f"{row.name:32s} {times}  {row.ratio:5.2f}  error {row.errors['ours']:.2g}{wrong}  {row.registers} registers"


def is_right(row: Row) -> bool:
    return row.errors["ours"] <= TOLERANCE


def markdown(rows: Iterable[Row]) -> str:
    """A table for docs/gpu_text.md."""
    lines = [
        "| kernel | Triton GB/s | Triton us | PyTorch us | ours us | Triton over ours | error |",
        "|---|" + "---|" * 6,
    ]
    for row in rows:
        us = row.microseconds
        times = (f"{us[side]:.1f}" if side in us else "-" for side in ("triton", "torch", "ours"))
        cells = [f"{row.bytes / us['triton'] / 1e3:.0f}", *times]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.ratio:.2f} | {row.errors['ours']:.1e} |")
    return "\n".join(lines) + "\n"
