// The mathematical functions of MSL on lanes. Half and bfloat go through float.
#pragma once
#include "elementary.h"
#include "types.h"
#include "uniform.h"
#include "msl_cpu/fast_errors.h"

namespace metal {

#define LANES_UNARY(name) \
  template <class T> LANES_INLINE Lanes<T> name(Lanes<T> x) { return Lanes<T>::of(lanes::name<T>(x.v)); }
LANES_UNARY(abs)
LANES_UNARY(fabs)
LANES_UNARY(floor)
LANES_UNARY(ceil)
LANES_UNARY(trunc)
LANES_UNARY(round)
LANES_UNARY(rint)
LANES_UNARY(popcount)
LANES_UNARY(clz)
LANES_UNARY(ctz)
#undef LANES_UNARY

#define LANES_FUNCTION(name) \
  template <class T> LANES_INLINE Lanes<T> name(Lanes<T> x) { return Lanes<T>::rounded(lanes::name(x.open())); }
LANES_FUNCTION(erf)

namespace precise {

LANES_FUNCTION(exp)
LANES_FUNCTION(exp2)
LANES_FUNCTION(log)
LANES_FUNCTION(log2)
LANES_FUNCTION(sin)
LANES_FUNCTION(cos)
LANES_FUNCTION(tan)
LANES_FUNCTION(asin)
LANES_FUNCTION(acos)
LANES_FUNCTION(atan)
LANES_FUNCTION(sinh)
LANES_FUNCTION(cosh)
LANES_FUNCTION(tanh)
#undef LANES_FUNCTION

template <class T> LANES_INLINE Lanes<T> sqrt(Lanes<T> x) {
  return Lanes<T>::rounded(__builtin_elementwise_sqrt(x.open()));
}
template <class T> LANES_INLINE Lanes<T> rsqrt(Lanes<T> x) {
  return Lanes<T>::rounded(1 / __builtin_elementwise_sqrt(x.open()));
}

// Two operands, of which one may be uniform.
#define LANES_FUNCTION(name, value)                                                                               \
  template <class T> LANES_INLINE Lanes<T> name(Lanes<T> a, Lanes<T> b) { return value; }                           \
  template <class T> LANES_INLINE Lanes<T> name(Lanes<T> a, lanes::NotDeduced<T> b) {                                \
    return precise::name(a, Lanes<T>(b));                                                                            \
  }                                                                                                                  \
  template <class T> LANES_INLINE Lanes<T> name(lanes::NotDeduced<T> a, Lanes<T> b) {                                \
    return precise::name(Lanes<T>(a), b);                                                                            \
  }
LANES_FUNCTION(pow, Lanes<T>::rounded(lanes::pow(a.open(), b.open())))
LANES_FUNCTION(atan2, Lanes<T>::rounded(lanes::atan2(a.open(), b.open())))
LANES_FUNCTION(divide, a / b)
#undef LANES_FUNCTION

}  // namespace precise

namespace fast {

template <class T> LANES_INLINE Lanes<T> divide(Lanes<T> a, Lanes<T> b) {
  if constexpr (!msl_cpu::fast_errors) return a / b;
  auto x = lanes::bit_cast<lanes::Array<float>>(a.open()), y = lanes::bit_cast<lanes::Array<float>>(b.open());
  for (uint lane = 0; lane < lanes::count; ++lane)
    x.element[lane] = msl_cpu::fast_quotient(x.element[lane], y.element[lane]);
  return Lanes<T>::rounded(lanes::bit_cast<lanes::Computed<T>>(x));
}
template <class T> LANES_INLINE Lanes<T> divide(Lanes<T> a, lanes::NotDeduced<T> b) {
  return fast::divide(a, Lanes<T>(b));
}
template <class T> LANES_INLINE Lanes<T> divide(lanes::NotDeduced<T> a, Lanes<T> b) {
  return fast::divide(Lanes<T>(a), b);
}

}  // namespace fast
}  // namespace metal
