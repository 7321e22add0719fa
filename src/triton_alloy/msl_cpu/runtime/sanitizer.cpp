// The sanitizer: hooks that clang's -fsanitize=thread calls for every access to memory, over a shadow of our own.
//
// One thread of the operating system runs the launch. Two accesses to a byte, one of them a write and not both atomic,
// race unless something orders them: the same thread, a threadgroup barrier with the right flag, a meeting of the two
// lanes, or fences and an atomic between them (happens_before.h).
#include "sanitizer_state.h"

namespace {

[[noreturn]] void stop() {
  note_stop(state->worker, Stop{failure_stopped, {}, 0, 0, 0, 0, 0});
  void *abandoned;
  switch_stack(&abandoned, state->worker->main_stack);
  __builtin_unreachable();
}

uint last_meeting(uint simdgroup, uint a, uint b) {
  uint full = state->full_meeting[simdgroup], partial = state->common[simdgroup][a][b];
  return full > partial ? full : partial;
}

// Whether something orders `earlier`, of this threadgroup, before the thread's access now.
bool is_ordered(const Record &earlier, uint thread, uint epoch) {
  if (earlier.epoch != epoch || (earlier.thread == thread && !earlier.several)) return true;
  uint simdgroup = thread / simd_width;
  if (earlier.thread / simd_width != simdgroup) return false;
  if (earlier.thread == thread) return state->full_meeting[simdgroup] > earlier.stamp;
  return last_meeting(simdgroup, earlier.thread % simd_width, thread % simd_width) > earlier.stamp;
}

bool conflicts(const Record &earlier, const Record &now, uint space) {
  if (!earlier.group || (earlier.atomic && now.atomic)) return false;
  bool same_group = earlier.group == now.group;
  if (same_group ? is_ordered(earlier, now.thread, now.epoch) : space != space_device) return false;
  uint flag = space == space_device ? mem_device : mem_threadgroup;
  return !state->happens_before.knows(now.thread, state->barriers[now.thread], earlier, flag);
}

void report_race(const Record &earlier, AccessKind kind, const Access &access, const Range &range) {
  Report report = located(fault_race, access, range);
  describe(report.other, state->code_start + earlier.place, earlier.stack, earlier.thread, earlier.group,
           earlier.atomic ? access_atomic : kind);
  bool two_writes = kind == access_write && access.kind == access_write && !access.atomic && !earlier.atomic;
  suspect(file(report), two_writes, access.address, access.bytes);
}

// Replace a record by one of the same simdgroup, remembering that other lanes were there too. A plain access says more
// than an atomic one.
void merge(Record &record, const Record &now) {
  bool together = record.group == now.group && record.epoch == now.epoch && record.stamp == now.stamp;
  bool several = together && (record.several || record.thread != now.thread);
  if (!(together && !record.atomic && now.atomic)) record = now;
  record.several = several;
}

bool of_one_simdgroup(const Record &a, const Record &b) {
  return a.group == b.group && a.thread / simd_width == b.thread / simd_width;
}

void note_read(Cell &cell, const Record &now) {
  if (cell.read.group != now.group) {
    if (cell.read.group) cell.foreign_read = cell.read;
    cell.read = now;
    cell.other_read.group = 0;
  } else if (of_one_simdgroup(cell.read, now)) {
    merge(cell.read, now);
  } else if (cell.other_read.group && of_one_simdgroup(cell.other_read, now)) {
    merge(cell.other_read, now);
  } else {
    (cell.read.epoch != now.epoch ? cell.read : cell.other_read) = now;
  }
}

// Check one cell and write the access down; returns whether it races.
bool touch(Cell &cell, const Record &now, const Access &access, const Range &range, bool report) {
  const Record *bad = nullptr;
  AccessKind kind = access_write;
  if (conflicts(cell.write, now, range.space)) bad = &cell.write;
  if (access.kind == access_read) {
    if (bad && report) report_race(*bad, kind, access, range);
    note_read(cell, now);
    return bad != nullptr;
  }
  if (!bad) {
    kind = access_read;
    if (conflicts(cell.read, now, range.space)) bad = &cell.read;
    else if (conflicts(cell.other_read, now, range.space)) bad = &cell.other_read;
    else if (conflicts(cell.foreign_read, now, range.space)) bad = &cell.foreign_read;
  }
  if (bad && report) report_race(*bad, kind, access, range);
  if (cell.write.group && of_one_simdgroup(cell.write, now)) merge(cell.write, now);
  else cell.write = now;
  return bad != nullptr;
}

Cell *split(Cell &cell) {
  if (!cell.split) {
    if (state->blocks.used == most_blocks) return nullptr;
    uint number = ++state->blocks.used;
    for (ulong i = 0; i < granule; ++i) state->blocks.block[number - 1][i] = cell;
    cell.split = number;
  }
  return state->blocks.block[cell.split - 1];
}

Cell *cell_of(const Range &range, ulong base) {
  return range.cells ? &range.cells[(base - (range.start & ~(granule - 1))) / granule] : state->pages.find(base);
}

void check_races(const Access &access, const Range &range) {
  uint epoch = (range.space == space_device ? state->device_epoch : state->threadgroup_epoch)[access.thread];
  Record now = {state->group,
                epoch,
                state->meetings[access.thread / simd_width],
                (uint)(access.place - state->code_start),
                (unsigned short)state->stack[access.thread],
                (unsigned short)access.thread,
                access.atomic,
                0,
                (unsigned short)state->happens_before.learned->fences[access.thread]};
  bool reported = false;
  ulong end = access.address + access.bytes;
  for (ulong start = access.address; start < end;) {
    ulong base = start & ~(granule - 1), stop = base + granule < end ? base + granule : end;
    Cell *cell = cell_of(range, base);
    if (!cell) return;
    if (stop - start == granule && !cell->split) {
      reported |= touch(*cell, now, access, range, !reported);
    } else if (Cell *bytes = split(*cell)) {
      for (ulong i = start; i < stop; ++i) reported |= touch(bytes[i - base], now, access, range, !reported);
    }
    start = stop;
  }
}

void check_initialised(const Access &access, const Range &range) {
  unsigned char *known = range.initialised + (access.address - range.low);
  if (access.kind != access_read) {
    __builtin_memset(known, 1, access.bytes);
    return;
  }
  ulong needed = access.bytes >= 2 * vector_padding ? access.bytes * 3 / 4 : access.bytes;
  for (ulong i = 0; i < needed; ++i) {
    if (known[i]) continue;
    file(located(fault_uninitialised, access, range));
    __builtin_memset(known, 1, access.bytes);
    return;
  }
}

bool is_inside(const Access &access, const Range &range) {
  if (&range == &state->unbounded) return true;
  if (range.space == space_device) return access.address >= range.start && access.address + access.bytes <= range.end;
  const Variable *variable = variable_at(access.address);
  return variable && access.address + access.bytes <= variable->start + variable->bytes;
}

// Metal has atomics of words. One on a narrower element swaps the word that holds it, of which a part may lie outside:
// that is right as long as that part keeps its bits. changed: the bits of the word that the operation changes. Else
// `access` becomes that of the first byte outside that changes.
bool keeps_what_is_outside(Access &access, const Range &range, ulong changed) {
  if (!access.atomic || access.bytes != granule) return false;
  if (range.space != space_device || range.element >= granule) return false;
  if (access.address + granule <= range.start || access.address >= range.end) return false;
  for (ulong i = 0; i < granule; ++i) {
    bool outside = access.address + i < range.start || access.address + i >= range.end;
    if (!outside || !(changed >> 8 * i & 255)) continue;
    access.address += i - i % range.element;
    access.bytes = range.element;
    return false;
  }
  return true;
}

bool holds(const Range &range, ulong address) { return address - range.low < range.high - range.low; }

const Range *range_of(ulong address) {
  if (holds(state->arena, address)) return &state->arena;
  if (state->last_device < state->device_count && holds(state->devices[state->last_device], address))
    return &state->devices[state->last_device];
  for (uint i = 0; i < state->device_count; ++i)
    if (holds(state->devices[i], address)) return &state->devices[state->last_device = i];
  return nullptr;
}

bool lies_in(ulong address, const void *start, ulong bytes) { return address - (ulong)start < bytes; }

// Constants of the compiled kernel, and what its argument fetching reads.
bool is_own(ulong address) {
  const Launch *launch = state->worker->launch;
  return lies_in(address, (void *)state->code_start, state->code_end - state->code_start) ||
         lies_in(address, launch, sizeof(Launch)) || lies_in(address, launch->plan, sizeof(Plan)) ||
         lies_in(address, launch->buffers, max_buffers * sizeof(void *));
}

// changed: see keeps_what_is_outside.
void check(ulong address, ulong bytes, AccessKind kind, bool atomic, bool aligned, ulong place, ulong changed = ~0ul) {
  if (!state || !state->worker || !bytes) return;
  settle_suspect();
  ulong stack = stack_pointer(), worker = (ulong)state->worker;
  if ((stack ^ worker) >= state->region_bytes || (address ^ worker) < state->region_bytes) return;
  uint thread = (uint)(stack >> state->stack_log2) & (max_threads - 1);
  Access access = {address, (uint)bytes, kind, atomic, place, thread};
  const Range *range = range_of(address);
  if (!range) {
    if (is_own(address)) return;
    if (state->pointers) range = &state->unbounded;
  }
  if (!range) {
    file(new_report(fault_wild, access, space_other, ~0u, (long)address));
    stop();
  }
  if (!is_inside(access, *range) && !keeps_what_is_outside(access, *range, changed)) {
    file(located(fault_out_of_bounds, access, *range));
    return;
  }
  if (aligned && address % bytes) file(located(fault_misaligned, access, *range));
  if (range->space == space_threadgroup) check_initialised(access, *range);
  check_races(access, *range);
}

// A whole vector or structure at an address that is not as aligned as its type: the compiler has already looked.
void report_misaligned(ulong address, ulong alignment, AccessKind kind, ulong place) {
  if (!state || !state->worker) return;
  ulong stack = stack_pointer(), worker = (ulong)state->worker;
  if ((stack ^ worker) >= state->region_bytes || (address ^ worker) < state->region_bytes) return;
  uint thread = (uint)(stack >> state->stack_log2) & (max_threads - 1);
  Access access = {address, (uint)alignment, kind, false, place, thread};
  if (const Range *range = range_of(address)) file(located(fault_misaligned, access, *range));
}

uint thread_of_caller() {
  ulong stack = stack_pointer();
  if (!state || !state->worker || (stack ^ (ulong)state->worker) >= state->region_bytes) return ~0u;
  return (uint)(stack >> state->stack_log2) & (max_threads - 1);
}

// An atomic operation by the calling thread, after it was done.
void synchronise(ulong address, bool reads, bool writes) {
  uint thread = thread_of_caller();
  if (thread == ~0u) return;
  if (reads) state->happens_before.read(address, thread);
  if (writes) state->happens_before.write(address, thread, reads);
}

void push_call(ulong call) {
  uint thread = thread_of_caller();
  if (thread != ~0u) state->stack[thread] = state->calls.enter(state->stack[thread], call);
}

void pop_call() {
  uint thread = thread_of_caller();
  if (thread != ~0u) state->stack[thread] = state->calls.node[state->stack[thread]].parent;
}

void add_variable(uint offset, uint bytes, ulong start) {
  for (uint i = 0; i < state->variable_count; ++i) {
    Variable &variable = state->variables[i];
    if (variable.start != start) continue;
    if (variable.bytes < bytes) variable.bytes = bytes;
    return;
  }
  if (state->variable_count < most_variables) state->variables[state->variable_count++] = {offset, bytes, start};
}

}  // namespace

extern "C" {

void msl_cpu_sanitizer_finish();

// Copy the bindings between gaps. Returns 0, or 1 where memory is short. code: the addresses of the compiled kernel.
// pointers: the launch binds so many buffers of unknown extent instead.
uint msl_cpu_sanitizer_begin(Binding *bindings, uint count, ulong code_start, ulong code_end, uint pointers,
                             Report *reports) {
  state = map_array<State>(1);
  if (!state) return 1;
  state->code_start = code_start;
  state->code_end = code_end;
  state->bindings = bindings;
  state->reports = reports;
  state->blocks.block = map_array<Cell[granule]>(most_blocks);
  bool good = state->calls.map() && state->happens_before.map() && state->blocks.block && make_arena(state->arena);
  state->pointers = pointers;
  state->unbounded.space = space_device;
  if (pointers) {
    state->pages.keys = map_array<ulong>(Pages::most);
    state->pages.cells = map_array<Cell>(Pages::most * Pages::cells_per_page);
    good = good && state->pages.keys && state->pages.cells;
  }
  for (uint i = 0; good && i < count; ++i) good = bind(state->devices[state->device_count++], bindings[i]);
  if (!good) msl_cpu_sanitizer_finish();
  return !good;
}

// How many reports there are so far; they lie in the array given to begin.
uint msl_cpu_sanitizer_count() {
  settle_suspect();
  return state->report_count;
}

// Copy what may have been written back, and forget everything.
void msl_cpu_sanitizer_finish() {
  if (!state) return;
  if (state->worker) state->worker->arena = state->workers_arena;
  for (uint i = 0; i < state->device_count; ++i) {
    const Binding &binding = state->bindings[i];
    if (binding.writable && binding.copy) __builtin_memcpy(binding.data, binding.copy, binding.bytes);
    unmap(state->devices[i]);
  }
  unmap(state->arena);
  state->calls.unmap();
  state->happens_before.unmap();
  if (state->pages.keys) munmap(state->pages.keys, Pages::most * sizeof(ulong));
  if (state->pages.cells) munmap(state->pages.cells, Pages::most * Pages::cells_per_page * sizeof(Cell));
  if (state->blocks.block) munmap(state->blocks.block, most_blocks * sizeof(Cell[granule]));
  munmap(state, sizeof(State));
  state = nullptr;
}

void msl_cpu_sanitizer_enter(Worker *worker) {
  const Plan *plan = worker->launch->plan;
  if (state->worker != worker) {
    state->worker = worker;
    state->workers_arena = worker->arena;
    state->stack_log2 = plan->stack_log2;
    state->region_bytes = 2ul * max_threads << plan->stack_log2;
    worker->arena = (char *)state->arena.low;
    for (uint i = 0; i < max_buffers; ++i)
      if (plan->dynamic_bytes[i])
        add_variable(worker->dynamic_offset[i], plan->dynamic_bytes[i], state->arena.low + worker->dynamic_offset[i]);
  }
  const uint *grid = worker->launch->threadgroups;
  state->group = worker->threadgroup[0] + grid[0] * (worker->threadgroup[1] + grid[1] * worker->threadgroup[2]) + 1;
  __builtin_memset(state->arena.initialised, 0, sanitizer_arena_bytes);
  __builtin_memset(state->stack, 0, (char *)&state->barrier_reported - (char *)state->stack);
  state->barrier_reported = false;
  state->happens_before.enter_threadgroup();
}

void msl_cpu_sanitizer_leave(Worker *worker) {
  if (state->barrier_reported) return;
  uint most = 0, least = 0;
  for (uint t = 0; t < worker->threads; ++t) {
    if (state->barriers[t] > state->barriers[most]) most = t;
    if (state->barriers[t] < state->barriers[least]) least = t;
  }
  if (state->barriers[most] == state->barriers[least]) return;
  const Note &note = state->notes[(state->barriers[least] + 1) % barrier_notes];
  Access access = {0, 0, access_read, false, state->code_start + note.place, note.thread};
  Report report = new_report(fault_barrier, access, space_other, ~0u, 0);
  fill_places(report.self.place, access.place, note.stack);
  describe(report.other, 0, 0, least, state->group, access_read);
  file(report);
}

void msl_cpu_sanitizer_barrier(Worker *, uint flags, int site) {
  uint thread = thread_of_caller();
  if (thread == ~0u) return;
  uint ordinal = ++state->barriers[thread];
  state->device_epoch[thread] += (flags & mem_device) != 0;
  state->threadgroup_epoch[thread] += (flags & mem_threadgroup) != 0;
  state->happens_before.gather(thread, ordinal, flags & mem_device);
  ulong place = (ulong)__builtin_return_address(0);
  Note &note = state->notes[ordinal % barrier_notes];
  if (note.ordinal != ordinal) {
    note = {ordinal, (uint)(place - state->code_start), thread, (unsigned short)state->stack[thread], site};
  } else if (note.site != site && !state->barrier_reported) {
    state->barrier_reported = true;
    Access access = {0, 0, access_read, false, place, thread};
    Report report = new_report(fault_barrier, access, space_other, ~0u, 0);
    describe(report.other, state->code_start + note.place, note.stack, note.thread, state->group, access_read);
    file(report);
  }
}

void msl_cpu_sanitizer_met(Worker *worker, uint simdgroup, uint lanes) {
  uint left = worker->threads - simdgroup * simd_width, all = left >= simd_width ? ~0u : (1u << left) - 1;
  uint number = ++state->meetings[simdgroup];
  state->happens_before.meet(simdgroup * simd_width, lanes);
  if (lanes == all) {
    state->full_meeting[simdgroup] = number;
    return;
  }
  for (uint a = lanes; a; a &= a - 1)
    for (uint b = lanes; b; b &= b - 1) state->common[simdgroup][__builtin_ctz(a)][__builtin_ctz(b)] = number;
}

void msl_cpu_sanitizer_fence(uint flags, uint order, uint scope) {
  uint thread = thread_of_caller();
  if (thread == ~0u) return;
  HappensBefore &graph = state->happens_before;
  uint barriers = state->barriers[thread], simdgroup = thread / simd_width;
  Fence at = {state->group, thread, flags, scope};
  if (acquires(order)) graph.acquire(at, barriers);
  if (!releases(order)) return;
  Release release = {at,
                     state->device_epoch[thread],
                     state->threadgroup_epoch[thread],
                     0,
                     state->full_meeting[simdgroup],
                     {},
                     graph.learned->known[thread],
                     graph.inherited(barriers),
                     0};
  for (uint lane = 0; lane < simd_width; ++lane)
    release.meetings[lane] = last_meeting(simdgroup, lane, thread % simd_width);
  graph.release(release);
}

char *msl_cpu_sanitizer_place(Worker *, uint offset, uint bytes) {
  ulong start = state->arena.low + static_start + spread * offset;
  add_variable(offset, bytes, start);
  return (char *)start;
}

}  // extern "C"

#include "thread_hooks.h"
