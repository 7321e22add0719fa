"""Recording on the CPU, and replay on a machine that is the CPU again: what is the same, and what is noticed."""

from __future__ import annotations

import ctypes
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.simt import children, driver, nvrtc, recording, records
from tests.simt.__main__ import parser
from tests.simt.archive import ALIGNMENT, Archive, merged
from tests.simt.driver import CudaFault
from tests.simt.replay import CLOSE, DIFFERS, EXACT, FAULT, Outcome, compared, replayed, run_apart, summary
from triton_alloy import config
from triton_alloy.kernel import Kernel
from triton_alloy.runtime.cpu import CpuDevice

Edit = Callable[[Sequence[int]], None]


@triton.jit
def scale_kernel(x_ptr, y_ptr, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + i, tl.load(x_ptr + i, mask=i < n) * factor, mask=i < n)


@triton.jit
def checked_kernel(x_ptr, limit, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.device_assert(tl.load(x_ptr + i) < limit, "too large")
    tl.store(x_ptr + i, i.to(tl.float32))


class CpuMachine:
    """The CPU's memory and runtime; machine code is a kernel's JSON. edit: what happens after each launch."""

    def __init__(self, edit: Edit = lambda pointers: None):
        self.blocks: dict[int, ctypes.Array] = {}
        self.edit = edit

    def allocate(self, size: int) -> int:
        block = ctypes.create_string_buffer(size + ALIGNMENT)
        address = -(-ctypes.addressof(block) // ALIGNMENT) * ALIGNMENT
        self.blocks[address] = block
        return address

    def free(self, address: int) -> None:
        del self.blocks[address]

    def write(self, address: int, data: bytes) -> None:
        ctypes.memmove(address, data, len(data))

    def read(self, address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)

    def load(self, code: bytes, name: str) -> CpuKernel:
        return CpuKernel(Kernel.from_json(code), self.edit)

    def synchronize(self) -> None: ...


class CpuKernel:
    """A kernel of CpuMachine."""

    def __init__(self, kernel: Kernel, edit: Edit):
        self.device, self.edit = CpuDevice("fast"), edit
        self.executable = self.device.compile(kernel)

    def bind(self, pointers, scalars, services, grid, threads) -> Callable[[], None]:
        assert threads == self.executable.kernel.threads

        def run() -> None:
            self.device._run(self.executable, pointers, scalars, grid, (), *services)
            self.edit(pointers)

        return run


@pytest.fixture(scope="module")
def archive() -> Archive:
    """Three launches: of whole tensors, of views that begin at odd places of one tensor, and one that fails."""
    result = Archive()
    x = torch.randn(1001)
    with recording.recording(result) as recorder, config.scope(TRITON_ALLOY_TARGET="apple9", ALLOY_RUNTIME="cpu"):
        recorder.origin = "whole"
        scale_kernel[(4,)](x, torch.zeros(1001), 1001, 1.5, BLOCK=256)
        recorder.origin = "views"
        scale_kernel[(2,)](x[3:], x[501:], 301, 2.5, BLOCK=256)
        recorder.origin = "fails"
        with pytest.raises(RuntimeError, match="too large"):
            checked_kernel[(1,)](torch.arange(64.0), 60.0, BLOCK=64, debug=True)
    return result


def outcome(archive: Archive, index: int, edit: Edit = lambda pointers: None) -> Outcome:
    machine = CpuMachine(edit)
    kernel = archive.kernels[archive.launches[index].kernel]
    result = replayed(machine, machine.load(json.dumps(kernel).encode(), kernel["name"]), archive, index)
    assert not machine.blocks, "everything allocated is freed"
    return result


def test_a_recorded_launch_does_the_same_again(archive):
    assert [launch.origin for launch in archive.launches] == ["whole", "views", "fails"]
    for index, raised in enumerate(("", "", "DeviceAssertion")):
        found = outcome(archive, index)
        assert (found.state, found.stable, found.guarded, found.raised) == (EXACT, True, True, raised)
        assert found.asserted == bool(raised) and found.is_same and found.is_right


def test_views_of_one_tensor_are_one_span_with_the_places_of_the_pointers(archive):
    whole, views, _ = archive.launches
    assert len(whole.spans) == 2 and len(views.spans) == 1
    assert views.pointers == ((0, 12), (0, 2004))
    before, after = (
        np.frombuffer(archive.blobs[digest], np.float32) for digest in (views.spans[0].before, views.spans[0].after)
    )
    np.testing.assert_array_equal(after[501:802], before[3:304] * np.float32(2.5))


def test_buffers_lie_as_on_the_cpu_modulo_the_alignment(archive):
    spans = tuple(replace(span, offset=12 + 4 * i) for i, span in enumerate(archive.launches[0].spans))
    moved = replace(archive, launches=[replace(archive.launches[0], spans=spans)])
    seen: list[int] = []
    assert outcome(moved, 0, seen.extend).is_same
    assert sorted(address % ALIGNMENT for address in seen[:2]) == [12, 16]


@pytest.mark.parametrize("place", [-1, 1001])
def test_a_stray_write_is_noticed(archive, place):
    found = outcome(archive, 0, lambda pointers: ctypes.memset(pointers[1] + 4 * place, 7, 4))
    assert found.state == EXACT and not found.guarded and not found.is_right


def test_another_number_is_noticed(archive):
    found = outcome(archive, 0, lambda pointers: ctypes.memset(pointers[1] + 400, 66, 4))
    assert found.state == DIFFERS and found.stable and not found.is_right
    explained = "tests/kernels/test_kernel_cast.py::test_all_pairs[apple9-fast-float32]"
    assert replace(found, origin=explained).is_right
    assert not replace(found, origin=explained, guarded=False).is_right
    assert not replace(found, origin=explained, state=FAULT).is_right


def test_results_that_change_between_runs_are_noticed(archive):
    count = itertools.count()

    def late(pointers: Sequence[int]) -> None:
        if next(count) == 3:
            ctypes.memset(pointers[1], 66, 4)

    found = outcome(archive, 0, late)
    assert found.state == EXACT and not found.stable and not found.is_right


def test_an_assertion_that_only_one_of_them_sees_is_noticed(archive):
    index = next(i for i, launch in enumerate(archive.launches) if launch.raised)
    unaware = replace(archive, launches=[replace(archive.launches[index], raised="")])
    assert outcome(unaware, 0).state == EXACT and not outcome(unaware, 0).is_right


def test_buffers_apart_end_where_they_end(archive):
    machine = CpuMachine()
    sizes: list[int] = []
    allocate = machine.allocate
    machine.allocate = lambda size: sizes.append(size) or allocate(size)  # pyright: ignore
    kernel = archive.kernels[archive.launches[0].kernel]
    run_apart(machine, machine.load(json.dumps(kernel).encode(), kernel["name"]), archive, 0)
    assert sizes == [span.offset + 4004 for span in archive.launches[0].spans]
    assert not machine.blocks


def test_archives_are_read_as_they_were_written(archive, tmp_path):
    archive.save(tmp_path / "launches.xz")
    assert Archive.load(tmp_path / "launches.xz") == archive


def test_parts_are_merged_up_to_a_number_of_launches_for_each_kernel(archive):
    assert [launch.origin for launch in merged([archive, archive], 1).launches] == ["whole", "fails"]
    both = merged([archive, archive], 2)
    assert [launch.origin for launch in both.launches] == ["whole", "views", "fails", "fails"]
    assert both.blobs == archive.blobs


@pytest.mark.parametrize(
    "element, values, state",
    [
        ("f32", [1.0, 2.0, 3.0], EXACT),
        ("f32", [1.0, 2.0, 3.000002], CLOSE),
        ("f32", [1.0, 2.0, 3.0001], DIFFERS),
        ("f32", [1.0, 2.0, np.nan], DIFFERS),
        ("f32", [1.0, 2.0, np.inf], DIFFERS),
        ("f16", [1.0, 2.0, 3.01], CLOSE),
        ("f16", [1.0, 2.0, 3.1], DIFFERS),
        ("f64", [1.0, 2.0, 3.0], EXACT),
        ("f64", [1.0, 2.0, 3.0 + 2.0**-51], DIFFERS),
        ("i32", [1, 2, 3], EXACT),
        ("i32", [1, 2, 4], DIFFERS),
    ],
)
def test_comparison(element, values, state):
    dtype = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i32": np.int32}[element]
    assert compared(np.array(values, dtype).tobytes(), np.array([1, 2, 3], dtype).tobytes(), element)[0] == state


def test_equal_infinities_and_nans_are_close():
    a = np.array([np.inf, -np.inf, 1], np.float32)
    b = np.array([np.inf, -np.inf, 1 + 2**-23], np.float32)
    assert compared(a.tobytes(), b.tobytes(), "f32")[0] == CLOSE
    quiet, other = np.array([0x7FC00000, 1], np.uint32), np.array([0x7FC00001, 1], np.uint32)
    assert compared(quiet.tobytes(), other.tobytes(), "f32") == (CLOSE, 0.0)
    quiet, other = np.array([0x7FF8 << 48, 1], np.uint64), np.array([(0x7FF8 << 48) + 1, 1], np.uint64)
    assert compared(quiet.tobytes(), other.tobytes(), "f64") == (CLOSE, 0.0)


def test_the_summary_tells_what_is_wrong():
    rows = [
        Outcome(0, "tests/kernels/test_kernel_cast.py::test_all_pairs[x]", DIFFERS, 1.0),
        Outcome(1, "tests/kernels/test_kernel_dot.py::test_b", FAULT, error="an illegal memory access"),
        Outcome(2, "tests/kernels/test_kernel_dot.py::test_c", CLOSE, 1e-7),
    ]
    lines = summary(rows, 5).splitlines()
    assert lines[0].startswith("infinities, NaNs") and lines[1].startswith("WRONG: test_kernel_dot.py::test_b")
    assert lines[-2] == "exact 0, close 1, differs 1, fault 1; unstable 0, stray writes 0"
    assert lines[-1] == "3 of 5 launches: 1 wrong, 1 differ for a reason"


@pytest.mark.parametrize("module", ["tests.simt.__main__", "tests.simt.speed"])
def test_the_gpu_machine_needs_little(module):
    """Neither our compiler's nor our tests' requirements are there."""
    absent = ("platformdirs", "rich", "pytest", "hypothesis", "mlx", "ziglang")
    hidden = "import importlib.metadata as m; m.entry_points = lambda **_: m.EntryPoints()"  # our backend's, too
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); {hidden}; import {module}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


# ------------------------------------------------------------------------------------------------------------ processes
CHILD = """
import json, sys, time
for index in range(int(sys.argv[-1]), 6):
    print(json.dumps({"starts": index, "origin": f"test {index}"}), flush=True)
    if index == 2: sys.exit("an illegal memory access")
    if index == 4: time.sleep(60)
    print(json.dumps({"index": index, "origin": f"test {index}", "state": "exact"}), flush=True)
"""


def test_a_fault_and_a_hang_cost_one_launch_each(tmp_path):
    path = tmp_path / "replay.jsonl"
    outcomes = children.run([sys.executable, "-c", CHILD], 6, path, [], seconds=60, patience=2)
    assert [(each.index, each.state) for each in outcomes] == [
        (0, EXACT), (1, EXACT), (2, FAULT), (3, EXACT), (4, FAULT), (5, EXACT)
    ]  # fmt: skip
    assert "illegal memory access" in outcomes[2].error and "no answer" in outcomes[4].error
    assert children.read(path) == outcomes


def test_a_second_run_goes_on_where_the_first_ended(tmp_path):
    path = tmp_path / "replay.jsonl"
    done = [Outcome(index, "before", EXACT) for index in range(5)]
    outcomes = children.run([sys.executable, "-c", CHILD], 6, path, done, seconds=60)
    assert [each.origin for each in outcomes] == ["before"] * 5 + ["test 5"]
    assert len(children.read(path)) == 1


def test_nothing_is_begun_without_time(tmp_path):
    assert children.run([sys.executable, "-c", "raise SystemExit(1)"], 6, tmp_path / "r", [], seconds=0) == []


def test_a_child_that_cannot_begin_is_an_error(tmp_path):
    with pytest.raises(CudaFault, match="no such archive"):
        children.run([sys.executable, "-c", "raise SystemExit('no such archive')"], 6, tmp_path / "r", [], seconds=60)


@pytest.mark.parametrize(
    "tool, said, found",
    [
        ("memcheck", "========= ERROR SUMMARY: 0 errors", 0),
        ("memcheck", "========= ERROR SUMMARY: 3 errors", 3),
        ("racecheck", "========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)", 2),
        ("racecheck", "killed", None),
    ],
)
def test_findings_of_the_tools(tool, said, found):
    assert children.findings(tool, said) == found


@pytest.mark.parametrize("status, found", [(0, 0), (1, None)])
def test_a_group_that_came_to_no_end_is_not_without_findings(status, found, tmp_path):
    said = "========= ERROR SUMMARY: 0 errors"
    command = [sys.executable, "-c", f"print({said!r}); raise SystemExit({status})"]
    row = children._tool_on_group(command, "memcheck", tmp_path / "memcheck.jsonl", 0, seconds=60)
    assert row == {"start": 0, "launches": 0, "findings": found}


def test_children_are_started_with_arguments_that_they_take(tmp_path):
    command = children.tool_command("racecheck", tmp_path, 250, 500)
    options = parser().parse_args(command[command.index("tests.simt") + 1 :])
    assert (options.part, options.records, options.tool) == ("child", tmp_path, "racecheck")
    assert (options.start, options.stop) == (250, 500)


def test_a_machine_without_a_gpu_says_so(tmp_path):
    if not driver.missing():
        pytest.skip("there is a GPU here")
    command = [sys.executable, "-m", "tests.simt", "all", "--records", str(tmp_path), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0 and done.stdout.startswith("skipped: no NVIDIA GPU")


def test_a_child_replays_what_records_have_made(archive, tmp_path, capsys):
    archive.save(tmp_path / "launches.xz")
    codes = {f"{digest}.0": json.dumps(kernel).encode() for digest, kernel in archive.kernels.items()}
    records.save_blobs(tmp_path / "cubins.xz", codes)
    children.work(CpuMachine(), tmp_path, 1)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row.get("starts", row.get("index")) for row in rows] == [1, 1, 2, 2]
    assert all(Outcome(**row).is_same for row in rows[1::2])


@pytest.mark.skipif(nvrtc.library() is None, reason="no NVRTC here: pip install nvidia-cuda-nvrtc-cu12")
def test_texts_that_do_not_compile_are_named(archive, tmp_path):
    kernels = dict(archive.kernels)
    codes = records.cubins(kernels, tmp_path)
    assert set(codes) == {f"{digest}.0" for digest in kernels} and all(c.startswith(b"\x7fELF") for c in codes.values())
    kernels["broken"] = {"source": next(iter(kernels.values()))["source"].replace("scalars.n", "scalars.m")}
    with pytest.raises(nvrtc.CudaError, match=r"1 texts do not compile: \['broken.0'\]\n.*no member \"m\""):
        records.cubins(kernels, Path(tmp_path))
