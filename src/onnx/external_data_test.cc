// External data: where it may lie, what its numbers must be, over 2 GB, mapped and read.
#include "onnx/external_data.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "support/load_model.h"
#include "support/onnx_builder.h"
#include "support/temporary_dir.h"

namespace tenon::onnx::external_data_test {
namespace {

namespace fs = std::filesystem;
using namespace tenon::test;
using Keys = std::vector<std::pair<std::string, std::string>>;

Proto external(const Keys& keys, const std::vector<int64_t>& dims = {2}, int64_t type = 1) {
  Proto t = tensor_head("w", type, dims).i(14, 1);
  for (const auto& [key, value] : keys) t.m(13, Proto().b(1, key).b(2, value));
  return t;
}
std::string holding(const Proto& tensor) {
  return model(graph_proto({.nodes = {}, .inputs = {}, .outputs = {Proto().b(1, "w")}, .initializers = {tensor}}));
}
std::string floats(std::initializer_list<float> v) {
  return {reinterpret_cast<const char*>(v.begin()), v.size() * sizeof(float)};
}
LoadError file_error(const fs::path& path, const LoadOptions& options) {
  try {
    load_file(path, options);
    return {};
  } catch (const Error& e) {
    return {static_cast<int>(e.code()), e.reason(), e.what(), e.limit()};
  }
}
float first(const graph::Graph& g) { return g.value(g.region().results[0]).data.as<float>()[0]; }

class ExternalData : public ::testing::Test {
 protected:
  LoadError try_load(const Keys& keys, std::vector<int64_t> dims = {2}) {
    dir_.write("m.onnx", holding(external(keys, dims)));
    return file_error(dir_.path() / "m.onnx", {.ops = loader_ops()});
  }
  TemporaryDir dir_;
};

TEST_F(ExternalData, OffsetsAndModes) {
  dir_.write("w.bin", floats({1, 2, 3, 4}) + "x");
  dir_.write("m.onnx", holding(external({{"location", "w.bin"}, {"offset", "8"}, {"length", "8"}, {"checksum", "0"}})));
  for (const Weights w : {Weights::kMapped, Weights::kRead}) {
    auto g = load_file(dir_.path() / "m.onnx", {.ops = loader_ops(), .weights = w});
    EXPECT_EQ(first(*g), 3.f);
    const Value kept = g->value(g->region().results[0]).data;
    g.reset();
    EXPECT_EQ(kept.as<float>()[1], 4.f) << "a constant keeps its file";
  }
  EXPECT_EQ(try_load({{"location", "w.bin"}, {"offset", "1"}}).text, "") << "unaligned data is copied";
  EXPECT_EQ(try_load({{"location", "w.bin"}, {"offset", "9"}}).text, "") << "up to the last byte";
  EXPECT_EQ(try_load({{"location", "w.bin"}}, {0}).text, "");
}

TEST_F(ExternalData, BadNumbersAndKeys) {
  dir_.write("w.bin", floats({1, 2}));
  const struct {
    Keys keys;
    const char* expected;
  } kCases[] = {
      {{}, "no location"},
      {{{"location", ""}}, "no location"},
      {{{"location", "w.bin"}, {"length", "4"}}, "length 4 found, shape and type need 8"},
      {{{"location", "w.bin"}, {"length", "16"}}, "length 16"},
      {{{"location", "w.bin"}, {"offset", "1"}}, "8 bytes from offset 1 expected, file \"w.bin\" has 8"},
      {{{"location", "w.bin"}, {"offset", "9"}}, "has 8"},
      {{{"location", "w.bin"}, {"offset", "18446744073709551615"}}, "from offset 18446744073709551615"},
      {{{"location", "w.bin"}, {"offset", "18446744073709551616"}}, "expected a number"},
      {{{"location", "w.bin"}, {"offset", "-8"}}, "expected a number"},
      {{{"location", "w.bin"}, {"offset", "+8"}}, "expected a number"},
      {{{"location", "w.bin"}, {"offset", " 0"}}, "expected a number"},
      {{{"location", "w.bin"}, {"offset", "0x0"}}, "expected a number"},
      {{{"location", "w.bin"}, {"offset", ""}}, "expected a number"},
      {{{"location", "w.bin"}, {"location", "w.bin"}}, "twice"},
      {{{"location", "w.bin"}, {"offset", "0"}, {"offset", "0"}}, "twice"},
  };
  for (const auto& c : kCases) {
    const LoadError e = try_load(c.keys);
    EXPECT_EQ(e.code, 10) << c.expected;
    EXPECT_NE(e.text.find(c.expected), std::string::npos) << e.text;
    EXPECT_NE(e.text.find("tensor \"w\""), std::string::npos) << e.text;
  }
  dir_.write("m.onnx", holding(external({{"location", "w.bin"}}).f(4, 1.f)));
  EXPECT_NE(file_error(dir_.path() / "m.onnx", {.ops = loader_ops()}).text.find("expected one of them"),
            std::string::npos);
  dir_.write("m.onnx", holding(external({{"location", "w.bin"}}, {2}, 8)));
  EXPECT_NE(file_error(dir_.path() / "m.onnx", {.ops = loader_ops()}).text.find("strings"), std::string::npos);
  EXPECT_EQ(try_load({{"location", "w.bin"}}, {int64_t{1} << 39}).limit, "") << "refused by the size of the file";
}

TEST_F(ExternalData, UnknownKeysWarnOnce) {
  dir_.write("w.bin", floats({1, 2}));
  dir_.write("m.onnx", holding(external({{"location", "w.bin"}, {"colour", "red"}, {"colour", "blue"}})));
  std::vector<std::string> warnings;
  Logger logger("t", Severity::kWarning,
                [&](Severity, std::string_view, std::string_view m) { warnings.emplace_back(m); });
  load_file(dir_.path() / "m.onnx", {.ops = loader_ops(), .logger = &logger});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("\"colour\""), std::string::npos);
}

TEST_F(ExternalData, Containment) {
  const TemporaryDir outside;
  outside.write("w.bin", floats({5, 6}));
  fs::create_directory(dir_.path() / "d");
  fs::create_symlink(outside.path() / "w.bin", dir_.path() / "link");
  fs::create_symlink(outside.path(), dir_.path() / "linked_dir");
  ASSERT_EQ(::mkfifo((dir_.path() / "fifo").c_str(), 0600), 0);
  const std::string up = "../" + outside.path().filename().string() + "/w.bin";
  for (const std::string& location :
       {up, "d/../" + up, (outside.path() / "w.bin").string(), std::string("link"), std::string("linked_dir/w.bin"),
        std::string("fifo"), std::string("d"), std::string("none"), std::string("/dev/zero"),
        std::string("../../../../../../dev/zero"), std::string("/proc/self/mem"), std::string("w\0.bin", 6),
        std::string("*/_ORT_MEM_ADDR_/*")}) {
    const auto start = std::chrono::steady_clock::now();
    const LoadError e = try_load({{"location", location}});
    EXPECT_TRUE(e.code == 3 || e.code == 10) << location << ": " << e.code << e.text;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  }
  // What leads out is fine when the caller allows the directory.
  for (const char* location : {"link", "linked_dir/w.bin"}) {
    dir_.write("m.onnx", holding(external({{"location", location}})));
    EXPECT_EQ(first(*load_file(dir_.path() / "m.onnx", {.ops = loader_ops(), .allowed_dirs = {outside.path()}})), 5.f);
  }
}

TEST_F(ExternalData, CachesOfSymlinks) {
  // As in caches of model hubs: snapshots/1/{m.onnx,w.bin} are links to blobs/{a,b}.
  fs::create_directories(dir_.path() / "blobs");
  fs::create_directories(dir_.path() / "snapshots/1");
  dir_.write("blobs/a", holding(external({{"location", "w.bin"}})));
  dir_.write("blobs/b", floats({7, 8}));
  dir_.write("secret", floats({9, 9}));
  const fs::path snapshot = dir_.path() / "snapshots/1";
  fs::create_symlink("../../blobs/a", snapshot / "m.onnx");
  fs::create_symlink("../../blobs/b", snapshot / "w.bin");
  EXPECT_EQ(first(*load_file(snapshot / "m.onnx", {.ops = loader_ops()})), 7.f);
  fs::remove(snapshot / "w.bin");
  fs::create_symlink("../../secret", snapshot / "w.bin");
  EXPECT_EQ(file_error(snapshot / "m.onnx", {.ops = loader_ops()}).code, 3);
}

TEST_F(ExternalData, ModelsFromMemoryOpenNothing) {
  dir_.write("w.bin", floats({1, 2}));
  const std::string bytes = holding(external({{"location", "w.bin"}}));
  const auto span = std::as_bytes(std::span(bytes));
  const LoadError e = load_error(bytes);
  EXPECT_EQ(e.code, 10);
  EXPECT_NE(e.text.find("given as bytes"), std::string::npos) << e.text;
  EXPECT_EQ(first(*load_bytes(span, {.ops = loader_ops(), .external_dir = dir_.path()})), 1.f);
}

TEST_F(ExternalData, RelativeModelPaths) {
  dir_.write("w.bin", floats({1, 2}));
  dir_.write("m.onnx", holding(external({{"location", "w.bin"}})));
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  EXPECT_EQ(file_error("m.onnx", {.ops = loader_ops()}).text, "");
  EXPECT_EQ(file_error("./m.onnx", {.ops = loader_ops()}).text, "");
  fs::current_path(before);
}

TEST_F(ExternalData, OverTwoGigabytes) {
  // A sparse file of 3 GB takes no disk; mapped, only the pages that are read take memory.
  const int64_t rows = (int64_t{3} << 30) / 4;
  const fs::path file = dir_.path() / "w.bin";
  dir_.write("w.bin", floats({1}));
  ASSERT_EQ(::truncate(file.c_str(), rows * 4), 0);
  ASSERT_EQ(try_load({{"location", "w.bin"}}, {rows}).text, "");
  const auto g = load_file(dir_.path() / "m.onnx", {.ops = loader_ops()});
  const Value& v = g->value(g->region().results[0]).data;
  EXPECT_EQ(v.count(), rows);
  EXPECT_EQ(v.as<float>()[0], 1.f);
  EXPECT_EQ(v.as<float>()[static_cast<size_t>(rows - 1)], 0.f);
}

TEST_F(ExternalData, ModelFileOverFourGigabytes) {
  // The data of the initializer is the hole of a sparse file: lengths have 64 bits.
  const int64_t bytes = (int64_t{5} << 30);
  const auto field = [](uint32_t f, uint64_t size) { return Proto().varint(f << 3 | 2).varint(size).s; };
  const std::string tensor = tensor_head("w", 2, {bytes}).s + field(9, static_cast<uint64_t>(bytes));
  const std::string outputs = Proto().m(12, Proto().b(1, "w")).s + Proto().b(2, "g").s;
  const uint64_t tensor_size = tensor.size() + static_cast<uint64_t>(bytes);
  const std::string graph = outputs + field(5, tensor_size) + tensor;
  const std::string head =
      Proto().i(1, 8).m(8, opset("", 17)).s + field(7, graph.size() + static_cast<uint64_t>(bytes)) + graph;
  dir_.write("m.onnx", head);
  ASSERT_EQ(::truncate((dir_.path() / "m.onnx").c_str(), static_cast<off_t>(head.size()) + bytes), 0);
  const auto g = load_file(dir_.path() / "m.onnx", {.ops = loader_ops()});
  const Value& v = g->value(g->region().results[0]).data;
  EXPECT_EQ(v.count(), bytes);
  EXPECT_EQ(v.as<uint8_t>()[static_cast<size_t>(bytes - 1)], 0);
  ASSERT_EQ(::truncate((dir_.path() / "m.onnx").c_str(), static_cast<off_t>(head.size()) + bytes - 1), 0);
  EXPECT_EQ(file_error(dir_.path() / "m.onnx", {.ops = loader_ops()}).code, 7);
}

TEST(LoadFile, Refused) {
  const TemporaryDir dir;
  const LoadOptions options{.ops = loader_ops()};
  EXPECT_EQ(file_error(dir.path() / "none.onnx", options).code, 3);
  EXPECT_EQ(file_error(dir.path(), options).code, 3);
  EXPECT_EQ(file_error("/dev/zero", options).code, 3);
  dir.write("empty.onnx", "");
  EXPECT_EQ(file_error(dir.path() / "empty.onnx", options).code, 7);
}

}  // namespace
}  // namespace tenon::onnx::external_data_test
