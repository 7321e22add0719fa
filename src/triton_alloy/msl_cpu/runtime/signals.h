// Signals of Linux and macOS, on x86-64 and aarch64: everything in which the four differ. Declared by hand, like
// system.h; tests/msl_cpu/test_macos.py compares the macOS half with Apple's headers.
#pragma once
#include "system.h"

namespace msl_cpu {

constexpr int floating_point_exception = 8, segmentation_fault = 11;

#if defined(__APPLE__)

struct SignalAction {
  void *handler;
  uint mask;
  int flags;
};
struct SignalStack {
  void *base;
  ulong bytes;
  int flags;
};
constexpr int bus_error = 10, takes_context = 0x40, on_signal_stack = 0x1;
constexpr ulong fault_address_offset = 24;  // si_addr

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

struct SignalAction {
  void *handler;
  ulong mask[16];
  int flags;
  void *restorer;
};
struct SignalStack {
  void *base;
  int flags;
  ulong bytes;
};
constexpr int bus_error = 7, takes_context = 0x4, on_signal_stack = 0x08000000;
constexpr ulong fault_address_offset = 16;  // si_addr

#if defined(__x86_64__)
constexpr ulong stack_pointer_offset = 40 + 8 * 15, program_counter_offset = 40 + 8 * 16;
#else
constexpr ulong stack_pointer_offset = 176 + 8 + 8 * 31, program_counter_offset = stack_pointer_offset + 8;
#endif
MSL_INLINE char *registers(void *context) { return static_cast<char *>(context); }

#endif

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

}  // namespace msl_cpu

extern "C" {
int sigaction(int number, const msl_cpu::SignalAction *action, msl_cpu::SignalAction *previous);
int sigaltstack(const msl_cpu::SignalStack *stack, msl_cpu::SignalStack *previous);
}
