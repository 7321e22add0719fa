// The device mps in host memory, as one library for PyTorch: g++ builds it against the headers of the release.
#include "hooks.h"
#include "operators.h"

namespace mps_on_linux {

const bool HAS_ALLOCATOR = [] {
  c10::SetAllocator(c10::DeviceType::MPS, &DeviceAllocator::instance());
  return true;
}();

}  // namespace mps_on_linux
