// What the sanitizer tells the host. Mirrored by sanitize.py (ctypes).
#pragma once
#include "abi.h"

namespace msl_cpu {

enum Fault : uint {
  fault_race = 1,
  fault_out_of_bounds = 2,
  fault_uninitialised = 3,
  fault_barrier = 4,      // threads of a threadgroup at different barriers, or one missing
  fault_misaligned = 5,
  fault_wild = 6,         // an address in no memory that the kernel may know; the launch is stopped
};

enum Space : uint { space_device = 0, space_threadgroup = 1, space_other = 2 };

constexpr uint stack_depth = 12;

// Who did what and where. `place`: addresses of code, innermost first, 0 after the last.
struct Party {
  ulong place[stack_depth];
  uint thread;            // index in its threadgroup
  uint threadgroup[3];
  uint access;            // AccessKind
  uint known;             // 0: there is no other party
};

struct Report {
  Party self, other;
  uint fault;
  uint space;
  uint buffer;            // index of the buffer, or number of the threadgroup variable; ~0u: none
  uint bytes;             // size of the access
  long offset;            // in bytes, from the start of the buffer, or of threadgroup memory
  ulong count;            // how often, at the same two places
  ulong differing;        // how often other than by two writes of one value
};

// One bound range of device memory, given by the host: the bytes are copied between guard gaps and back.
struct Binding {
  void *data;             // of the host
  ulong bytes;
  uint index;             // buffer index of the report
  uint writable;
  uint element;           // bytes of the smallest element that the kernel declares for it
  char *copy;             // set by msl_cpu_sanitizer_begin
};

}  // namespace msl_cpu
