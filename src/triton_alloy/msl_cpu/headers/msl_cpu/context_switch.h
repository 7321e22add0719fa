// Switch between stacks on one thread of the operating system: x86-64 and aarch64.
#pragma once
#include "abi.h"

// What runs outside of a fiber must not call the hook below, which finds its worker from the stack pointer.
#define MSL_UNWATCHED __attribute__((no_instrument_function))

namespace msl_cpu {

MSL_INLINE ulong stack_pointer() {
  ulong sp;
#if defined(__x86_64__)
  __asm__("mov %%rsp, %0" : "=r"(sp));
#else
  __asm__("mov %0, sp" : "=r"(sp));
#endif
  return sp;
}

// The same, computed where it is asked for. The compiler keeps what it derives from the one above on the stack, and a
// fiber's stack has often left the first-level cache when the fiber's turn comes again.
MSL_INLINE ulong stack_pointer_anew() {
  ulong sp;
#if defined(__x86_64__)
  __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#else
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#endif
  return sp;
}

// The switch is inline so that the compiler saves only what is live at the site, and so that each site has its own
// branch-predictor entry. Every register is clobbered; the ones that may not be named (frame and base pointer) are
// saved by hand. Kernels are compiled without a red zone, because the pushes write below the stack pointer.
#if defined(__x86_64__)

#ifdef __AVX512F__
#define MSL_WIDE_CLOBBERS                                                                                             \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",       \
      "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define MSL_WIDE_CLOBBERS
#endif

MSL_INLINE void switch_stack(void **save, void *to) {
  __asm__ volatile(
      "pushq %%rbp\n\t"
      "pushq %%rbx\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "movq %%rsp, (%0)\n\t"
      "movq %1, %%rsp\n\t"
      "popq %%rax\n\t"
      "jmpq *%%rax\n"
      "1:\tpopq %%rbx\n\t"
      "popq %%rbp"
      : "+D"(save), "+S"(to)::"rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
        "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15" MSL_WIDE_CLOBBERS);
}

// A stack that starts `entry` (which never returns) when it is switched to.
MSL_INLINE void *new_fiber(ulong top, void (*entry)()) {
  void **slots = reinterpret_cast<void **>(top & ~63ul);
  slots[-1] = nullptr;  // where a return address would lie: the ABI wants this alignment at a function's start
  slots[-2] = reinterpret_cast<void *>(entry);
  return &slots[-2];
}

#elif defined(__aarch64__)

#ifdef __APPLE__  // belongs to the system there: compilers do not use it
#define MSL_PLATFORM_REGISTER
#else
#define MSL_PLATFORM_REGISTER "x18",
#endif

MSL_INLINE void switch_stack(void **save, void *to) {
  register void **save_register __asm__("x0") = save;
  register void *to_register __asm__("x1") = to;
  __asm__ volatile(
      "adr x9, 1f\n\t"
      "stp x29, x30, [sp, #-32]!\n\t"
      "stp x19, x9, [sp, #16]\n\t"
      "mov x10, sp\n\t"
      "str x10, [x0]\n\t"
      "mov sp, x1\n\t"
      "ldr x9, [sp, #24]\n\t"
      "br x9\n"
      "1:\tldr x19, [sp, #16]\n\t"
      "ldp x29, x30, [sp], #32"
      : "+r"(save_register), "+r"(to_register)::"x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
        "x13", "x14", "x15", "x16", "x17", MSL_PLATFORM_REGISTER "x20", "x21", "x22", "x23", "x24", "x25", "x26",
        "x27", "x28", "memory", "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",
        "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
        "v26", "v27", "v28", "v29", "v30", "v31");
}

MSL_INLINE void *new_fiber(ulong top, void (*entry)()) {
  void **slots = reinterpret_cast<void **>(top & ~63ul);
  slots[-1] = reinterpret_cast<void *>(entry);
  slots[-2] = slots[-3] = slots[-4] = nullptr;
  return &slots[-4];
}

#else
#error "msl_cpu runs on x86-64 and aarch64 only"
#endif

#ifndef MSL_STACK_LOG2
#define MSL_STACK_LOG2 15
#endif
// Reference mode has a fiber per thread, fast mode one per simdgroup; both share the upper half of the region.
constexpr ulong region_bytes = 2ul * max_threads << MSL_STACK_LOG2;

MSL_INLINE Worker *worker_of(ulong stack_pointer) {
  return reinterpret_cast<Worker *>(stack_pointer & ~(region_bytes - 1));
}
MSL_INLINE Worker *current_worker() { return worker_of(stack_pointer()); }

MSL_INLINE ulong stacks_of(Worker *worker) { return reinterpret_cast<ulong>(worker) + region_bytes / 2; }

// Call `entry` for threadgroups first .. last-1 on one stack that takes the whole upper half of the region.
MSL_INLINE void run_on_one_stack(Worker *worker, ulong first, ulong last, void (*entry)()) {
  worker->first = first;
  worker->last = last;
  switch_stack(&worker->main_stack, new_fiber(stacks_of(worker) + region_bytes / 2, entry));
}

// How a fiber's function ends.
MSL_INLINE void leave_for(void *stack) {
  void *finished;
  switch_stack(&finished, stack);
  __builtin_unreachable();
}

// The first to stop a launch writes down where.
MSL_INLINE void note_stop(Worker *worker, Stop stop) {
  Launch *launch = worker->launch;
  uint none = failure_none;
  if (!__atomic_compare_exchange_n(&launch->failure, &none, stop.failure, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    return;
  for (uint i = 0; i < 3; ++i) stop.threadgroup[i] = worker->threadgroup[i];
  launch->stop = stop;
}

// Stop the whole launch from any depth of a kernel. Nothing has to be destroyed: kernels own no resources.
__attribute__((noinline, noreturn)) MSL_UNWATCHED inline void fail(Stop stop) {
  Worker *worker = current_worker();
  note_stop(worker, stop);
  leave_for(worker->main_stack);
  __builtin_unreachable();
}
// place: where in the kernel, as a return address.
__attribute__((noinline, noreturn)) MSL_UNWATCHED inline void fail(Failure failure, const void *place) {
  fail(Stop{failure, {}, (ulong)place - 1, 0, 0, 0, 0});
}

}  // namespace msl_cpu

#ifdef MSL_STACK_MARGIN
// Called where a function begins: no frame is larger than the margin, so none reaches the next fiber's stack unnoticed.
extern "C" __attribute__((used, visibility("hidden"))) MSL_UNWATCHED inline void __cyg_profile_func_enter_bare() {
  if ((msl_cpu::stack_pointer() & ((1ul << MSL_STACK_LOG2) - 1)) < MSL_STACK_MARGIN)
    msl_cpu::fail(msl_cpu::failure_stack, __builtin_return_address(0));
}
#endif
