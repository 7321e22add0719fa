// What atomics and fences order: a release fence, an atomic write, an atomic read of it, an acquire fence (C++ 33.5.11,
// which MSL's atomic_thread_fence follows). The rest of the sanitizer knows what barriers and meetings order.
//
// A vector clock has a place for every thread; here it is a graph that is searched when two accesses seem to race:
//   Release    what a thread had done, and knew of others, at a fence
//   Message    a Release that an atomic write left at an address, with those before it in the release sequence
//   Knowledge  what a thread has acquired: sets of messages, and unions of knowledge
#pragma once
#include "shadow.h"

namespace msl_cpu {

constexpr uint mem_device = 1, mem_threadgroup = 2;  // as in memory_flags.h

enum Order : uint { order_relaxed, order_acquire, order_release, order_acq_rel, order_seq_cst };  // as in atomic.h
enum Scope : uint { scope_thread, scope_simdgroup, scope_threadgroup, scope_device };

inline bool releases(uint order) { return order >= order_release; }
inline bool acquires(uint order) { return order == order_acquire || order >= order_acq_rel; }

// Where a fence stands: what it orders, and for whom.
struct Fence {
  uint group, thread, flags, scope;
};

struct Release {
  Fence at;
  uint device_epoch, threadgroup_epoch;
  uint fences;                 // accesses of the thread with fewer fences before them came before this one
  uint full_meeting, meetings[simd_width];  // the last meeting with each lane of the simdgroup
  uint known, inherited;       // Knowledge at the fence
  uint older;                  // another fence of this thread that this one does not cover
};

struct Message {
  uint release, previous, visit;
};

// An acquisition: `right` is a set of messages, read before the fence `at`. Otherwise a leaf (message) or a union.
struct Knowledge {
  uint left, right, message, visit;
  Fence at;
  bool is_acquisition;
};

template <class T, uint most> struct Pool {
  T *item;  // number 0: none
  uint used;
  bool map() { return (item = map_array<T>(most)) != nullptr; }
  void unmap() {
    if (item) munmap(item, most * sizeof(T));
  }
  // The number of a new item, 0 when there is no room.
  uint add(const T &value) {
    if (used + 1 >= most) return 0;
    item[++used] = value;
    return used;
  }
};

// The last message at each address that has one.
struct Places {
  static constexpr ulong most = 1ul << 16;
  struct Place {
    ulong address;
    uint message;
  };
  Place *place;
  uint *find(ulong address) {
    ulong slot = address * 0x9E3779B97F4A7C15ul >> 48;
    for (ulong tries = 0; tries < most; ++tries, slot = (slot + 1) % most) {
      if (!place[slot].address) place[slot].address = address;
      if (place[slot].address == address) return &place[slot].message;
    }
    return nullptr;
  }
};

// What a barrier hands on: `known` where its flags name device memory, `heard` (messages read, not acquired) always.
struct Gathering {
  uint ordinal, known, heard;
};

// Of the threads of the running threadgroup.
struct Learned {
  uint known[max_threads], heard[max_threads], acquired[max_threads];
  uint fences[max_threads], released[max_threads];
  Release last[max_threads];   // at the last release fence; stored as `released` when an atomic write needs it
  bool waiting[max_threads];   // `last` has not been stored yet
  Gathering gathering[2];
};

// To be searched: Knowledge, or (by: an acquisition) a set of messages. mark: of those visited already.
struct Task {
  uint number, by, mark;
};

struct HappensBefore {
  static constexpr uint most = 1u << 20;
  Pool<Release, most> release_pool;
  Pool<Message, most> message_pool;
  Pool<Knowledge, most> knowledge_pool;
  Places places;
  Learned *learned;
  Task *tasks;
  uint task_count, visit;
  bool is_used;    // there has been a fence
  bool overflown;  // no room: nothing is reported that a fence may order

  bool map() {
    places.place = map_array<Places::Place>(Places::most);
    learned = map_array<Learned>(1);
    tasks = map_array<Task>(most);
    return release_pool.map() && message_pool.map() && knowledge_pool.map() && places.place && learned && tasks;
  }
  void unmap() {
    release_pool.unmap();
    message_pool.unmap();
    knowledge_pool.unmap();
    if (places.place) munmap(places.place, Places::most * sizeof(Places::Place));
    if (learned) munmap(learned, sizeof(Learned));
    if (tasks) munmap(tasks, most * sizeof(Task));
  }
  void enter_threadgroup() {
    if (is_used) __builtin_memset(learned, 0, sizeof(Learned));
  }

  uint add(const Knowledge &knowledge) {
    uint number = knowledge_pool.add(knowledge);
    overflown |= !number;
    return number;
  }
  uint unite(uint a, uint b) {
    if (!a || a == b) return b;
    if (!b) return a;
    return add({a, b, 0, 0, {}, false});
  }
  const Gathering &gathered(uint barriers) const { return learned->gathering[barriers & 1]; }
  uint inherited(uint barriers) const { return gathered(barriers).ordinal == barriers ? gathered(barriers).known : 0; }
  uint inherited_heard(uint barriers) const {
    return gathered(barriers).ordinal == barriers ? gathered(barriers).heard : 0;
  }

  // The thread of `state` (its epochs and meetings) passes a release fence.
  void release(const Release &state) {
    is_used = true;
    uint thread = state.at.thread;
    Release &last = learned->last[thread];
    bool covered = (last.at.flags & ~state.at.flags) == 0 && last.at.scope <= state.at.scope;
    uint older = last.older;
    if (learned->fences[thread] && !covered) older = stored_release(thread);
    last = state;
    last.older = learned->fences[thread] ? older : 0;
    last.fences = ++learned->fences[thread];
    learned->waiting[thread] = true;
  }
  uint stored_release(uint thread) {
    if (learned->waiting[thread]) {
      learned->released[thread] = release_pool.add(learned->last[thread]);
      learned->waiting[thread] = false;
      overflown |= !learned->released[thread];
    }
    return learned->released[thread];
  }
  // The thread passes an acquire fence after so many barriers.
  void acquire(const Fence &at, uint barriers) {
    is_used = true;
    uint heard = unite(learned->heard[at.thread], inherited_heard(barriers));
    if (!heard) return;
    learned->heard[at.thread] = heard;
    learned->known[at.thread] = add({learned->known[at.thread], heard, 0, 0, at, true});
  }

  void read(ulong address, uint thread) {
    if (!is_used) return;
    uint *message = places.find(address);
    overflown |= !message;
    if (!message || !*message || learned->acquired[thread] == *message) return;
    learned->acquired[thread] = *message;
    learned->heard[thread] = unite(learned->heard[thread], add({0, 0, *message, 0, {}, false}));
  }
  // updates: the write is part of a read-modify-write, which goes on with the release sequence.
  void write(ulong address, uint thread, bool updates) {
    if (!is_used) return;
    uint *message = places.find(address);
    overflown |= !message;
    if (!message) return;
    uint previous = updates ? *message : 0;
    *message = previous;
    if (!learned->fences[thread]) return;
    *message = message_pool.add({stored_release(thread), previous, 0});
    overflown |= !*message;
  }

  // A thread comes to its barrier number `ordinal`.
  void gather(uint thread, uint ordinal, bool orders_device) {
    if (!is_used) return;
    Gathering &now = learned->gathering[ordinal & 1];
    const Gathering &before = learned->gathering[(ordinal - 1) & 1];
    if (now.ordinal != ordinal) now = {ordinal, before.known, before.heard};
    now.heard = unite(now.heard, learned->heard[thread]);
    learned->heard[thread] = 0;
    if (!orders_device) return;
    now.known = unite(now.known, learned->known[thread]);
    learned->known[thread] = 0;
  }
  // These lanes, of the simdgroup that begins with thread `first`, have met.
  void meet(uint first, uint lanes) {
    if (!is_used) return;
    uint known = 0, heard = 0;
    for (uint rest = lanes; rest; rest &= rest - 1) {
      known = unite(known, learned->known[first + __builtin_ctz(rest)]);
      heard = unite(heard, learned->heard[first + __builtin_ctz(rest)]);
    }
    for (uint rest = lanes; rest; rest &= rest - 1) {
      learned->known[first + __builtin_ctz(rest)] = known;
      learned->heard[first + __builtin_ctz(rest)] = heard;
    }
  }

  // Whether the thread knows of `earlier`, an access to memory of this space (mem_device or mem_threadgroup).
  bool knows(uint thread, uint barriers, const Record &earlier, uint space) {
    if (!is_used) return false;
    if (overflown) return true;
    uint mark = ++visit;
    task_count = 0;
    push(learned->known[thread], 0, mark);
    push(inherited(barriers), 0, mark);
    while (task_count) {
      Task task = tasks[--task_count];
      Knowledge &knowledge = knowledge_pool.item[task.number];
      if (knowledge.visit == task.mark) continue;
      knowledge.visit = task.mark;
      push(knowledge.left, task.by, task.mark);
      if (!knowledge.is_acquisition) push(knowledge.right, task.by, task.mark);
      else if (knowledge.at.flags & space)
        push(knowledge.right, task.number, knowledge.at.scope == scope_device ? mark : ++visit);
      if (knowledge.message && tells(knowledge.message, task, mark, earlier, space)) return true;
    }
    return overflown;
  }
  void push(uint number, uint by, uint mark) {
    if (!number) return;
    if (task_count == most) overflown = true;
    else tasks[task_count++] = {number, by, mark};
  }
  // The message and those before it, read before the acquisition of the task: do they cover `earlier`? What their
  // threads knew becomes tasks.
  bool tells(uint number, const Task &task, uint mark, const Record &earlier, uint space) {
    const Fence &by = knowledge_pool.item[task.by].at;
    for (; number; number = message_pool.item[number].previous) {
      Message &message = message_pool.item[number];
      if (message.visit == task.mark) return false;
      message.visit = task.mark;
      for (uint r = message.release; r; r = release_pool.item[r].older) {
        const Release &release = release_pool.item[r];
        if (!(release.at.flags & space) || !reaches(release.at, by)) continue;
        if (covers(release, earlier, space)) return true;
        push(release.known, 0, mark);
        push(release.inherited, 0, mark);
      }
    }
    return false;
  }
  static bool reaches(const Fence &from, const Fence &to) {
    uint scope = from.scope < to.scope ? from.scope : to.scope;
    if (scope == scope_device) return true;
    if (from.group != to.group) return false;
    if (scope == scope_threadgroup) return true;
    if (scope == scope_simdgroup) return from.thread / simd_width == to.thread / simd_width;
    return from.thread == to.thread;
  }
  static bool covers(const Release &release, const Record &earlier, uint space) {
    if (earlier.group != release.at.group) return false;
    uint epoch = space == mem_device ? release.device_epoch : release.threadgroup_epoch;
    if (earlier.epoch < epoch) return true;
    if (earlier.thread / simd_width != release.at.thread / simd_width) return false;
    if (earlier.several) return release.full_meeting > earlier.stamp;
    if (earlier.thread == release.at.thread) return earlier.fences < release.fences;
    return release.meetings[earlier.thread % simd_width] > earlier.stamp;
  }
};

}  // namespace msl_cpu
