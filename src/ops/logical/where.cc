// Where: condition ? X : Y with broadcasting of all three; moves elements by size.
#include <complex>
#include <string>

#include "ops/map_rows.h"

namespace tenon::ops::where {
namespace {

template <class T>
void select(const uint8_t* c, int64_t sc, const T* x, int64_t sx, const T* y, int64_t sy, T* z, int64_t n) {
  if (sc == 0) {  // one side only
    const T* from = *c ? x : y;
    const int64_t step = *c ? sx : sy;
    for (int64_t i = 0; i < n; ++i) z[i] = from[i * step];
    return;
  }
  if constexpr (std::is_same_v<T, std::string>) {
    for (int64_t i = 0; i < n; ++i) z[i] = c[i] ? x[i * sx] : y[i * sy];
    return;
  }
  // Both sides are read, so that there is no branch on the condition.
  const auto pick = [](uint8_t condition, T a, T b) { return condition ? a : b; };
  const T one_x = *x, one_y = *y;
  if (sx && sy)
    each_element(n, [=](int64_t i) { z[i] = pick(c[i], x[i], y[i]); });
  else if (sx)
    each_element(n, [=](int64_t i) { z[i] = pick(c[i], x[i], one_y); });
  else if (sy)
    each_element(n, [=](int64_t i) { z[i] = pick(c[i], one_x, y[i]); });
  else
    each_element(n, [=](int64_t i) { z[i] = pick(c[i], one_x, one_y); });
}

template <class F>
void visit_storage(DType t, F&& f) {
  if (t == DType::kString) return f(std::string());
  switch (dtype_size(t)) {
    case 1:
      return f(uint8_t());
    case 2:
      return f(uint16_t());
    case 4:
      return f(uint32_t());
    case 8:
      return f(uint64_t());
    default:
      return f(std::complex<double>());
  }
}

class Where final : public Kernel {
 public:
  explicit Where(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef &condition = c.input(0), &x = c.input(1), &y = c.input(2), &z = c.output(0);
    visit_storage(z.dtype, [&]<class T>(T) {
      const uint8_t* pc = condition.as<uint8_t>();
      const T *px = x.as<T>(), *py = y.as<T>();
      T* pz = z.out<T>();
      const int64_t n = z.count, sc = condition.count == n, sx = x.count == n, sy = y.count == n;
      constexpr double kCost = 0.8;
      if ((sc || condition.count == 1) && (sx || x.count == 1) && (sy || y.count == 1)) {
        c.par.loop(n, kCost, [&](int64_t b, int64_t e) {
          select(pc + b * sc, sc, px + b * sx, sx, py + b * sy, sy, pz + b, e - b);
        });
        return;
      }
      const Nest nest(z.dims(), {condition.dims(), x.dims(), y.dims()});
      c.par.loop(n, kCost, [&](int64_t b, int64_t e) {
        nest.each(b, e, [&](const int64_t* at, int64_t out, int64_t count) {
          select(pc + at[0], nest.stride[0][0], px + at[1], nest.stride[1][0], py + at[2], nest.stride[2][0], pz + out,
                 count);
        });
      });
    });
  }
};

void infer(InferContext& c) {
  infer_broadcast(c);
  const ValueType& broadcast = *c.result(0);
  ValueType t = broadcast;
  t.elem = c.dtype(1);
  c.set_type(0, t);
  if (!t.has_rank || !(is_int(t.elem) || t.elem == DType::kBool)) return;
  const auto condition = derived_broadcast(c, 0, t.dims);
  if (!condition) return;
  const auto x = derived_broadcast(c, 1, t.dims), y = derived_broadcast(c, 2, t.dims);
  std::vector<int64_t> out(condition->size());
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t k = (*condition)[i];
    if (is_symbol(k)) {
      if (!x || !y || (*x)[i] != (*y)[i]) return;
    } else if (!(k ? x : y)) {
      return;
    }
    out[i] = (k ? *x : *y)[i];
  }
  c.set_ints(0, std::move(out));
}

constexpr DTypeSet kSet9 = kOldFloatSet | kIntSet | kBoolSet | kStringSet | kComplexSet,
                   kSet16 = kSet9 | dtype_bit(DType::kBFloat16);
template <DTypeSet S>
constexpr Port kIn[] = {{"condition", kBoolSet, "B"}, {"X", S}, {"Y", S}};
constexpr OpDef kOps[] = {
    {"Where", "", 9, 15, kIn<kSet9>, kOutput<kSet9>, {}, infer, make<Where>, Lowering::kKernel, 6},
    {"Where", "", 16, 0, kIn<kSet16>, kOutput<kSet16>, {}, infer, make<Where>, Lowering::kKernel, 6},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::where
