// Field by field: what each ONNX message holds.
#include "onnx/model_view.h"

#include "base/error.h"

namespace tenon::onnx {

const char* attr_type_name(AttrType t) {
  static constexpr const char* kNames[] = {
      "UNDEFINED", "FLOAT",   "INT",    "STRING",        "TENSOR",         "GRAPH",      "FLOATS",     "INTS",
      "STRINGS",   "TENSORS", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
  const auto i = static_cast<uint64_t>(t);
  return i < std::size(kNames) ? kNames[i] : nullptr;
}

void Decoder::count_object() {
  if (++objects_ > limits_.objects) fail_limit("objects", "the model has more than {} messages", limits_.objects);
}

std::string_view Decoder::name(Reader& r, const char* what) const {
  const std::string_view s = r.text(what);
  if (static_cast<int64_t>(s.size()) > limits_.name_length)
    fail_limit("name_length", "{} {} has {} bytes, at most {} are allowed", what, quote_name(s), s.size(),
               limits_.name_length);
  return s;
}

/// Protobuf would merge two occurrences of a message field; no exporter writes them.
Bytes Decoder::once(Reader& r, const char* what, bool* seen) const {
  const Bytes b = r.bytes(what);
  if (*seen) r.fail(what, "the field occurs twice");
  *seen = true;
  return b;
}

Entry Decoder::entry(Bytes b) {
  count_object();
  Entry e;
  Reader r = reader(b, "StringStringEntryProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        e.first = r.text("key");
        break;
      case 2:
        e.second = r.text("value");
        break;
      default:
        r.skip();
    }
  }
  return e;
}

OpsetView Decoder::opset(Bytes b) {
  count_object();
  OpsetView o;
  Reader r = reader(b, "OperatorSetIdProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        o.domain = name(r, "domain");
        break;
      case 2:
        o.version = r.integer("version");
        break;
      default:
        r.skip();
    }
  }
  return o;
}

ModelView Decoder::model() {
  ModelView m;
  Reader r = reader(file_, "ModelProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        m.ir_version = r.integer("ir_version");
        break;
      case 2:
        m.producer_name = r.text("producer_name");
        break;
      case 3:
        m.producer_version = r.text("producer_version");
        break;
      case 4:
        m.domain = r.text("domain");
        break;
      case 5:
        m.model_version = r.integer("model_version");
        break;
      case 6:
        m.doc = r.text("doc_string");
        break;
      case 7:
        m.graph_bytes = once(r, "graph", &m.has_graph);
        break;
      case 8:
        m.opsets.push_back(opset(r.bytes("opset_import")));
        break;
      case 14:
        m.metadata.push_back(entry(r.bytes("metadata_props")));
        break;
      case 25:
        m.functions.push_back(r.bytes("functions"));
        break;
      default:
        r.skip();
    }
  }
  return m;
}

GraphView Decoder::graph(Bytes b) {
  count_object();
  GraphView g;
  Reader r = reader(b, "GraphProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        g.nodes.push_back(r.bytes("node"));
        break;
      case 2:
        g.name = name(r, "name");
        break;
      case 5:
        g.initializers.push_back(r.bytes("initializer"));
        break;
      case 10:
        g.doc = r.text("doc_string");
        break;
      case 11:
        g.inputs.push_back(r.bytes("input"));
        break;
      case 12:
        g.outputs.push_back(r.bytes("output"));
        break;
      case 13:
        g.value_infos.push_back(r.bytes("value_info"));
        break;
      case 15:
        g.sparse_initializers.push_back(r.bytes("sparse_initializer"));
        break;
      default:
        r.skip();
    }
  }
  return g;
}

void Decoder::node(Bytes b, NodeView* out) {
  count_object();
  out->op = out->domain = out->overload = out->name = {};
  out->inputs.clear();
  out->outputs.clear();
  out->attributes.clear();
  Reader r = reader(b, "NodeProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        out->inputs.push_back(name(r, "input"));
        break;
      case 2:
        out->outputs.push_back(name(r, "output"));
        break;
      case 3:
        out->name = name(r, "name");
        break;
      case 4:
        out->op = name(r, "op_type");
        break;
      case 5:
        out->attributes.push_back(r.bytes("attribute"));
        break;
      case 7:
        out->domain = name(r, "domain");
        break;
      case 8:
        out->overload = name(r, "overload");
        break;
      default:
        r.skip();
    }
  }
}

void Decoder::attribute(Bytes b, AttrView* out) {
  count_object();
  AttrView& a = *out;
  a.name = a.reference = a.s = a.single = {};
  a.type = AttrType::kUndefined;
  a.present = 0;
  a.floats.clear();
  a.ints.clear();
  a.many.clear();
  Reader r = reader(b, "AttributeProto");
  const auto has = [&a](AttrType t) { a.present |= uint32_t{1} << static_cast<int>(t); };
  const auto message = [&](AttrType t, const char* what) {
    const uint32_t bit = uint32_t{1} << static_cast<int>(t);
    bool seen = (a.present & bit) != 0;
    a.single = once(r, what, &seen);
    a.present |= bit;
  };
  const auto repeated = [&](AttrType t, const char* what) {
    a.many.push_back(r.bytes(what));
    has(t);
  };
  while (r.next()) {
    switch (r.field()) {
      case 1:
        a.name = name(r, "name");
        break;
      case 2:
        a.f = r.real("f"), has(AttrType::kFloat);
        break;
      case 3:
        a.i = r.integer("i"), has(AttrType::kInt);
        break;
      case 4:
        a.s = r.bytes("s"), has(AttrType::kString);
        break;
      case 5:
        message(AttrType::kTensor, "t");
        break;
      case 6:
        message(AttrType::kGraph, "g");
        break;
      case 7:
        has(AttrType::kFloats), r.floats("floats", [&a](float v) { a.floats.push_back(v); });
        break;
      case 8:
        has(AttrType::kInts), r.integers("ints", [&a](int64_t v) { a.ints.push_back(v); });
        break;
      case 9:
        repeated(AttrType::kStrings, "strings");
        break;
      case 10:
        repeated(AttrType::kTensors, "tensors");
        break;
      case 11:
        repeated(AttrType::kGraphs, "graphs");
        break;
      case 14:
        message(AttrType::kTypeProto, "tp");
        break;
      case 15:
        repeated(AttrType::kTypeProtos, "type_protos");
        break;
      case 20:
        a.type = static_cast<AttrType>(r.integer("type"));
        break;
      case 21:
        a.reference = name(r, "ref_attr_name");
        break;
      case 22:
        message(AttrType::kSparse, "sparse_tensor");
        break;
      case 23:
        repeated(AttrType::kSparses, "sparse_tensors");
        break;
      default:
        r.skip();
    }
  }
}

TensorView Decoder::tensor(Bytes b) {
  count_object();
  TensorView t;
  t.bytes = b;
  Reader r = reader(b, "TensorProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        r.integers("dims", [&t](int64_t d) { t.dims.push_back(d); });
        break;
      case 2:
        t.type = r.integer("data_type");
        break;
      case 3:
        t.segment = true, r.skip();
        break;
      case 8:
        t.name = name(r, "name");
        break;
      case TensorView::kRawData:
        t.raw = r.bytes("raw_data");
        t.present |= 1u << TensorView::kRawData;
        break;
      case 13:
        t.external_data.push_back(entry(r.bytes("external_data")));
        break;
      case 14: {
        const int64_t location = r.integer("data_location");
        if (location != 0 && location != 1)
          r.fail("data_location", fmt::format("{} found, expected 0 (DEFAULT) or 1 (EXTERNAL)", location));
        t.external = location == 1;
        break;
      }
      case TensorView::kFloatData:
      case TensorView::kInt32Data:
      case TensorView::kStringData:
      case TensorView::kInt64Data:
      case TensorView::kDoubleData:
      case TensorView::kUint64Data:
        t.present |= 1u << r.field();
        r.skip();
        break;
      default:
        r.skip();
    }
  }
  return t;
}

SparseView Decoder::sparse(Bytes b) {
  count_object();
  SparseView s;
  Reader r = reader(b, "SparseTensorProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        s.values_bytes = once(r, "values", &s.has_values);
        break;
      case 2:
        s.indices_bytes = once(r, "indices", &s.has_indices);
        break;
      case 3:
        r.integers("dims", [&s](int64_t d) { s.dims.push_back(d); });
        break;
      default:
        r.skip();
    }
  }
  return s;
}

ValueInfoView Decoder::value_info(Bytes b) {
  count_object();
  ValueInfoView v;
  Reader r = reader(b, "ValueInfoProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        v.name = name(r, "name");
        break;
      case 2:
        v.type_bytes = once(r, "type", &v.has_type);
        break;
      default:
        r.skip();
    }
  }
  return v;
}

FunctionView Decoder::function(Bytes b) {
  count_object();
  FunctionView f;
  Reader r = reader(b, "FunctionProto");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        f.name = name(r, "name");
        break;
      case 4:
        f.inputs.push_back(name(r, "input"));
        break;
      case 5:
        f.outputs.push_back(name(r, "output"));
        break;
      case 6:
        f.attributes.push_back(name(r, "attribute"));
        break;
      case 7:
        f.nodes.push_back(r.bytes("node"));
        break;
      case 8:
        f.doc = r.text("doc_string");
        break;
      case 9:
        f.opsets.push_back(opset(r.bytes("opset_import")));
        break;
      case 10:
        f.domain = name(r, "domain");
        break;
      case 11:
        f.attribute_defaults.push_back(r.bytes("attribute_proto"));
        break;
      case 13:
        f.overload = name(r, "overload");
        break;
      default:
        r.skip();
    }
  }
  return f;
}

}  // namespace tenon::onnx
