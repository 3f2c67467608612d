// The attention family of com.microsoft against ONNX's own operators, and its errors.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::ms_attention_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
constexpr DType kF = DType::kFloat;

Value floats(Ints dims, uint32_t seed, DType t = kF) {
  const auto n = static_cast<size_t>(element_count(dims));
  return numbers(t, std::move(dims), random_numbers(n, -1, 1, seed));
}
std::vector<Value> ms(const char* op, const std::vector<Value>& in, const Attrs& attrs = {}, size_t outputs = 1) {
  return run_op("com.microsoft", op, 1, in, attrs, outputs);
}
void near(const Value& got, const Value& want, double bound = 1e-5) {
  ASSERT_EQ(dims_of(got), dims_of(want));
  const auto a = as_doubles(got), b = as_doubles(want);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], bound * (1 + std::abs(b[i]))) << "at " << i;
}

TEST(EmbedLayerNormalization, NormalisesTheSum) {
  const Value word = tensor<float>({2, 2}, {1, 2, 3, 5}), position = tensor<float>({2, 2}, {0, 0, 1, 0});
  const Value one = tensor<float>({2}, {1, 1}), half = tensor<float>({2}, {0.5, 0.5});
  const auto y = ms(
      "EmbedLayerNormalization",
      {tensor<int32_t>({1, 2}, {1, 0}), Value(), word, position, Value(), one, half, tensor<int32_t>({1, 2}, {1, 0})},
      {}, 3);
  EXPECT_EQ(items<float>(y[2]), (std::vector<float>{3, 5, 2, 2}));
  EXPECT_EQ(items<int32_t>(y[1]), (std::vector<int32_t>{1}));
  near(y[0], tensor<float>({1, 2, 2}, {-0.5, 1.5, 0.5, 0.5}));
}

TEST(MsRotaryEmbedding, TurnsAsOnnx) {
  const Value cos = floats({9, 4}, 2), sin = floats({9, 4}, 3), ids = tensor<int64_t>({2, 3}, {5, 1, 0, 8, 2, 2});
  for (int64_t interleaved : {0, 1})
    for (DType t : {kF, DType::kFloat16}) {
      const Value x = floats({2, 3, 16}, 1, t), co = numbers(t, {9, 4}, as_doubles(cos)),
                  si = numbers(t, {9, 4}, as_doubles(sin));
      const Value want =
          run1("RotaryEmbedding", 23, {x, co, si, ids}, Attrs{{"num_heads", int64_t{2}}, {"interleaved", interleaved}});
      near(ms("RotaryEmbedding", {x, ids, co, si}, Attrs{{"interleaved", interleaved}})[0], want);
      // Sections of one position each give the same where the three positions are equal.
      std::vector<int64_t> thrice;
      for (int k = 0; k < 3; ++k)
        for (int64_t i : items<int64_t>(ids)) thrice.push_back(i);
      near(ms("MRotaryEmbedding", {x, tensor<int64_t>({3, 2, 3}, thrice), co, si},
              Attrs{{"interleaved", interleaved}, {"mrope_section", Ints{2, 1, 1}}})[0],
           want);
    }
}

TEST(MultiHeadAttention, IsOnnxAttention) {
  const Value q = floats({2, 3, 8}, 1), k = floats({2, 5, 8}, 2), v = floats({2, 5, 12}, 3),
              bias = floats({1, 2, 3, 5}, 4);
  const Attrs heads{{"num_heads", int64_t{2}}}, both{{"q_num_heads", int64_t{2}}, {"kv_num_heads", int64_t{2}}};
  near(ms("MultiHeadAttention", {q, k, v, Value(), Value(), bias}, heads)[0],
       run1("Attention", 23, {q, k, v, bias}, both));
  const Value past_k = floats({2, 2, 4, 4}, 5), past_v = floats({2, 2, 4, 6}, 6);
  const auto got = ms("MultiHeadAttention", {q, k, v, Value(), Value(), Value(), past_k, past_v}, heads, 3);
  const auto want = run_op("", "Attention", 23, {q, k, v, Value(), past_k, past_v}, both, 3);
  for (size_t i = 0; i < 3; ++i) near(got[i], want[i]);
}

TEST(MsAttention, IsAProductThenMultiHeadAttention) {
  const Value x = floats({2, 3, 5}, 1), w = floats({5, 24}, 2), b = floats({24}, 3), mask = vec<int32_t>({2, 3});
  const Attrs heads{{"num_heads", int64_t{2}}, {"unidirectional", int64_t{1}}};
  const auto all = as_doubles(run1("Add", 14, {run1("MatMul", 13, {x, w}), b}));
  std::vector<Value> parts;
  for (size_t p = 0; p < 3; ++p) {
    std::vector<double> part;
    for (size_t r = 0; r < 6; ++r)
      for (size_t i = 0; i < 8; ++i) part.push_back(all[r * 24 + p * 8 + i]);
    parts.push_back(numbers(kF, {2, 3, 8}, part));
  }
  near(ms("Attention", {x, w, b, mask}, heads)[0],
       ms("MultiHeadAttention", {parts[0], parts[1], parts[2], Value(), mask}, heads)[0]);
}

TEST(GroupQueryAttention, CacheOfAnotherLengthPerEntry) {
  const int64_t size = 4;
  const Value q = floats({2, 1, 16}, 1), k = floats({2, 1, 8}, 2), v = floats({2, 1, 8}, 3);
  const Value past_k = floats({2, 2, 5, size}, 4), past_v = floats({2, 2, 5, size}, 5);
  const Attrs heads{{"num_heads", int64_t{4}}, {"kv_num_heads", int64_t{2}}};
  const auto got =
      ms("GroupQueryAttention", {q, k, v, past_k, past_v, vec<int32_t>({4, 2}), tensor<int32_t>({1}, {5})}, heads, 3);
  EXPECT_EQ(dims_of(got[1]), (Ints{2, 2, 5, size}));
  // Entry b by ONNX's Attention: its first rows of the past, then the new one.
  for (int64_t b = 0; b < 2; ++b) {
    const int64_t done = b == 0 ? 4 : 2;
    const auto entry = [&](const Value& t, int64_t rows, int64_t width, bool cache) {
      std::vector<double> out;
      const auto all = as_doubles(t);
      const int64_t each = static_cast<int64_t>(all.size()) / 2, planes = cache ? 2 : 1;
      for (int64_t p = 0; p < planes; ++p)
        for (int64_t i = 0; i < rows * width; ++i)
          out.push_back(all[static_cast<size_t>(b * each + p * each / planes + i)]);
      return numbers(kF, cache ? Ints{1, 2, rows, width} : Ints{1, rows, width}, out);
    };
    near(entry(got[0], 1, 16, false),
         run_op("", "Attention", 23,
                {entry(q, 1, 16, false), entry(k, 1, 8, false), entry(v, 1, 8, false), Value(),
                 entry(past_k, done, size, true), entry(past_v, done, size, true)},
                Attrs{{"q_num_heads", int64_t{4}}, {"kv_num_heads", int64_t{2}}}, 1)[0]);
  }
}

TEST(GroupQueryAttention, SinksAreAKeyWithoutValue) {
  const Value q = floats({1, 2, 4}, 1), seen = vec<int32_t>({1}), total = tensor<int32_t>({1}, {2});
  const Value zeros = numbers(kF, {1, 2, 4}, std::vector<double>(8, 0)),
              ones = numbers(kF, {1, 2, 4}, std::vector<double>(8, 1));
  const Attrs heads{{"num_heads", int64_t{1}}, {"kv_num_heads", int64_t{1}}};
  std::vector<Value> in{q,     zeros,   ones,    Value(), Value(), seen,
                        total, Value(), Value(), Value(), Value(), vec<float>({0})};
  // All scores are 0: row 0 has one key and the sink, row 1 two keys and the sink.
  near(ms("GroupQueryAttention", in, heads)[0],
       tensor<float>({1, 2, 4}, {.5, .5, .5, .5, 2 / 3.f, 2 / 3.f, 2 / 3.f, 2 / 3.f}));
}

TEST(GatedOps, Formulas) {
  near(ms("GatedAdd", {tensor<float>({1, 2}, {1, 2}), tensor<float>({1, 2}, {4, 6}), tensor<float>({1, 1}, {0.5})})[0],
       tensor<float>({1, 2}, {3, 5}));
  near(ms("GatedRMSNorm", {tensor<float>({1, 2}, {3, 3}), vec<float>({1, 2}), tensor<float>({1, 2}, {0, 0})},
          Attrs{{"activation", std::string("sigmoid")}})[0],
       tensor<float>({1, 2}, {0.5, 1}));
  const auto y =
      ms("LinearAttentionGate",
         {tensor<float>({1, 1, 1}, {1}), vec<float>({-1}), vec<float>({-2}), tensor<float>({1, 1, 1}, {0})}, {}, 2);
  near(y[0], numbers(kF, {1, 1, 1}, {-2 * std::log(2.0)}));
  near(y[1], tensor<float>({1, 1, 1}, {0.5}));
}

TEST(MsAttentionFamily, Errors) {
  const Value x = floats({1, 2, 8}, 1), ids = tensor<int32_t>({1, 1}, {9}), table = floats({2, 2}, 2),
              row = floats({2}, 3);
  const Value angles = floats({3, 2}, 4), seen = vec<int32_t>({1}), total = tensor<int32_t>({1}, {2}), none;
  const Attrs two{{"num_heads", int64_t{2}}}, grouped{{"num_heads", int64_t{2}}, {"kv_num_heads", int64_t{2}}};
  const auto with = [](Attrs a, const char* name, auto v) {
    a.set(name, v);
    return a;
  };
  struct Case {
    const char* op;
    std::vector<Value> in;
    Attrs attrs;
    const char* says;
  };
  const Case cases[] = {
      {"EmbedLayerNormalization", {ids, none, table, table, none, row, row}, {}, "index 9 in input 0"},
      {"EmbedLayerNormalization", {ids, ids, table, table, none, row, row}, {}, "given together"},
      {"RotaryEmbedding",
       {x, vec<int64_t>({2}), angles, angles},
       {},
       "position_ids[0] is 2, expected a value in [0, 1]"},
      {"RotaryEmbedding", {floats({1, 2, 6}, 1), vec<int64_t>({0}), angles, angles}, {}, "holds no heads"},
      {"MRotaryEmbedding", {x, floats({3, 1, 2}, 1), angles, angles}, Attrs{{"mrope_section", Ints{1}}}, "input"},
      {"MRotaryEmbedding",
       {x, tensor<int64_t>({3, 1, 2}, {0, 0, 0, 0, 0, 3}), angles, angles},
       Attrs{{"mrope_section", Ints{1, 1, 0}}},
       "position_ids[5] is 3"},
      {"MultiHeadAttention", {x}, two, "packed operands"},
      {"MultiHeadAttention", {x, x, x, row}, two, "entries of bias"},
      {"MultiHeadAttention", {x, x, x}, Attrs{{"num_heads", int64_t{3}}}, "expected a multiple of num_heads = 3"},
      {"MultiHeadAttention", {x, x, x, none, none, floats({1, 3, 2, 2}, 1)}, two, "attention_bias has dims"},
      {"Attention", {x, floats({8, 25}, 1)}, two, "weights has 25 columns"},
      {"Attention", {x, floats({8, 24}, 1)}, with(two, "do_rotary", int64_t{1}), "do_rotary is set"},
      {"GroupQueryAttention",
       {x, x, x, none, none, seen, total},
       with(grouped, "kv_num_heads", int64_t{3}),
       "num_heads"},
      {"GroupQueryAttention", {x, x, x, none, none, vec<int32_t>({2}), total}, grouped, "seqlens_k[0] is 2"},
      {"GroupQueryAttention", {x, x, x, none, none, seen, total}, with(grouped, "do_rotary", int64_t{1}), "cos_cache"},
      {"GroupQueryAttention",
       {x, x, x, none, none, seen, tensor<int32_t>({1}, {1})},
       grouped,
       "below the 2 new tokens"},
      {"GroupQueryAttention",
       {x, x, x, none, none, seen, total},
       with(grouped, "k_quant_type", std::string("PER_TENSOR")),
       "quantised cache"},
      {"GatedAdd", {x, x, x}, {}, "dims of gate"},
      {"GatedRMSNorm", {x, floats({3}, 1), x}, {}, "expected a multiple of the 3 entries of scale"},
      {"GatedRMSNorm", {x, floats({8}, 1), x}, Attrs{{"activation", std::string("relu")}}, "'relu'"},
      {"LinearAttentionGate", {x, row, row}, {}, "entries of dt_bias"},
      {"CausalConvWithState", {x, floats({2, 1, 3}, 1)}, Attrs{{"dilation", int64_t{2}}}, "dilation is 2"},
  };
  for (const Case& k : cases) {
    const std::string message =
        error_of([&] { ms(k.op, k.in, k.attrs, k.op == std::string("CausalConvWithState") ? 2 : 1); });
    EXPECT_NE(message.find(k.says), std::string::npos) << k.op << ": " << message;
  }
}

}  // namespace
}  // namespace tenon::test::ms_attention_test
