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
int pthread_cond_broadcast(SystemCondition *);
int pthread_create(SystemThread *, const SystemThreadAttributes *, void *(*)(void *), void *);
int pthread_detach(SystemThread);
}

namespace msl_cpu {

constexpr int protect_none = 0, protect_read_write = 3;
// With NORESERVE: stacks are reserved for more threads than most launches have.
#if defined(__APPLE__)
constexpr int map_private_anonymous = 0x1042, clock_monotonic = 6;
#else
constexpr int map_private_anonymous = 0x4022, clock_monotonic = 1, advise_huge_pages = 14;
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

// What went past the caches is seen before whatever this thread writes from here on.
MSL_INLINE void finish_writing() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

}  // namespace msl_cpu
