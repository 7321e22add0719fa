// The log of a launch: records of the lanes in their order. See triton_alloy/msl/vocabulary/7_log.metal.
#pragma once
#include "memory.h"

namespace metal {
namespace lanes {

constexpr uint log_records = 32767;

inline void log_record(uint *device_log, uint message, uint3 program, uint element, ulong bits) {
  uint number = __atomic_fetch_add(device_log, 1u, __ATOMIC_RELAXED);
  if (number >= log_records) return;
  uint *record = device_log + 8 * (number + 1);
  const uint words[] = {message, program.x, program.y, program.z, element, uint(bits), uint(bits >> 32)};
  for (uint i = 0; i < 7; ++i) record[i] = words[i];
}

inline void log_failed(uint *device_log, uint message, uint3 program, uint element) {
  if (__atomic_fetch_add(device_log + 1, 1u, __ATOMIC_RELAXED) != 0) return;
  const uint words[] = {message, program.x, program.y, program.z, element};
  for (uint i = 0; i < 5; ++i) device_log[2 + i] = words[i];
}

template <class T> ulong log_bits(T value) {
  if constexpr (sizeof(T) == 1) return bit_cast<uchar>(value);
  else if constexpr (sizeof(T) == 2) return bit_cast<ushort>(value);
  else if constexpr (sizeof(T) == 4) return bit_cast<uint>(value);
  else return bit_cast<ulong>(value);
}

}  // namespace lanes

template <class T>
void log_values(uint *device_log, uint message, uint3 program, Lanes<int> element, Lanes<T> values, b1 mask = true) {
  auto cells = lanes::bit_cast<lanes::Array<lanes::Cell<T>>>(lanes::to_row(values));
#pragma clang loop unroll(disable)
  for (uint bits = lanes::mask_bits(mask); bits; bits &= bits - 1) {
    uint lane = __builtin_ctz(bits);
    ulong number = lanes::log_bits(cells.element[lane]);
    lanes::log_record(device_log, message, program, uint(element.v[lane]), number);
  }
}

template <class T> void log_value(uint *device_log, uint message, uint3 program, T value, bool mask = true) {
  if (mask) lanes::log_record(device_log, message, program, 0, lanes::log_bits(value));
}

inline void log_text(uint *device_log, uint message, uint3 program, bool mask = true) {
  if (mask) lanes::log_record(device_log, message, program, 0, 0);
}

inline void log_failures(uint *device_log, uint message, uint3 program, Lanes<int> element, b1 failed, b1 mask = true) {
  for (uint bits = lanes::mask_bits(failed & mask); bits; bits &= bits - 1)
    lanes::log_failed(device_log, message, program, uint(element.v[__builtin_ctz(bits)]));
}

inline void log_failure(uint *device_log, uint message, uint3 program, bool failed, bool mask = true) {
  if (failed && mask) lanes::log_failed(device_log, message, program, 0);
}

}  // namespace metal
