// The model as text, written once.
#include "support/modes.h"

#include <algorithm>
#include <cstring>

#include "onnx/write.h"
#include "ops/op.h"
#include "support/graph_text.h"
#include "support/program.h"

namespace tenon::test {
namespace {

constexpr int64_t kSide = 32;

std::string model_bytes() {
  std::string text = "graph (x: float[b,32], i: int64[1], shape: int64[2], trips: int64[]) opset 17 {\n";
  uint32_t seed = 7;
  for (const char* name : {"w1", "w2", "w3", "w4"}) {
    text += std::string(name) + ": float[32,32] = {";
    for (int64_t k = 0; k < kSide * kSide; ++k) {
      seed = seed * 1664525 + 1013904223;
      text += (k ? "," : "") + std::to_string(static_cast<int>(seed >> 24) - 128) + "e-3";
    }
    text += "}\n";
  }
  text += R"(
    a1 = MatMul(x, w1)  a2 = Tanh(a1)
    b1 = MatMul(x, w2)  b2 = Sigmoid(b1)
    c1 = MatMul(x, w3)  c2 = Softmax(c1)
    d1 = MatMul(x, w4)  d2 = Relu(d1)
    e = Add(a2, b2)
    f = Mul(c2, d2)
    g = Sub(e, f)
    row = Gather<axis=0>(g, i)
    r = Reshape(g, shape)
    s = Softmax(r)
    zero: int64[] = {0}
    some = Greater(trips, zero)
    t = If(some) [row] {
      then_branch (p) { u = Abs(p)  return u }
      else_branch (p) { v = Neg(p)  return v }
    }
    yes: bool[] = {1}
    last, all = Loop(trips, yes, t) [row] {
      body (k: int64[], c: bool[], v, q) {
        n = Add(v, q)
        m = Tanh(n)
        go = Identity(c)
        return go, m, v
      }
    }
    return g, s, last, all })";
  return onnx::write_model(*parse_graph(text), {.ops = ops::builtin_ops()});
}

SessionOptions options_with(int intra, int inter) {
  SessionOptions o;
  o.log_severity_level = 4;
  o.intra_op_num_threads = intra;
  o.inter_op_num_threads = inter;
  if (inter > 1) {
    o.execution_mode = ExecutionMode::kParallel;
    o.config["tenon.parallel"] = "always";
  }
  return o;
}

ProviderSpec device(const char* id) {
  return {"TestDeviceExecutionProvider",
          {{"device_id", id}, {"share", "0.5"}, {"seed", id}, {"fuse", id}, {"async", "1"}, {"max_delay_us", "30"}}};
}

std::vector<Mode> make_modes() {
  const ProviderSpec cpu{"CPUExecutionProvider", {}};
  std::vector<Mode> all = {{"one thread", options_with(1, 1)},
                           {"two threads", options_with(2, 1)},
                           {"lanes", options_with(1, 2)},
                           {"a device with streams", options_with(1, 1)},
                           {"two devices and lanes", options_with(1, 2)}};
  all[3].options.providers = {device("0"), cpu};
  all[4].options.providers = {device("0"), device("1"), cpu};
  return all;
}

}  // namespace

const std::vector<Mode>& modes() {
  static const std::vector<Mode> all = make_modes();
  return all;
}

Session mode_session(const SessionOptions& options) {
  static const std::string bytes = model_bytes();
  return Session(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), options);
}

std::vector<Value> mode_feeds(int64_t batch, int64_t index, int64_t trips) {
  Value x = Value::tensor(DType::kFloat, Dims{batch, kSide});
  for (int64_t k = 0; k < x.count(); ++k)
    x.as_mutable<float>()[static_cast<size_t>(k)] = 0.02f * static_cast<float>(k * 7 % 101 - 50);
  return {x, tensor_of<int64_t>({1}, {index}), tensor_of<int64_t>({2}, {-1, 16}), tensor_of<int64_t>({}, {trips})};
}

std::vector<Value> mode_run(const Session& s, const std::vector<Value>& feeds, const RunOptions& options) {
  static const std::vector<std::string> in{"x", "i", "shape", "trips"}, out{"g", "s", "last", "all"};
  std::vector<Value> results(out.size());
  s.run(in, feeds, out, results, options);
  return results;
}

bool same_bits(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::ranges::equal(a, b, [](const Value& x, const Value& y) {
    return std::ranges::equal(x.dims(), y.dims()) && x.bytes() == y.bytes() &&
           (x.bytes() == 0 || std::memcmp(x.data(), y.data(), x.bytes()) == 0);
  });
}

}  // namespace tenon::test
