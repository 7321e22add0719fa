"""What is timed computes what it says: small workloads run on the CPU, against float64 and PyTorch."""

from __future__ import annotations

import math

import pytest
import torch

from tests.simt import recording, speed, workloads
from tests.simt.archive import Archive
from tests.simt.workloads import workload_of
from triton_alloy import config
from triton_alloy.tools import launches

SMALL = (
    workload_of(launches.of_add, "add", "f16", 1000),
    workload_of(launches.of_softmax, "softmax", "f32", 100, 128, 4),
    workload_of(launches.of_layer_norm, "layer_norm", "f16", 100, 128, 4),
    workload_of(launches.of_layer_norm_backward, "layer_norm_backward", "f32", 64),
    workload_of(launches.of_column_sums, "column_sums", "f16", 200),
    workload_of(launches.of_matmul, "matmul", "f32", 100, 64, 4),
    workload_of(launches.of_attention, "attention", "f16", 64, causal=True, batch=1, heads=2, keys=100),
)


@pytest.fixture(params=SMALL, ids=lambda workload: workload.name)
def workload(request) -> workloads.Workload:
    return request.param


@pytest.fixture
def cpu():
    with config.scope(TRITON_ALLOY_TARGET="apple9", TRITON_ALLOY_MODE="fast", ALLOY_RUNTIME="cpu"):
        yield


def test_the_kernel_gives_the_exact_result(cpu, workload):
    arrays = speed.inputs(workload, 0, "cpu")
    exact = speed.EXACT[workload.kind]({name: x.double() for name, x in arrays.items()}, workload)
    for name in exact:
        arrays[name].fill_(math.nan)
    assert math.isnan(speed.error(arrays, exact))
    speed.tritons(workload, arrays)()
    assert speed.error(arrays, exact) < 1e-3
    next(iter(arrays[name] for name in exact)).view(-1)[7] += 100
    assert speed.error(arrays, exact) > speed.TOLERANCE


def test_pytorch_computes_the_same(workload):
    arrays = speed.inputs(workload, 1, "cpu")
    exact = speed.EXACT[workload.kind]({name: x.double() for name, x in arrays.items()}, workload)
    results = speed.TORCH[workload.kind](arrays, workload)()
    results = results if isinstance(results, tuple) else (results,)
    found = dict(zip(exact, results, strict=False))
    assert speed.error(found, {name: exact[name] for name in found}) < 1e-3


def test_our_kernel_is_launched_as_on_the_cpu(cpu, workload, monkeypatch):
    """The scalars' bytes, the grid and the threads are those of the same launch through Triton."""
    monkeypatch.setattr(recording, "LARGEST", 1 << 24)
    archive, arrays = Archive(), speed.inputs(workload, 0, "cpu")
    workload.kernel.device_caches.clear()  # what was launched before keeps its way to the device
    with recording.recording(archive):
        speed.tritons(workload, arrays)()
    [launch] = archive.launches
    [kernel] = archive.kernels.values()
    bound = []

    class Function:
        def bind(self, *arguments):
            bound.append(arguments)

    speed.ours(Function(), kernel, workload, arrays)
    [(pointers, scalars, services, grid, threads, _)] = bound
    assert scalars.hex() == launch.scalars
    assert (*grid, 1, 1)[:3] == launch.grid and threads == 32 * workload.warps and services == []
    names = [each["name"] for each in kernel["arguments"] if each["kind"] == "buffer"]
    assert pointers == [arrays[name].data_ptr() for name in names]


def test_every_timed_kind_has_an_exact_result_and_a_rival():
    kinds = {workload.kind for workload in workloads.WORKLOADS}
    assert kinds == set(speed.EXACT) == set(speed.TORCH) == {workload.kind for workload in SMALL}


def test_a_table_of_rows():
    row = speed.Row("add_f32", 805_306_368, {"ours": 2.7e-8}, {"ours": 201.8, "triton": 187.0, "torch": 186.9})
    assert speed.markdown([row]).splitlines()[2] == "| add_f32 | 4306 | 187.0 | 186.9 | 201.8 | 0.93 | 2.7e-08 |"
    del row.microseconds["torch"]
    assert speed.markdown([row]).splitlines()[2] == "| add_f32 | 4306 | 187.0 | - | 201.8 | 0.93 | 2.7e-08 |"
    assert speed.is_right(row)
    assert not speed.is_right(speed.Row("x", 1, {"ours": float("nan")}))


def test_where_nothing_can_be_timed_the_reason_is_told():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "CUDA" in speed.missing() or "GPU" in speed.missing()
