// The kernels of the device: almost all are the CPU's by HostCall; here is the table of those that are not.
#pragma once

#include <cstdlib>
#include <limits>
#include <string>
#include <unordered_set>

#include <ATen/EmptyTensor.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/_scaled_dot_product_attention_math_for_mps.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/library.h>

#include "host_call.h"
#include "mac_operators.h"

namespace mps_on_linux {

using torch::jit::Stack;

// ------------------------------------------------------------------------------------------------- by the CPU's kernel
void on_host(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  HostCall(op, stack, /*takes_host_tensors=*/false).run();
}

void on_host_with_host_tensors(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  HostCall(op, stack, /*takes_host_tensors=*/true).run();
}

// Another library's operator. Those that a Mac's build of it has kernels for cannot be told from those that it lacks.
void on_host_of_library(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      op.operator_name().name.compare(0, 6, "c10d::") != 0, "The distributed operator '", op.operator_name(),
      "' is not currently implemented for the MPS device");
  HostCall(op, stack, /*takes_host_tensors=*/false).run();
}

// Inductor expects of every convolution on mps that its result is contiguous, whatever its input is.
void convolution(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  HostCall(op, stack, /*takes_host_tensors=*/false).run();
  stack->back() = stack->back().toTensor().contiguous();
}

// The CPU's kernel changes shapes only, or asks the storage for memory: it takes the tensors as they are.
void as_it_is(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  op.redispatchBoxed(HOST_KEYS, stack);
}

// A Mac has no kernel for it.
void refuse(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack*) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      false, "The operator '", op.operator_name(), "' is not currently implemented for the MPS device. PyTorch's own ",
      "remedy, on a Mac and here: set the environment variable `PYTORCH_ENABLE_MPS_FALLBACK=1` to run it on the CPU.");
}

// A Mac has no kernel for it, and is told to take the CPU's.
void fall_back(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  TORCH_WARN_ONCE(
      "The operator '", op.operator_name(), "' is not currently supported on the MPS backend and will fall back to ",
      "run on the CPU.");
  HostCall(op, stack, /*takes_host_tensors=*/true).run();
}

// -------------------------------------------------------------------------------------------------------- new tensors
const c10::DispatchKeySet DEVICE_KEYS(c10::DispatchKey::MPS);
constexpr size_t MOST_DIMENSIONS = 16;

c10::ScalarType checked_dtype(std::optional<c10::ScalarType> dtype, std::optional<c10::Layout> layout) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      c10::layout_or_default(layout) == c10::Layout::Strided, "only strided tensors are supported on MPS");
  check_dtype(c10::dtype_or_default(dtype));
  return c10::dtype_or_default(dtype);
}

at::Tensor filled(at::Tensor tensor) {
  if (at::globalContext().deterministicAlgorithms() && at::globalContext().deterministicFillUninitializedMemory()) {
    at::native::fill_empty_deterministic_(tensor);
  }
  return tensor;
}

at::Tensor empty(
    c10::IntArrayRef sizes, std::optional<c10::ScalarType> dtype, std::optional<c10::Layout> layout,
    std::optional<c10::Device>, std::optional<bool>, std::optional<c10::MemoryFormat> format) {
  TORCH_CHECK(
      sizes.size() <= MOST_DIMENSIONS, "MPS supports tensors with dimensions <= 16, but got ", sizes.size(), ".");
  auto& allocator = DeviceAllocator::instance();
  return filled(at::detail::empty_generic(sizes, &allocator, DEVICE_KEYS, checked_dtype(dtype, layout), format));
}

at::Tensor empty_strided(
    c10::IntArrayRef sizes, c10::IntArrayRef strides, std::optional<c10::ScalarType> dtype,
    std::optional<c10::Layout> layout, std::optional<c10::Device>, std::optional<bool>) {
  auto& allocator = DeviceAllocator::instance();
  return filled(
      at::detail::empty_strided_generic(sizes, strides, &allocator, DEVICE_KEYS, checked_dtype(dtype, layout)));
}

// A tensor of zeros without memory, which forward-mode differentiation uses.
at::Tensor zero_tensor(
    c10::IntArrayRef sizes, std::optional<c10::ScalarType> dtype, std::optional<c10::Layout> layout,
    std::optional<c10::Device>, std::optional<bool>) {
  at::native::ZeroTensorAllocator allocator(DEVICE);
  const auto keys = DEVICE_KEYS | c10::DispatchKeySet(c10::DispatchKey::ZeroTensor);
  return at::detail::empty_generic(sizes, &allocator, keys, checked_dtype(dtype, layout), std::nullopt);
}

at::Tensor& set_to_nothing(at::Tensor& self) {
  c10::Storage storage(c10::Storage::use_byte_size_t(), 0, &DeviceAllocator::instance(), true);
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(storage));
  impl->set_sizes_and_strides(c10::IntArrayRef{0}, c10::IntArrayRef{1}, 0);
  return self;
}

// The memory of a tensor as a tensor of the CPU, for programs that know that it is there.
at::Tensor host_view(const at::Tensor& self) {
  return HostView().to_host(self);
}

// ---------------------------------------------------------------------------------------------------------- attention
// A boolean mask says what takes part; the kernels below add theirs.
std::optional<at::Tensor> added_mask(const std::optional<at::Tensor>& mask, c10::ScalarType dtype) {
  if (!mask || !mask->defined() || mask->scalar_type() != c10::ScalarType::Bool) {
    return mask;
  }
  const at::Tensor zeros = at::zeros_like(*mask, mask->options().dtype(dtype));
  return zeros.masked_fill(mask->logical_not(), -std::numeric_limits<double>::infinity());
}

// PyTorch's own looks for a fused kernel in a table that has no row for mps outside of a Mac.
at::Tensor attention(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const std::optional<at::Tensor>& mask,
    double dropout, bool is_causal, std::optional<double> scale, bool enable_gqa) {
  const auto added = added_mask(mask, query.scalar_type());
  const bool needs_gradient =
      c10::GradMode::is_enabled() && (query.requires_grad() || key.requires_grad() || value.requires_grad());
  if (dropout == 0.0 && !needs_gradient) {
    return std::get<0>(at::_scaled_dot_product_attention_math_for_mps(
        query, key, value, added, dropout, is_causal, std::nullopt, scale, enable_gqa));
  }
  return std::get<0>(at::_scaled_dot_product_attention_math(
      query, key, value, added, dropout, is_causal, std::nullopt, scale, enable_gqa));
}

std::tuple<at::Tensor, at::Tensor> attention_math(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const std::optional<at::Tensor>& mask,
    double dropout, bool is_causal, const std::optional<at::Tensor>& dropout_mask, std::optional<double> scale,
    bool enable_gqa) {
  return at::_scaled_dot_product_attention_math(
      query, key, value, mask, dropout, is_causal, dropout_mask, scale, enable_gqa);
}

int64_t attention_choice(
    const at::Tensor&, const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, double, bool,
    std::optional<double>, bool) {
  return 0;  // by products and softmax
}

// --------------------------------------------------------------------------------------------------------------- table
// A name that a release does not have is registered in vain, so that each table has the names of all releases.
using Kernel = void(const c10::OperatorHandle&, c10::DispatchKeySet, Stack*);
using Names = std::unordered_set<std::string>;

const Names AS_THEY_ARE = {
    "as_strided", "view", "_reshape_alias", "unfold", "view_as_real", "view_as_complex", "resize_",
    "set_.source_Storage", "set_.source_Storage_storage_offset", "set_.source_Tensor"};
const Names WITH_HOST_TENSORS = {
    "copy_", "_copy_from", "index.Tensor", "index.Tensor_out", "_index_put_impl_", "index_put_",
    "_unsafe_index.Tensor", "_unsafe_index_put"};
const Names CONVOLUTIONS = {"convolution", "_convolution", "convolution_overrideable"};
// Composite operators that ask for a device's kernel where this build of PyTorch has none for mps.
const Names ON_HOST_BEFORE_COMPOSITES = {"convolution_backward", "_convolution_double_backward"};
// What a Mac's PyTorch runs on the CPU without being told: for linalg_svd, below its derivative.
const Names FALLING_BACK = {"embedding_renorm_", "_linalg_svd.U"};
// PyTorch's own Python registers a kernel for mps.
const Names LEFT_TO_PYTORCH = {"linalg_lu_solve.out"};
const Names OF_OUR_OWN = {"empty.memory_format", "empty_strided", "_efficientzerotensor", "set_", "_fused_sdp_choice"};

template <Kernel* kernel>
void register_all(torch::Library& library, const Names& names) {
  for (const auto& name : names) {
    library.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<kernel>());
  }
}

bool is_fallback_enabled() {
  const char* text = std::getenv("PYTORCH_ENABLE_MPS_FALLBACK");
  return text && std::atoi(text) != 0;
}

// The operators of aten for which the CPU has a kernel, less those of the tables: "add.Tensor".
Names others() {
  const std::string prefix = "aten::";
  Names names;
  for (const auto& found : c10::Dispatcher::singleton().getRegistrationsForDispatchKey(c10::DispatchKey::CPU)) {
    if (found.name.compare(0, prefix.size(), prefix) == 0) {
      const std::string base = found.name.substr(prefix.size());
      names.insert(found.overload_name.empty() ? base : base + "." + found.overload_name);
    }
  }
  for (const Names* table : {&AS_THEY_ARE, &WITH_HOST_TENSORS, &CONVOLUTIONS, &ON_HOST_BEFORE_COMPOSITES, &FALLING_BACK,
                             &LEFT_TO_PYTORCH, &OF_OUR_OWN}) {
    for (const auto& name : *table) {
      names.erase(name);
    }
  }
  return names;
}

TORCH_LIBRARY_IMPL(_, MPS, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_host_of_library>());
}

TORCH_LIBRARY_IMPL(aten, MPS, m) {
  // A kernel that is registered wins over a composite one, the fallback does not: what the CPU has a kernel for is
  // computed by that, so that both give the same bits.
  Names on_the_host = others(), lacking;
  for (const char* name : WITHOUT_KERNEL) {
    if (on_the_host.erase(name)) {
      lacking.insert(name);
    }
  }
  for (const char* name : LEFT_TO_COMPOSITES) {
    on_the_host.erase(name);
  }
  register_all<&on_host>(m, on_the_host);
  is_fallback_enabled() ? register_all<&fall_back>(m, lacking) : register_all<&refuse>(m, lacking);
  register_all<&as_it_is>(m, AS_THEY_ARE);
  register_all<&on_host_with_host_tensors>(m, WITH_HOST_TENSORS);
  register_all<&convolution>(m, CONVOLUTIONS);
  register_all<&on_host>(m, ON_HOST_BEFORE_COMPOSITES);
  register_all<&fall_back>(m, FALLING_BACK);
  m.impl("empty.memory_format", TORCH_FN(empty));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("_efficientzerotensor", TORCH_FN(zero_tensor));
  m.impl("set_", TORCH_FN(set_to_nothing));
  m.impl("scaled_dot_product_attention", TORCH_FN(attention));
  m.impl("_scaled_dot_product_attention_math_for_mps", TORCH_FN(attention_math));
  m.impl("_fused_sdp_choice", TORCH_FN(attention_choice));
}

TORCH_LIBRARY_IMPL(aten, AutogradMPS, m) {
  m.impl("scaled_dot_product_attention", TORCH_FN(attention));
}

TORCH_LIBRARY(mps_on_linux, m) {
  m.def("host_view(Tensor(a) self) -> Tensor(a)", TORCH_FN(host_view));
}

}  // namespace mps_on_linux
