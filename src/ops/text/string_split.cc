// StringSplit: each string cut at a delimiter (or at white space), padded with empty strings to the longest list.
#include "ops/move.h"

namespace tenon::ops::string_split {
namespace {

void infer(InferContext& c) {
  if (!c.has_rank(0)) {
    c.set_unranked(0, DType::kString);
    return c.set_unranked(1, DType::kInt64);
  }
  Dims d = c.dims(0);
  c.set(1, DType::kInt64, d);
  d.push_back(c.fresh());
  c.set(0, DType::kString, std::move(d));
}

constexpr std::string_view kSpaces = " \t\n\v\f\r";

/// Calls part(piece) for each piece; `most` cuts at most.
template <class F>
void split(std::string_view s, std::string_view delimiter, int64_t most, F&& part) {
  if (delimiter.empty()) {  // runs of white space are one cut; the ends do not count
    for (int64_t cuts = 0;; ++cuts) {
      const size_t first = s.find_first_not_of(kSpaces);
      if (first == s.npos) return;
      s.remove_prefix(first);
      const size_t end = cuts == most ? s.npos : s.find_first_of(kSpaces);
      part(s.substr(0, end));
      if (end == s.npos) return;
      s.remove_prefix(end);
    }
  }
  for (int64_t cuts = 0;; ++cuts) {
    const size_t at = cuts == most ? s.npos : s.find(delimiter);
    part(s.substr(0, at));
    if (at == s.npos) return;
    s.remove_prefix(at + delimiter.size());
  }
}

struct StringSplit final : Kernel {
  explicit StringSplit(const NodeInfo& info)
      : delimiter(info.attrs.get_string("delimiter", "")), most(info.attrs.get_int("maxsplit", -1)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const auto* in = x.as<std::string>();
    auto* counts = c.scratch<int64_t>(x.count);
    int64_t longest = 0;
    Poll poll(c.par.cancel);
    for (int64_t i = 0; i < x.count; ++i) {
      poll(20 + static_cast<int64_t>(in[i].size()));
      counts[i] = 0;
      split(in[i], delimiter, most, [&](std::string_view) { ++counts[i]; });
      longest = std::max(longest, counts[i]);
    }
    if (c.has_output(1)) std::copy_n(counts, x.count, c.output(1).out<int64_t>());
    if (!c.has_output(0)) return;
    Dims dims(x.dims());
    dims.push_back(longest);
    auto* out = c.output(0, DType::kString, dims).out<std::string>();
    for (int64_t i = 0; i < x.count; ++i) {
      poll(50 * longest + static_cast<int64_t>(in[i].size()));
      int64_t k = 0;
      split(in[i], delimiter, most, [&](std::string_view s) { out[i * longest + k++] = s; });
      for (; k < longest; ++k) out[i * longest + k].clear();
    }
  }
  std::string delimiter;
  int64_t most;
};

constexpr AttrDef kAttrs[] = {optional_attr("delimiter", AttrKind::kString), optional_attr("maxsplit", AttrKind::kInt)};
constexpr Port kIn[] = {{"X", kStringSet, "T1"}};
constexpr Port kOut[] = {{"Y", kStringSet, "T2"}, {"Z", kInt64Set, "T3"}};
constexpr OpDef kOps[] = {{.name = "StringSplit",
                           .since = 20,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<StringSplit>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::string_split
