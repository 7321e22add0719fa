"""`triton-alloy calibrate` on the double of Metal, against PyTorch and MLX on the CPU: what it measures and writes."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.support.metal_double import GPU_SECONDS, Device, World, double
from triton_alloy import config
from triton_alloy.errors import InvalidArgument
from triton_alloy.runtime.metal import MetalDevice
from triton_alloy.runtime.selftest import Verdict
from triton_alloy.tools import calibrate, cli, launches, pipelines, rivals

SMALL = calibrate.Sizes(elements=3000, rows=70, columns=256, matrix=128, keys=96, heads=2)
PARTS = ("add_f16", "softmax_f32", "matmul_64x64x32_4warps_f32", "attention_64_causal_f32")


@pytest.fixture(autouse=True)
def no_choice():
    """Whatever a test before left."""
    with config.scope(ALLOY_RUNTIME=None, TRITON_ALLOY_TARGET=None, TRITON_ALLOY_MODE=None):
        yield


def run(
    world: World, file: Path, names: tuple[str, ...] = PARTS, found: tuple[rivals.Rival, ...] = ()
) -> tuple[int, str, dict]:
    """The status, what is printed, and the file, of a run on a machine."""
    device = MetalDevice(double(world), Device(world), 18)
    device.verdict = Verdict({})
    screen = io.StringIO()
    status = calibrate.calibrate(Console(width=200, file=screen), device, file, 0.0, names, SMALL, found)
    return status, screen.getvalue(), json.loads(file.read_text())


def on_the_cpu() -> tuple[rivals.Rival, ...]:
    """Both libraries, which compute the same there."""
    return rivals.torch_rival("cpu", lambda: None), rivals.mlx_rival()


def test_a_run_measures_both_builds_and_the_libraries(tmp_path):
    world = World()
    status, text, file = run(world, tmp_path / "out.json", found=on_the_cpu())
    assert status == 0
    assert {row["name"] for row in file["rows"]} == set(PARTS)
    for row in file["rows"]:
        printed, free = row["as_printed"], row["free"]
        assert printed["problem"] == free["problem"] == "" and row["is_right"]
        assert (printed["threads"], free["threads"]) == (32 * row["warps"], 1024)
        assert printed["threads_per_simdgroup"] == 32
        assert 0 < printed["seconds"] < 1.01 * GPU_SECONDS and printed["wall_seconds"] > 0
        assert set(row["rivals"]) == {"PyTorch", "MLX"} and min(row["rivals"].values()) > 0
        source = file["texts"][row["text"]]
        assert hashlib.sha256(source.encode()).hexdigest() == row["text"]
        assert f"max_total_threads_per_threadgroup({printed['threads']})" in source
    assert file["gpu"]["name"] == "Apple M3 Pro" and file["gpu"]["cores"] == 18 and file["gpu"]["language"] == "3.2"
    assert set(file["libraries"]) == {"PyTorch", "MLX"} and file["machine"]["versions"]["triton-alloy"]
    lines = [line.split() for line in text.splitlines()]
    assert any(line[:3] == ["softmax_f32", "apple9", "1024"] for line in lines)
    assert f"written to {tmp_path / 'out.json'}: please attach it to an issue" in text


@pytest.mark.parametrize("turn, calls", [(1e9, pipelines.CALLS), (0.0, 1)])
def test_times_are_the_gpus_own_for_each_launch(tmp_path, monkeypatch, turn, calls):
    """Calls in a row share a command buffer, whose time the double says is always the same."""
    monkeypatch.setattr(pipelines, "TURN", turn)
    _, _, file = run(World(), tmp_path / "out.json", ("add_f32",))
    [row] = file["rows"]
    assert row["free"]["seconds"] == pytest.approx(GPU_SECONDS / calls)


def test_the_oldest_familys_text_is_measured_where_it_is_another_one(tmp_path):
    _, _, file = run(World(), tmp_path / "out.json", ("matmul_64x64x32_4warps_f16", "softmax_f16"))
    families = [(row["name"], row["family"]) for row in file["rows"]]
    texts = {row["text"] for row in file["rows"]}
    assert ("softmax_f16", "apple9") in families and ("softmax_f16", "apple7") not in families
    assert len(texts) == len(families)
    device = MetalDevice(double(World()), Device(World()))
    launch = launches.of_matmul("m", "f32", 128, 64, 4)
    assert calibrate.families_of(device, launch) == ["apple9", "apple7"]
    assert calibrate.families_of(device, launches.of_add("a", "f32", 9)) == ["apple9"]


def test_a_kernel_that_does_not_fit_is_told_and_the_others_go_on(tmp_path):
    world = World(threads={"softmax_kernel": 64})
    status, text, file = run(world, tmp_path / "out.json", ("add_f32", "softmax_f32"))
    added, softmax = file["rows"]
    assert status == 1 and added["is_right"] and not softmax["is_right"]
    assert "64" in softmax["as_printed"]["problem"] and softmax["free"]["seconds"] == 0
    assert f"softmax_f32, apple9, free: {softmax['free']['problem']}" in text and "failed" in text


@pytest.mark.parametrize("value", ["0.5f * ", "NAN * "])
def test_a_wrong_result_is_noticed(tmp_path, value):
    world = World(alter=lambda text: text.replace("= precise::exp(", f"= {value}precise::exp2("))
    status, _, file = run(world, tmp_path / "out.json", ("softmax_f32",))
    assert status == 1 and not file["rows"][0]["is_right"] and file["rows"][0]["as_printed"]["problem"] == ""


def test_an_interrupted_run_leaves_what_it_has(tmp_path, monkeypatch):
    measured = calibrate.rows_of

    def rows_of(runner, launch, found, texts):
        if launch.name == "softmax_f32":
            raise KeyboardInterrupt
        yield from measured(runner, launch, found, texts)

    monkeypatch.setattr(calibrate, "rows_of", rows_of)
    with pytest.raises(KeyboardInterrupt):
        run(World(), tmp_path / "out.json", ("add_f32", "softmax_f32"))
    assert [row["name"] for row in json.loads((tmp_path / "out.json").read_text())["rows"]] == ["add_f32"]


def test_a_name_that_fits_none_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(InvalidArgument, match=r"--only fft: the texts are add_f32, softmax_f32, "):
        run(World(), tmp_path / "out.json", ("add", "fft"))
    assert not (tmp_path / "out.json").exists()


def test_where_there_is_no_metal_one_sentence_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["calibrate"]) == 2
    printed = capsys.readouterr()
    sentence = "the metal runtime needs macOS on Apple silicon; on this system kernels run on the CPU"
    assert " ".join(printed.err.split()) == f"error: triton-alloy calibrate measures an Apple GPU: {sentence}"
    assert printed.out == "" and not list(tmp_path.iterdir())


def test_the_command_measures_the_machines_device(monkeypatch, tmp_path):
    world, called = World(), []
    device = MetalDevice(double(world), Device(world), 18)
    monkeypatch.setattr("triton_alloy.runtime.metal.metal_device", lambda: device)
    monkeypatch.setattr(calibrate, "calibrate", lambda *arguments: called.append(arguments) or 0)
    assert cli.main(["calibrate", "--json", str(tmp_path / "x.json"), "--seconds", "0.1", "--only", "add"]) == 0
    [(_, given, file, seconds, names)] = called
    assert (given, file, seconds, names) == (device, tmp_path / "x.json", 0.1, ["add"])


EVERY_KIND = (
    launches.of_add("add", "f32", 1000),
    launches.of_softmax("softmax", "f16", 100, 128, 4, rows=70),
    launches.of_layer_norm("layer_norm", "f32", 100, 128, 4, rows=70),
    launches.of_column_sums("column_sums", "f16", 100, rows=70),
    launches.of_matmul("matmul", "f16", 100, 64, 4),
    launches.of_attention("attention", "f32", 64, False, 1, 2, 100),
    launches.of_attention("attention_causal", "f32", 64, True, 1, 2, 100),
)


@pytest.mark.parametrize("launch", EVERY_KIND, ids=lambda launch: launch.name)
@pytest.mark.parametrize("library", ["torch", "mlx"])
def test_the_libraries_compute_what_ours_does(launch, library):
    rival = dict(zip(("torch", "mlx"), on_the_cpu(), strict=True))[library]
    arrays = pipelines.inputs(launch)
    call = rival.call(launch, arrays)
    assert call is not None
    name, _ = pipelines.RESULTS[launch.kind]
    arrays[name].fill(np.nan)
    assert np.isnan(pipelines.error_of(launch, arrays))
    arrays[name][...] = np.array(call().tolist())
    assert pipelines.error_of(launch, arrays) < 2e-3
    arrays[name][...] += 1
    assert pipelines.error_of(launch, arrays) > 2e-3


def test_every_kind_has_a_result_and_rivals():
    kinds = {launch.kind for launch in calibrate.launches_of(SMALL)}
    assert kinds == set(pipelines.RESULTS) == {launch.kind for launch in EVERY_KIND}
    assert all(kinds == set(rival.functions) for rival in on_the_cpu())


def test_without_gpus_of_their_own_the_libraries_are_no_rivals():
    assert rivals.rivals() == []
