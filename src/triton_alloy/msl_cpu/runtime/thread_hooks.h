// The functions that clang's -fsanitize=thread calls, in terms of check() and the call stacks of sanitizer.cpp.
#pragma once

extern "C" {

#define PLACE ((ulong)__builtin_return_address(0))
#define ACCESS_HOOKS(bytes)                                                                                           \
  void __tsan_read##bytes(void *p) { check((ulong)p, bytes, access_read, false, true, PLACE); }                       \
  void __tsan_write##bytes(void *p) { check((ulong)p, bytes, access_write, false, true, PLACE); }                     \
  void __tsan_unaligned_read##bytes(void *p) { check((ulong)p, bytes, access_read, false, false, PLACE); }            \
  void __tsan_unaligned_write##bytes(void *p) { check((ulong)p, bytes, access_write, false, false, PLACE); }
ACCESS_HOOKS(1)
ACCESS_HOOKS(2)
ACCESS_HOOKS(4)
ACCESS_HOOKS(8)
ACCESS_HOOKS(16)

void __tsan_read_range(void *p, ulong bytes) { check((ulong)p, bytes, access_read, false, false, PLACE); }
void __tsan_write_range(void *p, ulong bytes) { check((ulong)p, bytes, access_write, false, false, PLACE); }
void *__tsan_memcpy(void *to, const void *from, ulong bytes) {
  check((ulong)from, bytes, access_read, false, false, PLACE);
  check((ulong)to, bytes, access_write, false, false, PLACE);
  return __builtin_memcpy(to, from, bytes);
}
void *__tsan_memmove(void *to, const void *from, ulong bytes) {
  check((ulong)from, bytes, access_read, false, false, PLACE);
  check((ulong)to, bytes, access_write, false, false, PLACE);
  return __builtin_memmove(to, from, bytes);
}
void *__tsan_memset(void *to, int value, ulong bytes) {
  check((ulong)to, bytes, access_write, false, false, PLACE);
  return __builtin_memset(to, value, bytes);
}
void __tsan_init() {}
void __tsan_func_entry(void *call) { push_call((ulong)call); }
void __tsan_func_exit() { pop_call(); }

// clang's -fsanitize=alignment. Smaller objects are one access each, which its own hook looks at.
struct MisalignedType {
  const char *file;
  uint line, column;
  const void *type;
  unsigned char alignment_log2, kind;  // kind: 0 a load, 1 a store, else a reference or a member of an object
};
void __ubsan_handle_type_mismatch_v1(const MisalignedType *about, ulong address) {
  if (about->alignment_log2 < 4) return;
  AccessKind kind = about->kind == 0 ? access_read : about->kind == 1 ? access_write : access_either;
  report_misaligned(address, 1ul << about->alignment_log2, kind, PLACE);
}

#define ATOMIC_FETCH(bits, T, name)                                                                                   \
  T __tsan_atomic##bits##_fetch_##name(T *p, T value, int) {                                                          \
    check((ulong)p, sizeof(T), access_read, true, true, PLACE);                                                       \
    check((ulong)p, sizeof(T), access_write, true, true, PLACE);                                                      \
    synchronise((ulong)p, true, true);                                                                                \
    return __atomic_fetch_##name(p, value, __ATOMIC_SEQ_CST);                                                         \
  }
#define ATOMIC_HOOKS(bits, T)                                                                                         \
  T __tsan_atomic##bits##_load(const T *p, int) {                                                                     \
    check((ulong)p, sizeof(T), access_read, true, true, PLACE, 0);                                                    \
    synchronise((ulong)p, true, false);                                                                               \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                                      \
  }                                                                                                                   \
  void __tsan_atomic##bits##_store(T *p, T value, int) {                                                              \
    check((ulong)p, sizeof(T), access_write, true, true, PLACE);                                                      \
    synchronise((ulong)p, false, true);                                                                               \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                                                     \
  }                                                                                                                   \
  T __tsan_atomic##bits##_exchange(T *p, T value, int) {                                                              \
    check((ulong)p, sizeof(T), access_write, true, true, PLACE);                                                      \
    synchronise((ulong)p, true, true);                                                                                \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                                           \
  }                                                                                                                   \
  T __tsan_atomic##bits##_compare_exchange_val(T *p, T expected, T desired, int, int) {                               \
    check((ulong)p, sizeof(T), access_read, true, true, PLACE, 0);                                                    \
    check((ulong)p, sizeof(T), access_write, true, true, PLACE, (ulong)(expected ^ desired));                         \
    bool done = __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);        \
    synchronise((ulong)p, true, done);                                                                                \
    return expected;                                                                                                  \
  }                                                                                                                   \
  ATOMIC_FETCH(bits, T, add)                                                                                          \
  ATOMIC_FETCH(bits, T, sub)                                                                                          \
  ATOMIC_FETCH(bits, T, and)                                                                                          \
  ATOMIC_FETCH(bits, T, or)                                                                                           \
  ATOMIC_FETCH(bits, T, xor)                                                                                          \
  ATOMIC_FETCH(bits, T, nand)
ATOMIC_HOOKS(8, unsigned char)
ATOMIC_HOOKS(16, unsigned short)
ATOMIC_HOOKS(32, uint)
ATOMIC_HOOKS(64, ulong)
void __tsan_atomic_thread_fence(int) {}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
