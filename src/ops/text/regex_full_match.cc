// RegexFullMatch: whether each string, as a whole, matches a pattern in RE2's syntax.
#include "base/library.h"
#include "extras/regex.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/map.h"

namespace tenon::ops::regex_full_match {
namespace {

const extras::RegexApi& api() {
  static const extras::RegexApi& loaded = [&]() -> const extras::RegexApi& {
    extras::RegexEntry* entry = nullptr;
    SharedLibrary::beside(extras::kRegexLibrary).bind(extras::kRegexEntry, entry);
    return *entry();
  }();
  return loaded;
}

class RegexFullMatch final : public Kernel {
 public:
  explicit RegexFullMatch(const NodeInfo& info) {
    if (!info.attrs.has("pattern")) fail("attribute pattern is missing");
    const std::string_view pattern = info.attrs.get_string("pattern", "");
    char why[256] = "";
    regex_ = api().compile(pattern.data(), pattern.size(), why, sizeof(why));
    if (!regex_) fail("attribute pattern: '{}' is no regular expression: {}", pattern, static_cast<const char*>(why));
  }
  ~RegexFullMatch() override { api().free(regex_); }
  RegexFullMatch(const RegexFullMatch&) = delete;
  RegexFullMatch& operator=(const RegexFullMatch&) = delete;

  void run(KernelContext& c) const override {
    const auto* in = c.input(0).as<std::string>();
    bool* out = c.output(0).out<bool>();
    c.par.loop(c.input(0).count, 200, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = api().full_match(regex_, in[i].data(), in[i].size());
    });
  }

 private:
  void* regex_;
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
