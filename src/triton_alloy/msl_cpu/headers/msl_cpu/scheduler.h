// Execution in `reference` mode: one fiber per thread of the GPU, run to its next collective operation.
//
// A simdgroup's lanes meet at each collective operation: every lane brings a value, the last one to arrive computes the
// result for all. A lane that must wait hands over to another lane of its simdgroup; when all lanes are at a barrier or
// done, the next simdgroup runs. Lanes that wait at different places have diverged: the earliest place in the source
// goes first, with the lanes that are there, as on hardware that reconverges.
#pragma once
#include "arguments.h"

namespace msl_cpu {

struct Simdgroup;
// Computes results from the values of `lanes` (a mask), which lie densely in slot[parity].
typedef void (*Combine)(Simdgroup *simdgroup, uint parity, uint lanes);

// A collective operation: its place in the source, and the size of the value that each lane brings.
struct Operation {
  int site;
  uint bytes;
  Combine combine;
};

constexpr uint all_lanes = ~0u;
constexpr uint slot_bytes = 32;
constexpr int no_site = -0x7fffffff, barrier_site = -1, exit_site = -2;

struct alignas(64) Simdgroup {
  uint runnable, alive, waiting, at_barrier;  // masks of lanes; `waiting`: at a collective operation
  uint parity;    // of the slots that the next operation uses: lanes may still read those of the last one
  uint mixed;     // 1: waiting lanes may be at different operations
  Operation operation;  // that the waiting lanes are at, if they are not mixed
  // A full simdgroup whose lanes arrive in order 0 .. 31 at one site needs no bookkeeping at all.
  uint in_order;
  int in_order_site;
  Operation lane_operation[simd_width];
  uchar lane_parity[simd_width];  // where a lane finds its results
  alignas(64) uchar lane_value[simd_width][slot_bytes];
  alignas(64) uchar slot[2][simd_width * slot_bytes];
  alignas(64) uchar result[2][simd_width * slot_bytes];
};

struct Scheduler {
  void *stack[max_threads];
  Simdgroup simdgroup[max_simdgroups];
};
static_assert(scheduler_offset + sizeof(Scheduler) < 1ul << 20, "the head of a region is 1 MiB");

MSL_INLINE Scheduler &scheduler_of(Worker *worker) {
  return *reinterpret_cast<Scheduler *>(reinterpret_cast<char *>(worker) + scheduler_offset);
}

MSL_INLINE uint thread_of(ulong stack_pointer) { return (uint)(stack_pointer >> MSL_STACK_LOG2) & (max_threads - 1); }
MSL_INLINE uint current_thread() { return thread_of(stack_pointer()); }
MSL_INLINE uint current_lane() { return current_thread() % simd_width; }

// What a collective operation needs to know of its caller; cheap, from the stack pointer alone.
struct Self {
  Worker *worker;
  Scheduler &scheduler;
  uint thread, lane;
  Simdgroup &simdgroup;
  MSL_INLINE Self() : Self(stack_pointer_anew()) {}
  MSL_INLINE explicit Self(ulong stack_pointer)
      : worker(worker_of(stack_pointer)), scheduler(scheduler_of(worker)), thread(thread_of(stack_pointer)),
        lane(thread % simd_width), simdgroup(scheduler.simdgroup[thread / simd_width]) {}
};

#ifdef MSL_SANITIZE
// A seeded random order of lanes, and no shortcut for ordered ones.
constexpr bool shortcut_in_order = false;
MSL_INLINE uint choose_lane(Worker *worker, uint lanes) {
  uint random = worker->random;
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  worker->random = random;
  for (uint skip = random % __builtin_popcount(lanes); skip; --skip) lanes &= lanes - 1;
  return __builtin_ctz(lanes);
}
#else
constexpr bool shortcut_in_order = true;
MSL_INLINE uint choose_lane(Worker *, uint lanes) { return __builtin_ctz(lanes); }
#endif

constexpr uint nobody = ~0u;

// Lane `lane` is at another site than the lanes before it: write down what those skipped.
__attribute__((noinline)) MSL_UNINSTRUMENTED inline void leave_order(Simdgroup &simdgroup, uint lane) {
  uint before = (1u << lane) - 1;
  int site = simdgroup.in_order_site;
  simdgroup.in_order = 0;
  simdgroup.in_order_site = no_site;
  simdgroup.runnable = ~before;
  if (site == barrier_site) simdgroup.at_barrier = before;
  else if (site == exit_site) simdgroup.alive &= ~before;
  else if (site != no_site) {
    uint bytes = simdgroup.operation.bytes;
    simdgroup.waiting = before;
    for (uint l = 0; l < lane; ++l) {
      simdgroup.lane_operation[l] = simdgroup.operation;
      __builtin_memcpy(simdgroup.lane_value[l], simdgroup.slot[simdgroup.parity] + l * bytes, bytes);
    }
  }
}

enum Arrival { arrived_and_resumed, arrived_last, arrived_out_of_order };

// bytes: of the value; known at each site, so that values stay in registers.
template <uint bytes>
MSL_INLINE Arrival arrive_in_order(const Self &self, int site, Combine combine, const void *value) {
  Simdgroup &simdgroup = self.simdgroup;
  if (self.lane == 0) {
    if (!simdgroup.in_order) return arrived_out_of_order;
    simdgroup.in_order_site = site;
    simdgroup.operation = {site, bytes, combine};
  } else if (__builtin_expect(simdgroup.in_order_site != site, 0)) {
    if (simdgroup.in_order) leave_order(simdgroup, self.lane);
    return arrived_out_of_order;
  }
  // Not before: the value of a lane that is elsewhere could cover values of another size.
  __builtin_memcpy(simdgroup.slot[simdgroup.parity] + self.lane * bytes, value, bytes);
  if (self.lane == simd_width - 1) return arrived_last;
  void **stacks = &self.scheduler.stack[self.thread];
  switch_stack(stacks, stacks[1]);
  return arrived_and_resumed;
}

// Compute the results for `lanes`, which are all at one collective operation.
MSL_UNINSTRUMENTED MSL_INLINE void combine_lanes(Combine combine, Simdgroup &simdgroup, uint parity, uint lanes) {
  combine(&simdgroup, parity, lanes);
#ifdef MSL_SANITIZE
  Worker *worker = current_worker();
  msl_cpu_sanitizer_met(worker, (uint)(&simdgroup - scheduler_of(worker).simdgroup), lanes);
#endif
}

// Complete an operation for lanes that arrived out of order; their values may have been brought at any time.
// What a lane reads of one that is not among them is undefined in Metal. It is zero here, never a value of an earlier
// operation: so the headers of PyTorch observe it on Apple's GPUs, and rely on it to add up 64-bit integers.
MSL_UNINSTRUMENTED inline void complete(Simdgroup &simdgroup, const Operation &operation, uint lanes) {
  uint parity = simdgroup.parity;
  if (lanes != all_lanes) __builtin_memset(simdgroup.slot[parity], 0, simd_width * operation.bytes);
  for (uint rest = lanes; rest; rest &= rest - 1) {
    uint lane = __builtin_ctz(rest);
    __builtin_memcpy(simdgroup.slot[parity] + lane * operation.bytes, simdgroup.lane_value[lane], operation.bytes);
    simdgroup.lane_parity[lane] = (uchar)parity;
  }
  combine_lanes(operation.combine, simdgroup, parity, lanes);
  simdgroup.parity = parity ^ 1;
  simdgroup.runnable = lanes;
  simdgroup.waiting &= ~lanes;
  simdgroup.mixed = simdgroup.waiting != 0;
}

// Lanes may wait at different sites: the earliest one goes on, with the lanes that are there.
__attribute__((noinline)) MSL_UNINSTRUMENTED inline void resolve_divergence(Simdgroup &simdgroup) {
  int earliest = 0x7fffffff;
  for (uint rest = simdgroup.waiting; rest; rest &= rest - 1) {
    int site = simdgroup.lane_operation[__builtin_ctz(rest)].site;
    if (site < earliest) earliest = site;
  }
  uint lanes = 0;
  for (uint rest = simdgroup.waiting; rest; rest &= rest - 1) {
    uint lane = __builtin_ctz(rest);
    if (simdgroup.lane_operation[lane].site == earliest) lanes |= 1u << lane;
  }
  complete(simdgroup, simdgroup.lane_operation[__builtin_ctz(lanes)], lanes);
}

// Every lane of every simdgroup is at a barrier or done: release the barrier. Returns whether anybody is left.
MSL_UNINSTRUMENTED inline bool release_barrier(Worker *worker, Scheduler &scheduler) {
  uint any = 0;
  for (uint i = 0; i < worker->simdgroups; ++i) {
    Simdgroup &simdgroup = scheduler.simdgroup[i];
    any |= simdgroup.at_barrier;
    simdgroup.runnable = simdgroup.at_barrier;
    simdgroup.at_barrier = 0;
  }
  ++worker->epoch;
  return any != 0;
}

// The thread to run when no lane of simdgroup `index` is ready; nobody when the threadgroup has finished.
__attribute__((noinline)) MSL_UNINSTRUMENTED inline uint next_thread(Worker *worker, uint index) {
  Scheduler &scheduler = scheduler_of(worker);
  uint count = worker->simdgroups;
  for (;;) {
    Simdgroup &simdgroup = scheduler.simdgroup[index];
    if (simdgroup.runnable) {
      if (shortcut_in_order && simdgroup.runnable == all_lanes) {
        simdgroup.in_order = 1;
        simdgroup.in_order_site = no_site;
      }
      return index * simd_width + choose_lane(worker, simdgroup.runnable);
    }
    if (simdgroup.waiting) {
      ++worker->divergent;
      resolve_divergence(simdgroup);
      continue;
    }
    uint other = index;
    do other = other + 1 == count ? 0 : other + 1;
    while (other != index && !scheduler.simdgroup[other].runnable && !scheduler.simdgroup[other].waiting);
    if (other != index) {
      index = other;
      continue;
    }
    if (!release_barrier(worker, scheduler)) return nobody;
    for (index = 0; !scheduler.simdgroup[index].runnable; ++index) {
    }
  }
}

MSL_INLINE void *stack_of(const Self &self, uint thread) {
  return thread == nobody ? self.worker->main_stack : self.scheduler.stack[thread];
}

// Go on with another lane; returns when this one may run again.
MSL_INLINE void hand_over(const Self &self) {
  uint runnable = self.simdgroup.runnable;
  uint next = __builtin_expect(runnable != 0, 1) ? self.thread - self.lane + choose_lane(self.worker, runnable)
                                                 : next_thread(self.worker, self.thread / simd_width);
  if (next != self.thread) switch_stack(&self.scheduler.stack[self.thread], stack_of(self, next));
}

// Bring `value` to an operation and meet the other lanes there; the last one computes the results. Returns the parity
// of the slots and results to read.
template <uint bytes> MSL_INLINE uint meet(const Self &self, int site, Combine combine, const void *value) {
  Simdgroup &simdgroup = self.simdgroup;
  uint parity = simdgroup.parity;
  Arrival arrival = arrive_in_order<bytes>(self, site, combine, value);
  if (arrival == arrived_and_resumed) {
    Self again;
    return again.simdgroup.lane_parity[again.lane];
  }
  if (arrival == arrived_last) {
    simdgroup.in_order_site = no_site;
    __builtin_memset(simdgroup.lane_parity, (int)parity, simd_width);
    combine_lanes(combine, simdgroup, parity, all_lanes);
    simdgroup.parity = parity ^ 1;
    void **stacks = &self.scheduler.stack[self.thread];
    switch_stack(stacks, stacks[-(int)(simd_width - 1)]);
    return parity;
  }
  if (!simdgroup.waiting) {
    simdgroup.operation = {site, bytes, combine};
    simdgroup.mixed = 0;
  } else if (simdgroup.operation.site != site) {
    simdgroup.mixed = 1;
  }
  simdgroup.lane_operation[self.lane] = {site, bytes, combine};
  __builtin_memcpy(simdgroup.lane_value[self.lane], value, bytes);
  simdgroup.waiting |= 1u << self.lane;
  simdgroup.runnable &= ~(1u << self.lane);
  if (!simdgroup.runnable && !simdgroup.mixed && !simdgroup.at_barrier)
    complete(simdgroup, {site, bytes, combine}, simdgroup.waiting);
  hand_over(self);
  return simdgroup.lane_parity[self.lane];
}

MSL_INLINE void wait_at_barrier() {
  Self self;
  Simdgroup &simdgroup = self.simdgroup;
  Arrival arrival = arrive_in_order<0>(self, barrier_site, nullptr, nullptr);
  if (arrival == arrived_and_resumed) return;
  if (arrival == arrived_last) {
    simdgroup.in_order = 0;
    simdgroup.in_order_site = no_site;
    simdgroup.runnable = 0;
    simdgroup.at_barrier = all_lanes;
    uint next = next_thread(self.worker, self.thread / simd_width);
    switch_stack(&self.scheduler.stack[self.thread], self.scheduler.stack[next]);
    return;
  }
  simdgroup.runnable &= ~(1u << self.lane);
  simdgroup.at_barrier |= 1u << self.lane;
  hand_over(self);
}

// Inlined: the return address of a call that never returns would stay in the processor's return predictor, and the next
// fiber's return would go there.
MSL_UNINSTRUMENTED MSL_INLINE void leave() {
  Self self;
  Simdgroup &simdgroup = self.simdgroup;
  uint next;
  if (arrive_in_order<0>(self, exit_site, nullptr, nullptr) == arrived_last) {
    simdgroup.in_order = 0;
    simdgroup.in_order_site = no_site;
    simdgroup.runnable = simdgroup.alive = 0;
    next = next_thread(self.worker, self.thread / simd_width);
  } else {
    simdgroup.runnable &= ~(1u << self.lane);
    simdgroup.alive &= ~(1u << self.lane);
    next = simdgroup.runnable ? self.thread - self.lane + choose_lane(self.worker, simdgroup.runnable)
                              : next_thread(self.worker, self.thread / simd_width);
  }
  leave_for(stack_of(self, next));
  __builtin_unreachable();
}

template <class Signature, auto function> __attribute__((noinline)) void thread_main() {
  Worker *worker = current_worker();
  uint t = current_thread();
  Word4 size = worker->threads_per_threadgroup;
  ThreadPosition thread = {t, t, 0, 0};
  if (size[1] != 1 || size[2] != 1) thread = {t, t % size[0], t / size[0] % size[1], t / (size[0] * size[1])};
  Signature::template call<function>(worker, thread);
  leave();
}

// Enter a threadgroup that may be cut off at the edges of the grid.
MSL_INLINE void enter_partial_threadgroup(Worker *worker, ulong linear) {
  enter_threadgroup(worker, linear);
  const Launch *launch = worker->launch;
  if (!launch->plan->threads[0]) return;
  uint size[3];
  for (int i = 0; i < 3; ++i) {
    uint full = launch->plan->threads_per_threadgroup[i], left = launch->threads[i] - worker->threadgroup[i] * full;
    size[i] = left < full ? left : full;
  }
  worker->threads_per_threadgroup = Word4{size[0], size[1], size[2], 0};
  worker->threads = size[0] * size[1] * size[2];
  worker->simdgroups = (worker->threads + simd_width - 1) / simd_width;
}

// Tops of stacks are spread over half a stack: on the same cache sets, 1024 threads would evict each other.
MSL_INLINE ulong top_of_stack(Worker *worker, uint thread) {
  constexpr ulong stack_bytes = 1ul << MSL_STACK_LOG2;
  return stacks_of(worker) + (thread + 1) * stack_bytes - 256 - (thread * 448ul) % (stack_bytes / 2) / 64 * 64;
}

template <class Signature, auto function>
MSL_UNINSTRUMENTED MSL_UNWATCHED void run_reference(Worker *worker, ulong first, ulong last) {
  Scheduler &scheduler = scheduler_of(worker);
  for (ulong i = first; i < last && !worker->launch->failure; ++i) {
    enter_partial_threadgroup(worker, i);
    worker->epoch = 0;
    for (uint t = 0; t < worker->threads; ++t)
      scheduler.stack[t] = new_fiber(top_of_stack(worker, t), &thread_main<Signature, function>);
    for (uint s = 0; s < worker->simdgroups; ++s) {
      uint left = worker->threads - s * simd_width;
      uint lanes = left >= simd_width ? all_lanes : (1u << left) - 1;
      Simdgroup &simdgroup = scheduler.simdgroup[s];
      simdgroup.runnable = simdgroup.alive = lanes;
      simdgroup.waiting = simdgroup.at_barrier = simdgroup.mixed = simdgroup.parity = 0;
      simdgroup.in_order = shortcut_in_order && lanes == all_lanes;
      simdgroup.in_order_site = no_site;
    }
    uint start = choose_lane(worker, scheduler.simdgroup[0].runnable);
    switch_stack(&worker->main_stack, scheduler.stack[start]);
  }
}

#ifdef MSL_SANITIZE
template <class Signature, auto function>
MSL_UNINSTRUMENTED void run_sanitize(Worker *worker, ulong first, ulong last) {
  for (ulong i = first; i < last && !worker->launch->failure; ++i) {
    enter_partial_threadgroup(worker, i);
    msl_cpu_sanitizer_enter(worker);
    run_reference<Signature, function>(worker, i, i + 1);
    if (!worker->launch->failure) msl_cpu_sanitizer_leave(worker);
  }
}
#endif

// A kernel without collective operations is a plain loop over its threads.
template <class Signature, auto function> __attribute__((noinline)) void loop_main() {
  Worker *worker = current_worker();
  for (ulong i = worker->first; i < worker->last; ++i) {
    enter_partial_threadgroup(worker, i);
    Signature::template call_all<function>(worker);
  }
  leave_for(worker->main_stack);
}

template <class Signature, auto function> MSL_UNWATCHED void run_loop(Worker *worker, ulong first, ulong last) {
  run_on_one_stack(worker, first, last, &loop_main<Signature, function>);
}

}  // namespace msl_cpu
