// <metal_logging>: os_log. Messages are formatted on the fiber and collected in the launch's Log. In fast mode to be
// included after lanes/lanes.h.
#pragma once
#include "context_switch.h"
#include "scalars.h"

extern "C" int snprintf(char *text, ulong size, const char *format, ...) noexcept;

namespace msl_cpu {

constexpr uint longest_message = 512;

// What a C function of variable arguments accepts.
MSL_INLINE double plain(float value) { return value; }
MSL_INLINE double plain(half value) { return (double)(float)value; }
MSL_INLINE double plain(bfloat value) { return (double)(float)value; }
template <class T> MSL_INLINE T plain(T value) { return value; }

MSL_UNINSTRUMENTED inline void append_to_log(uint level, const char *text) {
  Log *log = current_worker()->launch->plan->log;
  if (!log) return;
  while (__atomic_exchange_n(&log->locked, 1u, __ATOMIC_ACQUIRE)) {
  }
  uint length = 1;  // of the text and its zero
  while (text[length - 1]) ++length;
  if (log->used + 1 + length <= log_bytes) {
    log->text[log->used] = (char)level;
    __builtin_memcpy(log->text + log->used + 1, text, length);
    log->used += 1 + length;
  } else {
    ++log->dropped;
  }
  __atomic_store_n(&log->locked, 0u, __ATOMIC_RELEASE);
}

template <class... Values>
__attribute__((noinline)) MSL_UNINSTRUMENTED void log_once(uint level, const char *format, Values... values) {
  char text[longest_message];
  snprintf(text, sizeof text, format, plain(values)...);
  append_to_log(level, text);
}

#ifdef MSL_FAST
template <class T> MSL_INLINE T of_lane(const T &value, uint) { return value; }
template <class T> MSL_INLINE T of_lane(const metal::Lanes<T> &values, uint lane) { return broadcast(values, lane); }
// The simdgroup stands for its 32 threads: each logs, in their order.
template <class... Values> void log(uint level, const char *format, const Values &...values) {
  for (uint lane = 0; lane < simd_width; ++lane) log_once(level, format, of_lane(values, lane)...);
}
#else
template <class... Values> void log(uint level, const char *format, Values... values) {
  log_once(level, format, values...);
}
#endif

}  // namespace msl_cpu

namespace metal {

enum os_log_type : uint {
  OS_LOG_TYPE_DEFAULT = 1,
  OS_LOG_TYPE_DEBUG = 2,
  OS_LOG_TYPE_INFO = 3,
  OS_LOG_TYPE_ERROR = 4,
  OS_LOG_TYPE_FAULT = 5,
};

struct os_log {
  constexpr os_log() = default;
  constexpr os_log(const char *subsystem, const char *category) { (void)subsystem, (void)category; }
#define MSL_LOG(name, level)                                                                                          \
  template <class... Values> void name(const char *format, Values... values) const {                                  \
    msl_cpu::log(level, format, values...);                                                                           \
  }
  MSL_LOG(log, OS_LOG_TYPE_DEFAULT)
  MSL_LOG(log_debug, OS_LOG_TYPE_DEBUG)
  MSL_LOG(log_info, OS_LOG_TYPE_INFO)
  MSL_LOG(log_error, OS_LOG_TYPE_ERROR)
  MSL_LOG(log_fault, OS_LOG_TYPE_FAULT)
#undef MSL_LOG
  template <class... Values> void log_with_type(os_log_type level, const char *format, Values... values) const {
    msl_cpu::log(level, format, values...);
  }
};

constexpr os_log os_log_default;

}  // namespace metal
