// What Max, Min, Sum and Mean share: one or more operands folded by a binary map, with broadcasting.
#pragma once
#include "ops/map_rows.h"

namespace tenon::ops {

class Fold final : public Kernel {
 public:
  /// `last` is applied to the result where it has a row.
  explicit Fold(const BinaryMap& map, const UnaryMap& last = {}) : map_(map), last_(last) {}
  void run(KernelContext& c) const override;

 private:
  BinaryMap map_;
  UnaryMap last_;
};

template <DTypeSet T>
struct FoldInputs {
  static constexpr Port kIn[] = {{"data_0", T, "T", PortUse::kVariadic}};
};
/// Versions 1 (with consumed_inputs), 6 and 8 to `last`.
template <template <DTypeSet> class P>
constexpr std::array<OpDef, 3> old_fold_rows(OpDef base, int last) {
  using Ports = P<kOldFloatSet>;
  return {row_of<Ports>(base, 1, 5, kConsumed), row_of<Ports>(base, 6, 7), row_of<Ports>(base, 8, last)};
}

}  // namespace tenon::ops
