"""tl.device_print and tl.device_assert: every element once, in Triton's format; a failed program stops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from tests.support.kernels import tensor
from triton_alloy import config
from triton_alloy.errors import DeviceAssertion, Unsupported

CHECKED = [("cpu", "sanitize"), ("apple9", "sanitize")]


@pytest.fixture(params=CHECKED, ids="-".join)
def checked_device(request):
    """The text of each target, with every access checked."""
    with config.scope(TRITON_ALLOY_TARGET=request.param[0], TRITON_ALLOY_MODE=request.param[1]):
        yield request.param


def lines(capsys) -> Counter:
    return Counter(capsys.readouterr().out.splitlines())


# -------------------------------------------------------------------------------------------------------------- prints
@triton.jit
def print_kernel(x_ptr, N: tl.constexpr, HEX: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.device_print("x", x, hex=HEX)


VALUES = {
    "int8": [-128, 127], "uint8": [200, 1], "int16": [-32768, 5], "uint16": [65535, 0], "int32": [-5, 2**31 - 1],
    "uint32": [2**32 - 1, 7], "int64": [-(2**63), 2**53 + 1], "uint64": [2**64 - 1, 3],
}  # fmt: skip


@pytest.mark.parametrize("dtype", VALUES)
def test_integers_are_printed_by_their_sign(device, capsys, dtype):
    x = np.resize(np.array(VALUES[dtype], dtype), 64)
    print_kernel[(1,)](tensor(x), 64, False)
    assert lines(capsys) == Counter(f"pid (0, 0, 0) idx ({i:2}) x: {x[i]}" for i in range(64))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_floats_have_six_digits(device, capsys, dtype):
    x = torch.tensor([1.5, -0.25, float("inf"), 1e4] * 8).to(getattr(torch, dtype))
    print_kernel[(1,)](x, 32, False)
    assert lines(capsys) == Counter(f"pid (0, 0, 0) idx ({i:2}) x: {float(x[i]):f}" for i in range(32))


def test_hexadecimal_shows_the_bits(device, capsys):
    x = torch.tensor([-1.0, 2.0], dtype=torch.bfloat16)
    print_kernel[(1,)](x, 2, True)
    assert lines(capsys) == Counter(["pid (0, 0, 0) idx (0) x: 0xbf80", "pid (0, 0, 0) idx (1) x: 0x4000"])


@triton.jit
def shapes_kernel(x_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    row, column = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    x = tl.load(x_ptr + row[:, None] * COLUMNS + column[None, :])
    tl.device_print("tile", x)
    tl.device_print("", tl.sum(x, axis=1), tl.sum(x, axis=0))
    tl.device_print("few", row * 2 + tl.program_id(1))
    tl.device_print("positive", x > 3)
    tl.device_print("total", tl.sum(x))
    tl.device_print("done")


@pytest.mark.parametrize("warps", [1, 4])
def test_each_element_is_printed_once(any_device, capsys, warps):
    rows, columns = 4, 64
    x = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns) - 5
    shapes_kernel[(1, 2)](tensor(x), rows, columns, num_warps=warps)
    expected = Counter()
    for y in range(2):
        pid = f"pid (0, {y}, 0)"
        for i in range(rows):
            expected[f"{pid} idx ({i}): (operand 0) {x[i].sum()}"] += 1
            expected[f"{pid} idx ({i}) few: {2 * i + y}"] += 1
            for j in range(columns):
                expected[f"{pid} idx ({i}, {j:2}) tile: {x[i, j]}"] += 1
                expected[f"{pid} idx ({i}, {j:2}) positive: {int(x[i, j] > 3)}"] += 1
        for j in range(columns):
            expected[f"{pid} idx ({j:2}): (operand 1) {x[:, j].sum()}"] += 1
        # As on Triton's other backends each thread prints what is no tensor.
        expected[f"{pid} idx () total: {x.sum()}"] = 32 * warps
        expected[f"{pid} done"] = 32 * warps
    assert lines(capsys) == expected


@triton.jit
def pointer_kernel(x_ptr, i_ptr, N: tl.constexpr):
    tl.device_print("one", x_ptr)
    tl.device_print("each", x_ptr + tl.load(i_ptr + tl.arange(0, N)))


@pytest.mark.skipif(config.RUNTIME.text == "metal", reason="a GPU has addresses of its own")
def test_pointers_are_addresses(device, capsys):
    if device[1] == "sanitize":
        pytest.skip("the sanitizer runs kernels on copies of the buffers")
    x, i = torch.zeros(9, dtype=torch.int16), torch.tensor([3, 8], dtype=torch.int32)
    pointer_kernel[(1,)](x, i, 2, num_warps=1)
    start = x.data_ptr()
    expected = Counter({f"pid (0, 0, 0) idx () one: 0x{start:x}": 32})
    expected.update(f"pid (0, 0, 0) idx ({n}) each: 0x{start + 2 * int(i[n]):x}" for n in range(2))
    assert lines(capsys) == expected


@triton.jit
def steps_kernel(n):
    for i in range(n):
        if i % 2 == 0:
            tl.device_print("even", i)
        tl.device_print("each", tl.arange(0, 2) + i)


def test_lines_of_a_program_stay_in_order(device, capsys):
    if device[1] == "sanitize":
        pytest.skip("the sanitizer runs the threads of a simdgroup in a random order")
    steps_kernel[(2,)](3, num_warps=1)
    printed = capsys.readouterr().out.splitlines()
    assert printed[: len(printed) // 2] == [line.replace("(1,", "(0,") for line in printed[len(printed) // 2 :]]
    first = [line for line in printed if line.startswith("pid (0,")]
    assert [int(line.split()[-1]) for line in first if "even" in line] == [0] * 32 + [2] * 32
    assert sorted(int(line.split()[-1]) for line in first if "each" in line) == [0, 1, 1, 2, 2, 3]
    assert "each: 0" in first[32] or "each: 1" in first[32]


@triton.jit
def flood_kernel(N: tl.constexpr):
    tl.device_print("x", tl.arange(0, N) + tl.program_id(0) * N)


def test_a_full_log_says_what_it_lost(device, capsys):
    flood_kernel[(40,)](1024)
    printed = capsys.readouterr()
    numbers = [int(line.rpartition(" ")[2]) for line in printed.out.splitlines()]
    assert len(set(numbers)) == len(numbers) == 32767 and set(numbers) <= set(range(40 * 1024))
    assert printed.err == f"flood_kernel: {40 * 1024 - 32767} values of device_print did not fit into the log\n"


# ---------------------------------------------------------------------------------------------------------- assertions
@triton.jit
def guarded_kernel(x_ptr, i_ptr, N: tl.constexpr, LIMIT: tl.constexpr):
    at = tl.program_id(0) * N + tl.arange(0, N)
    i = tl.load(i_ptr + at)
    tl.device_assert((i >= 0) & (i < LIMIT), "index within x")
    tl.store(x_ptr + i, at)


@pytest.mark.parametrize("warps", [1, 4])
def test_a_failed_assertion_stops_its_program_and_no_other(any_device, warps):
    n = 512
    i = np.arange(3 * n, dtype=np.int32)
    i[n + 300] = 10 * n
    x = np.full(3 * n, -1, np.int32)
    with pytest.raises(DeviceAssertion) as caught:
        guarded_kernel[(3,)](tensor(x), tensor(i), n, 3 * n, num_warps=warps, debug=True)
    assert "test_kernel_debug.py:" in str(caught.value)
    assert "Assertion `index within x` failed in program (1, 0, 0) at element (300)" in str(caught.value)
    expected = np.arange(3 * n)
    expected[n : 2 * n] = -1
    assert (x == expected).all()


def test_without_debug_nothing_is_asserted(device):
    i = np.arange(64, dtype=np.int32)
    x = np.zeros(64, np.int32)
    kernel = guarded_kernel[(1,)](tensor(x), tensor(i), 64, 0)
    assert (x == i).all() and "device_log" not in kernel.asm["msl"]


@triton.jit
def loop_kernel(x_ptr, n, LIMIT: tl.constexpr):
    for i in range(n):
        tl.device_assert(i < LIMIT, "few steps")
        tl.store(x_ptr + i * 32 + tl.arange(0, 32), i + 1)


def test_a_scalar_assertion_ends_a_loop(device):
    x = np.zeros((8, 32), np.int32)
    with pytest.raises(DeviceAssertion, match=r"few steps` failed in program \(0, 0, 0\)\n    tl\.device_assert\("):
        loop_kernel[(1,)](tensor(x), 8, 3, debug=True)
    assert (x == np.array([1, 2, 3, 0, 0, 0, 0, 0])[:, None]).all()


@triton.jit
def masked_kernel(x_ptr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.device_assert(x == 0, "zero", mask=tl.arange(0, N) < 40)


def test_masked_elements_and_how_many_failed(device):
    x = np.zeros(64, np.int32)
    x[40:] = 1
    masked_kernel[(2,)](tensor(x), 64, debug=True)
    x[[7, 39]] = 1
    with pytest.raises(DeviceAssertion, match=r"and for 3 more"):
        masked_kernel[(2,)](tensor(x), 64, debug=True)


# ------------------------------------------------------------------------------------------------------ overflow checks
@triton.jit
def sums_kernel(x_ptr, total_ptr, prefix_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    at = tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    x = tl.load(x_ptr + at)
    tl.store(total_ptr + tl.arange(0, ROWS), tl.sum(x, axis=1))
    tl.store(prefix_ptr + at, tl.cumsum(x, axis=1))


@pytest.mark.parametrize("warps", [1, 4])
def test_overflow_checks_within_sums_see_only_real_steps(any_device, rng, warps):
    """A few numbers of a row add up to the largest; steps between other lanes than a prefix needs would exceed it."""
    rows, columns = 4, 256
    x = np.zeros((rows, columns), np.int32)
    x[:, [0, 100, 200, 255]] = [2**30, 2**29, 2**28, 2**31 - 1 - 2**30 - 2**29 - 2**28]
    total, prefix = np.zeros(rows, np.int32), np.zeros_like(x)
    launch = lambda: sums_kernel[(1,)](  # noqa: E731
        tensor(x), tensor(total), tensor(prefix), rows, columns, num_warps=warps, debug=True
    )
    launch()
    assert (total == 2**31 - 1).all() and (prefix == x.cumsum(axis=1)).all()
    x[2, 17] = 1
    with pytest.raises(DeviceAssertion, match=r"test_kernel_debug\.py:\d+.*int32 overflow detected for operation add"):
        launch()


@triton.jit
def checked_maximum(a, b):
    if a > b:
        tl.device_assert(a < 100, "small")
        larger = a
    else:
        tl.device_assert(b > -100, "not too small")
        larger = b
    return larger


@triton.jit
def maximum_kernel(x_ptr, out_ptr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :])
    tl.store(out_ptr + tl.arange(0, ROWS), tl.reduce(x, 1, checked_maximum))


@pytest.mark.parametrize("values, message", [([-200], None), ([200], "small"), ([-200] * 64, "not too small")])
def test_assertions_of_one_way_do_not_concern_the_other(device, values, message):
    """One small number always meets a larger one, whose way says nothing about it."""
    x, out = np.full((4, 64), 5, np.int32), np.zeros(4, np.int32)
    x[2, : len(values)] = values
    launch = lambda: maximum_kernel[(1,)](tensor(x), tensor(out), 4, 64, debug=True)  # noqa: E731
    if message is None:
        launch()
        assert (out == 5).all()
        return
    place = r"in program \(0, 0, 0\) at element \(2\)\n    tl\.device_assert\("
    with pytest.raises(DeviceAssertion, match=f"`{message}` failed {place}"):
        launch()


@triton.jit
def loud(a, b):
    tl.device_print("a", a)
    return a + b


@triton.jit
def loud_kernel(x_ptr, N: tl.constexpr):
    tl.store(x_ptr, tl.reduce(tl.load(x_ptr + tl.arange(0, N)), 0, loud))


def test_a_print_within_a_reduction_is_refused(device):
    with pytest.raises(Unsupported, match=r"a print in the function of a tt.reduce"):
        loud_kernel[(1,)](torch.zeros(64, dtype=torch.int32), 64)


# ------------------------------------------------------------------------------------------------------------ sanitizer
def test_the_log_has_no_races(checked_device, capsys):
    n = 256
    shapes_kernel[(1, 2)](torch.zeros(4, 64, dtype=torch.int32), 4, 64)
    assert sum(lines(capsys).values()) == 2 * (4 * 64 * 2 + 4 * 2 + 64 + 2 * 128)
    i = torch.arange(2 * n, dtype=torch.int32)
    i[n:] = 10 * n
    with pytest.raises(DeviceAssertion, match=r"program \(1, 0, 0\) at element .*and for 255 more"):
        guarded_kernel[(2,)](torch.zeros(n, dtype=torch.int32), i, n, n, debug=True)
