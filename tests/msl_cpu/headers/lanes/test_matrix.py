"""Matrix products of register fragments, of any shape and every input type, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.lanes import LANES, MODES, UNIFORM, decode, encode, kernel, launch

LANE = np.arange(LANES)
ROW = (LANE >> 1 & 1) | (LANE >> 2 & 1) << 1 | (LANE >> 4 & 1) << 2
COLUMN = np.stack([r | (LANE & 1) << 1 | (LANE >> 3 & 1) << 2 for r in range(2)])


def source(function: str, sizes: tuple[int, int, int], counts: tuple[int, int, int], types: tuple[str, str]) -> str:
    """c += a b of register arrays that lie in memory one register after the other."""
    inner, outer = types
    lines = []
    for name, count, type_ in zip("abc", counts, (inner, inner, outer), strict=True):
        lines.append(f"{type_} {name}[{count}];")
        lines.append(f"for (int r = 0; r < {count}; ++r) {name}[r] = load_contiguous({name}_ptr, i32(lane) + r * 32);")
    lines.append(f"{function}<{sizes[0]}, {sizes[1]}, {sizes[2]}>(c, a, b);")
    lines.append(f"for (int r = 0; r < {counts[2]}; ++r) store_contiguous(c_ptr, i32(lane) + r * 32, c[r]);")
    spaces = ("const device", "const device", "device")
    elements = (UNIFORM[inner], UNIFORM[inner], UNIFORM[outer])
    parameters = [
        f"{space} {element} *{name}_ptr" for name, space, element in zip("abc", spaces, elements, strict=True)
    ]
    return kernel("\n".join(lines), parameters)


def matrices(shape: tuple[int, int, int], types: tuple[str, str]) -> list[np.ndarray]:
    """a, b, c as memory holds them."""
    rows, columns, depth = shape
    generator = np.random.default_rng(0)
    if types[0] == "i8":
        a, b = (generator.integers(-128, 128, size, np.int8) for size in ((rows, depth), (depth, columns)))
        return [a, b, generator.integers(-1000, 1000, (rows, columns)).astype(np.int32)]
    a, b = (encode(generator.standard_normal(size), types[0]) for size in ((rows, depth), (depth, columns)))
    return [a, b, generator.standard_normal((rows, columns)).astype(np.float32)]


def check(result: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray, types: tuple[str, str]) -> None:
    if types[0] == "i8":
        assert np.array_equal(result, c + a.astype(np.int32) @ b.astype(np.int32))
        return
    left, right = decode(a, types[0]), decode(b, types[0])
    bound = (np.abs(left) @ np.abs(right) + np.abs(c)) * 2.0**-24 * (a.shape[1] + 2)
    assert (np.abs(result - (c + left @ right)) <= bound).all()


# M, N groups of 32, K: around the sizes of the tiles, and beyond what 32 lanes hold
SHAPES = [
    (1, 1, 1),
    (1, 3, 5),
    (5, 1, 32),
    (12, 2, 33),
    (13, 1, 64),
    (24, 2, 17),
    (30, 3, 70),
    (64, 2, 32),
    (7, 8, 256),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("types", [("f32", "f32"), ("f16", "f32"), ("bf16", "f32"), ("i8", "i32")])
@pytest.mark.parametrize("shape", SHAPES)
def test_rows(shape: tuple[int, int, int], types: tuple[str, str], mode: str):
    rows, groups, depth = shape
    steps = (depth + 31) // 32
    if mode == "reference" and rows * groups * depth > 5000:
        pytest.skip("slow")
    a, b, c = matrices((rows, groups * LANES, depth), types)
    padded = np.zeros((rows, steps * LANES), a.dtype)
    padded[:, :depth] = a
    padded[:, depth:] = np.array([99], a.dtype)  # beyond K: not to be used
    result = c.copy()
    text = source("mma_rows", shape, (rows * steps, depth * groups, rows * groups), types)
    launch(text, mode, [padded, b, result])
    check(result, a, b, c, types)


def to_fragments(x: np.ndarray) -> np.ndarray:
    """(8 R, 8 C) -> (R, C, 2, 32): the register's element of each lane."""
    blocks = x.reshape(x.shape[0] // 8, 8, x.shape[1] // 8, 8)
    return np.ascontiguousarray(blocks[:, ROW[None, :], :, COLUMN].transpose(2, 3, 0, 1))


def from_fragments(x: np.ndarray) -> np.ndarray:
    blocks = np.zeros((x.shape[0], 8, x.shape[1], 8), x.dtype)
    for register in range(2):
        for lane in range(LANES):
            blocks[:, ROW[lane], :, COLUMN[register, lane]] = x[:, :, register, lane]
    return blocks.reshape(x.shape[0] * 8, x.shape[1] * 8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("type_", ("f32", "f16", "bf16"))
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 3, 5), (4, 4, 4), (3, 7, 2), (8, 2, 1)])
def test_fragments(sizes: tuple[int, int, int], type_: str, mode: str):
    rows, columns, depth = sizes
    a, b, c = matrices((rows * 8, columns * 8, depth * 8), (type_, "f32"))
    fragments = [to_fragments(each) for each in (a, b, c)]
    assert np.array_equal(from_fragments(fragments[2]), c)
    counts = (rows * depth * 2, depth * columns * 2, rows * columns * 2)
    launch(source("mma_8x8", sizes, counts, (type_, "f32")), mode, fragments)
    check(from_fragments(fragments[2]), a, b, c, (type_, "f32"))
