// Convolution and its transpose against plain loops: every ISA and path, geometry, groups, epilogues, thread counts.
#include "kernels/conv.h"

#include <fmt/format.h>

#include "kernels/gemm.h"
#include "support/kernel_data.h"
#include "support/reference/reference.h"

namespace tenon::kernels::conv_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;
using test::random_floats;

struct Case {
  int rank;
  int64_t batch, cin, cout, groups;
  int64_t in[3], kernel[3], stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {0, 0, 0}, pad_end[3] = {0, 0, 0};
  bool epilogue = false;
  Activation activation = Activation::kRelu;
};

ConvShape shape_of(const Case& c, bool transposed) {
  ConvShape s;
  s.rank = c.rank;
  s.batch = c.batch, s.in_channels = c.cin, s.out_channels = c.cout, s.groups = c.groups;
  for (int d = 0; d < c.rank; ++d) {
    s.in[d] = c.in[d], s.kernel[d] = c.kernel[d], s.stride[d] = c.stride[d], s.dilation[d] = c.dilation[d];
    s.pad[d] = c.pad[d];
    const int64_t reach = (c.kernel[d] - 1) * c.dilation[d] + 1, pads = c.pad[d] + c.pad_end[d];
    s.out[d] = transposed ? (c.in[d] - 1) * c.stride[d] + reach - pads : (c.in[d] + pads - reach) / c.stride[d] + 1;
  }
  return s;
}

int64_t volume(int rank, const int64_t* d) {
  int64_t v = 1;
  for (int i = 0; i < rank; ++i) v *= d[i];
  return v;
}

// `want` is computed by the first call.
void check(const Case& c, const KernelTable& table, bool transposed, bool packed, reference::Sums& want) {
  ConvArgs a;
  a.shape = shape_of(c, transposed);
  const ConvShape& s = a.shape;
  SCOPED_TRACE(fmt::format("rank {} batch {} channels {} -> {} groups {} in {}x{} out {}x{} kernel {}x{} packed {}",
                           c.rank, c.batch, c.cin, c.cout, c.groups, s.in[0], s.in[1], s.out[0], s.out[1], s.kernel[0],
                           s.kernel[1], packed));
  const int64_t in = volume(s.rank, s.in), out = volume(s.rank, s.out), taps = volume(s.rank, s.kernel);
  const int64_t weights = (transposed ? c.cin * c.cout : c.cout * c.cin) / c.groups * taps;
  auto x = random_floats(c.batch * c.cin * in, 1), w = random_floats(weights, 2), bias = random_floats(c.cout, 3);
  auto residual = random_floats(c.batch * c.cout * out, 4);
  Guarded<float> y(c.batch * c.cout * out);
  a.x = x.data(), a.w = w.data(), a.y = y.data();
  if (c.epilogue) {
    a.epilogue.bias = bias.data();
    a.epilogue.residual = residual.data();
    a.epilogue.activation = c.activation;
    a.epilogue.p0 = -0.5f, a.epilogue.p1 = 0.5f;
  }
  if (want.value.empty()) want = transposed ? reference::conv_transpose(a) : reference::conv(a);
  const size_t bytes = transposed ? conv_transpose_scratch(s) : conv_packed_bytes(s, table);
  const test::AlignedScratch scratch(bytes);
  if (packed && bytes > 0) {
    conv_pack(s, w.data(), scratch.data(), table);
    a.packed_w = scratch.data();
    a.w = nullptr;
  }
  expect_same_bits<float>(y, [&](const Parallel& par) {
    if (transposed)
      conv_transpose(a, scratch.data(), par, table);
    else
      conv(a, par, table);
  });
  for (int64_t i = 0; i < y.size(); ++i) {
    const auto j = static_cast<size_t>(i);
    ASSERT_NEAR(y[i], want.value[j], 1e-6 * want.magnitude[j] + 1e-6) << "element " << i;
  }
}

void check_conv(const Case& c) {
  reference::Sums want;
  each_table([&](const KernelTable& t) {
    check(c, t, false, false, want);
    check(c, t, false, true, want);
  });
}

TEST(Conv, Pointwise) {
  check_conv({2, 2, 5, 7, 1, {6, 7}, {1, 1}});
  check_conv({2, 1, 70, 130, 1, {9, 11}, {1, 1}});
  check_conv({2, 1, 300, 24, 1, {5, 5}, {1, 1}});
  check_conv({2, 1, 16, 20, 1, {9, 9}, {1, 1}, {2, 2}});
  check_conv({2, 1, 12, 40, 2, {8, 8}, {1, 1}});
  check_conv({2, 1, 3, 20, 1, {8, 8}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
}

TEST(Conv, Geometry) {
  check_conv({2, 2, 3, 20, 1, {9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  check_conv({2, 1, 3, 65, 1, {23, 23}, {7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}});
  check_conv({2, 1, 4, 8, 1, {11, 9}, {3, 2}, {2, 1}, {1, 3}, {0, 2}, {1, 0}});
  check_conv({2, 1, 4, 17, 1, {9, 9}, {3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 2}});
  check_conv({2, 1, 40, 33, 1, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  check_conv({2, 1, 8, 16, 1, {3, 3}, {3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}});
  check_conv({2, 1, 8, 16, 1, {1, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  check_conv({2, 1, 2, 16, 1, {4, 4}, {3, 3}, {3, 3}, {1, 1}, {4, 4}, {4, 4}});    // taps wholly in the padding
  check_conv({2, 1, 4, 12, 1, {3, 250}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});  // rows longer than a block
  check_conv({2, 1, 4, 12, 1, {3, 251}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});  // and a shorter last block
}

TEST(Conv, SlabLimitsCutBlocks) {
  check_conv({2, 1, 500, 16, 1, {4, 40}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  check_conv({2, 1, 1000, 16, 1, {3, 30}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  check_conv({2, 1, 110, 16, 1, {27, 27}, {3, 3}, {1, 1}, {12, 12}, {12, 12}, {12, 12}});
}

TEST(Conv, GroupsAndEpilogues) {
  check_conv({2, 2, 8, 12, 4, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, true});
  check_conv({2, 2, 6, 48, 2, {7, 7}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, true});
  check_conv({2, 1, 5, 70, 1, {7, 7}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, true, Activation::kClip});
  check_conv({2, 1, 5, 21, 1, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, true, Activation::kSilu});
}

TEST(Conv, Depthwise) {
  for (int64_t width : {1, 5, 16, 31, 70}) {
    for (int64_t kernel : {1, 3, 5})
      for (int64_t stride : {1, 2, 3}) {
        const int64_t p = kernel / 2;
        check_conv({2, 2, 3, 3, 3, {9, width}, {kernel, kernel}, {stride, stride}, {1, 1}, {p, p}, {p, p}, true});
      }
  }
  check_conv({2, 1, 3, 6, 3, {9, 20}, {3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 2}, true, Activation::kHardSwish});
  check_conv({2, 1, 2, 2, 2, {150, 20}, {3, 3}, {1, 1}, {1, 1}, {0, 2}, {0, 0}});
  check_conv({2, 1, 2, 2, 2, {5, 9000}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, true});
  check_conv({2, 1, 2, 4, 2, {4, 4}, {2, 3}, {1, 1}, {1, 1}, {3, 4}, {3, 4}});
  check_conv({1, 2, 4, 4, 4, {33}, {4}, {1}, {1}, {3}, {0}, true});
  // Rows cut into pieces, with padding at both ends.
  check_conv({2, 1, 2, 2, 2, {5, 20000}, {2, 3}, {1, 1}, {1, 2}, {0, 2}, {1, 2}, true});
  check_conv({2, 1, 2, 4, 2, {4, 19000}, {3, 4}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, true});
  check_conv({1, 1, 2, 2, 2, {40000}, {4}, {3}, {1}, {2}, {3}});
}

TEST(Conv, DepthwiseWeightsAreNotPacked) {
  each_table([](const KernelTable& t) {
    EXPECT_EQ(conv_packed_bytes(shape_of({2, 1, 32, 32, 32, {8, 8}, {3, 3}}, false), t), 0u);
    const ConvShape s = shape_of({2, 1, 4, 64, 2, {8, 8}, {3, 3}}, false);
    EXPECT_EQ(conv_packed_bytes(s, t), 2 * packed_b_bytes(2 * 9, 32, t));
  });
}

TEST(Conv, OneAndThreeDims) {
  check_conv({1, 2, 5, 20, 1, {50}, {5}, {2}, {2}, {3}, {1}, true});
  check_conv({1, 1, 6, 6, 2, {50}, {3}, {1}, {1}, {1}, {1}});
  check_conv({3, 1, 3, 18, 1, {4, 6, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, true});
  check_conv({3, 1, 3, 5, 1, {5, 6, 7}, {2, 3, 1}, {2, 1, 2}, {1, 2, 1}, {0, 2, 0}, {1, 0, 0}});
  check_conv({3, 1, 4, 4, 4, {4, 6, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}});
  check_conv({3, 1, 4, 20, 1, {9, 20, 20}, {3, 3, 3}, {1, 2, 2}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}});
}

TEST(Conv, EmptyBatchIsFine) { check_conv({2, 0, 4, 20, 1, {5, 5}, {3, 3}}); }

TEST(Conv, Transposed) {
  const Case cases[] = {
      {2, 2, 3, 5, 1, {4, 5}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, true},
      {2, 1, 4, 6, 2, {4, 5}, {2, 2}, {2, 2}},
      {2, 1, 4, 4, 4, {6, 6}, {4, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {2, 1, 16, 20, 1, {7, 7}, {3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 1}, true, Activation::kTanh},
      {1, 2, 3, 5, 1, {9}, {4}, {3}, {1}, {2}, {0}},
      {3, 1, 2, 3, 1, {3, 4, 3}, {2, 3, 2}, {2, 1, 2}, {1, 1, 1}, {0, 1, 0}, {0, 1, 0}, true},
      {2, 1, 4, 300, 1, {30, 30}, {2, 2}, {2, 2}},
  };
  for (const Case& c : cases) {
    reference::Sums want;
    each_table([&](const KernelTable& t) { check(c, t, true, false, want); });
  }
}

}  // namespace
}  // namespace tenon::kernels::conv_test
