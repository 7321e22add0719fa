// Dots of a simdgroup: 8x8 fragments, and rows of 32 columns.

//: mma_8x8
// c += a b on MxK and KxN fragments of 8x8, of which a lane holds 2 elements where the matrix unit wants them.
template <uint M, uint N, uint K, class A, class B>
METAL_FUNC void mma_8x8(thread float *c, const thread A *a, const thread B *b) {
    UNROLL for (uint k = 0; k < K; ++k)
        UNROLL for (uint m = 0; m < M; ++m)
            UNROLL for (uint n = 0; n < N; ++n) {
                simdgroup_matrix<A, 8, 8> left;
                simdgroup_matrix<B, 8, 8> right;
                simdgroup_matrix<float, 8, 8> sum;
                UNROLL for (uint i = 0; i < 2; ++i) {
                    left.thread_elements()[i] = a[(m * K + k) * 2 + i];
                    right.thread_elements()[i] = b[(k * N + n) * 2 + i];
                    sum.thread_elements()[i] = c[(m * N + n) * 2 + i];
                }
                simdgroup_multiply_accumulate(sum, left, right, sum);
                UNROLL for (uint i = 0; i < 2; ++i) c[(m * N + n) * 2 + i] = sum.thread_elements()[i];
            }
}

//: mma_rows
// c += a b: a lane holds one of 32 columns of c and b, and of a's K; M rows, N groups of 32 columns.
template <uint M, uint N, uint K, class C, class A, class B>
METAL_FUNC void mma_rows(thread C *c, const thread A *a, const thread B *b) {
    for (uint m = 0; m < M; ++m)
        for (uint k = 0; k < K; ++k) {
            C x = C(broadcast(a[m * ((K + 31) / 32) + k / 32], k % 32));
            for (uint n = 0; n < N; ++n) c[m * N + n] += x * C(b[k * N + n]);
        }
}
