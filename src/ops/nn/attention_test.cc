// Attention and RotaryEmbedding against the formulas, one number at a time.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/op_runner.h"

namespace tenon::test::attention_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();
size_t at(int64_t i) { return static_cast<size_t>(i); }

struct Case {
  int64_t batch = 2, heads = 4, kv_heads = 4, q_len = 3, kv_len = 5, width = 8, v_width = 6, past = 0;
  bool flat = false;  // 3-D operands
  bool causal = false;
  Ints mask = {};  // dims; empty: none
  bool bool_mask = false;
  double softcap = 0, scale = 0;
  int64_t left = -1, right = -1;
  Ints lengths = {};
  int64_t mode = -1;  // of the 4th output
  DType type = DType::kFloat;
  bool present = true;
};

void near(const Value& v, const Doubles& want, double bound, const char* what) {
  const Doubles got = as_doubles(v);
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i]) continue;  // infinities
    ASSERT_NEAR(got[i], want[i], bound * (1 + std::abs(want[i]))) << what << " at " << i;
  }
}

void check(const Case& t, Isa isa = Isa::kPortable) {
  const auto random = [](int64_t n, uint32_t seed) { return random_numbers(at(n), -1, 1, seed); };
  const int64_t total = t.past + t.kv_len;
  const Doubles q = random(t.batch * t.heads * t.q_len * t.width, 1),
                k = random(t.batch * t.kv_heads * t.kv_len * t.width, 2);
  const Doubles v = random(t.batch * t.kv_heads * t.kv_len * t.v_width, 3);
  const Doubles pk = random(t.batch * t.kv_heads * t.past * t.width, 4),
                pv = random(t.batch * t.kv_heads * t.past * t.v_width, 5);
  Doubles mask = t.mask.empty() ? Doubles() : random(element_count(t.mask), 6);
  for (size_t i = 0; i < mask.size(); ++i) {
    if (t.bool_mask) mask[i] = mask[i] > -0.5;
    if (!t.bool_mask && i % 7 == 3) mask[i] = -kInf;
  }

  // Operands are numbered [b, h, row, col] here; 3-D ones lie as [b, row, h, col].
  const auto index = [&](int64_t heads, int64_t len, int64_t width, int64_t b, int64_t h, int64_t i, int64_t j) {
    return at(t.flat ? ((b * len + i) * heads + h) * width + j : ((b * heads + h) * len + i) * width + j);
  };
  const auto key = [&](int64_t b, int64_t g, int64_t i, int64_t j) {
    return i < t.past ? pk[at(((b * t.kv_heads + g) * t.past + i) * t.width + j)]
                      : k[index(t.kv_heads, t.kv_len, t.width, b, g, i - t.past, j)];
  };
  const auto value = [&](int64_t b, int64_t g, int64_t i, int64_t j) {
    return i < t.past ? pv[at(((b * t.kv_heads + g) * t.past + i) * t.v_width + j)]
                      : v[index(t.kv_heads, t.kv_len, t.v_width, b, g, i - t.past, j)];
  };
  const auto mask_at = [&](int64_t b, int64_t h, int64_t i, int64_t j) -> double {
    if (t.mask.empty()) return 0;
    if (j >= t.mask.back()) return -kInf;
    const int64_t full[] = {b, h, i, j};
    int64_t offset = 0;
    for (size_t d = 0; d < t.mask.size(); ++d)
      offset = offset * t.mask[d] + (t.mask[d] == 1 ? 0 : full[4 - t.mask.size() + d]);
    const double m = mask[at(offset)];
    return t.bool_mask ? m != 0 ? 0 : -kInf : m;
  };
  const double scale =
      t.scale > 0 ? static_cast<double>(static_cast<float>(t.scale)) : 1 / std::sqrt(static_cast<double>(t.width));
  Doubles y(at(t.batch * t.heads * t.q_len * t.v_width)), seen(at(t.batch * t.heads * t.q_len * total));
  for (int64_t b = 0; b < t.batch; ++b)
    for (int64_t h = 0; h < t.heads; ++h)
      for (int64_t i = 0; i < t.q_len; ++i) {
        const int64_t g = h / (t.heads / t.kv_heads);
        const int64_t here = i + (t.lengths.empty() ? t.past : t.lengths[at(b)] - t.q_len);
        Doubles s(at(total));
        const auto record = [&](int64_t mode) {
          for (int64_t j = 0; j < total && mode == t.mode; ++j)
            seen[at(((b * t.heads + h) * t.q_len + i) * total + j)] = s[at(j)];
        };
        for (int64_t j = 0; j < total; ++j)
          for (int64_t d = 0; d < t.width; ++d)
            s[at(j)] += q[index(t.heads, t.q_len, t.width, b, h, i, d)] * key(b, g, j, d) * scale;
        record(0);
        for (double& e : s)
          if (t.softcap > 0) e = t.softcap * std::tanh(e / t.softcap);
        record(1);
        double top = -kInf, sum = 0;
        for (int64_t j = 0; j < total; ++j) {
          s[at(j)] += mask_at(b, h, i, j);
          if ((t.causal && j > here) || (t.left >= 0 && j < here - t.left) || (t.right >= 0 && j > here + t.right))
            s[at(j)] = -kInf;
          if (!t.lengths.empty() && j >= t.lengths[at(b)]) s[at(j)] = -kInf;
          top = std::max(top, s[at(j)]);
        }
        record(2);
        for (double& e : s) sum += e = top == -kInf ? 0 : std::exp(e - top);
        for (double& e : s) e = sum > 0 ? e / sum : 0;
        record(3);
        for (int64_t j = 0; j < total; ++j)
          for (int64_t d = 0; d < t.v_width; ++d)
            y[index(t.heads, t.q_len, t.v_width, b, h, i, d)] += s[at(j)] * value(b, g, j, d);
      }

  const auto dims = [&](int64_t heads, int64_t len, int64_t width) {
    return t.flat ? Ints{t.batch, len, heads * width} : Ints{t.batch, heads, len, width};
  };
  std::vector<Value> in{numbers(t.type, dims(t.heads, t.q_len, t.width), q),
                        numbers(t.type, dims(t.kv_heads, t.kv_len, t.width), k),
                        numbers(t.type, dims(t.kv_heads, t.kv_len, t.v_width), v),
                        t.mask.empty() ? Value() : numbers(t.bool_mask ? DType::kBool : t.type, t.mask, mask)};
  in.push_back(t.past ? numbers(t.type, {t.batch, t.kv_heads, t.past, t.width}, pk) : Value());
  in.push_back(t.past ? numbers(t.type, {t.batch, t.kv_heads, t.past, t.v_width}, pv) : Value());
  if (!t.lengths.empty()) in.push_back(vec<int64_t>(t.lengths));
  Attrs attrs{{"is_causal", static_cast<int64_t>(t.causal)}};
  if (t.flat) attrs.set("q_num_heads", t.heads), attrs.set("kv_num_heads", t.kv_heads);
  if (t.softcap > 0) attrs.set("softcap", static_cast<float>(t.softcap));
  if (t.scale > 0) attrs.set("scale", static_cast<float>(t.scale));
  if (t.left >= 0) attrs.set("left_window_size", t.left);
  if (t.right >= 0) attrs.set("right_window_size", t.right);
  if (t.mode >= 0) attrs.set("qk_matmul_output_mode", t.mode);
  RunSettings settings;
  settings.isa = isa;
  if (!t.present) settings.unwanted = {1, 2};
  const auto out = run_op("", "Attention", 25, in, attrs, t.mode >= 0 ? 4 : 3, settings);
  const double bound = t.type == DType::kFloat ? 2e-6 : t.type == DType::kDouble ? 1e-12 : 4e-3;
  near(out[0], y, bound, "Y");
  if (t.mode >= 0) near(out[3], seen, bound, "scores");
  if (!t.present) return;
  Doubles all_k, all_v;
  for (int64_t b = 0; b < t.batch; ++b)
    for (int64_t g = 0; g < t.kv_heads; ++g)
      for (int64_t i = 0; i < total; ++i) {
        for (int64_t j = 0; j < t.width; ++j) all_k.push_back(key(b, g, i, j));
        for (int64_t j = 0; j < t.v_width; ++j) all_v.push_back(value(b, g, i, j));
      }
  near(out[1], all_k, bound, "present_key");
  near(out[2], all_v, bound, "present_value");
}

TEST(Attention, EveryForm) {
  for (bool flat : {false, true}) {
    check({.flat = flat});
    check({.flat = flat, .present = false});
    check({.kv_heads = 2, .flat = flat});
    check({.kv_heads = 1, .past = 3, .flat = flat, .causal = true});
    check({.past = 3, .flat = flat, .present = false});
    check({.flat = flat, .causal = true, .scale = 0.5});
    check({.flat = flat, .softcap = 0.5});
    check({.past = 2, .flat = flat, .left = 1});
    check({.past = 2, .flat = flat, .causal = true, .left = 2});
    check({.flat = flat, .left = 0, .right = 1});
    check({.flat = flat, .right = 2});
    check({.flat = flat, .lengths = {2, 5}});
    check({.flat = flat, .causal = true, .lengths = {3, 4}});
    check({.flat = flat, .mask = {2, 1, 3, 5}, .left = 1, .lengths = {3, 5}});
    for (int64_t mode : {0, 1, 2, 3})
      check({.kv_heads = 2, .past = 1, .flat = flat, .causal = true, .mask = {3, 6}, .softcap = 0.7, .mode = mode});
  }
}

TEST(Attention, Masks) {
  for (bool is_bool : {false, true})
    for (const Ints& mask : {Ints{5}, Ints{3, 5}, Ints{1, 5}, Ints{4, 3, 5}, Ints{1, 3, 5}, Ints{2, 4, 3, 5},
                             Ints{2, 1, 1, 5}, Ints{1, 4, 3, 5}, Ints{3, 4}}) {
      check({.mask = mask, .bool_mask = is_bool});
      check({.causal = true, .mask = mask, .bool_mask = is_bool});
    }
}

TEST(Attention, TypesAndSizes) {
  for (DType type : {DType::kDouble, DType::kFloat16}) {
    check({.mask = {3, 5}, .type = type});
    check({.kv_heads = 2, .past = 3, .flat = true, .causal = true, .softcap = 1, .type = type});
    check({.mask = {3, 5}, .mode = 2, .type = type});
  }
  for (Isa isa : runnable_isas()) {
    check(
        {.batch = 1, .heads = 2, .kv_heads = 1, .q_len = 67, .kv_len = 131, .width = 40, .v_width = 33, .causal = true},
        isa);
    check({.batch = 1, .heads = 3, .kv_heads = 3, .q_len = 1, .kv_len = 77, .width = 64, .v_width = 64, .past = 70},
          isa);
    check(
        {.batch = 1, .heads = 1, .kv_heads = 1, .q_len = 40, .kv_len = 50, .width = 7, .v_width = 5, .mask = {40, 50}},
        isa);
  }
}

TEST(Attention, AllMaskedRowIsZero) {
  const Value x = numbers(DType::kFloat, {1, 1, 1, 2}, {1, 2}), k = numbers(DType::kFloat, {1, 1, 2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(as_doubles(run1("Attention", 23, {x, k, k, numbers(DType::kBool, {1, 2}, {0, 0})})), (Doubles{0, 0}));
}

TEST(Attention, Rejects) {
  const auto t = [](Ints d) { return numbers(DType::kFloat, d, random_numbers(at(element_count(d)), 0, 1)); };
  const auto error = [&](std::vector<Value> in, Attrs a = {}) {
    return error_of([&] { run1("Attention", 24, in, a); });
  };
  EXPECT_NE(error({t({1, 2, 3, 4}), t({1, 2, 3, 5}), t({1, 2, 3, 4})}).find("head size"), std::string::npos);
  EXPECT_NE(error({t({1, 3, 3, 4}), t({1, 2, 3, 4}), t({1, 2, 3, 4})}).find("query heads"), std::string::npos);
  EXPECT_NE(error({t({1, 3, 8}), t({1, 3, 8}), t({1, 3, 8})}).find("q_num_heads"), std::string::npos);
  EXPECT_NE(error({t({1, 2, 3, 4}), t({1, 2, 3, 4}), t({1, 2, 3, 4}), t({2, 3})}).find("attn_mask"), std::string::npos);
  EXPECT_NE(error({t({1, 2, 3, 4}), t({1, 2, 3, 4}), t({1, 2, 3, 4}), Value(), t({1, 2, 1, 4})}).find("past_value"),
            std::string::npos);
  EXPECT_NE(error({t({1, 2, 3, 4}), t({1, 2, 3, 4}), t({1, 2, 3, 4}), Value(), Value(), Value(), vec<int64_t>({4})})
                .find("nonpad_kv_seqlen[0] is 4"),
            std::string::npos);
}

TEST(RotaryEmbedding, EveryForm) {
  const int64_t batch = 2, heads = 3, length = 4, size = 10;
  const Doubles x = random_numbers(at(batch * heads * length * size), -1, 1, 1);
  for (bool flat : {false, true})
    for (bool interleaved : {false, true})
      for (int64_t dim : {0, 6})
        for (int form = 0; form < 4; ++form) {  // caches [B, S], [1, S] (as torch writes them), by ids, ids of batch 1
          const int64_t half = (dim ? dim : size) / 2;
          const bool ids = form >= 2;
          const Ints dims = ids ? Ints{9, half} : Ints{form == 0 ? batch : 1, length, half};
          const Doubles cos = random_numbers(at(element_count(dims)), -1, 1, 2),
                        sin = random_numbers(at(element_count(dims)), -1, 1, 3);
          const Ints positions = form == 2 ? Ints{8, 0, 3, 3, 1, 2, 5, 7} : Ints{8, 0, 3, 5};
          Doubles want(x.size());
          for (int64_t b = 0; b < batch; ++b)
            for (int64_t h = 0; h < heads; ++h)
              for (int64_t s = 0; s < length; ++s) {
                const size_t row = at((flat ? (b * length + s) * heads + h : (b * heads + h) * length + s) * size);
                const size_t angle = at((form == 0   ? b * length + s
                                         : form == 1 ? s
                                                     : positions[at(form == 2 ? b * length + s : s)]) *
                                        half);
                for (int64_t i = 0; i < size; ++i) want[row + at(i)] = x[row + at(i)];
                for (int64_t i = 0; i < half; ++i) {
                  const size_t p = row + at(interleaved ? 2 * i : i), q = row + at(interleaved ? 2 * i + 1 : half + i);
                  want[p] = cos[angle + at(i)] * x[p] - sin[angle + at(i)] * x[q];
                  want[q] = sin[angle + at(i)] * x[p] + cos[angle + at(i)] * x[q];
                }
              }
          for (DType type : {DType::kFloat, DType::kFloat16}) {
            std::vector<Value> in{
                numbers(type, flat ? Ints{batch, length, heads * size} : Ints{batch, heads, length, size}, x),
                numbers(type, dims, cos), numbers(type, dims, sin)};
            if (ids) in.push_back(tensor<int64_t>(form == 2 ? Ints{batch, length} : Ints{1, length}, positions));
            Attrs attrs{{"interleaved", static_cast<int64_t>(interleaved)}, {"rotary_embedding_dim", dim}};
            if (flat) attrs.set("num_heads", heads);
            near(run1("RotaryEmbedding", 23, in, attrs), want, type == DType::kFloat ? 1e-6 : 3e-3, "Y");
          }
        }
}

TEST(RotaryEmbedding, Rejects) {
  const auto t = [](Ints d) { return numbers(DType::kFloat, d, random_numbers(at(element_count(d)), 0, 1)); };
  const auto error = [&](std::vector<Value> in, Attrs a = {}) {
    return error_of([&] { run1("RotaryEmbedding", 23, in, a); });
  };
  EXPECT_NE(
      error({t({1, 1, 2, 4}), t({3, 2}), t({3, 2}), tensor<int64_t>({1, 2}, {0, 3})}).find("position_ids[1] is 3"),
      std::string::npos);
  EXPECT_NE(error({t({1, 2, 4}), t({1, 2, 2}), t({1, 2, 2})}).find("num_heads"), std::string::npos);
  EXPECT_NE(error({t({1, 1, 2, 5}), t({1, 2, 2}), t({1, 2, 2})}).find("even"), std::string::npos);
  EXPECT_NE(error({t({1, 1, 2, 4}), t({1, 2, 3}), t({1, 2, 3})}).find("half of the dims"), std::string::npos);
}

}  // namespace
}  // namespace tenon::test::attention_test
