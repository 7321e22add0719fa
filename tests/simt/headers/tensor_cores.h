// Products of fragments on tensor cores: two fragments of a below each other share an instruction. Part of matrices.h.
namespace metal {
MSL_INLINE uint packed(ushort x, ushort y) { return uint(x) | uint(y) << 16; }
// The operands in the registers of the instruction: a as it is, b transposed.
template <class T> struct left_of {
    uint word;
    MSL_INLINE left_of(const T *p) : word(packed(p[0].bits, p[1].bits)) {}
};
template <class T> struct right_of {
    uint word;
    MSL_INLINE right_of(const T *p) : word(machine::transposed(packed(p[0].bits, p[1].bits))) {}
};
template <> struct left_of<float> {
    uint large[2], small[2];
    MSL_INLINE left_of(const float *p) { split(p[0], p[1]); }
    MSL_INLINE void split(float x, float y) {
        large[0] = machine::to_tf32(x), large[1] = machine::to_tf32(y);
        if (MSL_TF32 == 1) return;
        small[0] = machine::to_tf32(x - as_type<float>(large[0]));
        small[1] = machine::to_tf32(y - as_type<float>(large[1]));
    }
};
template <> struct right_of<float> : left_of<float> {
    MSL_INLINE right_of(const float *p) : left_of<float>(p) {
        uint x = as_type<uint>(p[0]), y = as_type<uint>(p[1]);
        uint low = machine::transposed(machine::low_halves(x, y)), high = machine::transposed(machine::high_halves(x, y));
        split(as_type<float>(machine::low_halves(low, high)), as_type<float>(machine::high_halves(low, high)));
    }
};
MSL_INLINE void multiply_pair(float *d, float *below, left_of<half> a, left_of<half> a_below, right_of<half> b) {
    machine::mma_half(d, below, a.word, a_below.word, b.word);
}
MSL_INLINE void multiply_pair(float *d, float *below, left_of<bfloat> a, left_of<bfloat> a_below, right_of<bfloat> b) {
    machine::mma_bfloat(d, below, a.word, a_below.word, b.word);
}
MSL_INLINE void multiply_pair(float *d, float *below, left_of<float> a, left_of<float> a_below, right_of<float> b) {
    if (MSL_TF32 == 3) {
        machine::mma_tf32(d, below, a.small, a_below.small, b.large);
        machine::mma_tf32(d, below, a.large, a_below.large, b.small);
    }
    machine::mma_tf32(d, below, a.large, a_below.large, b.large);
}
// mma_8x8 of the kernel vocabulary, with the same arguments.
template <uint M, uint N, uint K, class A, class B> MSL_INLINE void paired_mma_8x8(float *c, const A *a, const B *b) {
#pragma unroll
    for (uint k = 0; k < K; ++k)
#pragma unroll
        for (uint n = 0; n < N; ++n) {
            right_of<B> right(b + (k * N + n) * 2);
#pragma unroll
            for (uint m = 0; m + 1 < M; m += 2)
                multiply_pair(c + (m * N + n) * 2, c + ((m + 1) * N + n) * 2, left_of<A>(a + (m * K + k) * 2),
                              left_of<A>(a + ((m + 1) * K + k) * 2), right);
            if (M % 2 == 1) {
                A nothing[2] = {A(0), A(0)};
                float unused[2] = {0, 0};
                multiply_pair(c + ((M - 1) * N + n) * 2, unused, left_of<A>(a + ((M - 1) * K + k) * 2),
                              left_of<A>(nothing), right);
            }
        }
}
}  // namespace metal
