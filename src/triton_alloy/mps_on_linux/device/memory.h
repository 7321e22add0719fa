// Memory of the device: host memory that is counted, and pinned memory, which is known by its address.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/core/Storage.h>
#include <c10/core/StorageImpl.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

namespace mps_on_linux {

inline const c10::Device DEVICE(c10::DeviceType::MPS, 0);

// What tensors occupy, and what they may: torch.mps.current_allocated_memory and set_per_process_memory_fraction.
class Ledger {
 public:
  static Ledger& instance() {
    static auto* ledger = new Ledger;  // outlives every tensor, also those that go when the process ends
    return *ledger;
  }

  static size_t physical_bytes() {
    return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  }

  void take(size_t bytes) {
    const size_t most = limit_;
    const size_t before = bytes_.fetch_add(bytes);
    if (most && before + bytes > most) {
      bytes_ -= bytes;
      TORCH_CHECK_WITH(
          OutOfMemoryError, false, "MPS backend out of memory (MPS allocated: ", before, " bytes, max allowed: ", most,
          " bytes). Tried to allocate ", bytes, " bytes.");
    }
  }

  void give_back(size_t bytes) {
    bytes_ -= bytes;
  }

  size_t bytes() const {
    return bytes_;
  }

  // ratio: of the recommended memory, 0 for no limit.
  void set_limit(double ratio) {
    limit_ = static_cast<size_t>(ratio * static_cast<double>(physical_bytes()));
  }

 private:
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> limit_{0};
};

// What keeps memory that an operator of the CPU has made, as memory of the device.
struct Adopted {
  c10::Storage host;
  size_t bytes;

  static void release(void* context) {
    auto* adopted = static_cast<Adopted*>(context);
    Ledger::instance().give_back(adopted->bytes);
    delete adopted;
  }
};

// The memory of a storage of the CPU as memory of the device; it lives as long as this pointer.
inline c10::DataPtr adopt(const c10::Storage& host) {
  Ledger::instance().take(host.nbytes());
  void* data = host.mutable_data();
  return {data, new Adopted{host, host.nbytes()}, &Adopted::release, DEVICE};
}

class DeviceAllocator final : public c10::Allocator {
 public:
  static DeviceAllocator& instance() {
    static auto* allocator = new DeviceAllocator;
    return *allocator;
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (!bytes) {
      return {nullptr, DEVICE};
    }
    Ledger::instance().take(bytes);
    auto* block = new Block{c10::alloc_cpu(bytes), bytes};
    return {block->data, block, &release, DEVICE};
  }

  c10::DeleterFnPtr raw_deleter() const override {
    return nullptr;  // what frees memory needs to know its size
  }

  void copy_data(void* target, const void* source, size_t bytes) const override {
    std::memcpy(target, source, bytes);
  }

 private:
  struct Block {
    void* data;
    size_t bytes;
  };

  static void release(void* context) {
    auto* block = static_cast<Block*>(context);
    Ledger::instance().give_back(block->bytes);
    c10::free_cpu(block->data);
    delete block;
  }
};

// Memory of the CPU that `pin_memory` gives; it is like any other, but remembered.
class PinnedAllocator final : public c10::Allocator {
 public:
  static PinnedAllocator& instance() {
    static auto* allocator = new PinnedAllocator;
    return *allocator;
  }

  c10::DataPtr allocate(size_t bytes) override {
    void* data = c10::alloc_cpu(bytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_[data] = bytes;
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override {
    return &release;
  }

  void copy_data(void* target, const void* source, size_t bytes) const override {
    std::memcpy(target, source, bytes);
  }

  bool holds(const void* address) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto after = blocks_.upper_bound(address);
    if (after == blocks_.begin()) {
      return false;
    }
    const auto& [start, bytes] = *--after;
    return static_cast<const char*>(address) < static_cast<const char*>(start) + bytes;
  }

 private:
  static void release(void* data) {
    auto& self = instance();
    {
      const std::lock_guard<std::mutex> lock(self.mutex_);
      self.blocks_.erase(data);
    }
    c10::free_cpu(data);
  }

  std::mutex mutex_;
  std::map<const void*, size_t> blocks_;
};

}  // namespace mps_on_linux
