// io_binding.cc: SessionIOBinding: inputs and outputs of a session kept from run to run.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/shape.h"
#include "numpy.h"
#include "ort_values.h"
#include "session.h"

namespace tenon::bindings {
namespace {

struct Binding {
  struct Output {
    std::string name;
    PyOrtValue given;  ///< empty: the run makes the value
  };

  explicit Binding(nb::object s) : owner(std::move(s)), session(*nb::inst_ptr<PySession>(owner)) {}

  nb::object owner;
  PySession& session;
  std::vector<std::string> input_names;
  std::vector<Value> inputs;
  std::vector<Output> outputs;
  PyOrtValueVector results;

  void bind_in(const std::string& name, Value v) {
    if (!session.inputs.contains(name)) {
      std::string known;
      for (const NodeArg& a : session.session.inputs()) known += (known.empty() ? "'" : ", '") + a.name + "'";
      fail("bind_input: '{}' is no input; the model's inputs are {}", name, known.empty() ? "none" : known);
    }
    const auto at = std::ranges::find(input_names, name) - input_names.begin();
    if (at == std::ssize(inputs)) {
      input_names.push_back(name);
      inputs.emplace_back();
    }
    inputs[static_cast<size_t>(at)] = std::move(v);
  }

  void bind_out(const std::string& name, PyOrtValue v) {
    const NodeArg* arg = nullptr;
    std::string known;
    for (const NodeArg& a : session.session.outputs()) {
      if (a.name == name) arg = &a;
      known += (known.empty() ? "'" : ", '") + a.name + "'";
    }
    if (!arg) fail("bind_output: '{}' is no output; the model's outputs are {}", name, known);
    if (v.readonly) fail("bind_output: the buffer for '{}' is read-only", name);
    if (v.value.is_tensor() && arg->kind == ValueKind::kTensor && arg->dtype != DType::kUndefined &&
        v.value.dtype() != arg->dtype)
      fail("bind_output: output '{}': expected a buffer of {}, found {}", name, dtype_name(arg->dtype),
           dtype_name(v.value.dtype()));
    const auto at = std::ranges::find(outputs, name, &Output::name);
    if (at == outputs.end())
      outputs.push_back({name, std::move(v)});
    else
      at->given = std::move(v);
  }
};

Value raw(const std::string& name, const char* what, nb::handle type, const std::vector<int64_t>& dims,
          uintptr_t pointer) {
  const DType t = element_type(type, fmt::format("{} '{}'", what, name));
  if (t == DType::kString) fail("{}: '{}': expected a type of numbers behind a pointer, found string", what, name);
  for (int64_t d : dims)
    if (d < 0) fail("{}: '{}': expected dimensions >= 0, found {}", what, name, to_string(dims));
  if (!pointer && element_count(dims) > 0) fail("{}: '{}': expected the address of the buffer, found 0", what, name);
  const size_t alignment = std::min<size_t>(std::max<size_t>(dtype_size(t), 1), 8);
  if (pointer % alignment != 0)
    fail("{}: '{}': expected an address aligned to {}, found {:#x}", what, name, alignment, pointer);
  return Value::borrow(t, dims, reinterpret_cast<void*>(pointer));
}

void run(PySession& s, Binding& b, nb::handle options) {
  if (&b.session != &s) throw nb::value_error("run_with_iobinding: expected an IOBinding of this session");
  Call call;
  PyRunOptions* given = run_options(options);
  if (b.outputs.empty()) fail("run_with_iobinding: expected at least one bound output");
  call.feed_names = b.input_names;
  call.feeds = b.inputs;
  for (const Binding::Output& o : b.outputs) {
    call.fetch_names.push_back(o.name);
    call.fetches.push_back(o.given.value);
  }
  add_adapters(call, given);
  execute(s, call, given);
  b.results.items.clear();
  for (Value& v : call.fetches) b.results.items.push_back({std::move(v), false});
}

void run_with_vector(PySession& s, nb::handle options, const std::vector<std::string>& feed_names,
                     const PyOrtValueVector& feeds, const std::vector<std::string>& fetch_names,
                     PyOrtValueVector& fetches, nb::handle devices) {
  Call call;
  PyRunOptions* given = run_options(options);
  if (feed_names.size() != feeds.items.size())
    fail("run_with_ortvaluevector: expected a feed for each name, found {} names and {} feeds", feed_names.size(),
         feeds.items.size());
  if (!fetches.items.empty() && fetches.items.size() != fetch_names.size())
    fail("run_with_ortvaluevector: expected no fetches or one for each name, found {} names and {} fetches",
         fetch_names.size(), fetches.items.size());
  if (fetch_names.empty()) fail("run_with_ortvaluevector: expected at least one output name");
  if (nb::len(devices) != fetch_names.size())
    fail("run_with_ortvaluevector: expected a device for each of {} outputs, found {}", fetch_names.size(),
         nb::len(devices));
  for (nb::handle d : devices) check_device(nb::cast<PyDevice>(d), "run_with_ortvaluevector");
  call.feed_names = feed_names;
  for (const PyOrtValue& v : feeds.items) call.feeds.push_back(v.value);
  call.fetch_names = fetch_names;
  for (const PyOrtValue& v : fetches.items) call.fetches.push_back(v.value);
  add_adapters(call, given);
  execute(s, call, given);
  fetches.items.clear();
  for (Value& v : call.fetches) fetches.items.push_back({std::move(v), false});
}

}  // namespace

void bind_io_binding(nb::module_& m) {
  nb::class_<Binding>(m, "SessionIOBinding", "Bound inputs and outputs; tenon.IOBinding is its public face.")
      .def(
          "__init__",
          [](Binding* b, nb::object session) {
            if (!nb::isinstance<PySession>(session))
              throw nb::type_error(
                  fmt::format("SessionIOBinding: expected a session, found {}", class_of(session)).c_str());
            new (b) Binding(std::move(session));
          },
          nb::arg("session"))
      .def("bind_input",
           [](Binding& b, const std::string& name, nb::handle array) {
             if (!nb::isinstance(array, numpy().ndarray))
               fail("bind_input: '{}': expected a numpy.ndarray, found {}", name, class_of(array));
             b.bind_in(name, tensor_of_array(array, nullptr, name));
           })
      .def("bind_input",
           [](Binding& b, const std::string& name, const PyDevice& device, nb::handle type,
              const std::vector<int64_t>& shape, uintptr_t pointer) {
             check_device(device, "bind_input '" + name + "'");
             b.bind_in(name, raw(name, "bind_input", type, shape, pointer));
           })
      .def("bind_ortvalue_input",
           [](Binding& b, const std::string& name, const PyOrtValue& v) { b.bind_in(name, v.value); })
      .def("bind_output",
           [](Binding& b, const std::string& name, const PyDevice& device) {
             check_device(device, "bind_output '" + name + "'");
             b.bind_out(name, {});
           })
      .def("bind_output",
           [](Binding& b, const std::string& name, const PyDevice& device, nb::handle type,
              const std::vector<int64_t>& shape, uintptr_t pointer) {
             check_device(device, "bind_output '" + name + "'");
             b.bind_out(name, {raw(name, "bind_output", type, shape, pointer), false});
           })
      .def("bind_ortvalue_output",
           [](Binding& b, const std::string& name, const PyOrtValue& v) { b.bind_out(name, v); })
      .def("synchronize_inputs", [](Binding&) {})
      .def("synchronize_outputs", [](Binding&) {})
      .def(
          "get_outputs", [](Binding& b) -> PyOrtValueVector& { return b.results; }, nb::rv_policy::reference_internal)
      .def("copy_outputs_to_cpu",
           [](const Binding& b) {
             nb::list out;
             for (const PyOrtValue& v : b.results.items) out.append(to_python(v.value));
             return out;
           })
      .def("clear_binding_inputs",
           [](Binding& b) {
             b.input_names.clear();
             b.inputs.clear();
           })
      .def("clear_binding_outputs", [](Binding& b) {
        b.outputs.clear();
        b.results.items.clear();
      });
  nb::class_<PySession> session = nb::borrow<nb::class_<PySession>>(m.attr("Session"));
  session.def("run_with_iobinding", &run, nb::arg("iobinding"), nb::arg("run_options").none())
      .def("run_with_ortvaluevector", &run_with_vector, nb::arg("run_options").none(), nb::arg("feed_names"),
           nb::arg("feeds"), nb::arg("fetch_names"), nb::arg("fetches"), nb::arg("fetch_devices"));
}

}  // namespace tenon::bindings
