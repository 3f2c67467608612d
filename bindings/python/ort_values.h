// ort_values.h: the vector of values that crosses files of the Python module.
#pragma once
#include "binding.h"

namespace tenon::bindings {

struct PyOrtValueVector {
  std::vector<PyOrtValue> items;
};

}  // namespace tenon::bindings
