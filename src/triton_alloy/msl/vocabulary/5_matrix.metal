// Dots of a simdgroup: 8x8 fragments, and rows of 32 columns.

//: mma_8x8
// c += a b on MxK and KxN fragments of 8x8, of which a lane holds 2 elements where the matrix unit wants them.
template <uint M, uint N, uint K, class A, class B>
METAL_FUNC void mma_8x8(thread float *c, const thread A *a, const thread B *b) {
    UNROLL for (uint m = 0; m < M; ++m)
        UNROLL for (uint n = 0; n < N; ++n) {
            simdgroup_matrix<float, 8, 8> sum;
            sum.thread_elements()[0] = c[(m * N + n) * 2];
            sum.thread_elements()[1] = c[(m * N + n) * 2 + 1];
            UNROLL for (uint k = 0; k < K; ++k) {
                simdgroup_matrix<A, 8, 8> left;
                simdgroup_matrix<B, 8, 8> right;
                left.thread_elements()[0] = a[(m * K + k) * 2];
                left.thread_elements()[1] = a[(m * K + k) * 2 + 1];
                right.thread_elements()[0] = b[(k * N + n) * 2];
                right.thread_elements()[1] = b[(k * N + n) * 2 + 1];
                simdgroup_multiply_accumulate(sum, left, right, sum);
            }
            c[(m * N + n) * 2] = sum.thread_elements()[0];
            c[(m * N + n) * 2 + 1] = sum.thread_elements()[1];
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
