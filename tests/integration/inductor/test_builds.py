"""Configurations of a kernel are built at the same time: over a device that counts and waits for the others."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from triton_alloy.errors import OutOfResources
from triton_alloy.integrations.inductor import builds, hooks
from triton_alloy.integrations.triton.errors import KernelOutOfResources
from triton_alloy.integrations.triton.launcher import Launcher
from triton_alloy.kernel import Argument, Kernel
from triton_alloy.runtime.automatic import AutomaticDevice, AutomaticExecutable

CONFIGURATIONS = 5
TOO_LONG = 60.0
"""Seconds after which a build that waits for the others fails."""


class Device:
    """A device whose builds each wait until `parties` of them run; those named in `failing` do not fit."""

    binds, place, needs_extents, bounds = "addresses", "cpu", False, "0"

    def __init__(self, parties: int = 1, failing: tuple[str, ...] = ()):
        self.all_run = threading.Barrier(parties)
        self.failing = failing
        self.built: Counter[str] = Counter()
        self.launched: list[str] = []

    def compile(self, kernel: Kernel) -> Any:
        self.all_run.wait(TOO_LONG)
        if kernel.name in self.failing:
            raise OutOfResources(2048, 1024, "threads")
        self.built[kernel.name] += 1
        return SimpleNamespace(kernel=kernel)

    def launch(self, executable: Any, *arguments: Any) -> None:
        self.launched.append(executable.kernel.name)


class Choice(AutomaticDevice):
    """Chooses one device for every array."""

    def __init__(self, device: Device):
        super().__init__("fast")
        self.device = device

    def device_for(self, value: Any) -> Any:
        assert value.device == X.device
        return self.device


X = torch.zeros(4)


def compiled(device: Device, name: str, spills: int = 0) -> SimpleNamespace:
    """What Triton makes of one configuration, loaded."""
    kernel = Kernel(name, "", (Argument("x", "buffer", "f32", 0),), 1, 0, "apple9")
    launcher = Launcher(SimpleNamespace(signature={"x": "*fp32"}), None, Choice(device))
    return SimpleNamespace(run=launcher, function=AutomaticExecutable(kernel, 1024), n_spills=spills)


def kernels_on(device: Device) -> list[SimpleNamespace]:
    return [compiled(device, f"k{i}") for i in range(CONFIGURATIONS)]


def launch(kernel: SimpleNamespace) -> None:
    kernel.run(1, 1, 1, 0, kernel.function, (), None, None, None, X)


@pytest.fixture(autouse=True)
def enough_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSL_CPU_THREADS", str(CONFIGURATIONS))


def test_all_builds_run_at_the_same_time():
    device = Device(parties=CONFIGURATIONS)
    builds.build_all(kernels_on(device), "cpu")
    assert device.built == Counter({f"k{i}": 1 for i in range(CONFIGURATIONS)})
    assert not device.launched


def test_there_are_no_more_threads_than_processors(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSL_CPU_THREADS", "2")
    seen: set[str] = set()
    device = Device()
    device.all_run.wait = lambda timeout=None: seen.add(threading.current_thread().name) or 0
    builds.build_all(kernels_on(device), "cpu")
    assert 1 <= len(seen) <= 2 and all(name.startswith("triton-alloy-build") for name in seen)


def test_a_launch_takes_what_has_been_built():
    device = Device()
    kernels = kernels_on(device)
    builds.build_all(kernels, "cpu")
    for kernel in kernels:
        launch(kernel)
    assert set(device.built.values()) == {1}
    assert device.launched == [f"k{i}" for i in range(CONFIGURATIONS)]


def test_a_build_that_fails_leaves_the_others_and_is_told_by_its_launch():
    device = Device(failing=("k1",))
    kernels = kernels_on(device)
    builds.build_all(kernels, "cpu")
    assert sorted(device.built) == ["k0", "k2", "k3", "k4"]
    launch(kernels[0])
    with pytest.raises(KernelOutOfResources, match="threads"):
        launch(kernels[1])
    assert device.launched == ["k0"]


def test_threads_that_want_the_same_kernel_build_it_once():
    device = Device()
    kernel = compiled(device, "k")
    build = kernel.run.build_of(X, kernel.function)
    ready = threading.Barrier(CONFIGURATIONS)

    def together() -> Any:
        ready.wait(TOO_LONG)
        return build()

    with ThreadPoolExecutor(CONFIGURATIONS) as pool:
        plans = [each.result() for each in [pool.submit(together) for _ in range(CONFIGURATIONS)]]
    assert device.built["k"] == 1 and len(set(map(id, plans))) == 1


def test_what_is_not_ours_or_built_when_loaded_is_left_alone():
    device = Device()
    loaded = compiled(device, "k")
    loaded.run = Launcher(SimpleNamespace(signature={"x": "*fp32"}), None, device)  # type: ignore[arg-type]
    builds.build_all([loaded, SimpleNamespace(run=print)], "cpu")
    assert not device.built


def tuner(device: Device, kind: str, custom: bool) -> SimpleNamespace:
    """A CachingAutotuner of two configurations, of which the second spills."""
    results = [SimpleNamespace(kernel=compiled(device, name, spills)) for name, spills in (("fits", 0), ("spills", 40))]
    return SimpleNamespace(compile_results=results, device_props=SimpleNamespace(type=kind), custom_kernel=custom)


@pytest.mark.parametrize(
    ("kind", "custom", "built"),
    [("here", False, ["fits"]), ("here", True, ["fits", "spills"]), ("cuda", False, []), ("xpu", True, [])],
)
def test_what_inductor_will_launch_is_built_when_it_is_loaded(
    kind: str, custom: bool, built: list[str], monkeypatch: pytest.MonkeyPatch
):
    """The tensors of "cpu" stand for those of mps."""
    monkeypatch.setattr(hooks, "MPS", "cpu")
    device, before = Device(), []
    load = hooks.launchers_of(lambda self: before.append(sorted(device.built)))
    load(tuner(device, "cpu" if kind == "here" else kind, custom))
    assert before == [[]] and sorted(device.built) == built
