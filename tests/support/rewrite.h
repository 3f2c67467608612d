// Tests of rewrites: text graph in, text graph out, and both graphs run on random inputs.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "passes/pass.h"

namespace tenon::test {

/// A graph after some rows of the pipeline.
struct Rewritten {
  std::unique_ptr<graph::Graph> graph;
  passes::PassReport report;
  std::string text;  ///< printed, in full
};

/// Parses `text` and applies the rows called `names` (comma-separated; of the pipeline, in its order) with the verifier
/// on. Constants are folded with the real kernels.
Rewritten rewrite(std::string_view text, std::string_view names, passes::PassOptions options = {});

/// Rewrites `before` and expects `after`, compared as printed text; then runs both on random inputs and expects results
/// that differ by no more than the rows' numeric class allows. Reports failures through EXPECT.
void expect_rewrite(std::string_view names, std::string_view before, std::string_view after);
/// Expects that nothing changes, and (reason not empty) that the near miss is reported with this reason.
void expect_untouched(std::string_view names, std::string_view text, std::string_view reason = "");

}  // namespace tenon::test
