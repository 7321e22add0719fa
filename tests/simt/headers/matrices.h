// simdgroup_matrix: 8x8 numbers, two in a lane. MSL_PRODUCT says what the product of two is made of:
// 0 shuffles and fused multiply-adds in the order of k, exact and slow;
// 1 the tensor cores, with lanes renumbered (lanes.h); f32 as MSL_TF32 = 1 or 3 products of tf32;
// 2 one instruction with the registers that it has on an Apple GPU, for looking at machine code only.
namespace metal {
template <class T, int M, int N> struct simdgroup_matrix {
    T elements[2];
    simdgroup_matrix() = default;
    MSL_INLINE explicit simdgroup_matrix(T all) : elements{all, all} {}
    MSL_INLINE T (&thread_elements())[2] { return elements; }
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
template <class T, int M, int N> MSL_INLINE simdgroup_matrix<T, M, N> make_filled_simdgroup_matrix(T all) {
    return simdgroup_matrix<T, M, N>(all);
}

#if MSL_PRODUCT == 0
MSL_INLINE uint lane_of(uint row, uint column) {
    return (column >> 1 & 1) | (row & 3) << 1 | (column >> 2) << 3 | (row >> 2) << 4;
}
template <class A, class B> MSL_INLINE void product(float *d, const A *a, const B *b) {
    uint lane = this_lane(), row = (lane >> 1 & 3) | (lane >> 4) << 2;
    uint column = (lane & 1) << 1 | (lane >> 3 & 1) << 2;
    float x = d[0], y = d[1];
#pragma unroll
    for (uint k = 0; k < 8; ++k) {
        float left = float(simd_shuffle(a[k & 1], ushort(lane_of(row, k))));
        x = ::fmaf(left, float(simd_shuffle(b[0], ushort(lane_of(k, column)))), x);
        y = ::fmaf(left, float(simd_shuffle(b[1], ushort(lane_of(k, column)))), y);
    }
    d[0] = x;
    d[1] = y;
}
#elif MSL_PRODUCT == 1
template <class A, class B> MSL_INLINE void product(float *d, const A *a, const B *b) {
    A nothing[2] = {A(0), A(0)};
    float unused[2] = {0, 0};
    multiply_pair(d, unused, left_of<A>(a), left_of<A>(nothing), right_of<B>(b));
}
#else
template <class A, class B> MSL_INLINE void product(float *d, const A *a, const B *b) {
    static_assert(sizeof(A) == sizeof(B), "fragments of one type");
    uint left[sizeof(A) / 2], right[sizeof(B) / 2];
    memcpy(left, a, sizeof(left));
    memcpy(right, b, sizeof(right));
#pragma unroll
    for (uint i = 0; i < sizeof(A) / 2; ++i) machine::mma_footprint(d, left[i], right[i]);
}
#endif
template <class A, class B, class C>
MSL_INLINE void simdgroup_multiply_accumulate(simdgroup_matrix<C, 8, 8> &d, simdgroup_matrix<A, 8, 8> a,
                                              simdgroup_matrix<B, 8, 8> b, simdgroup_matrix<C, 8, 8> c) {
    float sum[2] = {float(c.elements[0]), float(c.elements[1])};
    product(sum, a.elements, b.elements);
    d.elements[0] = C(sum[0]);
    d.elements[1] = C(sum[1]);
}
template <class A, class B, class C>
MSL_INLINE void simdgroup_multiply(simdgroup_matrix<C, 8, 8> &d, simdgroup_matrix<A, 8, 8> a,
                                   simdgroup_matrix<B, 8, 8> b) {
    simdgroup_multiply_accumulate(d, a, b, simdgroup_matrix<C, 8, 8>(C(0)));
}
}  // namespace metal
