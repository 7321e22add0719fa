// The few functions of the system that the runtime needs, declared by hand: the runtime is linked without any library
// (the host process has libc), so that a compiler from a Python wheel builds it without system headers.
#pragma once
#include "msl_cpu/abi.h"

extern "C" {
void *mmap(void *address, ulong length, int protection, int flags, int file, long offset);
int munmap(void *address, ulong length);
int mprotect(void *address, ulong length, int protection);
int madvise(void *address, ulong length, int advice);
int sched_yield(void);

struct Timespec {
  long seconds, nanoseconds;
};
int clock_gettime(int clock, Timespec *time);
int nanosleep(const Timespec *time, Timespec *left);

// Large enough and aligned enough for glibc, musl and macOS.
struct alignas(16) SystemMutex {
  char bytes[64];
};
struct alignas(16) SystemCondition {
  char bytes[64];
};
typedef ulong SystemThread;
struct alignas(16) SystemThreadAttributes {
  char bytes[64];
};
int pthread_mutex_init(SystemMutex *, const void *);
int pthread_mutex_lock(SystemMutex *);
int pthread_mutex_unlock(SystemMutex *);
int pthread_cond_init(SystemCondition *, const void *);
int pthread_cond_wait(SystemCondition *, SystemMutex *);
int pthread_cond_timedwait(SystemCondition *, SystemMutex *, const Timespec *end);
int pthread_cond_signal(SystemCondition *);
int pthread_cond_broadcast(SystemCondition *);
int pthread_create(SystemThread *, const SystemThreadAttributes *, void *(*)(void *), void *);
int pthread_detach(SystemThread);
SystemThread pthread_self();
}

namespace msl_cpu {

constexpr int protect_none = 0, protect_read_write = 3;
// With NORESERVE: stacks are reserved for more threads than most launches have.
#if defined(__APPLE__)
constexpr int map_private_anonymous = 0x1042, clock_realtime = 0, clock_monotonic = 6;
#else
constexpr int map_private_anonymous = 0x4022, clock_realtime = 0, clock_monotonic = 1, advise_huge_pages = 14;
#endif

MSL_INLINE ulong monotonic_nanoseconds() {
  Timespec now;
  clock_gettime(clock_monotonic, &now);
  return (ulong)now.seconds * 1000000000ul + (ulong)now.nanoseconds;
}

MSL_INLINE void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

#if defined(__x86_64__)
typedef uint FloatingPointState;
constexpr FloatingPointState flush_bits = 0x8040, default_state = 0x1f80;
MSL_INLINE FloatingPointState floating_point_state() { return __builtin_ia32_stmxcsr(); }
MSL_INLINE void set_floating_point_state(FloatingPointState state) { __builtin_ia32_ldmxcsr(state); }
#else
typedef ulong FloatingPointState;
constexpr FloatingPointState flush_bits = 1ul << 24 | 1ul << 19, default_state = 0;
MSL_INLINE FloatingPointState floating_point_state() {
  FloatingPointState state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  return state;
}
MSL_INLINE void set_floating_point_state(FloatingPointState state) { __asm__ volatile("msr fpcr, %0" ::"r"(state)); }
#endif

// What went past the caches is seen before whatever this thread writes from here on.
MSL_INLINE void finish_writing() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

}  // namespace msl_cpu
