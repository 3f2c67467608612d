// custom_op.cc: operators whose kernel and infer are Python functions (tenon.custom_ops).
#include <cxxabi.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"
#include "lifetime.h"
#include "numpy.h"

namespace tenon::bindings {
namespace {

using plugin::AttributeKind;
using plugin::TensorView;

std::string place_of(nb::handle traceback) {
  nb::object last = nb::borrow(traceback);
  if (!last.is_valid() || last.is_none()) return {};
  for (nb::object next = last.attr("tb_next"); !next.is_none(); next = last.attr("tb_next")) last = next;
  const std::string file = nb::cast<std::string>(last.attr("tb_frame").attr("f_code").attr("co_filename"));
  return fmt::format(" ({}:{})", file.substr(file.rfind('/') + 1), nb::cast<int>(last.attr("tb_lineno")));
}

/// The exception as an error of the run. Errors of Tenon keep their class.
Error error_of(const nb::python_error& e) {
  if (e.matches(PyExc_KeyboardInterrupt)) PyErr_SetInterrupt();  // for the main thread, when the run has ended
  try {
    const std::string type = nb::cast<std::string>(e.type().attr("__name__"));
    const nb::object ours = nb::module_::import_("tenon.errors").attr("Error");
    if (nb::isinstance(e.value(), ours))
      return {static_cast<ErrorCode>(nb::cast<int>(e.value().attr("code"))),
              nb::cast<std::string>(e.value().attr("message"))};
    const std::string text = nb::cast<std::string>(nb::str(e.value()));
    return {e.matches(PyExc_NotImplementedError) ? ErrorCode::kNotImplemented : ErrorCode::kFail,
            fmt::format("{}{}{}{}", type, text.empty() ? "" : ": ", text, place_of(e.traceback()))};
  } catch (const std::exception&) {
    return {ErrorCode::kFail, "a Python exception that cannot be shown"};
  }
}

/// Runs `work` with the GIL, on whatever thread this is.
template <class F>
void with_python(F&& work) {
  const WithGil gil;
  try {
    const InPython entry;
    work();
  } catch (const nb::python_error& e) {
    throw error_of(e);
  } catch (const abi::__forced_unwind&) {  // CPython ends threads that come back after its end
    stay();
  }
}

nb::object array_copy(const TensorView& t) {
  Value v = Value::tensor(t.dtype, t.dims);
  if (t.dtype == DType::kString)
    std::ranges::copy(t.as<std::string>(), v.as_mutable<std::string>().begin());
  else if (v.bytes())
    std::memcpy(v.mutable_data(), t.data, v.bytes());
  return array_of(v);
}

nb::dict attributes_of(const plugin::Attributes& a) {
  nb::dict out;
  const auto list = [](const auto& items) {
    nb::list l;
    for (const auto& i : items) l.append(i);
    return l;
  };
  for (const std::string& name : a.names()) {
    const nb::str key(name.c_str());
    switch (a.kind(name).value()) {
      case AttributeKind::kInt:
        out[key] = a.get_int(name);
        break;
      case AttributeKind::kFloat:
        out[key] = a.get_float(name);
        break;
      case AttributeKind::kString:
        out[key] = std::string(a.get_string(name));
        break;
      case AttributeKind::kTensor:
        out[key] = array_copy(a.get_tensor(name));
        break;
      case AttributeKind::kInts:
        out[key] = list(a.get_ints(name));
        break;
      case AttributeKind::kFloats:
        out[key] = list(a.get_floats(name));
        break;
      case AttributeKind::kStrings:
        out[key] = list(a.get_strings(name));
    }
  }
  return out;
}

/// An ONNX name, or what element_type takes.
DType type_named(nb::handle given, const std::string& what) {
  if (given.is_none()) return DType::kUndefined;
  if (PyUnicode_Check(given.ptr()))
    if (const DType t = dtype_from_name(nb::cast<std::string>(given)); t != DType::kUndefined) return t;
  return element_type(given, what);
}

class PythonKernel final : public plugin::Kernel {
 public:
  PythonKernel(nb::object call, const plugin::KernelInfo& node) : call_(std::move(call)) {
    for (size_t j = 0; j < node.num_outputs(); ++j)
      types_.push_back(node.output(j) ? node.output(j)->dtype : DType::kUndefined);
  }

  void run(plugin::RunContext& c) const override {
    with_python([&] {
      nb::list inputs;
      for (size_t i = 0; i < c.num_inputs(); ++i)
        inputs.append(c.has_input(i) ? array_copy(c.input(i)) : nb::object(nb::none()));
      const nb::object found = nb::steal(PyObject_CallObject(call_.get(), nb::tuple(inputs).ptr()));
      if (!found.is_valid()) throw nb::python_error();
      const nb::tuple results = PyTuple_Check(found.ptr()) ? nb::borrow<nb::tuple>(found) : nb::make_tuple(found);
      if (nb::len(results) < c.num_outputs())
        fail("the function returned {} results, expected {}", nb::len(results), c.num_outputs());
      for (size_t j = 0; j < c.num_outputs(); ++j)
        if (c.has_output(j)) write(c, j, results[j]);
    });
  }

 private:
  void write(plugin::RunContext& c, size_t j, nb::handle result) const {
    if (result.is_none()) fail("result {} of the function is None, expected an array", j);
    FeedType type;
    type.dtype = types_[j];
    type.text = fmt::format("tensor({})", dtype_name(type.dtype));
    const Value v = tensor_of_array(result, &type, fmt::format("result {}", j));
    if (v.dtype() != type.dtype)
      fail("result {} of the function is a tensor of {}, expected {}", j, dtype_name(v.dtype()),
           dtype_name(type.dtype));
    const plugin::Tensor y = c.output(j, v.dims());
    if (v.dtype() == DType::kString)
      std::ranges::copy(v.string_data(), y.as<std::string>().begin());
    else if (v.bytes())
      std::memcpy(y.data, v.data(), v.bytes());
  }

  HeldObject call_;
  std::vector<DType> types_;
};

std::unique_ptr<const plugin::Kernel> make(const HeldObject& op, const plugin::KernelInfo& node) {
  std::unique_ptr<const plugin::Kernel> kernel;
  with_python([&] {
    nb::list constants;
    for (size_t i = 0; i < node.num_inputs(); ++i) {
      const auto c = node.constant(i);
      constants.append(c ? array_copy(*c) : nb::object(nb::none()));
    }
    nb::object call = nb::handle(op.get()).attr("_make")(attributes_of(node.attributes()), constants);
    if (!PyCallable_Check(call.ptr())) fail("an instance of {} cannot be called: it has no __call__", class_of(call));
    kernel = std::make_unique<const PythonKernel>(std::move(call), node);
  });
  return kernel;
}

/// Sizes as Python sees them: numbers, and names of those that are not known.
class Sizes {
 public:
  explicit Sizes(plugin::InferContext& c) : c_(c) {}

  nb::object to_python(const std::vector<plugin::Dim>& dims) {
    nb::list out;
    for (const plugin::Dim d : dims) {
      if (plugin::is_known(d)) {
        out.append(d);
        continue;
      }
      const std::string text = c_.text(d);
      handles_.emplace(text, d);
      out.append(text);
    }
    return out;
  }
  plugin::Dim from_python(nb::handle h) {
    if (h.is_none()) return c_.unknown();
    if (PyUnicode_Check(h.ptr())) {
      const std::string name = nb::cast<std::string>(h);
      const auto it = handles_.find(name);
      return it == handles_.end() ? c_.named(name) : it->second;
    }
    if (!PyIndex_Check(h.ptr())) fail("infer: expected a size, a name or None, found {}", class_of(h));
    const int64_t n = PyNumber_AsSsize_t(h.ptr(), PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred()) throw nb::python_error();
    if (n < 0) fail("infer: expected a size >= 0, found {}", n);
    return n;
  }

 private:
  plugin::InferContext& c_;
  std::map<std::string, plugin::Dim> handles_;
};

void infer(const HeldObject& op, plugin::InferContext& c) {
  with_python([&] {
    Sizes sizes(c);
    nb::list inputs;
    for (size_t i = 0; i < c.num_inputs(); ++i) {
      if (!c.has_input(i)) {
        inputs.append(nb::none());
        continue;
      }
      const plugin::TensorType& t = c.input(i);
      nb::object shape = t.dims ? nb::object(nb::tuple(sizes.to_python(*t.dims))) : nb::object(nb::none());
      inputs.append(nb::make_tuple(std::string(dtype_name(t.dtype)), shape));
    }
    struct Call {  // `now` is null when infer has returned: Python may have kept the function
      std::shared_ptr<std::function<nb::object(size_t)>> now;
      ~Call() { *now = nullptr; }
    } call{std::make_shared<std::function<nb::object(size_t)>>([&](size_t i) -> nb::object {
      const auto found = c.ints(i);
      return found ? sizes.to_python(*found) : nb::object(nb::none());
    })};
    const nb::object ints = nb::cpp_function([now = call.now](size_t i) {
      if (!*now) fail("TensorInfo.ints(): infer has returned");
      return (*now)(i);
    });
    const nb::list results(nb::handle(op.get()).attr("_infer")(inputs, ints, attributes_of(c.attributes())));
    for (size_t j = 0; j < nb::len(results); ++j) {
      const nb::tuple r = nb::cast<nb::tuple>(results[j]);
      plugin::TensorType type{type_named(r[0], fmt::format("infer: output {}", j)), std::nullopt};
      if (!r[1].is_none()) {
        type.dims.emplace();
        for (nb::handle d : nb::list(r[1])) type.dims->push_back(sizes.from_python(d));
      }
      c.set_output(j, std::move(type));
    }
  });
}

std::vector<plugin::Port> ports_of(nb::handle described) {
  std::vector<plugin::Port> out;
  for (nb::handle h : nb::list(described)) {
    const nb::tuple p = nb::cast<nb::tuple>(h);
    plugin::Port port{.name = nb::cast<std::string>(p[0]),
                      .type_var = nb::cast<std::string>(p[2]),
                      .use = static_cast<plugin::PortUse>(nb::cast<int>(p[3])),
                      .min_count = nb::cast<int>(p[4]),
                      .homogeneous = nb::cast<bool>(p[5])};
    for (nb::handle t : nb::list(p[1])) port.types.push_back(type_named(t, fmt::format("port '{}'", port.name)));
    out.push_back(std::move(port));
  }
  return out;
}

plugin::Attribute attribute_of(const nb::tuple& a) {
  plugin::Attribute out{.name = nb::cast<std::string>(a[0]),
                        .kind = static_cast<AttributeKind>(nb::cast<int>(a[1])),
                        .required = nb::cast<bool>(a[2])};
  const nb::object given = a[3];
  if (given.is_none()) return out;
  switch (out.kind) {
    case AttributeKind::kInt:
      out.otherwise = nb::cast<int64_t>(given);
      break;
    case AttributeKind::kFloat:
      out.otherwise = nb::cast<float>(given);
      break;
    case AttributeKind::kString:
      out.otherwise = nb::cast<std::string>(given);
      break;
    case AttributeKind::kInts:
      out.otherwise = nb::cast<std::vector<int64_t>>(given);
      break;
    case AttributeKind::kFloats:
      out.otherwise = nb::cast<std::vector<float>>(given);
      break;
    case AttributeKind::kStrings:
      out.otherwise = nb::cast<std::vector<std::string>>(given);
      break;
    default:
      break;
  }
  return out;
}

void add(PySessionOptions& o, nb::object op) {
  const nb::object type = nb::module_::import_("tenon.custom_ops").attr("CustomOp");
  if (!nb::isinstance(op, type))
    throw nb::type_error(
        fmt::format("add_custom_op: expected what tenon.custom_op makes, found {}", class_of(op)).c_str());
  const nb::tuple described = nb::cast<nb::tuple>(op.attr("_described")());
  plugin::CustomOp out{.name = nb::cast<std::string>(op.attr("name")),
                       .since = nb::cast<int>(op.attr("since")),
                       .until = nb::cast<int>(op.attr("until")),
                       .inputs = ports_of(described[0]),
                       .outputs = ports_of(described[1]),
                       .deterministic = nb::cast<bool>(op.attr("deterministic"))};
  for (nb::handle a : nb::list(described[2])) out.attributes.push_back(attribute_of(nb::cast<nb::tuple>(a)));
  const auto held = std::make_shared<const HeldObject>(op);
  if (!op.attr("infer").is_none()) out.infer = [held](plugin::InferContext& c) { infer(*held, c); };
  out.make = [held](const plugin::KernelInfo& node) { return make(*held, node); };
  o.options.add_custom_ops({nb::cast<std::string>(op.attr("domain")), {std::move(out)}});
}

}  // namespace

void bind_custom_ops(nb::class_<PySessionOptions>& c) {
  c.def("add_custom_op", &add, nb::arg("op"), "Lets models use an operator that tenon.custom_op() made.")
      .def(
          "register_custom_ops_library",
          [](PySessionOptions& o, nb::handle path) {
            const std::string text = path_text(path);
            const nb::gil_scoped_release release;
            o.options.register_custom_ops_library(text);
          },
          nb::arg("path"), "Lets models use the operators of a library that was built with tenon/custom_op.h.");
}

}  // namespace tenon::bindings
