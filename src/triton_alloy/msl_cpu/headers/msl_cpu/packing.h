// <metal_pack>: numbers as normalised integers, several in a word; rounded to nearest even, a NaN becomes 0.
#pragma once
#include "math.h"

namespace msl_cpu {

MSL_INLINE float to_srgb(float x) {
  return x <= 0.0031308f ? 12.92f * x : 1.055f * __builtin_powf(x, 1.0f / 2.4f) - 0.055f;
}
MSL_INLINE float from_srgb(float x) {
  return x <= 0.04045f ? x / 12.92f : __builtin_powf((x + 0.055f) / 1.055f, 2.4f);
}
MSL_INLINE uint to_unorm(float x, uint bits) {
  float most = (float)((1u << bits) - 1);
  return (uint)__builtin_rintf(__builtin_fminf(__builtin_fmaxf(x, 0.0f), 1.0f) * most);
}
MSL_INLINE uint to_snorm(float x, uint bits) {
  float most = (float)((1u << (bits - 1)) - 1);
  float kept = x != x ? 0.0f : __builtin_fminf(__builtin_fmaxf(x, -1.0f), 1.0f);
  return (uint)(int)__builtin_rintf(kept * most) & ((1u << bits) - 1);
}
MSL_INLINE float from_unorm(uint word, uint shift, uint bits) {
  uint most = (1u << bits) - 1;
  return (float)(word >> shift & most) / (float)most;
}
MSL_INLINE float from_snorm(uint word, uint shift, uint bits) {
  int value = (int)(word << (32 - bits - shift)) >> (32 - bits);
  return __builtin_fmaxf((float)value / (float)((1u << (bits - 1)) - 1), -1.0f);
}

}  // namespace msl_cpu

namespace metal {

#define MSL_PACK4(name, T, convert, restore)                                                                          \
  MSL_INLINE uint pack_##T##_to_##name(vec<T, 4> v) {                                                                 \
    uint word = 0;                                                                                                    \
    for (uint i = 0; i < 4; ++i) {                                                                                    \
      float x = v[i];                                                                                                 \
      word |= (convert) << 8 * i;                                                                                     \
    }                                                                                                                 \
    return word;                                                                                                      \
  }                                                                                                                   \
  MSL_INLINE vec<T, 4> unpack_##name##_to_##T(uint word) {                                                            \
    vec<T, 4> v;                                                                                                      \
    for (uint i = 0; i < 4; ++i) v[i] = (T)(restore);                                                                 \
    return v;                                                                                                         \
  }
#define MSL_PACK(T)                                                                                                   \
  MSL_PACK4(unorm4x8, T, msl_cpu::to_unorm(x, 8), msl_cpu::from_unorm(word, 8 * i, 8))                                \
  MSL_PACK4(snorm4x8, T, msl_cpu::to_snorm(x, 8), msl_cpu::from_snorm(word, 8 * i, 8))                                \
  /* The fourth component is no colour. */                                                                            \
  MSL_PACK4(srgb_unorm4x8, T, msl_cpu::to_unorm(i == 3 ? x : msl_cpu::to_srgb(x), 8),                                 \
            i == 3 ? msl_cpu::from_unorm(word, 24, 8) : msl_cpu::from_srgb(msl_cpu::from_unorm(word, 8 * i, 8)))      \
  MSL_INLINE vec<T, 4> unpack_unorm4x8_srgb_to_##T(uint word) { return unpack_srgb_unorm4x8_to_##T(word); }           \
  MSL_INLINE uint pack_##T##_to_unorm2x16(vec<T, 2> v) {                                                              \
    return msl_cpu::to_unorm(v.x, 16) | msl_cpu::to_unorm(v.y, 16) << 16;                                             \
  }                                                                                                                   \
  MSL_INLINE uint pack_##T##_to_snorm2x16(vec<T, 2> v) {                                                              \
    return msl_cpu::to_snorm(v.x, 16) | msl_cpu::to_snorm(v.y, 16) << 16;                                             \
  }                                                                                                                   \
  MSL_INLINE vec<T, 2> unpack_unorm2x16_to_##T(uint word) {                                                           \
    return vec<T, 2>((T)msl_cpu::from_unorm(word, 0, 16), (T)msl_cpu::from_unorm(word, 16, 16));                      \
  }                                                                                                                   \
  MSL_INLINE vec<T, 2> unpack_snorm2x16_to_##T(uint word) {                                                           \
    return vec<T, 2>((T)msl_cpu::from_snorm(word, 0, 16), (T)msl_cpu::from_snorm(word, 16, 16));                      \
  }                                                                                                                   \
  MSL_INLINE uint pack_##T##_to_unorm10a2(vec<T, 4> v) {                                                              \
    return msl_cpu::to_unorm(v.x, 10) | msl_cpu::to_unorm(v.y, 10) << 10 | msl_cpu::to_unorm(v.z, 10) << 20 |         \
           msl_cpu::to_unorm(v.w, 2) << 30;                                                                           \
  }                                                                                                                   \
  MSL_INLINE vec<T, 4> unpack_unorm10a2_to_##T(uint word) {                                                           \
    return vec<T, 4>((T)msl_cpu::from_unorm(word, 0, 10), (T)msl_cpu::from_unorm(word, 10, 10),                       \
                     (T)msl_cpu::from_unorm(word, 20, 10), (T)msl_cpu::from_unorm(word, 30, 2));                      \
  }
MSL_PACK(float)
MSL_PACK(half)
#undef MSL_PACK
#undef MSL_PACK4

}  // namespace metal
