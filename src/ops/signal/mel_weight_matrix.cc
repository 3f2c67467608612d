// MelWeightMatrix: triangles over the bins of a one-sided spectrum, evenly spaced on the mel scale.
#include <algorithm>
#include <cmath>

#include "ops/convert.h"
#include "ops/infer.h"
#include "ops/move.h"

namespace tenon::ops::mel_weight_matrix {
namespace {

enum In : size_t { kBins, kLength, kRate, kLower, kUpper };

DType result_type(const graph::Attrs& attrs) {
  return dtype_attr(attrs, "output_datatype", kNumericSet, DType::kFloat);
}

void infer(InferContext& c) {
  const char* const names[] = {"num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz"};
  for (size_t i = 0; i < 5; ++i)
    if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, names[i]);
  const int64_t bins = c.scalar_int(kBins).value_or(c.fresh()), length = c.scalar_int(kLength).value_or(c.fresh());
  if (!is_symbol(bins) && bins < 0) fail("num_mel_bins is {}, expected at least 0", bins);
  if (!is_symbol(length) && length < 1) fail("dft_length is {}, expected at least 1", length);
  const Dims d{c.sym.add(c.sym.floor_div(length, 2), 1), bins};
  limit_elements(d);
  c.set(0, result_type(c.attrs()), d);
}

double mel_of(double hertz) { return 2595 * std::log10(1 + hertz / 700); }

struct MelWeightMatrix final : Kernel {
  explicit MelWeightMatrix(const NodeInfo& info) : type(result_type(info.attrs)) {}
  void run(KernelContext& c) const override {
    const int64_t bins = int_at(c.input(kBins), 0), length = int_at(c.input(kLength), 0);
    const int64_t rate = int_at(c.input(kRate), 0);
    const double lower = number_at(c.input(kLower), 0), upper = number_at(c.input(kUpper), 0);
    if (bins < 0) fail("num_mel_bins is {}, expected at least 0", bins);
    if (length < 1) fail("dft_length is {}, expected at least 1", length);
    if (rate < 1) fail("sample_rate is {}, expected at least 1", rate);
    if (!(lower >= 0 && upper >= lower && std::isfinite(upper)))
      fail("the edges are {} and {} hertz, expected 0 <= lower <= upper", lower, upper);
    const int64_t rows = length / 2 + 1;
    const TensorRef& y = c.output(0, type, Dims{rows, bins});
    double* w = type == DType::kDouble ? y.out<double>() : c.scratch<double>(y.count);
    std::fill_n(w, y.count, 0.0);
    const double low = mel_of(lower), step = (mel_of(upper) - low) / static_cast<double>(bins + 2);
    // Edges of the triangles, in bins; those beyond the spectrum are cut off.
    const auto edge = [&](int64_t i) {
      const double hertz = 700 * (std::pow(10, (low + static_cast<double>(i) * step) / 2595) - 1);
      const double bin = std::floor((static_cast<double>(length) + 1) * hertz / static_cast<double>(rate));
      return static_cast<int64_t>(std::min(bin, 1e15));
    };
    for (int64_t i = 0; i < bins; ++i) {
      const int64_t left = edge(i), centre = edge(i + 1), right = edge(i + 2);
      if (left == centre && centre < rows) w[centre * bins + i] = 1;
      for (int64_t j = left; j <= std::min(centre, rows - 1) && left < centre; ++j)
        w[j * bins + i] = static_cast<double>(j - left) / static_cast<double>(centre - left);
      for (int64_t j = centre; j < std::min(right, rows); ++j)
        w[j * bins + i] = static_cast<double>(right - j) / static_cast<double>(right - centre);
    }
    if (type != DType::kDouble) Converter(DType::kDouble, type).run(c.par, w, y.data, y.count);
  }
  DType type;
};

constexpr AttrDef kAttrs[] = {int_attr("output_datatype", 1)};
constexpr Port kIn[] = {{"num_mel_bins", kIndexSet, "T1"},
                        {"dft_length", kIndexSet, "T1"},
                        {"sample_rate", kIndexSet, "T1"},
                        {"lower_edge_hertz", kFloatSet, "T2"},
                        {"upper_edge_hertz", kFloatSet, "T2"}};
constexpr Port kOut[] = {{"output", kNumericSet, "T3"}};
constexpr OpDef kOps[] = {{.name = "MelWeightMatrix",
                           .since = 17,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<MelWeightMatrix>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::mel_weight_matrix
