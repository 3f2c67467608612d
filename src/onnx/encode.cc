// Encoding by protozero's writer.
#include "onnx/encode.h"

#include <array>
#include <cstring>

#include "base/dtype.h"
#include "base/error.h"
#include "onnx/model_view.h"

namespace tenon::onnx {
namespace {

using protozero::pbf_writer;

void encode_entry(pbf_writer out, std::string_view key, std::string_view value) {
  out.add_string(1, key.data(), key.size());
  out.add_string(2, value.data(), value.size());
}

void encode_dims(pbf_writer& out, uint32_t field, std::span<const int64_t> dims) {
  out.add_packed_int64(field, dims.begin(), dims.end());
}

/// 6-bit floats: four elements in three bytes, first element in the low bits.
std::string pack_float6(std::span<const uint8_t> values) {
  std::string out((values.size() * 6 + 7) / 8, '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const unsigned two = (values[i] & 0x3fu) << (i * 6 % 8);
    const size_t byte = i * 6 / 8;
    out[byte] = static_cast<char>(static_cast<unsigned char>(out[byte]) | (two & 0xff));
    if (two >> 8) out[byte + 1] = static_cast<char>(two >> 8);
  }
  return out;
}

/// Pads to a page for data worth mapping, else to a cache line.
void align(FileWriter& w, size_t bytes) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  const uint64_t unit = bytes >= (size_t{1} << 20) ? 4096 : 64;
  w.write(std::span(kZeros).first((unit - w.position() % unit) % unit));
}

void encode_external(pbf_writer& out, std::span<const std::byte> data, const ExternalSink& sink) {
  align(*sink.writer, data.size());
  encode_entry(pbf_writer(out, 13), "location", sink.location);
  encode_entry(pbf_writer(out, 13), "offset", std::to_string(sink.writer->position()));
  encode_entry(pbf_writer(out, 13), "length", std::to_string(data.size()));
  out.add_enum(14, 1);
  sink.writer->write(data);
}

/// protozero drops messages without fields: an unknown dim and the shape of a scalar are written as bytes.
void encode_tensor_type(pbf_writer out, const ValueType& t, const Symbols& symbols,
                        std::span<const std::string> denotations = {}) {
  out.add_int32(1, static_cast<int32_t>(t.elem));
  if (!t.has_rank) return;
  std::string bytes;
  pbf_writer shape(bytes);
  for (size_t i = 0; i < t.dims.size(); ++i) {
    const int64_t d = t.dims[i];
    std::string dim;
    if (!is_symbol(d))
      pbf_writer(dim).add_int64(1, d);
    else if (!symbols.is_fresh(d))
      pbf_writer(dim).add_string(2, symbols.to_string(d));
    if (i < denotations.size() && !denotations[i].empty()) pbf_writer(dim).add_string(3, denotations[i]);
    shape.add_message(1, dim);
  }
  out.add_message(2, bytes);
}

void encode_sparse(pbf_writer out, const Value& v) {
  encode_tensor(pbf_writer(out, 1), "", v.items()[0], nullptr);
  encode_tensor(pbf_writer(out, 2), "", v.items()[1], nullptr);
  encode_dims(out, 3, v.dims());
}

struct AttrEncoder {
  pbf_writer& out;
  const Symbols& symbols;
  void type(AttrType t) { out.add_enum(20, static_cast<int32_t>(t)); }
  void operator()(int64_t v) {
    out.add_int64(3, v);
    type(AttrType::kInt);
  }
  void operator()(float v) {
    out.add_float(2, v);
    type(AttrType::kFloat);
  }
  void operator()(const std::string& v) {
    out.add_bytes(4, v);
    type(AttrType::kString);
  }
  void operator()(const Value& v) {
    if (v.kind() == ValueKind::kSparse) {
      encode_sparse(pbf_writer(out, 22), v);
      return type(AttrType::kSparse);
    }
    encode_tensor(pbf_writer(out, 5), "", v, nullptr);
    type(AttrType::kTensor);
  }
  void operator()(const ValueType& v) {
    encode_type(pbf_writer(out, 14), v, symbols);
    type(AttrType::kTypeProto);
  }
  void operator()(const std::vector<int64_t>& v) {
    for (int64_t x : v) out.add_int64(8, x);  // not packed: proto2 declares these fields so
    type(AttrType::kInts);
  }
  void operator()(const std::vector<float>& v) {
    for (float x : v) out.add_float(7, x);
    type(AttrType::kFloats);
  }
  void operator()(const std::vector<std::string>& v) {
    for (const std::string& s : v) out.add_bytes(9, s);
    type(AttrType::kStrings);
  }
  void operator()(const std::vector<Value>& v) {
    const bool sparse = !v.empty() && v[0].kind() == ValueKind::kSparse;
    for (const Value& x : v) {
      if (sparse)
        encode_sparse(pbf_writer(out, 23), x);
      else
        encode_tensor(pbf_writer(out, 10), "", x, nullptr);
    }
    type(sparse ? AttrType::kSparses : AttrType::kTensors);
  }
  void operator()(const std::vector<ValueType>& v) {
    for (const ValueType& t : v) encode_type(pbf_writer(out, 15), t, symbols);
    type(AttrType::kTypeProtos);
  }
};

}  // namespace

void encode_tensor(pbf_writer out, std::string_view name, const Value& v, const ExternalSink* sink) {
  if (!v.is_tensor()) fail(ErrorCode::kNotImplemented, "constant \"{}\" is no tensor and cannot be saved", name);
  encode_dims(out, 1, v.dims());
  out.add_int32(2, static_cast<int32_t>(v.dtype()));
  if (!name.empty()) out.add_string(8, name.data(), name.size());
  if (v.dtype() == DType::kString) {
    for (const std::string& s : v.string_data()) out.add_bytes(6, s);
    return;
  }
  std::string packed;
  std::span<const std::byte> data(static_cast<const std::byte*>(v.data()), v.bytes());
  if (v.dtype() == DType::kFloat6E2M3 || v.dtype() == DType::kFloat6E3M2) {
    packed = pack_float6(v.as<uint8_t>());
    data = std::as_bytes(std::span(packed));
  }
  if (data.empty()) return;
  if (sink && sink->writer && static_cast<int64_t>(data.size()) >= sink->min_bytes)
    encode_external(out, data, *sink);
  else
    out.add_bytes(9, reinterpret_cast<const char*>(data.data()), data.size());
}

bool has_type(const ValueType& t) {
  const ValueType* p = &t;
  while (p->inner) p = p->inner.get();
  return p->kind == ValueKind::kOpaque || p->elem != DType::kUndefined;
}

void encode_type(pbf_writer out, const ValueType& t, const Symbols& symbols, std::span<const std::string> denotations) {
  if (!has_type(t)) return;
  switch (t.kind) {
    case ValueKind::kTensor:
      return encode_tensor_type(pbf_writer(out, 1), t, symbols, denotations);
    case ValueKind::kSparse:
      return encode_tensor_type(pbf_writer(out, 8), t, symbols);
    case ValueKind::kSequence: {
      pbf_writer w(out, 4);
      return encode_type(pbf_writer(w, 1), *t.inner, symbols);
    }
    case ValueKind::kOptional: {
      pbf_writer w(out, 9);
      return encode_type(pbf_writer(w, 1), *t.inner, symbols);
    }
    case ValueKind::kMap: {
      pbf_writer w(out, 5);
      w.add_int32(1, static_cast<int32_t>(t.elem));
      return encode_type(pbf_writer(w, 2), *t.inner, symbols);
    }
    case ValueKind::kOpaque:
      return out.add_message(7, "", 0);
    case ValueKind::kNone:
      return;
  }
}

void encode_attr(pbf_writer out, const graph::Attr& a, const Symbols& symbols) {
  out.add_string(1, a.name);
  std::visit(AttrEncoder{out, symbols}, a.value);
}

}  // namespace tenon::onnx
