// Pools against loops over every window position; global pools.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/op_runner.h"

namespace tenon::test::pool_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;

struct Case {
  Ints in, kernel, stride, dilation, pads;  // spatial dims
  bool ceil = false;
};
size_t at(int64_t i) { return static_cast<size_t>(i); }

/// Windows of one plane: offsets of the positions inside X, and how many lie inside the padded X.
struct Window {
  std::vector<int64_t> offsets, column_major;
  int64_t padded = 0;
};
std::vector<Window> windows(const Case& t, Ints* out) {
  const size_t r = t.in.size();
  for (size_t i = 0; i < r; ++i) {
    const int64_t reach = (t.kernel[i] - 1) * t.dilation[i] + 1, free = t.in[i] + t.pads[i] + t.pads[r + i] - reach;
    int64_t n = free / t.stride[i] + 1;
    if (t.ceil && free % t.stride[i] != 0 && n * t.stride[i] < t.in[i] + t.pads[i]) ++n;
    out->push_back(n);
  }
  std::vector<Window> all(at(element_count(*out)));
  for (size_t o = 0; o < all.size(); ++o)
    for (int64_t k = 0; k < element_count(t.kernel); ++k) {
      int64_t ro = static_cast<int64_t>(o), rk = k, offset = 0, step = 1;
      bool inside = true, padded = true;
      Ints position(r);
      for (size_t i = r; i-- > 0;) {
        const int64_t p = ro % (*out)[i] * t.stride[i] + rk % t.kernel[i] * t.dilation[i] - t.pads[i];
        ro /= (*out)[i], rk /= t.kernel[i];
        inside = inside && p >= 0 && p < t.in[i];
        padded = padded && p >= -t.pads[i] && p < t.in[i] + t.pads[r + i];
        offset += p * step;
        step *= t.in[i];
        position[i] = p;
      }
      int64_t column = 0;
      for (size_t i = r; i-- > 0;) column = column * t.in[i] + position[i];
      if (inside) all[o].offsets.push_back(offset), all[o].column_major.push_back(column);
      all[o].padded += padded ? 1 : 0;
    }
  return all;
}

const Case kCases[] = {
    {{9}, {3}, {1}, {1}, {0, 0}},
    {{10}, {3}, {2}, {1}, {1, 1}, true},
    {{10}, {4}, {3}, {2}, {2, 0}},
    {{7, 8}, {2, 3}, {2, 2}, {1, 1}, {0, 1, 1, 1}},
    {{7, 8}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, true},
    {{12, 9}, {3, 2}, {1, 2}, {2, 3}, {1, 0, 2, 1}, true},
    {{4, 5, 6}, {2, 2, 3}, {1, 2, 2}, {1, 1, 1}, {0, 0, 1, 1, 0, 1}},
    {{3, 3, 2, 3}, {2, 1, 2, 2}, {1, 1, 1, 1}, {1, 1, 1, 1}, {0, 0, 0, 1, 0, 0, 1, 0}},
};

Attrs attrs_of(const Case& t) {
  return {{"kernel_shape", t.kernel},
          {"strides", t.stride},
          {"dilations", t.dilation},
          {"pads", t.pads},
          {"ceil_mode", static_cast<int64_t>(t.ceil)}};
}

/// X of [2, 3, spatial...] with distinct values that every type holds.
Doubles plane_values(const Case& t, bool is_unsigned) {
  Doubles x(at(6 * element_count(t.in)));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i * 37 % 101) - (is_unsigned ? 0 : 50);
  return x;
}
Ints with_batch(Ints spatial) {
  spatial.insert(spatial.begin(), {2, 3});
  return spatial;
}

TEST(Pool, Max) {
  for (const Case& t : kCases) {
    Ints out;
    const std::vector<Window> all = windows(t, &out);
    const int64_t in_plane = element_count(t.in), out_plane = element_count(out);
    for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16, DType::kInt8, DType::kUint8})
      for (int64_t order : {0, 1}) {
        const Doubles x = plane_values(t, type == DType::kUint8);
        Attrs attrs = attrs_of(t);
        attrs.set("storage_order", order);
        const auto y = run_op("", "MaxPool", 22, {numbers(type, with_batch(t.in), x)}, attrs, 2);
        ASSERT_EQ(dims_of(y[0]), with_batch(out));
        const Doubles got = as_doubles(y[0]);
        const auto index = items<int64_t>(y[1]);
        for (int64_t p = 0; p < 6; ++p)
          for (int64_t o = 0; o < out_plane; ++o) {
            double best = -std::numeric_limits<double>::infinity();
            int64_t where = -1;
            for (size_t k = 0; k < all[at(o)].offsets.size(); ++k) {
              const double v = x[at(p * in_plane + all[at(o)].offsets[k])];
              if (v <= best) continue;
              best = v;
              where = p * in_plane + (order ? all[at(o)].column_major[k] : all[at(o)].offsets[k]);
            }
            ASSERT_EQ(got[at(p * out_plane + o)], best) << dtype_name(type) << " window " << o;
            ASSERT_EQ(index[at(p * out_plane + o)], where) << dtype_name(type) << " window " << o << " order " << order;
          }
      }
  }
}

TEST(Pool, AverageAndLp) {
  for (Isa isa : runnable_isas())
    for (const Case& t : kCases) {
      Ints out;
      const std::vector<Window> all = windows(t, &out);
      const int64_t in_plane = element_count(t.in), out_plane = element_count(out);
      const Doubles x = plane_values(t, false);
      RunSettings settings;
      settings.isa = isa;
      for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16})
        for (int form = 0; form < 4; ++form) {  // average without and with padding, Lp with p = 2 and 3
          Attrs attrs = attrs_of(t);
          if (form < 2) attrs.set("count_include_pad", static_cast<int64_t>(form));
          if (form == 3) attrs.set("p", int64_t{3});
          const Value y =
              run1(form < 2 ? "AveragePool" : "LpPool", 22, {numbers(type, with_batch(t.in), x)}, attrs, settings);
          ASSERT_EQ(dims_of(y), with_batch(out));
          const Doubles got = as_doubles(y);
          for (int64_t p = 0; p < 6; ++p)
            for (int64_t o = 0; o < out_plane; ++o) {
              const Window& w = all[at(o)];
              double sum = 0;
              for (int64_t offset : w.offsets) {
                const double v = x[at(p * in_plane + offset)];
                sum += form < 2 ? v : std::pow(std::abs(v), form);
              }
              const double want =
                  form >= 2 ? std::pow(sum, 1.0 / form) : sum / static_cast<double>(form ? w.padded : w.offsets.size());
              const double bound = type == DType::kFloat16 ? 1e-3 : type == DType::kFloat ? 1e-6 : 1e-13;
              ASSERT_NEAR(got[at(p * out_plane + o)], want, bound * (1 + std::abs(want)))
                  << dtype_name(type) << " form " << form << " window " << o;
            }
        }
    }
}

TEST(Pool, AutoPad) {
  const Value x = numbers(DType::kFloat, {1, 1, 5}, {1, 5, 2, 4, 3});
  const auto run = [&](const char* pad) {
    return items<float>(run1("MaxPool", 1, {x},
                             Attrs{{"kernel_shape", Ints{2}}, {"strides", Ints{2}}, {"auto_pad", std::string(pad)}}));
  };
  EXPECT_EQ(run("SAME_UPPER"), (std::vector<float>{5, 4, 3}));
  EXPECT_EQ(run("SAME_LOWER"), (std::vector<float>{1, 5, 4}));
  EXPECT_EQ(run("VALID"), (std::vector<float>{5, 4}));
}

TEST(Pool, Rejects) {
  const Value x = numbers(DType::kFloat, {1, 1, 5}, {1, 5, 2, 4, 3});
  const auto error = [&](Attrs a) { return error_of([&] { run1("MaxPool", 12, {x}, a); }); };
  EXPECT_NE(error(Attrs{{"kernel_shape", Ints{2, 2}}}).find("kernel_shape"), std::string::npos);
  EXPECT_NE(error(Attrs{{"kernel_shape", Ints{0}}}).find("kernel_shape"), std::string::npos);
  EXPECT_NE(error(Attrs{{"kernel_shape", Ints{9}}}).find("reaches over 9"), std::string::npos);
  EXPECT_NE(error(Attrs{{"kernel_shape", Ints{2}}, {"pads", Ints{-1, 0}}}).find("pads"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("LpPool", 1, {x}); }).find("kernel_shape"), std::string::npos);
}

TEST(Pool, Global) {
  const Doubles x{1, -2, 3, -4, 5, -6, 7, -8};
  for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16}) {
    const Value v = numbers(type, {1, 2, 2, 2}, x);
    EXPECT_EQ(as_doubles(run1("GlobalAveragePool", 22, {v})), (Doubles{-0.5, -0.5}));
    EXPECT_EQ(as_doubles(run1("GlobalMaxPool", 1, {v})), (Doubles{3, 7}));
    EXPECT_EQ(as_doubles(run1("GlobalLpPool", 2, {v}, Attrs{{"p", int64_t{1}}})), (Doubles{10, 26}));
    EXPECT_EQ(dims_of(run1("GlobalLpPool", 1, {v}, Attrs{{"p", 1.f}})), (Ints{1, 2, 1, 1}));
  }
}

}  // namespace
}  // namespace tenon::test::pool_test
