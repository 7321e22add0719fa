// What the runtime (runtime/pool.cpp) and every compiled kernel agree on. Freestanding: includes nothing of the system.
#pragma once

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

// Without lines of its own, an inlined function counts as the line that calls it: faults are reported there.
#ifdef __clang__
#define MSL_INLINE inline __attribute__((always_inline, nodebug))
#else
#define MSL_INLINE inline __attribute__((always_inline))
#endif
#ifdef MSL_SANITIZE
#define MSL_UNINSTRUMENTED __attribute__((no_sanitize("thread"), disable_sanitizer_instrumentation))
#else
#define MSL_UNINSTRUMENTED
#endif

namespace msl_cpu {

// Part of every cache key through the text of this file; the runtime refuses a plan of another version.
constexpr uint abi_version = 6;

// What Metal allows. Mirrored by limits.py.
constexpr uint simd_width = 32;
constexpr uint max_threads = 1024;
constexpr uint max_simdgroups = max_threads / simd_width;
constexpr uint max_buffers = 31;
constexpr uint arena_bytes = 32768;

enum Failure : uint {
  failure_none = 0,
  failure_deadline = 2,            // the launch ran longer than Plan::deadline says
  failure_memory = 3,              // the system gave no memory for the stacks
  failure_version = 4,             // plan and runtime disagree on abi_version
  failure_address = 5,             // the kernel used memory that is not there
  failure_arithmetic = 6,          // an integer division by zero, which this processor traps
  failure_stack = 7,               // calls are nested too deeply
  failure_interrupted = 8,         // the host has raised: a signal's handler in general
  failure_nested = 9,              // the thread that launches is in a launch, which a signal's handler interrupts
  failure_bounds = 10,             // an access outside of the buffers of a launch that checks them
};

enum AccessKind : uint { access_read = 0, access_write = 1, access_atomic = 2, access_either = 3 };

// Why a launch was stopped, and where. Mirrored by launch/plan.py (ctypes).
struct Stop {
  uint failure;                     // Failure
  uint threadgroup[3];
  ulong place;                      // in the code of the kernel, 0 where unknown
  ulong address;                    // of the memory that was accessed, 0 where unknown
  ulong base;                       // the pointer that it was accessed by, 0 where unknown
  uint bytes;
  uint access;                      // AccessKind
};

struct Worker;
typedef void (*RunRange)(Worker *, ulong first, ulong last);

// Messages of os_log, one after another: a byte for the level, the text, a zero. Mirrored by launch/plan.py.
constexpr uint log_bytes = 1u << 18;
struct Log {
  uint locked;
  uint used;
  uint dropped;  // messages that did not fit
  char text[log_bytes];
};

// One prepared launch: everything but the buffers and the grid. Mirrored by launch/plan.py (ctypes).
struct Plan {
  uint version;
  uint workers;                     // at most this many threads of the operating system, the caller included
  RunRange run;                     // runs threadgroups first .. last-1 (linear index, x fastest)
  uint threads_per_threadgroup[3];
  uint stack_log2;                  // bytes of one fiber's stack, as the kernel was compiled
  uint threads[3];                  // total threads where the edge threadgroups are smaller; 0 = all are full
  uint flush_denormals;
  uint dynamic_bytes[max_buffers];  // length of the threadgroup arrays that the launch provides
  uint seed;                        // of the schedule, in sanitize mode
  uint buffers;                     // how many pointers a launch passes
  void *deadline;                   // of the host: a function that tells the nanoseconds a launch may take, or null
  ulong cached_bytes;               // outputs that are larger go past the caches
  Log *log;                         // where the text uses os_log, else null
  uint bounded;                     // the kernel checks its accesses: see Launch::buffers
};

// A launch in one block of memory. Mirrored by launch/plan.py (struct).
struct Call {
  const Plan *plan;
  uint threadgroups[3], unused;
  void *buffers[];                  // as those of Launch
};

// The memory that kernels of the running launch may access where it is bounded, buffer by buffer: addresses of the
// first byte and behind the last. One for the process, since one launch runs at a time. Defined by runtime/pool.cpp.
constexpr uint ranges_at_once = 8, most_ranges = 32;
struct Bounds {
  alignas(64) ulong low[most_ranges];
  ulong high[most_ranges];
  uint groups;                      // of ranges_at_once ranges, the last filled up with empty ones
};

// Threadgroups that one worker runs, and others when theirs are done. In a cache line of its own.
struct alignas(64) Part {
  ulong next, end;                  // first threadgroup that nobody has claimed, and the one behind the last
};

struct Launch {
  const Plan *plan;
  void *const *buffers;             // where bounded, followed by the first byte of each, then by the byte behind each
  uint threadgroups[3];
  uint threads[3];
  ulong threadgroup_count;
  ulong chunk;                      // threadgroups claimed at once by a worker
  Part *parts;
  uint part_count;
  alignas(64) uint failure;         // the first Failure; a worker that sees one stops
  Stop stop;                        // but for `failure` written by whoever has set that, or see note_place
  bool deadline_known;              // the host has been asked for it
  ulong start, deadline;            // monotonic nanoseconds; of launches that have a deadline, which 0 is none of
};

typedef uint Word4 __attribute__((vector_size(16)));

// Head of a worker's region. A region is 2 << log2(max_threads) stacks long and aligned to its size: the lower half
// holds this head (and the scheduler's state), the upper half the stacks, so that code on a fiber finds both its
// worker and its own index from the stack pointer alone.
struct Worker {
  void *main_stack;                 // of run_range's caller; switching to it ends the range
  Launch *launch;
  char *arena;                      // threadgroup memory in this region, arena_bytes, before memory that is not there
  ulong first, last;                // the range being run
  // Written and read as whole vectors: a narrower store would stall the wider load that follows it.
  Word4 threadgroup;                // position in grid
  Word4 threads_per_threadgroup;    // of this threadgroup, smaller at the edges
  uint threads;                     // of this threadgroup
  uint simdgroups;
  uint epoch;                       // barriers passed in this threadgroup
  uint random;                      // state of the schedule's generator, in sanitize mode
  ulong divergent;                  // collective operations met by only some active lanes
  ulong output_bytes;               // written to outputs in this launch, see text/outputs.py
  uint past_caches;                 // the rows of outputs that follow go past the caches
  uint dynamic_offset[max_buffers]; // of the dynamic threadgroup arrays in the arena
};

constexpr ulong scheduler_offset = 4096, head_bytes = 1ul << 20, arena_offset = 2 * head_bytes;

}  // namespace msl_cpu
