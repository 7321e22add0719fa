"""Tensors on mps as a program sees them: memory, views, refusals, generators, torch.mps, files.

test_on_device.py runs this file in a process that has the device.
"""

from __future__ import annotations

import copy
import gc
import io
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset


def test_the_device_is_there(mps_device: torch.device):
    assert torch.backends.mps.is_available() and torch.backends.mps.is_built() and torch.mps.is_available()
    assert torch.mps.device_count() == torch.accelerator.device_count() == 1
    assert torch.accelerator.current_accelerator() == mps_device == torch.device("mps")
    assert torch.accelerator.current_device_index() == 0 and torch.accelerator.is_available()
    assert torch.backends.mps.get_name() == "Apple M3 (mps_on_linux)" and torch.backends.mps.get_core_count() == 10
    x = torch.ones(3, device=0)
    assert x.is_mps and x.device == torch.device("mps", 0) and x.get_device() == 0 and not x.is_cpu


# -------------------------------------------------------------------------------------------------------------- memory
def test_memory_is_counted_and_freed():
    gc.collect()
    before = torch.mps.current_allocated_memory()
    x = torch.ones(1000, device="mps")
    assert torch.mps.current_allocated_memory() == before + 4000
    view, doubled = x[10:], x * 2
    assert torch.mps.current_allocated_memory() == torch.mps.driver_allocated_memory() == before + 8000
    gone = weakref.ref(x)
    del x
    assert view._base is gone() and torch.mps.current_allocated_memory() == before + 8000
    del view, doubled
    assert gone() is None and torch.mps.current_allocated_memory() == before


def test_a_training_step_leaves_no_memory_behind():
    def step() -> None:
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten()).to("mps")
        optimiser = torch.optim.AdamW(model.parameters())
        for _ in range(2):
            optimiser.zero_grad()
            model(torch.randn(2, 3, 8, 8, device="mps")).square().mean().backward()
            optimiser.step()

    step()
    gc.collect()
    before = torch.mps.current_allocated_memory()
    step()
    gc.collect()
    assert torch.mps.current_allocated_memory() == before


def test_results_that_share_memory_with_an_argument_keep_it():
    x = torch.arange(6.0, device="mps")
    real, parts = torch.view_as_complex(x.view(3, 2)), x.split(2)
    del x
    gc.collect()
    assert real.real.tolist() == [0, 2, 4] and [each.tolist() for each in parts] == [[0, 1], [2, 3], [4, 5]]


def test_a_memory_fraction_is_a_limit():
    try:
        torch.mps.set_per_process_memory_fraction(0.001)
        size = torch.mps.recommended_max_memory() // 1000
        with pytest.raises(torch.OutOfMemoryError, match=r"MPS backend out of memory .* Tried to allocate"):
            torch.empty(size * 2, dtype=torch.uint8, device="mps")
        assert torch.ones(3, device="mps").sum() == 3
    finally:
        torch.mps.set_per_process_memory_fraction(0.0)


def test_the_host_can_alias_the_memory():
    x = torch.arange(4, dtype=torch.int32, device="mps")
    host = torch.mps._host_alias_storage(x.untyped_storage())
    assert host.device.type == "cpu" and host.nbytes() == 16
    torch.empty(0, dtype=torch.int32).set_(host)[0] = 7
    del host
    assert x.tolist() == [7, 1, 2, 3]


# --------------------------------------------------------------------------------------------------- views and aliasing
def test_views_alias():
    x = torch.zeros(4, 6, device="mps")
    x.t()[1].fill_(1)
    x.view(-1)[0] = 2
    x[2:, ::2] += 3
    expected = torch.zeros(4, 6)
    expected[:, 1] = 1
    expected[0, 0] = 2
    expected[2:, ::2] += 3
    assert torch.equal(x.cpu(), expected)
    for view in (x.t(), x[1:], x.view(2, 12), x.unfold(1, 2, 2), x.detach(), x.expand(2, 4, 6), x.view(torch.int32)):
        assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() and view.is_mps
    assert x[1:]._base is x and x[1:]._is_view()


def test_operators_in_place_return_their_argument():
    x = torch.ones(3, device="mps")
    assert x.add_(1) is x and x.resize_(5) is x and torch.relu_(x) is x
    version = x._version
    x.mul_(2)
    assert x._version == version + 1
    out = torch.empty(3, device="mps")
    assert torch.add(out, out, out=out) is out
    values, indices = torch.empty(0, device="mps"), torch.empty(0, dtype=torch.long, device="mps")
    found = torch.max(torch.eye(3, device="mps"), 1, out=(values, indices))
    assert found.values is values and values.tolist() == [1, 1, 1] and indices.tolist() == [0, 1, 2]


def test_views_of_resized_memory_follow():
    x = torch.arange(4.0, device="mps")
    view = x[1:3]
    x.resize_(1000).fill_(5)
    assert view.tolist() == [5, 5] and view.untyped_storage().nbytes() == 4000


def test_set_and_data():
    x, y = torch.zeros(3, device="mps"), torch.ones(5, device="mps")
    x.set_(y)
    assert x.data_ptr() == y.data_ptr() and x.shape == (5,)
    x.data = torch.full((2,), 3.0, device="mps")
    assert x.tolist() == [3, 3]
    x.set_()
    assert x.numel() == 0 and x.is_mps


def test_a_modified_input_of_a_gradient_is_noticed():
    x = torch.ones(3, device="mps", requires_grad=True)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_conjugates_are_lazy():
    x = torch.tensor([1 + 2j], device="mps")
    assert x.conj().is_conj() and x.conj().imag.is_neg() and x.conj().imag.tolist() == [-2]
    assert torch.equal((x.conj() * x).cpu(), torch.tensor([5 + 0j]))


def test_transforms_of_functions():
    x = torch.randn(4, 3, device="mps")
    by_row = torch.func.vmap(torch.func.grad(lambda row: row.sin().sum()))(x)
    torch.testing.assert_close(by_row, x.cos())
    _, tangent = torch.func.jvp(torch.sin, (x,), (torch.ones_like(x),))
    torch.testing.assert_close(tangent, x.cos())
    torch.testing.assert_close(torch.func.jacrev(torch.exp)(x[0]), x[0].exp().diag())


# ------------------------------------------------------------------------------------------------------------ refusals
ELSEWHERE = r"Expected all tensors to be on the same device, but found at least two devices, mps:0 and cpu!"
DOUBLE = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use float32"
REFUSALS: dict[str, tuple[Callable[[torch.Tensor], Any], type[Exception], str]] = {
    "other device": (lambda x: x + torch.ones(3), RuntimeError, ELSEWHERE),
    "other device first": (lambda x: torch.ones(3) * x, RuntimeError, ELSEWHERE),
    "product": (lambda x: torch.ones(2, 3) @ x, RuntimeError, ELSEWHERE),
    "list": (lambda x: torch.cat((x, torch.ones(3))), RuntimeError, ELSEWHERE),
    "result elsewhere": (lambda x: torch.ones(3).add_(x), RuntimeError, ELSEWHERE),
    "number elsewhere": (lambda x: torch.tensor(1.0).add_(x.sum()), RuntimeError, ELSEWHERE),
    "out elsewhere": (lambda x: torch.add(x, 1, out=torch.ones(3)), RuntimeError, ELSEWHERE),
    "module elsewhere": (torch.nn.Linear(3, 3), RuntimeError, ELSEWHERE),
    "float64": (lambda x: torch.ones(3, dtype=torch.float64, device="mps"), TypeError, DOUBLE),
    "to float64": (lambda x: x.double(), TypeError, DOUBLE),
    "from float64": (lambda x: torch.ones(3, dtype=torch.float64).to("mps"), TypeError, DOUBLE),
    "sum in float64": (lambda x: x.sum(dtype=torch.float64), TypeError, DOUBLE),
    "numpy": (lambda x: x.numpy(), TypeError, "can't convert mps:0 device type tensor to numpy. Use Tensor.cpu()"),
    "asarray": (np.asarray, TypeError, "can't convert mps:0 device type tensor to numpy"),
    "dimensions": (lambda x: torch.ones((1,) * 17, device="mps"), RuntimeError, "MPS supports tensors with dimensions"),
    "sparse": (lambda x: x.to_sparse(), NotImplementedError, "mps_on_linux has no tensors of layout Sparse on mps"),
    "generator": (
        lambda x: x.normal_(generator=torch.Generator()),
        RuntimeError,
        "Expected a 'mps' device type for generator but found 'cpu'",
    ),
    "metallib": (lambda x: torch.mps.load_metallib(b"x"), NotImplementedError, "torch.mps.load_metallib: a .metallib"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_mac_refuses_is_refused(name: str):
    program, error, message = REFUSALS[name]
    with pytest.raises(error) as caught:
        program(torch.ones(3, device="mps"))
    assert message in str(caught.value)


LACKING: dict[str, Callable[[torch.Tensor], Any]] = {
    "aten::take": lambda x: x.take(torch.tensor([1], device="mps")),
    "aten::mode": lambda x: x.mode(1),
    "aten::_linalg_eigh.eigenvalues": torch.linalg.eigh,
    "aten::_ctc_loss": lambda x: torch.nn.functional.ctc_loss(
        torch.zeros(4, 1, 3, device="mps"), torch.ones(1, 2, dtype=torch.long, device="mps"), (4,), (2,)
    ),
}


@pytest.mark.parametrize("name", LACKING)
def test_operators_that_a_mac_lacks_are_refused(name: str):
    with pytest.raises(NotImplementedError, match=f"The operator '{name}' is not currently implemented for the MPS"):
        LACKING[name](torch.eye(3, device="mps"))


@pytest.fixture
def every_warning() -> Iterator[None]:
    """Else only the first operator of the process that falls back is reported."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)


@pytest.mark.usefixtures("every_warning")
def test_a_mac_runs_some_on_the_cpu():
    with pytest.warns(UserWarning, match="is not currently supported on the MPS backend and will fall back to run on"):
        u, s, v = torch.linalg.svd(torch.diag(torch.tensor([3.0, 2.0], device="mps")))
    assert s.tolist() == [3, 2] and u.is_mps and v.is_mps
    x = torch.diag(torch.tensor([3.0, 2.0])).to("mps").requires_grad_()
    torch.linalg.svd(x).S.sum().backward()
    assert x.grad is not None and torch.equal(x.grad.cpu(), torch.eye(2))


def test_numbers_of_the_cpu_may_take_part():
    x = torch.ones(3, device="mps")
    assert (x * torch.tensor(2.0)).tolist() == [2, 2, 2] and (torch.tensor(1) - x).is_mps
    assert x[torch.tensor([0, 2])].is_mps  # as may indices
    x[torch.tensor([True, False, True])] = 5
    assert x.tolist() == [5, 1, 5]


# ---------------------------------------------------------------------------------------------------------- generators
def test_generators_are_of_the_device():
    mine, same = torch.Generator("mps").manual_seed(5), torch.Generator("mps").manual_seed(5)
    assert mine.device.type == "mps" and mine.initial_seed() == 5
    first = torch.randn(7, device="mps", generator=mine)
    state = mine.get_state()
    second = torch.randn(7, device="mps", generator=mine)
    assert torch.equal(first, torch.randn(7, device="mps", generator=same)) and not torch.equal(first, second)
    mine.set_state(state)
    assert torch.equal(second, torch.randn(7, device="mps", generator=mine))
    assert torch.equal(second, torch.randn(7, device="mps", generator=same))


def test_the_default_generators_are_apart():
    torch.manual_seed(1)
    on_cpu = torch.rand(4)
    torch.manual_seed(1)
    torch.rand(99, device="mps")
    torch.nn.functional.dropout(torch.ones(99, device="mps"))  # draws without a generator of its own
    assert torch.equal(torch.rand(4), on_cpu)
    torch.mps.manual_seed(2)
    dropped = torch.nn.functional.dropout(torch.ones(99, device="mps"))
    state = torch.mps.get_rng_state()
    drawn = torch.rand(4, device="mps")
    torch.mps.manual_seed(2)
    assert torch.equal(torch.nn.functional.dropout(torch.ones(99, device="mps")), dropped)
    torch.mps.set_rng_state(state)
    assert torch.equal(torch.rand(4, device="mps"), drawn)
    with torch.random.fork_rng(device_type="mps"):
        torch.rand(4, device="mps")


# ----------------------------------------------------------------------------------------------------------- torch.mps
def test_events_measure_time():
    start, end = (torch.mps.Event(enable_timing=True) for _ in range(2))
    start.record()
    torch.ones(100, 100, device="mps") @ torch.ones(100, 100, device="mps")
    end.record()
    end.wait()
    end.synchronize()
    assert end.query() and start.elapsed_time(end) > 0
    with pytest.raises(RuntimeError, match="must be recorded before"):
        start.elapsed_time(torch.mps.Event(enable_timing=True))
    with pytest.raises(RuntimeError, match="Events were not created with argument 'enable_timing=True'"):
        start.elapsed_time(torch.mps.Event())


def test_events_and_streams_of_every_accelerator():
    stream = torch.accelerator.current_stream()
    start, end = (torch.Event("mps", enable_timing=True) for _ in range(2))
    start.record(stream)
    end.record(stream)
    stream.wait_event(end)
    stream.synchronize()
    torch.accelerator.synchronize()
    assert stream.query() and end.query() and start.elapsed_time(end) >= 0


def test_the_rest_of_torch_mps():
    torch.mps.synchronize()
    torch.mps.empty_cache()
    assert torch.mps.recommended_max_memory() > 2**30
    with torch.mps.profiler.profile(mode="interval", wait_until_completed=True):
        torch.ones(3, device="mps")
    assert not torch.mps.profiler.is_metal_capture_enabled()


def test_shaders_take_tensors_of_the_device():
    text = """#include <metal_stdlib>
    using namespace metal;
    kernel void scale(device float *x, constant float &by, uint i [[thread_position_in_grid]]) { x[i] *= by; }"""
    x = torch.arange(8.0, device="mps")
    torch.mps.compile_shader(text).scale(x[4:], 10.0)
    assert x.tolist() == [0, 1, 2, 3, 40, 50, 60, 70]


# ------------------------------------------------------------------------------------------------- moving and keeping
def test_moving_between_devices():
    x = torch.arange(12.0).view(3, 4).t()
    there = x.to("mps", non_blocking=True)
    assert there.stride() == x.stride() and torch.equal(there.cpu(), x) and there.to("mps") is there
    assert there.cpu().data_ptr() != there.data_ptr()
    half = x.to("mps", torch.float16)
    assert half.dtype == torch.float16 and half.is_mps
    assert there.tolist() == x.tolist() and there.sum().item() == 66 and bool(there.any())
    x.copy_(there + 1)
    assert x[0, 0] == 1


def test_pinned_memory():
    x = torch.ones(3).pin_memory()
    assert x.is_pinned() and x.is_cpu and not torch.ones(3).is_pinned() and x[1:].is_pinned()
    assert x.to("mps", non_blocking=True).tolist() == [1, 1, 1]


def test_printing():
    assert repr(torch.tensor([1.5, 2.0], device="mps")) == "tensor([1.5000, 2.0000], device='mps:0')"
    assert repr(torch.ones(2, dtype=torch.bool, device="mps")) == "tensor([True, True], device='mps:0')"
    assert "device='mps:0', grad_fn=<AddBackward0>" in repr(torch.ones(1, device="mps", requires_grad=True) + 1)
    assert f"{torch.tensor(2.5, device='mps'):.2f}" == "2.50"


def test_dlpack_and_copies():
    x = torch.arange(3.0, device="mps")
    assert x.__dlpack_device__()[0] == 8  # kDLMetal
    same = torch.from_dlpack(x)
    same[0] = 9
    assert x[0] == 9 and same.is_mps
    assert copy.deepcopy(x).data_ptr() != x.data_ptr()


def test_files(tmp_path: Path):
    model = torch.nn.Linear(3, 2).to("mps")
    state = model.state_dict()
    torch.save({"state": state, "view": torch.arange(6, device="mps")[2:]}, tmp_path / "file.pt")
    loaded = torch.load(tmp_path / "file.pt")
    assert loaded["state"]["weight"].is_mps and torch.equal(loaded["state"]["weight"], state["weight"])
    assert loaded["view"].is_mps and loaded["view"].tolist() == [2, 3, 4, 5]
    on_cpu = torch.load(tmp_path / "file.pt", map_location="cpu")
    assert on_cpu["state"]["weight"].is_cpu
    torch.save(on_cpu, tmp_path / "cpu.pt")
    assert torch.load(tmp_path / "cpu.pt", map_location="mps")["state"]["bias"].is_mps
    model.load_state_dict(on_cpu["state"])
    assert model.weight.is_mps
    torch.save(model.weight, stream := io.BytesIO())
    stream.seek(0)
    assert torch.load(stream).requires_grad


def test_storages():
    storage = torch.UntypedStorage(12, device="mps")
    assert storage.device == torch.device("mps:0") and storage.nbytes() == 12 and type(storage) is torch.UntypedStorage
    x = torch.tensor([], device="mps").set_(storage.fill_(0))
    assert x.tolist() == [0, 0, 0]
    assert torch.UntypedStorage([1, 2], device="mps").cpu().tolist() == [1, 2]
    assert torch.UntypedStorage(4).mps().device.type == "mps" and torch.UntypedStorage(4).device.type == "cpu"
    assert torch.UntypedStorage(device="mps").nbytes() == 0


def test_default_device():
    with torch.device("mps"):
        assert torch.ones(2).is_mps and torch.nn.Linear(2, 2).weight.is_mps
    assert torch.ones(2).is_cpu


@pytest.mark.parametrize("workers", [0, 2])
def test_data_loaders(workers: int):
    data = TensorDataset(torch.arange(10.0).view(10, 1), torch.arange(10))
    total = 0
    with pytest.warns(UserWarning, match="not supported on MPS now, device pinned memory won't be used"):
        loader = iter(DataLoader(data, batch_size=4, num_workers=workers, pin_memory=True))
    for x, y in loader:
        total += (x.to("mps", non_blocking=True).sum() + y.to("mps").sum()).item()
    assert total == 90


def test_threads():
    results: list[float] = []

    def work() -> None:
        x = torch.full((50,), 2.0, device="mps", requires_grad=True)
        (x * x).sum().backward()
        assert x.grad is not None
        results.append(x.grad.sum().item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200.0] * 4


def test_collectives_are_refused():
    import torch.distributed as dist

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        with pytest.raises(NotImplementedError, match="The distributed operator 'c10d::allreduce_' is not currently"):
            dist.all_reduce(torch.ones(2, device="mps"))
    finally:
        dist.destroy_process_group()
