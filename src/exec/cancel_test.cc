// A run that is late ends soon, whatever kernel it is in. Measured in processor time of the thread that runs, which the
// load of the machine does not change: until the deadline it is at most the deadline, and after it only what is left to
// do until the next poll.
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "support/cpu_time.h"
#include "support/program.h"

namespace tenon::exec::cancel_test {
namespace {

using test::tensor_of;

constexpr int kDeadlineMs = 20;
constexpr double kLateS = 0.150;  // 0.05 on a quiet machine; other programs slow down what waits for memory

/// Any numbers, no two alike for a while.
template <class T>
Value many(std::initializer_list<int64_t> dims) {
  Value v = Value::tensor(DTypeOf<T>::value, Dims(dims));
  uint32_t state = 1;
  for (T& x : v.as_mutable<T>()) {
    state = state * 1664525 + 1013904223;
    if constexpr (std::is_same_v<T, std::string>)
      x = "Word number " + std::to_string(state >> 8);
    else
      x = static_cast<T>(static_cast<float>(state >> 8) / 16777216.f * (std::is_integral_v<T> ? 100.f : 1.f));
  }
  return v;
}

/// Boxes far from each other.
Value boxes(int64_t n) {
  Value v = Value::tensor(DType::kFloat, Dims{1, n, 4});
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < 4; ++k)
      v.as_mutable<float>()[static_cast<size_t>(i * 4 + k)] = static_cast<float>(2 * i + k / 2);
  return v;
}

struct Case {
  const char* graph;
  std::function<std::vector<Value>()> feeds;
};

const Case kCases[] = {
    {"graph (a: float[m,k], b: float[k,n]) opset 17 { y = MatMul(a, b)  return y }",
     [] {
       return std::vector{many<float>({3072, 3072}), many<float>({3072, 3072})};
     }},
    {"graph (a: double[m,k], b: double[k,n]) opset 17 { y = MatMul(a, b)  return y }",
     [] {
       return std::vector{many<double>({1536, 1536}), many<double>({1536, 1536})};
     }},
    {"graph (a: uint8[m,k], b: uint8[k,n]) opset 17 { y = MatMulInteger(a, b)  return y }",
     [] {
       return std::vector{many<uint8_t>({4096, 4096}), many<uint8_t>({4096, 4096})};
     }},
    {"graph (a: float[i,j,k], b: float[j,k,l]) opset 17 { y = Einsum<equation=\"ijk,jkl->il\">(a, b)  return y }",
     [] {
       return std::vector{many<float>({3072, 64, 48}), many<float>({64, 48, 3072})};
     }},
    {"graph (x: float[b,c,h,w], k: float[o,c,p,q]) opset 17 { y = Conv(x, k)  return y }",
     [] {
       return std::vector{many<float>({4, 128, 256, 256}), many<float>({128, 128, 3, 3})};
     }},
    {"graph (x: float[b,c,h,w], k: float[c,o,p,q]) opset 17 { y = ConvTranspose(x, k)  return y }",
     [] {
       return std::vector{many<float>({4, 128, 128, 128}), many<float>({128, 128, 3, 3})};
     }},
    {"graph (q: float[b,h,l,d], k: float[b,h,s,d], v: float[b,h,s,d]) opset 23 { y = Attention(q, k, v)  return y }",
     [] {
       return std::vector{many<float>({1, 16, 6144, 64}), many<float>({1, 16, 6144, 64}),
                          many<float>({1, 16, 6144, 64})};
     }},
    {"graph (x: float[l,b,i], w: float[d,g,i], r: float[d,g,h]) opset 17 { y, h, c = LSTM<hidden_size=8>(x, w, r)  "
     "return h }",
     [] {
       return std::vector{many<float>({1'000'000, 1, 4}), many<float>({1, 32, 4}), many<float>({1, 32, 8})};
     }},
    {"graph (x: float[l,b,i], w: float[d,g,i], r: float[d,g,h]) opset 17 { y, h = GRU<hidden_size=512>(x, w, r)  "
     "return h }",
     [] {
       return std::vector{many<float>({4000, 1, 64}), many<float>({1, 1536, 64}), many<float>({1, 1536, 512})};
     }},
    {"graph (x: float[n], k: int64[1]) opset 17 { v, i = TopK(x, k)  return v }",
     [] {
       return std::vector{many<float>({8'000'000}), tensor_of<int64_t>({1}, {4'000'000})};
     }},
    {"graph (x: int64[n]) opset 17 { y = Unique(x)  return y }",
     [] { return std::vector{many<int64_t>({8'000'000})}; }},
    {"graph (x: float[n,m,k]) opset 17 { y = NonZero(x)  return y }",
     [] {
       return std::vector{many<float>({300, 300, 300})};
     }},
    {"graph (b: float[n,m,4], s: float[n,c,m]) opset 17 { most: int64[1] = {1000000}  y = NonMaxSuppression(b, s, "
     "most)  return y }",
     [] {
       return std::vector{boxes(60'000), many<float>({1, 1, 60'000})};
     }},
    {"graph (x: float[n,m], i: int64[k,m], u: float[k,m]) opset 18 { y = ScatterElements<reduction=\"add\">(x, i, u)  "
     "return y }",
     [] {
       return std::vector{many<float>({1000, 1000}), many<int64_t>({40'000, 1000}), many<float>({40'000, 1000})};
     }},
    {"graph (x: string[n]) opset 17 { y = StringNormalizer<case_change_action=\"UPPER\">(x)  return y }",
     [] { return std::vector{many<std::string>({1'500'000})}; }},
    {"graph (x: float[b,c,h,w], s: float[4]) opset 17 { y = Resize<mode=\"cubic\">(x, _, s)  return y }",
     [] {
       return std::vector{many<float>({1, 16, 512, 512}), tensor_of<float>({4}, {1, 1, 4, 4})};
     }},
    {"graph (x: float[n]) opset 17 { y = Erf(x)  z = Atan(y)  return z }",
     [] { return std::vector{many<float>({100'000'000})}; }},
    {"graph (x: double[n,m]) opset 17 { y = ReduceLogSumExp<axes=[0]>(x)  return y }",
     [] {
       return std::vector{many<double>({40'000, 1000})};
     }},
    {R"(graph (m: int64[], x: float[n]) opset 17 {
       last = Loop(m, _, x) { body (i: int64[], c: bool[], v) { s = Sin(v)  go = Identity(c)  return go, s } }
       return last })",
     [] {
       return std::vector{tensor_of<int64_t>({}, {1'000'000'000}), many<float>({4})};
     }},
    {R"(graph (x: float[n,m]) opset 17 {
       y = Scan<num_scan_inputs=1>(x) { body (v) { s = Sin(v)  return s } }
       return y })",
     [] {
       return std::vector{many<float>({3'000'000, 4})};
     }},
};

TEST(Cancel, EveryKernelEndsSoon) {
  ThreadPool two({.threads = 2});
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.graph);
    const std::vector<Value> feeds = c.feeds();
    for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &two}) {
      test::RunnableGraph g(c.graph);
      CancelToken token;
      const test::CpuTime time;
      token.set_deadline(CancelToken::Clock::now() + std::chrono::milliseconds(kDeadlineMs));
      try {
        g.run(feeds, {.par = {pool, &token}});
        ADD_FAILURE() << "it was over in " << time.seconds() << " s, before the deadline or without a poll after it";
      } catch (const Error& e) {
        EXPECT_EQ(e.reason(), ErrorReason::kDeadline) << e.what();
        EXPECT_LT(time.seconds(), kDeadlineMs * 1e-3 + test::limit_s(kLateS));
      }
    }
  }
}

}  // namespace
}  // namespace tenon::exec::cancel_test
