// Loads, stores and addresses; masked lanes touch no memory.

//: load
// The element at the offset; where masked, `other` or 0, and no memory is touched.
template <class T, class I> METAL_FUNC T load(const device T *p, I offset) { return p[offset]; }
template <class T, class I> METAL_FUNC T load(const device T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: load if threadgroup
template <class T, class I> METAL_FUNC T load(const threadgroup T *p, I offset) { return p[offset]; }
template <class T, class I> METAL_FUNC T load(const threadgroup T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: load_contiguous
// load, where the offsets of the lanes are known to be consecutive.
template <class T, class I> METAL_FUNC T load_contiguous(const device T *p, I offset) { return p[offset]; }
template <class T, class I> METAL_FUNC T load_contiguous(const device T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: load_contiguous if threadgroup
template <class T, class I> METAL_FUNC T load_contiguous(const threadgroup T *p, I offset) { return p[offset]; }
template <class T, class I> METAL_FUNC T load_contiguous(const threadgroup T *p, I offset, b1 mask, T other = T(0)) {
    return mask ? p[offset] : other;
}

//: store
// Where masked, no memory is touched.
template <class T, class I, class V> METAL_FUNC void store(device T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: store if threadgroup
template <class T, class I, class V> METAL_FUNC void store(threadgroup T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: store_contiguous
// store, where the offsets of the lanes are known to be consecutive.
template <class T, class I, class V> METAL_FUNC void store_contiguous(device T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: store_contiguous if threadgroup
template <class T, class I, class V>
METAL_FUNC void store_contiguous(threadgroup T *p, I offset, V value, b1 mask = true) {
    if (mask) p[offset] = T(value);
}

//: Packet
// N elements that move at once, 16 bytes at most. Metal's vectors have four elements at most: where N is more, words
// move that hold several.
template <uint N, class T, bool in_words = (N > 4)> struct Packet {
    vec<T, N> elements;
    static METAL_FUNC void read(thread T *out, const device T *p, b1 mask, const thread T *other) {
        UNROLL for (uint i = 0; i < N; ++i) out[i] = other[i];
        if (!mask) return;
        vec<T, N> elements = ((const device Packet *)p)->elements;
        UNROLL for (uint i = 0; i < N; ++i) out[i] = elements[i];
    }
    static METAL_FUNC void write(device T *p, const thread T *values) {
        vec<T, N> elements;
        UNROLL for (uint i = 0; i < N; ++i) elements[i] = values[i];
        ((device Packet *)p)->elements = elements;
    }
};
template <uint N, class T> struct Packet<N, T, true> {
    typedef vec<T, 4 / sizeof(T)> Word;
    typedef vec<uint, N * sizeof(T) / 4> Words;
    Words words;
    static METAL_FUNC Words pack(const thread T *values) {
        const uint each = 4 / sizeof(T);
        Words words;
        UNROLL for (uint w = 0; w < N / each; ++w) {
            Word word;
            UNROLL for (uint i = 0; i < each; ++i) word[i] = values[w * each + i];
            words[w] = as_type<uint>(word);
        }
        return words;
    }
    static METAL_FUNC void read(thread T *out, const device T *p, b1 mask, const thread T *other) {
        const uint each = 4 / sizeof(T);
        Words words = pack(other);
        if (mask) words = ((const device Packet *)p)->words;
        UNROLL for (uint i = 0; i < N; ++i) out[i] = as_type<Word>(words[i / each])[i % each];
    }
    static METAL_FUNC void write(device T *p, const thread T *values) { ((device Packet *)p)->words = pack(values); }
};

//: load_vector
// N consecutive elements per lane, aligned as a whole: one access.
template <uint N, class T, class I>
METAL_FUNC void load_vector(thread T *out, const device T *p, I offset, b1 mask, const thread T *other) {
    Packet<N, T>::read(out, p + offset, mask, other);
}
template <uint N, class T, class I>
METAL_FUNC void load_vector(thread T *out, const device T *p, I offset, b1 mask = true, T other = T(0)) {
    T others[N];
    UNROLL for (uint i = 0; i < N; ++i) others[i] = other;
    Packet<N, T>::read(out, p + offset, mask, others);
}

//: store_vector
// N consecutive elements per lane, aligned as a whole: one access.
template <uint N, class T, class I>
METAL_FUNC void store_vector(device T *p, I offset, const thread T *values, b1 mask = true) {
    if (mask) Packet<N, T>::write(p + offset, values);
}

//: store_uniform
// One lane stores for all.
template <class T, class I, class V> METAL_FUNC void store_uniform(device T *p, I offset, V value, bool mask = true) {
    if (mask && simd_is_first()) p[offset] = T(value);
}

//: store_uniform if threadgroup
template <class T, class I, class V>
METAL_FUNC void store_uniform(threadgroup T *p, I offset, V value, bool mask = true) {
    if (mask && simd_is_first()) p[offset] = T(value);
}

//: accumulate
// Adds to an element of threadgroup memory that other lanes may add to, too.
template <class I> METAL_FUNC void accumulate(threadgroup int *p, I offset, int value, b1 mask = true) {
    if (mask) atomic_fetch_add_explicit((threadgroup atomic_int *)(p + offset), value, memory_order_relaxed);
}

//: address_of
// A pointer as a number.
template <class T> METAL_FUNC ulong address_of(const device T *p) { return reinterpret_cast<ulong>(p); }

//: load_address
// The element at a computed address.
template <class T> METAL_FUNC T load_address(ulong address, b1 mask = true, T other = T(0)) {
    return mask ? *reinterpret_cast<const device T *>(address) : other;
}

//: store_address
// Stores at a computed address.
template <class T> METAL_FUNC void store_address(ulong address, T value, b1 mask = true) {
    if (mask) *reinterpret_cast<device T *>(address) = value;
}
