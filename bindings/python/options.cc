// options.cc: SessionOptions, RunOptions and their enumerations, with the names of onnxruntime's.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "numpy.h"

namespace tenon::bindings {
namespace {

constexpr size_t kMaxConfigKey = 1024, kMaxConfigValue = 8192;

// Booleans may be given as integers, as onnxruntime allows.
bool truth(nb::handle h) {
  if (!PyBool_Check(h.ptr()) && !PyIndex_Check(h.ptr()) && !nb::hasattr(h, "__bool__"))
    throw nb::type_error("expected a bool");
  if (PyUnicode_Check(h.ptr())) throw nb::type_error("expected a bool, found str");
  const int yes = PyObject_IsTrue(h.ptr());
  if (yes < 0) throw nb::python_error();
  return yes != 0;
}

// A member of the enumeration or its number; ValueError when there is none.
template <class E>
E enumerator(nb::handle h) {
  if (!PyLong_Check(h.ptr())) throw nb::type_error("expected an enumeration member or its number");
  return nb::cast<E>(nb::type<E>()(h));
}

void check_config(const std::string& key, const std::string& value) {
  if (key.empty() || key.size() > kMaxConfigKey)
    fail("config key: expected 1 to {} characters, found {}", kMaxConfigKey, key.size());
  if (value.size() > kMaxConfigValue)
    fail("config key '{}': expected a value of at most {} characters, found {}", key, kMaxConfigValue, value.size());
}

std::string config_entry(const std::map<std::string, std::string>& config, const std::string& key, const char* what) {
  const auto it = config.find(key);
  if (it == config.end()) {  // onnxruntime raises RuntimeError here
    PyErr_SetString(PyExc_RuntimeError, fmt::format("{} does not have configuration with key: {}", what, key).c_str());
    throw nb::python_error();
  }
  return it->second;
}

Value initializer(nb::handle given, const std::string& name) {
  if (const PyOrtValue* v = held_value(given)) return v->value;
  return tensor_of_array(given, nullptr, name);
}

void add_external(PySessionOptions& o, nb::list names, nb::list values) {
  if (nb::len(names) != nb::len(values))
    fail("add_external_initializers: expected a value for each name, found {} names and {} values", nb::len(names),
         nb::len(values));
  for (size_t i = 0; i < nb::len(names); ++i) {
    const std::string name = nb::cast<std::string>(names[i]);
    o.options.external_initializers[name] = initializer(values[i], name);
  }
}

void add_files(PySessionOptions& o, const std::vector<std::string>& names, nb::sequence buffers,
               const std::vector<int64_t>& lengths) {
  const char* what = "add_external_initializers_from_files_in_memory";
  if (names.size() != nb::len(buffers) || names.size() != lengths.size())
    fail("{}: expected a buffer and a length for each name, found {} names, {} buffers and {} lengths", what,
         names.size(), nb::len(buffers), lengths.size());
  for (size_t i = 0; i < names.size(); ++i) {
    Py_buffer view;
    if (PyObject_GetBuffer(nb::object(buffers[i]).ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
    const int64_t dims[] = {view.len};
    Value bytes = Value::tensor(DType::kUint8, dims);
    std::memcpy(bytes.mutable_data(), view.buf, static_cast<size_t>(view.len));
    PyBuffer_Release(&view);
    if (lengths[i] != dims[0]) fail("{}: '{}': expected length {}, found {}", what, names[i], dims[0], lengths[i]);
    if (!o.options.external_files.emplace(names[i], bytes).second) fail("{}: file '{}' is given twice", what, names[i]);
  }
}

void add_provider(PySessionOptions& o, const std::string& name, const std::map<std::string, std::string>& options) {
  const std::vector<std::string> known = all_providers();
  if (std::ranges::find(known, name) == known.end() && !has_provider(name)) {
    std::string list;
    for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
    fail("add_provider: unknown provider '{}', expected one of {}", name, list);
  }
  o.options.providers.push_back({name, options});
}

[[noreturn]] void not_yet(const char* name) { fail(ErrorCode::kNotImplemented, "SessionOptions.{}", name); }

void bind_enums(nb::module_& m) {
  nb::enum_<OptimizationLevel>(m, "GraphOptimizationLevel", nb::is_arithmetic())
      .value("ORT_DISABLE_ALL", OptimizationLevel::kDisableAll)
      .value("ORT_ENABLE_BASIC", OptimizationLevel::kEnableBasic)
      .value("ORT_ENABLE_EXTENDED", OptimizationLevel::kEnableExtended)
      .value("ORT_ENABLE_LAYOUT", OptimizationLevel::kEnableLayout)
      .value("ORT_ENABLE_ALL", OptimizationLevel::kEnableAll);
  nb::enum_<ExecutionMode>(m, "ExecutionMode", nb::is_arithmetic())
      .value("ORT_SEQUENTIAL", ExecutionMode::kSequential)
      .value("ORT_PARALLEL", ExecutionMode::kParallel);
  nb::enum_<ExecutionOrder>(m, "ExecutionOrder", nb::is_arithmetic())
      .value("DEFAULT", ExecutionOrder::kDefault)
      .value("PRIORITY_BASED", ExecutionOrder::kPriorityBased)
      .value("MEMORY_EFFICIENT", ExecutionOrder::kMemoryEfficient);
}

using Options = PySessionOptions;

template <class T>
void plain(nb::class_<Options>& c, const char* name, T SessionOptions::*field, const char* doc) {
  c.def_prop_rw(
      name, [field](const Options& o) { return o.options.*field; }, [field](Options& o, T v) { o.options.*field = v; },
      doc);
}
void boolean(nb::class_<Options>& c, const char* name, bool SessionOptions::*field, const char* doc) {
  c.def_prop_rw(
      name, [field](const Options& o) { return o.options.*field; },
      [field](Options& o, nb::handle v) { o.options.*field = truth(v); }, doc);
}
void path(nb::class_<Options>& c, const char* name, std::string SessionOptions::*field, const char* doc) {
  c.def_prop_rw(
      name, [field](const Options& o) { return o.options.*field; },
      [field](Options& o, nb::handle v) { o.options.*field = path_text(v); }, doc);
}
template <class E>
void choice(nb::class_<Options>& c, const char* name, E SessionOptions::*field, const char* doc) {
  c.def_prop_rw(
      name, [field](const Options& o) { return o.options.*field; },
      [field](Options& o, nb::handle v) { o.options.*field = enumerator<E>(v); }, doc);
}

void bind_properties(nb::class_<Options>& c) {
  boolean(c, "enable_profiling", &SessionOptions::enable_profiling, "Record a trace; end_profiling() writes it.");
  path(c, "profile_file_prefix", &SessionOptions::profile_file_prefix, "Start of the trace file's name.");
  path(c, "optimized_model_filepath", &SessionOptions::optimized_model_filepath,
       "Where to save the optimised model; empty: not saved.");
  boolean(c, "enable_cpu_mem_arena", &SessionOptions::enable_cpu_mem_arena, "Keep freed memory for later runs.");
  boolean(c, "enable_mem_pattern", &SessionOptions::enable_mem_pattern,
          "Plan the buffers of a shape signature as one block.");
  boolean(c, "enable_mem_reuse", &SessionOptions::enable_mem_reuse, "Let values share buffers in turn.");
  plain(c, "logid", &SessionOptions::logid, "Name of the session in log lines.");
  plain(c, "log_severity_level", &SessionOptions::log_severity_level,
        "0 verbose, 1 info, 2 warning, 3 error, 4 fatal; -1: the process default.");
  plain(c, "log_verbosity_level", &SessionOptions::log_verbosity_level, "Detail of verbose messages.");
  boolean(c, "use_per_session_threads", &SessionOptions::use_per_session_threads, "A thread pool of its own.");
  plain(c, "intra_op_num_threads", &SessionOptions::intra_op_num_threads,
        "Threads of one operator; 0: one per physical core within the quota; 1: the caller only.");
  plain(c, "inter_op_num_threads", &SessionOptions::inter_op_num_threads, "Threads that run operators side by side.");
  choice(c, "execution_mode", &SessionOptions::execution_mode, "Operators one by one or side by side.");
  choice(c, "execution_order", &SessionOptions::execution_order, "Order of the operators.");
  choice(c, "graph_optimization_level", &SessionOptions::graph_optimization_level, "Which rewrites may fire.");
  boolean(c, "use_deterministic_compute", &SessionOptions::use_deterministic_compute,
          "Results that do not change from run to run (always so on the CPU).");
}

}  // namespace

std::string path_text(nb::handle h) {
  const nb::object path = nb::steal(PyOS_FSPath(h.ptr()));
  if (!path.is_valid()) throw nb::python_error();
  if (!PyUnicode_Check(path.ptr())) throw nb::type_error("expected a str or a path");
  return nb::cast<std::string>(path);
}

void bind_options(nb::module_& m) {
  bind_enums(m);
  nb::class_<Options> c(m, "SessionOptions",
                        "Settings of a session; names and defaults are onnxruntime's. They are read when the session "
                        "is made.");
  c.def(nb::init<>());
  bind_properties(c);
  c.def(
       "add_session_config_entry",
       [](Options& o, const std::string& key, const std::string& value) {
         check_config(key, value);
         o.options.config[key] = value;
       },
       nb::arg("key"), nb::arg("value"), "Sets a string option; keys and values must not be over 1024 and 8192 long.")
      .def(
          "get_session_config_entry",
          [](const Options& o, const std::string& key) {
            return config_entry(o.options.config, key, "SessionOptions");
          },
          nb::arg("key"), "Value of a string option; RuntimeError when it was not set.")
      .def(
          "add_free_dimension_override_by_name",
          [](Options& o, const std::string& name, int64_t size) {
            o.options.free_dimension_overrides_by_name[name] = size;
          },
          nb::arg("name"), nb::arg("size"), "Gives the dimension of that dim_param a fixed size.")
      .def(
          "add_free_dimension_override_by_denotation",
          [](Options& o, const std::string& denotation, int64_t size) {
            o.options.free_dimension_overrides_by_denotation[denotation] = size;
          },
          nb::arg("denotation"), nb::arg("size"), "Gives dimensions of that denotation a fixed size.")
      .def(
          "add_initializer",
          [](Options& o, const std::string& name, nb::handle value) {
            o.options.initializers[name] = initializer(value, name);
          },
          nb::arg("name"), nb::arg("value"), "Replaces an initializer of the model by an array or an OrtValue.")
      .def("add_external_initializers", &add_external, nb::arg("names"), nb::arg("values"),
           "Values instead of the external data of initializers.")
      .def("add_external_initializers_from_files_in_memory", &add_files, nb::arg("names"), nb::arg("buffers"),
           nb::arg("lengths"), "Contents of files of external data, by their names in the model; copied.")
      .def(
          "add_provider",
          [](Options& o, const std::string& name, const std::map<std::string, std::string>& options) {
            add_provider(o, name, options);
          },
          nb::arg("name"), nb::arg("options") = nb::dict(), "Appends a provider; used when a session is given none.")
      .def(
          "add_provider_for_devices",
          [](Options& o, nb::sequence devices, const std::map<std::string, std::string>& options) {
            if (nb::len(devices) == 0) fail("add_provider_for_devices: expected one or more devices, found none");
            const std::string name = nb::cast<std::string>(devices[0].attr("ep_name"));
            for (nb::handle d : devices)
              if (const std::string other = nb::cast<std::string>(d.attr("ep_name")); other != name)
                fail("add_provider_for_devices: expected devices of one provider, found {} and {}", name, other);
            add_provider(o, name, options);
          },
          nb::arg("ep_devices"), nb::arg("options") = nb::dict(),
          "As add_provider(), with devices of get_ep_devices().")
      .def(
          "set_provider_selection_policy",
          [](Options&, nb::handle policy) {
            const nb::object known = nb::module_::import_("tenon.devices").attr("OrtExecutionProviderDevicePolicy");
            if (!nb::isinstance(policy, known))
              throw nb::type_error(fmt::format("set_provider_selection_policy: expected "
                                               "OrtExecutionProviderDevicePolicy, found {}",
                                               class_of(policy))
                                       .c_str());
          },
          nb::arg("policy"), "Every policy chooses the CPU, the only device of get_ep_devices().")
      .def("clear_ep_context_data_read_func", [](Options&) {})
      .def("has_providers", [](const Options& o) { return !o.options.providers.empty(); })
      .def(
          "set_load_cancellation_flag", [](Options& o, nb::handle v) { o.cancel_load = truth(v); }, nb::arg("cancel"),
          "True, from any thread, ends a load that uses these options.")
      .def_prop_rw(
          "_disabled_optimizers", [](const Options& o) { return o.options.disabled_optimizers; },
          [](Options& o, std::vector<std::string> names) { o.options.disabled_optimizers = std::move(names); })
      .def("_set_providers",
           [](Options& o, const std::vector<std::pair<std::string, std::map<std::string, std::string>>>& list) {
             o.options.providers.clear();
             for (const auto& [name, options] : list) o.options.providers.push_back({name, options});
           })
      .def(
          "_copy",
          [](const Options& o) {
            auto copy = std::make_unique<Options>();
            copy->options = o.options;
            return copy.release();
          },
          nb::rv_policy::take_ownership);
  bind_custom_ops(c);
  for (const char* name : {"set_provider_selection_policy_delegate", "set_ep_context_data_read_func"})
    c.def(name, [name](Options&, nb::args, nb::kwargs) { not_yet(name); });

  nb::class_<PyRunOptions> r(m, "RunOptions", "Settings of one run; names and defaults are onnxruntime's.");
  r.def(nb::init<>())
      .def_prop_rw(
          "log_severity_level", [](const PyRunOptions& o) { return o.options.log_severity_level; },
          [](PyRunOptions& o, int v) { o.options.log_severity_level = v; })
      .def_prop_rw(
          "log_verbosity_level", [](const PyRunOptions& o) { return o.options.log_verbosity_level; },
          [](PyRunOptions& o, int v) { o.options.log_verbosity_level = v; })
      .def_prop_rw(
          "logid", [](const PyRunOptions& o) { return o.options.run_tag; },
          [](PyRunOptions& o, std::string v) { o.options.run_tag = std::move(v); }, "Name of the run in log lines.")
      .def_prop_rw(
          "terminate", [](const PyRunOptions& o) { return o.terminate.load(); },
          [](PyRunOptions& o, nb::handle v) { o.terminate = truth(v); },
          "True, from any thread, ends the runs that use this object.")
      .def_prop_rw(
          "only_execute_path_to_fetches", [](const PyRunOptions& o) { return o.options.only_execute_path_to_fetches; },
          [](PyRunOptions& o, nb::handle v) { o.options.only_execute_path_to_fetches = truth(v); })
      .def_prop_rw(
          "training_mode", [](const PyRunOptions&) { return false; },
          [](PyRunOptions&, nb::handle v) {
            if (truth(v)) fail(ErrorCode::kNotImplemented, "RunOptions.training_mode: runs are inference only");
          },
          "Always False.")
      .def(
          "add_run_config_entry",
          [](PyRunOptions& o, const std::string& key, const std::string& value) {
            check_config(key, value);
            o.options.config[key] = value;
          },
          nb::arg("key"), nb::arg("value"))
      .def(
          "get_run_config_entry",
          [](const PyRunOptions& o, const std::string& key) {
            return config_entry(o.options.config, key, "RunOptions");
          },
          nb::arg("key"))
      .def(
          "add_active_adapter",
          [](PyRunOptions& o, const PyAdapter& adapter) {
            if (adapter.parameters) o.adapters.push_back(adapter.parameters);
          },
          nb::arg("adapter"), "Runs with these options take the adapter's values for the inputs that it names.");
}

}  // namespace tenon::bindings
