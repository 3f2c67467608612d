// Windows, MelWeightMatrix, DFT and STFT against their formulas, in every type, and their errors.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "support/op_runner.h"

namespace tenon::ops::signal_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Shape = std::vector<int64_t>;
using Numbers = std::vector<std::complex<double>>;

const DType kFloats[] = {DType::kDouble, DType::kFloat, DType::kFloat16, DType::kBFloat16};
double bound_of(DType t) {
  return t == DType::kDouble ? 1e-12 : t == DType::kFloat ? 1e-6 : t == DType::kFloat16 ? 2e-3 : 2e-2;
}
void expect_error(const std::string& part, const std::function<void()>& f) {
  const std::string message = error_of(f);
  EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
}
int64_t number_of(DType t) { return static_cast<int64_t>(t); }

TEST(SpectralWindow, Formulas) {
  const struct {
    const char* op;
    double a0, a1, a2;
  } kWindows[] = {
      {"HannWindow", 0.5, 0.5, 0}, {"HammingWindow", 25.0 / 46, 21.0 / 46, 0}, {"BlackmanWindow", 0.42, 0.5, 0.08}};
  for (const auto& w : kWindows)
    for (int64_t periodic : {0, 1})
      for (DType t : kFloats) {
        const int64_t n = 11;
        const Value y =
            run1(w.op, 17, {scalar<int64_t>(n)}, {{"periodic", periodic}, {"output_datatype", number_of(t)}});
        ASSERT_EQ(dims_of(y), Shape{n});
        const double period = static_cast<double>(periodic ? n : n - 1);
        for (int64_t i = 0; i < n; ++i) {
          const double angle = 2 * M_PI * static_cast<double>(i) / period;
          const double want = w.a0 - w.a1 * std::cos(angle) + w.a2 * std::cos(2 * angle);
          EXPECT_NEAR(as_doubles(y)[static_cast<size_t>(i)], want, bound_of(t)) << w.op << i;
        }
      }
  EXPECT_EQ(as_doubles(run1("HannWindow", 17, {scalar<int32_t>(0)})), Doubles{});
  EXPECT_EQ(as_doubles(run1("HannWindow", 17, {scalar<int32_t>(1)})), Doubles{0});
  EXPECT_EQ(as_doubles(run1("HannWindow", 17, {scalar<int32_t>(1)}, {{"periodic", int64_t{0}}})), Doubles{1});
  const Value whole = run1("HannWindow", 17, {scalar<int32_t>(4)}, {{"output_datatype", number_of(DType::kInt32)}});
  EXPECT_EQ(items<int32_t>(whole), (std::vector<int32_t>{0, 0, 1, 0}));
}

TEST(SpectralWindow, Errors) {
  expect_error("size is -1", [] { run1("HannWindow", 17, {scalar<int64_t>(-1)}); });
  expect_error("elements of size", [] { run1("HannWindow", 17, {vec<int64_t>({2, 3})}); });
  expect_error("output_datatype asks for string", [] {
    run1("HannWindow", 17, {scalar<int64_t>(3)}, {{"output_datatype", number_of(DType::kString)}});
  });
  expect_error("tensor_elements", [] { run1("HannWindow", 17, {scalar<int64_t>(int64_t{1} << 60)}); });
}

Value mel(int64_t bins, int64_t length, int64_t rate, double lower, double upper, graph::Attrs attrs = {}) {
  return run1("MelWeightMatrix", 17,
              {scalar<int64_t>(bins), scalar<int64_t>(length), scalar<int64_t>(rate),
               scalar<float>(static_cast<float>(lower)), scalar<float>(static_cast<float>(upper))},
              attrs);
}

TEST(MelWeightMatrix, TrianglesWithPeakOne) {
  const Value y = mel(8, 16, 8192, 0, 8192 / 2);
  ASSERT_EQ(dims_of(y), (Shape{9, 8}));
  // Edges (17 / 8192 times the hertz of 10 points that are evenly spaced in mel): 0 0 0 1 1 2 3 4 5 6.
  const int64_t edges[] = {0, 0, 0, 1, 1, 2, 3, 4, 5, 6};
  const auto w = as_doubles(y);
  for (int64_t i = 0; i < 8; ++i)
    for (int64_t j = 0; j < 9; ++j) {
      const int64_t left = edges[i], centre = edges[i + 1], right = edges[i + 2];
      double want = 0;
      if (j >= left && j <= centre && centre > left)
        want = static_cast<double>(j - left) / static_cast<double>(centre - left);
      if (j == centre) want = 1;
      if (j > centre && j < right) want = static_cast<double>(right - j) / static_cast<double>(right - centre);
      EXPECT_NEAR(w[static_cast<size_t>(j * 8 + i)], want, 1e-6) << i << " " << j;
    }
  EXPECT_EQ(mel(2, 16, 8192, 0, 4096, {{"output_datatype", number_of(DType::kDouble)}}).dtype(), DType::kDouble);
  const auto beyond = as_doubles(mel(4, 16, 1000, 0, 8000));  // edges beyond the spectrum are cut off
  for (double v : beyond) EXPECT_TRUE(v >= 0 && v <= 1);
}

TEST(MelWeightMatrix, Errors) {
  expect_error("num_mel_bins is -1", [] { mel(-1, 16, 8192, 0, 4096); });
  expect_error("dft_length is 0", [] { mel(4, 0, 8192, 0, 4096); });
  expect_error("sample_rate is 0", [] { mel(4, 16, 0, 0, 4096); });
  expect_error("expected 0 <= lower <= upper", [] { mel(4, 16, 8192, 5000, 4096); });
  expect_error("expected 0 <= lower <= upper", [] { mel(4, 16, 8192, 0, NAN); });
}

/// sum_t x[t] exp(sign 2 pi i k t / n), x cut or filled up with zeros to n.
Numbers transform(Numbers x, int64_t n, int sign) {
  x.resize(static_cast<size_t>(n));
  Numbers out(x.size());
  for (size_t k = 0; k < x.size(); ++k)
    for (size_t t = 0; t < x.size(); ++t)
      out[k] +=
          x[t] * std::polar(1.0, sign * 2 * M_PI * static_cast<double>(k * t % x.size()) / static_cast<double>(n));
  return out;
}

struct DftCase {
  int version;
  Shape dims;  // with the parts of a number
  int64_t axis;
  std::optional<int64_t> length;
  bool inverse, onesided;
};

void check_dft(const DftCase& d, DType t) {
  const int64_t rank = static_cast<int64_t>(d.dims.size());
  const auto axis = static_cast<size_t>(d.axis < 0 ? d.axis + rank : d.axis);
  size_t count = 1, inner = 1;
  for (int64_t v : d.dims) count *= static_cast<size_t>(v);
  for (size_t k = axis + 1; k + 1 < d.dims.size(); ++k) inner *= static_cast<size_t>(d.dims[k]);
  const size_t parts = static_cast<size_t>(d.dims.back()), given = static_cast<size_t>(d.dims[axis]);
  const Value x = numbers(t, d.dims, random_numbers(count, -1, 1));
  const Doubles in = as_doubles(x);
  graph::Attrs attrs{{"inverse", int64_t{d.inverse}}, {"onesided", int64_t{d.onesided}}};
  std::vector<Value> inputs{x, d.length ? scalar<int64_t>(*d.length) : Value()};
  if (d.version < 20)
    attrs.set("axis", d.axis);
  else
    inputs.push_back(scalar<int64_t>(d.axis));
  const Value y = run1("DFT", d.version, inputs, attrs);
  const bool hermitian = d.inverse && d.onesided;
  const int64_t n = d.length.value_or(hermitian ? 2 * (d.dims[axis] - 1) : d.dims[axis]);
  const size_t bins = static_cast<size_t>(d.onesided && !d.inverse ? n / 2 + 1 : n), out_parts = hermitian ? 1 : 2;
  Shape want_dims = d.dims;
  want_dims[axis] = static_cast<int64_t>(bins);
  want_dims.back() = static_cast<int64_t>(out_parts);
  ASSERT_EQ(dims_of(y), want_dims);
  const Doubles out = as_doubles(y);
  for (size_t row = 0; row < count / parts / given; ++row) {
    const size_t o = row / inner, i = row % inner;
    Numbers s;
    for (size_t k = 0; k < given; ++k) {
      const size_t at = ((o * given + k) * inner + i) * parts;
      s.emplace_back(in[at], parts == 2 ? in[at + 1] : 0);
    }
    if (hermitian) {
      s.resize(static_cast<size_t>(n / 2 + 1));
      s[0].imag(0);
      if (n % 2 == 0) s.back().imag(0);
      s.resize(static_cast<size_t>(n));
      for (size_t k = 1; k < static_cast<size_t>((n + 1) / 2); ++k) s[static_cast<size_t>(n) - k] = std::conj(s[k]);
    }
    Numbers want = transform(s, n, d.inverse ? 1 : -1);
    for (size_t k = 0; k < bins; ++k) {
      if (d.inverse) want[k] /= static_cast<double>(n);
      const size_t at = ((o * bins + k) * inner + i) * out_parts;
      const double bound = bound_of(t) * (1 + std::sqrt(static_cast<double>(n)));
      EXPECT_NEAR(out[at], want[k].real(), bound) << "row " << row << ", bin " << k;
      if (out_parts == 1) continue;
      EXPECT_NEAR(out[at + 1], want[k].imag(), bound) << "row " << row << ", bin " << k;
    }
  }
}

TEST(Dft, EveryForm) {
  const DftCase kCases[] = {
      {17, {2, 7, 1}, 1, {}, false, false},    {17, {2, 8, 2}, 1, {}, false, false},
      {17, {2, 5, 3, 1}, 1, {}, false, true},  {17, {2, 5, 2}, 1, {}, true, false},
      {17, {2, 5, 2}, -2, {}, true, true},     {17, {1, 4, 1}, 0, {}, false, false},
      {20, {2, 3, 6, 1}, -2, {}, false, true}, {20, {2, 3, 6, 2}, 1, 5, false, false},
      {20, {3, 4, 1}, 1, 9, false, true},      {20, {3, 9, 1}, 1, 4, false, false},
      {20, {3, 9, 2}, 1, 7, true, true},       {20, {3, 3, 2}, 1, 8, true, true},
      {20, {3, 41, 1}, 1, {}, false, false},   {20, {4, 2}, 0, {}, true, false},
      {20, {2, 5, 1}, -2, {}, true, false},    {20, {1, 1, 1}, 1, {}, false, true},
  };
  for (const DftCase& d : kCases)
    for (DType t : kFloats) {
      SCOPED_TRACE(fmt::format("version {} dims {} axis {}", d.version, to_string(d.dims), d.axis));
      check_dft(d, t);
    }
}

// The point of computing in double: what is zero comes out far below the smallest tolerance that tests ask for.
TEST(Dft, FloatResultsAreRoundedOnce) {
  Doubles ramp(100);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<double>(i % 10);
  const auto y = items<float>(run1("DFT", 20, {numbers(DType::kFloat, {1, 100, 1}, ramp)}));
  for (size_t k = 0; k < 100; ++k)
    if (k % 10 != 0) {
      EXPECT_LT(std::hypot(y[2 * k], y[2 * k + 1]), 1e-10) << k;
    }
}

TEST(Dft, Errors) {
  const Value real = tensor<float>({2, 4, 1}, std::vector<float>(8)),
              wide = tensor<float>({2, 4, 3}, std::vector<float>(24));
  const Value complex = tensor<float>({2, 4, 2}, std::vector<float>(16));
  const auto dft = [](const Value& x, graph::Attrs a = {}, Value length = {}, Value axis = {}) {
    return run1("DFT", 20, {x, length, axis}, a);
  };
  expect_error("last dim of the signal is 3", [&] { dft(wide); });
  expect_error("rank 1", [&] { dft(vec<float>({1})); });
  expect_error("axis 2 out of range", [&] { dft(real, {}, {}, scalar<int64_t>(2)); });
  expect_error("axis -1 out of range", [&] { dft(real, {}, {}, scalar<int64_t>(-1)); });
  expect_error("transform is 0", [&] { dft(real, {}, scalar<int64_t>(0)); });
  expect_error("take a real signal", [&] { dft(complex, {{"onesided", int64_t{1}}}); });
  expect_error("take a complex signal", [&] { dft(real, {{"onesided", int64_t{1}}, {"inverse", int64_t{1}}}); });
  expect_error("inverse: 2 found", [&] { dft(real, {{"inverse", int64_t{2}}}); });
  expect_error("tensor_elements", [&] { dft(real, {}, scalar<int64_t>(Shape{1}[0] << 40)); });
}

TEST(Stft, FramesAndWindow) {
  const int64_t length = 23, frame = 6, step = 4, frames = (length - frame) / step + 1;
  for (int64_t parts : {1, 2})
    for (int64_t onesided : {0, 1}) {
      if (parts == 2 && onesided) continue;
      for (DType t : kFloats) {
        const Value x = numbers(t, {2, length, parts}, random_numbers(static_cast<size_t>(2 * length * parts), -1, 1));
        const Value w = numbers(t, {frame}, random_numbers(static_cast<size_t>(frame), 0, 1, 2));
        const Value y =
            run1("STFT", 17, {x, scalar<int64_t>(step), w, scalar<int64_t>(frame)}, {{"onesided", onesided}});
        const int64_t bins = onesided ? frame / 2 + 1 : frame;
        ASSERT_EQ(dims_of(y), (Shape{2, frames, bins, 2}));
        const Doubles in = as_doubles(x), weight = as_doubles(w), out = as_doubles(y);
        for (int64_t r = 0; r < 2 * frames; ++r) {
          Numbers s;
          for (int64_t k = 0; k < frame; ++k) {
            const auto at = static_cast<size_t>((r / frames * length + r % frames * step + k) * parts);
            const double f = weight[static_cast<size_t>(k)];
            s.emplace_back(in[at] * f, parts == 2 ? in[at + 1] * f : 0);
          }
          const Numbers want = transform(s, frame, -1);
          for (int64_t k = 0; k < bins; ++k) {
            const auto at = static_cast<size_t>(2 * (r * bins + k));
            EXPECT_NEAR(out[at], want[static_cast<size_t>(k)].real(), 4 * bound_of(t));
            EXPECT_NEAR(out[at + 1], want[static_cast<size_t>(k)].imag(), 4 * bound_of(t));
          }
        }
      }
    }
}

TEST(Stft, DefaultsAndErrors) {
  const Value x = tensor<float>({1, 8, 1}, {1, 2, 3, 4, 5, 6, 7, 8}), step = scalar<int64_t>(2);
  EXPECT_EQ(dims_of(run1("STFT", 17, {x, step})), (Shape{1, 1, 5, 2}));
  EXPECT_EQ(dims_of(run1("STFT", 17, {x, step, {}, scalar<int64_t>(4)})), (Shape{1, 3, 3, 2}));
  EXPECT_EQ(dims_of(run1("STFT", 17, {x, step, vec<float>({1, 1, 1})})), (Shape{1, 3, 2, 2}));
  EXPECT_EQ(dims_of(run1("STFT", 17, {x.reshaped(Shape{1, 8}), step, {}, scalar<int64_t>(4)})), (Shape{1, 3, 3, 2}));
  const auto fails = [&](const char* part, std::vector<Value> inputs, graph::Attrs a = {}) {
    expect_error(part, [&] { run1("STFT", 17, inputs, a); });
  };
  fails("frame_step is 0", {x, scalar<int64_t>(0), {}, scalar<int64_t>(4)});
  fails("longer than the signal", {x, step, {}, scalar<int64_t>(9)});
  fails("length of the window", {x, step, vec<float>({1, 1, 1}), scalar<int64_t>(4)});
  fails("takes a real signal", {tensor<float>({1, 4, 2}, std::vector<float>(8)), step});
  fails("rank 1", {vec<float>({1, 2}), step});
  fails("frame_length is 0", {x, step, {}, scalar<int64_t>(0)});
  fails("onesided: 7 found", {x, step}, {{"onesided", int64_t{7}}});
}

}  // namespace
}  // namespace tenon::ops::signal_test
