// The table of LabelEncoder and CategoryMapper, as their attributes give it.
#pragma once
#include "graph/attr.h"
#include "tenon/value.h"

namespace tenon::ops {

/// Keys, values (1-D tensors of one length) and default, of the types that the attributes name.
struct LabelTable {
  Value keys, values, fallback;

  /// LabelEncoder 2 and later: keys_*, values_*, default_*, of which keys and values must be there once.
  static LabelTable from_lists(const graph::Attrs& attrs);
  /// LabelEncoder 1 (strings numbered in order) and CategoryMapper (two lists): strings to integers or, for input type
  /// `from` int64, back.
  static LabelTable from_classes(const graph::Attrs& attrs, DType from);
  static LabelTable from_categories(const graph::Attrs& attrs, DType from);
};

}  // namespace tenon::ops
