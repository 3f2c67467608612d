// sparse.cc: SparseTensor of the extension module, in the formats COO, CSR and block sparse.
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value_data.h"
#include "numpy.h"

namespace tenon::bindings {
namespace {

enum class SparseFormat : int { kUndefined = 0, kCoo = 1, kCsr = 2, kBlockSparse = 4 };  // as in OrtSparseFormat

// A sparse value is {values, indices...}: the indices tell the format.
SparseFormat format_of(const Value& v) {
  if (v.items().size() == 3) return SparseFormat::kCsr;
  return v.items()[1].dtype() == DType::kInt32 ? SparseFormat::kBlockSparse : SparseFormat::kCoo;
}

Value make_csr(std::span<const int64_t> dims, const Value& values, const Value& inner, const Value& outer) {
  const Value v = Value::sparse(dims, values, inner);
  ValueAccess::data(v)->items.push_back(outer);
  return v;
}

Value indices_of(nb::handle given, const char* what, const char* type) {
  const nb::object array = nb::module_::import_("numpy").attr("ascontiguousarray")(given, nb::arg("dtype") = type);
  return tensor_of_array(array, nullptr, what);
}

Value values_of(nb::handle given, const char* what) {
  if (!nb::isinstance(given, numpy().ndarray))
    throw nb::type_error(fmt::format("{}: expected values as numpy.ndarray, found {}", what, class_of(given)).c_str());
  return tensor_of_array(given, nullptr, what);
}

void need_dims(const std::vector<int64_t>& dims, const char* what, size_t rank = 0) {
  for (int64_t d : dims)
    if (d < 0) fail("{}: expected dimensions >= 0, found {}", what, to_string(dims));
  if (rank && dims.size() != rank)
    fail("{}: expected a dense shape of {} dimensions, found {}", what, rank, dims.size());
}

void need_range(const Value& indices, int64_t end, const char* what) {
  for (int64_t i : indices.as<int64_t>())
    if (i < 0 || i >= end) fail("{}: expected indices from 0 to {}, found {}", what, end - 1, i);
}

PySparse coo(const std::vector<int64_t>& dims, nb::handle values, nb::handle indices, const PyDevice& device) {
  const char* what = "sparse_coo_from_numpy";
  check_device(device, what);
  need_dims(dims, what);
  const Value v = values_of(values, what);
  Value at = indices_of(indices, what, "int64");
  const int64_t n = v.count();
  const bool pairs = at.count() == 2 * n && n > 0;
  if (at.count() != n && !pairs)
    fail("{}: expected {} linear indices or {} coordinates for {} values, found {}", what, n, 2 * n, n, at.count());
  if (pairs) {
    if (dims.size() != 2)
      fail("{}: expected a dense shape of 2 dimensions for pairs of coordinates, found {}", what, dims.size());
    const auto c = at.as<int64_t>();
    for (size_t i = 0; i < c.size(); ++i)
      if (c[i] < 0 || c[i] >= dims[i % 2])
        fail("{}: expected coordinates inside {}, found {} in dimension {}", what, to_string(dims), c[i], i % 2);
    const int64_t shape[] = {n, 2};
    at = at.reshaped(shape);
  } else {
    need_range(at, element_count(dims), what);
  }
  return {Value::sparse(dims, v, at)};
}

PySparse csr(const std::vector<int64_t>& dims, nb::handle values, nb::handle inner, nb::handle outer,
             const PyDevice& device) {
  const char* what = "sparse_csr_from_numpy";
  check_device(device, what);
  need_dims(dims, what, 2);
  const Value v = values_of(values, what);
  const Value in = indices_of(inner, what, "int64"), out = indices_of(outer, what, "int64");
  if (in.count() != v.count())
    fail("{}: expected {} inner indices, one per value, found {}", what, v.count(), in.count());
  if (out.count() != dims[0] + 1)
    fail("{}: expected {} outer indices, rows + 1, found {}", what, dims[0] + 1, out.count());
  need_range(in, dims[1], what);
  const auto o = out.as<int64_t>();
  if (o.front() != 0 || o.back() != v.count())
    fail("{}: expected outer indices from 0 to {}, found {} to {}", what, v.count(), o.front(), o.back());
  for (size_t i = 1; i < o.size(); ++i)
    if (o[i] < o[i - 1]) fail("{}: expected outer indices that do not fall, found {} after {}", what, o[i], o[i - 1]);
  return {make_csr(dims, v, in, out)};
}

PySparse blocks(const std::vector<int64_t>& dims, nb::handle values, nb::handle indices, const PyDevice& device) {
  const char* what = "blocksparse_from_numpy";
  check_device(device, what);
  need_dims(dims, what);
  return {Value::sparse(dims, values_of(values, what), indices_of(indices, what, "int32"))};
}

struct View {
  Value value;
};

const Value& format_or_fail(const PySparse& s, SparseFormat format, const char* name) {
  if (format_of(s.value) != format) fail("SparseTensor: expected format {}, found another; see format()", name);
  return s.value;
}

struct CooView : View {};
struct CsrView : View {};
struct BlockView : View {};

nb::object indices(const Value& v, size_t i) { return array_of(v.items()[i], true); }

}  // namespace

void bind_sparse(nb::module_& m) {
  nb::class_<CooView>(m, "SparseCooView").def("indices", [](const CooView& v) { return indices(v.value, 1); });
  nb::class_<CsrView>(m, "SparseCsrView")
      .def("inner", [](const CsrView& v) { return indices(v.value, 1); })
      .def("outer", [](const CsrView& v) { return indices(v.value, 2); });
  nb::class_<BlockView>(m, "SparseBlockSparseView").def("indices", [](const BlockView& v) {
    return indices(v.value, 1);
  });
  nb::class_<PySparse>(m, "SparseTensor", "A sparse tensor; tenon.SparseTensor is its public face.")
      .def_static("sparse_coo_from_numpy", &coo)
      .def_static("sparse_csr_from_numpy", &csr)
      .def_static("blocksparse_from_numpy", &blocks)
      .def("to_cuda",
           [](const PySparse&, const PyDevice&) {
             fail(ErrorCode::kNotImplemented, "SparseTensor.to_cuda: no provider of this build has memory on a GPU");
           })
      .def("values", [](const PySparse& s) { return array_of(s.value.items()[0]); })
      .def("dense_shape",
           [](const PySparse& s) {
             nb::list out;
             for (int64_t d : s.value.dims()) out.append(d);
             return out;
           })
      .def("data_type",
           [](const PySparse& s) { return "sparse_tensor(" + std::string(dtype_name(s.value.dtype())) + ")"; })
      .def("device_name", [](const PySparse&) { return "cpu"; })
      .def_prop_ro("_format", [](const PySparse& s) { return static_cast<int>(format_of(s.value)); })
      .def("get_coo_data", [](const PySparse& s) { return CooView{{format_or_fail(s, SparseFormat::kCoo, "COO")}}; })
      .def("get_csrc_data", [](const PySparse& s) { return CsrView{{format_or_fail(s, SparseFormat::kCsr, "CSRC")}}; })
      .def("get_blocksparse_data", [](const PySparse& s) {
        return BlockView{{format_or_fail(s, SparseFormat::kBlockSparse, "BLOCK_SPARSE")}};
      });
}

}  // namespace tenon::bindings
