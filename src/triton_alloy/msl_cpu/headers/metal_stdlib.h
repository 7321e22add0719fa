// The Metal standard library on the CPU. One header whatever its name: <metal_math>, <metal_atomic>... mean this.
#pragma once
#define __METAL__ 1
#define __METAL_VERSION__ 320
#include "msl_cpu/scalars.h"
#include "msl_cpu/traits.h"
#include "msl_cpu/vec.h"
#ifdef MSL_FAST
#include "msl_cpu/fast.h"
#include "msl_cpu/bounds.h"
#include "lanes/lanes.h"
#include "msl_cpu/log.h"
#else
#include "msl_cpu/atomic.h"
#include "msl_cpu/common.h"
#include "msl_cpu/geometric.h"
#include "msl_cpu/integer.h"
#include "msl_cpu/limits.h"
#include "msl_cpu/log.h"
#include "msl_cpu/math.h"
#include "msl_cpu/matrix.h"
#include "msl_cpu/matrix_types.h"
#include "msl_cpu/packing.h"
#include "msl_cpu/simd.h"
#endif
