// Compiled groups saved as EPContext nodes and restored; what is refused.
#include "session/contexts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "support/onnx_builder.h"
#include "support/random_graph.h"
#include "support/temporary_dir.h"

namespace tenon::session::contexts_test {
namespace {

using test::expect_same;
using test::TemporaryDir;
using Options = std::map<std::string, std::string>;

/// Level basic: fused convolutions of the CPU may round otherwise.
SessionOptions cpu_options() {
  SessionOptions o;
  o.graph_optimization_level = OptimizationLevel::kEnableBasic;
  return o;
}

SessionOptions device_options(const Options& config, const Options& device = {}) {
  SessionOptions o = cpu_options();
  o.providers = {{"TestDeviceExecutionProvider", device}};
  o.config = config;
  o.log_sink = [](int, std::string_view, std::string_view) {};
  return o;
}

std::span<const uint8_t> span_of(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

std::vector<Value> run(const Session& s, const std::vector<Value>& images) {
  return s.run({{"x0", images[0]}, {"x1", images[1]}});
}

/// A directory with a model of random layers, m.onnx, that reads both inputs.
struct Compiled : TemporaryDir {
  explicit Compiled(uint64_t seed, const Options& more = {}, const Options& device = {}) : rng(seed) {
    const auto g = test::random_cnn(rng, 12);
    write("m.onnx", onnx::write_model(*g, {.ops = ops::builtin_ops()}));
    images = test::images_of(rng, 2);
    want = run(Session(file("m.onnx"), cpu_options()), images);
    Options config = more;
    config["ep.context_enable"] = "1";
    const Session session(file("m.onnx"), device_options(config, device));
    expect_same(run(session, images), want, "the session that compiles");
    made = session.load_report().context_nodes;
    files = session.load_report().context_files;
  }
  std::string file(const std::string& name) const { return (path() / name).string(); }

  test::Rng rng;
  std::vector<Value> images, want;
  size_t made = 0;
  std::vector<std::string> files;
};

/// Sessions that load a compiled model must not compile.
const Options kRestoreOnly = {{"session.disable_model_compile", "1"}};

TEST(Contexts, CompiledModelsGiveTheSameResults) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const bool embed = seed % 2 != 0;
    const Options device = {
        {"layout", seed % 3 ? "NHWC" : "NCHW"}, {"share", seed % 5 ? "1" : "0.7"}, {"async", seed % 4 ? "0" : "1"}};
    const Compiled m(seed, {{"ep.context_embed_mode", embed ? "1" : "0"}}, device);
    ASSERT_GT(m.made, 0u) << seed;
    EXPECT_EQ(m.files.size(), embed ? 0u : m.made);
    EXPECT_EQ(m.entries(), static_cast<std::ptrdiff_t>(2 + m.files.size()));
    const Session again(m.file("m_ctx.onnx"),
                        device_options(device.at("share") == "1" ? kRestoreOnly : Options{}, device));
    expect_same(run(again, m.images), m.want, fmt::format("seed {}", seed));
    if (testing::Test::HasFatalFailure()) return;
    const auto placement = again.load_report().placement();
    EXPECT_EQ(std::ranges::count(placement.nodes, "com.microsoft.EPContext", &LoadReport::Placement::Node::op),
              static_cast<std::ptrdiff_t>(m.made));
    EXPECT_EQ(again.metadata().custom_metadata_map.at("ep_compatibility_info.TestDeviceExecutionProvider"), "1");
  }
}

TEST(Contexts, OptionsSayWhereAndHow) {
  const TemporaryDir other;
  const Compiled m(
      3, {{"ep.context_file_path", (other.path() / "c.onnx").string()}, {"ep.context_node_name_prefix", "first_"}});
  EXPECT_EQ(m.entries(), 1);
  EXPECT_EQ(m.files[0], "c_TestDeviceExecutionProvider_0.bin");
  const Session again((other.path() / "c.onnx").string(), device_options(kRestoreOnly));
  EXPECT_TRUE(std::ranges::any_of(again.load_report().placement().nodes,
                                  [](const auto& n) { return n.name.starts_with("first_TestDevice_"); }));
  // Bytes: the files lie where ep.context_file_path lies.
  const std::string bytes = other.read("c.onnx");
  Options config = kRestoreOnly;
  config["ep.context_file_path"] = (other.path() / "c.onnx").string();
  expect_same(run(Session(span_of(bytes), device_options(config)), m.images), m.want, "from bytes");
  EXPECT_NE(error_of([&] { Session(span_of(bytes), device_options({})); }).find("given as bytes"), std::string::npos);
  SessionOptions in_memory = device_options(kRestoreOnly);
  const std::string blob = other.read(m.files[0]);
  Value v = Value::tensor(DType::kUint8, Dims{static_cast<int64_t>(blob.size())});
  std::ranges::copy(blob, reinterpret_cast<char*>(v.mutable_data()));
  in_memory.external_files[m.files[0]] = v;
  if (m.files.size() == 1) expect_same(run(Session(span_of(bytes), in_memory), m.images), m.want, "files in memory");
}

TEST(Contexts, RefusesToWriteWhereItShouldNot) {
  const Compiled m(4);
  const auto compile = [&](Options config) {
    config["ep.context_enable"] = "1";
    return error_of([&] { Session(m.file("m.onnx"), device_options(config)); });
  };
  EXPECT_NE(compile({}).find("m_ctx.onnx\" exists already"), std::string::npos);
  EXPECT_NE(compile({{"ep.context_file_path", m.path().string()}}).find("is a directory"), std::string::npos);
  EXPECT_NE(compile({{"ep.context_embed_mode", "2"}}).find("ep.context_embed_mode"), std::string::npos);
  EXPECT_EQ(compile({{"tenon.context_overwrite", "1"}}), "nothing was thrown");
  const std::string bytes = m.read("m.onnx");
  EXPECT_NE(error_of([&] {
              Session(span_of(bytes), device_options({{"ep.context_enable", "1"}}));
            }).find("expected ep.context_file_path"),
            std::string::npos);
  try {
    Session(m.file("m.onnx"), device_options(kRestoreOnly));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kModelRequiresCompilation);
  }
}

TEST(Contexts, WithoutCompiledGroupsTheModelIsSavedAsItIs) {
  const Compiled m(5, {}, {{"fuse", "0"}});
  EXPECT_EQ(m.made, 0u);
  expect_same(run(Session(m.file("m_ctx.onnx"), cpu_options()), m.images), m.want, "no groups");
}

TEST(Contexts, SharedContextsAreOneFileAndOneObject) {
  const Compiled m(6, {{"ep.share_ep_contexts", "1"}});
  Options config = {
      {"ep.context_enable", "1"}, {"ep.share_ep_contexts", "1"}, {"ep.context_file_path", m.file("b.onnx")}};
  const Session second(m.file("m.onnx"), device_options(config));
  EXPECT_EQ(second.load_report().context_files, m.files);
  Options restore = kRestoreOnly;
  restore["ep.share_ep_contexts"] = "1";
  const Session a(m.file("m_ctx.onnx"), device_options(restore)), b(m.file("b.onnx"), device_options(restore));
  expect_same(run(a, m.images), m.want, "the first");
  expect_same(run(b, m.images), m.want, "the second");
}

TEST(Contexts, ADamagedOrForeignContextIsRefused) {
  const Compiled m(7);
  const std::string name = m.files.at(0), good = m.read(name);
  const auto load = [&](const std::string& bytes) {
    m.write(name, bytes);
    return error_of([&] { Session(m.file("m_ctx.onnx"), device_options({{"tenon.weights", "read"}})); });
  };
  EXPECT_EQ(load(good), "nothing was thrown");
  std::string bad = good;
  bad.back() = static_cast<char>(bad.back() ^ 1);
  EXPECT_NE(load(bad).find("their hash differs"), std::string::npos);
  EXPECT_NE(load(good.substr(0, good.size() - 1)).find("its header says"), std::string::npos);
  EXPECT_NE(load(good.substr(0, 20)).find("it ends in its"), std::string::npos);
  EXPECT_NE(load("").find("it ends in its first bytes"), std::string::npos);
  const std::string device = "TestDeviceExecutionProvider";
  EXPECT_NE(load(seal(device, "2", "x")).find("has version \"2\", the provider has \"1\""), std::string::npos);
  EXPECT_NE(load(seal("OtherExecutionProvider", "1", "x")).find("is of \"OtherExecutionProvider\""), std::string::npos);
  EXPECT_NE(load("NOTTENON" + good.substr(8)).find("does not begin with"), std::string::npos);
  for (size_t size : {0u, 3u, 4u, 40u}) {  // the seal is right, what it holds is not
    const std::string error = load(seal(device, "1", std::string(size, '\x7f')));
    EXPECT_NE(error, "nothing was thrown");
    EXPECT_NE(error.find("EPContext node"), std::string::npos) << error;
  }
  test::Rng rng(8);
  for (int round = 0; round < 200; ++round) {  // damage behind a right seal ends in an error or in a session
    std::string payload = good.substr(good.size() - std::min<size_t>(good.size(), 600));
    const auto opened = open_seal(std::as_bytes(std::span(good)), device, "1");
    payload.assign(reinterpret_cast<const char*>(opened.data()), opened.size());
    for (int k = 0; k < 4; ++k) payload[rng() % payload.size()] = static_cast<char>(rng());
    load(seal(device, "1", payload));
  }
  EXPECT_EQ(load(good), "nothing was thrown");
}

TEST(Contexts, OnlyFilesBesideTheModelAreOpened) {
  using namespace test;
  const TemporaryDir dir;
  std::filesystem::create_directory(dir.path() / "models");
  dir.write("secret.bin", "secret");
  std::filesystem::create_symlink(dir.path() / "secret.bin", dir.path() / "models" / "link.bin");
  const auto load = [&](const std::string& location, int64_t main_context = 1) {
    const std::string bytes = small_model(
        {node("EPContext", {"x"}, {"y"},
              {attr_string("ep_cache_context", location), attr_int("embed_mode", 0),
               attr_int("main_context", main_context), attr_string("source", "TestDeviceExecutionProvider")},
              "n", "com.microsoft")},
        {}, {.opsets = {opset("", 17), opset("com.microsoft", 1)}});
    dir.write("models/m.onnx", bytes);
    return error_of([&] { Session((dir.path() / "models" / "m.onnx").string(), device_options({})); });
  };
  EXPECT_NE(load("../secret.bin").find("outside"), std::string::npos) << load("../secret.bin");
  EXPECT_NE(load("link.bin").find("outside"), std::string::npos) << load("link.bin");
  EXPECT_NE(load((dir.path() / "secret.bin").string()).find("is absolute"), std::string::npos);
  EXPECT_NE(load("missing.bin").find("missing.bin"), std::string::npos);
  EXPECT_NE(load("").find("ep_cache_context is missing"), std::string::npos);
  EXPECT_NE(load("x.bin", 0).find("main_context is 0"), std::string::npos);
}

TEST(Contexts, ANodeWithoutItsProviderSaysWhoMadeIt) {
  const Compiled m(9);
  EXPECT_NE(error_of([&] {
              Session(m.file("m_ctx.onnx"), {});
            }).find("it holds what \"TestDeviceExecutionProvider\" compiled"),
            std::string::npos);
}

TEST(Contexts, ASealIsOpenedOnlyAsItWasClosed) {
  const std::string sealed = seal("P", "v", "payload");
  const auto bytes = std::as_bytes(std::span(sealed));
  const auto opened = open_seal(bytes, "P", "v");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(opened.data()), opened.size()), "payload");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string bad = sealed;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    EXPECT_THROW(open_seal(std::as_bytes(std::span(bad)), "P", "v"), Error) << i;
    EXPECT_THROW(open_seal(bytes.first(i), "P", "v"), Error) << i;
  }
}

}  // namespace
}  // namespace tenon::session::contexts_test
