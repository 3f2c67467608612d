"""OrtValue, OrtDevice, OrtMemoryInfo, SparseTensor: what they hold, what they share, what they refuse."""
import gc
import sys

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
import tenon
from api_models import identity
from onnx import TensorProto
from tenon import errors
from tenon.capi import _pybind_state as C

V = tenon.OrtValue
NUMBERS = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]


def array(dtype, shape=(2, 3)):
    return (np.arange(np.prod(shape)) % 2).astype(dtype).reshape(shape)


# ---- numpy ----

@pytest.mark.parametrize("dtype", NUMBERS)
def test_numpy_is_shared_as_in_onnxruntime(dtype):
    a = array(dtype)
    ours, theirs = V.ortvalue_from_numpy(a), onnxruntime.OrtValue.ortvalue_from_numpy(a)
    for name in ("data_ptr", "device_name", "shape", "data_type", "element_type", "tensor_size_in_bytes", "has_value", "is_tensor",
                 "is_sparse_tensor", "is_tensor_sequence", "__dlpack_device__"):
        assert getattr(ours, name)() == getattr(theirs, name)(), name
    assert np.shares_memory(ours.numpy(), a) and ours.numpy().dtype == a.dtype
    a[0, 0] = 1
    assert ours.numpy()[0, 0] == 1


def test_the_bytes_live_as_long_as_either_side():
    a = np.arange(1000, dtype=np.int64)
    v = V.ortvalue_from_numpy(a)
    back = v.numpy()
    del a, v
    gc.collect()
    np.testing.assert_array_equal(back, np.arange(1000))


@pytest.mark.parametrize("a", [np.arange(6, dtype=np.float32).reshape(2, 3).T, np.arange(12, dtype=np.float32)[::2],
                               np.arange(6, dtype=np.float32)[::-1], np.arange(4, dtype=">i4"), np.broadcast_to(np.float32(3), (2, 2))])
def test_other_layouts_are_copied(a):
    v = V.ortvalue_from_numpy(a)
    np.testing.assert_array_equal(v.numpy(), a)
    assert not np.shares_memory(v.numpy(), a)


def test_read_only_arrays_stay_read_only():
    a = np.arange(3, dtype=np.float32)
    a.flags.writeable = False
    v = V.ortvalue_from_numpy(a)
    assert not v.numpy().flags.writeable
    with pytest.raises(errors.InvalidArgument, match="read-only"):
        v.update_inplace(np.zeros(3, np.float32))
    with pytest.raises(BufferError, match="read-only"):
        v._ortvalue.to_dlpack()
    assert not np.from_dlpack(v).flags.writeable


@pytest.mark.parametrize("dtype, text", [
    (ml_dtypes.bfloat16, "bfloat16"), (ml_dtypes.float8_e4m3fn, "float8e4m3fn"), (ml_dtypes.float8_e5m2, "float8e5m2"),
    (ml_dtypes.int4, "int4"), (ml_dtypes.uint4, "uint4"), (ml_dtypes.float4_e2m1fn, "float4e2m1")])
def test_ml_dtypes(dtype, text):
    a = np.array([1, 0, 1, 1, 0], dtype)
    v = V.ortvalue_from_numpy(a)
    assert v.data_type() == f"tensor({text})" and v.shape() == [5]
    assert v.numpy().dtype == a.dtype
    np.testing.assert_array_equal(v.numpy().astype(np.float32), a.astype(np.float32))
    assert v.tensor_size_in_bytes() == (3 if "4" in text.split("e")[0][-1:] else 5 * a.dtype.itemsize)


@pytest.mark.parametrize("a", [np.array(["a", "bc"]), np.array(["a", "bc"], object), np.array([b"a", b"bc"])])
def test_strings_are_copied(a):
    v = V.ortvalue_from_numpy(a)
    assert v.data_type() == "tensor(string)" and v.element_type() == TensorProto.STRING and v.numpy().tolist() == ["a", "bc"]
    v.update_inplace(np.array(["x", "yz"]))
    assert v.numpy().tolist() == ["x", "yz"]


@pytest.mark.parametrize("bits, onnx_type", [(np.uint16, TensorProto.BFLOAT16), (np.uint16, TensorProto.FLOAT16), (np.uint8, TensorProto.FLOAT8E4M3FN),
                                             (np.uint8, TensorProto.FLOAT8E5M2), (np.uint8, TensorProto.INT4), (np.uint8, TensorProto.UINT4),
                                             (np.int32, TensorProto.FLOAT)])
def test_bits_under_an_onnx_type_as_in_onnxruntime(bits, onnx_type):
    a = np.arange(6, dtype=bits).reshape(2, 3)
    ours = V.ortvalue_from_numpy_with_onnx_type(a, onnx_type)
    theirs = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(a, onnx_type)
    for name in ("data_ptr", "shape", "data_type", "element_type", "tensor_size_in_bytes"):
        assert getattr(ours, name)() == getattr(theirs, name)(), name


def test_bfloat16_through_a_session():
    x = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    session = tenon.InferenceSession(identity("bfloat16[N]"))
    v = V.ortvalue_from_numpy_with_onnx_type(x.view(np.uint16), TensorProto.BFLOAT16)
    out = session.run_with_ort_values(None, {"x": v})[0]
    assert out.data_type() == "tensor(bfloat16)" and out.numpy().dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(out.numpy(), x)
    out.update_inplace(x.view(np.uint16)[::-1])  # numpy may only have the bits
    assert out.numpy().tolist() == [-2.0, 1.5]


@pytest.mark.parametrize("element_type", [np.float32, "int64", np.dtype("bool"), float, TensorProto.FLOAT16, TensorProto.BFLOAT16,
                                          TensorProto.FLOAT8E5M2, TensorProto.INT4, TensorProto.UINT4])
@pytest.mark.parametrize("shape", [[2, 3], (5,), [], [0, 2], np.array([3, 2])])
def test_from_shape_and_type_as_in_onnxruntime(shape, element_type):
    ours = V.ortvalue_from_shape_and_type(shape, element_type)
    theirs = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), element_type)
    for name in ("shape", "data_type", "element_type", "tensor_size_in_bytes"):
        assert getattr(ours, name)() == getattr(theirs, name)(), name


def test_from_shape_of_strings_is_empty_strings():
    assert V.ortvalue_from_shape_and_type([2], np.str_).numpy().tolist() == ["", ""]


def test_array_protocol():
    a = np.arange(4, dtype=np.float32)
    v = V.ortvalue_from_numpy(a)
    assert np.shares_memory(np.asarray(v), a) and np.asarray(v, np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(v), a) and np.shares_memory(np.array(v, copy=False), a)
    with pytest.raises(ValueError, match="copy"):
        np.array(v, dtype=np.int32, copy=False)


def test_update_inplace():
    a = np.zeros((2, 3), np.float32)
    v = V.ortvalue_from_numpy(a)
    v.update_inplace(np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)))
    np.testing.assert_array_equal(a, np.arange(6).reshape(2, 3))
    v.update_inplace(V.ortvalue_from_numpy(np.full((3, 2), 7, np.float32)))  # the count matters, as in onnxruntime
    assert (a == 7).all()
    v.update_inplace(v)
    assert (a == 7).all()


def test_copy_tensors():
    a, b = np.arange(3, dtype=np.int32), np.zeros(3, np.int32)
    tenon.copy_tensors([V.ortvalue_from_numpy(a)], [V.ortvalue_from_numpy(b)])
    assert b.tolist() == [0, 1, 2]


# ---- DLPack ----

@pytest.mark.parametrize("dtype", NUMBERS + ["complex64", "complex128"])
def test_dlpack_both_ways_with_numpy(dtype):
    a = array(dtype)
    v = V.from_dlpack(a)
    assert v.data_ptr() == a.ctypes.data and v.numpy().dtype == a.dtype
    back = np.from_dlpack(v)
    assert np.shares_memory(back, a) and back.dtype == a.dtype
    del a, v
    gc.collect()
    np.testing.assert_array_equal(back, array(dtype))


def test_dlpack_with_onnxruntime():
    a = array("float32")
    theirs = onnxruntime.OrtValue.from_dlpack(V.ortvalue_from_numpy(a))
    assert theirs.data_ptr() == a.ctypes.data
    ours = V.from_dlpack(theirs)
    assert ours.data_ptr() == a.ctypes.data and ours.shape() == [2, 3]


@pytest.mark.parametrize("onnx_type", [TensorProto.BFLOAT16, TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2, TensorProto.INT4, TensorProto.UINT4,
                                       TensorProto.FLOAT4E2M1, TensorProto.FLOAT8E8M0])
def test_dlpack_of_types_that_numpy_lacks(onnx_type):
    v = V.ortvalue_from_shape_and_type([4, 2], onnx_type)
    back = V.from_dlpack(v)
    assert back.element_type() == onnx_type and back.data_ptr() == v.data_ptr() and back.shape() == [4, 2]


class Producer:
    """Another library's tensor: counts how it is asked."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device, self.streams = array, device, []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, stream=None):  # an old producer: no max_version
        self.streams.append(stream)
        return self.array.__dlpack__()


def test_an_old_producer_and_its_streams():
    a = array("float32")
    p = Producer(a)
    assert V.from_dlpack(p).data_ptr() == a.ctypes.data and p.streams == [None]
    with pytest.raises(errors.InvalidArgument, match=r"host memory.*\(2, 3\)"):
        V.from_dlpack(Producer(a, (2, 3)))
    v = V.ortvalue_from_numpy(a)
    for stream in (None, 1, 2, -1, 12345):
        assert V.from_dlpack(v.__dlpack__(stream=stream)).data_ptr() == a.ctypes.data


def test_capsules():
    v = V.ortvalue_from_numpy(array("float32"))
    capsule = v.__dlpack__()
    assert V.from_dlpack(capsule).data_ptr() == v.data_ptr()
    with pytest.raises(TypeError, match="nobody has used"):
        V.from_dlpack(capsule)
    assert "dltensor_versioned" in repr(v.__dlpack__(max_version=(1, 0))) and "versioned" not in repr(v.__dlpack__(max_version=(0, 8)))
    copied = V.from_dlpack(v.__dlpack__(copy=True))
    assert copied.data_ptr() != v.data_ptr() and (copied.numpy() == v.numpy()).all()
    with pytest.raises(BufferError, match="host memory"):
        v.__dlpack__(dl_device=(2, 0))


def test_capsules_that_nobody_takes_are_freed():
    a = array("float32")
    before = sys.getrefcount(a)
    for _ in range(10):
        V.ortvalue_from_numpy(a).__dlpack__()
        V.from_dlpack(V.ortvalue_from_numpy(a).__dlpack__())
    gc.collect()
    assert sys.getrefcount(a) == before


@pytest.mark.parametrize("a", [np.zeros((2, 3), np.float32).T, np.zeros((2, 4), np.float32)[:, ::2]])
def test_dlpack_refuses_strides(a):
    with pytest.raises(errors.InvalidArgument, match="C-contiguous"):
        V.from_dlpack(a)


def test_dlpack_of_shapes_where_strides_mean_nothing():
    assert V.from_dlpack(np.zeros((0, 3), np.float32).T).shape() == [3, 0]
    assert V.from_dlpack(np.zeros((4, 5), np.float32)[:1]).shape() == [1, 5]
    assert V.from_dlpack(np.array(3.0)).shape() == []


def test_vectors():
    vector = C.OrtValueVector()
    v = V.ortvalue_from_numpy(array("int64"))
    vector.reserve(2)
    vector.push_back(v._ortvalue)
    vector.push_back(v.__dlpack__())
    assert len(vector) == 2 and bool(vector) and not C.OrtValueVector()
    assert [x.data_ptr() for x in vector] == [v.data_ptr()] * 2 and vector[1].data_ptr() == v.data_ptr()
    assert vector.element_type_at(0) == TensorProto.INT64 and V.from_dlpack(vector.dlpack_at(0)).shape() == [2, 3]
    assert vector.to_dlpacks(lambda capsule: 7) == [7, 7] and len(vector.to_dlpacks(None)) == 2
    with pytest.raises(IndexError, match="5 of 2"):
        vector[5]


# ---- other kinds ----

@pytest.mark.parametrize("text, value, checks", [
    ("seq(tensor(float))", [np.ones(2, np.float32), np.zeros((1, 2), np.float32)], dict(is_tensor_sequence=True, element_type=1)),
    ("seq(tensor(string))", [["a"], ["b", "c"]], dict(is_tensor_sequence=True, element_type=8)),
    ("map(int64,tensor(float))", {1: 0.5, 7: 2.0}, dict(is_tensor_sequence=False, is_tensor=False)),
    ("seq(map(string,tensor(float)))", [{"a": 1.0}, {"b": 2.0}], dict(is_tensor_sequence=True)),
    ("optional(tensor(float))", np.ones(2, np.float32), dict(has_value=True)),
    ("optional(tensor(float))", None, dict(has_value=False)),
    ("tensor(string)", [["a", "b"]], dict(is_tensor=True, shape=[1, 2])),
])
def test_kinds_from_and_to_python(text, value, checks):
    v = V.from_python(value, text)
    for name, expected in checks.items():
        assert getattr(v, name)() == expected, name
    if value is not None:
        assert v.data_type() == text
    np.testing.assert_equal(v.to_python(), np.array(value, object) if text == "tensor(string)" else value if not text.startswith("seq(tensor(s")
                            else [np.array(x, object) for x in value])
    if not v.is_tensor():
        with pytest.raises(errors.InvalidArgument, match="expected a tensor"):
            v.numpy()


def test_sequences_stay_values_between_runs():
    session = tenon.InferenceSession(identity("seq(float[N])"))
    first = session.run_with_ort_values(None, {"x": V.from_python([np.ones(2, np.float32)], "seq(tensor(float))")})[0]
    assert first.is_tensor_sequence() and first.data_type() == "seq(tensor(float))"
    second = session.run_with_ort_values(["y"], {"x": first})[0]
    np.testing.assert_array_equal(second.to_python()[0], [1, 1])


def test_run_takes_ort_values():
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    session = tenon.InferenceSession(identity("float[N,2]"))
    np.testing.assert_array_equal(session.run(None, {"x": V.ortvalue_from_numpy(x)})[0], x)


# ---- sparse tensors ----

CPU = tenon.OrtDevice.make("cpu", 0)
THEIR_CPU = onnxruntime.OrtDevice.make("cpu", 0)


@pytest.mark.parametrize("indices", [np.array([1, 5]), np.array([[0, 1], [1, 1]]), np.array([0, 1, 1, 1])])
def test_coo_as_in_onnxruntime(indices):
    args = [np.array([3, 4]), np.array([1, 2], np.float32), indices]
    ours = tenon.SparseTensor.sparse_coo_from_numpy(*args, CPU)
    theirs = onnxruntime.SparseTensor.sparse_coo_from_numpy(*args, THEIR_CPU)
    for name in ("dense_shape", "data_type", "device_name"):
        assert getattr(ours, name)() == getattr(theirs, name)(), name
    assert int(ours.format()) == int(theirs.format()) and ours.format() == tenon.OrtSparseFormat.ORT_SPARSE_COO
    np.testing.assert_array_equal(ours.values(), theirs.values())
    np.testing.assert_array_equal(ours.as_coo_view().indices(), theirs.as_coo_view().indices())


def test_csr_as_in_onnxruntime():
    args = [[2, 3], np.array([1, 2, 3], np.float32), np.array([0, 1, 2]), np.array([0, 1, 3])]
    ours = tenon.SparseTensor.sparse_csr_from_numpy(*args, CPU)
    theirs = onnxruntime.SparseTensor.sparse_csr_from_numpy(*args, THEIR_CPU)
    assert int(ours.format()) == int(theirs.format()) == tenon.OrtSparseFormat.ORT_SPARSE_CSRC
    np.testing.assert_array_equal(ours.as_csrc_view().inner(), theirs.as_csrc_view().inner())
    np.testing.assert_array_equal(ours.as_csrc_view().outer(), theirs.as_csrc_view().outer())
    np.testing.assert_array_equal(ours.values(), theirs.values())


def test_sparse_values_and_views():
    s = tenon.SparseTensor.sparse_coo_from_numpy([3, 4], np.array(["a", "b"]), np.array([1, 10]), CPU)
    assert s.values().tolist() == ["a", "b"]
    v = V.ort_value_from_sparse_tensor(s)
    assert v.is_sparse_tensor() and not v.is_tensor() and v.shape() == [3, 4] and v.data_type() == "sparse_tensor(string)"
    assert v.as_sparse_tensor().values().tolist() == ["a", "b"] and isinstance(v.to_python(), tenon.SparseTensor)
    with pytest.raises(errors.InvalidArgument, match="CSRC"):
        s.as_csrc_view()
    with pytest.raises(errors.InvalidArgument, match="expected a sparse tensor"):
        V.ortvalue_from_numpy(array("int8")).as_sparse_tensor()
    blocks = C.SparseTensor.blocksparse_from_numpy([4, 4], np.zeros((2, 2, 2), np.float32), np.array([[0, 1], [0, 1]]), CPU._get_c_device())
    assert blocks.format == tenon.OrtSparseFormat.ORT_SPARSE_BLOCK_SPARSE
    assert tenon.SparseTensor(blocks).as_blocksparse_view().indices().dtype == np.int32


# ---- devices and memory ----

@pytest.mark.parametrize("name", ["cpu", "cuda", "gpu", "npu", "cann", "dml", "webgpu"])
def test_devices_are_numbered_as_in_onnxruntime(name):
    for vendor in (-1, 0x1002):
        ours, theirs = tenon.OrtDevice.make(name, 1, vendor), onnxruntime.OrtDevice.make(name, 1, vendor)
        for method in ("device_type", "device_id", "device_vendor_id", "device_mem_type"):
            assert getattr(ours, method)() == getattr(theirs, method)(), method


@pytest.mark.parametrize("name", ["OrtAllocatorType", "OrtMemType", "OrtDeviceMemoryType", "OrtMemoryInfoDeviceType", "OrtHardwareDeviceType",
                                  "OrtExecutionProviderDevicePolicy", "OrtSparseFormat", "OrtCompileApiFlags", "OrtDeviceVendorId"])
def test_enumerations_agree_with_onnxruntime(name):
    ours, theirs = getattr(tenon, name), getattr(onnxruntime, name)
    assert {n: int(m) for n, m in ours.__members__.items()} == {n: int(m) for n, m in theirs.__members__.items()}


def test_memory_info():
    for make in (tenon, onnxruntime):
        info = make.OrtMemoryInfo("Cpu", make.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, make.OrtMemType.DEFAULT)
        assert (info.name, int(info.allocator_type), info.device_id, int(info.mem_type), info.device_vendor_id, int(info.device_mem_type)) \
            == ("Cpu", 1, 0, 0, 0, 0)
        gpu = make.OrtMemoryInfo.create_v2("Mine", make.OrtMemoryInfoDeviceType.GPU, 0x10de, 1, make.OrtDeviceMemoryType.DEFAULT, 0,
                                           make.OrtAllocatorType.ORT_DEVICE_ALLOCATOR)
        assert (gpu.name, gpu.device_vendor_id, gpu.device_id) == ("Mine", 0x10de, 1)
    info = tenon.OrtMemoryInfo("Cpu", tenon.OrtAllocatorType.ORT_DEVICE_ALLOCATOR, 0, tenon.OrtMemType.DEFAULT)
    with pytest.raises(errors.NotFound, match="no allocator is registered"):
        V.ortvalue_from_shape_and_type([2], np.float32, memory_info=info)
    tenon.create_and_register_allocator(info, tenon.OrtArenaCfg(1 << 20, -1, -1, -1))
    with pytest.raises(errors.InvalidArgument, match="registered already"):
        tenon.create_and_register_allocator(info, None)
    with pytest.raises(errors.RuntimeException, match="max_mem"):
        V.ortvalue_from_shape_and_type([1 << 20], np.float32, memory_info=info)
    assert V.ortvalue_from_shape_and_type([2], np.float32, memory_info=info).shape() == [2]


def test_arena_settings():
    for make in (tenon, onnxruntime):
        assert make.OrtArenaCfg({"max_mem": 10, "arena_extend_strategy": 1}).arena_extend_strategy == 1
        assert make.OrtArenaCfg(5, 0, 7, 9).max_dead_bytes_per_chunk == 9
    ours, theirs = tenon.OrtArenaCfg({}), onnxruntime.OrtArenaCfg({})
    names = [n for n in dir(theirs) if not n.startswith("_")]
    assert [getattr(ours, n) for n in names] == [getattr(theirs, n) for n in names]


def test_ep_devices():
    device = tenon.get_ep_devices()[0]
    assert device.ep_name == "CPUExecutionProvider" and device.device.type == tenon.OrtHardwareDeviceType.CPU
    assert device.memory_info(tenon.OrtDeviceMemoryType.DEFAULT) is None
    options = tenon.SessionOptions()
    options.add_provider_for_devices([device], {})
    assert options.has_providers()
    assert tenon.InferenceSession(identity("float[N]"), options).get_input_epdevices() == [device]
