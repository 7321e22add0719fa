// The Metal standard library on the CPU. One header whatever its name: <metal_math>, <metal_atomic>... include this.
#pragma once
#include "msl_cpu/scalars.h"
#include "msl_cpu/traits.h"
#include "msl_cpu/vec.h"
#ifdef MSL_FAST
#include "msl_cpu/fast.h"
#else
#include "msl_cpu/reference.h"
#endif
