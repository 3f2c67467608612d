// provider_library.cc: libraries of providers; tenon.devices has their public face.
#include "tenon/provider.h"

#include "binding.h"

namespace tenon::bindings {

void bind_provider_libraries(nb::module_& m) {
  m.def("register_provider_library", [](const std::string& name, nb::handle path) {
    const std::string text = path_text(path);
    const nb::gil_scoped_release release;
    register_provider_library(name, text);
  });
  m.def("unregister_provider_library", &unregister_provider_library, nb::call_guard<nb::gil_scoped_release>());
  m.def(
      "provider_devices",
      [] {
        nb::list out;
        for (const ProviderDevice& d : provider_devices())
          out.append(nb::make_tuple(d.provider, d.vendor, d.version, static_cast<int>(d.device.type), d.device.vendor,
                                    d.device.vendor_id, d.device.device_id, d.device.metadata));
        return out;
      },
      "[(provider, vendor, version, type, vendor of the device, vendor_id, device_id, metadata)] of registered "
      "libraries.");
}

}  // namespace tenon::bindings
