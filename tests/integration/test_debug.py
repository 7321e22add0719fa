"""TRITON_ALLOY_DEBUG: what each step of the ladder prints, and that the first one costs nothing."""

from __future__ import annotations

import re

import pytest
import torch
import triton
import triton.language as tl

from triton_alloy import config
from triton_alloy.compiler import STAGES
from triton_alloy.errors import InvalidArgument
from triton_alloy.integrations.triton.driver import current_device, device_of


@triton.jit
def doubled(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)


def launched(launches: int = 1):
    """The kernel, compiled anew and launched."""
    doubled.device_caches.clear()
    x, y = torch.arange(100.0), torch.zeros(100)
    for _ in range(launches):
        compiled = doubled[(4,)](x, y, 100, BLOCK=32)
    assert torch.equal(y, 2 * x)
    return compiled


@pytest.fixture(autouse=True)
def fresh(triton_cache):
    """Nothing is in Triton's cache."""
    with config.scope(TRITON_ALLOY_TARGET="cpu", TRITON_ALLOY_MODE="fast", ALLOY_RUNTIME=None):
        yield


def printed(level: int, capsys: pytest.CaptureFixture[str], launches: int = 1) -> str:
    with config.scope(TRITON_ALLOY_DEBUG=str(level)):
        launched(launches)
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_level_0_is_quiet(capsys):
    assert printed(0, capsys) == ""


def test_level_1_is_a_line_for_each_event_of_a_kernel(capsys):
    compiled, loaded, *launches = printed(1, capsys, launches=2).splitlines()
    assert re.match(r"doubled: compiled in [\d.]+ ms: structurize [\d.]+, ", compiled)
    assert re.findall(r"(\w+) [\d.]+(?:,|$)", compiled) == [*(name for name, _ in STAGES), "print"]
    assert re.fullmatch(r"doubled: loaded on cpu \(fast\) in [\d.]+ ms", loaded)
    assert len(launches) == 2
    assert all(re.fullmatch(r"doubled: 4 x 1 x 1 programs on cpu \(fast\) in [\d.]+ ms", line) for line in launches)


def test_level_2_adds_the_text_level_3_the_ir(capsys):
    text = printed(2, capsys)
    assert "#include <metal_stdlib>" in text and "doubled: compiled in" in text and "// after" not in text
    modules = printed(3, capsys)  # though the kernel is in Triton's cache now
    assert "#include <metal_stdlib>" in modules
    assert re.findall(r"^// after (\w+)$", modules, re.MULTILINE) == [name for name, _ in STAGES]


def test_level_4_verifies_what_each_stage_leaves(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr("triton_alloy.compiler.verify", seen.append)
    printed(3, capsys)
    assert not seen
    printed(4, capsys)
    assert len(seen) == len(STAGES)


@pytest.mark.parametrize("value", ["5", "-1", "yes"])
def test_other_values_are_refused(value):
    with (
        config.scope(TRITON_ALLOY_DEBUG=value),
        pytest.raises(InvalidArgument, match=f"TRITON_ALLOY_DEBUG='{value}': expected a number from 0 to 4"),
    ):
        launched()


def test_a_quiet_launch_calls_the_device_itself():
    launcher = launched().run
    device = device_of(current_device()).home
    assert [plan.launch for plan in launcher.plans.values()] == [device.launch]


@triton.jit
def halved(x, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, (tl.load(x + i).to(tl.float64) / 2 + 0.1).to(tl.float32))


@pytest.mark.parametrize("target, times", [("cpu", 0), ("apple9", 1)])
def test_level_1_says_what_doubles_cost_on_a_gpu(capsys, target, times):
    x, y = torch.ones(32), torch.zeros(32)
    with config.scope(TRITON_ALLOY_DEBUG="1", TRITON_ALLOY_TARGET=target):
        halved.device_caches.clear()
        for _ in range(2):
            halved[(1,)](x, y, BLOCK=32)
    line = "halved: float64 in integer registers takes 30 to 60 times as long as float32 on a GPU"
    assert capsys.readouterr().err.splitlines().count(line) == times
