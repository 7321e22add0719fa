// Stop launches that run too long: the compiler calls a hook on every edge of the control flow (-fsanitize-coverage).
#pragma once
#include "context_switch.h"

extern "C" {

struct MslTimespec {
  long seconds, nanoseconds;
};
int clock_gettime(int clock, MslTimespec *time);

__attribute__((used, visibility("hidden"))) MSL_UNWATCHED inline void __sanitizer_cov_trace_pc() {
  msl_cpu::Worker *worker = msl_cpu::current_worker();
  constexpr uint calls_between_looks = 4096;
  if (++worker->ticks % calls_between_looks) return;
#if defined(__APPLE__)
  constexpr int monotonic = 6;
#else
  constexpr int monotonic = 1;
#endif
  MslTimespec now;
  clock_gettime(monotonic, &now);
  bool late = (ulong)now.seconds * 1000000000ul + (ulong)now.nanoseconds > worker->launch->deadline;
  // Another worker's failure ends this one's work too: it may wait for a result that will never come.
  if (late || worker->launch->failure) msl_cpu::fail(msl_cpu::failure_deadline, __builtin_return_address(0));
}
}
