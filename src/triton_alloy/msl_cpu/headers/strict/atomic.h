// Strict mode, part 4: atomics and fences.
//
// 32-bit integers have everything; float has load, store, exchange, compare-exchange and, in device memory only, add
// and sub; 64-bit has only min and max without a result; bool has no arithmetic. Every order must be relaxed.
#pragma once
#include "simd.h"

namespace metal {
enum memory_order {
  memory_order_relaxed = 0,
#if __METAL_VERSION__ >= 410
  memory_order_acquire = 2,
  memory_order_release = 3,
  memory_order_acq_rel = 4,
#endif
#if __METAL_VERSION__ >= 320
  memory_order_seq_cst = 5,
#endif
};
#if __METAL_VERSION__ >= 320
enum thread_scope { thread_scope_thread, thread_scope_simdgroup, thread_scope_threadgroup, thread_scope_device };
void atomic_thread_fence(mem_flags, memory_order = memory_order_seq_cst, thread_scope = thread_scope_device);
#endif

template <class T>
struct _atomic {
  T __msl_value;
  _atomic() = default;
  _atomic(const _atomic &) = delete;
  void operator=(const _atomic &) = delete;
};
template <class T>
using atomic = _atomic<T>;
typedef _atomic<int> atomic_int;
typedef _atomic<uint> atomic_uint;
typedef _atomic<float> atomic_float;
typedef _atomic<bool> atomic_bool;
typedef _atomic<ulong> atomic_ulong;

#define __MSL_RELAXED(order) \
  __attribute__((diagnose_if(order != memory_order_relaxed, "atomic operations take memory_order_relaxed", "error")))
#define __MSL_ATOMIC_MOVE(T, space) \
  T atomic_load_explicit(const volatile space _atomic<T> *, memory_order order) __MSL_RELAXED(order); \
  void atomic_store_explicit(volatile space _atomic<T> *, T, memory_order order) __MSL_RELAXED(order); \
  T atomic_exchange_explicit(volatile space _atomic<T> *, T, memory_order order) __MSL_RELAXED(order); \
  bool atomic_compare_exchange_weak_explicit( \
      volatile space _atomic<T> *, thread T *, T, memory_order order, memory_order failure) \
      __MSL_RELAXED(order) __MSL_RELAXED(failure);
#define __MSL_ATOMIC_UPDATE(name, T, space) \
  T atomic_fetch_##name##_explicit(volatile space _atomic<T> *, T, memory_order order) __MSL_RELAXED(order);
#define __MSL_ATOMIC_INTEGER(T, space) \
  __MSL_ATOMIC_MOVE(T, space) \
  __MSL_ATOMIC_UPDATE(add, T, space) __MSL_ATOMIC_UPDATE(sub, T, space) __MSL_ATOMIC_UPDATE(and, T, space) \
  __MSL_ATOMIC_UPDATE(or, T, space) __MSL_ATOMIC_UPDATE(xor, T, space) __MSL_ATOMIC_UPDATE(min, T, space) \
  __MSL_ATOMIC_UPDATE(max, T, space)
__MSL_ATOMIC_INTEGER(int, device)
__MSL_ATOMIC_INTEGER(int, threadgroup)
__MSL_ATOMIC_INTEGER(uint, device)
__MSL_ATOMIC_INTEGER(uint, threadgroup)
__MSL_ATOMIC_MOVE(bool, device)
__MSL_ATOMIC_MOVE(bool, threadgroup)
__MSL_ATOMIC_MOVE(float, device)
__MSL_ATOMIC_MOVE(float, threadgroup)
__MSL_ATOMIC_UPDATE(add, float, device)
__MSL_ATOMIC_UPDATE(sub, float, device)
#if __METAL_VERSION__ >= 410
__MSL_ATOMIC_UPDATE(add, float, threadgroup)
__MSL_ATOMIC_UPDATE(sub, float, threadgroup)
#endif
void atomic_min_explicit(volatile device _atomic<ulong> *, ulong, memory_order order) __MSL_RELAXED(order);
void atomic_max_explicit(volatile device _atomic<ulong> *, ulong, memory_order order) __MSL_RELAXED(order);
}  // namespace metal
