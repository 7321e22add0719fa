// The device's random numbers: a generator of its own that gives the numbers which the CPU's gives for the same seed.
#pragma once

#include <mutex>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <c10/core/GeneratorImpl.h>

#include "memory.h"

namespace mps_on_linux {

// host: the generator of the CPU that kernels are given in its place.
class DeviceGenerator final : public c10::GeneratorImpl {
 public:
  explicit DeviceGenerator(at::Generator host_generator = at::detail::createCPUGenerator())
      : GeneratorImpl(DEVICE, c10::DispatchKeySet(c10::DispatchKey::MPS)), host(std::move(host_generator)) {}

  void set_current_seed(uint64_t seed) override {
    host.set_current_seed(seed);
  }
  void set_offset(uint64_t offset) override {
    host.set_offset(offset);
  }
  uint64_t get_offset() const override {
    return host.get_offset();
  }
  uint64_t current_seed() const override {
    return host.current_seed();
  }
  uint64_t seed() override {
    return const_cast<at::Generator&>(host).seed();
  }
  void set_state(const c10::TensorImpl& state) override {
    host.unsafeGetGeneratorImpl()->set_state(state);
  }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return host.unsafeGetGeneratorImpl()->get_state();
  }

  at::Generator host;

 private:
  DeviceGenerator* clone_impl() const override {
    return new DeviceGenerator(host.clone());
  }
};

inline const at::Generator& default_generator() {
  static auto* generator = new at::Generator(at::make_generator<DeviceGenerator>());
  return *generator;
}

// What a kernel of the CPU is given for a generator of the device. Raises for one of another device.
inline at::Generator host_generator(const at::Generator& generator) {
  TORCH_CHECK(
      generator.device().is_mps(), "Expected a 'mps' device type for generator but found '", generator.device().type(),
      "'");
  return static_cast<DeviceGenerator*>(generator.unsafeGetGeneratorImpl())->host;
}

// While it lives, what draws from the CPU's default generator draws from the device's: for operators that take none.
class DefaultGeneratorSwap {
 public:
  DefaultGeneratorSwap()
      : cpu_(at::detail::getDefaultCPUGenerator()), device_(host_generator(default_generator())), saved_(state(cpu_)) {
    set(cpu_, state(device_));
  }
  ~DefaultGeneratorSwap() {
    set(device_, state(cpu_));
    set(cpu_, saved_);
  }
  DefaultGeneratorSwap(const DefaultGeneratorSwap&) = delete;
  DefaultGeneratorSwap& operator=(const DefaultGeneratorSwap&) = delete;

 private:
  using State = c10::intrusive_ptr<c10::TensorImpl>;

  static State state(const at::Generator& generator) {
    const std::lock_guard<std::mutex> lock(generator.unsafeGetGeneratorImpl()->mutex_);
    return generator.unsafeGetGeneratorImpl()->get_state();
  }
  static void set(const at::Generator& generator, const State& state) {
    const std::lock_guard<std::mutex> lock(generator.unsafeGetGeneratorImpl()->mutex_);
    generator.unsafeGetGeneratorImpl()->set_state(*state);
  }

  at::Generator cpu_, device_;
  State saved_;
};

}  // namespace mps_on_linux
