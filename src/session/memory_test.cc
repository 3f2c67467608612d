// Memory of sessions: shared weights, the limit, failing allocations, what stays after large runs, allocators.
#include "session/memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "base/error.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "support/count_allocations.h"
#include "support/graph_text.h"
#include "support/program.h"
#include "support/temporary_dir.h"
#include "tenon/session.h"

namespace tenon::session::memory_test {
namespace {

constexpr int64_t kSide = 96;  // 36 KiB per weight: worth giving back
constexpr size_t kWeight = kSide * kSide * sizeof(float);

/// h = Tanh(x w1) w2, e = Gather(w3, i): two weights that kernels pack, one that they read.
std::string make_model(uint32_t seed) {
  std::string text = "graph (x: float[b,96], i: int64[n]) opset 17 {\n";
  for (const char* name : {"w1", "w2", "w3"}) {
    text += std::string(name) + ": float[96,96] = {";
    for (int64_t k = 0; k < kSide * kSide; ++k) {
      seed = seed * 1664525 + 1013904223;
      text += (k ? "," : "") + std::to_string(static_cast<int>(seed >> 24) - 128) + "e-3";
    }
    text += "}\n";
  }
  text += "a = MatMul(x, w1)\n b = Tanh(a)\n h = MatMul(b, w2)\n e = Gather(w3, i)\n return h, e }";
  const auto g = test::parse_graph(text);
  return onnx::write_model(*g, {.ops = ops::builtin_ops()});
}
const std::string& model() {
  static const std::string bytes = make_model(1);
  return bytes;
}

SessionOptions quiet(std::map<std::string, std::string> config = {}) {
  SessionOptions o;
  o.intra_op_num_threads = 1;
  o.log_severity_level = 4;
  o.config = std::move(config);
  return o;
}

Session from_bytes(const SessionOptions& o = quiet(), const std::string& bytes = model()) {
  return Session(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), o);
}

std::vector<Value> run(const Session& s, int64_t batch = 2, const RunOptions& o = {}) {
  Value x = Value::tensor(DType::kFloat, Dims{batch, kSide});
  for (int64_t k = 0; k < x.count(); ++k)
    x.as_mutable<float>()[static_cast<size_t>(k)] = 0.01f * static_cast<float>(k % 17);
  return s.run({{"x", x}, {"i", test::tensor_of<int64_t>({2}, {3, 95})}}, {}, o);
}

void expect_same(const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t k = 0; k < a.size(); ++k) EXPECT_EQ(test::max_difference(a[k], b[k]), 0);
}

TEST(SessionMemory, SessionsOfOneModelShareOneCopy) {
  const auto shared = env();
  test::TemporaryDir dir;
  dir.write("m.onnx", model());
  // An old file: its identity can be trusted.
  const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (dir.path() / "m.onnx").c_str(), old, 0), 0);
  usleep(150'000);
  for (const bool file : {true, false}) {
    SCOPED_TRACE(file);
    const auto make = [&] { return file ? Session((dir.path() / "m.onnx").string(), quiet()) : from_bytes(); };
    const Session first = make();
    const auto want = run(first);
    const size_t entries = shared->weights.entries();
    EXPECT_GE(entries, 2u);
    const MemoryUse one = first.memory_use();
    EXPECT_GE(one.weights, 3 * kWeight);
    EXPECT_LT(one.weights, 4 * kWeight);
    {
      std::vector<Session> more;
      for (int k = 0; k < 4; ++k) more.push_back(make());
      run(more[0]);
      const int64_t before = test::live_bytes();
      for (int k = 0; k < 16; ++k) more.push_back(make());
      EXPECT_LT(test::live_bytes() - before, int64_t{16 * kWeight}) << "sixteen sessions of three weights each";
      EXPECT_EQ(shared->weights.entries(), entries);
      for (const Session& s : more) {
        EXPECT_EQ(s.memory_use().weights, one.weights);
        expect_same(run(s), want);
      }
    }
    EXPECT_EQ(shared->weights.entries(), entries);
    expect_same(run(first), want);
  }
  EXPECT_EQ(shared->weights.entries(), 0u);
}

TEST(SessionMemory, AFileThatChangedIsAnotherModel) {
  test::TemporaryDir dir;
  const std::string path = (dir.path() / "m.onnx").string(), other = make_model(2);
  ASSERT_EQ(other.size(), model().size());
  const auto want = run(from_bytes(quiet(), other));
  dir.write("m.onnx", model());
  const Session first(path, quiet());
  EXPECT_GT(test::max_difference(run(first)[0], want[0]), 0);
  dir.write("m.onnx", other);  // in place, perhaps under the same time
  const Session second(path, quiet());
  expect_same(run(second), want);
}

TEST(SessionMemory, SavesWeightsThatWereGivenBack) {
  test::TemporaryDir dir;
  dir.write("m.onnx", model());
  const Session file((dir.path() / "m.onnx").string(), quiet());
  const auto want = run(file);
  const auto saved = [](const Session& s) { return from_bytes(quiet(), s.model_bytes()); };
  expect_same(run(saved(file)), want);
  expect_same(run(saved(from_bytes(quiet({{"tenon.keep_weights", "1"}})))), want);
  const Session bytes = from_bytes();
  EXPECT_NE(bytes.graph_text().find("MatMul"), std::string::npos);
  try {
    bytes.model_bytes();
    FAIL() << "the weights are gone";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("tenon.keep_weights"), std::string::npos) << e.what();
  }
}

TEST(SessionMemory, TheLimitIsNamedAndKept) {
  const size_t weights = from_bytes().memory_use().weights;
  try {
    from_bytes(quiet({{"tenon.memory_limit_bytes", std::to_string(weights - 1)}}));
    FAIL() << "the weights alone are over the limit";
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), ErrorReason::kLimit);
    EXPECT_EQ(e.limit(), "tenon.memory_limit_bytes");
    EXPECT_NE(std::string(e.what()).find("tenon.memory_limit_bytes"), std::string::npos) << e.what();
  }
  const size_t limit = weights + (size_t{4} << 20);
  const Session s = from_bytes(quiet({{"tenon.memory_limit_bytes", std::to_string(limit)}}));
  const auto want = run(s);
  for (int k = 0; k < 3; ++k) {
    try {
      run(s, 30000);
      FAIL() << "a run of 11 MB";
    } catch (const Error& e) {
      EXPECT_EQ(e.limit(), "tenon.memory_limit_bytes") << e.what();
    }
    expect_same(run(s), want);
    EXPECT_LE(s.memory_use().peak, limit);
  }
  EXPECT_THROW(from_bytes(quiet({{"tenon.memory_limit_bytes", "-1"}})), Error);
  EXPECT_THROW(from_bytes(quiet({{"tenon.memory_limit_bytes", "much"}})), Error);
}

TEST(SessionMemory, EveryAllocationMayFailOnce) {
  const auto want = run(from_bytes());
  int failures = 0;
  for (int64_t n = 0; n < 500; ++n) {
    SCOPED_TRACE(n);
    std::optional<Session> s;
    fail_allocation_after(n);
    std::string told;
    try {
      s.emplace(from_bytes());
      run(*s, 64);
    } catch (const Error& e) {
      told = e.what();
      EXPECT_EQ(e.reason(), ErrorReason::kOutOfMemory) << told;
      EXPECT_NE(told.find("out of memory"), std::string::npos) << told;
    }
    const bool failed = allocation_has_failed();
    fail_allocation_after(-1);
    if (s) expect_same(run(*s), want);
    if (!failed) break;
    EXPECT_FALSE(told.empty()) << "a failed allocation that nobody told";
    ++failures;
  }
  EXPECT_GT(failures, 10);
  EXPECT_LT(failures, 400) << "the loop ends where no allocation is left to fail";
}

TEST(SessionMemory, LittleStaysAfterAHugeBatch) {
  const Session s = from_bytes();
  run(s, 4);
  const size_t weights = s.memory_use().weights;
  run(s, 20000);
  run(s, 20000);
  const size_t peak = s.memory_use().peak - weights;
  EXPECT_GT(peak, size_t{14} << 20);
  for (int k = 0; k < 40; ++k) run(s, 4);
  EXPECT_LE(s.memory_use().used - weights, peak * 15 / 100);
  run(s, 20000);
  RunOptions shrink;
  shrink.config["memory.enable_memory_arena_shrinkage"] = "cpu:0";
  run(s, 4, shrink);
  EXPECT_LE(s.memory_use().used - weights, peak * 15 / 100);
}

TEST(SessionMemory, RunsAndSessionsDoNotGrow) {
  const Session s = from_bytes();
  for (int k = 0; k < 200; ++k) run(s, 1 + k % 5);
  const int64_t heap = test::live_bytes();
  const MemoryUse use = s.memory_use();
  for (int k = 0; k < 20000; ++k) run(s, 1 + k % 5);
  EXPECT_EQ(test::live_bytes(), heap);
  EXPECT_EQ(s.memory_use().used, use.used);
  EXPECT_EQ(s.memory_use().arena.in_use, use.arena.in_use);
  for (int k = 0; k < 20; ++k) run(from_bytes());
  const int64_t before = test::live_bytes();
  for (int k = 0; k < 200; ++k) run(from_bytes());
  EXPECT_EQ(test::live_bytes(), before);
}

TEST(SessionMemory, WarmRunsOfASessionAskForNothing) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer brings its own allocator";
  const Session s = from_bytes();
  const std::vector<std::string> in{"x", "i"}, out{"h", "e"};
  std::vector<std::vector<Value>> feeds;
  for (int64_t b : {1, 900, 3, 40}) {
    Value x = Value::tensor(DType::kFloat, Dims{b, kSide});
    for (float& v : x.as_mutable<float>()) v = 0.5f;
    feeds.push_back({x, test::tensor_of<int64_t>({2}, {3, 95})});
  }
  std::vector<Value> results(2);
  const auto round = [&] {
    for (const auto& f : feeds) {
      for (Value& v : results) v = {};
      s.run(in, f, out, results);
    }
  };
  for (int k = 0; k < 30; ++k) round();
  const int64_t before = test::allocation_count();
  for (int k = 0; k < 100; ++k) round();
  EXPECT_EQ(test::allocation_count() - before, 0);
}

TEST(SessionMemory, OptionsOfTheArena) {
  const auto want = run(from_bytes());
  SessionOptions o = quiet();
  o.enable_mem_pattern = false;
  expect_same(run(from_bytes(o)), want);
  o.enable_mem_reuse = false;
  const Session plain = from_bytes(o);
  for (int k = 0; k < 5; ++k) expect_same(run(plain), want);
  o = quiet();
  o.enable_cpu_mem_arena = false;
  const Session none = from_bytes(o);
  for (int k = 0; k < 3; ++k) {
    expect_same(run(none), want);
    EXPECT_EQ(none.memory_use().arena.total_allocated, 0) << "nothing stays between runs";
  }
}

TEST(SessionMemory, AllocatorsOfTheProcess) {
  struct Counting final : Allocator {
    std::shared_ptr<Allocator> inner = make_arena();
    int64_t live = 0, calls = 0;
    void* alloc(size_t bytes, size_t alignment, void* stream) noexcept override {
      ++calls, ++live;
      return inner->alloc(bytes, alignment, stream);
    }
    void free(void* p) noexcept override {
      live -= p != nullptr;
      inner->free(p);
    }
    AllocatorStats stats() const noexcept override { return inner->stats(); }
  };
  const auto want = run(from_bytes());
  const auto mine = std::make_shared<Counting>();
  register_allocator(mine);
  EXPECT_EQ(registered_allocator(), mine);
  EXPECT_THROW(register_allocator(make_arena()), Error);
  {
    const Session own = from_bytes();
    run(own);
    EXPECT_EQ(mine->calls, 0) << "only with session.use_env_allocators";
    const Session a = from_bytes(quiet({{"session.use_env_allocators", "1"}}));
    const Session b = from_bytes(quiet({{"session.use_env_allocators", "1"}}));
    expect_same(run(a), want);
    const int64_t calls = mine->calls;
    EXPECT_GT(calls, 0);
    unregister_allocator();
    EXPECT_THROW(unregister_allocator(), Error);
    expect_same(run(b), want);
    EXPECT_GT(mine->calls, calls) << "a session keeps the allocator that it began with";
    EXPECT_GT(b.memory_use().used, b.memory_use().weights);
  }
  EXPECT_EQ(mine->live, 0);

  ArenaConfig config;
  config.set("max_mem", 1 << 20);
  config.set("arena_extend_strategy", 1);
  EXPECT_THROW(config.set("max_memory", 1), Error);
  EXPECT_THROW(config.set("arena_extend_strategy", 2), Error);
  create_and_register_allocator({}, config);
  const Session limited = from_bytes(quiet({{"session.use_env_allocators", "1"}}));
  unregister_allocator();
  expect_same(run(limited), want);
  try {
    run(limited, 30000);
    FAIL() << "more than max_mem";
  } catch (const Error& e) {
    EXPECT_EQ(e.limit(), "max_mem") << e.what();
  }
  Device gpu;
  gpu.type = Device::Type::kGpu;
  EXPECT_THROW(create_and_register_allocator(gpu), Error);
}

}  // namespace
}  // namespace tenon::session::memory_test
