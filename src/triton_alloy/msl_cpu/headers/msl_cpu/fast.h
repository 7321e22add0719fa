// Execution in `fast` mode: the kernel is called once per simdgroup, on 32-lane values.
#pragma once
#include "arguments.h"
#include "memory_flags.h"

namespace msl_cpu {

constexpr ulong simdgroup_stack_bytes = region_bytes / 2 / max_simdgroups;

struct FastScheduler {
  uint alive;  // simdgroups that have not returned
  void *stack[max_simdgroups];
};

MSL_INLINE FastScheduler &fast_scheduler(Worker *worker) {
  return *reinterpret_cast<FastScheduler *>(reinterpret_cast<char *>(worker) + scheduler_offset);
}

MSL_INLINE uint current_simdgroup(Worker *worker) {
  return (uint)((stack_pointer() - stacks_of(worker)) / simdgroup_stack_bytes);
}

// The alive simdgroup that follows `simdgroup` in the ring; itself if it is the only one.
MSL_INLINE uint next_simdgroup(uint alive, uint simdgroup) {
  uint later = alive & ~((2u << simdgroup) - 1);
  return __builtin_ctz(later ? later : alive);
}

// Round robin is a barrier: when a simdgroup's turn comes again, all the others have reached the same one.
MSL_INLINE void fast_barrier() {
  Worker *worker = current_worker();
  if (worker->simdgroups == 1) return;
  FastScheduler &scheduler = fast_scheduler(worker);
  uint self = current_simdgroup(worker), next = next_simdgroup(scheduler.alive, self);
  if (next != self) switch_stack(&scheduler.stack[self], scheduler.stack[next]);
}

// Calls the kernel for every threadgroup of the range, without a switch in between.
template <class Signature, auto function> __attribute__((noinline)) void single_simdgroup_main() {
  Worker *worker = current_worker();
  ThreadPosition first_lane = {0, 0, 0, 0};
  for (ulong i = worker->first; i < worker->last; ++i) {
    enter_threadgroup(worker, i);
    Signature::template call<function>(worker, first_lane);
  }
  leave_for(worker->main_stack);
}

template <class Signature, auto function> __attribute__((noinline)) void simdgroup_main() {
  Worker *worker = current_worker();
  FastScheduler &scheduler = fast_scheduler(worker);
  uint self = current_simdgroup(worker), index = self * simd_width;
  Word4 size = worker->threads_per_threadgroup;
  Signature::template call<function>(
      worker, ThreadPosition{index, index % size[0], index / size[0] % size[1], index / size[0] / size[1]});
  scheduler.alive &= ~(1u << self);
  leave_for(scheduler.alive ? scheduler.stack[next_simdgroup(scheduler.alive, self)] : worker->main_stack);
}

// Of a kernel that is for one simdgroup at most: it is compiled once.
template <class Signature, auto function>
MSL_UNWATCHED void run_fast_single(Worker *worker, ulong first, ulong last) {
  run_on_one_stack(worker, first, last, &single_simdgroup_main<Signature, function>);
}

template <class Signature, auto function> MSL_UNWATCHED void run_fast(Worker *worker, ulong first, ulong last) {
  if (worker->simdgroups == 1) return run_fast_single<Signature, function>(worker, first, last);
  FastScheduler &scheduler = fast_scheduler(worker);
  for (ulong i = first; i < last && !worker->launch->failure; ++i) {
    enter_threadgroup(worker, i);
    for (uint s = 0; s < worker->simdgroups; ++s) {
      // Tops differ by an odd number of cache lines, or all stacks would compete for the same cache sets.
      ulong top = stacks_of(worker) + (s + 1) * simdgroup_stack_bytes - 64 * 7 * s;
      scheduler.stack[s] = new_fiber(top, &simdgroup_main<Signature, function>);
    }
    scheduler.alive = worker->simdgroups == 32 ? ~0u : (1u << worker->simdgroups) - 1;
    switch_stack(&worker->main_stack, scheduler.stack[0]);
  }
}

// Counts bytes that are written to an output; returns whether they should go past the caches.
MSL_INLINE bool goes_past_caches(uint bytes) {
  Worker *worker = current_worker();
  worker->output_bytes += bytes;
  return worker->past_caches;
}

}  // namespace msl_cpu

namespace metal {

MSL_INLINE void threadgroup_barrier(mem_flags) { msl_cpu::fast_barrier(); }
MSL_INLINE void simdgroup_barrier(mem_flags) { __asm__ volatile("" ::: "memory"); }

}  // namespace metal
