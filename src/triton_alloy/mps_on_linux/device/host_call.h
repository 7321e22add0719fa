// One call of an operator on tensors of the device, made by the CPU's kernel on the same memory.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/CPUAllocator.h>

#include "generator.h"
#include "memory.h"

namespace mps_on_linux {

inline const c10::DispatchKeySet HOST_KEYS(c10::DispatchKey::CPU);

inline void check_dtype(c10::ScalarType dtype) {
  TORCH_CHECK_TYPE(
      dtype != c10::ScalarType::Double,
      "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. ",
      "Please use float32 instead.");
}

// A tensor of `keys` over a storage, with the shape, dtype and lazy bits of another.
inline at::Tensor tensor_like(const at::Tensor& other, c10::Storage storage, c10::DispatchKeySet keys) {
  at::Tensor made = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), keys, other.dtype());
  auto* impl = made.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(other.sizes(), other.strides(), other.storage_offset());
  made._set_conj(other.is_conj());
  made._set_neg(other.is_neg());
  if (other.unsafeGetTensorImpl()->is_wrapped_number()) {
    impl->set_wrapped_number(true);
  }
  return made;
}

// Tensors of the CPU over the memory of the device's, and the way back.
class HostView {
 public:
  at::Tensor to_host(const at::Tensor& tensor) {
    TORCH_CHECK_NOT_IMPLEMENTED(
        tensor.layout() == c10::Layout::Strided && tensor.has_storage(),
        "mps_on_linux has no tensors of layout ", tensor.layout(), " on mps");
    at::Tensor host = tensor_like(tensor, host_storage(tensor.storage()), HOST_KEYS);
    tensors_.push_back({host, tensor});
    return host;
  }

  // The tensor of the device for what a kernel has returned: the argument itself, a view of it, or a new one.
  at::Tensor to_device(const at::Tensor& host) {
    if (!host.defined() || !host.device().is_cpu()) {
      return host;
    }
    for (const auto& [known, tensor] : tensors_) {
      if (known.is_same(host)) {
        return tensor;
      }
    }
    TORCH_CHECK_NOT_IMPLEMENTED(
        host.layout() == c10::Layout::Strided && host.has_storage(), "mps_on_linux has no tensors of layout ",
        host.layout(), " on mps");
    check_dtype(host.scalar_type());
    return tensor_like(host, device_storage(host.storage()), c10::DispatchKeySet(c10::DispatchKey::MPS));
  }

  // Give the arguments what a kernel has made of them: another size, other memory.
  void update_arguments() {
    for (auto& [device, host] : storages_) {
      if (host.data() != device.data() || host.nbytes() != device.nbytes()) {
        device.unsafeGetStorageImpl()->set_data_ptr_noswap(adopt(host));
        device.set_nbytes(host.nbytes());
      }
    }
    for (auto& [host, tensor] : tensors_) {
      auto* impl = tensor.unsafeGetTensorImpl();
      const c10::Storage storage = device_storage(host.storage());
      if (storage.unsafeGetStorageImpl() != tensor.storage().unsafeGetStorageImpl()) {
        impl->set_storage_keep_dtype(storage);
      }
      const bool same = host.sizes() == tensor.sizes() && host.strides() == tensor.strides();
      if (!same || host.storage_offset() != tensor.storage_offset()) {
        impl->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
      }
    }
  }

 private:
  struct StoragePair {
    c10::Storage device, host;
  };
  struct TensorPair {
    at::Tensor host, device;
  };

  c10::Storage host_storage(const c10::Storage& device) {
    for (const auto& pair : storages_) {
      if (pair.device.unsafeGetStorageImpl() == device.unsafeGetStorageImpl()) {
        return pair.host;
      }
    }
    auto release = [](void* context) { delete static_cast<c10::Storage*>(context); };
    c10::DataPtr memory(
        device.mutable_data(), new c10::Storage(device), release, c10::Device(c10::DeviceType::CPU));
    storages_.push_back(
        {device,
         c10::make_intrusive<c10::StorageImpl>(
             c10::StorageImpl::use_byte_size_t(), device.nbytes(), std::move(memory), c10::GetCPUAllocator(), true)});
    return storages_.back().host;
  }

  c10::Storage device_storage(const c10::Storage& host) {
    for (const auto& pair : storages_) {
      if (pair.host.unsafeGetStorageImpl() == host.unsafeGetStorageImpl()) {
        return pair.device;
      }
    }
    c10::Storage device = c10::make_intrusive<c10::StorageImpl>(
        c10::StorageImpl::use_byte_size_t(), host.nbytes(), adopt(host), &DeviceAllocator::instance(), true);
    storages_.push_back({device, host});
    return device;
  }

  std::vector<StoragePair> storages_;
  std::vector<TensorPair> tensors_;
};

// The values of a call, on their way to the CPU's kernel and back.
class HostCall {
 public:
  // takes_host_tensors: whether arguments may be tensors of the CPU, of any size.
  HostCall(const c10::OperatorHandle& op, torch::jit::Stack* stack, bool takes_host_tensors)
      : op_(op), stack_(stack), takes_host_tensors_(takes_host_tensors) {}

  void run() {
    const auto& arguments = op_.schema().arguments();
    const size_t first = stack_->size() - arguments.size();
    for (size_t i = 0; i < arguments.size(); ++i) {
      c10::IValue& value = (*stack_)[first + i];
      value = argument(value, arguments[i]);
    }
    TORCH_CHECK_NOT_IMPLEMENTED(
        op_.hasComputedKernelForDispatchKey(c10::DispatchKey::CPU), "The operator '", op_.operator_name(),
        "' has no kernel for the CPU, which is what mps_on_linux runs operators with");
    call();
    view_.update_arguments();
    for (size_t i = first; i < stack_->size(); ++i) {
      (*stack_)[i] = result((*stack_)[i]);
    }
  }

 private:
  void call() {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    std::optional<DefaultGeneratorSwap> swap;
    if (!has_generator_ && op_.hasTag(at::Tag::nondeterministic_seeded)) {
      swap.emplace();
    }
    op_.redispatchBoxed(HOST_KEYS, stack_);
  }

  c10::IValue argument(const c10::IValue& value, const c10::Argument& declared) {
    if (value.isTensor()) {
      return host(value.toTensor(), declared);
    }
    if (value.isTensorList() || value.isOptionalTensorList()) {
      return host_list(value, declared);
    }
    if (value.isDevice()) {
      return value.toDevice().is_mps() ? c10::Device(c10::DeviceType::CPU) : value.toDevice();
    }
    if (is_generator(declared)) {
      has_generator_ = true;
      return host_generator(value.isNone() ? default_generator() : value.toGenerator());
    }
    return value;
  }

  static bool is_generator(const c10::Argument& declared) {
    const auto& type = declared.type();
    if (const auto optional = type->cast<c10::OptionalType>()) {
      return optional->getElementType()->kind() == c10::TypeKind::GeneratorType;
    }
    return type->kind() == c10::TypeKind::GeneratorType;
  }

  c10::IValue host_list(const c10::IValue& value, const c10::Argument& declared) {
    if (value.isTensorList()) {
      c10::List<at::Tensor> tensors;
      for (const at::Tensor& tensor : value.toTensorVector()) {
        tensors.push_back(host(tensor, declared));
      }
      return tensors;
    }
    c10::List<std::optional<at::Tensor>> tensors;
    for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
      tensors.push_back(tensor ? std::optional<at::Tensor>(host(*tensor, declared)) : std::nullopt);
    }
    return tensors;
  }

  at::Tensor host(const at::Tensor& tensor, const c10::Argument& declared) {
    if (!tensor.defined()) {
      return tensor;
    }
    if (tensor.device().is_mps()) {
      return view_.to_host(tensor);
    }
    const bool is_written = declared.alias_info() && declared.alias_info()->isWrite();
    const bool is_number = tensor.dim() == 0 && !is_written;
    TORCH_CHECK(
        tensor.device().is_cpu() && (takes_host_tensors_ || is_number),
        "Expected all tensors to be on the same device, but found at least two devices, ", DEVICE, " and ",
        tensor.device(), "! (when checking argument for argument ", declared.name(), " in method ",
        op_.operator_name(), ")");
    return tensor;
  }

  c10::IValue result(const c10::IValue& value) {
    if (value.isTensor()) {
      return view_.to_device(value.toTensor());
    }
    if (value.isTensorList()) {
      c10::List<at::Tensor> tensors;
      for (const at::Tensor& tensor : value.toTensorVector()) {
        tensors.push_back(view_.to_device(tensor));
      }
      return tensors;
    }
    return value;
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack* stack_;
  HostView view_;
  bool takes_host_tensors_;
  bool has_generator_ = false;
};

}  // namespace mps_on_linux
