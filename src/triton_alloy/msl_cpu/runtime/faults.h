// A kernel that touches memory which is not there, or divides by zero, ends its launch instead of the process.
//
// Linux only: the handler looks at the interrupted stack pointer. If that is on a fiber of ours, it goes on at the
// worker's main stack, as fail() does; any other fault is left to whoever handled it before.
#pragma once
#include "region.h"

#if defined(__linux__)

extern "C" {
struct SignalAction {
  void *handler;
  ulong mask[16];
  int flags;
  void *restorer;
};
int sigaction(int number, const SignalAction *action, SignalAction *previous);
}

namespace msl_cpu {

constexpr int bus_error = 7, floating_point_exception = 8, segmentation_fault = 11;
constexpr int handler_takes_context = 4;  // SA_SIGINFO
constexpr int handled_signals[] = {bus_error, floating_point_exception, segmentation_fault};

inline SignalAction previous_actions[32];

// Words of the stack pointer and of the program counter in the kernel's ucontext.
#if defined(__x86_64__)
constexpr uint context_stack_pointer = (40 + 8 * 15) / 8, context_program_counter = (40 + 8 * 16) / 8;
// What switch_stack leaves on a stack that it left: the address to go on at.
inline ulong resume_address(ulong stack) { return *reinterpret_cast<ulong *>(stack); }
inline ulong resume_stack(ulong stack) { return stack + 8; }
#else
constexpr uint context_stack_pointer = (176 + 8 + 8 * 31) / 8, context_program_counter = context_stack_pointer + 1;
inline ulong resume_address(ulong stack) { return reinterpret_cast<ulong *>(stack)[3]; }
inline ulong resume_stack(ulong stack) { return stack; }
#endif

// The worker whose stacks contain the address, or nullptr.
Worker *worker_at(ulong address);

inline void on_fault(int number, void *, void *context) {
  ulong *words = static_cast<ulong *>(context);
  Worker *worker = worker_at(words[context_stack_pointer]);
  if (!worker) {
    sigaction(number, &previous_actions[number], nullptr);
    return;  // the instruction is tried again, now under the previous handler
  }
  uint none = failure_none;
  uint failure = number == floating_point_exception ? failure_arithmetic : failure_address;
  __atomic_compare_exchange_n(&worker->launch->failure, &none, failure, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  ulong main_stack = reinterpret_cast<ulong>(worker->main_stack);
  words[context_program_counter] = resume_address(main_stack);
  words[context_stack_pointer] = resume_stack(main_stack);
}

inline void handle_faults() {
  SignalAction action = {};
  action.handler = reinterpret_cast<void *>(&on_fault);
  action.flags = handler_takes_context;
  for (int number : handled_signals) sigaction(number, &action, &previous_actions[number]);
}

}  // namespace msl_cpu

#else

namespace msl_cpu {
inline void handle_faults() {}
}  // namespace msl_cpu

#endif
