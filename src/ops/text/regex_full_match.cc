// RegexFullMatch: whether each string, as a whole, matches a pattern in RE2's syntax.
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/map.h"
#include "ops/regex.h"

namespace tenon::ops::regex_full_match {
namespace {

class RegexFullMatch final : public Kernel {
 public:
  explicit RegexFullMatch(const NodeInfo& info) : regex_("pattern", pattern_of(info.attrs)) {}
  void run(KernelContext& c) const override {
    const auto* in = c.input(0).as<std::string>();
    bool* out = c.output(0).out<bool>();
    c.par.loop(c.input(0).count, 200, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = regex_.full_match(in[i]);
    });
  }

 private:
  static std::string_view pattern_of(const graph::Attrs& attrs) {
    if (!attrs.has("pattern")) fail("attribute pattern is missing");
    return attrs.get_string("pattern", "");
  }
  Regex regex_;
};

void infer(InferContext& c) { infer_like(c, DType::kBool); }

constexpr AttrDef kAttrs[] = {optional_attr("pattern", AttrKind::kString)};
constexpr Port kIn[] = {{"X", kStringSet, "T1"}}, kOut[] = {{"Y", kBoolSet, "T2"}};
constexpr OpDef kOps[] = {{.name = "RegexFullMatch",
                           .since = 20,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<RegexFullMatch>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::regex_full_match
