"""tl.extra.libdevice of float64: within CUDA's errors of mpmath's values, the same as NumPy's where that is exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from tests.doubles import bounded
from tests.kernels.test_kernel_libdevice import KERNELS
from tests.support.kernels import tensor
from triton_alloy.errors import Unsupported

NUMBERS = 200
LIBM = {"tanh": 2.5}
"""The errors of functions for which the CPU's fast mode takes libm's, where those are larger."""


@triton.jit
def norm4d_kernel(x_ptr, y_ptr, z_ptr, out_ptr, n, FUNCTION: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, y, z = tl.load(x_ptr + i, i < n), tl.load(y_ptr + i, i < n), tl.load(z_ptr + i, i < n)
    tl.store(out_ptr + i, getattr(libdevice, FUNCTION)(x, y, z, x), i < n)


def run(name: str, *operands: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    out = np.zeros(len(operands[0]), dtype)
    kernel = norm4d_kernel if name.endswith("norm4d") else KERNELS[len(operands)]
    kernel[(triton.cdiv(len(out), 512),)](*map(tensor, operands), tensor(out), len(out), name, BLOCK=512)
    return out


MISSING = ("erfinv", "erfcinv", "normcdfinv", "j0")
"""What kernels may not call yet; for the first three GPUs would have functions, but lanes have none."""


@pytest.mark.parametrize("name", [name for name in bounded.BOUNDED if name not in MISSING])
def test_bounded_functions(device, rng, name):
    operands = bounded.drawn(name, NUMBERS, rng)
    found = run(name.split()[0], *operands)
    error = bounded.errors(found, bounded.exact_values(name, operands))
    worst = int(error.argmax())
    limit = max(bounded.BOUNDED[name].ulps, LIBM.get(name, 0.0))
    assert error[worst] <= limit, f"{error[worst]} ulp: {[o[worst] for o in operands]} -> {found[worst]}"


X = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 1e300, 2.0**52 + 0.5, -7.0, 0.1])
Y = np.roll(X, 5)
WITH_NAN = {
    "remainder": lambda: run("remainder", X, Y), "fdim": lambda: run("fdim", X, Y),
    "nextafter": lambda: run("nextafter", X, Y), "copysign": lambda: run("copysign", X, Y),
}  # fmt: skip


def _remainder(x: float, y: float) -> float:
    import math

    return math.nan if math.isinf(x) or y == 0 or x != x or y != y else math.remainder(x, y)


def test_exact_functions(device):
    with np.errstate(all="ignore"):
        expected = {
            "remainder": np.array([_remainder(x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)]),
            "fdim": np.where(X <= Y, 0.0, X - Y), "nextafter": np.nextafter(X, Y), "copysign": np.copysign(X, Y),
        }  # fmt: skip
    for name, wanted in expected.items():
        np.testing.assert_array_equal(WITH_NAN[name](), wanted, err_msg=name)
    flags = {"isnan": np.isnan(X), "isinf": np.isinf(X), "finitef": np.isfinite(X), "signbit": np.signbit(X)}
    for name in ("isnan", "isinf", "signbit"):
        assert (run(name, X, dtype=np.int32).astype(bool) == flags[name]).all(), name
    finite = X[np.isfinite(X) & (X != 0)]
    assert (run("ilogb", finite, dtype=np.int32) == np.frexp(finite)[1] - 1).all()
    assert (run("logb", finite) == np.frexp(finite)[1] - 1).all()
    powers = np.arange(len(X), dtype=np.int32) * 97 - 500
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run("ldexp", X, powers), np.ldexp(X, powers))
    assert (run("double_as_longlong", X, dtype=np.int64) == X.view(np.int64)).all()


def test_conversions(device):
    whole = np.array([2.5, -2.5, 3.5, -0.1, 1e10, 2147483647.5])
    assert run("double2int_rn", whole, dtype=np.int32).tolist() == [2, -2, 4, 0, 2**31 - 1, 2**31 - 1]
    assert run("double2ll_rd", whole, dtype=np.int64).tolist() == [2, -3, 3, -1, 10**10, 2**31 - 1]
    assert (run("double2float_rn", X, dtype=np.float32)[:4] == np.float32(X[:4])).all()
    assert run("double2float_rz", np.array([0.1, -0.1, 1e300]), dtype=np.float32).tolist() == [
        np.nextafter(np.float32(0.1), np.float32(0)), -np.nextafter(np.float32(0.1), np.float32(0)),
        np.finfo(np.float32).max,
    ]  # fmt: skip


@pytest.mark.parametrize("name", [*MISSING, "add_rd"])
def test_what_is_missing_is_refused_by_name(device, name):
    x = torch.ones(4, dtype=torch.float64)
    operands = [x] * (2 if name == "add_rd" else 1)
    with pytest.raises(Unsupported, match="has no counterpart for Metal"):
        KERNELS[len(operands)][(1,)](*operands, x, 4, name, BLOCK=4)
