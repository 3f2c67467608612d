// libFuzzer target: bytes → parse, validate, import, infer → verify → write → import again → inline functions → verify.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "graph/verify.h"
#include "onnx/load.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "partition/inline_functions.h"
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
    while (partition::inline_functions(*g, 10'000) > 0) {
    }
  } catch (const Error&) {
    return 0;
  }
  try {
    graph::verify(*g);
  } catch (const Error& e) {
    finding("a graph does not verify after its calls were inlined", e);
  }
  return 0;
}
