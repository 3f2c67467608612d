// session.cc: Session (wrapped by tenon.InferenceSession), NodeArg and ModelMetadata.

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "async.h"
#include "base/error.h"
#include "interrupt.h"
#include "lifetime.h"
#include "session.h"

namespace tenon::bindings {
namespace {

std::string quoted(const std::vector<NodeArg>& args) {
  std::string out;
  for (const NodeArg& a : args) out += (out.empty() ? "'" : ", '") + a.name + "'";
  return out.empty() ? "none" : out;
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
      const WithoutGil release(given.cancel_load);
      session.emplace(path, options);
    } else {
      Py_buffer view;
      if (PyObject_GetBuffer(model.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
      try {
        const WithoutGil release(given.cancel_load);
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

nb::list run(PySession& s, nb::handle output_names, nb::handle feed, nb::handle options) {
  Call call;
  PyRunOptions* given = run_options(options);
  call.fetch_names = fetch_names(s, output_names);
  read_feeds(s, feed, call);
  add_adapters(call, given);
  execute(s, call, given);
  nb::list out;
  for (const Value& v : call.fetches) out.append(to_python(v));
  return out;
}

nb::list run_with_values(PySession& s, nb::handle output_names, nb::handle feed, nb::handle options) {
  Call call;
  PyRunOptions* given = run_options(options);
  call.fetch_names = fetch_names(s, output_names);
  read_feeds(s, feed, call);
  add_adapters(call, given);
  execute(s, call, given);
  nb::list out;
  for (Value& v : call.fetches) out.append(PyOrtValue{std::move(v)});
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

PySession::PySession(Session s) : session(std::move(s)) {
  for (const NodeArg& a : session.inputs()) {
    FeedType type = parse_type(a.type);
    const bool needed = type.kind != ValueKind::kOptional;
    required += needed;
    has_optional |= !needed;
    inputs.emplace(a.name, Input{std::move(type), needed});
  }
  for (const NodeArg& a : session.overridable_initializers()) inputs.emplace(a.name, Input{parse_type(a.type), false});
  for (const NodeArg& a : session.outputs()) outputs.push_back(a.name);
}

std::string name_text(nb::handle h, const char* what) {
  if (!PyUnicode_Check(h.ptr()))
    throw nb::type_error(fmt::format("{}: expected names as str, found {}", what, class_of(h)).c_str());
  return nb::cast<std::string>(h);
}

PyRunOptions* run_options(nb::handle given) {
  PyRunOptions* options = nullptr;
  if (!given.is_none() && !nb::try_cast(given, options))
    throw nb::type_error(fmt::format("run_options: expected RunOptions, found {}", class_of(given)).c_str());
  return options;
}

std::vector<std::string> fetch_names(const PySession& s, nb::handle names) {
  if (names.is_none()) return s.outputs;
  if (!PyList_Check(names.ptr()) && !PyTuple_Check(names.ptr()))
    throw nb::type_error("output_names: expected a list of str or None");
  std::vector<std::string> out;
  for (nb::handle n : nb::borrow<nb::sequence>(names)) out.push_back(name_text(n, "output_names"));
  return out.empty() ? s.outputs : out;
}

void read_feeds(const PySession& s, nb::handle feed, Call& call) {
  if (!PyDict_Check(feed.ptr())) {
    if (!nb::hasattr(feed, "keys"))
      throw nb::type_error(
          fmt::format("input_feed: expected a mapping of input name to value, found {}", class_of(feed)).c_str());
    const nb::object dict = nb::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyDict_Type), feed.ptr()));
    if (!dict.is_valid()) throw nb::python_error();
    return read_feeds(s, dict, call);
  }
  size_t required = 0;
  for (auto [key, value] : nb::borrow<nb::dict>(feed)) {
    const std::string name = name_text(key, "input_feed");
    const auto it = s.inputs.find(name);
    if (it == s.inputs.end())
      fail("Invalid input name: '{}'; the model's inputs are {}", name, quoted(s.session.inputs()));
    required += it->second.required;
    call.feeds.push_back(from_python(value, it->second.type, name));
    call.feed_names.push_back(name);
  }
  if (s.has_optional)
    for (const NodeArg& a : s.session.inputs())
      if (a.kind == ValueKind::kOptional && std::ranges::find(call.feed_names, a.name) == call.feed_names.end()) {
        call.feed_names.push_back(a.name);
        call.feeds.push_back(Value::optional({}));
      }
  if (required == s.required) return;
  nb::list missing, found;
  for (const NodeArg& a : s.session.inputs())
    if (s.inputs.at(a.name).required && std::ranges::find(call.feed_names, a.name) == call.feed_names.end())
      missing.append(a.name);
  for (const std::string& n : call.feed_names) found.append(n);
  const nb::object type = nb::module_::import_("tenon.errors").attr("MissingInputs");
  PyErr_SetObject(type.ptr(), type(missing, found).ptr());
  throw nb::python_error();
}

void add_adapters(Call& call, const PyRunOptions* options) {
  if (!options) return;
  for (const auto& adapter : options->adapters)
    for (const auto& [name, value] : *adapter) {
      const auto at = std::ranges::find(call.feed_names, name) - call.feed_names.begin();
      if (at == std::ssize(call.feeds)) {
        call.feed_names.push_back(name);
        call.feeds.emplace_back();
      }
      call.feeds[static_cast<size_t>(at)] = value;
    }
}

void execute(const PySession& s, Call& call, PyRunOptions* given) {
  call.fetches.resize(call.fetch_names.size());
  std::atomic<bool> own{false};
  RunOptions options = given ? given->options : RunOptions{};
  std::atomic<bool>& terminate = given ? given->terminate : own;
  options.terminate = &terminate;
  InterruptGuard guard(terminate);
  std::exception_ptr error;
  {
    const WithoutGil release(terminate);
    try {
      s.session.run(call.feed_names, call.feeds, call.fetch_names, call.fetches, options);
    } catch (...) {
      error = std::current_exception();
    }
  }
  guard.rethrow();
  if (error) std::rethrow_exception(error);
}

void bind_session(nb::module_& m) {
  bind_info(m);
  nb::class_<PySession>(m, "Session", "A loaded model; tenon.InferenceSession is its public face.")
      .def(nb::new_(&make_session), nb::arg("model"), nb::arg("options"))
      .def("run", &run, nb::arg("output_names").none(), nb::arg("input_feed"), nb::arg("run_options").none())
      .def("run_with_ort_values", &run_with_values, nb::arg("output_names").none(), nb::arg("input_feed"),
           nb::arg("run_options").none(), "As run(), from and to OrtValue.")
      .def("run_async", &run_async, nb::arg("output_names").none(), nb::arg("input_feed"), nb::arg("callback").none(),
           nb::arg("user_data").none(), nb::arg("run_options").none())
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
      .def(
          "set_ep_dynamic_options",
          [](const PySession& s, const std::map<std::string, std::string>& options) {
            s.session.set_ep_dynamic_options(options);
          },
          nb::arg("options"), nb::call_guard<nb::gil_scoped_release>())
      .def("graph_text", [](const PySession& s) { return s.session.graph_text(); })
      .def("plan_text", [](const PySession& s) { return s.session.plan_text(); })
      .def("model_bytes", [](const PySession& s) {
        const std::string bytes = s.session.model_bytes();
        return nb::bytes(bytes.data(), bytes.size());
      });
}

}  // namespace tenon::bindings
