// A worker's region: head, scheduler state, the threadgroup arena and stacks (see Worker in abi.h).
#pragma once
#include "system.h"

namespace msl_cpu {

constexpr ulong page = 4096;

inline void *map(ulong bytes) {
  void *address = mmap(nullptr, bytes, protect_read_write, map_private_anonymous, -1, 0);
  return address == reinterpret_cast<void *>(-1) ? nullptr : address;
}

inline Worker *new_region(uint stack_log2) {
  ulong bytes = 2ul * max_threads << stack_log2;
  char *raw = static_cast<char *>(map(2 * bytes));
  if (!raw) return nullptr;
  ulong start = ((ulong)raw + bytes - 1) & ~(bytes - 1), end = start + bytes;
  if (start != (ulong)raw) munmap(raw, start - (ulong)raw);
  if (end != (ulong)raw + 2 * bytes) munmap((void *)end, (ulong)raw + 2 * bytes - end);

  // What lies between is not there, so that neither a stack nor an access of the arena reaches what is below or above.
  ulong stacks = start + bytes / 2, arena = start + arena_offset;
  mprotect((void *)(start + head_bytes), stacks - start - head_bytes, protect_none);
  if (mprotect((void *)arena, arena_bytes, protect_read_write)) {
    munmap((void *)start, bytes);
    return nullptr;
  }
#ifdef __linux__
  madvise((void *)stacks, bytes / 2, advise_huge_pages);
#endif
  Worker *worker = reinterpret_cast<Worker *>(start);
  worker->arena = reinterpret_cast<char *>(arena);
  return worker;
}

}  // namespace msl_cpu
