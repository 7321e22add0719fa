// Functions of doubles that libm lacks, or has not within CUDA's errors: doubles.h calls them for each lane.
// A literal is a float, as in MSL, unless it meets a double.
#pragma once
#include "arithmetic.h"

namespace metal {
namespace lanes {

// sin(pi x), or cos(pi x): by the one whose argument is at most pi / 4.
inline double sine_of_half_turns(double x) {
  double r = __builtin_remainder(x, 2.0), size = __builtin_fabs(r), pi = 0x1.921fb54442d18p+1, sine;
  if (size == 0 || size == 1) return __builtin_copysign(0.0, x);
  if (size <= 0.25) sine = __builtin_sin(pi * size);
  else if (size < 0.75) sine = __builtin_cos(pi * (0.5 - size));
  else sine = __builtin_sin(pi * (1 - size));
  return __builtin_copysign(sine, r);
}
inline double cosine_of_half_turns(double x) {
  double size = __builtin_fabs(__builtin_remainder(x, 2.0)), pi = 0x1.921fb54442d18p+1;
  if (size <= 0.25) return __builtin_cos(pi * size);
  return size < 0.75 ? __builtin_sin(pi * (0.5 - size)) : -__builtin_cos(pi * (1 - size));
}

// erfc(x) * exp(x * x): where erfc is not subnormal, with what the square lacks; else its asymptotic series.
inline double scaled_erfc(double x) {
  LANES_EXACT
  if (x > 26) {
    double y = 0.5 / x / x, sum = 1;
    for (int n = 15; n > 0; n -= 2) sum = 1 - n * y * sum;
    return sum / x * 0x1.20dd750429b6dp-1;
  }
  double square = x * x, rest = __builtin_fma(x, x, -square);
  double power = __builtin_exp(square), scaled = power * __builtin_erfc(x);
  return power < __builtin_inf() ? scaled + scaled * rest : power;
}

// erfc(-x / sqrt(2)) / 2, with what the quotient lacks.
inline double normal_distribution(double x) {
  LANES_EXACT
  double root = 0x1.6a09e667f3bcdp-1, quotient = -x * root;
  double rest = __builtin_fma(-x, root, -quotient) + x * 0x1.bdd3413b26456p-55;
  double value = __builtin_erfc(quotient), slope = -0x1.20dd750429b6dp+0 * __builtin_exp(-quotient * quotient);
  return __builtin_isfinite(x) ? 0.5 * (value + slope * rest) : 0.5 * value;
}

// Where erfc is x, 0 < x <= 1/2: an approximation of Winitzki's, and Halley's steps for log(erfc), which is almost a
// parabola; by erfcx, since erfc itself may be subnormal.
inline double inverse_of_erfc(double x) {
  LANES_EXACT
  double target = __builtin_log(x), both = target + __builtin_log(2 - x);
  double middle = 0x1.152af46b7c65ep+2 + both / 2;  // 2 / (0.147 pi)
  double y = __builtin_sqrt(__builtin_sqrt(middle * middle - both / 0.147) - middle);
  for (int i = 0; i < 2; ++i) {
    double scaled = scaled_erfc(y), square = y * y, rest = __builtin_fma(y, y, -square);
    double error = (__builtin_log(scaled) - (square + target)) - rest, slope = -0x1.20dd750429b6dp+0 / scaled;
    y -= error / (slope + error * (2 * y + slope) / 2);
  }
  return y;
}

inline double inverse_of_erf(double x) {
  LANES_EXACT
  double size = __builtin_fabs(x), half_root_of_pi = 0x1.c5bf891b4ef6bp-1;
  if (!(size < 1)) return size == 1 ? __builtin_copysign(__builtin_inf(), x) : __builtin_nan("");
  if (size >= 0.5) return __builtin_copysign(inverse_of_erfc(1 - size), x);
  double y = x * half_root_of_pi * (1 + 0x1.0c152382d7366p-2 * x * x);  // pi / 12
  for (int i = 0; i < 2; ++i) {
    double error = (__builtin_erf(y) - x) * half_root_of_pi * __builtin_exp(y * y);
    y -= error / (1 + y * error);
  }
  return y;
}

// Where erfc is x: 1 - x is exact wherever it is taken.
inline double inverse_of_any_erfc(double x) {
  if (!(x > 0 && x < 2)) return x == 0 ? __builtin_inf() : x == 2 ? -__builtin_inf() : __builtin_nan("");
  if (x >= 0.5 && x <= 1.5) return inverse_of_erf(1 - x);
  return x < 1 ? inverse_of_erfc(x) : -inverse_of_erfc(2 - x);
}

inline double inverse_of_normal_distribution(double x) {
  double root_of_two = 0x1.6a09e667f3bcdp+0;
  return x == 0.5 ? 0 : -root_of_two * inverse_of_any_erfc(2 * x);
}

// exp(x) = (value + rest) * 2**exponent for |x| < 746, where the rest is below the last place of value.
inline double long_exponential(double x, double &rest, int &exponent) {
  LANES_EXACT
  constexpr double one = 1, terms[] = {one / 6,      one / 24,      one / 120,      one / 720,
                                       one / 5040,   one / 40320,   one / 362880,   one / 3628800,
                                       one / 39916800, one / 479001600, one / 6227020800, one / 87178291200};
  double whole = __builtin_rint(x * 0x1.71547652b82fep+0);
  double high = x - whole * 0x1.62e42fefa38p-1, low = whole * 0x1.ef35793c7673p-45;  // log(2): the product is exact
  double r = high - low, r_rest = (high - r) - low, square = r * r, series = terms[11];
  for (int i = 10; i >= 0; --i) series = terms[i] + r * series;
  double part = r + square / 2, part_rest = ((r - part) + square / 2) + __builtin_fma(r, r, -square) / 2;
  double near = 1 + part, more = ((1 - near) + part) + (part_rest + (square * r * series + r_rest * (1 + r)));
  double value = near + more;
  rest = (near - value) + more;
  exponent = int(whole);
  return value;
}

// Half of exp(x) and its inverse.
inline double hyperbolic_cosine(double x) {
  LANES_EXACT
  double size = __builtin_fabs(x), rest;
  if (!(size < 711)) return size * size;  // infinite, or NaN
  int exponent;
  double value = long_exponential(size, rest, exponent), inverse = 1 / value;
  double inverse_rest = inverse * (__builtin_fma(-inverse, value, 1) - inverse * rest);
  double scale = exponent < 60 ? __builtin_ldexp(1, -2 * exponent) : 0, total = value + inverse * scale;
  rest += ((value - total) + inverse * scale) + inverse_rest * scale;
  return __builtin_ldexp(total + rest, exponent - 1);
}

// By log(m) = 2 atanh((m - 1) / (m + 1)) for x = m * 2**k, with twice as many bits where these matter.
inline double decimal_logarithm(double x) {
  LANES_EXACT
  if (!(x > 0 && x < __builtin_inf())) return __builtin_log10(x);
  int exponent = __builtin_ilogb(x);
  double m = __builtin_ldexp(x, -exponent);
  if (m > 0x1.6a09e667f3bcdp+0) m /= 2, ++exponent;
  double less = m - 1, sum = m + 1, ratio = less / sum, square = ratio * ratio, series = 0;
  double ratio_rest = (__builtin_fma(-ratio, sum, less) - ratio * (m - (sum - 1))) / sum;
  for (int n = 25; n > 1; n -= 2) series = double(2) / n + square * series;
  double natural = 2 * ratio, natural_rest = 2 * ratio_rest + ratio * square * series;
  double factor = 0x1.bcb7b1526e50ep-2, product = natural * factor;  // 1 / log(10)
  double more = __builtin_fma(natural, factor, -product) + natural * 0x1.95355baaafad3p-57 + natural_rest * factor;
  double power = exponent, whole = power * 0x1.34413509f78p-2, total = whole + product;  // log10(2): exact
  if (exponent) more += (whole - total) + product;
  return total + (more + power * 0x1.fef311f12b358p-46);
}

// By a fraction for small x, else 1 - 2 / (exp(2 x) + 1) with what its steps lack.
inline double hyperbolic_tangent(double x) {
  LANES_EXACT
  double size = __builtin_fabs(x), square = x * x;
  if (size < 0.55) {
    double above = square * (675675 + square * (45045 + square * (594 + square)));
    double below = 2027025 + square * (945945 + square * (51975 + square * (630 + square)));
    return x - x * (above / below);
  }
  if (x != x) return x;
  double power = __builtin_exp(2 * (size < 25 ? size : 25)), sum = power + 1, rest = 1 - (sum - power);
  double quotient = 2 / sum, more = (__builtin_fma(-quotient, sum, 2) - quotient * rest) / sum;
  double value = 1 - quotient;
  return __builtin_copysign(value + (((1 - value) - quotient) - more), x);
}

// sqrt(a*a + b*b + c*c + d*d), or its inverse: by squares of twice as many bits, of numbers brought near 1.
inline double root_of_squares(double a, double b, double c, double d, bool inverse) {
  LANES_EXACT
  double x[] = {__builtin_fabs(a), __builtin_fabs(b), __builtin_fabs(c), __builtin_fabs(d)};
  double largest = 0, sum = 0, rest = 0;
  bool undefined = false;
  for (double each : x) {
    if (each == __builtin_inf()) return inverse ? 0 : each;
    undefined |= each != each;
    largest = each > largest ? each : largest;
  }
  if (undefined) return __builtin_nan("");
  if (largest == 0) return inverse ? __builtin_inf() : 0;
  int exponent = __builtin_ilogb(largest);
  for (double each : x) {
    double scaled = __builtin_ldexp(each, -exponent), square = scaled * scaled;
    double total = sum + square, part = total - sum;
    rest += __builtin_fma(scaled, scaled, -square) + ((sum - (total - part)) + (square - part));
    sum = total;
  }
  double root = __builtin_sqrt(sum), left = __builtin_fma(-root, root, sum) + rest, more = left / (2 * root);
  if (!inverse) return __builtin_ldexp(root + more, exponent);
  double quotient = 1 / root;
  return __builtin_ldexp(quotient + quotient * (__builtin_fma(-quotient, root, 1) - quotient * more), -exponent);
}

// The cube root of x or its inverse, with a step of Newton's: libm's is not that near. What is subnormal is scaled.
inline double cube_root(double x, bool inverse) {
  LANES_EXACT
  if (x == 0 || !__builtin_isfinite(x)) return inverse ? 1 / x : x;
  if (__builtin_fabs(x) < 0x1p-900) return cube_root(x * 0x1p162, inverse) * (inverse ? 0x1p54 : 0x1p-54);
  double root = __builtin_cbrt(x), square = root * root, cube = square * root;
  double rest = __builtin_fma(square, root, -cube) + __builtin_fma(root, root, -square) * root;
  double more = ((x - cube) - rest) / (3 * square), quotient = 1 / root;
  if (!inverse) return root + more;
  return quotient + quotient * (__builtin_fma(-quotient, root, 1) - quotient * more);
}

// The inverse of the root, with what root and quotient lack.
inline double inverse_root(double x) {
  LANES_EXACT
  double root = __builtin_sqrt(x), quotient = 1 / root;
  if (!(quotient > 0 && quotient < __builtin_inf())) return quotient;
  if (x < 0x1p-900) return inverse_root(x * 0x1p162) * 0x1p81;
  double rest = __builtin_fma(-root, root, x) * quotient * quotient;
  return quotient + quotient * (__builtin_fma(-quotient, root, 1) - rest / 2);
}

// A remainder of 0 has the sign of x, of which glibc's loses sight.
inline double ieee_remainder(double x, double y) {
  double rest = __builtin_remainder(x, y);
  return rest == 0 ? __builtin_copysign(rest, x) : rest;
}

inline int exponent_of(double x) {
  if (x == 0 || x != x) return -__INT_MAX__ - 1;
  return __builtin_isfinite(x) ? __builtin_ilogb(x) : __INT_MAX__;
}

}  // namespace lanes

}  // namespace metal
