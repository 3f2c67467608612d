// device.cc: OrtDevice of the extension module: where bytes lie, in onnxruntime's numbers.
#include "base/error.h"
#include "binding.h"

namespace tenon::bindings {
namespace {

enum : int { kCpu = 0, kGpu = 1, kFpga = 2, kNpu = 3, kDml = 4 };

const char* type_name(int type) {
  constexpr const char* kNames[] = {"cpu", "gpu", "fpga", "npu", "dml"};
  return type >= 0 && type <= kDml ? kNames[type] : "unknown";
}

PyDevice make(int type, int memory, uint32_t vendor, int id) {
  if (type < 0 || type > kDml) fail("OrtDevice: expected a device type from 0 to {}, found {}", +kDml, type);
  if (type == kDml) return {kGpu, memory, 0x1414, id};  // as onnxruntime: Microsoft's
  return {type, memory, vendor, id};
}

}  // namespace

void check_device(const PyDevice& d, const std::string& what) {
  if (d.type != kCpu)
    fail(ErrorCode::kNotImplemented, "{}: expected device cpu, found {}; no provider of this build has memory there",
         what, type_name(d.type));
}

void bind_devices(nb::module_& m) {
  nb::class_<PyDevice> c(m, "OrtDevice", "A device and a kind of its memory; tenon.OrtDevice is its public face.");
  c.def(
       "__init__",
       [](PyDevice* d, int type, int memory, uint32_t vendor, int id) {
         new (d) PyDevice(make(type, memory, vendor, id));
       },
       nb::arg("type"), nb::arg("memory"), nb::arg("vendor"), nb::arg("id"))
      .def(
          "__init__", [](PyDevice* d, int type, int memory, int id) { new (d) PyDevice(make(type, memory, 0, id)); },
          nb::arg("type"), nb::arg("memory"), nb::arg("id"))
      .def("device_type", [](const PyDevice& d) { return d.type; })
      .def("device_id", [](const PyDevice& d) { return d.id; })
      .def("vendor_id", [](const PyDevice& d) { return d.vendor; })
      .def("mem_type", [](const PyDevice& d) { return d.memory; })
      .def("__repr__", [](const PyDevice& d) {
        return fmt::format("OrtDevice(type={}, id={}, vendor={:#x})", type_name(d.type), d.id, d.vendor);
      });
  const std::pair<const char*, int> numbers[] = {{"cpu", kCpu},    {"cuda", kGpu},  {"gpu", kGpu},
                                                 {"webgpu", kGpu}, {"fpga", kFpga}, {"npu", kNpu},
                                                 {"cann", kNpu},   {"dml", kDml},   {"default_memory", 0}};
  for (const auto& [name, number] : numbers) {
    const int n = number;
    c.def_static(name, [n] { return n; });
  }
}

}  // namespace tenon::bindings
