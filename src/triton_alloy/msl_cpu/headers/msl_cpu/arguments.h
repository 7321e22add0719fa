// Bind a kernel's parameters: their *kinds* come from the attributes in the text, their *types* from the compiler.
#pragma once
#include "context_switch.h"
#include "sanitize.h"
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
  thread_execution_width = threads_per_simdgroup,  // older names
  grid_size = threads_per_grid,
};

template <Kind kind, uint index> struct Parameter {};

// What the host checks before a launch. Mirrored by launch/plan.py (ctypes).
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

// Where the current threadgroup stands. Read once into a local value: what is not used costs nothing.
struct Geometry {
  Triple threadgroup, size;  // its position and its size, smaller at the edges
  Triple full;               // the dispatched size; it places the first thread of every threadgroup
  Triple threadgroups, threads;
  uint thread_count, simdgroups;
};

MSL_INLINE Geometry geometry_of(Worker *worker) {
  Launch *launch = worker->launch;
  return {triple(worker->threadgroup),
          triple(worker->threads_per_threadgroup),
          triple(launch->plan->threads_per_threadgroup),
          triple(launch->threadgroups),
          triple(launch->threads),
          worker->threads,
          worker->simdgroups};
}

MSL_INLINE uint volume(Triple t) { return t.x * t.y * t.z; }
MSL_INLINE uint groups_of(uint width, uint count) { return (count + width - 1) / width; }

template <Kind kind> MSL_INLINE Triple built_in(const Geometry &g, const ThreadPosition &thread) {
  if constexpr (kind == thread_position_in_grid)
    return {g.threadgroup.x * g.full.x + thread.x, g.threadgroup.y * g.full.y + thread.y,
            g.threadgroup.z * g.full.z + thread.z};
  else if constexpr (kind == threads_per_grid) return g.threads;
  else if constexpr (kind == thread_position_in_threadgroup) return {thread.x, thread.y, thread.z};
  else if constexpr (kind == threads_per_threadgroup) return g.size;
  else if constexpr (kind == dispatch_threads_per_threadgroup) return g.full;
  else if constexpr (kind == threadgroup_position_in_grid) return g.threadgroup;
  else if constexpr (kind == threadgroups_per_grid) return g.threadgroups;
  else if constexpr (kind == thread_index_in_threadgroup) return {thread.index, 0, 0};
  else if constexpr (kind == thread_index_in_simdgroup) return {thread.index % simd_width, 0, 0};
  else if constexpr (kind == simdgroup_index_in_threadgroup) return {thread.index / simd_width, 0, 0};
  else if constexpr (kind == simdgroups_per_threadgroup) return {g.simdgroups, 0, 0};
  else if constexpr (kind == dispatch_simdgroups_per_threadgroup) return {groups_of(simd_width, volume(g.full)), 0, 0};
  else if constexpr (kind == threads_per_simdgroup) return {simd_width, 0, 0};
  else if constexpr (kind == thread_index_in_quadgroup) return {thread.index % 4, 0, 0};
  else if constexpr (kind == quadgroup_index_in_threadgroup) return {thread.index / 4, 0, 0};
  else if constexpr (kind == quadgroups_per_threadgroup) return {groups_of(4, g.thread_count), 0, 0};
  else if constexpr (kind == dispatch_quadgroups_per_threadgroup) return {groups_of(4, volume(g.full)), 0, 0};
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

template <class T, Kind kind> MSL_INLINE T varying_built_in(const ThreadPosition &thread) {
  static_assert(kind == thread_index_in_simdgroup || kind == thread_index_in_threadgroup,
                "only an index in the simdgroup or in the threadgroup may be a 32-lane parameter");
  Lanes lanes;
  uint first = kind == thread_index_in_simdgroup ? 0 : thread.index;
  for (uint lane = 0; lane < simd_width; ++lane) lanes.value[lane] = first + lane;
  T result;
  __builtin_memcpy(&result, &lanes, sizeof result);
  return result;
}

constexpr bool differs_by_lane(Kind kind) {
  return kind == thread_position_in_grid || kind == thread_position_in_threadgroup ||
         kind == thread_index_in_threadgroup || kind == thread_index_in_simdgroup ||
         kind == thread_index_in_quadgroup || kind == quadgroup_index_in_threadgroup;
}

// A text of fast mode without the vocabulary's marks. With them it was written for 32 lanes at once, whatever it names.
#ifdef MSL_FOREIGN
constexpr bool is_foreign = true;
#else
constexpr bool is_foreign = false;
#endif

// The value of a parameter: buffers are the same for all threads of a launch, built-ins differ.
template <class P, Kind kind, uint index> struct Argument {
  MSL_INLINE explicit Argument(Worker *) {}
  MSL_INLINE P get(const Geometry &geometry, const ThreadPosition &thread) const {
    static_assert(is_varying<P> || !is_foreign || !differs_by_lane(kind),
                  "a kernel of fast mode takes what differs by lane as 32 lanes; run other texts in reference mode");
    if constexpr (is_varying<P>) return varying_built_in<P, kind>(thread);
    else return FromTriple<P>::of(built_in<kind>(geometry, thread));
  }
};

template <class T, Kind kind, uint index> MSL_INLINE T *address(Worker *worker) {
  if constexpr (kind == threadgroup_buffer) return reinterpret_cast<T *>(worker->arena + worker->dynamic_offset[index]);
  else return reinterpret_cast<T *>(worker->launch->buffers[index]);
}

template <class T, Kind kind, uint index> struct Argument<T *, kind, index> {
  T *pointer;
  MSL_INLINE explicit Argument(Worker *worker) : pointer(address<T, kind, index>(worker)) {}
  MSL_INLINE T *get(const Geometry &, const ThreadPosition &) const { return pointer; }
};

template <class T, Kind kind, uint index> struct Argument<T &, kind, index> {
  T &value;
  MSL_INLINE explicit Argument(Worker *worker) : value(*address<T, kind, index>(worker)) {}
  MSL_INLINE T &get(const Geometry &, const ThreadPosition &) const { return value; }
};

// In a loop over threads a `constant T &` is copied first (the language makes it read-only): a store through another
// pointer could otherwise change it, and the loop would not become vector code.
template <class P, Kind kind, uint index> struct LoopArgument : Argument<P, kind, index> {
  using Argument<P, kind, index>::Argument;
};
template <class T, Kind kind, uint index> struct LoopArgument<const T &, kind, index> {
  T value;
  MSL_INLINE explicit LoopArgument(Worker *worker) : value(*address<const T, kind, index>(worker)) {}
  MSL_INLINE const T &get(const Geometry &, const ThreadPosition &) const { return value; }
};

template <auto function, class... Arguments>
MSL_INLINE void run_threads(const Geometry geometry, const Arguments... arguments) {
  Triple size = geometry.size;
  if (size.x > max_threads) __builtin_unreachable();  // index arithmetic below does not wrap
  for (uint z = 0; z < size.z; ++z)
    for (uint y = 0; y < size.y; ++y) {
#ifdef __clang__
#pragma clang loop vectorize(assume_safety) interleave(enable)
#else
#pragma GCC ivdep
#endif
      for (uint x = 0; x < size.x; ++x) {
        ThreadPosition thread = {x + size.x * (y + size.y * z), x, y, z};
        function(arguments.get(geometry, thread)...);
      }
    }
}

// The kernel's signature with the kind of each parameter.
template <class Function, class... Parameters> struct Signature;
template <class... P, Kind... kind, uint... index> struct Signature<void (*)(P...), Parameter<kind, index>...> {
  static constexpr uint count = sizeof...(P);
  template <auto function> static MSL_INLINE void call(Worker *worker, const ThreadPosition &thread) {
    Geometry geometry = geometry_of(worker);
    function(Argument<P, kind, index>(worker).get(geometry, thread)...);
  }
  // For each thread of a threadgroup, in any order: the kernel has no collective operation.
  template <auto function> static MSL_INLINE void call_all(Worker *worker) {
    run_threads<function>(geometry_of(worker), LoopArgument<P, kind, index>(worker)...);
  }
  struct Table {
    ParameterInfo rows[count + 1];
  };
  static constexpr Table table() { return {{Pointee<P>::info(kind, index)..., {~0u, 0, 0, 0, 0, 0}}}; }
};

// Static threadgroup memory: each variable that is compiled gets a place of its own in the arena, whatever scope it is
// in, when the library is loaded. By a constructor and not a variable's initialiser, which would be instrumented.
template <auto function> struct ThreadgroupMemory {
  static uint bytes;
};
template <auto function> uint ThreadgroupMemory<function>::bytes = 0;
template <auto function, uint number> struct ThreadgroupPlace {
  static uint offset;
};
template <auto function, uint number> uint ThreadgroupPlace<function, number>::offset = 0;

template <auto function, uint number, class T>
__attribute__((constructor, noinline)) MSL_UNINSTRUMENTED MSL_UNWATCHED void place_threadgroup_variable() {
  constexpr uint alignment = alignof(T) > 16 ? alignof(T) : 16;
  uint &end = ThreadgroupMemory<function>::bytes;
  uint start = (end + alignment - 1) / alignment * alignment;
  ThreadgroupPlace<function, number>::offset = start;
  // Sizes beyond what any launch allows do not wrap.
  end = sizeof(T) > arena_bytes ? 2 * arena_bytes : start + (uint)((sizeof(T) + 15) / 16 * 16);
}

template <auto function, uint number, class T> MSL_INLINE T &threadgroup_variable() {
  (void)&place_threadgroup_variable<function, number, T>;  // to be named here is what makes it run
  uint offset = ThreadgroupPlace<function, number>::offset;
#ifdef MSL_SANITIZE
  return *reinterpret_cast<T *>(msl_cpu_sanitizer_place(current_worker(), offset, sizeof(T)));
#else
  return *reinterpret_cast<T *>(current_worker()->arena + offset);
#endif
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
