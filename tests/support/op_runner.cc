// The test host: one node, its operand types, slots, scratch memory.
#include "support/op_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include "graph/graph.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/op.h"

namespace tenon::test {
namespace {

using ops::OpDef;
using ops::Port;

[[noreturn]] void broken(const std::string& what) { throw std::logic_error(what); }

std::string show(std::span<const int64_t> dims) { return to_string(dims); }

bool is_int_tensor(const Value& v) {
  return v && v.is_tensor() && (is_int(v.dtype()) || v.dtype() == DType::kBool) && v.count() <= 4096;
}
bool any_symbol(const std::vector<int64_t>& v) { return std::any_of(v.begin(), v.end(), is_symbol); }
std::vector<int64_t> ints_of(const Value& v) {
  if (v.dtype() == DType::kInt64) return items<int64_t>(v);
  std::vector<int64_t> out;
  for (double d : as_doubles(v)) out.push_back(static_cast<int64_t>(d));
  return out;
}

enum class Know { kContents, kDerived, kNothing };

class TestInferHost final : public ops::InferHost {
 public:
  TestInferHost(const std::vector<Value>& in, Know know, std::span<const size_t> unknown)
      : in_(in), know_(know), hidden_(in.size(), false), derived_(in.size()) {
    for (size_t i : unknown) hidden_[i] = true;
    for (size_t i = 0; i < in.size(); ++i)
      if (is_int_tensor(in[i])) derived_[i] = ints_of(in[i]);
  }
  Value contents(size_t i) override {
    return know_ == Know::kContents && i < in_.size() && !hidden_[i] ? in_[i] : Value();
  }
  const std::vector<int64_t>* derived_ints(size_t i) override {
    return know_ == Know::kDerived && i < in_.size() && !hidden_[i] && is_int_tensor(in_[i]) && !any_symbol(derived_[i])
               ? &derived_[i]
               : nullptr;
  }
  bool infer_region(size_t, std::span<const ValueType>, std::vector<ValueType>*) override { return false; }

 private:
  const std::vector<Value>& in_;
  Know know_;
  std::vector<bool> hidden_;
  std::vector<std::vector<int64_t>> derived_;
};

class TestKernelHost final : public ops::KernelHost {
 public:
  TestKernelHost(std::vector<ops::TensorRef>& slots, const std::vector<Value>& in, size_t outputs)
      : slots_(slots), in_(in), out_(outputs), dims_(outputs) {}
  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    if (j >= out_.size()) broken("kernel allocates an output that the node does not have");
    out_[j] = Value::tensor(t, dims);
    ops::TensorRef& r = slots_[in_.size() + j];
    dims_[j] = Dims(dims);
    r = {out_[j].mutable_data(), dims_[j].data(), static_cast<uint32_t>(dims.size()), t, out_[j].count()};
    return r;
  }
  void set_output(size_t j, Value v) override { out_.at(j) = std::move(v); }
  Value input_value(size_t i) override { return in_.at(i); }
  void* scratch(size_t bytes) override {
    scratch_.push_back(Value::tensor(DType::kUint8, Dims{static_cast<int64_t>(bytes)}));
    std::memset(scratch_.back().mutable_data(), 0xa5, bytes);
    return scratch_.back().mutable_data();
  }
  std::vector<Value>& outputs() { return out_; }

 private:
  std::vector<ops::TensorRef>& slots_;
  const std::vector<Value>& in_;
  std::vector<Value> out_;
  std::vector<Dims> dims_;
  std::vector<Value> scratch_;
};

class OpRun {
 public:
  OpRun(const OpDef& def, const std::vector<Value>& inputs, const graph::Attrs& attrs, size_t num_outputs,
        const RunSettings& s)
      : def_(def), in_(inputs), s_(s) {
    node_.op = def.name;
    node_.domain = def.domain;
    node_.since_version = def.since;
    node_.def = &def;
    node_.name = "node";
    node_.attrs = attrs;
    for (size_t i = 0; i < inputs.size(); ++i)
      node_.inputs.push_back(inputs[i] ? static_cast<uint32_t>(i) : graph::kNone);
    for (size_t j = 0; j < num_outputs; ++j) node_.outputs.push_back(static_cast<uint32_t>(inputs.size() + j));
    for (size_t j : s.unwanted) node_.outputs.at(j) = graph::kNone;
  }

  void check_ports() {
    const ops::Arity in = graph::input_arity(def_), out = graph::output_arity(def_);
    const int ni = static_cast<int>(in_.size()), no = static_cast<int>(node_.outputs.size());
    if (ni < in.min || ni > in.max) fail(ErrorCode::kInvalidGraph, "{} inputs, expected {} to {}", ni, in.min, in.max);
    if (no < out.min || no > out.max)
      fail(ErrorCode::kInvalidGraph, "{} outputs, expected {} to {}", no, out.min, out.max);
    for (size_t i = 0; i < in_.size(); ++i) {
      if (!in_[i]) continue;
      const Port* p = graph::input_port(def_, i);
      DType t = in_[i].dtype();
      if (!in_[i].is_tensor()) {
        ValueType vt = type_of(in_[i]);
        while (vt.inner) vt = ValueType(*vt.inner);
        t = vt.elem;
      }
      if (in_[i].is_tensor())
        bind(*p, t, "input", i);
      else if (!contains(p->types, t) && t != DType::kUndefined)
        bad_type(*p, t, "input", i);
    }
    for (const graph::Attr& a : node_.attrs.items()) {
      bool known = false;
      for (const ops::AttrDef& d : def_.attrs) known = known || a.name == d.name;
      if (!known) fail(ErrorCode::kInvalidGraph, "attribute {} is not one of {} {}", a.name, def_.name, def_.since);
    }
    for (const ops::AttrDef& d : def_.attrs)
      if (d.required && !node_.attrs.has(d.name)) fail(ErrorCode::kInvalidGraph, "attribute {} is missing", d.name);
  }

  /// Types of the inputs; dims are kept, replaced by symbols, or forgotten.
  enum class Shapes { kConcrete, kSymbolic, kUnranked };
  std::vector<ValueType> input_types(Shapes shapes, Symbols& symbols, std::vector<Symbols::Binding>* bindings) const {
    std::vector<ValueType> out;
    for (size_t i = 0; i < in_.size(); ++i) {
      out.push_back(in_[i] ? type_of(in_[i]) : ValueType());
      ValueType& t = out.back();
      if (!t.is_tensor() || shapes == Shapes::kConcrete) continue;
      if (shapes == Shapes::kUnranked) {
        t = ValueType::tensor(t.elem);
        continue;
      }
      for (size_t k = 0; k < t.dims.size(); ++k) {
        const int64_t s = symbols.named("i" + std::to_string(i) + "d" + std::to_string(k));
        bindings->push_back({s, t.dims[k]});
        t.dims[k] = s;
      }
    }
    return out;
  }

  struct Inferred {
    std::vector<std::optional<ValueType>> types;
    std::vector<std::optional<std::vector<int64_t>>> ints;
  };
  Inferred infer(const std::vector<ValueType>& types, Symbols& symbols, Know know) const {
    std::vector<const ValueType*> ptr;
    for (size_t i = 0; i < types.size(); ++i) ptr.push_back(in_[i] ? &types[i] : nullptr);
    TestInferHost host(in_, know, s_.unknown);
    ops::InferContext c(node_, ptr, symbols, host);
    def_.infer(c);
    Inferred r;
    for (size_t j = 0; j < node_.outputs.size(); ++j) {
      r.types.push_back(c.result(j));
      r.ints.push_back(c.result_ints(j));
      if (node_.outputs[j] == graph::kNone) continue;
      if (!r.types[j]) broken(name() + ": infer set no type for output " + std::to_string(j));
      const Port* p = graph::output_port(def_, j);
      if (r.types[j]->is_tensor() && !contains(p->types, r.types[j]->elem))
        broken(name() + ": infer gives output " + std::to_string(j) + " the type " + to_string(*r.types[j]) +
               ", which its port does not have");
    }
    return r;
  }

  std::vector<Value> run(const Inferred& inferred, bool constants, size_t inplace = SIZE_MAX) {
    std::vector<ValueType> types;
    for (const Value& v : in_) types.push_back(v ? type_of(v) : ValueType());
    std::vector<const ValueType*> in_types, out_types;
    for (size_t i = 0; i < in_.size(); ++i) in_types.push_back(in_[i] ? &types[i] : nullptr);
    for (size_t j = 0; j < node_.outputs.size(); ++j)
      out_types.push_back(node_.outputs[j] == graph::kNone ? nullptr : &*inferred.types[j]);
    std::vector<Value> none(in_.size());
    if (!def_.make) broken(name() + " has no kernel");
    const ops::NodeInfo info{def_.name,
                             node_.name,
                             def_.since,
                             node_.attrs,
                             in_types,
                             out_types,
                             constants ? std::span<const Value>(in_) : std::span<const Value>(none),
                             nullptr,
                             s_.isa,
                             &def_};
    const std::unique_ptr<const ops::Kernel> kernel = def_.make(info);

    std::vector<ops::TensorRef> slots(in_.size() + node_.outputs.size());
    std::vector<uint32_t> in, out;
    std::vector<Dims> dims(slots.size());
    for (size_t i = 0; i < in_.size(); ++i) {
      in.push_back(in_[i] ? static_cast<uint32_t>(i) : UINT32_MAX);
      if (in_[i] && in_[i].is_tensor()) {
        dims[i] = Dims(in_[i].dims());
        slots[i] = {const_cast<void*>(in_[i].data()), dims[i].data(), static_cast<uint32_t>(dims[i].size()),
                    in_[i].dtype(), in_[i].count()};
      }
    }
    TestKernelHost host(slots, in_, node_.outputs.size());
    for (size_t j = 0; j < node_.outputs.size(); ++j) {
      const size_t k = in_.size() + j;
      out.push_back(node_.outputs[j] == graph::kNone ? UINT32_MAX : static_cast<uint32_t>(k));
      if (node_.outputs[j] == graph::kNone) continue;
      const ValueType& t = *inferred.types[j];
      slots[k].dtype = t.elem;
      if (!t.is_static()) continue;
      if (j == 0 && inplace != SIZE_MAX) {
        dims[k] = t.dims;
        host.outputs()[0] = Value::tensor(t.elem, t.dims);
        std::memcpy(host.outputs()[0].mutable_data(), in_[inplace].data(), in_[inplace].bytes());
        slots[inplace].data = host.outputs()[0].mutable_data();
        slots[k] = {slots[inplace].data, dims[k].data(), static_cast<uint32_t>(dims[k].size()), t.elem,
                    host.outputs()[0].count()};
      } else {
        host.allocate_output(j, t.elem, t.dims);
        if (t.elem != DType::kString) std::memset(slots[k].data, 0xa5, slots[k].bytes());
      }
    }
    Parallel par;
    par.pool = s_.pool;
    ops::KernelContext c(slots.data(), in, out, par, host);
    kernel->run(c);
    for (size_t j = 0; j < node_.outputs.size(); ++j) {
      if (node_.outputs[j] == graph::kNone) continue;
      if (!host.outputs()[j]) broken(name() + ": the kernel made no output " + std::to_string(j));
      if (!admits(*inferred.types[j], host.outputs()[j]))
        broken(name() + ": infer said " + to_string(*inferred.types[j]) + ", the kernel made " +
               to_string(type_of(host.outputs()[j])));
    }
    return std::move(host.outputs());
  }

  /// Compares what infer says with fewer facts to what came out.
  void check_variant(Shapes shapes, Know know, const std::vector<Value>& results) const {
    Symbols symbols;
    std::vector<Symbols::Binding> bindings;
    const std::string label = name() + ", infer with " +
                              (shapes == Shapes::kConcrete   ? "concrete"
                               : shapes == Shapes::kSymbolic ? "symbolic"
                                                             : "unknown") +
                              " dims and " +
                              (know == Know::kContents  ? "known"
                               : know == Know::kDerived ? "derived"
                                                        : "unknown") +
                              " contents: ";
    Inferred r;
    try {
      r = infer(input_types(shapes, symbols, &bindings), symbols, know);
    } catch (const Error& e) {
      broken(label + "throws: " + e.what());
    }
    for (size_t j = 0; j < results.size(); ++j) {
      if (!results[j]) continue;
      ValueType t = *r.types[j];
      for (int64_t& d : t.dims) d = symbols.evaluate(d, bindings);
      if (!admits(t, results[j]))
        broken(label + "output " + std::to_string(j) + " would be " + to_string(*r.types[j], &symbols) + ", is " +
               to_string(type_of(results[j])));
      if (!r.ints[j]) continue;
      if (!is_int_tensor(results[j])) broken(label + "derived integers for a result that is no integer tensor");
      const std::vector<int64_t> actual = ints_of(results[j]);
      if (actual.size() != r.ints[j]->size())
        broken(label + "derives " + std::to_string(r.ints[j]->size()) + " integers of " +
               std::to_string(actual.size()));
      for (size_t k = 0; k < actual.size(); ++k) {
        const int64_t d = symbols.evaluate((*r.ints[j])[k], bindings);
        if (!is_symbol(d) && d != actual[k])
          broken(label + "derives integers " + show(*r.ints[j]) + ", they are " + show(actual));
      }
    }
  }

  std::string name() const { return std::string(def_.name) + "-" + std::to_string(def_.since); }

 private:
  [[noreturn]] void bad_type(const Port& p, DType t, const char* what, size_t i) {
    fail(ErrorCode::kInvalidGraph, "{} {} ({}) has element type {}, expected one of: {}", what, i, p.name,
         dtype_name(t), dtype_set_names(p.types));
  }
  void bind(const Port& p, DType t, const char* what, size_t i) {
    if (!contains(p.types, t)) bad_type(p, t, what, i);
    if (!*p.var || p.heterogeneous) return;
    const auto at = bound_.emplace(p.var, t).first;
    if (at->second != t)
      fail(ErrorCode::kInvalidGraph, "{} {} ({}) has element type {}, but {} is {}", what, i, p.name, dtype_name(t),
           p.var, dtype_name(at->second));
  }

  const OpDef& def_;
  const std::vector<Value>& in_;
  const RunSettings& s_;
  graph::Node node_;
  std::map<std::string, DType> bound_;
};

bool same_bytes(const Value& a, const Value& b) {
  if (!a || !b) return !a && !b;
  if (!a.is_tensor()) return true;  // compared by the test itself
  if (a.dtype() != b.dtype() || dims_of(a) != dims_of(b)) return false;
  if (a.dtype() == DType::kString) return items<std::string>(a) == items<std::string>(b);
  return a.bytes() == 0 || std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

bool near(const Value& a, const Value& b, double bound) {
  if (!a || !b) return !a && !b;
  if (a.dtype() != b.dtype() || dims_of(a) != dims_of(b)) return false;
  const std::vector<double> x = as_doubles(a), y = as_doubles(b);
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i] != y[i] && !(std::abs(x[i] - y[i]) <= bound * (1 + std::abs(y[i]))) && (x[i] == x[i] || y[i] == y[i]))
      return false;
  return true;
}

double small_float(uint8_t bits, int exponent_bits, int mantissa_bits, int bias) {
  const int e = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1), m = bits & ((1 << mantissa_bits) - 1);
  const double sign = (bits >> (exponent_bits + mantissa_bits)) & 1 ? -1 : 1;
  return sign * (e == 0 ? std::ldexp(m, 1 - bias - mantissa_bits)
                        : std::ldexp(m + (1 << mantissa_bits), e - bias - mantissa_bits));
}

double read(DType t, const void* data, int64_t i) {
  const auto* b = static_cast<const uint8_t*>(data);
  const int bits = dtype_bits(t);
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  if (bits < 8) {
    const int per = 8 / bits;
    const int u = (b[i / per] >> (bits * (i % per))) & ((1 << bits) - 1);
    if (t == DType::kFloat4E2M1) return small_float(static_cast<uint8_t>(u), 2, 1, 1);
    const bool is_signed = t == DType::kInt4 || t == DType::kInt2;
    return is_signed && u >= (1 << (bits - 1)) ? u - (1 << bits) : u;
  }
  const uint8_t u = b[i];
  switch (t) {
    case DType::kBool:
      return u != 0;
    case DType::kFloat16:
      return to_float(static_cast<const Half*>(data)[i]);
    case DType::kBFloat16:
      return to_float(static_cast<const BFloat16*>(data)[i]);
    case DType::kFloat8E4M3FN:
      return (u & 0x7f) == 0x7f ? nan : small_float(u, 4, 3, 7);
    case DType::kFloat8E4M3FNUZ:
      return u == 0x80 ? nan : small_float(u, 4, 3, 8);
    case DType::kFloat8E5M2:
      return (u & 0x7f) > 0x7c ? nan : (u & 0x7f) == 0x7c ? (u & 0x80 ? -inf : inf) : small_float(u, 5, 2, 15);
    case DType::kFloat8E5M2FNUZ:
      return u == 0x80 ? nan : small_float(u, 5, 2, 16);
    case DType::kFloat8E8M0:
      return u == 0xff ? nan : std::ldexp(1.0, u - 127);
    case DType::kFloat6E2M3:
      return small_float(u, 2, 3, 1);
    case DType::kFloat6E3M2:
      return small_float(u, 3, 2, 3);
    default:
      break;
  }
  return visit<NumericTypes>(t, [&]<class T>() { return static_cast<double>(static_cast<const T*>(data)[i]); });
}

}  // namespace

std::vector<Value> run_op(std::string_view domain, std::string_view op, int version, const std::vector<Value>& inputs,
                          const graph::Attrs& attrs, size_t num_outputs, const RunSettings& settings) {
  const graph::OpSet& set = settings.ops ? *settings.ops : ops::builtin_ops();
  const OpDef* def = set.find(domain, op, version);
  if (!def) fail(ErrorCode::kInvalidGraph, "no row for {} version {} of domain '{}'", op, version, domain);
  OpRun r(*def, inputs, attrs, num_outputs, settings);
  r.check_ports();
  Symbols symbols;
  const OpRun::Inferred inferred =
      r.infer(r.input_types(OpRun::Shapes::kConcrete, symbols, nullptr), symbols, Know::kContents);
  std::vector<Value> results = r.run(inferred, settings.constants);
  if (!settings.check_variants) return results;
  for (auto shapes : {OpRun::Shapes::kConcrete, OpRun::Shapes::kSymbolic, OpRun::Shapes::kUnranked})
    for (auto know : {Know::kContents, Know::kDerived, Know::kNothing}) r.check_variant(shapes, know, results);
  if (!def->deterministic) return results;
  const std::vector<Value> again = r.run(inferred, !settings.constants);
  for (size_t j = 0; j < results.size(); ++j)
    if (!(settings.constants_bound > 0 ? near(results[j], again[j], settings.constants_bound)
                                       : same_bytes(results[j], again[j])))
      broken(r.name() + ": other bytes when the inputs are constants");
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!(def->inplace >> i & 1) || !inputs[i] || !inputs[i].is_tensor() || inputs[i].dtype() == DType::kString)
      continue;
    if (!results[0] || !inferred.types[0]->is_static() || inputs[i].bytes() != results[0].bytes()) continue;
    const std::vector<Value> in_place = r.run(inferred, settings.constants, i);
    for (size_t j = 0; j < results.size(); ++j)
      if (!same_bytes(results[j], in_place[j]))
        broken(r.name() + ": other bytes when output 0 is in the memory of input " + std::to_string(i));
  }
  return results;
}

Value run1(std::string_view op, int version, const std::vector<Value>& inputs, const graph::Attrs& attrs,
           const RunSettings& settings) {
  return run_op("", op, version, inputs, attrs, 1, settings)[0];
}

Value numbers(DType t, std::vector<int64_t> dims, const std::vector<double>& data) {
  Value v = Value::tensor(t, dims);
  if (static_cast<size_t>(v.count()) != data.size())
    fail("test tensor: dims ask for {} elements, {} given", v.count(), data.size());
  for (size_t i = 0; i < data.size(); ++i) {
    if (t == DType::kFloat16)
      v.as_mutable<Half>()[i] = to_half(static_cast<float>(data[i]));
    else if (t == DType::kBFloat16)
      v.as_mutable<BFloat16>()[i] = to_bfloat16(static_cast<float>(data[i]));
    else if (t == DType::kBool)
      v.as_mutable<bool>()[i] = data[i] != 0;
    else
      visit<NumericTypes>(t, [&]<class T>() { v.as_mutable<T>()[i] = static_cast<T>(data[i]); });
  }
  return v;
}

std::vector<double> as_doubles(const Value& v) {
  std::vector<double> out;
  for (int64_t i = 0; i < v.count(); ++i) out.push_back(read(v.dtype(), v.data(), i));
  return out;
}

std::vector<int64_t> dims_of(const Value& v) { return {v.dims().begin(), v.dims().end()}; }

std::vector<double> random_numbers(size_t count, double lo, double hi, uint32_t seed) {
  std::mt19937 gen(seed);
  std::vector<double> out(count);
  for (double& x : out) x = lo + (hi - lo) * (gen() / 4294967296.0);
  return out;
}

}  // namespace tenon::test
