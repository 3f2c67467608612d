// adapter.cc: LoraAdapter: values for some inputs of a model, given to runs through RunOptions.
#include "base/error.h"
#include "binding.h"

namespace tenon::bindings {

void bind_adapter(nb::module_& m) {
  nb::class_<PyAdapter>(m, "LoraAdapter", "Values for inputs of a model, read from an adapter file.")
      .def(nb::init<>())
      .def(
          "Load",
          [](PyAdapter& a, nb::handle path) {
            const nb::object read = nb::module_::import_("tenon.adapter").attr("_read")(path).attr("_parameters");
            auto values = std::make_shared<std::map<std::string, Value>>();
            for (auto [name, value] : nb::cast<nb::dict>(read))
              values->emplace(nb::cast<std::string>(name), held_value(value)->value);
            a.parameters = std::move(values);
          },
          nb::arg("path"), "Reads the file that AdapterFormat.export_adapter wrote.");
}

}  // namespace tenon::bindings
