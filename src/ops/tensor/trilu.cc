// Trilu: the upper or lower triangle of each matrix from diagonal k on; zeros elsewhere.
#include "ops/move.h"

namespace tenon::ops::trilu {
namespace {

void infer(InferContext& c) {
  if (c.has_rank(0) && c.rank(0) < 2) fail("input has shape {}, expected rank 2 or more", to_string(c.dims(0)));
  if (c.has_rank(1)) expect_equal(c, c.sym.product(c.dims(1)), 1, "number of elements of k");
  c.set_type(0, c.type(0));
}

struct Trilu final : Kernel {
  explicit Trilu(const NodeInfo& info) : upper(info.attrs.get_int("upper", 1) != 0) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t rows = x.dim[x.rank - 2], columns = x.dim[x.rank - 1];
    // Beyond the matrix every k acts the same; clamped, it cannot overflow.
    const int64_t k = c.has_input(1) ? std::clamp(*c.input(1).as<int64_t>(), -rows, columns) : 0;
    visit_size(x.dtype, [&]<class T>() {
      c.par.loop(x.count / columns, static_cast<double>(columns) * 0.3, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const T* in = x.as<T>() + r * columns;
          T* out = y.out<T>() + r * columns;
          // Upper keeps columns from `cut` on, lower those before it.
          const int64_t cut = std::clamp<int64_t>(r % rows + k + (upper ? 0 : 1), 0, columns);
          const int64_t first = upper ? cut : 0, last = upper ? columns : cut;
          std::fill(out, out + first, T{});
          if (in != out) std::copy(in + first, in + last, out + first);
          std::fill(out + last, out + columns, T{});
        }
      });
    });
  }
  bool upper;
};

constexpr AttrDef kAttrs[] = {int_attr("upper", 1)};
constexpr Port kIn[] = {{"input", kIr4Set}, {"k", kInt64Set, "", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kIr4Set}};
constexpr DTypeSet kMicrosoft = kNumericSet | kBoolSet;
constexpr Port kMicrosoftIn[] = {{"X", kMicrosoft}, {"k", kInt64Set, "", PortUse::kOptional}};
constexpr Port kMicrosoftOut[] = {{"Y", kMicrosoft}};
constexpr OpDef kOps[] = {
    {"Trilu", "", 14, 0, kIn, kOut, kAttrs, infer, make<Trilu>, Lowering::kKernel, 1},
    {"Trilu", "com.microsoft", 1, 0, kMicrosoftIn, kMicrosoftOut, kAttrs, infer, make<Trilu>, Lowering::kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::trilu
