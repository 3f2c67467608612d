// Cost of the run loop: one run of the 50-node tiny graph through the C++ API.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "tenon/tenon.h"

namespace {

void tiny_50(benchmark::State& state) {
  const char* folder = std::getenv("TENON_BENCH_MODELS");
  const std::string path = std::string(folder ? folder : "build/bench-models") + "/tiny_50.onnx";
  tenon::SessionOptions options;
  options.intra_op_num_threads = 1;
  const tenon::Session session(path, options);
  std::vector<std::string> feed_names, fetch_names;
  std::vector<tenon::Value> feeds;
  for (const tenon::NodeArg& a : session.inputs()) {
    std::vector<int64_t> dims;
    for (const tenon::DimInfo& d : *a.shape) dims.push_back(d.value.value_or(1));
    feeds.push_back(tenon::Value::tensor(a.dtype, dims));
    for (float& f : feeds.back().as_mutable<float>()) f = 0.5f;
    feed_names.push_back(a.name);
  }
  for (const tenon::NodeArg& a : session.outputs()) fetch_names.push_back(a.name);
  std::vector<tenon::Value> fetches(fetch_names.size());
  for (auto _ : state) session.run(feed_names, feeds, fetch_names, fetches);
}
BENCHMARK(tiny_50);

}  // namespace
