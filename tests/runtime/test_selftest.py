"""The self-test of a machine: right ones pass, each kind of wrong one is refused by name, results are remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.metal_double import Device, World, double
from triton_alloy.errors import Unsupported
from triton_alloy.kernel import Kernel
from triton_alloy.msl_cpu import Library, strict
from triton_alloy.runtime import selftest
from triton_alloy.runtime.metal import MetalDevice
from triton_alloy.runtime.selftest import SELF_TESTS, SelfTest, Verdict, verdict

TEXT = "#include <metal_stdlib>\nusing namespace metal;\n[[kernel]] void plain(device int *x [[buffer(0)]]) { %s }\n"


def run_on_cpu(kernel: Kernel, inputs: bytes, output_bytes: int, programs: int) -> bytes:
    result = bytearray(output_bytes)
    Library(kernel.source, "reference")[kernel.name].launch([inputs, result], programs, kernel.threads)
    return bytes(result)


@pytest.mark.parametrize("test", SELF_TESTS, ids=lambda test: test.name)
def test_the_texts_are_metal_and_say_what_is_expected(test: SelfTest):
    strict.check(test.kernel.source, language="3.1")
    assert test.failure(run_on_cpu) == ""


# What a machine may do wrong: a change of the text that has the same effect.
FAULTS = {
    "lane_map": ("result[2 * lane]", "result[2 * (lane ^ 8)]"),
    "matrix_product": ("simdgroup_load(right, given + 64, 8)", "simdgroup_load(right, given + 64, 8, ulong2(0), true)"),
    "safe_math": ("isnan(infinity - infinity)", "false"),
    "contraction": ("x * y + z", "fma(x, y, z)"),
    "integer_division": ("given[2 * lane] % given[2 * lane + 1]", "given[2 * lane + 1]"),
    "small_floats": ("half(small + small)", "half(0.0h)"),
    "lanes": ("simd_shuffle_xor(value, ushort(5))", "simd_shuffle_xor(value, ushort(1))"),
    "small_threadgroup": ("values[31 - lane]", "values[lane]"),
    "bytes": ("result[place] =", "if (program_id.x > 0) result[place] ="),
}


@pytest.mark.parametrize("test", SELF_TESTS, ids=lambda test: test.name)
def test_a_wrong_machine_is_refused_by_name(test: SelfTest):
    right, wrong = FAULTS[test.name]
    assert right in test.kernel.source
    world = World(alter=lambda text: text.replace(right, wrong) if f"void {test.name}(" in text else text)
    device = MetalDevice(double(world), Device(world))
    assert set(device.verdict.failures) == {test.name}
    with pytest.raises(Unsupported, match=f"the self-test {test.name} failed on this machine"):
        device.compile(Kernel("plain", TEXT % f"// {' '.join(test.words)}", (), 1, 0, "apple9"))


def test_a_failure_concerns_the_kernels_that_use_its_words():
    found = Verdict({"lane_map": "lanes are elsewhere"})
    assert found.against("simdgroup_matrix<float, 8, 8> m;") is not None
    assert found.against("simdgroup_matrix_multiply(x)") is None
    assert Verdict({"safe_math": "no NaN"}).against("x") is not None
    assert Verdict({"contraction": "fused"}).against("#pragma METAL fp contract(fast)") is None
    assert Verdict({"contraction": "fused"}).against("#pragma METAL fp contract(off)") is not None
    assert Verdict({}).against("simdgroup_matrix") is None


def test_a_test_that_cannot_be_built_has_failed():
    world = World(alter=lambda text: text.replace("simd_sum(value)", "simd_sum("))
    device = MetalDevice(double(world), Device(world))
    assert "lanes" in device.verdict.failures


def test_the_result_is_remembered_for_the_same_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "machine" / "selftest.json"
    runs: list[str] = []

    def run(kernel: Kernel, inputs: bytes, output_bytes: int, programs: int) -> bytes:
        runs.append(kernel.name)
        return bytes(output_bytes) if kernel.name == "bytes" else run_on_cpu(kernel, inputs, output_bytes, programs)

    first = verdict(run, path)
    assert set(first.failures) == {"bytes"} and len(runs) == len(SELF_TESTS)
    assert verdict(run, path) == first and len(runs) == len(SELF_TESTS)
    assert [file.name for file in path.parent.iterdir()] == ["selftest.json"]
    monkeypatch.setattr(selftest, "SELF_TESTS", SELF_TESTS[:2])
    verdict(run, path)
    assert len(runs) == len(SELF_TESTS) + 2


UNREADABLE = ["", "{", "[]", json.dumps({"tests": "of another version", "failures": {}})]
UNREADABLE += [json.dumps({"tests": selftest.digest()}), json.dumps({"tests": selftest.digest(), "failures": [1]})]


@pytest.mark.parametrize("content", UNREADABLE)
def test_an_unreadable_result_is_found_anew(tmp_path: Path, content: str):
    path = tmp_path / "selftest.json"
    path.write_text(content)
    assert set(verdict(lambda kernel, inputs, size, programs: bytes(size), path).failures) == {
        test.name for test in SELF_TESTS
    }


def test_a_result_that_cannot_be_kept_counts_all_the_same(tmp_path: Path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "selftest.json"
    assert verdict(lambda kernel, inputs, size, programs: bytes(size), path).failures


def test_a_device_runs_its_tests_once(tmp_path: Path):
    world, again = World(), World()
    text = TEXT % "x[0] = 1;"
    for each in (world, again):
        device = MetalDevice(double(each), Device(each), cache=tmp_path)
        device.compile(Kernel("plain", text, (), 1, 0, "apple9"))
    assert world.count("commit") == len(SELF_TESTS)
    assert again.count("commit") == 0
