// session.cc: Session (wrapped by tenon.InferenceSession), NodeArg and ModelMetadata.

#include <exception>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "binding.h"
#include "interrupt.h"

namespace tenon::bindings {
namespace {

struct Input {
  FeedType type;
  bool required;
};

struct PySession {
  explicit PySession(Session s) : session(std::move(s)) {
    for (const NodeArg& a : session.inputs()) inputs.emplace(a.name, Input{parse_type(a.type), true});
    required = inputs.size();
    for (const NodeArg& a : session.overridable_initializers())
      inputs.emplace(a.name, Input{parse_type(a.type), false});
    for (const NodeArg& a : session.outputs()) outputs.push_back(a.name);
  }

  Session session;
  std::unordered_map<std::string, Input> inputs;
  size_t required = 0;
  std::vector<std::string> outputs;
};

std::string quoted(const std::vector<NodeArg>& args) {
  std::string out;
  for (const NodeArg& a : args) out += (out.empty() ? "'" : ", '") + a.name + "'";
  return out.empty() ? "none" : out;
}

std::string name_text(nb::handle h, const char* what) {
  if (!PyUnicode_Check(h.ptr()))
    throw nb::type_error(fmt::format("{}: expected names as str, found {}", what, class_of(h)).c_str());
  return nb::cast<std::string>(h);
}

PySession* make_session(nb::handle model, PySessionOptions& given) {
  SessionOptions options = given.options;
  options.load_cancel = &given.cancel_load;
  InterruptGuard guard(given.cancel_load);
  std::optional<Session> session;
  std::exception_ptr error;
  try {
    if (PyUnicode_Check(model.ptr())) {
      const std::string path = nb::cast<std::string>(model);
      const nb::gil_scoped_release release;
      session.emplace(path, options);
    } else {
      Py_buffer view;
      if (PyObject_GetBuffer(model.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
      try {
        const nb::gil_scoped_release release;
        session.emplace(std::span(static_cast<const uint8_t*>(view.buf), static_cast<size_t>(view.len)), options);
      } catch (...) {
        error = std::current_exception();
      }
      PyBuffer_Release(&view);
    }
  } catch (...) {
    error = std::current_exception();
  }
  guard.rethrow();
  if (error) std::rethrow_exception(error);
  return new PySession(std::move(*session));
}

std::vector<std::string> fetch_names(const PySession& s, nb::handle names) {
  if (names.is_none()) return s.outputs;
  if (!PyList_Check(names.ptr()) && !PyTuple_Check(names.ptr()))
    throw nb::type_error("output_names: expected a list of str or None");
  std::vector<std::string> out;
  for (nb::handle n : nb::borrow<nb::sequence>(names)) out.push_back(name_text(n, "output_names"));
  return out.empty() ? s.outputs : out;
}

void read_feeds(const PySession& s, nb::handle feed, std::vector<std::string>& names, std::vector<Value>& values) {
  if (!PyDict_Check(feed.ptr())) {
    if (!nb::hasattr(feed, "keys"))
      throw nb::type_error(
          fmt::format("input_feed: expected a mapping of input name to value, found {}", class_of(feed)).c_str());
    const nb::object dict = nb::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyDict_Type), feed.ptr()));
    if (!dict.is_valid()) throw nb::python_error();
    return read_feeds(s, dict, names, values);
  }
  size_t required = 0;
  for (auto [key, value] : nb::borrow<nb::dict>(feed)) {
    const std::string name = name_text(key, "input_feed");
    const auto it = s.inputs.find(name);
    if (it == s.inputs.end())
      fail("Invalid input name: '{}'; the model's inputs are {}", name, quoted(s.session.inputs()));
    required += it->second.required;
    values.push_back(from_python(value, it->second.type, name));
    names.push_back(name);
  }
  if (required == s.required) return;
  nb::list missing, found;
  for (const NodeArg& a : s.session.inputs())
    if (std::find(names.begin(), names.end(), a.name) == names.end()) missing.append(a.name);
  for (const std::string& n : names) found.append(n);
  const nb::object type = nb::module_::import_("tenon.errors").attr("MissingInputs");
  PyErr_SetObject(type.ptr(), type(missing, found).ptr());
  throw nb::python_error();
}

nb::list run(PySession& s, nb::handle output_names, nb::handle feed, nb::handle run_options) {
  std::vector<std::string> names;
  std::vector<Value> values;
  PyRunOptions* given = nullptr;
  if (!run_options.is_none() && !nb::try_cast(run_options, given))
    throw nb::type_error(fmt::format("run_options: expected RunOptions, found {}", class_of(run_options)).c_str());
  const std::vector<std::string> fetches = fetch_names(s, output_names);
  read_feeds(s, feed, names, values);
  std::vector<Value> results(fetches.size());

  std::atomic<bool> own{false};
  RunOptions options = given ? given->options : RunOptions{};
  std::atomic<bool>& terminate = given ? given->terminate : own;
  options.terminate = &terminate;
  InterruptGuard guard(terminate);
  std::exception_ptr error;
  {
    const nb::gil_scoped_release release;
    try {
      s.session.run(names, values, fetches, results, options);
    } catch (...) {
      error = std::current_exception();
    }
  }
  guard.rethrow();
  if (error) std::rethrow_exception(error);
  nb::list out;
  for (const Value& v : results) out.append(to_python(v));
  return out;
}

nb::list shape_list(const NodeArg& a) {
  nb::list out;
  if (!a.shape) return out;
  for (const DimInfo& d : *a.shape) {
    if (d.value)
      out.append(*d.value);
    else if (!d.symbol.empty())
      out.append(d.symbol);
    else
      out.append(nb::none());
  }
  return out;
}

nb::object described(const NodeArg& a) {
  return nb::str("NodeArg(name={!r}, type={!r}, shape={!r})").attr("format")(a.name, a.type, shape_list(a));
}

nb::object described_model(const ModelMetadata& d) {
  return nb::str("ModelMetadata(graph_name={!r}, producer_name={!r}, domain={!r}, version={})")
      .attr("format")(d.graph_name, d.producer_name, d.domain, d.version);
}

void bind_info(nb::module_& m) {
  nb::class_<NodeArg>(m, "NodeArg", "A declared input or output of a model.")
      .def_ro("name", &NodeArg::name)
      .def_ro("type", &NodeArg::type, "\"tensor(float)\", \"seq(map(int64,tensor(float)))\", ...")
      .def_prop_ro("shape", shape_list,
                   "Dimensions: int, name, or None where unknown; [] for a scalar and for an unknown rank.")
      .def("__repr__", described);
  nb::class_<ModelMetadata>(m, "ModelMetadata", "Facts that the model states about itself.")
      .def_ro("producer_name", &ModelMetadata::producer_name)
      .def_ro("graph_name", &ModelMetadata::graph_name)
      .def_ro("domain", &ModelMetadata::domain)
      .def_ro("description", &ModelMetadata::description)
      .def_ro("graph_description", &ModelMetadata::graph_description)
      .def_ro("version", &ModelMetadata::version)
      .def_ro("custom_metadata_map", &ModelMetadata::custom_metadata_map)
      .def("__repr__", described_model);
}

}  // namespace

void bind_session(nb::module_& m) {
  bind_info(m);
  nb::class_<PySession>(m, "Session", "A loaded model; tenon.InferenceSession is its public face.")
      .def(nb::new_(&make_session), nb::arg("model"), nb::arg("options"))
      .def("run", &run, nb::arg("output_names").none(), nb::arg("input_feed"), nb::arg("run_options").none())
      .def_prop_ro("inputs", [](const PySession& s) { return s.session.inputs(); })
      .def_prop_ro("outputs", [](const PySession& s) { return s.session.outputs(); })
      .def_prop_ro("overridable_initializers", [](const PySession& s) { return s.session.overridable_initializers(); })
      .def_prop_ro("metadata", [](const PySession& s) { return s.session.metadata(); })
      .def_prop_ro("providers", [](const PySession& s) { return s.session.providers(); })
      .def_prop_ro("provider_options", [](const PySession& s) { return s.session.provider_options(); })
      .def(
          "options",
          [](const PySession& s) {
            auto copy = std::make_unique<PySessionOptions>();
            copy->options = s.session.options();
            copy->options.load_cancel = nullptr;
            return copy.release();
          },
          nb::rv_policy::take_ownership)
      .def_prop_ro("load_report_json", [](const PySession& s) { return s.session.load_report().json(); })
      .def_prop_ro("profiling_start_time_ns", [](const PySession& s) { return s.session.profiling_start_time_ns(); })
      .def(
          "end_profiling", [](PySession& s) { return s.session.end_profiling(); },
          nb::call_guard<nb::gil_scoped_release>())
      .def("graph_text", [](const PySession& s) { return s.session.graph_text(); })
      .def("plan_text", [](const PySession& s) { return s.session.plan_text(); })
      .def("model_bytes", [](const PySession& s) {
        const std::string bytes = s.session.model_bytes();
        return nb::bytes(bytes.data(), bytes.size());
      });
}

}  // namespace tenon::bindings
