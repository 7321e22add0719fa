// A worker's region: head, scheduler state, stacks and the threadgroup arena (see Worker in abi.h).
#pragma once
#include "system.h"

namespace msl_cpu {

constexpr ulong page = 4096;
constexpr ulong largest_page = 65536;  // Linux on aarch64 may use 64 KiB pages, macOS uses 16 KiB

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

  constexpr ulong head = 1ul << 20;
  ulong stacks = start + bytes / 2;
  mprotect((void *)(start + head), stacks - start - head, protect_none);  // a stack overflow must not reach the head
#ifdef __linux__
  madvise((void *)stacks, bytes / 2, advise_huge_pages);
#endif
  char *arena = static_cast<char *>(map(arena_bytes + largest_page));
  if (!arena) {
    munmap((void *)start, bytes);
    return nullptr;
  }
  mprotect(arena + arena_bytes, largest_page, protect_none);
  Worker *worker = reinterpret_cast<Worker *>(start);
  worker->arena = arena;
  return worker;
}

}  // namespace msl_cpu
