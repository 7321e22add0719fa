"""The command line, by what it prints and returns."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from triton_alloy import __version__, config
from triton_alloy.runtime.cpu import PackedLaunches
from triton_alloy.tools import bench, cases, cli, measure, progress, sections


@pytest.fixture(autouse=True)
def cpu():
    """A target and mode of our own, whatever a test before left."""
    with config.scope(TRITON_ALLOY_TARGET="cpu", TRITON_ALLOY_MODE="fast"):
        yield


def test_version(capsys):
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out.strip() == __version__
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"triton-alloy {__version__}"


def test_without_arguments_the_help_is_printed(capsys):
    assert cli.main([]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: triton-alloy") and printed.err == ""
    assert all(f"\n    {command} " in printed.out for command in ("demo", "bench", "doctor", "setup"))


def test_tables_are_not_cut_where_the_output_is_no_terminal(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    path = "/a" * 150
    with config.scope(MSL_CPU_CXX=f"{path} -O2"):
        cli.main(["doctor"])
    assert f"MSL_CPU_CXX='{path} -O2': no such program" in capsys.readouterr().out


def test_files_are_found_wrong_before_anything_runs(tmp_path, capsys):
    for wrong in (tmp_path / "none" / "x.json", tmp_path):
        with pytest.raises(SystemExit) as ended:
            cli.main(["bench", "--json", str(wrong)])
        assert ended.value.code == 2
        assert f"argument --json: {wrong}: " in capsys.readouterr().err


def test_ctrl_c_and_a_reader_that_leaves_end_without_a_traceback(monkeypatch):
    def raises(error: BaseException):
        def run(console, options):
            raise error

        return run

    monkeypatch.setattr(cli, "_version", raises(KeyboardInterrupt()))
    assert cli.main(["version"]) == 130
    script = "import sys; from triton_alloy.tools import cli; cli._version = lambda *_: print('x' * 100_000) or 0; "
    command = [sys.executable, "-c", f"{script}sys.exit(cli.main(['version']))"]
    pipe = ["bash", "-c", '"$@" | true; exit "${PIPESTATUS[0]}"', "-", *command]
    done = subprocess.run(pipe, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor_finds_a_compiler_and_a_target(capsys):
    assert cli.main(["doctor"]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines() if len(line.split()) > 1)
    assert "cpu" in lines["target"]
    assert not lines["compiler"].startswith("none")


def test_show_prints_metal_text(capsys):
    assert cli.main(["demo", "--show", "layer_norm_backward"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("[[kernel, max_total_threads_per_threadgroup(") == 2
    assert printed.isascii()


def test_show_names_what_there_is(capsys):
    assert cli.main(["demo", "--show", "nothing"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: no example called 'nothing'") and "softmax" in printed.err
    assert printed.out == ""


def test_demo_prints_every_case_and_a_picture(tmp_path, capsys):
    picture = tmp_path / "demo.svg"
    assert cli.main(["demo", "--svg", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert all(printed.count(f"\n {case.name} ") == 2 for case in cases.CASES)
    assert max(map(len, printed.splitlines())) <= 80
    assert "layer_norm" in picture.read_text()


def test_demo_fails_where_a_result_is_wrong(monkeypatch, capsys):
    wrong = cases.CASES[0]
    off = cases.Case(wrong.name, "", wrong.kernels, wrong.inputs, wrong.run, lambda x, y: x + y + 1e-3)
    monkeypatch.setattr(cases, "CASES", (off,))
    assert cli.main(["demo"]) == 1


def test_errors_do_not_hide_nan():
    exact = np.array([1.0, 2.0])
    assert np.isnan(cases.error(np.array([1.0, np.nan]), exact))
    assert cases.error((np.array([1.0, 2.5]), exact), (exact, exact)) == 0.25


WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoTorch)
from triton_alloy.tools.cli import main
main(["demo", "--show", "softmax"])
"""


def test_the_demo_needs_no_torch():
    command = [sys.executable, "-c", WITHOUT_TORCH]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ.copy())
    assert "softmax_kernel" in done.stdout, done.stderr


def test_interleaving_takes_turns():
    calls: list[str] = []
    samples = measure.interleave(
        [lambda: calls.append("a"), lambda: calls.append("b")], seconds=0, rounds=2, turn=0.001
    )
    turns = [side for side, before in zip(calls, [""] + calls, strict=False) if side != before]
    assert turns == ["a", "b", "a", "b"]
    assert all(0 < len(sample.times) < len(calls) for sample in samples)


@pytest.mark.parametrize(("rival", "rest"), [("NumPy", 0.15), ("PyTorch", 0.01)])
def test_nobody_works_before_a_turn(monkeypatch, rival, rest):
    """Until the threads of the other side's library sleep."""
    done: list[object] = []
    monkeypatch.setattr(measure.time, "sleep", done.append)
    sides = [lambda: done.append("ours"), lambda: done.append("theirs")]
    measure.interleave(sides, seconds=0, rounds=2, turn=0, rest=measure.REST_AFTER[rival])
    assert [each for each, after in zip(done, done[1:] + [""], strict=True) if each != after] == [
        *(rest, "ours", rest, "theirs") * 2,
    ]


def test_ratios_compare_what_ran_at_the_same_time():
    """The machine is ten times as slow in the last two turns of three, and our side sees less of them."""
    theirs = measure.Sample(((1.0, 1.0, 1.1), (10.0, 11.0), (10.0,)))
    ours = measure.Sample(((2.0, 2.0, 2.0, 2.0, 2.0), (20.0,), (20.0,)))
    assert measure.ratio(ours, theirs) == 2.0
    assert ours.median / theirs.median < 0.5


@pytest.mark.parametrize(
    "seconds, text", [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 us"), (0.9996, "1000 ms")]
)
def test_durations(seconds, text):
    assert measure.duration(seconds) == text


def test_bench_reports_what_it_measured(tmp_path, monkeypatch):
    lines = [{"name": "add", "rival": "NumPy", "ours": 0.2, "theirs": 0.1, "ratio": 1.9, "target": 1.5}]
    monkeypatch.setattr(bench, "_section", lambda name, settings, **environment: lines)
    console = Console(width=100, record=True, file=io.StringIO())
    assert bench.bench(console, ["speed"], bench.Settings(), tmp_path / "report.json", None) == 1
    assert "1.90x" in console.export_text()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["results"][0]["value"] == 1.9 and not report["results"][0]["reached"]


def test_the_whole_report_fits_a_terminal_of_80_columns():
    rows = json.loads((Path(__file__).parents[2] / "docs" / "bench.json").read_text())["results"]
    results = [bench.Result(**{name: value for name, value in row.items() if name != "reached"}) for row in rows]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(bench.table(results, bench.Settings(), load=2.0))
    assert "the machine was busy before (load 2.0)" in console.export_text(clear=False)
    assert "…" not in console.export_text()


def test_a_section_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(bench, "_pin", lambda cores: None)
    with pytest.raises(bench.SectionFailed, match="the section nothing of the benchmark ended with status 1"):
        bench._section("nothing", bench.Settings(0.1))


@pytest.mark.parametrize("sections, needed", [(["msl_cpu"], ("torch",)), (["speed", "msl_cpu"], ("triton", "torch"))])
def test_what_the_sections_need(sections, needed):
    assert bench.packages(sections) == needed


def test_progress_is_shown_on_a_terminal_alone():
    for is_terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=is_terminal, width=80)
        with progress.steps(2, console) as begin:
            begin("first [step]")
            begin("second")
        shown = console.file.getvalue()
        assert ("second" in shown and "1/2" in shown) if is_terminal else shown == ""


def test_the_overhead_section_runs():
    lines = bench._section("overhead", bench.Settings(0.1))
    assert [line["name"] for line in lines] == [
        *("launch of 32 elements", "by its compiled kernel", "by triton_alloy.bind"),
    ]
    assert all(0 < line["ours"] < 1e-2 for line in lines) and 0 < lines[0]["theirs"] < 1e-2


def test_every_way_to_launch_launches_but_the_one_that_is_subtracted(monkeypatch):
    launches: list[object] = []
    counts: list[int] = []

    def interleave(functions, seconds):
        for function in functions:
            before = len(launches)
            function()
            counts.append(len(launches) - before)
        return [measure.Sample(((time * sections.LAUNCHES,),)) for time in (4.0, 3.0, 2.0, 1.0)]

    monkeypatch.setattr(PackedLaunches, "run", lambda self, block: launches.append(block))
    monkeypatch.setattr(sections, "interleave", interleave)
    launch, directly, repeated = sections.overhead(0)
    assert counts == [sections.LAUNCHES, 0, sections.LAUNCHES, sections.LAUNCHES]
    assert (launch["ours"], launch["theirs"], directly["ours"], repeated["ours"]) == (4.0, 3.0, 2.0, 1.0)


def test_the_operators_have_a_median(monkeypatch):
    lines = [
        {"name": name, "ours": 1.0, "theirs": 2.0, "ratio": ratio}
        for name, ratio in {"a": 0.5, "b": 3, "c": 0.6}.items()
    ]
    monkeypatch.setattr(bench, "_section", lambda name, settings, **environment: lines)
    rows = list(bench.RUNNERS["operators"](bench.Settings()))
    assert [(row.value, row.reached) for row in rows] == [(0.5, True), (3, False), (0.6, True), (0.6, True)]


def test_as_many_threads_and_cores_as_asked_for(monkeypatch, tmp_path):
    started = {}

    def run(command, env, preexec_fn, **rest):
        started[env["MSL_CPU_THREADS"], env["OMP_NUM_THREADS"]] = preexec_fn.args
        return subprocess.CompletedProcess(command, 0, stdout=b"[]")

    monkeypatch.setattr(bench.subprocess, "run", run)
    assert list(bench.RUNNERS["bounds"](bench.Settings(threads=1))) == []
    assert started == {("1", "1"): (1,)}


@pytest.mark.parametrize("threads", ["0", "two", "-1"])
def test_the_number_of_threads_is_positive(threads, capsys):
    with pytest.raises(SystemExit):
        cli.main(["bench", "--threads", threads])
    assert f"{threads}: expected a positive number" in capsys.readouterr().err


def test_the_long_sections_are_measured_where_they_are_named(monkeypatch):
    chosen = []
    monkeypatch.setattr(cli, "bench", lambda console, sections, *rest: chosen.append(list(sections)) or 0)
    cli.main(["bench"])
    cli.main(["bench", "--only", "sizes", "tiles"])
    assert not {"sizes", "tiles"} & set(chosen[0]) and "operators" in chosen[0] and chosen[1] == ["sizes", "tiles"]
