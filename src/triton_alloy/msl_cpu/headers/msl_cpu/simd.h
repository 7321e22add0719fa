// <metal_simdgroup>, <metal_quadgroup>, barriers: operations between the threads of a simdgroup.
#pragma once
#include "integer.h"
#include "math.h"
#include "memory_flags.h"
#include "scheduler.h"

// Orders operations by their place in the user's text: the divergence rule needs it.
#ifdef __clang__
#define MSL_SITE (__builtin_LINE() * 512 + __builtin_COLUMN())
#else
#define MSL_SITE __builtin_LINE()
#endif

namespace msl_cpu {

constexpr int second_meeting = 1000000000;  // added to the site where one operation meets twice

template <class T> MSL_INLINE T *slots(Simdgroup &simdgroup, uint parity) {
  return reinterpret_cast<T *>(simdgroup.slot[parity]);
}
template <class T> MSL_INLINE T *results(Simdgroup &simdgroup, uint parity) {
  return reinterpret_cast<T *>(simdgroup.result[parity]);
}

inline void combine_nothing(Simdgroup *, uint, uint) {}

// Bring a value of type T; returns the parity of slots and results.
template <class T> MSL_INLINE uint meet_with(const Self &self, const T &value, int site, Combine combine) {
  static_assert(sizeof(T) <= slot_bytes, "the type is too large for a simdgroup operation");
  return meet<sizeof(T)>(self, site, combine, &value);
}

// Every lane's value becomes readable by the others: returns them all.
template <class T> MSL_INLINE T *gather(const Self &self, T value, int site) {
  return slots<T>(self.simdgroup, meet_with(self, value, site, combine_nothing));
}

#define MSL_FUNCTION(name, expression)                                                                               \
  struct name {                                                                                                       \
    template <class T> MSL_INLINE T operator()(T a, T b) const { return (T)(expression); }                            \
  };
MSL_FUNCTION(Sum, a + b)
MSL_FUNCTION(Product, a *b)
MSL_FUNCTION(Minimum, metal::min(a, b))
MSL_FUNCTION(Maximum, metal::max(a, b))
MSL_FUNCTION(And, a &b)
MSL_FUNCTION(Or, a | b)
MSL_FUNCTION(Xor, a ^ b)
#undef MSL_FUNCTION

// A full simdgroup is reduced as a tree, in vector code.
template <class T, class Function>
__attribute__((noinline)) MSL_UNINSTRUMENTED inline void combine_all(Simdgroup *simdgroup, uint parity, uint lanes) {
  const T *value = slots<T>(*simdgroup, parity);
  T *result = results<T>(*simdgroup, parity);
  Function function;
  if (lanes == all_lanes) {
    T half[16];
#pragma clang loop vectorize(enable) unroll(disable)
    for (int i = 0; i < 16; ++i) half[i] = function(value[i], value[i + 16]);
    for (int width = 8; width; width /= 2)
#pragma clang loop vectorize(enable)
      for (int i = 0; i < width; ++i) half[i] = function(half[i], half[i + width]);
    *result = half[0];
    return;
  }
  T accumulated = value[__builtin_ctz(lanes)];
  for (uint rest = lanes & (lanes - 1); rest; rest &= rest - 1)
    accumulated = function(accumulated, value[__builtin_ctz(rest)]);
  *result = accumulated;
}

template <class Function, class T> MSL_INLINE T reduce(T value, int site) {
  Self self;
  return *results<T>(self.simdgroup, meet_with(self, value, site, &combine_all<T, Function>));
}

template <class T, class Function, bool inclusive>
MSL_UNINSTRUMENTED inline void combine_prefix(Simdgroup *simdgroup, uint parity, uint lanes) {
  const T *value = slots<T>(*simdgroup, parity);
  T *result = results<T>(*simdgroup, parity);
  T accumulated = metal::is_same_v<Function, Sum> ? T(0) : T(1);
  for (uint rest = lanes; rest; rest &= rest - 1) {
    uint lane = __builtin_ctz(rest);
    T next = Function()(accumulated, value[lane]);
    result[lane] = inclusive ? next : accumulated;
    accumulated = next;
  }
}

template <class Function, bool inclusive, class T> MSL_INLINE T prefix(T value, int site) {
  Self self;
  return results<T>(self.simdgroup, meet_with(self, value, site, &combine_prefix<T, Function, inclusive>))[self.lane];
}

// A quadgroup's lanes that met are reduced for themselves; the others bring nothing.
template <class T, class Function>
MSL_UNINSTRUMENTED inline void combine_quads(Simdgroup *simdgroup, uint parity, uint lanes) {
  const T *value = slots<T>(*simdgroup, parity);
  T *result = results<T>(*simdgroup, parity);
  for (uint first = 0; first < simd_width; first += 4) {
    uint rest = lanes & 15u << first;
    if (!rest) continue;
    T accumulated = value[__builtin_ctz(rest)];
    while (rest &= rest - 1) accumulated = Function()(accumulated, value[__builtin_ctz(rest)]);
    for (uint lane = first; lane < first + 4; ++lane) result[lane] = accumulated;
  }
}

template <class Function, class T> MSL_INLINE T quad_reduce(T value, int site) {
  Self self;
  return results<T>(self.simdgroup, meet_with(self, value, site, &combine_quads<T, Function>))[self.lane];
}

template <class T, class Function, bool inclusive>
MSL_UNINSTRUMENTED inline void combine_quad_prefix(Simdgroup *simdgroup, uint parity, uint lanes) {
  for (uint first = 0; first < simd_width; first += 4)
    combine_prefix<T, Function, inclusive>(simdgroup, parity, lanes & 15u << first);
}

template <class Function, bool inclusive, class T> MSL_INLINE T quad_prefix(T value, int site) {
  Self self;
  return results<T>(self.simdgroup,
                    meet_with(self, value, site, &combine_quad_prefix<T, Function, inclusive>))[self.lane];
}

}  // namespace msl_cpu

namespace metal {

MSL_INLINE void threadgroup_barrier(mem_flags flags, int site = MSL_SITE) {
#ifdef MSL_SANITIZE
  msl_cpu_sanitizer_barrier(msl_cpu::current_worker(), (uint)flags, site);
#endif
  (void)flags, (void)site;
  msl_cpu::wait_at_barrier();
}
MSL_INLINE void threadgroup_barrier(mem_flags flags, thread_scope, int site = MSL_SITE) {
  threadgroup_barrier(flags, site);
}
MSL_INLINE void simdgroup_barrier(mem_flags, int site = MSL_SITE) {
  msl_cpu::Self self;
  msl_cpu::meet<0>(self, site, msl_cpu::combine_nothing, nullptr);
}

#define MSL_REDUCTION(name, Operation)                                                                                \
  template <class T> MSL_INLINE T simd_##name(T value, int site = MSL_SITE) {                                         \
    return msl_cpu::reduce<msl_cpu::Operation>(value, site);                                                          \
  }                                                                                                                   \
  template <class T> MSL_INLINE T quad_##name(T value, int site = MSL_SITE) {                                         \
    return msl_cpu::quad_reduce<msl_cpu::Operation>(value, site);                                                     \
  }
MSL_REDUCTION(sum, Sum)
MSL_REDUCTION(product, Product)
MSL_REDUCTION(min, Minimum)
MSL_REDUCTION(max, Maximum)
MSL_REDUCTION(and, And)
MSL_REDUCTION(or, Or)
MSL_REDUCTION(xor, Xor)
#undef MSL_REDUCTION

#define MSL_PREFIX(name, Operation)                                                                                   \
  template <class T> MSL_INLINE T simd_prefix_inclusive_##name(T value, int site = MSL_SITE) {                        \
    return msl_cpu::prefix<msl_cpu::Operation, true>(value, site);                                                    \
  }                                                                                                                   \
  template <class T> MSL_INLINE T simd_prefix_exclusive_##name(T value, int site = MSL_SITE) {                        \
    return msl_cpu::prefix<msl_cpu::Operation, false>(value, site);                                                   \
  }                                                                                                                   \
  template <class T> MSL_INLINE T quad_prefix_inclusive_##name(T value, int site = MSL_SITE) {                        \
    return msl_cpu::quad_prefix<msl_cpu::Operation, true>(value, site);                                               \
  }                                                                                                                   \
  template <class T> MSL_INLINE T quad_prefix_exclusive_##name(T value, int site = MSL_SITE) {                        \
    return msl_cpu::quad_prefix<msl_cpu::Operation, false>(value, site);                                              \
  }
MSL_PREFIX(sum, Sum)
MSL_PREFIX(product, Product)
#undef MSL_PREFIX

MSL_INLINE bool simd_all(bool value, int site = MSL_SITE) { return msl_cpu::reduce<msl_cpu::And>((uchar)value, site); }
MSL_INLINE bool simd_any(bool value, int site = MSL_SITE) { return msl_cpu::reduce<msl_cpu::Or>((uchar)value, site); }
MSL_INLINE bool quad_all(bool value, int site = MSL_SITE) {
  return msl_cpu::quad_reduce<msl_cpu::And>((uchar)value, site);
}
MSL_INLINE bool quad_any(bool value, int site = MSL_SITE) {
  return msl_cpu::quad_reduce<msl_cpu::Or>((uchar)value, site);
}

template <ulong full> struct vote {
  typedef ulong vote_t;
  ulong bits;
  explicit constexpr vote(vote_t bits = 0) : bits(bits) {}
  explicit constexpr operator vote_t() const { return bits; }
  constexpr bool all() const { return bits == full; }
  constexpr bool any() const { return bits != 0; }
};
typedef vote<0xffffffffu> simd_vote;
typedef vote<0xfu> quad_vote;

MSL_INLINE simd_vote simd_ballot(bool value, int site = MSL_SITE) {
  return simd_vote(msl_cpu::reduce<msl_cpu::Or>(value ? 1u << msl_cpu::current_lane() : 0u, site));
}
MSL_INLINE simd_vote simd_active_threads_mask(int site = MSL_SITE) { return simd_ballot(true, site); }
MSL_INLINE bool simd_is_first(int site = MSL_SITE) {
  return msl_cpu::current_lane() == (uint)__builtin_ctzl((ulong)simd_ballot(true, site));
}
MSL_INLINE bool simd_is_helper_thread() { return false; }
MSL_INLINE quad_vote quad_ballot(bool value, int site = MSL_SITE) {
  return quad_vote((ulong)simd_ballot(value, site) >> (msl_cpu::current_lane() & ~3u) & 0xf);
}
MSL_INLINE quad_vote quad_active_threads_mask(int site = MSL_SITE) { return quad_ballot(true, site); }
MSL_INLINE bool quad_is_first(int site = MSL_SITE) {
  return (msl_cpu::current_lane() & 3u) == (uint)__builtin_ctzl((ulong)quad_ballot(true, site));
}

// `width`: lanes that exchange among each other (32: simdgroup, 4: quadgroup); `from`: the source within them.
#define MSL_SHUFFLES(prefix, width)                                                                                   \
  template <class T> MSL_INLINE T prefix##_shuffle(T value, ushort from, int site = MSL_SITE) {                       \
    msl_cpu::Self self;                                                                                               \
    return msl_cpu::gather(self, value, site)[(self.lane & ~(width - 1u)) | (from & (width - 1u))];                   \
  }                                                                                                                   \
  template <class T> MSL_INLINE T prefix##_broadcast(T value, ushort from, int site = MSL_SITE) {                     \
    return prefix##_shuffle(value, from, site);                                                                       \
  }                                                                                                                   \
  template <class T> MSL_INLINE T prefix##_shuffle_xor(T value, ushort mask, int site = MSL_SITE) {                   \
    msl_cpu::Self self;                                                                                               \
    return msl_cpu::gather(self, value, site)[self.lane ^ (mask & (width - 1u))];                                     \
  }                                                                                                                   \
  template <class T> MSL_INLINE T prefix##_shuffle_up(T value, ushort delta, int site = MSL_SITE) {                   \
    msl_cpu::Self self;                                                                                               \
    T *all = msl_cpu::gather(self, value, site);                                                                      \
    return (self.lane & (width - 1u)) < delta ? value : all[self.lane - delta];                                       \
  }                                                                                                                   \
  template <class T> MSL_INLINE T prefix##_shuffle_down(T value, ushort delta, int site = MSL_SITE) {                 \
    msl_cpu::Self self;                                                                                               \
    T *all = msl_cpu::gather(self, value, site);                                                                      \
    return (self.lane & (width - 1u)) + delta >= width ? value : all[self.lane + delta];                              \
  }                                                                                                                   \
  template <class T> MSL_INLINE T prefix##_shuffle_rotate_up(T value, ushort delta, int site = MSL_SITE) {            \
    msl_cpu::Self self;                                                                                               \
    uint lane = self.lane;                                                                                            \
    return msl_cpu::gather(self, value, site)[(lane & ~(width - 1u)) | ((lane - delta) & (width - 1u))];              \
  }                                                                                                                   \
  template <class T> MSL_INLINE T prefix##_shuffle_rotate_down(T value, ushort delta, int site = MSL_SITE) {          \
    msl_cpu::Self self;                                                                                               \
    uint lane = self.lane;                                                                                            \
    return msl_cpu::gather(self, value, site)[(lane & ~(width - 1u)) | ((lane + delta) & (width - 1u))];              \
  }                                                                                                                   \
  template <class T>                                                                                                  \
  MSL_INLINE T prefix##_shuffle_and_fill_up(T value, T filling, ushort delta, ushort modulo = width,                  \
                                            int site = MSL_SITE) {                                                    \
    msl_cpu::Self self;                                                                                               \
    uint within = self.lane & (modulo - 1u), base = self.lane - within;                                               \
    T shifted = msl_cpu::gather(self, value, site)[within < delta ? self.lane : self.lane - delta];                   \
    T *all = msl_cpu::gather(self, filling, site + msl_cpu::second_meeting);                                          \
    T filled = all[base + ((within - delta) & (modulo - 1u))];                                                        \
    return within < delta ? filled : shifted;                                                                         \
  }                                                                                                                   \
  template <class T>                                                                                                  \
  MSL_INLINE T prefix##_shuffle_and_fill_down(T value, T filling, ushort delta, ushort modulo = width,                \
                                              int site = MSL_SITE) {                                                  \
    msl_cpu::Self self;                                                                                               \
    uint within = self.lane & (modulo - 1u), base = self.lane - within;                                               \
    bool fill = within + delta >= modulo;                                                                             \
    T shifted = msl_cpu::gather(self, value, site)[fill ? self.lane : self.lane + delta];                             \
    T *all = msl_cpu::gather(self, filling, site + msl_cpu::second_meeting);                                          \
    T filled = all[base + ((within + delta) & (modulo - 1u))];                                                        \
    return fill ? filled : shifted;                                                                                   \
  }
MSL_SHUFFLES(simd, 32u)
MSL_SHUFFLES(quad, 4u)
#undef MSL_SHUFFLES

template <class T> MSL_INLINE T simd_broadcast_first(T value, int site = MSL_SITE) {
  uint first = (uint)__builtin_ctzl((ulong)simd_ballot(true, site));
  return simd_shuffle(value, (ushort)first, site + msl_cpu::second_meeting);
}
template <class T> MSL_INLINE T quad_broadcast_first(T value, int site = MSL_SITE) {
  uint first = (uint)__builtin_ctzl((ulong)quad_ballot(true, site));
  return quad_shuffle(value, (ushort)first, site + msl_cpu::second_meeting);
}

}  // namespace metal
