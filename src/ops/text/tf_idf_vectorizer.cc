// TfIdfVectorizer: how often each n-gram of a pool occurs in a row of tokens, with up to max_skip_count tokens between.
#include <unordered_map>

#include "ops/move.h"

namespace tenon::ops::tf_idf_vectorizer {
namespace {

enum class Mode { kTf, kIdf, kTfIdf };

/// What the attributes say, checked.
struct Rule {
  Mode mode;
  int64_t shortest, longest, skips, columns;
  bool strings;

  explicit Rule(const graph::Attrs& a)
      : mode(mode_of(a.get_string("mode", ""))),
        shortest(a.get_int("min_gram_length", 1)),
        longest(a.get_int("max_gram_length", 1)),
        skips(a.get_int("max_skip_count", 0)),
        strings(a.has("pool_strings")) {
    if (shortest < 1 || longest < shortest) fail("n-gram lengths {} to {} are no range", shortest, longest);
    if (skips < 0) fail("max_skip_count is {}, expected at least 0", skips);
    if (strings == a.has("pool_int64s")) fail("expected one of pool_strings and pool_int64s");
    const auto columns_of = a.get_ints("ngram_indexes");
    if (columns_of.empty()) fail("ngram_indexes is empty");
    columns = 0;
    for (int64_t i : columns_of) {
      if (i < 0 || i > kMaxElements) fail("ngram_indexes holds {}", i);
      columns = std::max(columns, i + 1);
    }
    if (a.get_ints("ngram_counts").empty()) fail("ngram_counts is empty");
    if (longest > static_cast<int64_t>(a.get_ints("ngram_counts").size()))
      fail("max_gram_length is {}, but ngram_counts ends at {}", longest, a.get_ints("ngram_counts").size());
  }
  static Mode mode_of(std::string_view m) {
    if (m == "TF") return Mode::kTf;
    if (m == "IDF") return Mode::kIdf;
    if (m == "TFIDF") return Mode::kTfIdf;
    fail("mode is \"{}\", expected TF, IDF or TFIDF", m);
  }
};

void infer(InferContext& c) {
  const Rule rule(c.attrs());
  if (rule.strings != (c.dtype(0) == DType::kString))
    fail("input has type {}, the pool holds {}", dtype_name(c.dtype(0)), rule.strings ? "strings" : "integers");
  if (!c.has_rank(0)) return c.set_unranked(0, DType::kFloat);
  if (c.rank(0) != 1 && c.rank(0) != 2) fail("input has rank {}, expected 1 or 2", c.rank(0));
  Dims out = c.dims(0);
  out.back() = rule.columns;
  limit_elements(out);
  c.set(0, DType::kFloat, std::move(out));
}

struct TfIdfVectorizer final : Kernel {
  explicit TfIdfVectorizer(const NodeInfo& info) : rule(info.attrs) {
    const auto w = info.attrs.get_floats("weights");
    weights.assign(w.begin(), w.end());
    const auto starts = info.attrs.get_ints("ngram_counts"), columns = info.attrs.get_ints("ngram_indexes");
    const auto ints = info.attrs.get_ints("pool_int64s");
    const auto strings = info.attrs.get_strings("pool_strings");
    const auto size = static_cast<int64_t>(rule.strings ? strings.size() : ints.size());
    if (!weights.empty() && weights.size() != columns.size())
      fail("{} weights for {} n-grams", weights.size(), columns.size());
    int64_t gram = 0;
    for (size_t n = 1; n <= starts.size(); ++n) {
      const int64_t begin = starts[n - 1], end = n < starts.size() ? starts[n] : size;
      const auto length = static_cast<int64_t>(n);
      if (begin < 0 || end < begin || end > size || (end - begin) % length != 0)
        fail("ngram_counts: [{}, {}) is no list of {}-grams in a pool of {}", begin, end, n, size);
      for (int64_t at = begin; at < end; at += length, ++gram) {
        if (gram >= static_cast<int64_t>(columns.size())) fail("the pool has more n-grams than ngram_indexes");
        if (length < rule.shortest || length > rule.longest) continue;
        uint32_t node = 0;
        for (int64_t i = at; i < at + length; ++i) {
          const auto k = static_cast<size_t>(i);
          const uint32_t token = rule.strings ? string_ids.try_emplace(strings[k], string_ids.size()).first->second
                                              : int_ids.try_emplace(ints[k], int_ids.size()).first->second;
          const auto next = static_cast<uint32_t>(column_of.size());
          const auto [it, added] = edges.try_emplace(uint64_t{node} << 32 | token, next);
          if (added) column_of.push_back(-1);
          node = it->second;
        }
        column_of[node] = columns[static_cast<size_t>(gram)];
      }
    }
  }

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const int64_t length = x.dim[x.rank - 1], rows = x.rank == 1 ? 1 : x.dim[0];
    auto* tokens = c.scratch<uint32_t>(x.count);
    for (int64_t i = 0; i < x.count; ++i) tokens[i] = token(x, i);
    c.par.loop(rows, 10 + static_cast<double>(length * (rule.skips + 1)) * 20, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) count(tokens + r * length, length, y.out<float>() + r * rule.columns);
    });
  }

  uint32_t token(const TensorRef& x, int64_t i) const {
    const auto find = [](const auto& ids, const auto& key) {
      const auto it = ids.find(key);
      return it == ids.end() ? kUnknown : it->second;
    };
    return rule.strings ? find(string_ids, x.as<std::string>()[i]) : find(int_ids, int_at(x, i));
  }

  void count(const uint32_t* row, int64_t length, float* out) const {
    std::fill_n(out, rule.columns, 0.0F);
    for (int64_t step = 1; step <= rule.skips + 1; ++step) {
      for (int64_t first = 0; first < length; ++first) {
        uint32_t node = 0;
        for (int64_t n = 1, at = first; n <= rule.longest && at < length; ++n, at += step) {
          const auto it = row[at] == kUnknown ? edges.end() : edges.find(uint64_t{node} << 32 | row[at]);
          if (it == edges.end()) break;
          node = it->second;
          // A single token has nothing to skip: it counts once, whatever the step.
          if (column_of[node] >= 0 && (n > 1 || step == 1)) ++out[column_of[node]];
        }
      }
      if (rule.longest == 1) break;
    }
    if (rule.mode == Mode::kTf) return;
    for (size_t k = 0; k < static_cast<size_t>(rule.columns); ++k) {
      if (rule.mode == Mode::kIdf && out[k] > 0) out[k] = 1;
      if (k < weights.size()) out[k] *= weights[k];
    }
  }

  static constexpr uint32_t kUnknown = UINT32_MAX;
  Rule rule;
  std::vector<float> weights;  ///< by column
  std::unordered_map<std::string, uint32_t> string_ids;
  std::unordered_map<int64_t, uint32_t> int_ids;
  std::unordered_map<uint64_t, uint32_t> edges;  ///< trie: node and token to node
  std::vector<int64_t> column_of = {-1};         ///< per node: the column of the n-gram that ends there
};

constexpr AttrDef kAttrs[] = {
    required_attr("max_gram_length", AttrKind::kInt), required_attr("max_skip_count", AttrKind::kInt),
    required_attr("min_gram_length", AttrKind::kInt), required_attr("mode", AttrKind::kString),
    required_attr("ngram_counts", AttrKind::kInts),   required_attr("ngram_indexes", AttrKind::kInts),
    optional_attr("pool_int64s", AttrKind::kInts),    optional_attr("pool_strings", AttrKind::kStrings),
    optional_attr("weights", AttrKind::kFloats)};
constexpr Port kIn[] = {{"X", kStringSet | kIndexSet}};
constexpr Port kOut[] = {{"Y", dtype_bit(DType::kFloat), "T1"}};
constexpr OpDef kOps[] = {{.name = "TfIdfVectorizer",
                           .since = 9,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<TfIdfVectorizer>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tf_idf_vectorizer
