// Launches that take long: their deadlines, and the signals that reach the host meanwhile.
//
// A thread of its own, the watcher, looks ten times a second whether the launch that it saw before still runs. Kernels
// hold no code for that: a thread that runs one is sent a signal, whose handler takes it off the kernel's stack as that
// of a fault does (faults.h).
//
// What only the host can tell, the thread that launches asks: between two instructions of its kernel, on the stack of
// the launch's caller, for a kernel calls nothing that holds a lock of the system or of the host. On the host's main
// thread that runs the handlers of signals that have arrived. If one raises, the launch ends with failure_interrupted,
// else the kernel goes on.
#pragma once
#include "faults.h"
#include "msl_cpu/context_switch.h"

namespace msl_cpu {

constexpr ulong look_nanoseconds = 100000000, stop_nanoseconds = 5000000;
constexpr uint idle_looks = 10;  // without a launch, after which the watcher waits until there is one

// Functions of the host, which is CPython. Mirrored by launch/plan.py (ctypes).
struct Host {
  int (*acquire)();
  void (*release)(int state);
  int (*run_handlers)();  // of signals, if this is the main thread; not 0 where one raised
  void (*fetch)(void **type, void **value, void **traceback);
  void (*restore)(void *type, void *value, void *traceback);
  void *(*raised)();
  void *(*call)(void *function, void *arguments);
  ulong (*as_number)(void *object);
  void (*drop)(void *object);
  SystemThread main_thread;
};

// What the host has raised on this thread, until the caller of the launch raises it.
struct Raised {
  void *type, *value, *traceback;
};
inline thread_local Raised raised;

struct Watch {
  Host host;
  bool interrupted;              // what the host was asked last
  void *handler;                 // the stack of our signal's handler, while the host is asked
  SignalStack callers;           // signal stack of the thread that launches, when it does not
  SignalSet mask;                // signals that are blocked while the host is asked
  SignalAction other;            // who handled our signal before us
  bool started;
  uint asked;                    // the thread that launches is to ask the host
  SystemThread thread;           // that launches, 0 between launches
  ulong count;                   // of launches so far
  alignas(64) Launch *launch;    // that runs, null between launches
  alignas(64) uint looking;      // the watcher uses `launch`
  uint asleep;                   // the watcher waits for a launch
  SystemMutex parking;
  SystemCondition wake;
};

inline Watch watch;

// Whether the calling thread is one that kernels run on.
bool runs_kernels(SystemThread thread);

// Ask for the deadline of a launch, unless that is known.
inline void learn_deadline(Launch *launch) {
  if (launch->deadline_known) return;
  void *result = watch.host.call(launch->plan->deadline, nullptr);
  if (!result) return;
  ulong nanoseconds = watch.host.as_number(result);
  watch.host.drop(result);
  launch->deadline = nanoseconds ? launch->start + nanoseconds : 0;
  __atomic_store_n(&launch->deadline_known, true, __ATOMIC_RELEASE);
}

// Whether the host raises when it is asked. launch: the thread's, or nullptr. For code on the thread's own stack.
inline bool host_raises(Launch *launch) {
  FloatingPointState kernels = floating_point_state();
  set_floating_point_state(default_state);
  const Host &host = watch.host;
  int state = host.acquire();
  if (!host.run_handlers() && launch) learn_deadline(launch);
  bool raises = host.raised();
  if (raises) host.fetch(&raised.type, &raised.value, &raised.traceback);
  host.release(state);
  set_floating_point_state(kernels);
  return raises;
}

// Whether the thread that launches has been told to ask the host, and that raises.
inline bool is_interrupted(Launch *launch) {
  if (!__atomic_load_n(&watch.asked, __ATOMIC_RELAXED)) return false;
  __atomic_store_n(&watch.asked, 0, __ATOMIC_RELAXED);
  return host_raises(launch);
}

// Our handler lies on our signal stack, which signals that arrive now must not use: they are blocked until the caller's
// is back. Ours comes back when the handler returns, and so do the signals.
inline void ask_on_callers_stack() {
  SignalSet all = all_signals();
  sigaltstack(&watch.callers, nullptr);
  pthread_sigmask(set_mask, &watch.mask, nullptr);
  watch.interrupted = is_interrupted(watch.launch);
  pthread_sigmask(set_mask, &all, nullptr);
  leave_for(watch.handler);
}

inline bool is_interrupted_in_kernel(Worker *worker, void *context) {
  constexpr ulong margin = 256;
  watch.mask = with_signal(interrupted_mask(context), urgent_signal);
  switch_stack(&watch.handler, new_fiber((ulong)worker->main_stack - margin, &ask_on_callers_stack));
  return watch.interrupted;
}

inline void on_attention(int number, void *information, void *context) {
  Worker *worker = worker_at(interrupted_stack(context));
  if (worker) {
    Launch *launch = worker->launch;
    bool launches = pthread_self() == watch.thread;
    if (launches && is_interrupted_in_kernel(worker, context)) record(launch, failure_interrupted);
    uint failure = __atomic_load_n(&launch->failure, __ATOMIC_RELAXED);
    if (failure == failure_deadline) note_place(worker, interrupted_at(context));
    if (failure) leave_kernel(worker, context);
  } else if (!runs_kernels(pthread_self()) && is_function(watch.other.handler)) {
    reinterpret_cast<void (*)(int, void *, void *)>(watch.other.handler)(number, information, context);
  }
}

// Handle our signal, also where somebody else has begun to in the meantime; they get what is not for us.
inline void handle_attention() {
  SignalAction ours = {}, other = {};
  ours.handler = reinterpret_cast<void *>(&on_attention);
  ours.mask = all_signals();
  ours.flags = takes_context | on_signal_stack | restarts_calls;
  sigaction(urgent_signal, &ours, &other);
  if (other.handler != ours.handler) watch.other = other;
}

// Stop or interrupt the launch if it is time to. last: `count` at the last look. Returns the time until the next look.
inline ulong look(ulong last) {
  __atomic_store_n(&watch.looking, 1, __ATOMIC_SEQ_CST);
  ulong pause = look_nanoseconds;
  if (Launch *launch = __atomic_load_n(&watch.launch, __ATOMIC_SEQ_CST)) {
    bool known = __atomic_load_n(&launch->deadline_known, __ATOMIC_ACQUIRE);
    ulong deadline = known ? launch->deadline : 0, now = deadline ? monotonic_nanoseconds() : 0;
    if (deadline && now >= deadline) record(launch, failure_deadline);
    bool fails = __atomic_load_n(&launch->failure, __ATOMIC_RELAXED) != failure_none;
    bool is_long = __atomic_load_n(&watch.count, __ATOMIC_RELAXED) == last;
    bool asks = is_long && !fails && watch.host.acquire && (!known || watch.thread == watch.host.main_thread);
    if (asks) __atomic_store_n(&watch.asked, 1, __ATOMIC_RELAXED);
    if (fails || asks) {
      handle_attention();
      pthread_kill(watch.thread, urgent_signal);
    }
    // A thread that was about to enter a kernel has not noticed; a deadline may be close.
    if (fails || (asks && !known)) pause = stop_nanoseconds;
    else if (deadline && deadline - now < pause) pause = deadline - now;
  }
  __atomic_store_n(&watch.looking, 0, __ATOMIC_RELEASE);
  return pause;
}

inline void await_launch(ulong last) {
  pthread_mutex_lock(&watch.parking);
  __atomic_store_n(&watch.asleep, 1, __ATOMIC_SEQ_CST);  // before the last look, see begin_watch
  while (__atomic_load_n(&watch.count, __ATOMIC_SEQ_CST) == last) pthread_cond_wait(&watch.wake, &watch.parking);
  __atomic_store_n(&watch.asleep, 0, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&watch.parking);
}

inline void *watcher_main(void *) {
  SignalSet all = all_signals();
  pthread_sigmask(set_mask, &all, nullptr);
  ulong last = 0, pause = look_nanoseconds;
  for (uint idle = 0;;) {
    Timespec time = {0, (long)pause};
    nanosleep(&time, nullptr);
    ulong count = __atomic_load_n(&watch.count, __ATOMIC_RELAXED);
    idle = count == last && !__atomic_load_n(&watch.launch, __ATOMIC_RELAXED) ? idle + 1 : 0;
    pause = look(last);
    last = count;
    if (idle < idle_looks) continue;
    await_launch(last);
    idle = 0;
  }
}

inline void start_watcher() {
  SystemThread thread;
  if (pthread_create(&thread, nullptr, watcher_main, nullptr)) return;  // no memory; the next launch tries again
  pthread_detach(thread);
  watch.started = true;
}

// By the thread that launches. callers: its signal stack outside of the launch.
inline void begin_watch(Launch *launch, SignalStack callers) {
  if (!watch.started) start_watcher();
  watch.callers = callers;
  watch.asked = 0;
  watch.thread = pthread_self();
  __atomic_store_n(&watch.launch, launch, __ATOMIC_SEQ_CST);
  __atomic_store_n(&watch.count, watch.count + 1, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&watch.asleep, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&watch.parking);
  pthread_cond_signal(&watch.wake);
  pthread_mutex_unlock(&watch.parking);
}

// Afterwards no more signals are sent for the launch.
inline void end_watch() {
  __atomic_store_n(&watch.launch, nullptr, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&watch.looking, __ATOMIC_SEQ_CST)) sched_yield();
  watch.thread = 0;
}

// After a fork, whose child has the calling thread alone, and at the start.
inline void reset_watch() {
  pthread_mutex_init(&watch.parking, nullptr);
  pthread_cond_init(&watch.wake, nullptr);
  watch.started = false;
  watch.launch = nullptr;
  watch.thread = 0;
  watch.looking = watch.asleep = 0;
  watch.host.main_thread = pthread_self();
}

}  // namespace msl_cpu
