// TensorProto → Value: borrowed from the file where alignment allows, else copied; sizes checked exactly.
#pragma once
#include <memory>

#include "base/file.h"
#include "onnx/external_data.h"
#include "onnx/model_view.h"
#include "tenon/value.h"

namespace tenon::onnx {

/// Makes the constants of one model; counts their bytes against the limits. Errors start with the tensor's name.
class TensorImporter {
 public:
  /// `file` holds the decoder's bytes; null: they go away, so everything is copied.
  TensorImporter(Decoder& d, std::shared_ptr<const FileBytes> file, ExternalFiles& external)
      : d_(d), file_(std::move(file)), external_(external) {}

  Value tensor(Bytes b, std::string_view* name = nullptr);
  /// Sparse tensor made dense (initializers); its name is that of the values.
  Value dense(Bytes b, std::string_view* name);
  /// Sparse tensor as it is (attributes).
  Value sparse(Bytes b);

 private:
  struct Coo {
    std::string_view name;
    Dims dims;
    Value values;
    std::vector<int64_t> offsets;  ///< linear, ascending
    Value indices;
  };
  Coo coo(Bytes b);
  Value data(const TensorView& t, DType type, int64_t count, size_t bytes);
  Value raw(DType type, const Dims& dims, std::span<const std::byte> bytes, std::shared_ptr<const FileBytes> owner);
  Value typed(const TensorView& t, DType type, int64_t count);

  Decoder& d_;
  std::shared_ptr<const FileBytes> file_;
  ExternalFiles& external_;
  int64_t total_bytes_ = 0;
  int64_t dense_bytes_ = 0;
};

}  // namespace tenon::onnx
