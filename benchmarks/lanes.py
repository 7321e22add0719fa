"""Speed of the kernel vocabulary on this machine's processors: `python benchmarks/lanes.py [name ...]`.

Each line is one kernel in fast mode: the time to compile it, and what it does per second with all threads (best of
several launches).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from triton_alloy.msl_cpu import Library

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(fast)\n"
BUILT_IN = "uint3 program_id [[threadgroup_position_in_grid]], u32 lane [[thread_index_in_simdgroup]]"
VARYING = {"float": "f32", "half": "f16", "bfloat": "bf16", "char": "i8", "int": "i32", "long": "i64"}
STORAGE = {"float": "f4", "half": "f2", "bfloat": "u2", "char": "i1", "int": "i4", "long": "i8"}


def measure(parameters: str, body: str, buffers: list[np.ndarray], programs: int) -> tuple[float, float]:
    """Seconds to compile a kernel, and of its fastest launch."""
    declared = ", ".join(f"{text.strip()} [[buffer({i})]]" for i, text in enumerate(parameters.split(",")))
    source = f"{HEAD}[[kernel]] void k({declared}, {BUILT_IN}) {{\n{body}\n}}\n// {time.time_ns()}: not in the cache\n"
    start = time.perf_counter()
    kernel = Library(source, mode="fast").k
    compiled = time.perf_counter() - start
    best = float("inf")
    for _ in range(15):
        start = time.perf_counter()
        kernel.launch(buffers, programs, 32)
        best = min(best, time.perf_counter() - start)
    return compiled, best


def report(name: str, result: tuple[float, float], amount: float, unit: str) -> None:
    print(f"{name:32} compiled in {result[0]:5.2f} s {amount / result[1] / 1e9:9.1f} {unit}", flush=True)


def vector_add() -> None:
    count = 1 << 24
    x, y, out = np.ones(count, "f4"), np.ones(count, "f4"), np.zeros(count, "f4")
    body = f"""    for (int r = 0; r < 32; ++r) {{
        i32 i = int(program_id.x) * 1024 + r * 32 + i32(lane);
        b1 mask = i < {count};
        store_contiguous(out, i, load_contiguous(x, i, mask) + load_contiguous(y, i, mask), mask);
    }}"""
    result = measure(
        "const device float *x, const device float *y, device float *out", body, [x, y, out], count // 1024
    )
    report("vector add, 16M f32", result, 12 * count, "GB/s")


def softmax() -> None:
    rows, columns = 4096, 1024
    x, out = np.ones((rows, columns), "f4"), np.zeros((rows, columns), "f4")
    place = f"int(program_id.x) * {columns} + r * 32 + i32(lane)"
    body = f"""    f32 v[32], top = -INFINITY, sum = 0.0f;
    for (int r = 0; r < 32; ++r) v[r] = load_contiguous(x, {place});
    for (int r = 0; r < 32; ++r) top = fmax(top, v[r]);
    float largest = reduce_max(top);
    for (int r = 0; r < 32; ++r) v[r] = precise::exp(v[r] - largest);
    for (int r = 0; r < 32; ++r) sum += v[r];
    float total = reduce_add(sum);
    for (int r = 0; r < 32; ++r) store_contiguous(out, {place}, v[r] / total);"""
    result = measure("const device float *x, device float *out", body, [x, out], rows)
    report("softmax, 4096 x 1024 f32", result, 8 * rows * columns, "GB/s")


def functions() -> None:
    count = 1 << 14
    x, out = np.linspace(0.1, 3, count, dtype="f4"), np.zeros(count, "f4")
    names = ("exp", "exp2", "log", "log2", "sin", "cos", "tan", "tanh", "sinh", "asin", "atan", "sqrt", "rsqrt")
    calls = {name: f"precise::{name}(v)" for name in names} | {"pow": "precise::pow(v, v)", "erf": "erf(v)"}
    calls |= {"divide (i32)": "f32(divide(i32(v * 1e6f), i32(v * 1e3f)))", "fmod": "fmod(v, 0.7f)"}
    for name, call in calls.items():
        body = f"""    for (int r = 0; r < {count // 32}; ++r) {{
        i32 i = r * 32 + i32(lane);
        f32 v = load_contiguous(x, i);
        store_contiguous(out, i, {call});
    }}"""
        result = measure("const device float *x, device float *out", body, [x, out], 256)
        report(name, result, 256 * count, "G/s")


def memory() -> None:
    for element in ("char", "half", "float", "long"):
        count, storage = 1 << 14, np.dtype(STORAGE[element])
        x, out = np.zeros(count * 4, storage), np.zeros(count, storage)
        places = {
            "consecutive": "i",
            "a part": "i",
            "stride 3": "i * 3",
            "equal": "i32(r)",
            "any": "(i * 7919) & 16383",
        }
        for name, place in places.items():
            mask = f", {place} < {count - 13} & (i32(lane) < 20)" if name == "a part" else ""
            body = f"""    for (int r = 0; r < {count // 32}; ++r) {{
        i32 i = r * 32 + i32(lane);
        store_contiguous(out, i, load(x, {place}{mask}));
    }}"""
            result = measure(f"const device {element} *x, device {element} *out", body, [x, out], 256)
            report(f"load {VARYING[element]}, {name}", result, 256 * count, "G elements/s")


def products(
    function: str, sizes: list[tuple[int, int, int]], counts: Callable[[int, int, int], tuple[int, ...]]
) -> None:
    """Products of tiles that are loaded anew, as in a loop over k."""
    step = 8 if function == "mma_8x8" else 1
    columns, depth = (8, 8) if function == "mma_8x8" else (32, 1)
    for element in ("float", "half", "bfloat", "char")[: 3 if step == 8 else 4]:
        for m, n, k in sizes:
            a, b, c = counts(m, n, k)
            outer = "int" if element == "char" else "float"
            arrays = [np.zeros(count * 32, STORAGE[each]) for count, each in ((a, element), (b, element), (c, outer))]
            t, out = VARYING[element], VARYING[outer]
            body = f"""    {t} a[{a}], b[{b}]; {out} c[{c}];
    for (int r = 0; r < {c}; ++r) c[r] = load_contiguous(z, i32(lane) + r * 32);
    for (int i = 0; i < 100; ++i) {{
        for (int r = 0; r < {a}; ++r) a[r] = load_contiguous(x, i32(lane) + r * 32);
        for (int r = 0; r < {b}; ++r) b[r] = load_contiguous(y, i32(lane) + r * 32);
        {function}<{m}, {n}, {k}>(c, a, b);
    }}
    if (program_id.x == 0) for (int r = 0; r < {c}; ++r) store_contiguous(z, i32(lane) + r * 32, c[r]);"""
            parameters = f"const device {element} *x, const device {element} *y, device {outer} *z"
            result = measure(parameters, body, arrays, 16)
            size = f"{m * step} x {n * columns} x {k * depth}"
            report(f"{function} {t}, {size}", result, 2 * 1600 * m * step * n * columns * k * depth, "GFLOP/s")


def mma_rows() -> None:
    sizes = [(1, 8, 64), (16, 2, 32), (32, 1, 32), (64, 2, 32), (64, 2, 64), (128, 4, 32), (128, 8, 32), (7, 3, 256)]
    products("mma_rows", sizes, lambda m, n, k: (m * ((k + 31) // 32), k * n, m * n))


def mma_8x8() -> None:
    products("mma_8x8", [(2, 2, 4), (4, 4, 4), (8, 4, 4)], lambda m, n, k: (m * k * 2, k * n * 2, m * n * 2))


BENCHMARKS = {each.__name__: each for each in (vector_add, softmax, functions, memory, mma_rows, mma_8x8)}


def chosen(names: list[str]) -> Iterator[Callable[[], None]]:
    yield from (BENCHMARKS[name] for name in names or BENCHMARKS)


if __name__ == "__main__":
    for benchmark in chosen(sys.argv[1:]):
        benchmark()
