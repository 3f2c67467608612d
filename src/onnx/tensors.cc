// Tensor payloads: raw bytes, typed fields, external files, sparse coordinates.
#include "onnx/tensors.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <cstring>

#include "base/dtype.h"
#include "base/error.h"
#include "base/model_error.h"
#include "base/shape.h"
#include "base/value_data.h"
#include "onnx/types.h"

namespace tenon::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little endian");

bool is_float6(DType t) { return t == DType::kFloat6E2M3 || t == DType::kFloat6E3M2; }

/// Bytes of the elements in raw_data and external files; 6-bit floats are packed there only.
size_t file_bytes(DType t, int64_t count, size_t storage) {
  if (!is_float6(t)) return storage;
  const auto n = static_cast<size_t>(count);
  return n / 4 * 3 + (n % 4 * 6 + 7) / 8;
}

/// The typed field of an element type.
TensorView::Field field_of(DType t) {
  switch (t) {
    case DType::kFloat:
    case DType::kComplex64:
      return TensorView::kFloatData;
    case DType::kDouble:
    case DType::kComplex128:
      return TensorView::kDoubleData;
    case DType::kInt64:
      return TensorView::kInt64Data;
    case DType::kUint32:
    case DType::kUint64:
      return TensorView::kUint64Data;
    case DType::kString:
      return TensorView::kStringData;
    default:
      return TensorView::kInt32Data;
  }
}

const char* field_name(uint32_t field) {
  switch (field) {
    case TensorView::kFloatData:
      return "float_data";
    case TensorView::kInt32Data:
      return "int32_data";
    case TensorView::kStringData:
      return "string_data";
    case TensorView::kInt64Data:
      return "int64_data";
    case TensorView::kRawData:
      return "raw_data";
    case TensorView::kDoubleData:
      return "double_data";
    default:
      return "uint64_data";
  }
}

std::string field_names(uint32_t present) {
  std::string s;
  for (uint32_t f = 0; f < 16; ++f)
    if (present >> f & 1) s += (s.empty() ? "" : ", ") + std::string(field_name(f));
  return s;
}

/// f(value) for each value of the typed field, in order.
template <class F>
void each_value(const Decoder& d, const TensorView& t, TensorView::Field field, F f) {
  Reader r = d.reader(t.bytes, "TensorProto");
  while (r.next()) {
    if (r.field() != field) {
      r.skip();
    } else if (field == TensorView::kFloatData) {
      r.floats("float_data", f);
    } else if (field == TensorView::kDoubleData) {
      r.doubles("double_data", f);
    } else {
      r.integers(field_name(field), f);
    }
  }
}

/// An int32_data value must fit the element, read as signed or unsigned.
template <class T>
T narrow(auto value, DType type) {
  if constexpr (std::is_floating_point_v<T> || sizeof(T) == 8) {
    return static_cast<T>(value);
  } else {
    const auto v = static_cast<int64_t>(value);
    constexpr int64_t kHigh = int64_t{1} << (8 * sizeof(T));
    if (v < -kHigh / 2 || v >= kHigh)
      fail(ErrorCode::kInvalidGraph, "value {} does not fit element type {}", v, dtype_name(type));
    return static_cast<T>(v);
  }
}

template <class T>
void fill(const Decoder& d, const TensorView& t, TensorView::Field field, DType type, void* out) {
  auto* p = static_cast<T*>(out);
  each_value(d, t, field, [&p, type](auto v) {
    if (type == DType::kBool)
      *p++ = static_cast<T>(v != 0);
    else
      *p++ = narrow<T>(v, type);
  });
}

void unpack_float6(std::span<const std::byte> in, std::span<uint8_t> out) {
  size_t bit = 0;
  for (uint8_t& x : out) {
    unsigned two = std::to_integer<unsigned>(in[bit / 8]);
    if (bit / 8 + 1 < in.size()) two |= std::to_integer<unsigned>(in[bit / 8 + 1]) << 8;
    x = static_cast<uint8_t>(two >> (bit % 8) & 0x3f);
    bit += 6;
  }
}

/// Adds the tensor's name to an error.
template <class F>
auto named(std::string_view name, const char* what, F f) {
  try {
    return f();
  } catch (const Error& e) {
    throw in_model(e, fmt::format("{} {}: {}", what, quote_name(name), e.what()));
  }
}

void count_bytes(int64_t* total, size_t bytes, int64_t limit, const char* name) {
  if (static_cast<int64_t>(bytes) > limit - *total)
    fail_limit(name, "{} bytes more than the {} that the model's tensors may have", bytes, limit);
  *total += static_cast<int64_t>(bytes);
}

}  // namespace

Value TensorImporter::raw(DType type, const Dims& dims, std::span<const std::byte> bytes,
                          std::shared_ptr<const FileBytes> owner) {
  const auto above_one = [](std::byte b) { return b > std::byte{1}; };
  const bool rewritten =
      is_float6(type) || (type == DType::kBool && std::any_of(bytes.begin(), bytes.end(), above_one));
  constexpr size_t kSmall = 256;  // copied at once: cheaper than keeping its place
  if (owner && !rewritten && bytes.size() >= kSmall) return ValueAccess::in_file(type, dims, bytes, std::move(owner));
  Value v = Value::tensor(type, dims);
  auto* out = static_cast<std::byte*>(v.mutable_data());
  if (is_float6(type))
    unpack_float6(bytes, v.as_mutable<uint8_t>());
  else if (rewritten)
    std::transform(bytes.begin(), bytes.end(), out, [](std::byte b) { return std::byte{b != std::byte{0}}; });
  else
    std::memcpy(out, bytes.data(), bytes.size());
  return v;
}

Value TensorImporter::typed(const TensorView& t, DType type, int64_t count) {
  const TensorView::Field field = field_of(type);
  // Counted before anything is allocated.
  int64_t found = 0;
  std::vector<std::string> strings;
  if (field == TensorView::kStringData) {
    Reader r = d_.reader(t.bytes, "TensorProto");
    while (r.next()) {
      if (r.field() == field)
        strings.emplace_back(r.bytes("string_data"));
      else
        r.skip();
    }
    found = static_cast<int64_t>(strings.size());
  } else if (t.present >> field & 1) {
    each_value(d_, t, field, [&found](auto) { ++found; });
  }
  int64_t expected = count;
  if (type == DType::kComplex64 || type == DType::kComplex128) expected = checked_mul(count, 2);
  if (is_packed(type)) expected = static_cast<int64_t>(storage_bytes(type, count));
  if (found != expected)
    fail(ErrorCode::kInvalidGraph, "{} has {} values, shape {} of {} needs {}", field_name(field), found,
         to_string(t.dims), dtype_name(type), expected);
  if (type == DType::kString) return Value::strings(t.dims, std::move(strings));
  Value v = Value::tensor(type, t.dims);
  void* out = v.mutable_data();
  if (count == 0) return v;
  switch (field) {
    case TensorView::kFloatData:
      fill<float>(d_, t, field, type, out);
      break;
    case TensorView::kDoubleData:
      fill<double>(d_, t, field, type, out);
      break;
    case TensorView::kInt64Data:
      fill<int64_t>(d_, t, field, type, out);
      break;
    case TensorView::kUint64Data:
      type == DType::kUint32 ? fill<uint32_t>(d_, t, field, type, out) : fill<uint64_t>(d_, t, field, type, out);
      break;
    default:
      switch (std::max<size_t>(dtype_size(type), 1)) {
        case 1:
          fill<uint8_t>(d_, t, field, type, out);
          break;
        case 2:
          fill<uint16_t>(d_, t, field, type, out);
          break;
        default:
          auto* p = static_cast<int32_t*>(out);
          each_value(d_, t, field, [&p](auto value) { *p++ = static_cast<int32_t>(value); });
      }
  }
  if (is_float6(type))
    for (uint8_t x : v.as<uint8_t>())
      if (x > 0x3f) fail(ErrorCode::kInvalidGraph, "value {} does not fit element type {}", x, dtype_name(type));
  return v;
}

Value TensorImporter::data(const TensorView& t, DType type, int64_t count, size_t bytes) {
  const size_t in_file = file_bytes(type, count, bytes);
  if (t.external) {
    if (type == DType::kString) fail(ErrorCode::kInvalidGraph, "strings cannot be external data");
    if (t.present)
      fail(ErrorCode::kInvalidGraph, "external data and {} found, expected one of them", field_names(t.present));
    if (Value given = external_.given(t.name)) {
      if (given.dtype() != type || !std::ranges::equal(given.dims(), t.dims))
        fail(ErrorCode::kFail, "the value given for external data is {} of shape {}, expected {} of shape {}",
             dtype_name(given.dtype()), to_string(given.dims()), dtype_name(type), to_string(t.dims));
      return given;
    }
    ExternalFiles::Piece piece = external_.find(t, in_file);
    if (count == 0) return Value::tensor(type, t.dims);
    return raw(type, t.dims, piece.bytes, std::move(piece.owner));
  }
  if (!t.external_data.empty())
    fail(ErrorCode::kInvalidGraph, "external_data is given, but data_location is not EXTERNAL");
  if (std::popcount(t.present) > 1)
    fail(ErrorCode::kInvalidGraph, "{} found, expected one of them", field_names(t.present));
  if (t.present >> TensorView::kRawData & 1) {
    if (type == DType::kString) fail(ErrorCode::kInvalidGraph, "strings in raw_data, expected string_data");
    if (t.raw.size() != in_file)
      fail(ErrorCode::kInvalidGraph, "raw_data has {} bytes, shape {} of {} needs {}", t.raw.size(), to_string(t.dims),
           dtype_name(type), in_file);
    if (count == 0) return Value::tensor(type, t.dims);
    return raw(type, t.dims, std::as_bytes(std::span(t.raw)), file_);
  }
  if (t.present && !(t.present >> field_of(type) & 1))
    fail(ErrorCode::kInvalidGraph, "{} found, element type {} needs {} or raw_data", field_names(t.present),
         dtype_name(type), field_name(field_of(type)));
  return typed(t, type, count);
}

Value TensorImporter::tensor(Bytes b, std::string_view* name) {
  const TensorView t = d_.tensor(b);
  if (name) *name = t.name;
  return named(t.name, "tensor", [&] {
    const DType type = import_dtype(t.type, "data_type");
    if (t.segment) fail(ErrorCode::kNotImplemented, "segments of tensors are not supported");
    const int64_t count = element_count(t.dims);
    if (count > d_.limits().tensor_elements)
      fail_limit("tensor_elements", "shape {} has {} elements, at most {} are allowed", to_string(t.dims), count,
                 d_.limits().tensor_elements);
    const size_t bytes = storage_bytes(type, count);
    count_bytes(&total_bytes_, bytes, d_.limits().initializer_bytes, "initializer_bytes");
    return data(t, type, count, bytes);
  });
}

TensorImporter::Coo TensorImporter::coo(Bytes b) {
  Coo out;
  const SparseView s = d_.sparse(b);
  if (!s.has_values || !s.has_indices)
    fail(ErrorCode::kInvalidGraph, "sparse tensor: {} are missing", s.has_values ? "indices" : "values");
  out.values = tensor(s.values_bytes, &out.name);
  named(out.name, "sparse tensor", [&] {
    out.indices = tensor(s.indices_bytes);
    out.dims = s.dims;
    if (out.dims.empty()) fail("dims are missing");
    const int64_t count = element_count(out.dims);
    const Value& indices = out.indices;
    const int64_t n = out.values.count();
    const size_t rank = out.dims.size();
    if (out.values.dims().size() != 1)
      fail("values have shape {}, expected one dimension", to_string(out.values.dims()));
    if (out.values.dtype() == DType::kString || is_packed(out.values.dtype()))
      fail(ErrorCode::kNotImplemented, "element type {} is not supported", dtype_name(out.values.dtype()));
    if (indices.dtype() != DType::kInt64) fail("indices are {}, expected int64", dtype_name(indices.dtype()));
    const auto shape = indices.dims();
    const bool linear = shape.size() == 1 && shape[0] == n;
    if (!linear && !(shape.size() == 2 && shape[0] == n && shape[1] == static_cast<int64_t>(rank)))
      fail("indices have shape {}, expected [{}] or [{},{}]", to_string(shape), n, n, rank);
    const auto ids = indices.as<int64_t>();
    out.offsets.reserve(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      int64_t offset = linear ? ids[static_cast<size_t>(i)] : 0;
      for (size_t k = 0; k < rank && !linear; ++k) {
        const int64_t id = ids[static_cast<size_t>(i) * rank + k];
        if (id < 0 || id >= out.dims[k]) fail("index {} is out of range [0, {}) of dimension {}", id, out.dims[k], k);
        offset = offset * out.dims[k] + id;
      }
      if (offset < 0 || offset >= count) fail("index {} is out of range [0, {})", offset, count);
      if (!out.offsets.empty() && offset <= out.offsets.back()) fail("indices are not in ascending order at {}", i);
      out.offsets.push_back(offset);
    }
    return 0;
  });
  return out;
}

Value TensorImporter::dense(Bytes b, std::string_view* name) {
  const Coo s = coo(b);
  *name = s.name;
  return named(s.name, "sparse tensor", [&] {
    const size_t bytes = storage_bytes(s.values.dtype(), element_count(s.dims));
    count_bytes(&dense_bytes_, bytes, d_.limits().sparse_expansion, "sparse_expansion");
    Value v = Value::tensor(s.values.dtype(), s.dims);
    auto* out = static_cast<std::byte*>(v.mutable_data());
    std::memset(out, 0, v.bytes());
    const auto* in = static_cast<const std::byte*>(s.values.data());
    const size_t size = dtype_size(s.values.dtype());
    for (size_t i = 0; i < s.offsets.size(); ++i)
      std::memcpy(out + static_cast<size_t>(s.offsets[i]) * size, in + i * size, size);
    return v;
  });
}

Value TensorImporter::sparse(Bytes b) {
  Coo s = coo(b);
  return Value::sparse(s.dims, std::move(s.values), std::move(s.indices));
}

}  // namespace tenon::onnx
