// The kernel vocabulary for `fast` mode: a varying value is a vector with one element per lane of a simdgroup.
//
// The same names as plain MSL, where a varying value is one lane's, are in triton_alloy/msl/vocabulary.py. Include this
// after the scalar types (uchar ... ulong, half, bfloat) and msl_cpu/fast.h. Needs clang >= 17; freestanding; no build
// flag but -ffp-contract changes a result.
#pragma once

#ifndef __clang__
#error "fast mode needs clang (vector types of 32 elements)"
#endif

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpsabi"             // every function is inlined: no vector crosses a call
#pragma clang diagnostic ignored "-Wc++20-extensions"  // explicit(condition)
#pragma clang diagnostic ignored "-Wpragmas"
#pragma clang diagnostic ignored "-Wunknown-warning-option"

// Without lines of their own: a fault is reported at the line of the kernel.
#define LANES_LAMBDA __attribute__((always_inline, nodebug))
#define LANES_INLINE inline LANES_LAMBDA
#define UNROLL  // arrays of lanes are in memory; the compiler unrolls what is worth it

#include "crossing.h"
#include "pointers.h"
#include "math.h"
#include "doubles.h"
#include "matrix.h"
#include "atomic.h"
#include "log.h"
#include "wide_atomics.h"

#pragma clang diagnostic pop
