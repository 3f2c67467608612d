// The manager: order, limits, names, provenance, refusals, speed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "graph/text.h"
#include "graph/verify.h"
#include "passes/rule.h"
#include "support/cpu_time.h"
#include "support/graph_text.h"
#include "support/op_runner.h"
#include "support/rewrite.h"
#include "support/source_dir.h"

namespace tenon::passes::pass_manager_test {
namespace {

using test::parse_graph;

constexpr const char* kExp[] = {"Exp"};
Outcome to_wrong_type(const Graph& g, NodeId n, Patch& patch) {
  patch.replace(result(g, n), patch.node("", "Cast", {operand(g, n, 0)}, Attrs{{"to", int64_t{7}}}));
  return kPatched;
}
Outcome to_bad_operands(const Graph& g, NodeId n, Patch& patch) {
  patch.replace(result(g, n), patch.node("", "MatMul", {operand(g, n, 0)}));
  return kPatched;
}
Outcome to_itself(const Graph& g, NodeId n, Patch& patch) {
  patch.replace(result(g, n), patch.node("", "Exp", {operand(g, n, 0)}));
  return kPatched;
}
Outcome to_constant(const Graph& g, NodeId n, Patch& patch) {
  patch.replace(result(g, n), patch.constant("c", test::vec<float>({1, 2, 3})));
  return kPatched;
}
constexpr Rule make(decltype(Rule::apply) f) {
  return {"made_up", "MadeUp", Level::kBasic, NumericClass::kExact, kExp, f};
}

PassReport run(graph::Graph& g, const Rule& rule, PassOptions options = {}) {
  const PipelineRow rows[] = {{.rule = &rule}};
  PassManager m(g, options, {}, rows);
  m.run(Level::kNone, Level::kAll);
  graph::verify(g);
  return m.report();
}

constexpr const char* kText = "graph (x: float[3]) opset 17 { a = Exp(x) @one  y = Neg(a)  return y }";

TEST(PassManager, PatchesThatDoNotTypeCheckAreTakenBack) {
  for (const auto f : {&to_wrong_type, &to_bad_operands}) {
    auto g = parse_graph(kText);
    const std::string before = graph::print(*g);
    const Rule rule = make(f);
    const PassReport report = run(*g, rule);
    EXPECT_EQ(graph::print(*g), before);
    EXPECT_TRUE(report.fired.empty());
    EXPECT_EQ(report.skipped.size(), 1u);
    PassOptions strict;
    strict.verify = true;
    EXPECT_NE(test::error_of([&] { run(*g, rule, strict); }), "");
  }
}

TEST(PassManager, RulesThatFeedThemselvesStop) {
  auto g = parse_graph(kText);
  const Rule rule = make(to_itself);
  PassOptions o;
  o.max_rounds = 2;
  const PassReport report = run(*g, rule, o);
  EXPECT_LT(report.fired.size(), 500u);
  EXPECT_EQ(g->live_nodes(), 2u);
}

TEST(PassManager, NamesAndProvenanceStay) {
  auto g = parse_graph(kText);
  const Rule rule = make(to_itself);
  PassOptions o;
  o.stop_after_rewrite = 1;
  run(*g, rule, o);
  const graph::Node& n = g->node(g->producer(g->find_value("a")));
  EXPECT_EQ(n.name, "one");
  ASSERT_EQ(n.provenance.size(), 1u);
  EXPECT_EQ(g->interned(n.provenance[0]), "one");
}

TEST(PassManager, FoldedConstantsRefineTypes) {
  const auto r = test::rewrite(R"(graph (x: int64[n], f: float[n]) opset 17 {
      two: float[1] = {2}  k = Exp(two)  length = Cast<to=7>(k)  e = Expand(f, length)
      h = Shape(e)  y = Add(x, h)  return y })",
                               "fold_constants,eliminate_dead");
  // exp(2) = 7.39: the length is known once it has been computed.
  EXPECT_NE(r.text.find("h: int64[1] = {7}"), std::string::npos) << r.text;
}

TEST(PassManager, StopAfterRewrite) {
  const char* text = R"(graph (x: float[3]) opset 17 {
      a = Identity(x)  b = Relu(a)  c = Identity(b)  d = Relu(c)  e = Identity(d)  y = Relu(e)  return y })";
  for (int64_t limit = 0; limit <= 4; ++limit) {
    PassOptions o;
    o.stop_after_rewrite = limit;
    const auto r = test::rewrite(text, "eliminate_identity", o);
    EXPECT_EQ(r.report.fired.size(), static_cast<size_t>(std::min<int64_t>(limit, 3)));
    EXPECT_EQ(r.graph->live_nodes(), 6u - static_cast<size_t>(std::min<int64_t>(limit, 3)));
  }
}

TEST(PassManager, EitherNameDisables) {
  for (const char* name : {"eliminate_identity", "EliminateIdentity"}) {
    PassOptions o;
    o.disabled = {"other", name};
    const auto r = test::rewrite("graph (x: float[3]) opset 17 { a = Identity(x)  y = Relu(a)  return y }",
                                 "eliminate_identity", o);
    EXPECT_EQ(r.graph->live_nodes(), 2u);
  }
}

TEST(PassManager, LevelsAreRespected) {
  const char* text = "graph (x: float[3]) opset 17 { a = Identity(x)  y = Relu(a)  return y }";
  auto g = parse_graph(text);
  PassManager m(*g, {}, {});
  m.run(Level::kNone, Level::kNone);
  EXPECT_EQ(g->live_nodes(), 2u);
  m.run(Level::kBasic, Level::kAll);
  EXPECT_EQ(g->live_nodes(), 2u);
  m.run(Level::kNone, Level::kBasic);
  EXPECT_EQ(g->live_nodes(), 1u);
}

TEST(PassManager, ResultsMayBecomeConstantsInTheMainRegionOnly) {
  auto g = parse_graph("graph (x: float[3]) opset 17 { y = Exp(x)  return y }");
  const Rule rule = make(to_constant);
  run(*g, rule);
  EXPECT_TRUE(g->is_constant(g->find_value("y")));
  auto nested = parse_graph(R"(graph (x: float[3], c: bool[]) opset 17 {
      y = If(c) [x] { then_branch (x1) { e = Exp(x1)  return e }  else_branch (x2) { f = Neg(x2) return f } }
      return y })");
  const PassReport report = run(*nested, rule);
  EXPECT_TRUE(report.fired.empty());
  ASSERT_EQ(report.skipped.size(), 1u);
  EXPECT_STREQ(report.skipped[0].reason, "a result of the graph keeps its own node");
}

TEST(Pipeline, LevelsAscendAndNamesAreUnique) {
  std::set<std::string> names;
  Level last = Level::kNone;
  for (const PipelineRow& r : pipeline()) {
    const Level level = r.rule ? r.rule->level : r.transformation->level;
    EXPECT_LE(last, level);
    last = level;
    EXPECT_TRUE(names.insert(r.rule ? r.rule->name : r.transformation->name).second);
    EXPECT_TRUE((r.rule != nullptr) != (r.transformation != nullptr));
  }
}

/// A rule file that the list forgets would never run.
TEST(Pipeline, EveryRuleFileIsListed) {
  const std::filesystem::path passes = std::filesystem::path(test::kSourceDir) / "src" / "passes";
  std::ifstream file(passes / "pipeline.cc");
  std::stringstream list;
  list << file.rdbuf();
  size_t files = 0;
  for (const char* folder : {"rules", "transformations"}) {
    for (const auto& entry : std::filesystem::directory_iterator(passes / folder)) {
      const std::string stem = entry.path().stem().string();
      if (entry.path().extension() != ".cc" || stem.ends_with("_test")) continue;
      ++files;
      EXPECT_NE(list.str().find("&" + stem + "::k"), std::string::npos) << stem;
    }
  }
  EXPECT_GT(files, 15u);
}

TEST(PassManager, TenThousandNodesTakeLessThanHalfASecond) {
  std::string text = "graph (x: float[n,4]) opset 17 { one: float[] = {1} v0 = Relu(x)\n";
  int last = 0;
  for (int i = 1; i < 10000; ++i) {
    const char* ops[] = {"Identity(v", "Mul(one, v", "Exp(v", "Neg(v", "Tanh(v"};
    text += fmt::format("v{} = {}{})\n", i, ops[i % 5], last);
    last = i;
  }
  text += fmt::format("return v{} }}", last);
  auto g = parse_graph(text);
  const test::CpuTime time;
  PassManager m(*g, {}, {});
  m.run(Level::kNone, Level::kAll);
  const double seconds = time.seconds();
  EXPECT_EQ(g->live_nodes(), 6001u);
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
#ifdef NDEBUG
  EXPECT_LT(seconds, 0.5);
#endif
}

}  // namespace
}  // namespace tenon::passes::pass_manager_test
