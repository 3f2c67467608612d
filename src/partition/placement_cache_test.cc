// Decisions in memory and in files: found again, refused when they are of something else or damaged.
#include "partition/placement_cache.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ep/cpu/cpu.h"
#include "ep/registry.h"
#include "support/graph_text.h"
#include "support/temporary_dir.h"

namespace tenon::partition::placement_cache_test {
namespace {

struct Fixture {
  Fixture() {
    providers.push_back(ep::make_provider("TestDeviceExecutionProvider", {}));
    providers.push_back(ep::make_provider("CPUExecutionProvider", {}));
    placed.providers = {{"Test", providers[0].get()}, {"CPU", providers[1].get()}};
    decision.providers = {"Test", "CPU"};
    decision.candidates = {
        {}, {Decision::Candidate::kOnly, 1, 2000, 2100, ""}, {Decision::Candidate::kCut, 0, 900, 800, ""}};
    decision.chosen = 2;
    decision.links = {{1, 0, 5, 0.25, true}};
    decision.notes = {"a note"};
    for (graph::NodeId n : g->region().nodes)
      decision.nodes[n] = {g->node(n).name, g->node(n).op, 0, {{100, false, true}, {2000, true, false}}, 7};
  }
  std::unique_ptr<graph::Graph> g =
      test::parse_graph("graph (x: float[n]) opset 17 { y = Sin(x) @a z = Cos(y) @b return z }");
  std::vector<std::unique_ptr<ep::Provider>> providers;
  ep::Placed placed;
  Decision decision;
  std::string said;
  Logger log{"test", Severity::kWarning, [this](Severity, std::string_view, std::string_view m) { said += m; }};
  test::TemporaryDir dir;
};

TEST(PlacementCache, GivesBackWhatWasKept) {
  Fixture f;
  EXPECT_EQ(cached_decision(f.dir.path(), "kept-1", *f.g, f.placed, f.log), nullptr);
  keep_decision(f.dir.path(), "kept-1", f.decision, f.log);
  EXPECT_EQ(f.dir.entries(), 1);
  const auto d = cached_decision("", "kept-1", *f.g, f.placed, f.log);
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->source, "cache of the process");
  EXPECT_EQ(to_json(*d), to_json(f.decision));
  EXPECT_EQ(cached_decision(f.dir.path(), "kept-2", *f.g, f.placed, f.log), nullptr);
  EXPECT_EQ(f.said, "");
}

TEST(PlacementCache, FilesServeOtherProcesses) {
  Fixture f;
  keep_decision(f.dir.path(), "file-1", f.decision, f.log);
  // As if another process had written it: under a name that this one has not kept.
  std::string text = f.dir.read("placement-file-1.json");
  for (size_t at = text.find("file-1"); at != std::string::npos; at = text.find("file-1"))
    text.replace(at, 6, "file-2");
  f.dir.write("placement-file-2.json", text);
  const auto d = cached_decision(f.dir.path(), "file-2", *f.g, f.placed, f.log);
  ASSERT_NE(d, nullptr) << f.said;
  EXPECT_EQ(d->source, "cache file " + (f.dir.path() / "placement-file-2.json").string());
  EXPECT_EQ(to_json(*d), to_json(f.decision));
  EXPECT_EQ(cached_decision("", "file-2", *f.g, f.placed, f.log)->source, "cache of the process");
}

TEST(PlacementCache, DamagedAndForeignFilesArePassedOver) {
  Fixture f;
  keep_decision(f.dir.path(), "torn-0", f.decision, f.log);
  const std::string whole = f.dir.read("placement-torn-0.json");
  int round = 0;
  const auto passed_over = [&](std::string text, const graph::Graph& g, const ep::Placed& p) {
    const std::string key = fmt::format("torn-{}", ++round);
    for (size_t at = text.find("torn-0"); at != std::string::npos; at = text.find("torn-0")) text.replace(at, 6, key);
    f.dir.write("placement-" + key + ".json", text);
    f.said.clear();
    EXPECT_EQ(cached_decision(f.dir.path(), key, g, p, f.log), nullptr) << text;
    EXPECT_NE(f.said.find("placement-" + key + ".json is no placement of this model"), std::string::npos) << f.said;
  };
  for (size_t n = 0; n < whole.size() - 2; n += whole.size() / 40) passed_over(whole.substr(0, n), *f.g, f.placed);
  passed_over("{}", *f.g, f.placed);
  passed_over("[]", *f.g, f.placed);
  passed_over(std::string(5000, '\xff'), *f.g, f.placed);
  passed_over(R"({"format": "tenon placement 1", "key": "torn-0", "decision": 5})", *f.g, f.placed);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    passed_over(text.replace(at, from.size(), to), *f.g, f.placed);
  };
  changed("\"chosen\": 2", "\"chosen\": 3");
  changed("\"provider\": 1", "\"provider\": 2");
  changed("\"kind\": 2", "\"kind\": 9");
  changed("\"op\": \"Cos\"", "\"op\": \"Sin\"");
  changed("tenon placement 1", "tenon placement 0");
  passed_over(whole, *test::parse_graph("graph (x: float[n]) opset 17 { y = Sin(x) @a return y }"), f.placed);
  ep::Placed fewer;
  fewer.providers = {f.placed.providers[1]};
  passed_over(whole, *f.g, fewer);
  std::string other_key = whole;
  f.dir.write("placement-foreign.json", other_key);  // says that it is of torn-0
  EXPECT_EQ(cached_decision(f.dir.path(), "foreign", *f.g, f.placed, f.log), nullptr);
}

TEST(PlacementCache, KeysTellGraphsAndCircumstancesApart) {
  const auto key = [](const char* text, const char* circumstances = "here") {
    return placement_key(*test::parse_graph(text), circumstances);
  };
  const char* text = "graph (x: float[n]) opset 17 { w: float[1] = {1} y = Add(x, w) return y }";
  EXPECT_EQ(key(text), key(text));
  EXPECT_EQ(key(text).size(), 32u);
  EXPECT_NE(key(text), key(text, "there"));
  EXPECT_NE(key(text), key("graph (x: float[n]) opset 17 { w: float[1] = {2} y = Add(x, w) return y }"));
  EXPECT_NE(key(text), key("graph (x: float[3]) opset 17 { w: float[1] = {1} y = Add(x, w) return y }"));
  EXPECT_NE(key(text), key("graph (x: float[n]) opset 17 { w: float[1] = {1} y = Sub(x, w) return y }"));
}

TEST(PlacementCache, WhatCannotBeWrittenIsAWarning) {
  Fixture f;
  keep_decision(f.dir.path() / "missing", "lost", f.decision, f.log);
  EXPECT_NE(f.said.find("could not be kept"), std::string::npos);
  EXPECT_NE(cached_decision("", "lost", *f.g, f.placed, f.log), nullptr);
  check_cache_dir(f.dir.path() / "new" / "deep");
  EXPECT_TRUE(std::filesystem::is_directory(f.dir.path() / "new" / "deep"));
}

}  // namespace
}  // namespace tenon::partition::placement_cache_test
