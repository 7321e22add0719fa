"""Inputs and comparisons for the kernel tests. The oracles are NumPy's exact integers and float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("float16", "bfloat16", "float32")


def tensor(x: np.ndarray) -> torch.Tensor:
    """The array as a tensor that shares its memory, so that a kernel's stores are seen in the array."""
    return torch.from_numpy(x)


def extremes(dtype: str) -> np.ndarray:
    """The edge values of an integer dtype."""
    info = np.iinfo(dtype)
    values = [info.min, info.min + 1, -2, -1, 0, 1, 2, 3, 7, info.max // 2, info.max - 1, info.max]
    return np.array([value for value in values if info.min <= value], dtype)


def integer_pairs(rng: np.random.Generator, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edge values, small numbers and random bits; the length is odd."""
    edge = extremes(dtype)
    info = np.iinfo(dtype)
    x, y = (side.ravel() for side in np.meshgrid(edge, edge))
    random = [rng.integers(info.min, info.max, 501, dtype, endpoint=True) for _ in range(2)]
    small = [rng.integers(max(info.min, -20), 20, 500).astype(dtype) for _ in range(2)]
    x, y = (np.concatenate(parts) for parts in ((x, random[0], small[0]), (y, random[1], small[1])))
    return (x, y) if len(x) % 2 else (x[:-1], y[:-1])


FLOAT_EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, np.inf, -np.inf, np.nan)


def float_pairs(dtype: str, scale: float = 100.0) -> tuple[torch.Tensor, torch.Tensor]:
    """All pairs of edge values and random numbers, as tensors of an odd length."""
    finite = torch.finfo(getattr(torch, dtype))
    edge = torch.tensor([*FLOAT_EDGES, finite.max, -finite.max, finite.tiny])
    x, y = (side.ravel() for side in torch.meshgrid(edge, edge, indexing="ij"))
    random = (torch.rand(2, 1000) - 0.5) * 2 * scale
    return tuple(torch.cat(parts).to(getattr(torch, dtype)) for parts in ((x, random[0]), (y, random[1])))


def double(x: torch.Tensor | np.ndarray) -> np.ndarray:
    """Any tensor or array in float64."""
    return x.double().numpy() if isinstance(x, torch.Tensor) else x.astype(np.float64)


def spacing(exact: np.ndarray, dtype: str) -> np.ndarray:
    """The distance between neighbouring numbers of `dtype` around each value (its unit in the last place)."""
    finite = torch.finfo(getattr(torch, dtype))
    magnitude = np.clip(np.abs(np.nan_to_num(exact, nan=1.0)), finite.tiny, finite.max)
    return 2.0 ** np.floor(np.log2(magnitude)) * finite.eps


def ulps(result: np.ndarray, exact: np.ndarray, dtype: str) -> np.ndarray:
    """Errors in units of the last place; 0 where both are the same NaN or infinity, infinite where only one is."""
    with np.errstate(invalid="ignore", over="ignore"):
        finite = torch.finfo(getattr(torch, dtype))
        overflows = np.abs(exact) >= finite.max + spacing(exact, dtype) / 2
        exact = np.where(overflows, np.copysign(np.inf, exact), exact)
        error = np.abs(result - exact) / spacing(exact, dtype)
        same = (result == exact) | (np.isnan(result) & np.isnan(exact))
        return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


def check_rows(
    names: Sequence[str], results: np.ndarray, expected: np.ndarray, where: np.ndarray | None = None
) -> None:
    """Every row equal, bit for bit; the message names the rows that differ and shows their first difference."""
    failures = []
    for row, name in enumerate(names):
        valid = np.ones(results.shape[1], bool) if where is None else where[row]
        wrong = np.flatnonzero(valid & (results[row] != expected[row]))
        if len(wrong):
            i = wrong[0]
            failures.append(f"{name}: {len(wrong)} wrong, [{i}] is {results[row, i]}, not {expected[row, i]}")
    assert not failures, "\n".join(failures)


def check_ulps(names: Sequence[str], limits: Sequence[float], results: Sequence, exact: Sequence, dtype: str):
    """Assert that rows are within their number of ulps of the exact float64 values; NaN must be where NaN is."""
    failures = []
    for name, limit, result, wanted in zip(names, limits, results, exact, strict=True):
        error = ulps(double(result), double(wanted), dtype)
        i = int(np.argmax(error))
        if error[i] > limit:
            failures.append(f"{name}: {error[i]:.3g} ulp, [{i}] is {double(result)[i]}, not {double(wanted)[i]}")
    assert not failures, "\n".join(failures)
