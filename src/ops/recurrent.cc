// Recurrent layers: activations, attributes, inference.
#include "ops/recurrent.h"
#include "ops/rows.h"

#include <cctype>

namespace tenon::ops::recurrent {
namespace {

struct Row {
  const char* name;
  Function f;
  bool has_alpha, has_beta;
  float alpha, beta;
};
constexpr Row kRows[] = {{"relu", Function::kRelu, false, false, 0, 0},
                         {"tanh", Function::kTanh, false, false, 0, 0},
                         {"sigmoid", Function::kSigmoid, false, false, 0, 0},
                         {"affine", Function::kAffine, true, true, 1, 0},
                         {"leakyrelu", Function::kLeakyRelu, true, false, 0.01f, 0},
                         {"thresholdedrelu", Function::kThresholdedRelu, true, false, 1, 0},
                         {"scaledtanh", Function::kScaledTanh, true, true, 1, 1},
                         {"hardsigmoid", Function::kHardSigmoid, true, true, 0.2f, 0.5f},
                         {"elu", Function::kElu, true, false, 1, 0},
                         {"softsign", Function::kSoftsign, false, false, 0, 0},
                         {"softplus", Function::kSoftplus, false, false, 0, 0}};

const Row& row_of(std::string_view name) {
  std::string lower(name);
  for (char& ch : lower) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  for (const Row& r : kRows)
    if (lower == r.name) return r;
  fail("attribute activations: '{}' is not an activation of recurrent ops", name);
}

template <class T>
T value(const Activation& a, T x) {
  const T alpha = static_cast<T>(a.alpha), beta = static_cast<T>(a.beta);
  switch (a.f) {
    case Function::kRelu:
      return x > 0 || x != x ? x : T{0};
    case Function::kTanh:
      return std::tanh(x);
    case Function::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Function::kAffine:
      return alpha * x + beta;
    case Function::kLeakyRelu:
      return x >= 0 ? x : alpha * x;
    case Function::kThresholdedRelu:
      return x >= alpha ? x : T{0};
    case Function::kScaledTanh:
      return alpha * std::tanh(beta * x);
    case Function::kHardSigmoid:
      return std::min(std::max(alpha * x + beta, T{0}), T{1});
    case Function::kElu:
      return x >= 0 ? x : alpha * std::expm1(x);
    case Function::kSoftsign:
      return x / (1 + std::abs(x));
    case Function::kSoftplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
  }
  return x;
}

}  // namespace

void Activation::run(float* x, int64_t n, const kernels::KernelTable& table) const {
  if (f == Function::kTanh) return kernels::activation_row(kernels::Activation::kTanh, table)(x, x, n, 0, 0);
  if (f == Function::kSigmoid) return kernels::activation_row(kernels::Activation::kSigmoid, table)(x, x, n, 0, 0);
  for (int64_t i = 0; i < n; ++i) x[i] = value(*this, x[i]);
}
void Activation::run(double* x, int64_t n, const kernels::KernelTable&) const {
  for (int64_t i = 0; i < n; ++i) x[i] = value(*this, x[i]);
}

Setup::Setup(const graph::Attrs& attrs, std::span<const char* const> defaults) {
  const std::string_view direction = attrs.get_string("direction", "forward");
  if (direction != "forward" && direction != "foward" && direction != "reverse" && direction != "bidirectional")
    fail("attribute direction: '{}' found, expected forward, reverse or bidirectional", direction);
  directions = direction == "bidirectional" ? 2 : 1;
  reverse = direction == "reverse";
  const int64_t layout = attrs.get_int("layout", 0);
  if (layout != 0 && layout != 1) fail("attribute layout: {} found, expected 0 or 1", layout);
  batch_first = layout == 1;
  clip = attrs.get_float("clip", 0);
  if (clip < 0) fail("attribute clip: {} found, expected at least 0", clip);

  const size_t wanted = defaults.size() * static_cast<size_t>(directions);
  const auto names = attrs.get_strings("activations");
  const auto alphas = attrs.get_floats("activation_alpha"), betas = attrs.get_floats("activation_beta");
  if (!names.empty() && names.size() < wanted)
    fail("attribute activations: {} entries, expected {}", names.size(), wanted);
  size_t alpha_at = 0, beta_at = 0;  // parameters are consumed in order by the functions that have them
  for (size_t i = 0; i < wanted; ++i) {
    const Row& r = row_of(names.empty() ? std::string_view(defaults[i % defaults.size()]) : names[i]);
    Activation a{r.f, r.alpha, r.beta};
    if (r.has_alpha && alpha_at < alphas.size()) a.alpha = alphas[alpha_at++];
    if (r.has_beta && beta_at < betas.size()) a.beta = betas[beta_at++];
    activations.push_back(a);
  }
}

void infer_layer(InferContext& c, int64_t gates, std::span<const char* const> defaults) {
  const Setup s(c.attrs(), defaults);
  for (size_t i : {size_t{0}, size_t{1}, size_t{2}}) expect_rank(c, i, 3);
  const int64_t length = c.has_rank(0) ? c.dims(0)[s.batch_first ? 1 : 0] : c.fresh();
  const int64_t batch = c.has_rank(0) ? c.dims(0)[s.batch_first ? 0 : 1] : c.fresh();
  int64_t hidden = c.attrs().get_int("hidden_size", -1);
  if (c.has_rank(2)) {
    if (hidden >= 0) expect_equal(c, c.dims(2)[2], hidden, "last dim of R and attribute hidden_size");
    hidden = c.dims(2)[2];
  }
  if (!is_symbol(hidden) && hidden < 0) hidden = c.fresh();
  const int64_t rows = c.sym.mul(hidden, gates);
  const auto expect_dims = [&](size_t i, const Dims& want, const char* what) {
    expect_rank(c, i, want.size());
    for (size_t k = 0; c.has_rank(i) && k < want.size(); ++k) expect_equal(c, c.dims(i)[k], want[k], what);
  };
  const Dims state = s.batch_first ? Dims{batch, s.directions, hidden} : Dims{s.directions, batch, hidden};
  if (c.has_rank(0)) expect_dims(1, {s.directions, rows, c.dims(0)[2]}, "dims of W");
  expect_dims(2, {s.directions, rows, hidden}, "dims of R");
  expect_dims(3, {s.directions, c.sym.mul(rows, 2)}, "dims of B");
  expect_dims(4, {batch}, "dims of sequence_lens");
  expect_dims(5, state, "dims of initial_h");
  expect_dims(6, state, "dims of initial_c");
  expect_dims(7, {s.directions, c.sym.mul(hidden, 3)}, "dims of P");
  c.set(0, c.dtype(0),
        s.batch_first ? Dims{batch, length, s.directions, hidden} : Dims{length, s.directions, batch, hidden});
  c.set(1, c.dtype(0), state);
  c.set(2, c.dtype(0), state);
}

}  // namespace tenon::ops::recurrent
