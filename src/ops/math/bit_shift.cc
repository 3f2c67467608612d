// BitShift: integers shifted by others, with broadcasting.
#include "ops/map_rows.h"

namespace tenon::ops::bit_shift {
namespace {

template <class T>
constexpr T kWidth = static_cast<T>(8 * sizeof(T));

// A shift by a negative amount or by the whole width leaves what the sign extends to: 0, or -1 to the right.
struct Left {
  template <class T>
  static T apply(T x, T y, const double*) {
    if (y < 0 || y >= kWidth<T>) return 0;
    return static_cast<T>(static_cast<uint64_t>(x) << y);
  }
};
struct Right {
  template <class T>
  static T apply(T x, T y, const double*) {
    if (y < 0 || y >= kWidth<T>) return x < 0 ? static_cast<T>(-1) : T(0);
    return static_cast<T>(x >> y);
  }
};

std::unique_ptr<const Kernel> make_shift(const NodeInfo& n) {
  const DType t = n.dtype(0);
  return std::make_unique<const BinaryKernel>(n.attrs.get_string("direction", "") == "LEFT"
                                                  ? binary_map<IntTypes, Left>(t, 0.7)
                                                  : binary_map<IntTypes, Right>(t, 0.7));
}

void infer(InferContext& c) {
  const std::string_view d = c.attrs().get_string("direction", "");
  if (d != "LEFT" && d != "RIGHT") fail("attribute direction is '{}', expected 'LEFT' or 'RIGHT'", d);
  infer_broadcast(c);
}

constexpr AttrDef kAttrs[] = {required_attr("direction", AttrKind::kString)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}, {"Y", T}}, kOut[] = {{"Z", T}};
};
constexpr OpDef kRow = {.name = "BitShift", .attrs = kAttrs, .infer = infer, .make = make_shift, .inplace = 3};
constexpr OpDef kOps[] = {row_of<Ports<UnsignedInts::set>>(kRow, 11, 27), row_of<Ports<kIntSet>>(kRow, 28, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::bit_shift
