// Runs one operator on values: infer + make + run, plus checks that every operator owes (see run_op).
#pragma once
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/thread_pool.h"
#include "graph/attr.h"
#include "graph/op_def.h"
#include "tenon/value.h"

namespace tenon::test {

struct RunSettings {
  bool constants = false;                      ///< make() sees the inputs as constants (weights get packed)
  ThreadPool* pool = nullptr;                  ///< null: the caller alone
  Isa isa = Isa::kPortable;                    ///< what NodeInfo says
  std::vector<size_t> unwanted = {};           ///< outputs that the node does not want
  bool check_variants = true;                  ///< the extra checks of run_op
  const graph::OpSet* ops = nullptr;           ///< null: the built-in ops
  double constants_bound = 0;                  ///< packed weights may change results by this much times (1 + |result|)
  std::initializer_list<size_t> unknown = {};  ///< inputs whose contents infer must not see
};

/// Outputs of the row of (domain, op) for opset `version` on `inputs` (an empty Value = missing input; trailing ones
/// may be left out). Operand types are checked against the row's ports (kInvalidGraph), so a test also tests the row.
/// Errors of infer and run come through as tenon::Error. std::logic_error (never an Error) when the op breaks a
/// contract:
///  - a result has another type, dims or derived integers than infer said;
///  - infer throws, or is wrong, when dims are symbols, ranks are unknown, or contents are unknown / only derived;
///  - running in place (every bit of the row's `inplace`), or with constants, gives other bytes.
std::vector<Value> run_op(std::string_view domain, std::string_view op, int version, const std::vector<Value>& inputs,
                          const graph::Attrs& attrs = {}, size_t num_outputs = 1, const RunSettings& settings = {});
/// The only output of an ai.onnx op.
Value run1(std::string_view op, int version, const std::vector<Value>& inputs, const graph::Attrs& attrs = {},
           const RunSettings& settings = {});

/// Message of the tenon::Error that `f` throws; "" when it throws none.
template <class F>
std::string error_of(F&& f);

// Making and reading tensors.
template <class T>
Value tensor(std::vector<int64_t> dims, const std::vector<std::type_identity_t<T>>& data);
template <class T>
Value scalar(T v) {
  return tensor<T>({}, {v});
}
template <class T>
Value vec(const std::vector<std::type_identity_t<T>>& data) {
  return tensor<T>({static_cast<int64_t>(data.size())}, data);
}
/// A float, double, float16, bfloat16 or integer tensor from doubles (rounded to the type).
Value numbers(DType t, std::vector<int64_t> dims, const std::vector<double>& data);
/// Elements of any numeric or bool tensor as doubles (float8, 4-bit and 2-bit types too).
std::vector<double> as_doubles(const Value& v);
template <class T>
std::vector<T> items(const Value& v) {
  return {v.as<T>().begin(), v.as<T>().end()};
}
std::vector<int64_t> dims_of(const Value& v);
/// `count` reproducible values in [lo, hi).
std::vector<double> random_numbers(size_t count, double lo, double hi, uint32_t seed = 1);

template <class T>
Value tensor(std::vector<int64_t> dims, const std::vector<std::type_identity_t<T>>& data) {
  Value v = Value::tensor(DTypeOf<T>::value, dims);
  if (static_cast<size_t>(v.count()) != data.size())
    fail("test tensor: dims ask for {} elements, {} given", v.count(), data.size());
  std::span<T> out = v.as_mutable<T>();
  for (size_t i = 0; i < data.size(); ++i) out[i] = data[i];
  return v;
}
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace tenon::test
