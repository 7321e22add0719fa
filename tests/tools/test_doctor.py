"""`info` and `doctor`, by what they print about this machine and about others."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.support.machines import linux, mac
from tests.support.metal_double import Device, World, double
from triton_alloy import config
from triton_alloy.runtime import metal, metal_api
from triton_alloy.runtime.detection import DeviceInfo, describe
from triton_alloy.tools import doctor, info, trials

TRITON = {"triton": "3.9.0"}


@pytest.fixture(autouse=True)
def no_choice():
    """Whatever a test before left."""
    with config.scope(ALLOY_RUNTIME=None, TRITON_ALLOY_TARGET=None, TRITON_ALLOY_MODE=None):
        yield


def printed(command, found: DeviceInfo, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The status and output of a command on a machine."""
    monkeypatch.setattr(info, "device_info", lambda *, imports: found)
    console = Console(width=200, file=io.StringIO())
    return command(console), console.file.getvalue()


def test_info_of_a_mac(monkeypatch: pytest.MonkeyPatch):
    status, text = printed(info.info, describe(mac("M3 Pro")), monkeypatch)
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert status == 0
    assert lines >= {
        "system macOS 15.3.1 24D81",
        "processor Apple M3 Pro",
        "memory 36 GiB",
        "target apple9, 18 GPU cores",
        "Metal language 3.2",
        "GPU Apple M3 Pro (applegpu), 1024 threads and 32 KiB per threadgroup",
        "peak 6.4 TFLOPS of 32-bit floats",
        "bandwidth 154 GB/s on paper, about 130 measured",
        "NumPy arrays and PyTorch's CPU tensors -> metal (the GPU's runtime for them)",
        "PyTorch tensors on mps -> torch_mps (the GPU's runtime for them)",
        "MLX arrays -> mlx (the GPU's runtime for them)",
    }


def test_info_of_linux_and_with_a_wish(monkeypatch: pytest.MonkeyPatch):
    with config.scope(ALLOY_RUNTIME="cpu"):
        _, text = printed(info.info, linux(distributions=TRITON), monkeypatch)
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert lines >= {"processor AMD EPYC 9R14", "target cpu, 2 threads", "all arguments -> cpu (ALLOY_RUNTIME=cpu)"}


def test_doctor_says_what_works_and_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trials, "try_runtime", lambda name: [trials.Trial(name, "softmax", "")])
    status, text = printed(doctor.doctor, linux(distributions=TRITON), monkeypatch)
    assert status == 0
    assert "cpu        works: softmax right" in text
    assert "metal      not here: there is no Apple GPU. use a Mac" in text
    assert 'mlx        not here: mlx is not installed. pip install "mlx[cpu]"' in text


def test_nothing_is_promised_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch):
    """Triton is there and cannot be imported: no runtime is tried, and each says what to do."""
    found = linux(distributions=TRITON, import_problems={"triton": "ImportError: no libtriton.so"})
    status, text = printed(doctor.doctor, found, monkeypatch)
    assert status == 1
    assert "triton 3.9.0, which cannot be imported: ImportError: no libtriton.so" in " ".join(text.split())
    problem = 'triton 3.9.0 cannot be imported (ImportError: no libtriton.so). pip install "triton>=3.7,<3.10"'
    assert f"cpu        not here: {problem}" in text


def test_doctor_fails_where_a_runtime_is_wrong(monkeypatch: pytest.MonkeyPatch):
    found = [trials.Trial("cpu", "vector_add", ""), trials.Trial("cpu", "softmax", "wrong result: relative error 0.5")]
    monkeypatch.setattr(trials, "try_runtime", lambda name: found)
    status, text = printed(doctor.doctor, linux(distributions=TRITON), monkeypatch)
    assert status == 1
    assert "DOES NOT WORK: softmax: wrong result: relative error 0.5 (right: vector_add)" in text


@pytest.mark.parametrize(
    "fault, words",
    [(("x", "x"), "self-test passed"), (("values[31 - lane]", "values[lane]"), "self-test small_threadgroup FAILED")],
)
def test_doctor_shows_the_self_test(monkeypatch: pytest.MonkeyPatch, fault: tuple[str, str], words: str):
    world = World(alter=lambda text: text.replace(*fault))
    device = metal.MetalDevice(double(world), Device(world))
    monkeypatch.setattr(metal, "metal_device", lambda: device)
    monkeypatch.setattr(trials, "try_runtime", lambda name: [trials.Trial(name, "softmax", "")])
    _, text = printed(doctor.doctor, describe(mac("M3 Pro")), monkeypatch)
    assert words in " ".join(text.split())
    assert "compiled in language 3.2" in text


def test_doctor_shows_why_metal_cannot_be_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(metal_api, "load_api", lambda: double(World(compiles=(), languages=())))
    monkeypatch.setattr(metal, "load_api", metal_api.load_api)
    metal.metal_device.cache_clear()
    lines = dict(doctor.metal_state(describe(mac("M3 Pro"))))
    assert "cannot be used: Metal builds no pipeline" in lines["Metal"]


def test_trials_run_on_this_machine():
    assert [(trial.kernel, trial.problem) for trial in trials.try_runtime("torch_mps")] == [
        ("vector_add", ""),
        ("softmax", ""),
        ("matmul", ""),
    ]


def test_a_trial_that_cannot_run_says_why():
    (trial,) = trials.try_runtime("metal")
    assert trial.kernel == "vector_add"
    assert "needs a Mac with an Apple GPU" in trial.problem


def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(trials, "KERNELS", {"softmax": lambda runtime: 0.25, "matmul": lambda runtime: float("nan")})
    trials.main("cpu")
    lines = capsys.readouterr().out.splitlines()
    assert "wrong result: relative error 0.25" in lines[0] and "relative error nan" in lines[1]
