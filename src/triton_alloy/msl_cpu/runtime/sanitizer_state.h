// What the sanitizer knows of the launch that is running, and the reports it files.
#pragma once
#include "happens_before.h"
#include "msl_cpu/context_switch.h"
#include "msl_cpu/sanitize.h"

using namespace msl_cpu;

namespace {

constexpr uint most_reports = 256, most_variables = 64, most_blocks = 1u << 20;
constexpr uint barrier_notes = 64, failure_stopped = 100;
constexpr long vector_padding = 4;  // a part of 16 (or 8) bytes may be the padding of a vector of 3

struct Variable {
  uint offset, bytes;
  ulong start;
};

struct Note {
  uint ordinal, place, thread;
  unsigned short stack;
  int site;
};

// A write that races with a write: at the next hook memory shows whether it changed anything.
struct Suspect {
  Report *report;
  ulong address;
  uint bytes;
  char before[16];
};

struct State {
  Worker *worker;
  char *workers_arena;     // to be given back
  ulong region_bytes, stack_log2;
  ulong code_start, code_end;
  Range devices[max_buffers];
  uint device_count, last_device;
  Binding *bindings;
  Range arena;
  uint pointers;           // so many buffers have no known extent: only races are looked for in device memory
  Range unbounded;
  Pages pages;
  Variable variables[most_variables];
  uint variable_count;
  Blocks blocks;
  Calls calls;
  HappensBefore happens_before;
  // Of the threadgroup that is running.
  uint group, position[3];
  uint stack[max_threads], barriers[max_threads], device_epoch[max_threads], threadgroup_epoch[max_threads];
  uint meetings[max_simdgroups], full_meeting[max_simdgroups];
  uint common[max_simdgroups][simd_width][simd_width];  // last meeting of two lanes, where it was not a full one
  Note notes[barrier_notes];
  bool barrier_reported;
  Suspect suspect;
  uint report_count;
  Report *reports;
};

State *state;

struct Access {
  ulong address;
  uint bytes;
  AccessKind kind;
  bool atomic;
  ulong place;
  uint thread;
};

void fill_places(ulong *places, ulong place, uint stack) {
  uint n = 0;
  places[n++] = place;
  for (uint node = stack; node && n < stack_depth; node = state->calls.node[node].parent)
    places[n++] = state->calls.node[node].call;
  while (n < stack_depth) places[n++] = 0;
}

void describe(Party &party, ulong place, uint stack, uint thread, uint group, AccessKind kind) {
  fill_places(party.place, place, stack);
  party.thread = thread;
  party.access = kind;
  party.known = 1;
  const uint *grid = state->worker->launch->threadgroups;
  uint linear = group - 1;
  party.threadgroup[0] = linear % grid[0];
  party.threadgroup[1] = linear / grid[0] % grid[1];
  party.threadgroup[2] = linear / grid[0] / grid[1];
}

bool same_places(const Party &a, const Party &b) {
  for (uint i = 0; i < stack_depth; ++i)
    if (a.place[i] != b.place[i]) return false;
  return true;
}

// The stored report that `report` repeats, else a new one; nullptr where there is no room.
Report *file(const Report &report) {
  for (uint i = 0; i < state->report_count; ++i) {
    Report &known = state->reports[i];
    if (known.fault != report.fault || known.buffer != report.buffer || !same_places(known.self, report.self)) continue;
    if (known.other.known != report.other.known || !same_places(known.other, report.other)) continue;
    ++known.count;
    return &known;
  }
  if (state->report_count == most_reports) return nullptr;
  state->reports[state->report_count] = report;
  return &state->reports[state->report_count++];
}

// Follow a report of a race until the write is done.
void suspect(Report *report, bool two_writes, ulong address, uint bytes) {
  if (!report) return;
  if (!two_writes || bytes > sizeof state->suspect.before) {
    ++report->differing;
    return;
  }
  state->suspect.report = report;
  state->suspect.address = address;
  state->suspect.bytes = bytes;
  __builtin_memcpy(state->suspect.before, (const void *)address, bytes);
}

void settle_suspect() {
  Suspect &last = state->suspect;
  if (!last.report) return;
  if (__builtin_memcmp(last.before, (const void *)last.address, last.bytes)) ++last.report->differing;
  last.report = nullptr;
}

Report new_report(Fault fault, const Access &access, uint space, uint buffer, long offset) {
  Report report;
  __builtin_memset(&report, 0, sizeof report);
  report.fault = fault;
  report.space = space;
  report.buffer = buffer;
  report.bytes = access.bytes;
  report.offset = offset;
  report.count = 1;
  describe(report.self, access.place, state->stack[access.thread], access.thread, state->group,
           access.atomic ? access_atomic : access.kind);
  return report;
}

const Variable *variable_at(ulong address) {
  const Variable *nearest = nullptr;
  for (uint i = 0; i < state->variable_count; ++i) {
    const Variable &variable = state->variables[i];
    if (address < variable.start) continue;
    if (!nearest || variable.start > nearest->start) nearest = &variable;
  }
  return nearest;
}

// The buffer that starts last before the address.
Report located_by_pointer(Fault fault, const Access &access) {
  void *const *buffers = state->worker->launch->buffers;
  uint nearest = ~0u;
  for (uint i = 0; i < state->pointers; ++i) {
    if ((ulong)buffers[i] > access.address) continue;
    if (nearest == ~0u || (ulong)buffers[i] > (ulong)buffers[nearest]) nearest = i;
  }
  ulong start = nearest == ~0u ? 0 : (ulong)buffers[nearest];
  return new_report(fault, access, space_device, nearest, (long)(access.address - start));
}

// Report a fault of an access to `range`: offsets are those of the user's buffer or of threadgroup memory.
Report located(Fault fault, const Access &access, const Range &range) {
  if (&range == &state->unbounded) return located_by_pointer(fault, access);
  if (range.space == space_device)
    return new_report(fault, access, space_device, range.index, (long)(access.address - range.start));
  const Variable *variable = variable_at(access.address);
  if (!variable) return new_report(fault, access, space_threadgroup, ~0u, (long)(access.address - range.start));
  long offset = (long)variable->offset + (long)(access.address - variable->start);
  return new_report(fault, access, space_threadgroup, (uint)(variable - state->variables), offset);
}

}  // namespace
