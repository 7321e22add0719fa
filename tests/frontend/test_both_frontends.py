"""Upstream's front end on our libtriton gives the text that it gives on the native one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import triton
import triton.language as tl
from triton._C.libtriton import ir as native_ir
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.compiler.compiler import make_backend

from tests.equality.frontend_times import KERNELS, source_of
from tests.support.both_frontends import build, compare, our_ir
from triton_alloy.tools.vendor import installed_files, make_tree

TARGET = GPUTarget("metal", "apple9", 32)


@triton.jit
def early(x, flag):
    if flag:
        return x + 1
    return x * 2


@triton.jit(noinline=True)
def apart(x, y):
    return x * y, x - y


@triton.jit
def larger(a, i, b, j):
    keep = a > b
    return tl.where(keep, a, b), tl.where(keep, i, j)


@triton.jit
def control_kernel(x_ptr, out_ptr, n, limit, SIZE: tl.constexpr):
    total = tl.zeros([SIZE], tl.float32)
    step, count = 0, 0
    index = tl.arange(0, SIZE)
    while step < limit:
        for k in tl.range(0, n, 2, loop_unroll_factor=2, num_stages=3):
            total += tl.load(x_ptr + k * SIZE + index, index < n, other=-float("inf"))
            if k > 3:
                count += early(k, step > 1)
            elif k == 2:
                total = total * 0.1
            else:
                step += 1
        step += 1
    product, difference = apart(count, step)
    best, where = tl.reduce((total, index), 0, larger)
    tl.device_assert(product > 0, "must be positive")
    tl.device_print("best", best, where)
    for _ in tl.static_range(2):
        total = tl.cumsum(total, 0)
    tl.store(out_ptr + index, total + product + difference, index < n)


@triton.jit
def pair(x, n):
    """Returns of tuples under ifs, numbers among them."""
    if n == 0:
        return x, (n, 1)
    if n > 2:
        if n == 5:
            return x * 2, (n, 2)
        x += 1
    elif n == 1:
        return x, (7, n)
    return x - 1, (n, n)


@triton.jit
def returns_kernel(x_ptr, out_ptr, n, limit, SIZE: tl.constexpr):
    index = tl.arange(0, SIZE)
    if n >= limit:
        return
    x = tl.load(x_ptr + index)
    if n > 1:
        if limit > 3:
            tl.store(out_ptr + index, x)
            return
        x *= 2
    else:
        x, _numbers = pair(x, limit)
    for k in range(n):
        y, more = pair(x, k)
        x = y + more[1]
    if SIZE > 32:
        x += 1
        if limit == 2:
            return
    tl.store(out_ptr + index, x)


@triton.jit
def operations_kernel(x_ptr, lock_ptr, out_ptr, seed, a_desc, SIZE: tl.constexpr):
    index = tl.arange(0, SIZE)
    x = tl.load(x_ptr + index).to(tl.float32)
    order = tl.sort(x)
    picked = tl.gather(order, (index * 7) % SIZE, 0)
    noise = tl.randn(seed, index)
    counts = tl.histogram((x * 8).to(tl.int32), 16)
    left, right = tl.split(tl.reshape(picked, [SIZE // 2, 2]))
    both = tl.join(left, right).reshape([SIZE])
    tile = a_desc.load([0, 16])
    scaled = tl.sum(tl.dot(tile, tl.trans(tile), input_precision="tf32x3").to(tl.bfloat16), 1)
    tl.atomic_add(lock_ptr, tl.sum(counts), sem="release")
    old = tl.atomic_cas(lock_ptr, 0, 1)
    clamped = tl.clamp(both + noise, -1.0, 1.0)
    a_desc.store([0, 0], tile)
    tl.store(out_ptr + index, tl.math.fma(clamped, 2.0, old) + tl.max(scaled))


HAND_WRITTEN = {
    "control": (control_kernel, ("*fp32", "*fp32", "i32", "i32"), {"SIZE": 64}),
    "returns": (returns_kernel, ("*fp32", "*fp32", "i32", "i32"), {"SIZE": 64}),
    "operations": (
        operations_kernel,
        ("*fp16", "*i32", "*fp32", "i32", "tensordesc<fp16[16, 16]>"),
        {"SIZE": 64},
    ),
}


def hand_written(name: str) -> ASTSource:
    kernel, types, constants = HAND_WRITTEN[name]
    signature = dict(zip(kernel.arg_names, (*types, *("constexpr" for _ in constants)), strict=True))
    return ASTSource(kernel, signature, constants, {(0,): [["tt.divisibility", 16]]})


SOURCES = dict.fromkeys(KERNELS, source_of) | dict.fromkeys(HAND_WRITTEN, hand_written)


@pytest.mark.parametrize("name", SOURCES)
def test_texts_are_equal(name: str):
    source, backend = SOURCES[name](name), make_backend(TARGET)
    options = backend.parse_options({})
    native = build(native_ir, source, TARGET, backend, options)
    ours = build(our_ir, source, TARGET, backend, options)
    found = compare(native, ours)
    assert not found.failed, native[0]
    assert found.same, "\n".join(found.difference)


@triton.jit
def wrong_kernel(x_ptr, SIZE: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, SIZE))
    tl.store(x_ptr + tl.arange(0, 2 * SIZE), x)


def test_errors_are_equal():
    source = ASTSource(wrong_kernel, {"x_ptr": "*fp32", "SIZE": "constexpr"}, {"SIZE": 16}, {})
    backend = make_backend(TARGET)
    options = backend.parse_options({})
    native, ours = (build(ir, source, TARGET, backend, options) for ir in (native_ir, our_ir))
    assert native[1]
    assert "incompatible" in native[0] or "shape" in native[0]
    assert ours == native


PROGRAM = """
import hashlib, json, sys, importlib.metadata
import torch, triton
import triton._C.libtriton as libtriton
from triton_alloy.examples.softmax import softmax
from triton_alloy.examples.vector_add import add_kernel
from triton_alloy.integrations.triton import compiler

seen = {}
def listen(*, src, metadata_group, **_):
    seen.update((name, open(path).read()) for name, path in metadata_group.items() if name.endswith(".source"))
triton.knobs.compilation.listener = listen
x, y = torch.rand(2, 1000)
z = torch.empty_like(x)
kernel = add_kernel[(8,)](x, y, z, 1000, BLOCK_SIZE=128)
s = softmax(torch.rand(4, 100))
print(json.dumps({
    "ours": hasattr(libtriton, "IS_ALLOY"), "file": triton.__file__, "version": importlib.metadata.version("triton"),
    "right": bool(torch.equal(z, x + y)) and abs(float(s.sum()) - 4) < 1e-3,
    "texts": seen, "name": kernel.name,
}))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Triton without its native module."""
    folder = tmp_path_factory.mktemp("triton")
    make_tree(installed_files(), folder)
    return folder


def run(program: str, cache: Path, **environment: str) -> dict[str, Any]:
    file = cache.with_suffix(".py")
    file.write_text(program)
    process = subprocess.run(
        [sys.executable, file],
        env=os.environ | {"TRITON_BACKEND": "metal", "TRITON_CACHE_DIR": str(cache)} | environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_a_tree_without_native_code_runs_kernels(tree: Path, tmp_path: Path):
    native = run(PROGRAM, tmp_path / "native")
    ours = run(PROGRAM, tmp_path / "ours", PYTHONPATH=str(tree))
    assert not native["ours"]
    assert ours["ours"]
    assert ours["file"].startswith(str(tree))
    assert ours["version"] == triton.__version__
    assert native["right"]
    assert native["name"] == ours["name"] == "add_kernel"
    assert ours["right"]
    folder = str(Path(triton.__file__).parent)
    texts = {name: text.replace(f"{tree}/triton", folder) for name, text in ours["texts"].items()}
    assert set(texts) == {"add_kernel.source", "softmax_kernel.source"}
    assert texts == native["texts"]


NUMPY = """
import json
import numpy as np, triton, triton.language as tl, triton_alloy
import triton._C.libtriton as libtriton

@triton.jit
def scale_kernel(x_ptr, out_ptr, n, factor, flag, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i, mask=i < n)
    if flag:
        x = x * factor
    tl.store(out_ptr + i, x, mask=i < n)

X = np.arange(16, dtype=np.float32)
def outcome(x, n, factor, flag):
    out = np.full(16, -1, np.float32)
    try:
        scale_kernel[(1,)](x, triton_alloy.array(out), n, factor, flag, N=16)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return out.tolist()

wrapped = triton_alloy.array(X)
calls = {
    "python": (wrapped, 5, 2.5, True), "raw": (X, 5, 2.5, True), "count": (wrapped, np.int64(5), 2.5, True),
    "one": (wrapped, np.int32(1), 2.5, True), "factor": (wrapped, 5, np.float32(2.5), True),
    "double": (wrapped, 5, np.float64(2.5), True), "flag": (wrapped, 5, 2.5, np.bool_(False)),
    "zero-d": (wrapped, np.array(5), 2.5, True),
}
found = {name: outcome(*call) for name, call in calls.items()}
print(json.dumps({"ours": hasattr(libtriton, "IS_ALLOY"), "found": found}))
"""


def test_numpy_is_taken_or_refused_by_name_under_both(tree: Path, tmp_path: Path):
    native = run(NUMPY, tmp_path / "native")
    ours = run(NUMPY, tmp_path / "ours", PYTHONPATH=str(tree))
    assert not native["ours"] and ours["ours"]
    right = [0.0, 2.5, 5.0, 7.5, 10.0] + [-1.0] * 11
    taken = {"python": right, "count": right, "one": [0.0] + [-1.0] * 15, "factor": right, "double": right}
    taken["flag"] = [0.0, 1.0, 2.0, 3.0, 4.0] + [-1.0] * 11
    words = "TypeError: failed to specialize argument of type: ndarray"
    refused = dict.fromkeys(("raw", "zero-d"), f"{words}; pass triton_alloy.array(x)")
    assert ours["found"] == taken | refused
    types = {
        "count": "int64",
        "one": "int32",
        "factor": "float32",
        "flag": "bool",
        "raw": "ndarray",
        "zero-d": "ndarray",
    }
    expected = {name: f"TypeError: failed to specialize argument of type: {type_}" for name, type_ in types.items()}
    assert native["found"] == taken | expected


def test_importing_triton_stays_light(tree: Path, tmp_path: Path):
    heavy = "('numpy', 'torch', 'triton_alloy.compiler')"
    program = f"import json, sys, triton; print(json.dumps({{name: name in sys.modules for name in {heavy}}}))"
    assert set(run(program, tmp_path / "cache", PYTHONPATH=str(tree)).values()) == {False}
