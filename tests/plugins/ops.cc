// A library of custom operators, built against include/ alone: one for each thing that an operator may need.
#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "tenon/custom_op.h"

namespace {

using namespace tenon::plugin;
using tenon::DType;

/// y = x * factor + bias: state from an attribute, and from an input when that is a constant.
class Scale final : public Kernel {
 public:
  explicit Scale(const KernelInfo& node) : factor_(node.attributes().get_float("factor")) {
    if (factor_ == 0) throw tenon::Error(tenon::ErrorCode::kInvalidGraph, "factor 0 found, expected another number");
    if (const auto bias = node.num_inputs() > 1 ? node.constant(1) : std::nullopt) bias_ = bias->as<float>()[0];
  }
  void run(RunContext& c) const override {
    const TensorView x = c.input(0);
    const float bias = bias_ || !c.has_input(1) ? bias_.value_or(0) : c.input(1).as<float>()[0];
    const float* in = x.as<float>().data();
    float* y = c.output(0, x.dims).as<float>().data();
    c.parallel_for(x.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = in[i] * factor_ + bias;
    });
  }

 private:
  float factor_;
  std::optional<float> bias_;
};

void same_type(InferContext& c) { c.set_output(0, c.input(0)); }

/// The values above 0: the run decides how many.
void positive(RunContext& c) {
  const TensorView x = c.input(0);
  auto* kept = static_cast<float*>(c.scratch(static_cast<size_t>(x.count) * sizeof(float)));
  int64_t n = 0;
  for (const float v : x.as<float>())
    if (v > 0) kept[n++] = v;
  const int64_t dims[] = {n};
  std::copy_n(kept, n, c.output(0, dims).as<float>().begin());
}

void sum(RunContext& c) {
  const TensorView first = c.input(0);
  const auto y = c.output(0, first.dims).as<float>();
  std::ranges::copy(first.as<float>(), y.begin());
  for (size_t i = 1; i < c.num_inputs(); ++i) {
    if (c.input(i).count != first.count) throw std::invalid_argument("inputs of other sizes");
    for (size_t k = 0; k < y.size(); ++k) y[k] += c.input(i).as<float>()[k];
  }
}

/// x, `times` times: the second input decides the shape.
void infer_repeat(InferContext& c) {
  const TensorType& x = c.input(0);
  if (!x.dims) return;
  if (x.dims->size() != 1) throw std::invalid_argument("rank " + std::to_string(x.dims->size()) + ", expected 1");
  const auto times = c.ints(1);
  c.set_output(0, x.dtype, {times && times->size() == 1 ? c.mul((*x.dims)[0], (*times)[0]) : c.unknown()});
}
void repeat(RunContext& c) {
  const TensorView x = c.input(0);
  const int64_t times = c.input(1).as<int64_t>()[0];
  const int64_t dims[] = {x.count * times};
  const auto y = c.output(0, dims).as<float>();
  for (size_t k = 0; k < y.size(); ++k) y[k] = x.as<float>()[k % static_cast<size_t>(x.count)];
}

/// x plus the number of calls before.
std::unique_ptr<const Kernel> counter(const KernelInfo&) {
  return make_kernel([calls = std::make_shared<std::atomic<int>>(0)](RunContext& c) {
    const int n = (*calls)++;
    const auto y = c.output(0, c.input(0).dims).as<float>();
    for (size_t k = 0; k < y.size(); ++k) y[k] = c.input(0).as<float>()[k] + static_cast<float>(n);
  });
}

/// Joins the text of an attribute to every string; two results, the second one optional: their lengths.
void join(RunContext& c, const std::string& text) {
  const TensorView x = c.input(0);
  const auto y = c.output(0, x.dims).as<std::string>();
  for (size_t k = 0; k < y.size(); ++k) y[k] = x.as<std::string>()[k] + text;
  if (!c.has_output(1)) return;
  const auto length = c.output(1, x.dims).as<int64_t>();
  for (size_t k = 0; k < y.size(); ++k) length[k] = static_cast<int64_t>(y[k].size());
}

void misbehave(RunContext& c, std::string_view how) {
  if (how == "std") throw std::runtime_error("it went wrong");
  if (how == "int") throw 7;
  if (how == "worker")
    c.parallel_for(1 << 20, 100, [](int64_t, int64_t end) {
      if (end > 1000) throw std::runtime_error("a worker went wrong");
    });
  if (how == "shape") {
    const int64_t dims[] = {c.input(0).count + 1};
    c.output(0, dims);
  }
  if (how == "negative") {
    const int64_t dims[] = {-3};
    c.output(0, dims);
  }
  if (how == "missing") c.input(1);
  if (how == "wait")
    while (true) c.check_cancelled();
}

void add(std::vector<CustomOps>& domains) {
  const Port x{.name = "x", .types = {DType::kFloat}}, y{.name = "y", .types = {DType::kFloat}};
  CustomOps ops{"test.ops"};
  ops.ops.push_back({.name = "Scale",
                     .inputs = {x, {.name = "bias", .types = {DType::kFloat}, .use = PortUse::kOptional}},
                     .outputs = {y},
                     .attributes = {{.name = "factor", .kind = AttributeKind::kFloat, .otherwise = 2.f}},
                     .infer = same_type,
                     .make = [](const KernelInfo& node) { return std::make_unique<const Scale>(node); }});
  ops.ops.push_back({.name = "Positive", .inputs = {x}, .outputs = {y}, .make = [](const KernelInfo&) {
                       return make_kernel(positive);
                     }});
  ops.ops.push_back({.name = "Sum",
                     .inputs = {{.name = "xs", .types = {DType::kFloat}, .use = PortUse::kVariadic, .min_count = 2}},
                     .outputs = {y},
                     .infer = same_type,
                     .make = [](const KernelInfo&) { return make_kernel(sum); }});
  ops.ops.push_back({.name = "Repeat",
                     .inputs = {x, {.name = "times", .types = {DType::kInt64}, .host_memory = true}},
                     .outputs = {y},
                     .infer = infer_repeat,
                     .make = [](const KernelInfo&) { return make_kernel(repeat); }});
  ops.ops.push_back(
      {.name = "Counter", .inputs = {x}, .outputs = {y}, .deterministic = false, .infer = same_type, .make = counter});
  ops.ops.push_back({.name = "Join",
                     .since = 2,
                     .inputs = {{.name = "x", .types = {DType::kString}}},
                     .outputs = {{.name = "y", .types = {DType::kString}},
                                 {.name = "length", .types = {DType::kInt64}, .use = PortUse::kOptional}},
                     .attributes = {{.name = "text", .kind = AttributeKind::kString, .required = true}},
                     .make = [](const KernelInfo& node) {
                       return make_kernel([text = std::string(node.attributes().get_string("text"))](RunContext& c) {
                         join(c, text);
                       });
                     }});
  ops.ops.push_back({.name = "Misbehave",
                     .inputs = {x},
                     .outputs = {y},
                     .attributes = {{.name = "how", .kind = AttributeKind::kString, .required = true}},
                     .deterministic = false,
                     .infer = same_type,
                     .make = [](const KernelInfo& node) {
                       return make_kernel([how = std::string(node.attributes().get_string("how"))](RunContext& c) {
                         misbehave(c, how);
                       });
                     }});
  domains.push_back(std::move(ops));
}

}  // namespace

TENON_CUSTOM_OPS(add)
