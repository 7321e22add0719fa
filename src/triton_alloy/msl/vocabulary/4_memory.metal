//: load
// The element at the offset; where masked, `other` or 0, and no memory is touched.
template <class T, class I> T load(const device T *p, I offset) { return p[offset]; }
template <class T, class I> T load(const device T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: load if threadgroup
template <class T, class I> T load(const threadgroup T *p, I offset) { return p[offset]; }
template <class T, class I> T load(const threadgroup T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: load_contiguous
// load, where the offsets of the lanes are known to be consecutive.
template <class T, class I> T load_contiguous(const device T *p, I offset) { return p[offset]; }
template <class T, class I> T load_contiguous(const device T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: load_contiguous if threadgroup
template <class T, class I> T load_contiguous(const threadgroup T *p, I offset) { return p[offset]; }
template <class T, class I> T load_contiguous(const threadgroup T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: store
// Where masked, no memory is touched.
template <class T, class I, class V> void store(device T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: store if threadgroup
template <class T, class I, class V> void store(threadgroup T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: store_contiguous
// store, where the offsets of the lanes are known to be consecutive.
template <class T, class I, class V> void store_contiguous(device T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: store_contiguous if threadgroup
template <class T, class I, class V> void store_contiguous(threadgroup T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: load_vector
// N consecutive elements per lane.
template <uint N, class T, class I>
void load_vector(thread T *out, const device T *p, I offset, b1 mask = true) {
    for (uint i = 0; i < N; ++i) out[i] = mask ? p[offset + I(i)] : T(0);
}
template <uint N, class T, class I>
void load_vector(thread T *out, const device T *p, I offset, b1 mask, const thread T *other) {
    for (uint i = 0; i < N; ++i) out[i] = mask ? p[offset + I(i)] : other[i];
}

//: load_vector if threadgroup
template <uint N, class T, class I>
void load_vector(thread T *out, const threadgroup T *p, I offset, b1 mask = true) {
    for (uint i = 0; i < N; ++i) out[i] = mask ? p[offset + I(i)] : T(0);
}
template <uint N, class T, class I>
void load_vector(thread T *out, const threadgroup T *p, I offset, b1 mask, const thread T *other) {
    for (uint i = 0; i < N; ++i) out[i] = mask ? p[offset + I(i)] : other[i];
}

//: store_vector
// N consecutive elements per lane.
template <uint N, class T, class I>
void store_vector(device T *p, I offset, const thread T *values, b1 mask = true) {
    for (uint i = 0; i < N; ++i)
        if (mask) p[offset + I(i)] = values[i];
}

//: store_vector if threadgroup
template <uint N, class T, class I>
void store_vector(threadgroup T *p, I offset, const thread T *values, b1 mask = true) {
    for (uint i = 0; i < N; ++i)
        if (mask) p[offset + I(i)] = values[i];
}

//: store_uniform
// One lane stores for all.
template <class T, class I, class V> void store_uniform(device T *p, I offset, V value, bool mask = true) {
    if (mask && simd_is_first()) p[offset] = T(value);
}

//: store_uniform if threadgroup
template <class T, class I, class V> void store_uniform(threadgroup T *p, I offset, V value, bool mask = true) {
    if (mask && simd_is_first()) p[offset] = T(value);
}

//: accumulate
// Adds to an element of threadgroup memory that other lanes may add to, too.
template <class I> void accumulate(threadgroup int *p, I offset, int value, b1 mask = true) {
    if (mask) atomic_fetch_add_explicit((threadgroup atomic_int *)(p + offset), value, memory_order_relaxed);
}

//: address_of
// A pointer as a number.
template <class T> ulong address_of(const device T *p) { return reinterpret_cast<ulong>(p); }

//: load_address
// The element at a computed address.
template <class T> T load_address(ulong address, b1 mask = true, T other = T(0)) {
    return mask ? *reinterpret_cast<const device T *>(address) : other;
}

//: store_address
// Stores at a computed address.
template <class T> void store_address(ulong address, T value, b1 mask = true) {
    if (mask) *reinterpret_cast<device T *>(address) = value;
}
