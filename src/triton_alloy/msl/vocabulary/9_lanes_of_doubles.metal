// Doubles across lanes and in memory: as their bits, which the functions of ulong move by 32-bit halves.

//: first if f64
METAL_FUNC float64 first(float64 x) { return as_float64(first(u64(x.bits))); }

//: broadcast if f64
METAL_FUNC float64 broadcast(float64 x, uint lane) { return as_float64(broadcast(u64(x.bits), lane)); }

//: shuffle_xor if f64
METAL_FUNC float64 shuffle_xor(float64 x, uint mask) { return as_float64(shuffle_xor(u64(x.bits), mask)); }

//: shuffle if f64
METAL_FUNC float64 shuffle(float64 x, uint source) { return as_float64(shuffle(u64(x.bits), source)); }

//: reduce_add if f64
METAL_FUNC float64 reduce_add(float64 x) {
    for (uint step = 16; step > 0; step /= 2) x = as_float64(double_sum(x.bits, shuffle_xor(x, step).bits));
    return x;
}

//: reduce_mul if f64
METAL_FUNC float64 reduce_mul(float64 x) {
    for (uint step = 16; step > 0; step /= 2) x = as_float64(double_product(x.bits, shuffle_xor(x, step).bits));
    return x;
}

//: reduce_min if f64
METAL_FUNC float64 reduce_min(float64 x) {
    for (uint step = 16; step > 0; step /= 2) x = fmin(x, shuffle_xor(x, step));
    return x;
}

//: reduce_max if f64
METAL_FUNC float64 reduce_max(float64 x) {
    for (uint step = 16; step > 0; step /= 2) x = fmax(x, shuffle_xor(x, step));
    return x;
}

//: reduce_minimum if f64
METAL_FUNC float64 reduce_minimum(float64 x) {
    for (uint step = 16; step > 0; step /= 2) x = minimum(x, shuffle_xor(x, step));
    return x;
}

//: reduce_maximum if f64
METAL_FUNC float64 reduce_maximum(float64 x) {
    for (uint step = 16; step > 0; step /= 2) x = maximum(x, shuffle_xor(x, step));
    return x;
}
//: choice
// select of doubles, by their bits: of structs the two sides of ?: may not differ in their address spaces.
METAL_FUNC float64 choice(float64 if_false, float64 if_true, bool condition) {
    return as_float64(condition ? if_true.bits : if_false.bits);
}

//: load if f64
template <class I> METAL_FUNC float64 load(const device float64 *p, I offset) {
    return as_float64(p[offset].bits);
}
template <class I>
METAL_FUNC float64 load(const device float64 *p, I offset, b1 mask, float64 other = float64(0)) {
    return as_float64(mask ? p[offset].bits : other.bits);
}
template <class I> METAL_FUNC float64 load(const threadgroup float64 *p, I offset) {
    return as_float64(p[offset].bits);
}
template <class I>
METAL_FUNC float64 load(const threadgroup float64 *p, I offset, b1 mask, float64 other = float64(0)) {
    return as_float64(mask ? p[offset].bits : other.bits);
}

//: load_contiguous if f64
template <class I> METAL_FUNC float64 load_contiguous(const device float64 *p, I offset) {
    return as_float64(p[offset].bits);
}
template <class I>
METAL_FUNC float64 load_contiguous(const device float64 *p, I offset, b1 mask, float64 other = float64(0)) {
    return as_float64(mask ? p[offset].bits : other.bits);
}
template <class I> METAL_FUNC float64 load_contiguous(const threadgroup float64 *p, I offset) {
    return as_float64(p[offset].bits);
}
template <class I>
METAL_FUNC float64 load_contiguous(const threadgroup float64 *p, I offset, b1 mask, float64 other = float64(0)) {
    return as_float64(mask ? p[offset].bits : other.bits);
}

//: Packet if f64
template <uint N> struct Packet<N, float64, false> {
    vec<ulong, N> elements;
    static METAL_FUNC void read(thread float64 *out, const device float64 *p, b1 mask, const thread float64 *other) {
        UNROLL for (uint i = 0; i < N; ++i) out[i] = other[i];
        if (!mask) return;
        vec<ulong, N> elements = ((const device Packet *)p)->elements;
        UNROLL for (uint i = 0; i < N; ++i) out[i] = as_float64(elements[i]);
    }
    static METAL_FUNC void write(device float64 *p, const thread float64 *values) {
        vec<ulong, N> elements;
        UNROLL for (uint i = 0; i < N; ++i) elements[i] = values[i].bits;
        ((device Packet *)p)->elements = elements;
    }
};

//: load_coherent if f64
template <class I>
METAL_FUNC float64 load_coherent(const device float64 *p, I offset, b1 mask = true, float64 other = float64(0)) {
    return as_float64(ulong(load_coherent((const device i64 *)p, offset, mask, i64(other.bits))));
}

//: store_coherent if f64
template <class I> METAL_FUNC void store_coherent(device float64 *p, I offset, float64 value, b1 mask = true) {
    store_coherent((device i64 *)p, offset, i64(value.bits), mask);
}

//: AddF64
struct AddF64 {
    static METAL_FUNC long next(long old, long value) { return long(double_sum(ulong(old), ulong(value))); }
};

//: locked_atomic if f64
template <class Kind, class I>
METAL_FUNC float64 locked_atomic(device uint *lock_table, device float64 *p, I offset, float64 value, b1 mask = true) {
    With64<Kind> next{long(value.bits)};
    return as_float64(ulong(locked_update(lock_table, (device long *)(p + offset), next, mask)));
}

//: locked_cas if f64
template <class I>
METAL_FUNC float64 locked_cas(device uint *lock_table, device float64 *p, I offset, float64 expected, float64 value,
                              b1 mask = true) {
    Compare64 next{long(expected.bits), long(value.bits)};
    return as_float64(ulong(locked_update(lock_table, (device long *)(p + offset), next, mask)));
}

//: locked_load if f64
template <class I>
METAL_FUNC float64 locked_load(device uint *lock_table, device float64 *p, I offset, b1 mask = true) {
    return as_float64(ulong(locked_update(lock_table, (device long *)(p + offset), Keep64{}, mask)));
}

//: uniform_locked_atomic if f64
template <class Kind, class I>
METAL_FUNC float64 uniform_locked_atomic(device uint *lock_table, device float64 *p, I offset, float64 value,
                                         bool mask = true) {
    return first(locked_atomic<Kind>(lock_table, p, offset, value, mask && simd_is_first()));
}

//: uniform_locked_cas if f64
template <class I>
METAL_FUNC float64 uniform_locked_cas(device uint *lock_table, device float64 *p, I offset, float64 expected,
                                      float64 value, bool mask = true) {
    return first(locked_cas(lock_table, p, offset, expected, value, mask && simd_is_first()));
}

//: uniform_locked_load if f64
template <class I>
METAL_FUNC float64 uniform_locked_load(device uint *lock_table, device float64 *p, I offset, bool mask = true) {
    return first(locked_load(lock_table, p, offset, mask && simd_is_first()));
}

//: log_bits if f64
METAL_FUNC ulong log_bits(float64 value) { return value.bits; }
