// Metal's atomics, all of them relaxed, and its fence.
namespace metal {
enum memory_order { memory_order_relaxed, memory_order_seq_cst };
enum thread_scope { thread_scope_thread, thread_scope_simdgroup, thread_scope_threadgroup, thread_scope_device };
MSL_INLINE void atomic_thread_fence(mem_flags, memory_order, thread_scope) { machine::fence(); }
template <class T> struct atomic {
    T value;
    typedef T type;
};
typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
typedef atomic<float> atomic_float;
typedef atomic<ulong> atomic_ulong;
template <class T> MSL_INLINE T atomic_load_explicit(const atomic<T> *p, memory_order) {
    return *(const volatile T *)&p->value;
}
template <class T> MSL_INLINE void atomic_store_explicit(atomic<T> *p, T x, memory_order) {
    *(volatile T *)&p->value = x;
}
#define MSL_ATOMIC(name, function)                                                              \
    template <class T> MSL_INLINE T name(atomic<T> *p, typename atomic<T>::type x, memory_order) { \
        return function(&p->value, x);                                                          \
    }
MSL_ATOMIC(atomic_exchange_explicit, atomicExch)
MSL_ATOMIC(atomic_fetch_add_explicit, atomicAdd)
MSL_ATOMIC(atomic_fetch_and_explicit, atomicAnd)
MSL_ATOMIC(atomic_fetch_or_explicit, atomicOr)
MSL_ATOMIC(atomic_fetch_xor_explicit, atomicXor)
MSL_ATOMIC(atomic_fetch_max_explicit, atomicMax)
MSL_ATOMIC(atomic_fetch_min_explicit, atomicMin)
MSL_INLINE void atomic_max_explicit(atomic<ulong> *p, ulong x, memory_order) {
    atomicMax((unsigned long long *)p, (unsigned long long)x);
}
MSL_INLINE void atomic_min_explicit(atomic<ulong> *p, ulong x, memory_order) {
    atomicMin((unsigned long long *)p, (unsigned long long)x);
}
template <class T>
MSL_INLINE bool atomic_compare_exchange_weak_explicit(atomic<T> *p, T *expected, typename atomic<T>::type x,
                                                      memory_order, memory_order) {
    T old = atomicCAS(&p->value, *expected, x);
    bool same = old == *expected;
    *expected = old;
    return same;
}
}  // namespace metal
