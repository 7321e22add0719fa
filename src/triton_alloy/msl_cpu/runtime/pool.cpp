// Persistent pool of operating-system threads that run the threadgroups of one launch at a time.
//
// A launch is offered through one word: generation | wanted workers | joined workers | open. A wanted worker joins by
// incrementing the count while the launch is open; the launching thread works as well, closes the launch when no
// threadgroup is left to claim, and waits only for those who joined. A worker that sleeps, or that the system does not
// schedule, delays nobody; one that is not wanted is not woken, and does not stay awake.
//
// Each worker has a part of the grid, the same one in every launch of that grid, so that what a kernel reads is still
// in the caches of the core that an earlier kernel wrote it on. Who is done takes of the parts of the others.
#include "stops.h"
#include "watcher.h"

using namespace msl_cpu;

extern "C" {
Bounds msl_cpu_bounds;  // of the launch whose turn it is
}

namespace {

constexpr uint most_workers = 1024;
constexpr uint smallest_stack_log2 = 15, largest_stack_log2 = 20;
constexpr ulong chunks_per_part = 16;
// A worker that sleeps is back after 50 to 100 microseconds, so it waits awake for longer than what a program does
// between two launches; after the gap of a tight loop it lets others run who want its core.
constexpr ulong spin_nanoseconds = 500000, yield_nanoseconds = 20000;

constexpr ulong open_bit = 1, one_joined = 2, joined_mask = 0xfffe, one_wanted = 1ul << 16, generation_one = 1ul << 32;

struct Pool {
  uint busy;                     // one launch at a time
  uint queued;                   // threads that wait for their turn to launch
  SystemThread owner;            // whose turn it is
  SystemMutex queue;
  SystemCondition turn;
  SystemMutex sleeping;
  SystemCondition wake[most_workers];
  alignas(64) ulong offer;
  Launch *current;               // valid while offer is open or somebody has joined
  alignas(64) uint sleepers;     // how many are `asleep`; both are written under `sleeping`
  bool asleep[most_workers];     // and not woken yet
  uint threads;                  // started, the launching thread not counted
  SystemThread thread[most_workers];  // by index of the worker; the launching thread, 0, is not kept
  void *signal_stacks[most_workers];
  Worker *regions[most_workers][largest_stack_log2 - smallest_stack_log2 + 1];
  Part parts[most_workers];      // of the launch whose turn it is
};

Pool pool;
Stops stops;  // written by the thread whose turn it is

Worker *region_of(uint index, uint stack_log2) {
  Worker *&region = pool.regions[index][stack_log2 - smallest_stack_log2];
  if (!region) region = new_region(stack_log2);
  return region;
}

// What the kernels of a launch may access: see Launch::buffers.
void set_bounds(const Launch &launch) {
  uint buffers = launch.plan->buffers, count = 0;
  const ulong *low = reinterpret_cast<const ulong *>(launch.buffers + buffers), *high = low + buffers;
  for (uint i = 0; i < buffers; ++i) {
    if (low[i] == high[i]) continue;
    msl_cpu_bounds.low[count] = low[i];
    msl_cpu_bounds.high[count++] = high[i];
  }
  msl_cpu_bounds.groups = (count + ranges_at_once - 1) / ranges_at_once;
  for (; count < ranges_at_once || count % ranges_at_once; ++count)
    msl_cpu_bounds.low[count] = msl_cpu_bounds.high[count] = 0;
}

void prepare(Worker *worker, Launch *launch) {
  const Plan *plan = launch->plan;
  const uint *size = plan->threads_per_threadgroup;
  worker->launch = launch;
  worker->threads_per_threadgroup = Word4{size[0], size[1], size[2], 0};
  worker->threads = size[0] * size[1] * size[2];
  worker->simdgroups = (worker->threads + simd_width - 1) / simd_width;
  worker->divergent = 0;
  worker->random = plan->seed;
  worker->output_bytes = worker->past_caches = 0;
  uint end = arena_bytes;
  for (uint i = 0; i < max_buffers; ++i) {
    if (!plan->dynamic_bytes[i]) continue;
    end -= (plan->dynamic_bytes[i] + 15u) & ~15u;
    worker->dynamic_offset[i] = end;
  }
}

// A row that goes past the caches would throw out the input of the threadgroups that follow.
bool updates_in_place(const Launch *launch) {
  for (uint i = 0; i < launch->plan->buffers; ++i)
    for (uint j = 0; j < i; ++j)
      if (launch->buffers[i] && launch->buffers[i] == launch->buffers[j]) return true;
  return false;
}

// After `count` threadgroups of this worker: whether the outputs of the whole launch will be too large for the caches.
bool outgrows_caches(const Worker *worker, ulong count) {
  const Launch *launch = worker->launch;
  double bytes = (double)worker->output_bytes / (double)count * (double)launch->threadgroup_count;
  return bytes > (double)launch->plan->cached_bytes && !updates_in_place(launch);
}

void divide(Launch &launch, uint workers) {
  ulong count = launch.threadgroup_count;
  launch.parts = pool.parts;
  launch.part_count = workers;
  launch.chunk = workers == 1 ? count : count / (workers * chunks_per_part);
  if (!launch.chunk) launch.chunk = 1;
  for (ulong i = 0; i < workers; ++i) pool.parts[i] = {count * i / workers, count * (i + 1) / workers};
}

// The threadgroups first .. last-1; none where last <= first.
struct Chunk {
  ulong first, last;
};

// Claim threadgroups of the part `index`, or of the next one that has some left.
Chunk claim(Launch *launch, uint &index) {
  for (uint i = 0; i < launch->part_count; ++i) {
    Part &part = launch->parts[index];
    ulong first = __atomic_fetch_add(&part.next, launch->chunk, __ATOMIC_RELAXED);
    if (first < part.end) return {first, first + launch->chunk < part.end ? first + launch->chunk : part.end};
    index = index + 1 == launch->part_count ? 0 : index + 1;
  }
  return {};
}

// Claim and run threadgroups until none is left.
void work(Launch *launch, uint index) {
  const Plan *plan = launch->plan;
  Worker *worker = region_of(index, plan->stack_log2);
  if (!worker) return record(launch, failure_memory);
  prepare(worker, launch);
  FloatingPointState saved = floating_point_state();
  set_floating_point_state(default_state | (plan->flush_denormals ? flush_bits : 0));
  uint part = index;
  for (ulong count = 0; !__atomic_load_n(&launch->failure, __ATOMIC_RELAXED);) {
    Chunk chunk = claim(launch, part);
    if (chunk.first >= chunk.last) break;
    plan->run(worker, chunk.first, chunk.last);
    count += chunk.last - chunk.first;
    if (!worker->past_caches && worker->output_bytes) worker->past_caches = outgrows_caches(worker, count);
  }
  finish_writing();
  set_floating_point_state(saved);
}

// Whether the launch of the offer wants the worker, which has not seen it.
bool available(ulong offer, uint index, ulong seen) {
  return (offer & open_bit) && offer / generation_one != seen && index < offer % generation_one / one_wanted;
}

ulong await_offer_awake(uint index, ulong seen) {
  ulong start = monotonic_nanoseconds(), waited = 0, offer;
  do {
    for (uint looks = waited < yield_nanoseconds ? 32 : 1; looks; --looks) {
      if (available(offer = __atomic_load_n(&pool.offer, __ATOMIC_ACQUIRE), index, seen)) return offer;
      if (looks > 1) pause_briefly();
      else sched_yield();
    }
    waited = monotonic_nanoseconds() - start;
  } while (waited < spin_nanoseconds);
  return offer;
}

// Sleep until a launch wants the worker, unless one does that it has not seen.
void sleep_until_offer(uint index, ulong seen) {
  pthread_mutex_lock(&pool.sleeping);
  pool.asleep[index] = true;
  __atomic_store_n(&pool.sleepers, pool.sleepers + 1, __ATOMIC_SEQ_CST);  // before the last look, see offer_launch
  if (available(__atomic_load_n(&pool.offer, __ATOMIC_SEQ_CST), index, seen)) {
    pool.asleep[index] = false;
    --pool.sleepers;
  }
  while (pool.asleep[index]) pthread_cond_wait(&pool.wake[index], &pool.sleeping);
  pthread_mutex_unlock(&pool.sleeping);
}

// Wait until a launch is offered that wants the worker and that it has not seen. Who was woken for one that is over by
// now waits awake again: another may follow.
ulong await_offer(uint index, ulong seen) {
  ulong offer;
  while (!available(offer = await_offer_awake(index, seen), index, seen)) sleep_until_offer(index, seen);
  return offer;
}

void *worker_main(void *argument) {
  uint index = (uint)(ulong)argument;
  enter_signal_stack(pool.signal_stacks[index]);
  SignalSet urgent = with_signal({}, urgent_signal);
  pthread_sigmask(unblock, &urgent, nullptr);
  ulong seen = 0;
  for (;;) {
    ulong offer = await_offer(index, seen);
    while (available(offer, index, seen)) {
      if (!__atomic_compare_exchange_n(&pool.offer, &offer, offer + one_joined, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE))
        continue;
      seen = offer / generation_one;
      work(pool.current, index);
      __atomic_fetch_sub(&pool.offer, one_joined, __ATOMIC_RELEASE);
      break;
    }
  }
}

// Returns the number of workers there are, at most `wanted`, the launching thread included.
uint start_threads(uint wanted) {
  while (pool.threads + 1 < wanted && pool.threads + 1 < most_workers) {
    SystemThread &thread = pool.thread[pool.threads + 1];
    if (pthread_create(&thread, nullptr, worker_main, (void *)(ulong)(pool.threads + 1))) break;
    pthread_detach(thread);
    ++pool.threads;
  }
  return pool.threads + 1;
}

void offer_launch(Launch *launch, uint workers) {
  pool.current = launch;
  ulong generation = pool.offer / generation_one + 1;
  __atomic_store_n(&pool.offer, generation * generation_one | workers * one_wanted | open_bit, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&pool.sleepers, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&pool.sleeping);
  for (uint i = 1; i < workers; ++i) {
    if (!pool.asleep[i]) continue;
    pool.asleep[i] = false;
    --pool.sleepers;
    pthread_cond_signal(&pool.wake[i]);
  }
  pthread_mutex_unlock(&pool.sleeping);
}

// Take the workers of a launch that has failed off the kernel. last: when that was done last.
void stop_workers(const Launch *launch, ulong &last) {
  ulong now = monotonic_nanoseconds();
  if (now - last < stop_nanoseconds) return;
  last = now;
  for (uint i = 1; i <= pool.threads && i < launch->plan->workers; ++i) pthread_kill(pool.thread[i], urgent_signal);
}

void await_joined(Launch *launch) {
  ulong offer = __atomic_and_fetch(&pool.offer, ~open_bit, __ATOMIC_ACQ_REL), stopped = 0;
  for (uint spins = 0; offer & joined_mask; ++spins) {
    if (spins < 4096) pause_briefly();
    else sched_yield();
    if (is_interrupted(launch)) record(launch, failure_interrupted);
    if (__atomic_load_n(&launch->failure, __ATOMIC_RELAXED)) stop_workers(launch, stopped);
    offer = __atomic_load_n(&pool.offer, __ATOMIC_ACQUIRE);
  }
}

void set_up(Launch &launch, const Plan *plan, void *const *buffers, uint x, uint y, uint z) {
  launch.plan = plan;
  launch.buffers = buffers;
  const uint grid[3] = {x, y, z};
  for (int i = 0; i < 3; ++i) {
    launch.threadgroups[i] = grid[i];
    launch.threads[i] = plan->threads[i] ? plan->threads[i] : grid[i] * plan->threads_per_threadgroup[i];
  }
  launch.threadgroup_count = (ulong)x * y * z;
  launch.start = plan->deadline ? monotonic_nanoseconds() : 0;
  launch.deadline = 0;
  launch.deadline_known = !plan->deadline;
  launch.failure = failure_none;
  launch.stop = {};
  if (plan->log) plan->log->locked = 0;  // a thread that was stopped may have held it
}

bool take_turn() {
  if (__atomic_exchange_n(&pool.busy, 1, __ATOMIC_SEQ_CST)) return false;
  pool.owner = pthread_self();
  return true;
}

// Wait for the end of the launch that runs. The host's main thread asks the host meanwhile. Returns a Failure.
uint await_turn() {
  SystemThread self = pthread_self();
  if (pool.owner == self) return failure_nested;
  __atomic_fetch_add(&pool.queued, 1, __ATOMIC_SEQ_CST);  // before the next try, see pass_turn
  bool interrupted = false;
  while (!interrupted && !take_turn()) {
    Timespec end;
    clock_gettime(clock_realtime, &end);
    ulong nanoseconds = (ulong)end.nanoseconds + look_nanoseconds;
    end = {end.seconds + (long)(nanoseconds / 1000000000ul), (long)(nanoseconds % 1000000000ul)};
    pthread_mutex_lock(&pool.queue);
    bool late = __atomic_load_n(&pool.busy, __ATOMIC_SEQ_CST) && pthread_cond_timedwait(&pool.turn, &pool.queue, &end);
    pthread_mutex_unlock(&pool.queue);
    interrupted = late && self == watch.host.main_thread && host_raises(nullptr);
  }
  __atomic_fetch_sub(&pool.queued, 1, __ATOMIC_RELAXED);
  return interrupted ? failure_interrupted : failure_none;
}

void pass_turn() {
  pool.owner = 0;
  __atomic_store_n(&pool.busy, 0, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&pool.queued, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&pool.queue);
  pthread_cond_signal(&pool.turn);
  pthread_mutex_unlock(&pool.queue);
}

}  // namespace

Worker *msl_cpu::worker_at(ulong address) {
  for (uint i = 0; i <= pool.threads; ++i)
    for (uint log2 = smallest_stack_log2; log2 <= largest_stack_log2; ++log2) {
      Worker *region = pool.regions[i][log2 - smallest_stack_log2];
      ulong bytes = 2ul * max_threads << log2;
      if (region && address - (ulong)region < bytes) return region;
    }
  return nullptr;
}

bool msl_cpu::runs_kernels(SystemThread thread) {
  for (uint i = 1; i <= pool.threads; ++i)
    if (pool.thread[i] == thread) return true;
  return thread == watch.thread;
}

extern "C" {

void msl_cpu_reset();

// Once, when the library is loaded.
void msl_cpu_start() {
  msl_cpu_reset();
  handle_faults();
  handle_attention();
}

// Once, if there is a host whose signals are to end launches.
void msl_cpu_obey(const Host *host) { watch.host = *host; }

// Raise in the host what ended a launch of this thread with failure_interrupted.
void msl_cpu_raise() {
  watch.host.restore(raised.type, raised.value, raised.traceback);
}

// Forget threads and locks, which a fork does not copy.
void msl_cpu_reset() {
  reset_watch();
  pthread_mutex_init(&pool.queue, nullptr);
  pthread_cond_init(&pool.turn, nullptr);
  pthread_mutex_init(&pool.sleeping, nullptr);
  for (uint i = 0; i < most_workers; ++i) {
    pthread_cond_init(&pool.wake[i], nullptr);
    pool.asleep[i] = false;
  }
  pool.busy = pool.queued = 0;
  pool.owner = 0;
  pool.offer = 0;
  pool.sleepers = 0;
  pool.threads = 0;
}

// What a launch whose result had this number above its failure was stopped by.
const Stop *msl_cpu_stop(uint number) { return &stops.kept[number - 1]; }

// Run x * y * z threadgroups; returns 0, or a Failure, and the number of a Stop: see Stops. May be called from any
// thread.
uint msl_cpu_dispatch(const Plan *plan, void *const *buffers, uint x, uint y, uint z) {
  if (plan->version != abi_version) return failure_version;
  ulong count = (ulong)x * y * z;
  if (!count) return failure_none;
  if (!take_turn())
    if (uint failure = await_turn()) return failure;
  Launch launch;
  set_up(launch, plan, buffers, x, y, z);
  if (plan->bounded) set_bounds(launch);
  uint workers = plan->workers < count ? plan->workers : (uint)count;
  if (workers > 1) workers = start_threads(workers) < workers ? pool.threads + 1 : workers;
  divide(launch, workers);
  if (workers > 1) offer_launch(&launch, workers);
  SignalStack previous = enter_signal_stack(pool.signal_stacks[0]);
  begin_watch(&launch, previous);
  work(&launch, 0);
  if (workers > 1) await_joined(&launch);
  end_watch();
  sigaltstack(&previous, nullptr);
  launch.stop.failure = launch.failure;
  uint result = launch.failure ? stops.keep(launch.stop) : failure_none;
  pass_turn();
  return result;
}

// The same, told by one pointer: each argument of a foreign function takes Python a tenth of a microsecond and more.
uint msl_cpu_call(const Call *call) {
  const uint *grid = call->threadgroups;
  return msl_cpu_dispatch(call->plan, call->buffers, grid[0], grid[1], grid[2]);
}

}  // extern "C"
