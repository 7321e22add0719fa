// What PyTorch asks a device for: that it is there, its guard, generators, events and memory.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include <ATen/detail/MPSHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "generator.h"
#include "memory.h"

namespace at::accelerator {

// PyTorch decides at its own build which accelerator there is. This library is loaded before it, so that the
// references to that function find this one.
__attribute__((visibility("default"))) std::optional<c10::DeviceType> getAccelerator(bool) {
  return c10::DeviceType::MPS;
}

}  // namespace at::accelerator

namespace mps_on_linux {

// A point in time. Every operator is complete when it returns, hence so is every event that has been recorded.
struct Moment {
  std::optional<std::chrono::steady_clock::time_point> time;

  void record() {
    time = std::chrono::steady_clock::now();
  }

  // Raises unless both were recorded.
  double milliseconds_until(const Moment& end) const {
    TORCH_CHECK(time && end.time, "Both events must be recorded before their elapsed time is asked for");
    return std::chrono::duration<double, std::milli>(*end.time - *time).count();
  }
};

class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override {
    return c10::DeviceType::MPS;
  }
  c10::Device exchangeDevice(c10::Device) const override {
    return DEVICE;
  }
  c10::Device getDevice() const override {
    return DEVICE;
  }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(device.is_mps(), "Expected a MPS device, but got ", device);
  }
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override {
    return 1;
  }

  c10::Stream getStream(c10::Device) const override {
    return stream();
  }
  c10::Stream getDefaultStream(c10::Device) const override {
    return stream();
  }
  c10::Stream getNewStream(c10::Device, int) const override {
    return stream();
  }
  c10::Stream exchangeStream(c10::Stream) const override {
    return stream();
  }
  bool queryStream(const c10::Stream&) const override {
    return true;
  }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}

  void record(void** event, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {
    if (!*event) {
      *event = new Moment;
    }
    static_cast<Moment*>(*event)->record();
  }
  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override {
    delete static_cast<Moment*>(event);
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override {
    return true;
  }
  void synchronizeEvent(void*) const override {}
  double elapsedTime(void* start, void* end, const c10::DeviceIndex) const override {
    TORCH_CHECK(start && end, "Both events must be recorded before their elapsed time is asked for");
    return static_cast<Moment*>(start)->milliseconds_until(*static_cast<Moment*>(end));
  }

 private:
  static c10::Stream stream() {
    return c10::Stream(c10::Stream::DEFAULT, DEVICE);
  }
};

C10_REGISTER_GUARD_IMPL(MPS, Guard)

// The events of torch.mps.Event, which go by numbers from 1 on.
class Events {
 public:
  static Events& instance() {
    static auto* events = new Events;
    return *events;
  }

  uint32_t acquire(bool is_timed) {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_[++last_] = {is_timed, {}};
    return last_;
  }
  void release(uint32_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.erase(number);
  }
  void record(uint32_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.at(number).moment.record();
  }
  double milliseconds(uint32_t start, uint32_t end) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Event &first = events_.at(start), &last = events_.at(end);
    TORCH_CHECK(first.is_timed && last.is_timed, "Events were not created with argument 'enable_timing=True'");
    return first.moment.milliseconds_until(last.moment);
  }

 private:
  struct Event {
    bool is_timed;
    Moment moment;
  };

  std::mutex mutex_;
  uint32_t last_ = 0;
  std::map<uint32_t, Event> events_;
};

}  // namespace mps_on_linux

namespace at {

// PyTorch finds the hooks of mps by this name of the class.
struct MPSHooks final : MPSHooksInterface {
  explicit MPSHooks(MPSHooksArgs = {}) {}

  void init() const override {}
  bool isBuilt() const override {
    return true;
  }
  bool isAvailable() const override {
    return true;
  }
  bool hasMPS() const override {
    return true;
  }
  bool isOnMacOSorNewer(unsigned, unsigned) const override {
    return true;
  }
  bool hasPrimaryContext(DeviceIndex) const override {
    return true;
  }
  DeviceIndex deviceCount() const override {
    return 1;
  }
  DeviceIndex getCurrentDevice() const override {
    return 0;
  }
  void setCurrentDevice(DeviceIndex) const override {}
  DeviceIndex exchangeDevice(DeviceIndex) const override {
    return 0;
  }
  DeviceIndex maybeExchangeDevice(DeviceIndex) const override {
    return 0;
  }
  Device getDeviceFromPtr(void*) const override {
    return mps_on_linux::DEVICE;
  }

  const Generator& getDefaultGenerator(DeviceIndex) const override {
    return mps_on_linux::default_generator();
  }
  Generator getNewGenerator(DeviceIndex) const override {
    return make_generator<mps_on_linux::DeviceGenerator>();
  }

  Allocator* getMPSDeviceAllocator() const override {
    return &mps_on_linux::DeviceAllocator::instance();
  }
  Allocator* getPinnedMemoryAllocator() const override {
    return &mps_on_linux::PinnedAllocator::instance();
  }
  bool isPinnedPtr(const void* address) const override {
    return mps_on_linux::PinnedAllocator::instance().holds(address);
  }
  void emptyCache() const override {}
  size_t getCurrentAllocatedMemory() const override {
    return mps_on_linux::Ledger::instance().bytes();
  }
  size_t getDriverAllocatedMemory() const override {
    return mps_on_linux::Ledger::instance().bytes();
  }
  size_t getRecommendedMaxMemory() const override {
    return mps_on_linux::Ledger::physical_bytes();
  }
  size_t getMaxBufferLength() const override {
    return mps_on_linux::Ledger::physical_bytes();
  }
  void setMemoryFraction(double ratio) const override {
    mps_on_linux::Ledger::instance().set_limit(ratio);
  }

  void deviceSynchronize() const override {}
  void commitStream() const override {}
  // The signposts are for Instruments, which is not here: nobody would read them.
  void profilerStartTrace(const std::string&, bool) const override {}
  void profilerStopTrace() const override {}

  uint32_t acquireEvent(bool is_timed) const override {
    return mps_on_linux::Events::instance().acquire(is_timed);
  }
  void releaseEvent(uint32_t number) const override {
    mps_on_linux::Events::instance().release(number);
  }
  void recordEvent(uint32_t number) const override {
    mps_on_linux::Events::instance().record(number);
  }
  void waitForEvent(uint32_t) const override {}
  void synchronizeEvent(uint32_t) const override {}
  bool queryEvent(uint32_t) const override {
    return true;
  }
  double elapsedTimeOfEvents(uint32_t start, uint32_t end) const override {
    return mps_on_linux::Events::instance().milliseconds(start, end);
  }
};

REGISTER_MPS_HOOKS(MPSHooks)

}  // namespace at
