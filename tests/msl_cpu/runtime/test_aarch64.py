"""The aarch64 context switch, in a C++ program that qemu runs: barriers, operations between lanes, divergence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from triton_alloy.msl_cpu.compile.build import HEADERS, PACKAGE, find_compiler
from triton_alloy.msl_cpu.text.rewrite import rewrite

EMULATOR = "qemu-aarch64"
SYSTEM = Path("/usr/aarch64-linux-gnu")  # headers and libraries that a cross compiler brings
FLAGS = "--target=aarch64-linux-gnu -static -fdeclspec -std=c++17 -O2 -w -fno-exceptions -fno-rtti -fno-strict-aliasing"

SOURCE = """
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]],
              uint l [[thread_position_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
              uint n [[threads_per_threadgroup]]) {
  threadgroup float a[1024];
  float v = l * 0.5f, w = l + 1.0f, x = l - 7.0f;  // live in registers that a call would save
  for (uint k = 0; k < 4; ++k) {
    a[l] = v;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    v = a[(l + 1) % n] + w * 0.25f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (lane < 10) v += simd_sum(1.0f); else v += simd_max(x);
    v += simd_shuffle_xor(w, 3);
  }
  out[i] = v;
}
"""

MAIN = """
#include <math.h>
#include <stdio.h>
extern "C" unsigned msl_cpu_dispatch(const msl_cpu::Plan *, void *const *, unsigned, unsigned, unsigned);
extern "C" void msl_cpu_start();

static void expected(float *out, int n) {
  float v[1024], old[1024];
  for (int l = 0; l < n; ++l) v[l] = l * 0.5f;
  for (int k = 0; k < 4; ++k) {
    for (int l = 0; l < n; ++l) old[l] = v[l];
    for (int l = 0; l < n; ++l) {
      float last_of_simdgroup = (l | 31) - 7.0f;
      v[l] = old[(l + 1) % n] + (l + 1.0f) * 0.25f + (l % 32 < 10 ? 10.0f : last_of_simdgroup) + ((l ^ 3) + 1.0f);
    }
  }
  for (int l = 0; l < n; ++l) out[l] = v[l];
}

int main() {
  static float out[8 * 1024], want[1024];
  msl_cpu_start();
  for (unsigned n = 32; n <= 1024; n *= 2)
    for (unsigned workers = 1; workers <= 3; ++workers) {
      msl_cpu::Plan plan = {};
      plan.version = msl_cpu::abi_version;
      plan.workers = workers;
      plan.run = &msl_cpu_kernel_0;
      plan.threads_per_threadgroup[0] = n;
      plan.threads_per_threadgroup[1] = plan.threads_per_threadgroup[2] = 1;
      plan.stack_log2 = MSL_STACK_LOG2;
      void *buffers[31] = {out};
      if (unsigned failure = msl_cpu_dispatch(&plan, buffers, 8, 1, 1)) {
        printf("failure %u\\n", failure);
        return 2;
      }
      expected(want, n);
      for (unsigned i = 0; i < 8 * n; ++i)
        if (fabsf(out[i] - want[i % n]) > 1e-4f * fabsf(want[i % n])) {
          printf("threads %u workers %u: out[%u] = %f, not %f\\n", n, workers, i, out[i], want[i % n]);
          return 1;
        }
    }
  puts("passed");
}
"""


@pytest.mark.skipif(not (SYSTEM.exists() and shutil.which(EMULATOR)), reason=f"needs {SYSTEM} and {EMULATOR}")
def test_under_qemu(tmp_path: Path):
    compiler = find_compiler()
    if compiler.family != "clang":
        pytest.skip("needs clang, which compiles for any processor")
    program = rewrite(SOURCE, "reference", {})
    text = f'#include "metal_stdlib.h"\n{program.text}\n#line 1 "main"\n{MAIN}'
    (tmp_path / "program.cpp").write_text(text)
    includes = [f"-I{HEADERS}", f"-I{PACKAGE / 'runtime'}"]
    sources = ["program.cpp", str(PACKAGE / "runtime" / "pool.cpp")]
    command = [*compiler.command, *FLAGS.split(), "-Wno-reserved-user-defined-literal", *program.flags, *includes]
    subprocess.run([*command, *sources, "-o", "program", "-lm", "-lpthread"], cwd=tmp_path, check=True, timeout=200)
    done = subprocess.run([EMULATOR, "./program"], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0 and done.stdout == "passed\n", done.stdout + done.stderr
