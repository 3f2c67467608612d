// Runs rows of the pipeline on graphs from text and compares.
#include "support/rewrite.h"

#include <gtest/gtest.h>

#include "exec/evaluate.h"
#include "graph/text.h"
#include "support/graph_text.h"

namespace tenon::test {
namespace {

const char* name_of(const passes::PipelineRow& r) { return r.rule ? r.rule->name : r.transformation->name; }

std::vector<passes::PipelineRow> rows_of(std::string_view names) {
  std::vector<passes::PipelineRow> rows;
  size_t found = 0, wanted = 1;
  for (char c : names) wanted += c == ',';
  const std::string list = "," + std::string(names) + ",";
  for (const passes::PipelineRow& r : passes::pipeline()) {
    if (list.find("," + std::string(name_of(r)) + ",") == std::string::npos) continue;
    rows.push_back(r);
    ++found;
  }
  EXPECT_EQ(found, wanted) << "rows of the pipeline called " << names;
  return rows;
}

/// Results of one operator may differ by the rounding of its sums.
double allowed(const std::vector<passes::PipelineRow>& rows) {
  for (const passes::PipelineRow& r : rows) {
    const auto numeric = r.rule ? r.rule->numeric : r.transformation->numeric;
    if (numeric != passes::NumericClass::kExact) return 2e-5;
  }
  return 0;
}

}  // namespace

Rewritten rewrite(std::string_view text, std::string_view names, passes::PassOptions options) {
  Rewritten r;
  r.graph = parse_graph(text);
  options.verify = true;
  const auto rows = rows_of(names);
  passes::PassManager manager(
      *r.graph, options, [](const graph::Graph& g, graph::NodeId n) { return exec::fold(g, n, size_t{1} << 30); },
      rows);
  manager.run(passes::Level::kNone, passes::Level::kAll);
  r.report = manager.report();
  r.text = graph::print(*r.graph);
  return r;
}

void expect_rewrite(std::string_view names, std::string_view before, std::string_view after) {
  const auto original = parse_graph(before);
  const Rewritten r = rewrite(before, names);
  EXPECT_EQ(r.text, graph::print(*parse_graph(after))) << names;
  EXPECT_FALSE(r.report.fired.empty());
  const double tolerance = allowed(rows_of(names));
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    const auto feeds = random_feeds(*original, seed, seed + 1);
    const auto expected = evaluate(*original, feeds), found = evaluate(*r.graph, feeds);
    ASSERT_EQ(expected.size(), found.size());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_LE(max_difference(expected[i], found[i]), tolerance) << "result " << i << " of\n" << r.text;
  }
}

void expect_untouched(std::string_view names, std::string_view text, std::string_view reason) {
  const std::string before = graph::print(*parse_graph(text));
  const Rewritten r = rewrite(text, names);
  EXPECT_EQ(r.text, before) << names;
  EXPECT_TRUE(r.report.fired.empty());
  bool seen = reason.empty();
  std::string reasons;
  for (const auto& s : r.report.skipped) {
    seen |= s.reason == reason;
    reasons += std::string(s.reason) + "; ";
  }
  EXPECT_TRUE(seen) << "expected the near miss \"" << reason << "\", found: " << reasons << "\n" << before;
}

}  // namespace tenon::test
