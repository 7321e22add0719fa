// The same functions on uniform values: what MSL itself has for scalars, and the vocabulary's own.
#pragma once
#include "elementary.h"
#include "msl_cpu/fast_errors.h"
#include "types.h"

namespace metal {
namespace lanes {

template <class T, bool wanted> struct ScalarOf {};
template <class T> struct ScalarOf<T, true> { using type = T; };
template <class T, class = typename Element<T>::stored> using IfInteger = typename ScalarOf<T, !floating<T>>::type;
template <class T, class = typename Element<T>::stored> using IfFloating = typename ScalarOf<T, floating<T>>::type;

}  // namespace lanes

// ----------------------------------------------------------------------------------------------------------- integers
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T min(T a, T b) { return b < a ? b : a; }
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T max(T a, T b) { return a < b ? b : a; }
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T abs(T a) {
  return a < 0 ? (T)(0 - (lanes::UnsignedOf<T>)a) : a;
}
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T divide(T a, T b) {
  if (lanes::is_signed<T> && b == (T)-1) return (T)(0 - (lanes::UnsignedOf<T>)a);
  return b == 0 ? (T)0 : (T)(a / b);
}
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T remainder(T a, T b) {
  using U = lanes::UnsignedOf<T>;
  return (T)((U)a - (U)((U)divide(a, b) * (U)b));
}
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T mulhi(T a, T b) {
  using Wide = lanes::Choose<lanes::is_signed<T>, __int128, unsigned __int128>;
  return (T)((Wide)a * (Wide)b >> lanes::bits<T>);
}
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T popcount(T a) {
  return (T)__builtin_popcountl((lanes::UnsignedOf<T>)a);
}
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T clz(T a) {
  return (T)(a == 0 ? lanes::bits<T> : __builtin_clzl((lanes::UnsignedOf<T>)a) + lanes::bits<T> - 64);
}
template <class T, class = lanes::IfInteger<T>> LANES_INLINE T ctz(T a) {
  return (T)(a == 0 ? lanes::bits<T> : __builtin_ctzl((lanes::UnsignedOf<T>)a));
}

// ------------------------------------------------------------------------------------------------------------- floats
#define LANES_UNIFORM1(name, value)                                                    \
  template <class T, class = lanes::IfFloating<T>> LANES_INLINE T name(T argument) { \
    float x = (float)argument;                                                       \
    return (T)(value);                                                               \
  }
#define LANES_UNIFORM2(name, value)                                                         \
  template <class T, class = lanes::IfFloating<T>> LANES_INLINE T name(T first, T second) { \
    float x = (float)first, y = (float)second;                                              \
    return (T)(value);                                                                      \
  }
// A short vector costs no more than a scalar.
#define LANES_VECTOR1(name) LANES_UNIFORM1(name, (lanes::name((lanes::Vector<float, 4>)x)[0]))
#define LANES_VECTOR2(name) \
  LANES_UNIFORM2(name, (lanes::name((lanes::Vector<float, 4>)x, (lanes::Vector<float, 4>)y)[0]))

LANES_UNIFORM1(fabs, __builtin_fabsf(x))
LANES_UNIFORM1(floor, __builtin_floorf(x))
LANES_UNIFORM1(ceil, __builtin_ceilf(x))
LANES_UNIFORM1(trunc, __builtin_truncf(x))
LANES_UNIFORM1(round, __builtin_roundf(x))
LANES_UNIFORM1(rint, __builtin_rintf(x))
LANES_UNIFORM2(fmin, __builtin_fminf(x, y))
LANES_UNIFORM2(fmax, __builtin_fmaxf(x, y))
LANES_UNIFORM2(minimum, x != x ? x : y != y ? y : x < y ? x : y)
LANES_UNIFORM2(maximum, x != x ? x : y != y ? y : x > y ? x : y)
LANES_UNIFORM2(fmod, __builtin_fmodf(x, y))
LANES_VECTOR1(erf)
template <class T, class = lanes::IfFloating<T>> LANES_INLINE T fma(T a, T b, T c) {
  return (T)__builtin_fmaf((float)a, (float)b, (float)c);
}

namespace precise {

LANES_VECTOR1(exp)
LANES_VECTOR1(exp2)
LANES_VECTOR1(log)
LANES_VECTOR1(log2)
LANES_VECTOR1(sin)
LANES_VECTOR1(cos)
LANES_VECTOR1(tan)
LANES_VECTOR1(asin)
LANES_VECTOR1(acos)
LANES_VECTOR1(atan)
LANES_VECTOR1(sinh)
LANES_VECTOR1(cosh)
LANES_VECTOR1(tanh)
LANES_VECTOR2(pow)
LANES_VECTOR2(atan2)
LANES_UNIFORM1(sqrt, __builtin_sqrtf(x))
LANES_UNIFORM1(rsqrt, 1 / __builtin_sqrtf(x))
LANES_UNIFORM2(divide, x / y)

}  // namespace precise

namespace fast {

LANES_UNIFORM2(divide, msl_cpu::fast_quotient(x, y))

}  // namespace fast
#undef LANES_UNIFORM1
#undef LANES_UNIFORM2
#undef LANES_VECTOR1
#undef LANES_VECTOR2

// ------------------------------------------------------------------------------------------------- choices and lanes
template <class T, class = lanes::IfScalar<T>> LANES_INLINE T select(T if_false, T if_true, bool condition) {
  return condition ? if_true : if_false;
}
LANES_INLINE bool simd_any(bool x) { return x; }
LANES_INLINE bool simd_all(bool x) { return x; }
template <class T, class = lanes::IfScalar<T>> LANES_INLINE T first(T x) { return x; }
template <class T, class = lanes::IfScalar<T>> LANES_INLINE T broadcast(T x, uint) { return x; }
template <class T, class = lanes::IfScalar<T>> LANES_INLINE T shuffle_xor(T x, uint) { return x; }
template <class T, class = lanes::IfScalar<T>> LANES_INLINE T shuffle(T x, u32) { return x; }

}  // namespace metal
