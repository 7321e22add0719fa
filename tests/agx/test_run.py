"""How `make agx` runs: what it says where something is missing or fails, and rows of files, with a double of Mesa's."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

import pytest

from tests.agx import compilers, report, run
from tests.agx.rewrite import rewrite
from tests.agx.test_rewrite import KERNEL
from tests.agx.test_statistics import FAST, OUTSIDE
from tests.simt.workloads import BY_NAME

NUMBERS = {"registers": 30, "threads": 1024, "scratch_bytes": 0, "threadgroup_bytes": 0, "code_bytes": 622}
PRINTED = json.dumps({"kernels": [{"name": "scale", "regions": [OUTSIDE, FAST]} | NUMBERS]})
needs_tools = pytest.mark.skipif(
    not (shutil.which(compilers.CLANG) and shutil.which(compilers.TRANSLATOR)),
    reason=f"no {compilers.CLANG} and {compilers.TRANSLATOR} here",
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program that stands for Mesa's: a function that gives it what it prints and its status."""

    def make(printed: str, status: int = 0, complains: str = "") -> Path:
        place = tmp_path / "agx_stat"
        source = f"import sys\nprint({printed!r})\nprint({complains!r}, file=sys.stderr)\nsys.exit({status})\n"
        place.write_text(f"#!{sys.executable}\n{source}")
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(compilers.VARIABLE, str(place))
        return place

    return make


@pytest.fixture
def spirv(monkeypatch):
    """Without compilers: any module will do."""
    monkeypatch.setattr(compilers, "spirv_of", lambda program, folder: folder / "text.spv")


def main(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    return run.main()


def test_without_the_variable_one_sentence_says_so(monkeypatch, capsys):
    monkeypatch.delenv(compilers.VARIABLE, raising=False)
    assert main(monkeypatch) == 0
    sentence = (
        "TRITON_ALLOY_AGX_STAT names no program that makes AGX machine code: docs/agx_text.md says how one is built"
    )
    assert capsys.readouterr().out == f"agx skipped: {sentence}\n"


def test_a_name_of_no_program_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(compilers.VARIABLE, str(tmp_path / "nothing"))
    assert compilers.missing() == f"TRITON_ALLOY_AGX_STAT is {str(tmp_path / 'nothing')!r}, which is no program"


def test_missing_compilers_are_named(monkeypatch, program):
    program("")
    monkeypatch.setattr(compilers.shutil, "which", lambda name: None)
    names = f"{compilers.CLANG} and {compilers.TRANSLATOR}"
    assert compilers.missing() == (f"{names} are not there: apt install {names.replace(' and', '')} (Debian 12)")


def test_statistics_are_those_that_the_program_prints(program, spirv):
    program(PRINTED)
    (found,) = compilers.statistics_of(rewrite(KERNEL))
    assert (found.name, found.registers, found.instructions) == ("scale", 30, 10 + 217)


def test_what_the_program_complains_of_is_passed_on(program, spirv):
    place = program("", 3, "no such instruction")
    with pytest.raises(compilers.AgxError, match=f"{place} ends with status 3: no such instruction"):
        compilers.statistics_of(rewrite(KERNEL))


@pytest.mark.parametrize("printed", ["", "{}", '{"kernels": [{"name": "k"}]}'])
def test_a_program_that_prints_something_else_is_named(program, spirv, printed):
    place = program(printed)
    with pytest.raises(compilers.AgxError, match=f"{place} printed no statistics"):
        compilers.statistics_of(rewrite(KERNEL))


def test_files_get_a_row_each_and_a_bad_one_does_not_stop_the_others(program, spirv, tmp_path, monkeypatch, capsys):
    program(PRINTED)
    monkeypatch.setattr(compilers.shutil, "which", lambda name: name)
    (tmp_path / "good.metal").write_text(KERNEL)
    files = [str(tmp_path / name) for name in ("absent.metal", "good.metal")]
    assert main(monkeypatch, *files) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split()[:6] == ["good", "30", "1024", "2/0", "227", "622"]
    assert "absent.metal: [Errno 2] No such file or directory" in printed.err


def test_an_instruction_that_the_translator_lacks_goes():
    line = "  %5 = freeze i32 %4\n  %6 = freeze <2 x half> %5\n  %7 = add i32 %5, 1\n"
    assert compilers.without_freeze(line) == (
        "  %5 = select i1 true, i32 %4, i32 %4\n"
        "  %6 = select i1 true, <2 x half> %5, <2 x half> %5\n"
        "  %7 = add i32 %5, 1\n"
    )


@needs_tools
def test_a_text_becomes_a_module(tmp_path):
    module = compilers.spirv_of(rewrite(KERNEL), tmp_path)
    assert module.read_bytes()[:4] == bytes.fromhex("03022307")


@needs_tools
def test_a_text_that_does_not_compile_is_refused_with_its_line(tmp_path):
    with pytest.raises(compilers.AgxError, match=r"text\.clcpp:\d+:\d+: error: use of undeclared identifier 'nothing'"):
        compilers.spirv_of(rewrite(KERNEL.replace("lane ^ 1", "nothing")), tmp_path)


needs_program = pytest.mark.skipif(compilers.missing() is not None, reason=str(compilers.missing()))


@needs_program
@pytest.mark.parametrize("name", ["add_f16", "matmul_64x64x32_f32", "matmul_64x64x32_f16", "attention_f16"])
def test_machine_code_is_the_recorded_one(name):
    (row,) = run.rows_of(rewrite(BY_NAME[name].printed(run.FAMILY).source)).values()
    assert row == report.recorded()[run.FAMILY][name], "make agx records anew"


@needs_program
def test_a_loop_over_products_in_machine_code():
    """One 8x8 product of each iteration: two loads of 8 bytes, one product, no spill."""
    body = """simdgroup_matrix<float, 8, 8> sum, a, b;
    sum.thread_elements()[0] = sum.thread_elements()[1] = 0;
    for (int k = 0; k < n; ++k) {
        const device float *p = x + 64 * k + 2 * lane;
        device float *q = y + 64 * k + 2 * lane;
        for (int i = 0; i < 2; ++i) {
            a.thread_elements()[i] = p[i];
            b.thread_elements()[i] = q[i];
        }
        simdgroup_multiply_accumulate(sum, a, b, sum);
    }
    device float *r = y + 2 * lane;
    r[0] = sum.thread_elements()[0]; r[1] = sum.thread_elements()[1];"""
    text = f"""#include <metal_stdlib>
using namespace metal;
[[kernel, max_total_threads_per_threadgroup(32)]]
void k(const device float *x [[buffer(0)]], device float *y [[buffer(1)]], constant int &n [[buffer(2)]],
       uint lane [[thread_index_in_simdgroup]]) {{ {body} }}
"""
    (found,) = compilers.statistics_of(rewrite(text))
    assert found.loop and found.loop.products == 1 and found.loop.device_loads == {8: 2}
    assert found.threads == 1024 and found.count("stack_store") == 0 and found.accesses("device_stores") == {8: 1}
