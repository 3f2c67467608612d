// DeformConv against plain loops in one to three spatial dims, and against Conv where nothing is moved.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::deform_conv_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

int64_t total(const Ints& d) {
  int64_t n = 1;
  for (int64_t v : d) n *= v;
  return n;
}
/// Index of a row-major position.
Ints position(int64_t flat, const Ints& dims) {
  Ints p(dims.size());
  for (size_t k = dims.size(); k-- > 0; flat /= dims[k]) p[k] = flat % dims[k];
  return p;
}

/// The value of a plane at a point between its elements, which are 0 outside.
double interpolate(const double* plane, const Ints& dims, const Doubles& at) {
  double sum = 0;
  for (int64_t corner = 0; corner < int64_t{1} << dims.size(); ++corner) {
    double weight = 1;
    int64_t index = 0;
    bool inside = true;
    for (size_t k = 0; k < dims.size(); ++k) {
      const double low = std::floor(at[k]);
      const int64_t i = static_cast<int64_t>(low) + (corner >> k & 1);
      weight *= corner >> k & 1 ? at[k] - low : 1 - (at[k] - low);
      inside = inside && i >= 0 && i < dims[k];
      index = index * dims[k] + i;
    }
    if (inside) sum += weight * plane[index];
  }
  return sum;
}

struct Case {
  Ints in, kernel, stride, dilation, pads;
  int64_t channels, filters, groups, sets;
  bool mask, bias;
};

void check(const Case& c, DType t) {
  const size_t axes = c.in.size();
  Ints out;
  for (size_t k = 0; k < axes; ++k)
    out.push_back((c.in[k] + c.pads[k] + c.pads[axes + k] - (c.kernel[k] - 1) * c.dilation[k] - 1) / c.stride[k] + 1);
  const int64_t taps = total(c.kernel), places = total(out), volume = total(c.in), batch = 2;
  const auto make = [&](Ints head, const Ints& tail, double low, double high, uint32_t seed) {
    head.insert(head.end(), tail.begin(), tail.end());
    return numbers(t, head, random_numbers(static_cast<size_t>(total(head)), low, high, seed));
  };
  const Value x = make({batch, c.channels}, c.in, -1, 1, 1),
              w = make({c.filters, c.channels / c.groups}, c.kernel, -1, 1, 2);
  const Value offset = make({batch, c.sets * taps * static_cast<int64_t>(axes)}, out, -2, 2, 3);
  const Value mask = c.mask ? make({batch, c.sets * taps}, out, 0, 1, 4) : Value();
  const Value bias = c.bias ? make({c.filters}, {}, -1, 1, 5) : Value();
  const Value y = run1("DeformConv", t == DType::kBFloat16 ? 22 : 19, {x, w, offset, bias, mask},
                       {{"strides", c.stride},
                        {"dilations", c.dilation},
                        {"pads", c.pads},
                        {"group", c.groups},
                        {"offset_group", c.sets}});
  const Doubles in = as_doubles(x), weight = as_doubles(w), moved = as_doubles(offset), got = as_doubles(y);
  const Doubles share = c.mask ? as_doubles(mask) : Doubles(), base = c.bias ? as_doubles(bias) : Doubles();
  const double bound = t == DType::kDouble ? 1e-12 : t == DType::kFloat ? 1e-4 : t == DType::kFloat16 ? 0.05 : 0.4;
  const int64_t per_group = c.channels / c.groups;
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t m = 0; m < c.filters; ++m)
      for (int64_t p = 0; p < places; ++p) {
        double sum = c.bias ? base[static_cast<size_t>(m)] : 0;
        const Ints at = position(p, out);
        for (int64_t k = 0; k < per_group; ++k) {
          const int64_t channel = m / (c.filters / c.groups) * per_group + k, set = channel / (c.channels / c.sets);
          for (int64_t tap = 0; tap < taps; ++tap) {
            const Ints place = position(tap, c.kernel);
            Doubles point;
            for (size_t a = 0; a < axes; ++a) {
              const int64_t row =
                  ((n * c.sets + set) * taps + tap) * static_cast<int64_t>(axes) + static_cast<int64_t>(a);
              point.push_back(static_cast<double>(at[a] * c.stride[a] + place[a] * c.dilation[a] - c.pads[a]) +
                              moved[static_cast<size_t>(row * places + p)]);
            }
            double v = interpolate(in.data() + (n * c.channels + channel) * volume, c.in, point);
            if (c.mask) v *= share[static_cast<size_t>(((n * c.sets + set) * taps + tap) * places + p)];
            sum += v * weight[static_cast<size_t>((m * per_group + k) * taps + tap)];
          }
        }
        ASSERT_NEAR(got[static_cast<size_t>((n * c.filters + m) * places + p)], sum, bound) << m << " " << p;
      }
}

TEST(DeformConv, AgainstPlainLoops) {
  const Case kCases[] = {
      {{5, 6}, {3, 2}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 2, 3, 1, 1, false, false},
      {{7, 6}, {2, 3}, {2, 1}, {1, 2}, {1, 0, 2, 1}, 4, 4, 2, 2, true, true},
      {{9}, {3}, {2}, {2}, {1, 1}, 2, 2, 1, 2, true, false},
      {{4, 3, 5}, {2, 2, 2}, {1, 1, 2}, {1, 1, 1}, {0, 1, 0, 0, 0, 1}, 2, 2, 2, 1, false, true},
  };
  for (const Case& c : kCases)
    for (DType t : {DType::kDouble, DType::kFloat, DType::kFloat16, DType::kBFloat16}) check(c, t);
}

TEST(DeformConv, WithoutOffsetsItIsConv) {
  const Value x = numbers(DType::kFloat, {1, 3, 9, 8}, random_numbers(216, -1, 1));
  const Value w = numbers(DType::kFloat, {4, 3, 3, 3}, random_numbers(108, -1, 1, 2));
  const Value none = tensor<float>({1, 18, 7, 6}, std::vector<float>(756));
  const auto a = as_doubles(run1("DeformConv", 22, {x, w, none})), b = as_doubles(run1("Conv", 22, {x, w}));
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

TEST(DeformConv, OffsetsThatAreNoNumbers) {
  const Value x = tensor<float>({1, 1, 2, 2}, {1, 2, 3, 4}), w = tensor<float>({1, 1, 1, 1}, {1});
  const Value offset = tensor<float>({1, 2, 2, 2}, {NAN, 1e30f, -1e30f, INFINITY, 0, 0, 0, 0});
  EXPECT_EQ(items<float>(run1("DeformConv", 22, {x, w, offset})), (std::vector<float>{0, 0, 0, 0}));
}

TEST(DeformConv, Errors) {
  const auto zeros = [](Ints d) { return tensor<float>(d, std::vector<float>(static_cast<size_t>(total(d)))); };
  const auto fails = [&](const char* part, std::vector<Value> in, graph::Attrs a = {}) {
    const std::string message = error_of([&] { run1("DeformConv", 22, in, a); });
    EXPECT_NE(message.find(part), std::string::npos) << "found: " << message;
  };
  const Value x = zeros({1, 4, 3, 3}), w = zeros({2, 4, 2, 2}), offset = zeros({1, 8, 2, 2});
  fails("channels of offset", {x, w, zeros({1, 7, 2, 2})});
  fails("spatial dims of offset", {x, w, zeros({1, 8, 3, 2})});
  fails("channels of X and W", {x, zeros({2, 3, 2, 2}), offset});
  fails("multiple of offset_group = 3", {x, w, zeros({1, 24, 2, 2})}, {{"offset_group", int64_t{3}}});
  fails("group: 0 found", {x, w, offset}, {{"group", int64_t{0}}});
  fails("bias and output channels", {x, w, offset, zeros({3})});
  fails("channels of offset or mask", {x, w, offset, {}, zeros({1, 8, 2, 2})});
  fails("rank 2", {zeros({1, 4}), w, offset});
}

}  // namespace
}  // namespace tenon::ops::deform_conv_test
