// Shuffles, votes and reductions over the lanes.

//: first
// Lane 0's value.
template <class T> METAL_FUNC T first(T x) { return simd_broadcast_first(x); }

//: first if b1
METAL_FUNC bool first(bool x) { return first(uint(x)) != 0; }

//: first if bf16
METAL_FUNC bfloat first(bfloat x) { return as_type<bfloat>(first(as_type<ushort>(x))); }

//: first if i64
METAL_FUNC long first(long x) { return as_type<long>(first(as_type<uint2>(x))); }

//: first if u64
METAL_FUNC ulong first(ulong x) { return as_type<ulong>(first(as_type<uint2>(x))); }

//: broadcast
// The value of one lane, which is the same for all.
template <class T> METAL_FUNC T broadcast(T x, uint lane) { return simd_broadcast(x, ushort(lane)); }

//: broadcast if b1
METAL_FUNC bool broadcast(bool x, uint lane) { return broadcast(uint(x), lane) != 0; }

//: broadcast if bf16
METAL_FUNC bfloat broadcast(bfloat x, uint lane) { return as_type<bfloat>(broadcast(as_type<ushort>(x), lane)); }

//: broadcast if i64
METAL_FUNC long broadcast(long x, uint lane) { return as_type<long>(broadcast(as_type<uint2>(x), lane)); }

//: broadcast if u64
METAL_FUNC ulong broadcast(ulong x, uint lane) { return as_type<ulong>(broadcast(as_type<uint2>(x), lane)); }

//: shuffle_xor
// The value of the lane whose index differs in the bits of the mask.
template <class T> METAL_FUNC T shuffle_xor(T x, uint mask) { return simd_shuffle_xor(x, ushort(mask)); }

//: shuffle_xor if b1
METAL_FUNC bool shuffle_xor(bool x, uint mask) { return shuffle_xor(uint(x), mask) != 0; }

//: shuffle_xor if bf16
METAL_FUNC bfloat shuffle_xor(bfloat x, uint mask) { return as_type<bfloat>(shuffle_xor(as_type<ushort>(x), mask)); }

//: shuffle_xor if i64
METAL_FUNC long shuffle_xor(long x, uint mask) { return as_type<long>(shuffle_xor(as_type<uint2>(x), mask)); }

//: shuffle_xor if u64
METAL_FUNC ulong shuffle_xor(ulong x, uint mask) { return as_type<ulong>(shuffle_xor(as_type<uint2>(x), mask)); }

//: shuffle
// The value of lane `source`.
template <class T> METAL_FUNC T shuffle(T x, uint source) { return simd_shuffle(x, ushort(source)); }

//: shuffle if b1
METAL_FUNC bool shuffle(bool x, uint source) { return shuffle(uint(x), source) != 0; }

//: shuffle if bf16
METAL_FUNC bfloat shuffle(bfloat x, uint source) { return as_type<bfloat>(shuffle(as_type<ushort>(x), source)); }

//: shuffle if i64
METAL_FUNC long shuffle(long x, uint source) { return as_type<long>(shuffle(as_type<uint2>(x), source)); }

//: shuffle if u64
METAL_FUNC ulong shuffle(ulong x, uint source) { return as_type<ulong>(shuffle(as_type<uint2>(x), source)); }

//: exchange
// What is in register j (a, b: 0, 1) of a lane whose index has bit t moves to register t of the lane with bit j.
template <class T> METAL_FUNC void exchange(thread T &a, thread T &b, uint bit, uint lane) {
    bool upper = (lane >> bit & 1) != 0;
    T received = shuffle_xor(upper ? a : b, 1u << bit);
    if (upper) a = received;
    else b = received;
}

//: reduce_add
// The sum over the lanes.
template <class T> METAL_FUNC T reduce_add(T x) { return simd_sum(x); }

//: reduce_add if f16
METAL_FUNC half reduce_add(half x) { return half(simd_sum(float(x))); }

//: reduce_add if bf16
METAL_FUNC bfloat reduce_add(bfloat x) { return bfloat(simd_sum(float(x))); }

//: reduce_add if i64
METAL_FUNC long reduce_add(long x) {
    for (uint step = 16; step > 0; step /= 2) x = x + shuffle_xor(x, step);
    return x;
}

//: reduce_add if u64
METAL_FUNC ulong reduce_add(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = x + shuffle_xor(x, step);
    return x;
}

//: reduce_mul
// The product over the lanes.
template <class T> METAL_FUNC T reduce_mul(T x) { return simd_product(x); }

//: reduce_mul if f16
METAL_FUNC half reduce_mul(half x) { return half(simd_product(float(x))); }

//: reduce_mul if bf16
METAL_FUNC bfloat reduce_mul(bfloat x) { return bfloat(simd_product(float(x))); }

//: reduce_mul if i64
METAL_FUNC long reduce_mul(long x) {
    for (uint step = 16; step > 0; step /= 2) x = x * shuffle_xor(x, step);
    return x;
}

//: reduce_mul if u64
METAL_FUNC ulong reduce_mul(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = x * shuffle_xor(x, step);
    return x;
}

//: reduce_min
// The smallest of the lanes' numbers.
template <class T> METAL_FUNC T reduce_min(T x) { return simd_min(x); }

//: reduce_min if bf16
METAL_FUNC bfloat reduce_min(bfloat x) { return bfloat(simd_min(float(x))); }

//: reduce_min if i64
METAL_FUNC long reduce_min(long x) {
    for (uint step = 16; step > 0; step /= 2) x = min(x, shuffle_xor(x, step));
    return x;
}

//: reduce_min if u64
METAL_FUNC ulong reduce_min(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = min(x, shuffle_xor(x, step));
    return x;
}

//: reduce_max
// The largest of the lanes' numbers.
template <class T> METAL_FUNC T reduce_max(T x) { return simd_max(x); }

//: reduce_max if bf16
METAL_FUNC bfloat reduce_max(bfloat x) { return bfloat(simd_max(float(x))); }

//: reduce_max if i64
METAL_FUNC long reduce_max(long x) {
    for (uint step = 16; step > 0; step /= 2) x = max(x, shuffle_xor(x, step));
    return x;
}

//: reduce_max if u64
METAL_FUNC ulong reduce_max(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = max(x, shuffle_xor(x, step));
    return x;
}

//: reduce_and
// Bitwise and over the lanes.
template <class T> METAL_FUNC T reduce_and(T x) { return simd_and(x); }

//: reduce_and if b1
METAL_FUNC bool reduce_and(bool x) { return simd_all(x); }

//: reduce_and if i64
METAL_FUNC long reduce_and(long x) {
    for (uint step = 16; step > 0; step /= 2) x = x & shuffle_xor(x, step);
    return x;
}

//: reduce_and if u64
METAL_FUNC ulong reduce_and(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = x & shuffle_xor(x, step);
    return x;
}

//: reduce_or
// Bitwise or over the lanes.
template <class T> METAL_FUNC T reduce_or(T x) { return simd_or(x); }

//: reduce_or if b1
METAL_FUNC bool reduce_or(bool x) { return simd_any(x); }

//: reduce_or if i64
METAL_FUNC long reduce_or(long x) {
    for (uint step = 16; step > 0; step /= 2) x = x | shuffle_xor(x, step);
    return x;
}

//: reduce_or if u64
METAL_FUNC ulong reduce_or(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = x | shuffle_xor(x, step);
    return x;
}

//: reduce_xor
// Bitwise xor over the lanes.
template <class T> METAL_FUNC T reduce_xor(T x) { return simd_xor(x); }

//: reduce_xor if b1
METAL_FUNC bool reduce_xor(bool x) { return simd_sum(uint(x)) % 2 != 0; }

//: reduce_xor if i64
METAL_FUNC long reduce_xor(long x) {
    for (uint step = 16; step > 0; step /= 2) x = x ^ shuffle_xor(x, step);
    return x;
}

//: reduce_xor if u64
METAL_FUNC ulong reduce_xor(ulong x) {
    for (uint step = 16; step > 0; step /= 2) x = x ^ shuffle_xor(x, step);
    return x;
}

//: reduce_minimum
// The smallest of the lanes' numbers; NaN if one of them is.
template <class T> METAL_FUNC T reduce_minimum(T x) { return simd_any(x != x) ? T(NAN) : simd_min(x); }

//: reduce_minimum if bf16
METAL_FUNC bfloat reduce_minimum(bfloat x) { return bfloat(reduce_minimum(float(x))); }

//: reduce_maximum
// The largest of the lanes' numbers; NaN if one of them is.
template <class T> METAL_FUNC T reduce_maximum(T x) { return simd_any(x != x) ? T(NAN) : simd_max(x); }

//: reduce_maximum if bf16
METAL_FUNC bfloat reduce_maximum(bfloat x) { return bfloat(reduce_maximum(float(x))); }
