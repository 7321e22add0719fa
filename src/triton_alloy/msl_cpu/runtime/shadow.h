// The sanitizer's memory of accesses: for every 4 bytes the last write and a few reads, by byte where it must be.
#pragma once
#include "msl_cpu/sanitize_report.h"
#include "system.h"

namespace msl_cpu {

// One access. `group` is the linear threadgroup + 1, 0 = none. An epoch counts the barriers a thread has passed that
// order the memory in question; a stamp counts its simdgroup's meetings.
struct Record {
  uint group, epoch, stamp, place;
  unsigned short stack, thread;
  unsigned char atomic, several;  // several: other lanes of the simdgroup did the same at this stamp
  unsigned short fences;          // release fences that the thread had passed
};

// `read` and `other_read` come from different simdgroups; `foreign_read` from an earlier threadgroup.
struct Cell {
  Record write, read, other_read, foreign_read;
  uint split;  // 0, or number of the block of 4 cells that describes the bytes one by one
};

constexpr ulong granule = 4;
constexpr ulong gap_bytes = 64ul << 20;
// The arena of sanitize mode: dynamic arrays as always, static variables spread out so that gaps lie between them.
constexpr ulong static_start = 2 * arena_bytes, spread = 2;
constexpr ulong sanitizer_arena_bytes = static_start + spread * arena_bytes + 4096;

template <class T> T *map_array(ulong count) {
  void *address = mmap(nullptr, count * sizeof(T), protect_read_write, map_private_anonymous, -1, 0);
  return address == reinterpret_cast<void *>(-1) ? nullptr : static_cast<T *>(address);
}

// A range of memory that kernels may use, with its shadow. `initialised` is kept for threadgroup memory only.
struct Range {
  ulong start, end;          // the valid bytes
  ulong low, high;           // with the gaps round them
  uint space, index;
  uint element;              // bytes of the smallest, of device memory
  Cell *cells;               // of the granules from that of `start` on; nullptr: in pages, see Pages
  unsigned char *initialised;
};

// Copy the host's bytes between two gaps.
inline bool bind(Range &range, Binding &binding) {
  ulong skew = (ulong)binding.data & 4095, total = 2 * gap_bytes + 4096 + binding.bytes;
  range.low = (ulong)map_array<char>(total);
  range.cells = map_array<Cell>(binding.bytes / granule + 2);
  if (!range.low || !range.cells) return false;
  range.high = range.low + total;
  range.start = range.low + gap_bytes + skew;
  range.end = range.start + binding.bytes;
  range.space = space_device;
  range.index = binding.index;
  range.element = binding.element;
  binding.copy = (char *)range.start;
  __builtin_memcpy(binding.copy, binding.data, binding.bytes);
  return true;
}

inline bool make_arena(Range &arena) {
  arena.low = arena.start = (ulong)map_array<char>(sanitizer_arena_bytes);
  arena.high = arena.end = arena.low + sanitizer_arena_bytes;
  arena.space = space_threadgroup;
  arena.cells = map_array<Cell>(sanitizer_arena_bytes / granule + 2);
  arena.initialised = map_array<unsigned char>(sanitizer_arena_bytes);
  return arena.low && arena.cells && arena.initialised;
}

inline void unmap(Range &range) {
  if (range.low) munmap((void *)range.low, range.high - range.low);
  if (range.cells) munmap(range.cells, ((range.end - range.start) / granule + 2) * sizeof(Cell));
  if (range.initialised) munmap(range.initialised, range.high - range.low);
}

// Shadow of memory whose extent nobody told: by page, found by hashing.
struct Pages {
  static constexpr ulong page_bytes = 4096, most = 1ul << 16, cells_per_page = page_bytes / granule;
  ulong *keys;  // address / page_bytes, 0: free
  Cell *cells;

  // Of the granule at `address`; nullptr when there is no room for another page.
  Cell *find(ulong address) {
    ulong key = address / page_bytes, slot = key * 0x9E3779B97F4A7C15ul >> 48;
    for (ulong tries = 0; tries < most; ++tries, slot = (slot + 1) % most) {
      if (!keys[slot]) keys[slot] = key;
      if (keys[slot] == key) return &cells[slot * cells_per_page + address % page_bytes / granule];
    }
    return nullptr;
  }
};

// The call stacks of threads: chains of calls, each stored once, so that a number stands for a stack.
struct Calls {
  static constexpr uint most = 1u << 15;
  struct Node {
    ulong call;
    uint parent, next;  // next: in the chain of its hash
  };
  Node *node;  // number 0: no call
  uint *first, count;

  bool map() {
    node = map_array<Node>(most);
    first = map_array<uint>(most);
    count = 1;
    return node && first;
  }
  void unmap() {
    if (node) munmap(node, most * sizeof(Node));
    if (first) munmap(first, most * sizeof(uint));
  }
  // The stack of `parent` with one more call; `parent` itself when there is no room.
  uint enter(uint parent, ulong call) {
    uint &head = first[(call * 0x9E3779B97F4A7C15ul + parent * 0x85EBCA6Bul) >> 40 & (most - 1)];
    for (uint i = head; i; i = node[i].next)
      if (node[i].call == call && node[i].parent == parent) return i;
    if (count == most) return parent;
    node[count] = {call, parent, head};
    return head = count++;
  }
};

// Blocks of 4 cells for granules that were accessed in parts.
struct Blocks {
  Cell (*block)[granule];
  uint used, capacity;
};

}  // namespace msl_cpu
