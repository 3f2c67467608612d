// Conv and ConvTranspose against plain loops over any number of spatial dims.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::conv_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;

struct Case {
  Ints x, w, strides, dilations, pads;
  int64_t group = 1;
  bool bias = true;
};

bool step(Ints& at, const Ints& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++at[i] < dims[i]) return true;
    at[i] = 0;
  }
  return false;
}
int64_t flat(const Ints& at, const Ints& dims) {
  int64_t n = 0;
  for (size_t i = 0; i < dims.size(); ++i) n = n * dims[i] + at[i];
  return n;
}
Ints tail(const Ints& d) { return Ints(d.begin() + 2, d.end()); }

/// The whole convolution by definition: for every joint (output position, tap) pair.
std::vector<double> reference(const Case& t, const Ints& y, const std::vector<double>& x, const std::vector<double>& w,
                              const std::vector<double>& bias, bool transposed) {
  std::vector<double> out(static_cast<size_t>(element_count(y)), 0);
  const Ints in = tail(t.x), o = tail(y), k = tail(t.w);
  const int64_t in_plane = element_count(in), out_plane = element_count(o), taps = element_count(k);
  const int64_t in_group = t.x[1] / t.group, out_group = y[1] / t.group;
  for (int64_t n = 0; n < y[0]; ++n)
    for (int64_t m = 0; m < y[1]; ++m) {
      double* plane = out.data() + (n * y[1] + m) * out_plane;
      for (int64_t i = 0; i < out_plane; ++i) plane[i] = t.bias ? bias[static_cast<size_t>(m)] : 0;
      for (int64_t c = 0; c < in_group; ++c) {
        const int64_t channel = m / out_group * in_group + c;
        Ints narrow(k.size(), 0);
        do {
          Ints tap(k.size(), 0);
          do {
            Ints wide(k.size());
            bool inside = true;
            const Ints& limit = transposed ? o : in;
            for (size_t i = 0; i < k.size(); ++i) {
              wide[i] = narrow[i] * t.strides[i] + tap[i] * t.dilations[i] - t.pads[i];
              inside = inside && wide[i] >= 0 && wide[i] < limit[i];
            }
            if (!inside) continue;
            const Ints &xi = transposed ? narrow : wide, &yi = transposed ? wide : narrow;
            const int64_t filter = transposed ? channel * out_group + m % out_group : m * in_group + c;
            plane[flat(yi, o)] += w[static_cast<size_t>(filter * taps + flat(tap, k))] *
                                  x[static_cast<size_t>((n * t.x[1] + channel) * in_plane + flat(xi, in))];
          } while (step(tap, k));
        } while (step(narrow, transposed ? in : o));
      }
    }
  return out;
}

void check(const Case& t, DType type, bool transposed, Isa isa = Isa::kPortable) {
  Attrs attrs{{"strides", t.strides}, {"dilations", t.dilations}, {"pads", t.pads}, {"group", t.group}};
  const auto random = [](const Ints& d, uint32_t seed) {
    std::vector<double> v = random_numbers(static_cast<size_t>(element_count(d)), -2, 3, seed);
    for (double& e : v) e = std::floor(e);  // exact in every type
    return v;
  };
  const Ints channels{transposed ? t.w[1] * t.group : t.w[0]};
  const std::vector<double> x = random(t.x, 1), w = random(t.w, 2), b = random(channels, 3);
  std::vector<Value> in{numbers(type, t.x, x), numbers(type, t.w, w)};
  if (t.bias) in.push_back(numbers(type, channels, b));
  RunSettings settings;
  settings.isa = isa;
  const Value y = run1(transposed ? "ConvTranspose" : "Conv", 22, in, attrs, settings);
  EXPECT_EQ(as_doubles(y), reference(t, dims_of(y), x, w, b, transposed))
      << to_string(t.x) << " * " << to_string(t.w) << " " << dtype_name(type) << " " << isa_name(isa);
}

const Case kCases[] = {
    {{2, 3, 8}, {4, 3, 3}, {1}, {1}, {1, 1}},
    {{1, 4, 9}, {6, 2, 4}, {2}, {2}, {2, 1}, 2},
    {{1, 3, 7, 9}, {5, 3, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {{2, 4, 6, 6}, {8, 4, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
    {{1, 4, 6, 6}, {8, 4, 1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}},
    {{1, 6, 9, 8}, {6, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 6},
    {{1, 6, 9, 8}, {12, 1, 3, 5}, {2, 1}, {1, 2}, {1, 2, 0, 1}, 6},
    {{1, 17, 5, 19}, {33, 17, 3, 2}, {2, 3}, {1, 1}, {0, 1, 2, 0}, 1, false},
    {{1, 2, 4, 5, 6}, {3, 2, 2, 3, 2}, {1, 2, 1}, {1, 1, 2}, {1, 0, 1, 0, 1, 1}},
    {{1, 2, 3, 3, 3, 3}, {2, 2, 2, 2, 2, 2}, {1, 1, 1, 2}, {1, 1, 1, 1}, {1, 0, 0, 0, 0, 0, 0, 1}},
};

TEST(Conv, EveryFormAndType) {
  for (const Case& t : kCases)
    for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16}) check(t, type, false);
  check(kCases[0], DType::kBFloat16, false);
  for (Isa isa : runnable_isas())
    for (const Case& t : kCases) check(t, DType::kFloat, false, isa);
}

TEST(Conv, AutoPad) {
  const Value x = numbers(DType::kFloat, {1, 1, 5}, {1, 2, 3, 4, 5}), w = numbers(DType::kFloat, {1, 1, 2}, {1, 10});
  const auto run = [&](const char* pad, int64_t stride) {
    return items<float>(run1("Conv", 11, {x, w}, Attrs{{"auto_pad", std::string(pad)}, {"strides", Ints{stride}}}));
  };
  EXPECT_EQ(run("SAME_UPPER", 1), (std::vector<float>{21, 32, 43, 54, 5}));
  EXPECT_EQ(run("SAME_LOWER", 1), (std::vector<float>{10, 21, 32, 43, 54}));
  EXPECT_EQ(run("VALID", 1), (std::vector<float>{21, 32, 43, 54}));
  EXPECT_EQ(run("SAME_UPPER", 2), (std::vector<float>{21, 43, 5}));
  EXPECT_EQ(run("SAME_LOWER", 2), (std::vector<float>{10, 32, 54}));
}

TEST(Conv, Rejects) {
  const auto error = [](Ints x, Ints w, Attrs attrs = {}) {
    return error_of([&] {
      run1("Conv", 11,
           {numbers(DType::kFloat, x, random_numbers(static_cast<size_t>(element_count(x)), 0, 1)),
            numbers(DType::kFloat, w, random_numbers(static_cast<size_t>(element_count(w)), 0, 1))},
           attrs);
    });
  };
  EXPECT_NE(error({1, 3, 4}, {2, 2, 3}).find("channels"), std::string::npos);
  EXPECT_NE(error({1, 3}, {2, 3}).find("rank"), std::string::npos);
  EXPECT_NE(error({1, 3, 4}, {2, 3, 6}).find("padded input"), std::string::npos);
  EXPECT_NE(error({1, 3, 4}, {2, 3, 3}, Attrs{{"strides", Ints{0}}}).find("strides"), std::string::npos);
  EXPECT_NE(error({1, 3, 4}, {2, 3, 3}, Attrs{{"pads", Ints{1}}}).find("pads"), std::string::npos);
  EXPECT_NE(error({1, 3, 4}, {2, 3, 3}, Attrs{{"kernel_shape", Ints{2}}}).find("kernel_shape"), std::string::npos);
  EXPECT_NE(error({1, 4, 4}, {3, 2, 3}, Attrs{{"group", int64_t{2}}}).find("group"), std::string::npos);
  EXPECT_NE(error({1, 3, 4}, {2, 3, 3}, Attrs{{"auto_pad", std::string("SAME")}}).find("auto_pad"), std::string::npos);
}

TEST(ConvTranspose, EveryFormAndType) {
  const Case cases[] = {
      {{2, 3, 4}, {3, 2, 3}, {2}, {1}, {1, 1}},
      {{1, 4, 5}, {4, 3, 2}, {1}, {3}, {0, 1}, 2},
      {{1, 3, 4, 5}, {3, 4, 3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
      {{2, 6, 3, 3}, {6, 1, 4, 4}, {2, 2}, {1, 1}, {1, 1, 1, 1}, 6},
      {{1, 2, 3, 2, 3}, {2, 2, 2, 3, 2}, {1, 2, 2}, {2, 1, 1}, {0, 1, 0, 1, 1, 0}, 1, false},
      {{1, 2, 2, 2, 2, 2}, {2, 1, 2, 1, 2, 1}, {1, 1, 2, 2}, {1, 1, 1, 1}, {0, 0, 1, 0, 0, 0, 0, 0}},
  };
  for (const Case& t : cases)
    for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16}) check(t, type, true);
  for (Isa isa : runnable_isas())
    for (const Case& t : cases) check(t, DType::kFloat, true, isa);
}

TEST(ConvTranspose, OutputShape) {
  const Value x = numbers(DType::kFloat, {1, 1, 2}, {1, 2}), w = numbers(DType::kFloat, {1, 1, 3}, {1, 10, 100});
  const auto run = [&](Attrs attrs) { return items<float>(run1("ConvTranspose", 11, {x, w}, attrs)); };
  // The full result with stride 2 is 1 10 102 20 200.
  EXPECT_EQ(run(Attrs{{"strides", Ints{2}}}), (std::vector<float>{1, 10, 102, 20, 200}));
  EXPECT_EQ(run(Attrs{{"strides", Ints{2}}, {"output_padding", Ints{1}}}),
            (std::vector<float>{1, 10, 102, 20, 200, 0}));
  EXPECT_EQ(run(Attrs{{"strides", Ints{2}}, {"output_shape", Ints{4}}, {"auto_pad", std::string("SAME_UPPER")}}),
            (std::vector<float>{1, 10, 102, 20}));
  EXPECT_EQ(run(Attrs{{"strides", Ints{2}}, {"output_shape", Ints{4}}, {"auto_pad", std::string("SAME_LOWER")}}),
            (std::vector<float>{10, 102, 20, 200}));
  EXPECT_EQ(run(Attrs{{"strides", Ints{2}}, {"auto_pad", std::string("SAME_UPPER")}}),
            (std::vector<float>{1, 10, 102, 20}));
  EXPECT_EQ(run(Attrs{{"strides", Ints{2}}, {"output_shape", Ints{6}}}), (std::vector<float>{1, 10, 102, 20, 200, 0}));
}

}  // namespace
}  // namespace tenon::test::conv_test
