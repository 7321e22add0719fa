// Lanes<T>: 32 values of the scalar type T, with operators between lanes and with uniform scalars.
#pragma once
#include "arithmetic.h"

namespace metal {

template <class T> struct Lanes;
using b1 = Lanes<bool>;

template <> struct Lanes<bool> {
  lanes::Mask v;

  Lanes() = default;
  template <class S, class = lanes::IfScalar<S>>
  LANES_INLINE explicit(!lanes::same<S, bool>) Lanes(S uniform) : v(bool(uniform)) {}
  template <class U> LANES_INLINE explicit Lanes(Lanes<U> x) : v(lanes::convert<bool, U>(x.v)) {}
  static LANES_INLINE Lanes of(lanes::Mask raw) {
    Lanes result;
    result.v = raw;
    return result;
  }

  friend LANES_INLINE b1 operator!(b1 a) { return of(~a.v); }
#define LANES_LOGICAL(op, word) \
  friend LANES_INLINE b1 operator op(b1 a, b1 b) { return of(a.v word b.v); }
  LANES_LOGICAL(&, &)
  LANES_LOGICAL(|, |)
  LANES_LOGICAL(^, ^)
  LANES_LOGICAL(&&, &)  // both sides are evaluated: a varying value guards no other
  LANES_LOGICAL(||, |)
  LANES_LOGICAL(!=, ^)
#undef LANES_LOGICAL
  friend LANES_INLINE b1 operator==(b1 a, b1 b) { return of(~(a.v ^ b.v)); }
  LANES_INLINE b1 &operator&=(b1 b) { return *this = *this & b; }
  LANES_INLINE b1 &operator|=(b1 b) { return *this = *this | b; }
  LANES_INLINE b1 &operator^=(b1 b) { return *this = *this ^ b; }
  friend LANES_INLINE b1 select(b1 if_false, b1 if_true, b1 condition) {
    return of((if_true.v & condition.v) | (if_false.v & ~condition.v));
  }
};

template <class T> struct Lanes {
  using Raw = lanes::Stored<T>;
  Raw v;

  Lanes() = default;
  template <class S, class = lanes::IfScalar<S>>
  LANES_INLINE explicit(!lanes::implicit<S, T>) Lanes(S uniform) : v(lanes::splat<T>(uniform)) {}
  template <class U> LANES_INLINE explicit Lanes(Lanes<U> x) : v(lanes::convert<T, U>(x.v)) {}
  static LANES_INLINE Lanes of(Raw raw) {
    Lanes result;
    result.v = raw;
    return result;
  }
  // The result of an operation done on the computed form.
  static LANES_INLINE Lanes rounded(lanes::Computed<T> value) { return of(lanes::close<T>(value)); }
  LANES_INLINE lanes::Computed<T> open() const { return lanes::open<T>(v); }

#define LANES_ARITHMETIC(op)                                                                                  \
  friend LANES_INLINE Lanes operator op(Lanes a, Lanes b) { return rounded(a.open() op b.open()); }           \
  LANES_INLINE Lanes &operator op##=(Lanes b) { return *this = *this op b; }
  LANES_ARITHMETIC(+)
  LANES_ARITHMETIC(-)
  LANES_ARITHMETIC(*)
#undef LANES_ARITHMETIC
  friend LANES_INLINE Lanes operator/(Lanes a, Lanes b) {
    static_assert(lanes::floating<T>, "integers: divide(a, b), which does not trap");
    return rounded(a.open() / b.open());
  }
  LANES_INLINE Lanes &operator/=(Lanes b) { return *this = *this / b; }
  friend LANES_INLINE Lanes operator-(Lanes a) {
    if constexpr (!lanes::floating<T>) return rounded(0 - a.open());
    else if constexpr (sizeof(T) > 2) return of(-a.v);
    else return of(a.v ^ (Raw)0x8000);
  }

#define LANES_BITWISE(op)                                                    \
  friend LANES_INLINE Lanes operator op(Lanes a, Lanes b) {                  \
    static_assert(!lanes::floating<T>, "bitwise operators are for integers"); \
    return of(a.v op b.v);                                                   \
  }                                                                          \
  LANES_INLINE Lanes &operator op##=(Lanes b) { return *this = *this op b; }
  LANES_BITWISE(&)
  LANES_BITWISE(|)
  LANES_BITWISE(^)
#undef LANES_BITWISE
  friend LANES_INLINE Lanes operator~(Lanes a) { return of(~a.v); }
  // Shift amounts count modulo the width, as in MSL.
  friend LANES_INLINE Lanes operator<<(Lanes a, Lanes b) {
    return rounded(a.open() << (b.open() & (lanes::bits<T> - 1)));
  }
  friend LANES_INLINE Lanes operator>>(Lanes a, Lanes b) { return of(a.v >> (b.v & (lanes::bits<T> - 1))); }
  LANES_INLINE Lanes &operator<<=(Lanes b) { return *this = *this << b; }
  LANES_INLINE Lanes &operator>>=(Lanes b) { return *this = *this >> b; }

#define LANES_COMPARE(op)                                                                              \
  friend LANES_INLINE b1 operator op(Lanes a, Lanes b) {                                               \
    return b1::of(__builtin_convertvector(lanes::ordered<T>(a.v) op lanes::ordered<T>(b.v), lanes::Mask)); \
  }
  LANES_COMPARE(==)
  LANES_COMPARE(!=)
  LANES_COMPARE(<)
  LANES_COMPARE(>)
  LANES_COMPARE(<=)
  LANES_COMPARE(>=)
#undef LANES_COMPARE
  friend LANES_INLINE b1 operator!(Lanes a) { return a == Lanes::of((Raw)0); }
  friend LANES_INLINE Lanes select(Lanes if_false, Lanes if_true, b1 condition) {
    return of(lanes::wide<T>(condition.v) ? if_true.v : if_false.v);
  }

// Functions whose operands may mix lanes and uniform scalars.
#define LANES_BINARY(name) \
  friend LANES_INLINE Lanes name(Lanes a, Lanes b) { return of(lanes::name<T>(a.v, b.v)); }
  LANES_BINARY(min)
  LANES_BINARY(max)
  LANES_BINARY(fmin)
  LANES_BINARY(fmax)
  LANES_BINARY(minimum)
  LANES_BINARY(maximum)
  LANES_BINARY(fmod)
  LANES_BINARY(mulhi)
  LANES_BINARY(divide)
  LANES_BINARY(remainder)
#undef LANES_BINARY
  friend LANES_INLINE Lanes divide(Lanes a, T b) { return of(lanes::divide_uniform<T>(a.v, b)); }
  friend LANES_INLINE Lanes remainder(Lanes a, T b) { return of(lanes::remainder_uniform<T>(a.v, b)); }
  friend LANES_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) { return of(lanes::fused<T>(a.v, b.v, c.v)); }
};

// int against unsigned int compares unsigned in C but would compare signed here: refused.
#define LANES_MIXED(op)                                                                               \
  template <class T, class S, lanes::If<lanes::mixed<T, S>> = 0> b1 operator op(Lanes<T>, S) = delete; \
  template <class T, class S, lanes::If<lanes::mixed<T, S>> = 0> b1 operator op(S, Lanes<T>) = delete;
LANES_MIXED(<)
LANES_MIXED(>)
LANES_MIXED(<=)
LANES_MIXED(>=)
#undef LANES_MIXED

using i8 = Lanes<char>;
using i16 = Lanes<short>;
using i32 = Lanes<int>;
using i64 = Lanes<long>;
using u8 = Lanes<uchar>;
using u16 = Lanes<ushort>;
using u32 = Lanes<uint>;
using u64 = Lanes<ulong>;
using f16 = Lanes<half>;
using bf16 = Lanes<bfloat>;
using f32 = Lanes<float>;
using f64 = Lanes<double>;
using float64 = double;

// select with uniform values and a varying condition.
template <class T, class = lanes::IfScalar<T>> LANES_INLINE Lanes<T> select(T if_false, T if_true, b1 condition) {
  return select(Lanes<T>(if_false), Lanes<T>(if_true), condition);
}

namespace lanes {

// 0, 1, ... 31
template <class T> LANES_INLINE Lanes<T> index() {
  Vector<uchar> v = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  return Lanes<T>(Lanes<uchar>::of(v));
}

}  // namespace lanes
}  // namespace metal
