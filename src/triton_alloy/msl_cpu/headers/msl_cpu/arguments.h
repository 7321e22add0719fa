// Bind a kernel's parameters: their *kinds* come from the attributes in the text, their *types* from the compiler.
#pragma once
#include "context_switch.h"
#include "vec.h"

namespace msl_cpu {

using metal::vec;

enum Kind : uint {
  buffer,
  threadgroup_buffer,
  thread_position_in_grid,
  threads_per_grid,
  thread_position_in_threadgroup,
  threads_per_threadgroup,
  dispatch_threads_per_threadgroup,
  threadgroup_position_in_grid,
  threadgroups_per_grid,
  thread_index_in_threadgroup,
  thread_index_in_simdgroup,
  simdgroup_index_in_threadgroup,
  simdgroups_per_threadgroup,
  dispatch_simdgroups_per_threadgroup,
  threads_per_simdgroup,
  thread_index_in_quadgroup,
  quadgroup_index_in_threadgroup,
  quadgroups_per_threadgroup,
  dispatch_quadgroups_per_threadgroup,
  grid_origin,
};

template <Kind kind, uint index> struct Parameter {};

// What the host checks before a launch. Mirrored by plan.py (ctypes).
struct ParameterInfo {
  uint kind, index;
  uint bytes;      // of the value behind a reference, or of one element behind a pointer
  uint alignment;
  uint reference;  // 1: `bytes` must be there; 0: a pointer
  uint writable;
};

template <class P> struct Pointee {
  static constexpr ParameterInfo info(uint kind, uint index) { return {kind, index, sizeof(P), alignof(P), 0, 0}; }
};
template <class T> struct TypeOf { static constexpr uint bytes = sizeof(T), alignment = alignof(T); };
template <> struct TypeOf<void> { static constexpr uint bytes = 1, alignment = 1; };
template <> struct TypeOf<const void> : TypeOf<void> {};
template <class T> struct Pointee<T *> {
  static constexpr ParameterInfo info(uint kind, uint index) {
    return {kind, index, TypeOf<T>::bytes, TypeOf<T>::alignment, 0, !metal::is_const_v<T>};
  }
};
template <class T> struct Pointee<T &> {
  static constexpr ParameterInfo info(uint kind, uint index) {
    return {kind, index, sizeof(T), alignof(T), 1, !metal::is_const_v<T>};
  }
};

// Where the current thread stands in its threadgroup; everything else is the worker's.
struct ThreadPosition {
  uint index;      // in the threadgroup
  uint x, y, z;
};

struct Triple {
  uint x, y, z;
};

MSL_INLINE Triple triple(Word4 v) { return {v[0], v[1], v[2]}; }
MSL_INLINE Triple triple(const uint *v) { return {v[0], v[1], v[2]}; }

// All threadgroups but those at an edge have the dispatched size, which places a threadgroup's first thread.
MSL_INLINE Triple thread_in_grid(Worker *worker, const ThreadPosition &thread) {
  Word4 group = worker->threadgroup;
  const uint *size = worker->launch->plan->threads_per_threadgroup;
  return {group[0] * size[0] + thread.x, group[1] * size[1] + thread.y, group[2] * size[2] + thread.z};
}

MSL_INLINE uint product(const uint *v) { return v[0] * v[1] * v[2]; }

template <Kind kind> MSL_INLINE Triple built_in(Worker *worker, const ThreadPosition &thread) {
  Launch *launch = worker->launch;
  const uint *full = launch->plan->threads_per_threadgroup;
  if constexpr (kind == thread_position_in_grid) return thread_in_grid(worker, thread);
  else if constexpr (kind == threads_per_grid) return triple(launch->threads);
  else if constexpr (kind == thread_position_in_threadgroup) return {thread.x, thread.y, thread.z};
  else if constexpr (kind == threads_per_threadgroup) return triple(worker->threads_per_threadgroup);
  else if constexpr (kind == dispatch_threads_per_threadgroup) return triple(full);
  else if constexpr (kind == threadgroup_position_in_grid) return triple(worker->threadgroup);
  else if constexpr (kind == threadgroups_per_grid) return triple(launch->threadgroups);
  else if constexpr (kind == thread_index_in_threadgroup) return {thread.index, 0, 0};
  else if constexpr (kind == thread_index_in_simdgroup) return {thread.index % simd_width, 0, 0};
  else if constexpr (kind == simdgroup_index_in_threadgroup) return {thread.index / simd_width, 0, 0};
  else if constexpr (kind == simdgroups_per_threadgroup) return {worker->simdgroups, 0, 0};
  else if constexpr (kind == dispatch_simdgroups_per_threadgroup)
    return {(product(full) + simd_width - 1) / simd_width, 0, 0};
  else if constexpr (kind == threads_per_simdgroup) return {simd_width, 0, 0};
  else if constexpr (kind == thread_index_in_quadgroup) return {thread.index % 4, 0, 0};
  else if constexpr (kind == quadgroup_index_in_threadgroup) return {thread.index / 4, 0, 0};
  else if constexpr (kind == quadgroups_per_threadgroup) return {(worker->threads + 3) / 4, 0, 0};
  else if constexpr (kind == dispatch_quadgroups_per_threadgroup) return {(product(full) + 3) / 4, 0, 0};
  else return {0, 0, 0};
}

template <class T> struct FromTriple {
  static MSL_INLINE T of(Triple v) { return (T)v.x; }
};
template <class T> struct FromTriple<vec<T, 2>> {
  static MSL_INLINE vec<T, 2> of(Triple v) { return vec<T, 2>((T)v.x, (T)v.y); }
};
template <class T> struct FromTriple<vec<T, 3>> {
  static MSL_INLINE vec<T, 3> of(Triple v) { return vec<T, 3>((T)v.x, (T)v.y, (T)v.z); }
};

// Fast mode calls a kernel once per simdgroup: a 32-lane parameter gets one value per lane.
struct alignas(64) Lanes {
  uint value[simd_width];
};

template <class T> constexpr bool is_varying = sizeof(T) == sizeof(Lanes) && !metal::is_pointer_v<T>;

template <class T, Kind kind> MSL_INLINE T varying_built_in(Worker *worker, const ThreadPosition &thread) {
  static_assert(kind == thread_index_in_simdgroup || kind == thread_index_in_threadgroup,
                "only an index in the simdgroup or in the threadgroup may be a 32-lane parameter");
  Lanes lanes;
  uint first = kind == thread_index_in_simdgroup ? 0 : thread.index;
  for (uint lane = 0; lane < simd_width; ++lane) lanes.value[lane] = first + lane;
  T result;
  __builtin_memcpy(&result, &lanes, sizeof result);
  return result;
}

template <class P, Kind kind, uint index> struct Argument {
  static MSL_INLINE P get(Worker *worker, const ThreadPosition &thread) {
    if constexpr (is_varying<P>) return varying_built_in<P, kind>(worker, thread);
    else return FromTriple<P>::of(built_in<kind>(worker, thread));
  }
};
template <class T, uint index> struct Argument<T *, buffer, index> {
  static MSL_INLINE T *get(Worker *worker, const ThreadPosition &) {
    return reinterpret_cast<T *>(worker->launch->buffers[index]);
  }
};
template <class T, uint index> struct Argument<T &, buffer, index> {
  static MSL_INLINE T &get(Worker *worker, const ThreadPosition &) {
    return *reinterpret_cast<T *>(worker->launch->buffers[index]);
  }
};
template <class T, uint index> struct Argument<T *, threadgroup_buffer, index> {
  static MSL_INLINE T *get(Worker *worker, const ThreadPosition &) {
    return reinterpret_cast<T *>(worker->arena + worker->dynamic_offset[index]);
  }
};
template <class T, uint index> struct Argument<T &, threadgroup_buffer, index> {
  static MSL_INLINE T &get(Worker *worker, const ThreadPosition &thread) {
    return *Argument<T *, threadgroup_buffer, index>::get(worker, thread);
  }
};

// The kernel's signature with the kind of each parameter.
template <class Function, class... Parameters> struct Signature;
template <class... P, Kind... kind, uint... index> struct Signature<void (*)(P...), Parameter<kind, index>...> {
  static constexpr uint count = sizeof...(P);
  template <auto function> static MSL_INLINE void call(Worker *worker, const ThreadPosition &thread) {
    function(Argument<P, kind, index>::get(worker, thread)...);
  }
  struct Table {
    ParameterInfo rows[count + 1];
  };
  static constexpr Table table() { return {{Pointee<P>::info(kind, index)..., {~0u, 0, 0, 0, 0, 0}}}; }
};

// Static threadgroup memory: each declaration takes the next aligned piece of the arena. The offset is a local
// constant of the kernel, so it folds away.
template <class T> MSL_INLINE T &threadgroup_variable(uint &offset) {
  constexpr uint alignment = alignof(T) > 16 ? alignof(T) : 16;
  offset = (offset + alignment - 1) / alignment * alignment;
  char *place = current_worker()->arena + offset;
  offset += sizeof(T);
  if (offset > arena_bytes) fail(failure_threadgroup_memory);
  return *reinterpret_cast<T *>(place);
}

// Advance to the given threadgroup and note its size.
MSL_INLINE void enter_threadgroup(Worker *worker, ulong linear) {
  Launch *launch = worker->launch;
  const uint *grid = launch->threadgroups;
  uint x = (uint)linear, y = 0, z = 0;
  if (grid[1] != 1 || grid[2] != 1) {
    ulong rows = linear / grid[0];
    x = (uint)(linear - rows * grid[0]);
    z = (uint)(rows / grid[1]);
    y = (uint)(rows - (ulong)z * grid[1]);
  }
  worker->threadgroup = Word4{x, y, z, 0};
}

}  // namespace msl_cpu
