// module.cc: the extension module tenon._tenon.

#include "base/error.h"
#include "binding.h"

NB_MODULE(_tenon, m) {
  namespace nb = nanobind;
  using namespace tenon;
  nb::set_leak_warnings(false);  // sessions that live until the interpreter ends are no leak
  bindings::bind_errors(m);
  bindings::bind_arrays(m);
  bindings::bind_devices(m);
  bindings::bind_ort_values(m);
  bindings::bind_sparse(m);
  bindings::bind_options(m);
  bindings::bind_adapter(m);
  bindings::bind_logger(m);
  bindings::bind_session(m);
  bindings::bind_io_binding(m);
  bindings::bind_lifetime(m);
  m.def("get_available_providers", &available_providers);
  m.def(
      "has_provider", [](const std::string& name) { return has_provider(name); }, nb::arg("name"));
  m.def("get_all_providers", &all_providers);
  bindings::bind_provider_libraries(m);
  m.def("version", &version);
  m.def("op_table_json", &op_table_json,
        "Every operator as JSON: domain, name, since, until, inputs, outputs, attributes.");
  m.def("set_seed", &set_seed);
  m.def("set_global_thread_pool_sizes", &set_global_thread_pool_sizes, nb::arg("intra_op_num_threads"),
        nb::arg("inter_op_num_threads"));
  m.def(
      "create_and_register_allocator",
      [](const std::map<std::string, int64_t>& settings) {
        ArenaConfig config;
        for (const auto& [name, value] : settings) config.set(name, value);
        create_and_register_allocator({}, config);
      },
      nb::arg("settings"), "Registers an arena for the host; settings by the names of OrtArenaCfg.");
}
