// dlpack.h: tensors shared with other libraries through DLPack capsules.
#pragma once
#include "binding.h"

namespace tenon::bindings {

/// Capsule "dltensor", or "dltensor_versioned" when `versioned`, over the tensor's bytes. Fails for strings, and for
/// read-only bytes without a version, which cannot say so.
nb::object to_dlpack(const PyOrtValue& v, bool versioned);
/// Takes over a capsule of either kind. Fails for other devices, strides and types that ONNX does not have.
PyOrtValue from_dlpack(nb::handle capsule);

}  // namespace tenon::bindings
