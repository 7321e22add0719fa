"""One text on one Apple GPU, for `triton-alloy calibrate`: built, launched, compared with NumPy, timed."""

from __future__ import annotations

import dataclasses
import re
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import triton_alloy
from triton_alloy import config
from triton_alloy.errors import AlloyError
from triton_alloy.examples import attention, layer_norm, softmax
from triton_alloy.integrations.triton.arguments import Signature
from triton_alloy.integrations.triton.launcher import Plan
from triton_alloy.kernel import Kernel
from triton_alloy.runtime.metal import MetalDevice, MetalExecutable
from triton_alloy.tools.launches import Launch
from triton_alloy.tools.measure import elapsed
from triton_alloy.tools.rivals import Rival

Arrays = Mapping[str, np.ndarray]
DTYPES = {"f32": np.float32, "f16": np.float16}
CALLS = 32
"""In a row at most, between two looks at the clock; one command buffer holds twice as many."""
TURN = 0.05
"""Seconds that calls in a row should take."""
ROWS = 64
"""Of a result that are compared with NumPy's."""
_PROMISE = re.compile(r"\[\[kernel, max_total_threads_per_threadgroup\(\d+\)\]\]")


@dataclass(frozen=True)
class Text:
    """A printed text, and Triton's source of it, which tells where its arguments are in a launch."""

    kernel: Kernel
    source: Any

    def free(self) -> Text:
        """Without the promise of how many threads a threadgroup has."""
        source = _PROMISE.sub("[[kernel]]", self.kernel.source)
        return dataclasses.replace(self, kernel=dataclasses.replace(self.kernel, source=source))


@dataclass(frozen=True)
class Built:
    """One build of a text.

    threads, threads_per_simdgroup, threadgroup_bytes: what Metal says of the pipeline; compile_seconds: of the build,
    short where Metal has kept it; seconds: of a launch, by the GPU's clock; wall_seconds: by that on the wall; error:
    relative to the largest magnitude of the exact result; problem: why the numbers are missing, "" where they are not.
    """

    threads: int = 0
    threads_per_simdgroup: int = 0
    threadgroup_bytes: int = 0
    compile_seconds: float = 0.0
    seconds: float = 0.0
    wall_seconds: float = 0.0
    error: float = 0.0
    problem: str = ""


def printed(launch: Launch, family: str, arrays: Arrays) -> Text:
    """The text for a family of GPUs."""
    given = launch.arguments({name: triton_alloy.array(array) for name, array in arrays.items()})
    with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE="fast"):
        compiled = launch.kernel.warmup(*given, **launch.constants, grid=launch.grid, num_warps=launch.warps)
    return Text(Kernel.from_json(compiled.asm["alloy"]), compiled.src)


def inputs(launch: Launch) -> dict[str, np.ndarray]:
    """Arrays of normal numbers, in pages that the GPU uses where they are."""
    generator = np.random.default_rng(0)
    arrays = {name: triton_alloy.empty(shape, DTYPES[element]) for name, (shape, element) in launch.arrays.items()}
    for array in arrays.values():
        array[...] = generator.standard_normal(array.shape, np.float32)
    return arrays


# ------------------------------------------------------------------------------------------------------------- results
def _exact_attention(x: Arrays, launch: Launch) -> np.ndarray:
    """Of the first rows of the first head."""
    queries, keys, values = (x[f"{name}_ptr"][:1, :1].astype(np.float64) for name in "qkv")
    return attention.reference(queries[:, :, :ROWS], keys, values, launch.constants["CAUSAL"])[0, 0]


def _exact_layer_norm(x: Arrays, launch: Launch) -> np.ndarray:
    rows, weight, bias = (each.astype(np.float64) for each in (x["x_ptr"][:ROWS], x["weight_ptr"], x["bias_ptr"]))
    return layer_norm.reference(rows, weight, bias, launch.scalars["eps"])


RESULTS: dict[str, tuple[str, Callable[[Arrays, Launch], np.ndarray]]] = {
    "add": ("output_ptr", lambda x, _: x["x_ptr"][:ROWS].astype(np.float64) + x["y_ptr"][:ROWS]),
    "softmax": ("output_ptr", lambda x, _: softmax.reference(x["input_ptr"][:ROWS].astype(np.float64))),
    "layer_norm": ("y_ptr", _exact_layer_norm),
    "column_sums": ("y_ptr", lambda x, _: x["x_ptr"][:, :ROWS].astype(np.float64).sum(0)),
    "matmul": ("c_ptr", lambda x, _: x["a_ptr"][:ROWS].astype(np.float64) @ x["b_ptr"].astype(np.float64)),
    "attention": ("output_ptr", _exact_attention),
}
"""Kind of a launch -> (the array of its result, the exact values of its first rows)."""


def error_of(launch: Launch, arrays: Arrays) -> float:
    """The largest error of the first rows, relative to their largest exact magnitude; NaN where one is NaN."""
    name, exact_of = RESULTS[launch.kind]
    exact = exact_of(arrays, launch)
    found = arrays[name][0, 0] if launch.kind == "attention" else arrays[name]
    return float(np.abs(found[: len(exact)].astype(np.float64) - exact).max() / np.abs(exact).max())


# --------------------------------------------------------------------------------------------------------------- times
@dataclass(frozen=True)
class Runner:
    """Builds and times on one device. seconds: for each timing, about."""

    device: MetalDevice
    seconds: float

    def built(self, text: Text, launch: Launch, arrays: Arrays) -> Built:
        """What comes of a text. What Metal refuses, or the GPU cannot run, is told in `problem`."""
        arrays[RESULTS[launch.kind][0]].fill(np.nan)
        try:
            start = time.perf_counter()
            executable = self.device.compile(text.kernel)
            compile_seconds = time.perf_counter() - start
            call = self._call(executable, text.source, launch, arrays)
            call()
            error = error_of(launch, arrays)
            seconds, wall = self._times(call)
        except AlloyError as problem:
            return Built(problem=str(problem))
        return Built(
            **asdict(executable.facts), compile_seconds=compile_seconds, seconds=seconds, wall_seconds=wall, error=error
        )

    def rival(self, rival: Rival, launch: Launch, arrays: Arrays) -> float | None:
        """Seconds of a call of the library's, by the clock on the wall; None where it has no such function."""
        call = rival.call(launch, arrays)
        if call is None:
            return None

        def turn(calls: int) -> float:
            start = time.perf_counter()
            for _ in range(calls):
                call()
            rival.finish()
            return (time.perf_counter() - start) / calls

        return statistics.median(self._turns(turn))

    def _call(self, executable: MetalExecutable, source: Any, launch: Launch, arrays: Arrays) -> Callable[[], None]:
        wrapped = {name: triton_alloy.array(array) for name, array in arrays.items()}
        values = {**wrapped, **launch.scalars, **launch.constants}
        given = [values[parameter.name] for parameter in launch.kernel.params]
        plan = Plan(Signature.of(source), executable, self.device)
        x, y, z = (*launch.grid, 1, 1)[:3]
        buffers, scalars, extents = plan.buffers(given), plan.pack(given), plan.extents(given)
        return lambda: self.device.launch(executable, buffers, scalars, (x, y, z), extents)

    def _times(self, call: Callable[[], None]) -> tuple[float, float]:
        """(the GPU's seconds, those on the wall) of a launch."""
        on_the_wall: list[float] = []

        def turn(calls: int) -> float:
            before, start = self.device.worked_seconds, time.perf_counter()
            with self.device.batch():
                for _ in range(calls):
                    call()
            on_the_wall.append((time.perf_counter() - start) / calls)
            return (self.device.worked_seconds - before) / calls

        return statistics.median(self._turns(turn)), statistics.median(on_the_wall[1:])

    def _turns(self, turn: Callable[[int], float]) -> list[float]:
        """Times of turns, for about the seconds given. Two turns of one call come before: to warm up, and to tell how
        many calls a turn takes."""
        end = time.perf_counter() + self.seconds
        turn(1)
        calls = max(1, min(CALLS, int(TURN / max(elapsed(lambda: turn(1)), 1e-9))))
        times = [turn(calls)]
        while time.perf_counter() < end:
            times.append(turn(calls))
        return times
