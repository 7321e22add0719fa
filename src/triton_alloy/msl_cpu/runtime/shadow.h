// The sanitizer's memory of accesses: for every 4 bytes the last write and a few reads, by byte where it must be.
#pragma once
#include "system.h"

namespace msl_cpu {

// One access. `group` is the linear threadgroup + 1, 0 = none. An epoch counts the barriers a thread has passed that
// order the memory in question; a stamp counts its simdgroup's meetings.
struct Record {
  uint group, epoch, stamp, place;
  unsigned short stack, thread;
  unsigned char atomic, several;  // several: other lanes of the simdgroup did the same at this stamp
};

// `read` and `other_read` come from different simdgroups; `foreign_read` from an earlier threadgroup.
struct Cell {
  Record write, read, other_read, foreign_read;
  uint split;  // 0, or number of the block of 4 cells that describes the bytes one by one
};

constexpr ulong granule = 4;

template <class T> T *map_array(ulong count) {
  void *address = mmap(nullptr, count * sizeof(T), protect_read_write, map_private_anonymous, -1, 0);
  return address == reinterpret_cast<void *>(-1) ? nullptr : static_cast<T *>(address);
}

// A range of memory that kernels may use, with its shadow. `initialised` is kept for threadgroup memory only.
struct Range {
  ulong start, end;          // the valid bytes
  ulong low, high;           // with the gaps round them
  uint space, index;
  Cell *cells;               // of the granules from `low` on
  unsigned char *initialised;
};

// Blocks of 4 cells for granules that were accessed in parts.
struct Blocks {
  Cell (*block)[granule];
  uint used, capacity;
};

}  // namespace msl_cpu
