// Signals of Linux and macOS, on x86-64 and aarch64: everything in which the four differ. Declared by hand, like
// system.h; tests/msl_cpu/compile/test_macos.py compares the macOS half with Apple's headers.
#pragma once
#include "system.h"

namespace msl_cpu {

constexpr int floating_point_exception = 8, segmentation_fault = 11;

// What handlers may be instead of functions: 0 the default, 1 nothing.
MSL_INLINE bool is_function(void *handler) { return reinterpret_cast<ulong>(handler) > 1; }

#if defined(__APPLE__)

typedef uint SignalSet;
struct SignalAction {
  void *handler;
  SignalSet mask;
  int flags;
};
struct SignalStack {
  void *base;
  ulong bytes;
  int flags;
};
constexpr int bus_error = 10, urgent_signal = 16;
constexpr int takes_context = 0x40, on_signal_stack = 0x1, restarts_calls = 0x2;
constexpr int unblock = 2, set_mask = 3;
constexpr ulong fault_address_offset = 24;  // si_addr

constexpr ulong mask_offset = 4;
// The context points to the machine's registers; before those of the thread lie 16 bytes about the exception.
constexpr ulong machine_context_offset = 48;
#if defined(__x86_64__)
constexpr ulong stack_pointer_offset = 16 + 8 * 7, program_counter_offset = 16 + 8 * 16;
#else
constexpr ulong stack_pointer_offset = 16 + 8 * 31, program_counter_offset = 16 + 8 * 32;
#endif
MSL_INLINE char *registers(void *context) {
  return *reinterpret_cast<char **>(static_cast<char *>(context) + machine_context_offset);
}

#else

struct SignalSet {
  ulong words[16];
};
struct SignalAction {
  void *handler;
  SignalSet mask;
  int flags;
  void *restorer;
};
struct SignalStack {
  void *base;
  int flags;
  ulong bytes;
};
constexpr int bus_error = 7, urgent_signal = 23;
constexpr int takes_context = 0x4, on_signal_stack = 0x08000000, restarts_calls = 0x10000000;
constexpr int unblock = 1, set_mask = 2;
constexpr ulong fault_address_offset = 16;  // si_addr

#if defined(__x86_64__)
constexpr ulong stack_pointer_offset = 40 + 8 * 15, program_counter_offset = 40 + 8 * 16, mask_offset = 40 + 256;
#else
constexpr ulong stack_pointer_offset = 176 + 8 + 8 * 31, program_counter_offset = stack_pointer_offset + 8;
constexpr ulong mask_offset = 40;
#endif
MSL_INLINE char *registers(void *context) { return static_cast<char *>(context); }

#endif

MSL_INLINE SignalSet with_signal(SignalSet set, int number) {
  *reinterpret_cast<uint *>(&set) |= 1u << (number - 1);
  return set;
}
MSL_INLINE SignalSet all_signals() {
  SignalSet set;
  __builtin_memset(&set, 0xff, sizeof set);
  return set;
}

// Of the interrupted code; what is written here is where it goes on.
MSL_INLINE ulong &interrupted_stack(void *context) {
  return *reinterpret_cast<ulong *>(registers(context) + stack_pointer_offset);
}
MSL_INLINE ulong &interrupted_at(void *context) {
  return *reinterpret_cast<ulong *>(registers(context) + program_counter_offset);
}
// The memory that was accessed; 0 where the processor does not tell.
MSL_INLINE ulong fault_address(void *information) {
  return *reinterpret_cast<ulong *>(static_cast<char *>(information) + fault_address_offset);
}

// The signals that the interrupted code had blocked. The system keeps 64 bits of them on Linux.
MSL_INLINE SignalSet interrupted_mask(void *context) {
  SignalSet set = {};
  constexpr ulong bytes = sizeof set < 8 ? sizeof set : 8;
  __builtin_memcpy(&set, static_cast<char *>(context) + mask_offset, bytes);
  return set;
}

}  // namespace msl_cpu

extern "C" {
int sigaction(int number, const msl_cpu::SignalAction *action, msl_cpu::SignalAction *previous);
int sigaltstack(const msl_cpu::SignalStack *stack, msl_cpu::SignalStack *previous);
int pthread_sigmask(int how, const msl_cpu::SignalSet *signals, msl_cpu::SignalSet *previous);
int pthread_kill(SystemThread thread, int number);
}
