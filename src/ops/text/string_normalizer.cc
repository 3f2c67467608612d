// StringNormalizer: drops stop words, then changes case; one empty string when nothing is left.
#include <unordered_set>

#include "ops/move.h"
#include "ops/utf8.h"

namespace tenon::ops::string_normalizer {
namespace {

enum class Action { kNone, kLower, kUpper };
Action action_of(const graph::Attrs& attrs) {
  const std::string_view a = attrs.get_string("case_change_action", "NONE");
  if (a == "NONE") return Action::kNone;
  if (a == "LOWER") return Action::kLower;
  if (a == "UPPER") return Action::kUpper;
  fail("case_change_action is \"{}\", expected NONE, LOWER or UPPER", a);
}

void infer(InferContext& c) {
  action_of(c.attrs());
  if (!c.has_rank(0)) return c.set_unranked(0, DType::kString);
  const Dims& d = c.dims(0);
  if (d.size() != 1 && (d.size() != 2 || differ(d[0], 1)))
    fail("input has shape {}, expected [C] or [1, C]", to_string(d));
  Dims out(d.size(), 1);
  const bool keeps = c.attrs().get_strings("stopwords").empty() && !is_symbol(d.back()) && d.back() > 0;
  out.back() = keeps ? d.back() : c.fresh();
  c.set(0, DType::kString, std::move(out));
}

struct StringNormalizer final : Kernel {
  explicit StringNormalizer(const NodeInfo& info)
      : action(action_of(info.attrs)), exact(info.attrs.get_int("is_case_sensitive", 0) != 0) {
    for (const std::string& w : info.attrs.get_strings("stopwords")) stop.insert(exact ? w : map_case(w, to_lower));
  }
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    std::vector<std::string> kept;
    Poll poll(c.par.cancel);
    for (int64_t i = 0; i < x.count; ++i) {
      const std::string& s = x.as<std::string>()[i];
      poll(100 + static_cast<int64_t>(s.size()) * 10);
      if (!stop.empty() && stop.contains(exact ? s : map_case(s, to_lower))) continue;
      kept.push_back(action == Action::kNone ? s : map_case(s, action == Action::kLower ? to_lower : to_upper));
    }
    if (kept.empty()) kept.emplace_back();
    Dims dims(x.rank, 1);
    dims.back() = static_cast<int64_t>(kept.size());
    std::move(kept.begin(), kept.end(), c.output(0, DType::kString, dims).out<std::string>());
  }
  Action action;
  bool exact;
  std::unordered_set<std::string> stop;
};

constexpr AttrDef kAttrs[] = {string_attr("case_change_action", "NONE"), int_attr("is_case_sensitive", 0),
                              optional_attr("locale", AttrKind::kString),
                              optional_attr("stopwords", AttrKind::kStrings)};
constexpr Port kIn[] = {{"X", kStringSet, ""}};
constexpr Port kOut[] = {{"Y", kStringSet, ""}};
constexpr OpDef kOps[] = {{.name = "StringNormalizer",
                           .since = 10,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<StringNormalizer>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::string_normalizer
