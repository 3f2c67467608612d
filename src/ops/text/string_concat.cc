// StringConcat: X + Y as strings, with broadcasting.
#include "ops/move.h"

namespace tenon::ops::string_concat {
namespace {

struct StringConcat final : Kernel {
  explicit StringConcat(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const TensorRef* in[] = {&c.input(0), &c.input(1)};
    Poll poll(c.par.cancel);
    for (int64_t i = 0; i < y.count; ++i) {
      poll(100);
      int64_t at[2] = {0, 0};
      for (int side = 0; side < 2; ++side) {
        int64_t flat = i, stride = 1;
        for (size_t k = 0; k < in[side]->rank; ++k) {  // from the last dim on
          const int64_t d = in[side]->dim[in[side]->rank - 1 - k], extent = y.dim[y.rank - 1 - k];
          at[side] += d == 1 ? 0 : flat % extent * stride;
          stride *= d;
          flat /= extent;
        }
      }
      y.out<std::string>()[i] = in[0]->as<std::string>()[at[0]] + in[1]->as<std::string>()[at[1]];
    }
  }
};

constexpr Port kIn[] = {{"X", kStringSet}, {"Y", kStringSet}};
constexpr Port kOut[] = {{"Z", kStringSet}};
constexpr OpDef kOps[] = {{.name = "StringConcat",
                           .since = 20,
                           .inputs = kIn,
                           .outputs = kOut,
                           .infer = infer_broadcast,
                           .make = make<StringConcat>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::string_concat
