// <metal_atomic>. Operations are relaxed and fences order memory; other orders are newer than 4.0.
#pragma once
#include "common.h"
#include "memory_flags.h"
#include "sanitize.h"

namespace metal {

enum memory_order { memory_order_relaxed, memory_order_acquire, memory_order_release, memory_order_acq_rel,
                    memory_order_seq_cst };
enum thread_scope { thread_scope_thread, thread_scope_simdgroup, thread_scope_threadgroup, thread_scope_device };

MSL_INLINE void atomic_thread_fence(mem_flags flags, memory_order order = memory_order_seq_cst,
                                   thread_scope scope = thread_scope_device) {
#ifdef MSL_SANITIZE
  msl_cpu_sanitizer_fence((uint)flags, order, scope);
#endif
  (void)flags, (void)order, (void)scope;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// An order other than relaxed counts as a fence beside the operation.
MSL_INLINE void fence_beside(memory_order order) {
  if (order != memory_order_relaxed) atomic_thread_fence(mem_flags::mem_device | mem_flags::mem_threadgroup, order);
}

template <class T> struct atomic {
  T value;
};
typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
typedef atomic<bool> atomic_bool;
typedef atomic<float> atomic_float;
typedef atomic<long> atomic_long;
typedef atomic<ulong> atomic_ulong;

template <class T> MSL_INLINE T atomic_load_explicit(const volatile atomic<T> *object, memory_order order) {
  T result;
  __atomic_load(const_cast<T *>(&object->value), &result, __ATOMIC_RELAXED);
  fence_beside(order);
  return result;
}
template <class T>
MSL_INLINE void atomic_store_explicit(volatile atomic<T> *object, type_identity_t<T> desired, memory_order order) {
  fence_beside(order);
  __atomic_store(const_cast<T *>(&object->value), &desired, __ATOMIC_RELAXED);
}
template <class T>
MSL_INLINE T atomic_exchange_explicit(volatile atomic<T> *object, type_identity_t<T> desired, memory_order order) {
  T result;
  fence_beside(order);
  __atomic_exchange(const_cast<T *>(&object->value), &desired, &result, __ATOMIC_RELAXED);
  fence_beside(order);
  return result;
}
template <class T>
MSL_INLINE bool atomic_compare_exchange_weak_explicit(volatile atomic<T> *object, T *expected,
                                                      type_identity_t<T> desired, memory_order order,
                                                      memory_order failure) {
  fence_beside(order);
  bool done = __atomic_compare_exchange(const_cast<T *>(&object->value), expected, &desired, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED);
  fence_beside(done ? order : failure);
  return done;
}

#define MSL_FETCH(name, expression)                                                                                   \
  template <class T>                                                                                                  \
  MSL_INLINE T atomic_fetch_##name##_explicit(volatile atomic<T> *object, type_identity_t<T> operand,                 \
                                              memory_order order) {                                                   \
    T *place = const_cast<T *>(&object->value);                                                                       \
    T old;                                                                                                            \
    fence_beside(order);                                                                                              \
    __atomic_load(place, &old, __ATOMIC_RELAXED);                                                                     \
    for (;;) {                                                                                                        \
      T desired = (T)(expression);                                                                                    \
      if (__atomic_compare_exchange(place, &old, &desired, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) break;          \
    }                                                                                                                 \
    fence_beside(order);                                                                                              \
    return old;                                                                                                       \
  }
MSL_FETCH(add, old + operand)
MSL_FETCH(sub, old - operand)
MSL_FETCH(and, old &operand)
MSL_FETCH(or, old | operand)
MSL_FETCH(xor, old ^ operand)
MSL_FETCH(min, operand < old ? operand : old)
MSL_FETCH(max, old < operand ? operand : old)
#undef MSL_FETCH

// 64 bits: the language has min and max without a result.
template <class T>
MSL_INLINE void atomic_min_explicit(volatile atomic<T> *object, type_identity_t<T> operand, memory_order order) {
  atomic_fetch_min_explicit(object, operand, order);
}
template <class T>
MSL_INLINE void atomic_max_explicit(volatile atomic<T> *object, type_identity_t<T> operand, memory_order order) {
  atomic_fetch_max_explicit(object, operand, order);
}

}  // namespace metal
