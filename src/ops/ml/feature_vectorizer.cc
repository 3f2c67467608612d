// FeatureVectorizer: matrices side by side as floats; inputdimensions cuts or zero-pads each to a width.
#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::feature_vectorizer {
namespace {

/// Width that input i takes in the output.
int64_t width(std::span<const int64_t> wanted, size_t i, int64_t columns) {
  if (i >= wanted.size()) return columns;
  if (wanted[i] < 0 || wanted[i] > kMaxElements) fail("inputdimensions[{}] is {}", i, wanted[i]);
  return wanted[i];
}

void infer(InferContext& c) {
  const auto wanted = c.attrs().get_ints("inputdimensions");
  int64_t rows = c.fresh(), columns = 0;
  for (size_t i = 0; i < c.num_inputs(); ++i) {
    const int64_t n = feature_rows(c, i);
    if (!is_symbol(rows)) expect_equal(c, rows, n, "rows");
    if (is_symbol(rows)) rows = n;
    columns = c.sym.add(columns, width(wanted, i, c.has_rank(i) ? c.dims(i).back() : c.fresh()));
  }
  c.set(0, DType::kFloat, {rows, columns});
}

struct FeatureVectorizer final : Kernel {
  explicit FeatureVectorizer(const NodeInfo& info) {
    const auto w = info.attrs.get_ints("inputdimensions");
    wanted.assign(w.begin(), w.end());
  }
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    int64_t at = 0;
    for (size_t i = 0; i < c.num_inputs(); ++i) {
      const Features x = features(c, i);
      const int64_t n = width(wanted, i, x.columns);
      for (int64_t r = 0; r < x.rows; ++r)
        for (int64_t k = 0; k < n; ++k)
          y.out<float>()[r * y.dim[1] + at + k] = k < x.columns ? static_cast<float>(x.data[r * x.columns + k]) : 0;
      at += n;
    }
  }
  std::vector<int64_t> wanted;
};

constexpr AttrDef kAttrs[] = {optional_attr("inputdimensions", AttrKind::kInts)};
constexpr Port kIn[] = {{"X", kFeatureSet, "T1", PortUse::kVariadic}};
constexpr Port kOut[] = {{"Y", kFloat32Set, ""}};
constexpr OpDef kOps[] = {{.name = "FeatureVectorizer",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<FeatureVectorizer>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::feature_vectorizer
