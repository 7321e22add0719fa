// Atomics on 64-bit integers, of which Metal has minimum and maximum without a result. For all others a thread takes
// the lock that an address belongs to, in a table that all launches on a device share, changes both words and lets go.
// Lanes that find it taken try again: whoever has it lets go within the same trip, so none waits for a waiting one.

//: Add64
struct Add64 {
    static METAL_FUNC long next(long old, long value) { return long(ulong(old) + ulong(value)); }
};

//: And64
struct And64 {
    static METAL_FUNC long next(long old, long value) { return old & value; }
};

//: Or64
struct Or64 {
    static METAL_FUNC long next(long old, long value) { return old | value; }
};

//: Xor64
struct Xor64 {
    static METAL_FUNC long next(long old, long value) { return old ^ value; }
};

//: Max64
struct Max64 {
    static METAL_FUNC long next(long old, long value) { return old < value ? value : old; }
};

//: Min64
struct Min64 {
    static METAL_FUNC long next(long old, long value) { return value < old ? value : old; }
};

//: Umax64
struct Umax64 {
    static METAL_FUNC long next(long old, long value) { return ulong(old) < ulong(value) ? value : old; }
};

//: Umin64
struct Umin64 {
    static METAL_FUNC long next(long old, long value) { return ulong(value) < ulong(old) ? value : old; }
};

//: Exchange64
struct Exchange64 {
    static METAL_FUNC long next(long, long value) { return value; }
};

//: With64
template <class Kind> struct With64 {
    long value;
    METAL_FUNC long operator()(long old) { return Kind::next(old, value); }
};

//: Compare64
struct Compare64 {
    long expected, value;
    METAL_FUNC long operator()(long old) { return old == expected ? value : old; }
};

//: Keep64
struct Keep64 {
    METAL_FUNC long operator()(long old) { return old; }
};

//: locked_update
// Replaces the number at p by next(number), alone among all locked updates; the old number.
template <class Next> METAL_FUNC long locked_update(device uint *lock_table, device long *p, Next next, b1 mask) {
    uint number = (uint(address_of(p) >> 3) * 2654435769u) >> 20;
    device atomic_uint *lock = (device atomic_uint *)(lock_table + number);
    device atomic_uint *word = (device atomic_uint *)p;
    long old = 0;
    bool waits = mask;
    while (simd_any(waits)) {
        if (waits && atomic_exchange_explicit(lock, 1u, memory_order_relaxed) == 0u) {
            device_fence();
            uint low = atomic_load_explicit(word, memory_order_relaxed);
            uint high = atomic_load_explicit(word + 1, memory_order_relaxed);
            old = long(ulong(high) << 32 | ulong(low));
            ulong changed = ulong(next(old));
            atomic_store_explicit(word, uint(changed), memory_order_relaxed);
            atomic_store_explicit(word + 1, uint(changed >> 32), memory_order_relaxed);
            device_fence();
            atomic_store_explicit(lock, 0u, memory_order_relaxed);
            waits = false;
        }
    }
    return old;
}

//: locked_atomic
template <class Kind, class I>
METAL_FUNC long locked_atomic(device uint *lock_table, device long *p, I offset, long value, b1 mask = true) {
    return locked_update(lock_table, p + offset, With64<Kind>{value}, mask);
}

//: locked_cas
template <class I>
METAL_FUNC long locked_cas(device uint *lock_table, device long *p, I offset, long expected, long value,
                           b1 mask = true) {
    return locked_update(lock_table, p + offset, Compare64{expected, value}, mask);
}

//: locked_load
template <class I> METAL_FUNC long locked_load(device uint *lock_table, device long *p, I offset, b1 mask = true) {
    return locked_update(lock_table, p + offset, Keep64{}, mask);
}

//: locked_poll
template <class I>
METAL_FUNC long locked_poll(device uint *lock_table, device long *p, I offset, long expected, b1 mask = true) {
    bool waits = mask;
    while (simd_any(waits)) waits = waits && locked_load(lock_table, p, offset, waits) != expected;
    return expected;
}

//: uniform_locked_atomic
template <class Kind, class I>
METAL_FUNC long uniform_locked_atomic(device uint *lock_table, device long *p, I offset, long value, bool mask = true) {
    return first(locked_atomic<Kind>(lock_table, p, offset, value, mask && simd_is_first()));
}

//: uniform_locked_cas
template <class I>
METAL_FUNC long uniform_locked_cas(device uint *lock_table, device long *p, I offset, long expected, long value,
                        bool mask = true) {
    return first(locked_cas(lock_table, p, offset, expected, value, mask && simd_is_first()));
}

//: uniform_locked_load
template <class I>
METAL_FUNC long uniform_locked_load(device uint *lock_table, device long *p, I offset, bool mask = true) {
    return first(locked_load(lock_table, p, offset, mask && simd_is_first()));
}

//: uniform_locked_poll
template <class I>
METAL_FUNC long uniform_locked_poll(device uint *lock_table, device long *p, I offset, long expected,
                                    bool mask = true) {
    return locked_poll(lock_table, p, offset, expected, mask && simd_is_first());
}

//: wide_umax
// Metal's own, of the numbers as unsigned.
template <class I> METAL_FUNC void wide_umax(device long *p, I offset, long value, b1 mask = true) {
    if (mask) atomic_max_explicit((device atomic_ulong *)(p + offset), ulong(value), memory_order_relaxed);
}

//: wide_umin
template <class I> METAL_FUNC void wide_umin(device long *p, I offset, long value, b1 mask = true) {
    if (mask) atomic_min_explicit((device atomic_ulong *)(p + offset), ulong(value), memory_order_relaxed);
}

//: uniform_wide_umax
template <class I> METAL_FUNC void uniform_wide_umax(device long *p, I offset, long value, bool mask = true) {
    wide_umax(p, offset, value, mask && simd_is_first());
}

//: uniform_wide_umin
template <class I> METAL_FUNC void uniform_wide_umin(device long *p, I offset, long value, bool mask = true) {
    wide_umin(p, offset, value, mask && simd_is_first());
}
