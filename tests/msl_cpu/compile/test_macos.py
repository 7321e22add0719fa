"""What macOS needs, as far as it can be seen from elsewhere: zig brings Apple's headers and a linker."""

from __future__ import annotations

import struct

import pytest

from triton_alloy.msl_cpu.compile import build
from triton_alloy.msl_cpu.compile.build import HEADERS, PACKAGE
from triton_alloy.msl_cpu.text.rewrite import rewrite

pytest.importorskip("ziglang")
RUNTIME = PACKAGE / "runtime"
# zig's name and Python's, and the number in a Mach-O file.
MACHINES = [("aarch64", "arm64", 0x0100000C), ("x86_64", "x86_64", 0x01000007)]

KERNEL = """
#include <metal_stdlib>
using namespace metal;
kernel void f(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  threadgroup float a[64];
  a[i] = sin(x[i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  x[i] = simd_sum(a[63 - i]) + float(half(x[i]));
}
"""

COMPARISON = """
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>
typedef struct sigaction AppleAction;
#define sigaction ours_sigaction
#define sigaltstack ours_sigaltstack
#define mmap ours_mmap
#define munmap ours_munmap
#define mprotect ours_mprotect
#define madvise ours_madvise
#define sched_yield ours_sched_yield
#define clock_gettime ours_clock_gettime
#define nanosleep ours_nanosleep
#define pthread_mutex_init ours_1
#define pthread_mutex_lock ours_2
#define pthread_mutex_unlock ours_3
#define pthread_cond_init ours_4
#define pthread_cond_wait ours_5
#define pthread_cond_broadcast ours_6
#define pthread_create ours_7
#define pthread_detach ours_8
#define pthread_cond_timedwait ours_9
#define pthread_cond_signal ours_10
#define pthread_self ours_11
#define pthread_sigmask ours_12
#define pthread_kill ours_13
#include "signals.h"
using namespace msl_cpu;

#define SAME(ours, theirs) static_assert((unsigned long)(ours) == (unsigned long)(theirs), #theirs)
SAME(sizeof(SignalAction), sizeof(AppleAction));
SAME(offsetof(SignalAction, mask), offsetof(AppleAction, sa_mask));
SAME(offsetof(SignalAction, flags), offsetof(AppleAction, sa_flags));
SAME(sizeof(SignalStack), sizeof(stack_t));
SAME(offsetof(SignalStack, bytes), offsetof(stack_t, ss_size));
SAME(offsetof(SignalStack, flags), offsetof(stack_t, ss_flags));
SAME(bus_error, SIGBUS);
SAME(segmentation_fault, SIGSEGV);
SAME(floating_point_exception, SIGFPE);
SAME(takes_context, SA_SIGINFO);
SAME(on_signal_stack, SA_ONSTACK);
SAME(restarts_calls, SA_RESTART);
SAME(urgent_signal, SIGURG);
SAME(unblock, SIG_UNBLOCK);
SAME(set_mask, SIG_SETMASK);
SAME(sizeof(SignalSet), sizeof(sigset_t));
SAME(mask_offset, offsetof(ucontext_t, uc_sigmask));
SAME(machine_context_offset, offsetof(ucontext_t, uc_mcontext));
typedef __typeof__(*ucontext_t().uc_mcontext) Machine;
#ifdef __x86_64__
SAME(stack_pointer_offset, offsetof(Machine, __ss.__rsp));
SAME(program_counter_offset, offsetof(Machine, __ss.__rip));
#else
SAME(stack_pointer_offset, offsetof(Machine, __ss.__sp));
SAME(program_counter_offset, offsetof(Machine, __ss.__pc));
#endif
SAME(protect_read_write, PROT_READ | PROT_WRITE);
SAME(map_private_anonymous, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE);
SAME(clock_monotonic, CLOCK_MONOTONIC);
SAME(clock_realtime, CLOCK_REALTIME);
SAME(sizeof(Timespec), sizeof(struct timespec));
static_assert(sizeof(SystemMutex) >= sizeof(pthread_mutex_t) && sizeof(SystemCondition) >= sizeof(pthread_cond_t));
SAME(sizeof(SystemThread), sizeof(pthread_t));
"""


def _zig(machine: str) -> build.Compiler:
    zig = build._zig()
    assert zig
    return build.Compiler((zig, "c++", "-target", f"{machine}-macos"), "zig", "")


@pytest.mark.parametrize(("machine", "name", "number"), MACHINES)
def test_our_declarations_are_apples(machine: str, name: str, number: int, tmp_path):
    (tmp_path / "compare.cpp").write_text(COMPARISON)
    arguments = ["-std=c++17", "-c", "-w", f"-I{HEADERS}", f"-I{RUNTIME}", "compare.cpp", "-o", "compare.o"]
    # The driver knows where the headers are.
    done = build.run_compiler(_zig(machine), arguments, str(tmp_path), translate=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("machine", "name", "number"), MACHINES)
def test_a_kernel_and_the_runtime_become_libraries(machine: str, name: str, number: int, tmp_path):
    program = rewrite(KERNEL, "reference", {})
    (tmp_path / "kernel.cpp").write_text(program.text)
    zig = build.Compiler(_zig(machine).command[:2], "zig", "")
    flags = zig.flags("fast", "-O1", "darwin", name)
    flags = [flag for flag in flags if "native" not in flag] + [f"-I{RUNTIME}", "-c"]
    kernel = ["kernel.cpp", *program.flags, "-include", str(build.STDLIB)]
    sources = {"kernel.so": kernel, "pool.so": [str(RUNTIME / "pool.cpp"), "-fvisibility=default"]}
    for library, source in sources.items():
        done = build.run_compiler(zig, [*flags, *source, "-o", "kernel.o"], str(tmp_path))
        assert done.returncode == 0, done.stderr
        link = [*zig.link_flags("darwin"), "kernel.o", "-o", library]
        done = build.run_compiler(_zig(machine), link, str(tmp_path), translate=False)
        assert done.returncode == 0, done.stderr
        magic, processor, _, kind = struct.unpack("<IIII", (tmp_path / library).read_bytes()[:16])
        assert (magic, processor, kind) == (0xFEEDFACF, number, 6)  # 64-bit Mach-O, a dynamic library
