// Values in files: TensorProto, and the sequences and optionals around it.
#include "onnx/value_file.h"

#include <vector>

#include "base/error.h"
#include "graph/op_def.h"
#include "onnx/external_data.h"
#include "onnx/model_view.h"
#include "onnx/tensors.h"

namespace tenon::onnx {
namespace {

// Fields of SequenceProto and OptionalProto that hold a value; they have the same numbers in both.
enum Field : uint32_t { kTensor = 3, kSequence = 5, kOptional = 7 };

class ValueDecoder {
 public:
  explicit ValueDecoder(std::string_view bytes)
      : options_{.ops = ops_},
        files_({}, {}, options_),
        decoder_(bytes, options_.limits),
        tensors_(decoder_, nullptr, files_) {}

  Value value(Bytes b, ValueKind kind, DType element, int64_t depth) {
    if (depth > options_.limits.depth) fail_limit("depth", "values nest deeper than {}", options_.limits.depth);
    if (kind == ValueKind::kTensor) return tensors_.tensor(b);
    const bool is_sequence = kind == ValueKind::kSequence;
    if (!is_sequence && kind != ValueKind::kOptional)
      fail(ErrorCode::kNotImplemented, "only tensors, sequences and optionals are read from files");
    decoder_.count_object();
    std::vector<Value> items;
    Reader r = decoder_.reader(b, is_sequence ? "SequenceProto" : "OptionalProto");
    while (r.next()) {
      switch (r.field()) {
        case kTensor:
          items.push_back(value(r.bytes("tensor"), ValueKind::kTensor, element, depth + 1));
          break;
        case kSequence:
          items.push_back(value(r.bytes("sequence"), ValueKind::kSequence, element, depth + 1));
          break;
        case kOptional:
          items.push_back(value(r.bytes("optional"), ValueKind::kOptional, element, depth + 1));
          break;
        case 4:
        case 6:
          fail(ErrorCode::kNotImplemented, "maps and sparse tensors are not read from files");
        default:
          r.skip();
      }
    }
    if (is_sequence) return Value::sequence(std::move(items), element);
    if (items.size() > 1) fail(ErrorCode::kInvalidProtobuf, "OptionalProto holds {} values", items.size());
    return Value::optional(items.empty() ? Value() : std::move(items[0]));
  }

 private:
  graph::OpSet ops_;
  LoadOptions options_;
  ExternalFiles files_;
  Decoder decoder_;
  TensorImporter tensors_;
};

}  // namespace

Value read_value(std::string_view bytes, ValueKind kind, const std::string& where, DType element) {
  try {
    return ValueDecoder(bytes).value(bytes, kind, element, 0);
  } catch (const Error& e) {
    throw Error(e.code(), where + ": " + e.what(), e.reason(), e.limit());
  }
}

}  // namespace tenon::onnx
