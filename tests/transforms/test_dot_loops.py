"""The texts of the example matmul and attention: what a compiler needs to keep their loops in registers."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("triton.language")

from tests.transforms.layouts.test_assign_layouts import ATTENTION, MATMUL, build
from triton_alloy.compiler import compile_module
from triton_alloy.examples import attention, matmul
from triton_alloy.target import target_for

BLOCKS = {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 32}
KERNELS = {
    "matmul": (matmul.matmul_kernel, MATMUL | BLOCKS),
    "attention": (attention.attention_kernel, ATTENTION | {"CAUSAL": False}),
    "causal attention": (attention.attention_kernel, ATTENTION),
}
DECLARATION = re.compile(r"(?:const )?(\w+) (\w+)\[\d+\];")


@pytest.fixture(scope="module", params=["apple7", "apple9"])
def arch(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=KERNELS)
def lines(request: pytest.FixtureRequest, arch: str) -> list[str]:
    """The kernel's body without comments."""
    kernel, constants = KERNELS[request.param]
    text = compile_module(build(kernel, "fp16", **constants), target_for(arch), num_warps=4).source
    body = text.split("// vocabulary: end\n")[1]
    return [line for line in body.splitlines() if not line.strip().startswith("//")]


def loops(lines: list[str]) -> list[list[str]]:
    """The lines of each loop in the kernel's outermost block."""
    found = []
    for number, line in enumerate(lines):
        if re.match(r"    (UNROLL )?for ", line):
            end = next(i for i in range(number, len(lines)) if lines[i] == "    }")
            found.append(lines[number : end + 1])
    return found


def loops_with_dots(lines: list[str]) -> list[list[str]]:
    return [loop for loop in loops(lines) if any("mma_8x8<" in line for line in loop)]


def test_the_loop_of_whole_tiles_loads_vectors_without_masks(lines: list[str]):
    whole, rest = loops_with_dots(lines)
    loads = [line.strip() for line in whole if "load" in line]
    assert loads and not any("b1 " in line for line in whole if "visible" not in line)
    for line in loads:
        assert re.fullmatch(r"load_vector<[24]>\(&\w+\[r \* [24]\], \w+, [^,]+\);", line), line
    assert any("load_vector<4>" in line for line in loads)
    assert all("half(0.0f)" in line for line in rest if "load_vector" in line)


def test_operands_are_loaded_in_slices_right_before_their_products(lines: list[str]):
    for loop in loops_with_dots(lines):
        for number, line in enumerate(loop):
            if "mma_8x8<" in line:
                indentation = len(line) - len(line.lstrip())
                header = next(
                    above for above in reversed(loop[:number]) if above.startswith(" " * (indentation - 4) + "UNROLL")
                )
                assert re.match(r"UNROLL for \(int i = 0; i < \d+; \+\+i\) \{", header.strip())
                assert re.search(r"mma_8x8<\d+, \d+, 2>", line)


def test_no_array_of_numbers_or_masks_lives_across_a_loop_with_dots(lines: list[str]):
    """Those of floats are the accumulators, and what is loaded before: numbers are computed where they are used."""
    whole, _ = loops_with_dots(lines)
    declared = [
        found.groups()
        for line in lines
        if line.startswith("    ") and line[4] != " " and (found := DECLARATION.match(line.strip()))
    ]
    used = {name for type_, name in declared if any(re.search(rf"\b{name}\b", line) for line in whole)}
    assert used and {type_ for type_, name in declared if name in used} <= {"f32", "f16"}


def test_nothing_goes_through_threadgroup_memory(lines: list[str]):
    assert not any("threadgroup " in line or "barrier" in line for line in lines)
