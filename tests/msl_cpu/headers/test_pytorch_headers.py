"""PyTorch's own Metal headers, <c10/metal/...>, from its wheel: kernels made of them run as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_alloy.msl_cpu import compile_shader

torch = pytest.importorskip("torch")
FOLDER = Path(torch.__file__).parent / "include" / "c10" / "metal"

SOURCE = """
#include <metal_stdlib>
INCLUDES
using namespace metal;
using namespace c10::metal;
struct erf_functor {
  template <typename T> inline T operator()(const T x) { return static_cast<T>(c10::metal::erf(float(x))); }
};
REGISTER_UNARY_OP(erf, float, float);
struct hypot_functor {
  template <typename T> inline T operator()(const T a, const T b) { return static_cast<T>(sqrt(a * a + b * b)); }
};
REGISTER_BINARY_OP(hypot, float, float);
kernel void total(constant float *x, device float *out, uint i [[thread_position_in_threadgroup]],
                  uint size [[threads_per_threadgroup]]) {
  threadgroup float shared[32];
  float sum = threadgroup_sum(shared, x[i], i, size);
  if (i == 0) out[0] = sum;
}
kernel void whole_total(constant long *x, device long *out, uint i [[thread_position_in_threadgroup]],
                        uint size [[threads_per_threadgroup]]) {
  threadgroup long shared[32];
  long sum = threadgroup_sum(shared, x[i], i, size);
  if (i == 0) out[0] = sum;
}
kernel void noise(device float *out, uint i [[thread_position_in_grid]]) { out[i] = c10::metal::rand(7, i); }
"""


@pytest.fixture(scope="module")
def library():
    if not FOLDER.is_dir():
        pytest.skip("this PyTorch has no Metal headers")
    names = sorted(path.name for path in FOLDER.glob("*.h"))
    assert len(names) >= 8
    return compile_shader(SOURCE.replace("INCLUDES", "\n".join(f"#include <c10/metal/{name}>" for name in names)))


def test_elementwise_kernels_in_a_namespace(library):
    x, y, out = torch.randn(1000), torch.randn(1000), torch.zeros(1000)
    library.erf_dense_float_float(out, x, 1000, threads=250)
    torch.testing.assert_close(out, torch.erf(x), rtol=1e-6, atol=1e-6)
    library.hypot_dense_float_float(out, x, y, threads=1000)
    torch.testing.assert_close(out, torch.hypot(x, y), rtol=1e-6, atol=1e-6)


def test_reductions_and_random_numbers(library):
    x, out = torch.arange(256.0), torch.zeros(4096)
    library.total(x, out, threads=256, group_size=256)
    assert out[0] == 255 * 128
    library.noise(out)
    assert out.min() >= 0 and out.max() < 1 and abs(out.mean() - 0.5) < 0.02 and len(out.unique()) > 4000


@pytest.mark.parametrize("size", [5, 37, 64, 1000])
def test_sums_of_64_bit_integers_of_simdgroups_that_are_not_full(library, size: int):
    """The header shifts values out of lanes that have no thread, and counts on zeros there."""
    x = torch.randint(-(2**60), 2**60, (1000,), generator=torch.Generator().manual_seed(1)) // 1000
    for values in (x, x.flip(0)):
        out = torch.zeros(1, dtype=torch.int64)
        library.whole_total(values, out, threads=size, group_size=size)
        assert out.item() == sum(values[:size].tolist())
