// libFuzzer target: bytes → parse, validate, import, infer → instantiate calls → verify → write → import again.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "graph/verify.h"
#include "onnx/load.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "tenon/error.h"

namespace {

using namespace tenon;

/// Small enough for the fuzzer's memory and time limits; what they guard has tests of its own.
const onnx::Limits kLimits = {.nodes = 20'000,
                              .objects = 200'000,
                              .initializer_bytes = 64 << 20,
                              .tensor_elements = 1 << 24,
                              .sparse_expansion = 16 << 20,
                              .function_nodes = 5'000};

/// Replaces calls of model functions by their nodes, nested ones too.
void instantiate_calls(graph::Graph& g) {
  for (graph::NodeId n = 0; n < g.node_limit() && n < 10'000; ++n) {
    if (!g.node(n).alive || g.node(n).def) continue;
    const graph::Function* f = g.find_function(g.node(n).domain, g.node(n).op, g.node(n).overload);
    if (!f) std::abort();
    const std::vector<graph::ValueId> results = f->instantiate(g, n);
    const std::vector<graph::ValueId> outputs = g.node(n).outputs;
    for (size_t j = 0; j < outputs.size(); ++j)
      if (outputs[j] != graph::kNone && results.at(j) != graph::kNone) g.replace_all(outputs[j], results[j]);
  }
}

[[noreturn]] void finding(const char* what, const Error& e) {
  std::fprintf(stderr, "%s: %s\n", what, e.what());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const onnx::LoadOptions options{.ops = ops::builtin_ops(), .limits = kLimits};
  std::unique_ptr<graph::Graph> g;
  try {
    g = onnx::load_bytes(std::as_bytes(std::span(data, size)), options);
  } catch (const Error&) {
    return 0;
  }
  try {
    graph::verify(*g);
  } catch (const Error& e) {
    finding("a loaded graph does not verify", e);
  }
  std::string bytes;
  try {
    bytes = onnx::write_model(*g, {.ops = ops::builtin_ops()});
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kNotImplemented) finding("a loaded graph cannot be saved", e);
  }
  if (!bytes.empty()) {
    onnx::LoadOptions again = options;
    again.limits = {};
    std::unique_ptr<graph::Graph> h;
    try {
      h = onnx::load_bytes(std::as_bytes(std::span(bytes)), again);
      graph::verify(*h);
    } catch (const Error& e) {
      if (e.reason() != ErrorReason::kLimit) finding("a saved graph does not load", e);
    }
  }
  try {
    instantiate_calls(*g);
  } catch (const Error&) {
    return 0;
  }
  try {
    graph::verify(*g);
  } catch (const Error& e) {
    finding("a graph does not verify after instantiation", e);
  }
  return 0;
}
