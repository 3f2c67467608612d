// Indices of GatherElements and ScatterElements: one position along the axis for each element.
#pragma once
#include "ops/move.h"

namespace tenon::ops {

/// Throws unless indices (operand 1) have data's (operand 0) rank and lie inside it outside `axis`.
inline void expect_element_indices(InferContext& c, int64_t axis_attr) {
  if (!c.has_rank(0) || !c.has_rank(1)) return;
  const Dims &data = c.dims(0), &indices = c.dims(1);
  if (data.size() != indices.size() || data.empty())
    fail("indices have rank {}, data has rank {}: expected equal ranks of at least 1", indices.size(), data.size());
  const auto axis = static_cast<size_t>(resolve_axis(axis_attr, data.size()));
  for (size_t k = 0; k < data.size(); ++k)
    if (k != axis && !is_symbol(data[k]) && !is_symbol(indices[k]) && indices[k] > data[k])
      fail("indices have shape {}, which exceeds data {} outside axis {}", to_string(indices), to_string(data), axis);
}

/// Walks over the elements of `indices` (not empty) in rows of its last dim.
class ElementIndex {
 public:
  ElementIndex(const TensorRef& data, const TensorRef& indices, int64_t axis)
      : data_(data),
        indices_(indices),
        axis_(static_cast<size_t>(resolve_axis(axis, data.rank))),
        stride_(extent(data.dims(), axis_ + 1, data.rank)) {}
  int64_t row_length() const { return indices_.dim[indices_.rank - 1]; }
  int64_t rows() const { return indices_.count / row_length(); }
  /// f(i, at) for each element i of the indices in rows [begin, end): `at` is the element of data that it means.
  template <class F>
  void each(int64_t begin, int64_t end, F&& f) const {
    const size_t rank = data_.rank;
    const int64_t inner = row_length(), n = data_.dim[axis_];
    const int64_t step = axis_ + 1 == rank ? 0 : 1;  // along the last axis the position comes from the index alone
    for (int64_t row = begin; row < end; ++row) {
      int64_t flat = row, base = 0, s = data_.dim[rank - 1];
      for (size_t k = rank - 1; k-- > 0;) {
        if (k != axis_) base += flat % indices_.dim[k] * s;
        flat /= indices_.dim[k];
        s *= data_.dim[k];
      }
      for (int64_t j = 0; j < inner; ++j) {
        const int64_t i = row * inner + j;
        f(i, base + resolve_index(int_at(indices_, i), n) * stride_ + j * step);
      }
    }
  }

 private:
  const TensorRef &data_, &indices_;
  size_t axis_;
  int64_t stride_;
};

}  // namespace tenon::ops
