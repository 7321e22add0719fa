// Atomics in device memory: relaxed, one update per lane; masked lanes touch no memory and get 0. The uniform_ forms
// update once per simdgroup. Metal has them for 32-bit integers, and float additions; all else swaps whole words.

//: atomic_word
// Replaces the 32-bit word at an address by next(word); the old word.
template <class Next> METAL_FUNC uint atomic_word(ulong address, Next next) {
    device atomic_uint *word = reinterpret_cast<device atomic_uint *>(address);
    uint old = atomic_load_explicit(word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(word, &old, next(old), memory_order_relaxed, memory_order_relaxed)) {
    }
    return old;
}

//: atomic_half_word
// The same for 16 bits, in the word that holds them; the neighbour keeps its bits.
template <class Next> METAL_FUNC ushort atomic_half_word(ulong address, Next next) {
    device atomic_uint *word = reinterpret_cast<device atomic_uint *>(address & ~3ul);
    uint shift = uint(address & 2ul) * 8u;
    uint old = atomic_load_explicit(word, memory_order_relaxed);
    while (true) {
        uint changed = (old & ~(0xffffu << shift)) | (uint(next(ushort(old >> shift))) << shift);
        if (atomic_compare_exchange_weak_explicit(word, &old, changed, memory_order_relaxed, memory_order_relaxed))
            return ushort(old >> shift);
    }
}

//: atomic_byte_word
// The same for 8 bits.
template <class Next> METAL_FUNC uchar atomic_byte_word(ulong address, Next next) {
    device atomic_uint *word = reinterpret_cast<device atomic_uint *>(address & ~3ul);
    uint shift = uint(address & 3ul) * 8u;
    uint old = atomic_load_explicit(word, memory_order_relaxed);
    while (true) {
        uint changed = (old & ~(0xffu << shift)) | (uint(next(uchar(old >> shift))) << shift);
        if (atomic_compare_exchange_weak_explicit(word, &old, changed, memory_order_relaxed, memory_order_relaxed))
            return uchar(old >> shift);
    }
}

//: atomic_part
// The bits from an address on that its 32-bit word holds.
METAL_FUNC uint atomic_part(ulong address) {
    const device atomic_uint *word = reinterpret_cast<const device atomic_uint *>(address & ~3ul);
    return atomic_load_explicit(word, memory_order_relaxed) >> (uint(address & 3ul) * 8u);
}

//: AddBits
template <class T> struct AddBits {
    T value;
    METAL_FUNC ushort operator()(ushort old) { return as_type<ushort>(T(float(as_type<T>(old)) + float(value))); }
};

//: ReplaceBits
template <class B> struct ReplaceBits {
    B value;
    METAL_FUNC B operator()(B) { return value; }
};

//: CompareBits
template <class B> struct CompareBits {
    B expected, value;
    METAL_FUNC B operator()(B old) { return old == expected ? value : old; }
};

//: atomic_add
template <class I> METAL_FUNC int atomic_add(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_fetch_add_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}
template <class I> METAL_FUNC float atomic_add(device float *p, I offset, float value, b1 mask = true) {
    return mask ? atomic_fetch_add_explicit((device atomic_float *)(p + offset), value, memory_order_relaxed) : 0.0f;
}

//: atomic_add if f16
template <class I> METAL_FUNC half atomic_add(device half *p, I offset, half value, b1 mask = true) {
    return mask ? as_type<half>(atomic_half_word(address_of(p + offset), AddBits<half>{value})) : half(0);
}

//: atomic_add if bf16
template <class I> METAL_FUNC bfloat atomic_add(device bfloat *p, I offset, bfloat value, b1 mask = true) {
    return mask ? as_type<bfloat>(atomic_half_word(address_of(p + offset), AddBits<bfloat>{value})) : bfloat(0.0f);
}

//: atomic_and
template <class I> METAL_FUNC int atomic_and(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_fetch_and_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}

//: atomic_or
template <class I> METAL_FUNC int atomic_or(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_fetch_or_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}

//: atomic_xor
template <class I> METAL_FUNC int atomic_xor(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_fetch_xor_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}

//: atomic_max
template <class I> METAL_FUNC int atomic_max(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_fetch_max_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}

//: atomic_min
template <class I> METAL_FUNC int atomic_min(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_fetch_min_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}

//: atomic_umax
// Of the numbers as unsigned.
template <class I> METAL_FUNC int atomic_umax(device int *p, I offset, int value, b1 mask = true) {
    device atomic_uint *place = (device atomic_uint *)(p + offset);
    return mask ? int(atomic_fetch_max_explicit(place, uint(value), memory_order_relaxed)) : 0;
}

//: atomic_umin
// Of the numbers as unsigned.
template <class I> METAL_FUNC int atomic_umin(device int *p, I offset, int value, b1 mask = true) {
    device atomic_uint *place = (device atomic_uint *)(p + offset);
    return mask ? int(atomic_fetch_min_explicit(place, uint(value), memory_order_relaxed)) : 0;
}

//: atomic_exchange
template <class I> METAL_FUNC int atomic_exchange(device int *p, I offset, int value, b1 mask = true) {
    return mask ? atomic_exchange_explicit((device atomic_int *)(p + offset), value, memory_order_relaxed) : 0;
}
template <class I> METAL_FUNC float atomic_exchange(device float *p, I offset, float value, b1 mask = true) {
    return as_type<float>(atomic_exchange((device int *)p, offset, as_type<int>(value), mask));
}

//: atomic_exchange if f16
template <class I> METAL_FUNC half atomic_exchange(device half *p, I offset, half value, b1 mask = true) {
    ReplaceBits<ushort> replace{as_type<ushort>(value)};
    return mask ? as_type<half>(atomic_half_word(address_of(p + offset), replace)) : half(0);
}

//: atomic_exchange if bf16
template <class I> METAL_FUNC bfloat atomic_exchange(device bfloat *p, I offset, bfloat value, b1 mask = true) {
    ReplaceBits<ushort> replace{as_type<ushort>(value)};
    return mask ? as_type<bfloat>(atomic_half_word(address_of(p + offset), replace)) : bfloat(0.0f);
}

//: atomic_exchange if i16
template <class I> METAL_FUNC short atomic_exchange(device short *p, I offset, short value, b1 mask = true) {
    return mask ? short(atomic_half_word(address_of(p + offset), ReplaceBits<ushort>{ushort(value)})) : short(0);
}

//: atomic_exchange if i8
template <class I> METAL_FUNC char atomic_exchange(device char *p, I offset, char value, b1 mask = true) {
    return mask ? char(atomic_byte_word(address_of(p + offset), ReplaceBits<uchar>{uchar(value)})) : char(0);
}

//: atomic_load
template <class I> METAL_FUNC int atomic_load(const device int *p, I offset, b1 mask = true) {
    return mask ? atomic_load_explicit((const device atomic_int *)(p + offset), memory_order_relaxed) : 0;
}
template <class I> METAL_FUNC float atomic_load(const device float *p, I offset, b1 mask = true) {
    return as_type<float>(atomic_load((const device int *)p, offset, mask));
}

//: atomic_load if i8
template <class I> METAL_FUNC char atomic_load(const device char *p, I offset, b1 mask = true) {
    return mask ? char(atomic_part(address_of(p + offset))) : char(0);
}

//: atomic_load if i16
template <class I> METAL_FUNC short atomic_load(const device short *p, I offset, b1 mask = true) {
    return mask ? short(atomic_part(address_of(p + offset))) : short(0);
}

//: atomic_load if f16
template <class I> METAL_FUNC half atomic_load(const device half *p, I offset, b1 mask = true) {
    return mask ? as_type<half>(ushort(atomic_part(address_of(p + offset)))) : half(0);
}

//: atomic_load if bf16
template <class I> METAL_FUNC bfloat atomic_load(const device bfloat *p, I offset, b1 mask = true) {
    return mask ? as_type<bfloat>(ushort(atomic_part(address_of(p + offset)))) : bfloat(0.0f);
}

//: atomic_poll
// Waits until the number is the expected one.
template <class T, class I> METAL_FUNC T atomic_poll(const device T *p, I offset, T expected, b1 mask = true) {
    bool waits = mask;
    while (simd_any(waits)) waits = waits && atomic_load(p, offset, waits) != expected;
    return expected;
}

//: atomic_cas
// Stores `value` where the bits are those of `expected`; the old number.
template <class I> METAL_FUNC int atomic_cas(device int *p, I offset, int expected, int value, b1 mask = true) {
    CompareBits<uint> compare{uint(expected), uint(value)};
    return mask ? int(atomic_word(address_of(p + offset), compare)) : 0;
}
template <class I> METAL_FUNC float atomic_cas(device float *p, I offset, float expected, float value, b1 mask = true) {
    return as_type<float>(atomic_cas((device int *)p, offset, as_type<int>(expected), as_type<int>(value), mask));
}

//: atomic_cas if i16
template <class I> METAL_FUNC short atomic_cas(device short *p, I offset, short expected, short value, b1 mask = true) {
    CompareBits<ushort> compare{ushort(expected), ushort(value)};
    return mask ? short(atomic_half_word(address_of(p + offset), compare)) : short(0);
}

//: atomic_cas if f16
template <class I> METAL_FUNC half atomic_cas(device half *p, I offset, half expected, half value, b1 mask = true) {
    CompareBits<ushort> compare{as_type<ushort>(expected), as_type<ushort>(value)};
    return mask ? as_type<half>(atomic_half_word(address_of(p + offset), compare)) : half(0);
}

//: atomic_cas if bf16
template <class I>
METAL_FUNC bfloat atomic_cas(device bfloat *p, I offset, bfloat expected, bfloat value, b1 mask = true) {
    CompareBits<ushort> compare{as_type<ushort>(expected), as_type<ushort>(value)};
    return mask ? as_type<bfloat>(atomic_half_word(address_of(p + offset), compare)) : bfloat(0.0f);
}

//: uniform_atomic_add
template <class T, class I> METAL_FUNC T uniform_atomic_add(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_add(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_and
template <class T, class I> METAL_FUNC T uniform_atomic_and(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_and(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_or
template <class T, class I> METAL_FUNC T uniform_atomic_or(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_or(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_xor
template <class T, class I> METAL_FUNC T uniform_atomic_xor(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_xor(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_max
template <class T, class I> METAL_FUNC T uniform_atomic_max(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_max(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_min
template <class T, class I> METAL_FUNC T uniform_atomic_min(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_min(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_umax
template <class T, class I> METAL_FUNC T uniform_atomic_umax(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_umax(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_umin
template <class T, class I> METAL_FUNC T uniform_atomic_umin(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_umin(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_exchange
template <class T, class I> METAL_FUNC T uniform_atomic_exchange(device T *p, I offset, T value, bool mask = true) {
    return first(atomic_exchange(p, offset, value, mask && simd_is_first()));
}

//: uniform_atomic_cas
template <class T, class I>
METAL_FUNC T uniform_atomic_cas(device T *p, I offset, T expected, T value, bool mask = true) {
    return first(atomic_cas(p, offset, expected, value, mask && simd_is_first()));
}

//: uniform_atomic_load
template <class T, class I> METAL_FUNC T uniform_atomic_load(const device T *p, I offset, bool mask = true) {
    return first(atomic_load(p, offset, mask && simd_is_first()));
}

//: uniform_atomic_poll
template <class T, class I>
METAL_FUNC T uniform_atomic_poll(const device T *p, I offset, T expected, bool mask = true) {
    return atomic_poll(p, offset, expected, mask && simd_is_first());
}

//: load_coherent
// load, of memory that other programs change meanwhile.
template <class T, class I> METAL_FUNC T load_coherent(const device T *p, I offset, b1 mask = true, T other = T(0)) {
    return mask ? atomic_load(p, offset) : other;
}

//: load_coherent if i64
template <class I> METAL_FUNC long load_coherent(const device long *p, I offset, b1 mask = true, long other = 0) {
    const device int *word = (const device int *)(p + offset);
    return mask ? as_type<long>(uint2(uint(atomic_load(word, 0)), uint(atomic_load(word, 1)))) : other;
}

//: store_coherent
// store, to memory that other programs read meanwhile.
template <class T, class I, class V> METAL_FUNC void store_coherent(device T *p, I offset, V value, b1 mask = true) {
    if (mask) atomic_exchange(p, offset, T(value));
}
template <class I, class V> METAL_FUNC void store_coherent(device int *p, I offset, V value, b1 mask = true) {
    if (mask) atomic_store_explicit((device atomic_int *)(p + offset), int(value), memory_order_relaxed);
}
template <class I, class V> METAL_FUNC void store_coherent(device float *p, I offset, V value, b1 mask = true) {
    store_coherent((device int *)p, offset, as_type<int>(float(value)), mask);
}

//: store_coherent if i64
template <class I, class V> METAL_FUNC void store_coherent(device long *p, I offset, V value, b1 mask = true) {
    uint2 words = as_type<uint2>(long(value));
    store_coherent((device int *)(p + offset), 0, int(words.x), mask);
    store_coherent((device int *)(p + offset), 1, int(words.y), mask);
}

//: uniform_load_coherent
template <class T, class I>
METAL_FUNC T uniform_load_coherent(const device T *p, I offset, bool mask = true, T other = T(0)) {
    return first(load_coherent(p, offset, mask, other));
}

//: uniform_store_coherent
template <class T, class I, class V>
METAL_FUNC void uniform_store_coherent(device T *p, I offset, V value, bool mask = true) {
    store_coherent(p, offset, value, mask && simd_is_first());
}

//: device_fence
// Orders this thread's accesses of device memory before it and after it, as seen by the whole device.
METAL_FUNC void device_fence() {
#if __METAL_VERSION__ >= 320
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
#else
#error "atomics that acquire or release need Metal 3.2 (macOS 15); sem=\"relaxed\" runs everywhere"
#endif
}
