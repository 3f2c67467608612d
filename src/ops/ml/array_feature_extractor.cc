// ArrayFeatureExtractor: the columns Y of the last axis of X; a 1-D X gives one row.
#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::array_feature_extractor {
namespace {

void infer(InferContext& c) {
  const int64_t picked = c.has_rank(1) ? c.sym.product(c.dims(1)) : c.fresh();
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims out = c.dims(0);
  if (out.empty()) fail("X is a scalar, expected rank 1 or more");
  if (out.size() == 1) out.insert(0, 1);
  out.back() = picked;
  limit_elements(out);
  c.set(0, c.dtype(0), std::move(out));
}

struct ArrayFeatureExtractor final : Kernel {
  explicit ArrayFeatureExtractor(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &indices = c.input(1), &y = c.output(0);
    const int64_t columns = x.dim[x.rank - 1], n = indices.count;
    for (int64_t j = 0; j < n; ++j) {
      const int64_t i = indices.as<int64_t>()[j];
      if (i < 0 || i >= columns) fail("index {} out of range [0, {})", i, columns);
    }
    if (y.count == 0) return;
    visit_size(x.dtype, [&]<class T>() {
      for (int64_t i = 0; i < y.count; ++i) y.out<T>()[i] = x.as<T>()[i / n * columns + indices.as<int64_t>()[i % n]];
    });
  }
};

constexpr DTypeSet kTypes = kFeatureSet | kStringSet;
constexpr Port kIn[] = {{"X", kTypes}, {"Y", kInt64Set, ""}};
constexpr Port kOut[] = {{"Z", kTypes}};
constexpr OpDef kOps[] = {{.name = "ArrayFeatureExtractor",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .infer = infer,
                           .make = make<ArrayFeatureExtractor>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::array_feature_extractor
