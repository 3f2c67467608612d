// Random tensors of every element type.
#include "session/random_values.h"

#include "base/dtype.h"
#include "base/error.h"

namespace tenon::session {

template <class T>
T RandomValues::number() {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(uniform());
  else if constexpr (sizeof(T) == 1)
    return static_cast<T>(engine_());
  else
    return static_cast<T>(engine_() & 1);
}

Value RandomValues::tensor(DType t, std::span<const int64_t> dims, const std::string& input) {
  Value v = Value::tensor(t, dims);
  switch (t) {
    case DType::kString:
      for (std::string& s : v.as_mutable<std::string>()) s = static_cast<char>('a' + engine_() % 26);
      break;
    case DType::kBool:
      for (bool& b : v.as_mutable<bool>()) b = engine_() & 1;
      break;
    case DType::kFloat16:
      for (Half& h : v.as_mutable<Half>()) h = to_half(uniform());
      break;
    case DType::kBFloat16:
      for (BFloat16& b : v.as_mutable<BFloat16>()) b = to_bfloat16(uniform());
      break;
    default:
      if (!is_int(t) && !is_float(t))
        fail(ErrorCode::kNotImplemented, "input '{}': no random values of type tensor({}), it must be given", input,
             dtype_name(t));
      visit<NumericTypes>(t, [&]<class T>() {
        for (T& x : v.as_mutable<T>()) x = number<T>();
      });
  }
  return v;
}

}  // namespace tenon::session
