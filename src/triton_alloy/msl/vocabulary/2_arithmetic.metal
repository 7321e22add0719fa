// Arithmetic and functions that MSL lacks or that trap.

//: select
// A choice for each lane. A macro, since metal::select lacks some types and an overload of it could be ambiguous.
#define select(if_false, if_true, condition) ((condition) ? (if_true) : (if_false))

//: divide
// C's quotient, without a trap: by 0 it is 0, and the least number by -1 wraps.
template <class T> METAL_FUNC T divide(T a, T b) {
    if (T(-1) < T(0) && b == T(-1)) return T(0ul - ulong(a));
    return b == T(0) ? T(0) : T(a / b);
}

//: remainder
// C's remainder, without a trap: a - divide(a, b) * b, which by 0 is a. Not %, which some drivers get wrong for large
// unsigned numbers.
template <class T> METAL_FUNC T remainder(T a, T b) {
    if (T(-1) < T(0) && b == T(-1)) return T(0);
    return b == T(0) ? a : T(a - T(a / b) * b);
}

//: minimum
// The smaller number; NaN if one of them is.
template <class T> METAL_FUNC T minimum(T a, T b) { return a != a ? a : b != b ? b : a < b ? a : b; }

//: maximum
// The larger number; NaN if one of them is.
template <class T> METAL_FUNC T maximum(T a, T b) { return a != a ? a : b != b ? b : a > b ? a : b; }

//: erf
// The error function, to 1 ulp (N. Juffa).
METAL_FUNC float erf(float x) {
    float a = fabs(x), z = x * x;
    if (a > 0.927734375f) {
        float p = fma(fma(-1.72853470e-5f, a, 3.83197126e-4f), z, fma(-3.88396438e-3f, a, 2.42546219e-2f));
        p = fma(fma(fma(p, a, -1.06777877e-1f), a, -6.34846687e-1f), a, -1.28717512e-1f);
        return a > 4.0f ? copysign(1.0f, x) : copysign(1.0f - precise::exp(fma(p, a, -a)), x);
    }
    float p = fma(fma(-5.96761703e-4f, z, 4.99119423e-3f), z, -2.67681349e-2f);
    return fma(fma(fma(fma(p, z, 1.12819925e-1f), z, -3.76125336e-1f), z, 1.28379166e-1f), x, x);
}
