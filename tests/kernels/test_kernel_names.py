"""A user may call anything anything: whatever the language or the vocabulary has, as each kind of name.

Many words share a kernel, which is written here as Python source. What no word may lead to is a text that another
compiler rejects, or that computes something else: every word is worth a number of its own.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import triton
import triton.language as tl

from tests.support.kernels import tensor
from triton_alloy.msl.names import reserved
from triton_alloy.msl.printer import OWN_NAMES

HEAD = "import triton\nimport triton.language as tl\n\n"
# What Python, Triton's launch or these kernels have another meaning for.
TAKEN = {*keyword.kwlist, "tl", "triton", "range", "float", "int", "bool", "num_warps", "num_stages"}
PREFIXED = [prefix + end for prefix in reserved().prefixes for end in ("", "mask", "1", "_")]
# What a renamed name could meet, words of other languages and of C++'s libraries, and letters that Metal has not.
OTHER = re.findall(
    r"\w+",
    """i i_1 r r_1 j x x_1 x_1_1 x__1 _x v_atomic_mask total values values_1 value offset loaded registers scratch arena
    mask condition temp N T I V X float8 packed_float4 printf exit abort memcpy memset strlen malloc errno stdin near
    far complex bits rcp uniform event address uint_fast8_t float16_t bfloat16_t depth2d TRUE FALSE index plan source
    local read_only event_t pipe vec_step image2d_t sampler_t queue_t cl_khr_fp16 CL_VERSION_1_0 CL_VERSION_3_0 worker
    module final override typeof restrict mpp extents discard_fragment simd simdgroups quads Limits rgb xy y pointer
    \N{GREEK SMALL LETTER ALPHA} caf\N{LATIN SMALL LETTER E WITH ACUTE} cafe u3b1 \N{CYRILLIC SMALL LETTER A} u430
    \N{HIRAGANA LETTER A} k k_scalars k_scalars_1 scalars_1 lane_1 float_1""",
)
WORDS = [
    word
    for word in dict.fromkeys([*sorted(reserved().words), *PREFIXED, *OWN_NAMES, *OTHER])
    if word not in TAKEN and word.isidentifier() and not word.startswith("__")
]


def module_of(source: str, folder: Path, name: str) -> ModuleType:
    """A module of generated source, which Triton reads from its file."""
    path = folder / f"{name}.py"
    path.write_text(HEAD + source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(*groups: list[str]) -> str:
    return "".join(f"    {line}\n" for group in groups for line in group)


def every_kind(arguments: list[str], locals_: list[str], carried: list[str]) -> str:
    """A kernel with words of each kind, all of which count. Scalars, which C++ compilers take less time for."""
    return f"def kernel_(x__in, out__out, n__n, {', '.join(arguments)}):\n" + lines(
        ["sum__s = n__n"],
        [f"sum__s = sum__s * 3 + {word}" for word in arguments],
        [f"{word} = tl.load(x__in + {k})" for k, word in enumerate(locals_)],
        [f"sum__s = sum__s * 3 + {word} * {word}" for word in locals_],
        [f"{word} = sum__s + {k}" for k, word in enumerate(carried)],
        ["for t__t in range(n__n):"],
        [f"    {word} = {word} * {before} + 1" for before, word in zip(carried[-1:] + carried, carried, strict=False)],
        [f"sum__s = sum__s * 3 + {word}" for word in carried],
        ["tl.store(out__out + tl.arange(0, 32), sum__s)"],
    )


def expected_of(arguments: int, locals_: int, carried: int, trips: int, x: np.ndarray) -> int:
    """What `every_kind` computes, modulo 2**32."""
    total = trips
    for k in range(arguments):
        total = total * 3 + k + 2
    for k in range(locals_):
        total = total * 3 + int(x[k]) ** 2
    values = [total + k for k in range(carried)]
    for _ in range(trips):
        for k in range(carried):
            values[k] = (values[k] * values[k - 1] + 1) % 2**32
    for value in values:
        total = total * 3 + value
    return total % 2**32


@pytest.mark.parametrize("turn", range(3))
def test_arguments_locals_and_carried_values(any_device, rng, tmp_path, turn):
    parts = [WORDS[(turn + k) % 3 :: 3] for k in range(3)]
    kernel = module_of("@triton.jit\n" + every_kind(*parts), tmp_path, f"names_{turn}").kernel_
    x, out = rng.integers(-9, 9, len(WORDS)).astype(np.int32), np.zeros(32, np.int32)
    kernel[(1,)](tensor(x), tensor(out), 3, *range(2, 2 + len(parts[0])), num_warps=1)
    assert (out.view(np.uint32) == expected_of(*map(len, parts), 3, x)).all()


def chain_of_helpers(words: list[str]) -> str:
    """A function for each word, with a local that is called as another of them, and a kernel that calls all."""
    helpers = "".join(
        f"@triton.jit\ndef {word}(given__g):\n    {local} = given__g * 3 + {k}\n    return {local} * {local}\n\n\n"
        for k, (word, local) in enumerate(zip(words, words[1:] + words[:1], strict=True))
    )
    calls = [f"sum__s = {word}(sum__s)" for word in words]
    return (
        helpers
        + "@triton.jit\ndef kernel_(out__out, n__n):\n"
        + lines(["sum__s = n__n"], calls, ["tl.store(out__out + tl.arange(0, 32), sum__s)"])
    )


def test_helpers_and_their_locals(any_device, tmp_path):
    kernel = module_of(chain_of_helpers(WORDS), tmp_path, "names_of_helpers").kernel_
    out = np.zeros(32, np.uint32)
    kernel[(1,)](tensor(out), 5, num_warps=1)
    total = 5
    for k in range(len(WORDS)):
        total = (total * 3 + k) ** 2 % 2**32
    assert (out == total).all()


CALLED = (
    "atomic_histogram",
    "simd_width",
    "metal",
    "main",
    "UINT_MAX",
    "max",
    "load",
    "lane",
    "scalars",
    "arena",
    "lanes",
)


@pytest.mark.parametrize("word", CALLED)
def test_kernels(any_device, tmp_path, word):
    source = f"@triton.jit\ndef {word}(x__x, out__o, {word}_ptr, atomic_counter_ptr, lane):\n" + lines(
        ["i__i = tl.arange(0, 32)", "quad_id = tl.load(x__x + i__i) + lane", f"{word}_scalars = quad_id * quad_id"],
        [f"tl.store({word}_ptr + i__i, {word}_scalars)", "tl.store(atomic_counter_ptr + i__i, quad_id)"],
        [f"tl.store(out__o + i__i, tl.load({word}_ptr + i__i) + {word}_scalars)"],
    )
    x, squares, plain, out = (np.arange(32, dtype=np.int32) + k for k in range(4))
    kernel = getattr(module_of(source, tmp_path, "names_of_kernels"), word)
    compiled = kernel[(1,)](tensor(x), tensor(out), tensor(squares), tensor(plain), 7, num_warps=1)
    assert (plain == x + 7).all() and (squares == plain**2).all() and (out == 2 * squares).all()
    assert compiled.asm["msl"].count("[[kernel") == 1


@triton.jit
def batched_kernel(x_ptr, y_ptr, out_ptr, COUNT: tl.constexpr, SIZE: tl.constexpr):
    batch, row = tl.arange(0, COUNT)[:, None, None], tl.arange(0, SIZE)[None, :, None]
    place = (batch * SIZE + row) * SIZE + tl.arange(0, SIZE)[None, None, :]
    x = tl.load(x_ptr + place)
    i = tl.load(y_ptr + place)
    tl.store(out_ptr + place, tl.dot(x, i, input_precision="ieee"))


def test_the_operands_of_a_batch_of_products(any_device, rng):
    """The text has a loop over the batch, whose index nobody named."""
    x, y = rng.integers(-9, 9, (2, 4, 16, 16)).astype(np.float32)
    out = np.zeros_like(x)
    batched_kernel[(1,)](tensor(x), tensor(y), tensor(out), 4, 16, num_warps=1)
    assert (out == x @ y).all()
