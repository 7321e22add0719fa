// The latest Stops: what msl_cpu_dispatch's callers find more about a failure in.
#pragma once
#include "msl_cpu/abi.h"

namespace msl_cpu {

// Failures are few, and looked up as soon as the launch has returned.
constexpr uint kept_stops = 256, stop_number_shift = 8;

struct Stops {
  Stop kept[kept_stops];
  uint count;

  // The launch's result: the failure, and above it the number of its Stop, which counts from 1.
  uint keep(const Stop &stop) {
    uint index = count++ % kept_stops;
    kept[index] = stop;
    return stop.failure | (index + 1) << stop_number_shift;
  }
};

}  // namespace msl_cpu
