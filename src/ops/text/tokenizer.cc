// com.microsoft Tokenizer: each string as a row of tokens, the rows filled up with pad_value. Tokens are what lies
// between matches of the separators, or the matches of tokenexp, or single characters (separators [""] or tokenexp
// ".").
#include <algorithm>

#include "ops/move.h"
#include "ops/regex.h"
#include "ops/utf8.h"

namespace tenon::ops::tokenizer {
namespace {

constexpr const char *kStart = "\x02", *kEnd = "\x03";

struct Rule {
  bool mark, characters = false;
  int64_t shortest;
  std::string_view tokens;
  std::span<const std::string> separators;

  explicit Rule(const graph::Attrs& attrs)
      : mark(attrs.get_int("mark", 0) != 0),
        shortest(attrs.get_int("mincharnum", 0)),
        tokens(attrs.get_string("tokenexp", "")),
        separators(attrs.get_strings("separators")) {
    if (shortest < 1) fail("attribute mincharnum is {}, expected at least 1", shortest);
    if (separators.empty() == tokens.empty()) fail("expected one of the attributes separators and tokenexp");
    characters = tokens == ".";
    for (const std::string& s : separators) characters = characters || s.empty();
    if (characters && separators.size() > 1) fail("attribute separators: an empty one must be the only one");
    if (characters && shortest > 1)
      fail("attribute mincharnum is {}, expected 1 where characters are tokens", shortest);
  }
};

void infer(InferContext& c) {
  const Rule rule(c.attrs());
  if (!c.has_rank(0)) return c.set_unranked(0, DType::kString);
  Dims d = c.dims(0);
  if (d.size() != 1 && d.size() != 2) fail("X has shape {}, expected [C] or [N, C]", c.sym.to_string(d));
  d.push_back(c.fresh());
  c.set(0, DType::kString, std::move(d));
}

class Tokenizer final : public Kernel {
 public:
  explicit Tokenizer(const NodeInfo& info) : Tokenizer(Rule(info.attrs), info.attrs.get_string("pad_value", "")) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    std::vector<std::vector<std::string_view>> rows(static_cast<size_t>(x.count));
    c.par.loop(x.count, 300, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) rows[static_cast<size_t>(i)] = split(x.as<std::string>()[i]);
    });
    size_t longest = 0;
    for (const auto& row : rows) longest = std::max(longest, row.size());
    const size_t width = longest > 0 && mark_ ? longest + 2 : longest;
    Dims dims(x.dims());
    dims.push_back(static_cast<int64_t>(width));
    auto* y = c.output(0, DType::kString, dims).out<std::string>();
    for (size_t i = 0; width > 0 && i < rows.size(); ++i) {
      std::string *to = y + i * width, *end = to + width;
      if (mark_) *to++ = kStart;
      for (std::string_view token : rows[i]) *to++ = token;
      if (mark_) *to++ = kEnd;
      std::fill(to, end, pad_);
    }
  }

 private:
  Tokenizer(const Rule& rule, std::string_view pad)
      : mark_(rule.mark), characters_(rule.characters), shortest_(rule.shortest), pad_(pad) {
    if (characters_) return;
    if (!rule.tokens.empty()) tokens_.emplace("tokenexp", rule.tokens, true);
    for (const std::string& s : rule.separators) separators_.emplace_back("separators", s, true);
  }

  using Tokens = std::vector<std::string_view>;

  void keep(std::string_view token, Tokens& out) const {
    int64_t length = 0;
    char32_t code;
    for (size_t at = 0; at < token.size() && length < shortest_; ++length) at += decode(token.substr(at), &code);
    if (!token.empty() && length >= shortest_) out.push_back(token);
  }

  Tokens split(std::string_view text) const {
    Tokens out;
    char32_t code;
    if (characters_) {
      for (size_t at = 0; at < text.size();) {
        const size_t n = decode(text.substr(at), &code);
        out.push_back(text.substr(at, n));
        at += n;
      }
      return out;
    }
    if (tokens_) {
      matches(*tokens_, text, [&](Regex::Match m) { keep(text.substr(m.begin, m.end - m.begin), out); });
      return out;
    }
    out = {text};
    for (const Regex& separator : separators_) {
      Tokens parts;
      for (std::string_view part : out) {
        size_t from = 0;
        matches(separator, part, [&](Regex::Match m) {
          keep(part.substr(from, m.begin - from), parts);
          from = m.end;
        });
        keep(part.substr(from), parts);
      }
      out = std::move(parts);
    }
    return out;
  }

  /// f(match) for the matches that are not empty, from left to right.
  template <class F>
  static void matches(const Regex& regex, std::string_view text, F&& f) {
    char32_t code;
    Regex::Match m;
    for (size_t at = 0; at < text.size() && regex.find(text, at, &m);) {
      at = m.end;
      if (m.begin < m.end)
        f(m);
      else if (at < text.size())
        at += decode(text.substr(at), &code);
    }
  }

  bool mark_, characters_;
  int64_t shortest_;
  std::string pad_;
  std::optional<Regex> tokens_;
  std::vector<Regex> separators_;
};

constexpr Port kIn[] = {{"X", kStringSet}}, kOut[] = {{"Y", kStringSet}};
constexpr AttrDef kAttrs[] = {required_attr("mark", AttrKind::kInt), required_attr("mincharnum", AttrKind::kInt),
                              required_attr("pad_value", AttrKind::kString),
                              optional_attr("separators", AttrKind::kStrings),
                              optional_attr("tokenexp", AttrKind::kString)};
constexpr OpDef kOps[] = {{"Tokenizer", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Tokenizer>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tokenizer
