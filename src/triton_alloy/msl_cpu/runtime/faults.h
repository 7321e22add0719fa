// A kernel that touches memory which is not there, divides by zero or uses up its stack ends its launch instead of the
// process.
//
// The handler looks at the interrupted stack pointer. If that is on a fiber of ours, it goes on at the worker's main
// stack, as fail() does; any other fault is left to whoever handled it before. It runs on a stack of its own, since the
// fiber's may be the one that is full.
#pragma once
#include "msl_cpu/context_switch.h"
#include "region.h"
#include "signals.h"

namespace msl_cpu {

constexpr int handled_signals[] = {bus_error, floating_point_exception, segmentation_fault};
constexpr ulong signal_stack_bytes = 65536;

inline SignalAction previous_actions[32];

// What switch_stack leaves on a stack that it left: the address to go on at.
#if defined(__x86_64__)
inline ulong resume_address(ulong stack) { return *reinterpret_cast<ulong *>(stack); }
inline ulong resume_stack(ulong stack) { return stack + 8; }
#else
inline ulong resume_address(ulong stack) { return reinterpret_cast<ulong *>(stack)[3]; }
inline ulong resume_stack(ulong stack) { return stack; }
#endif

// The worker whose region contains the address, or nullptr.
Worker *worker_at(ulong address);

// The first failure of a launch is the one that is reported.
inline void record(Launch *launch, uint failure) {
  uint none = failure_none;
  __atomic_compare_exchange_n(&launch->failure, &none, failure, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

// The watcher stops a launch that is late. Where that was only a thread knows that is taken off the kernel: the first
// of them writes it down.
inline void note_place(Worker *worker, ulong place) {
  Stop &stop = worker->launch->stop;
  ulong none = 0;
  if (!__atomic_compare_exchange_n(&stop.place, &none, place, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  for (uint i = 0; i < 3; ++i) stop.threadgroup[i] = worker->threadgroup[i];
}

// Let the interrupted code, which is on a fiber, go on at the worker's main stack.
inline void leave_kernel(Worker *worker, void *context) {
  ulong main_stack = reinterpret_cast<ulong>(worker->main_stack);
  interrupted_at(context) = resume_address(main_stack);
  interrupted_stack(context) = resume_stack(main_stack);
}

inline Failure failure_of(int number, ulong stack, Worker *worker) {
  if (number == floating_point_exception) return failure_arithmetic;
  ulong lowest = reinterpret_cast<ulong>(worker) + ((ulong)max_threads << worker->launch->plan->stack_log2);
  return stack < lowest + page ? failure_stack : failure_address;
}

inline void on_fault(int number, void *information, void *context) {
  ulong stack = interrupted_stack(context);
  Worker *worker = worker_at(stack);
  if (!worker) {
    sigaction(number, &previous_actions[number], nullptr);
    return;  // the instruction is tried again, now under the previous handler
  }
  Failure failure = failure_of(number, stack, worker);
  ulong address = failure == failure_address ? fault_address(information) : 0;
  note_stop(worker, Stop{failure, {}, interrupted_at(context), address, 0, 0, 0});
  leave_kernel(worker, context);
}

inline void handle_faults() {
  SignalAction action = {};
  action.handler = reinterpret_cast<void *>(&on_fault);
  action.flags = takes_context | on_signal_stack;
  for (int number : handled_signals) sigaction(number, &action, &previous_actions[number]);
}

// Let the calling thread handle signals on a stack of ours, which is made on first use; returns what it had before.
inline SignalStack enter_signal_stack(void *&memory) {
  SignalStack previous = {};
  if (!memory) memory = map(signal_stack_bytes);
  SignalStack ours = {};
  ours.base = memory;
  ours.bytes = signal_stack_bytes;
  sigaltstack(memory ? &ours : nullptr, &previous);
  return previous;
}

}  // namespace msl_cpu
