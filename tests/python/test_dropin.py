"""Tenon in onnxruntime's place: names, modules, metadata, the backend interface."""
import inspect
import os
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import onnx
import pytest
import tenon
from api_models import ADD, TWO
from tenon import alias

HERE = pathlib.Path(__file__).parent
PACKAGE = pathlib.Path(tenon.__file__).parent.parent

# The public interface of onnxruntime 1.30 (a fact sheet; the tests below also ask the installed version).
FUNCTIONS = """get_available_providers get_all_providers get_device get_build_info get_version_string has_collective_ops set_seed
set_default_logger_severity set_default_logger_verbosity enable_telemetry_events disable_telemetry_events create_and_register_allocator
create_and_register_allocator_v2 set_global_thread_pool_sizes register_execution_provider_library unregister_execution_provider_library
get_ep_devices copy_tensors preload_dlls print_debug_info set_default_logger_callback __version__ package_name cuda_version""".split()
CAPI = """get_hardware_devices get_model_compatibility_for_ep_devices get_compatibility_info_from_model
get_compatibility_info_from_model_bytes get_hardware_device_ep_incompatibility_details get_all_operator_schema get_all_opkernel_def
get_registered_ep_kernel_defs set_cuda_device_id set_gpu_mem_limit register_tensorrt_plugins_as_custom_ops Fail InvalidArgument NoSuchFile
NoModel EngineError RuntimeException InvalidProtobuf ModelLoaded NotImplemented InvalidGraph EPFail ModelLoadCanceled
ModelRequiresCompilation NotFound DeviceReset""".split()
CLASSES = {
    "InferenceSession": """get_session_options get_inputs get_outputs get_overridable_initializers get_modelmeta get_input_memory_infos
        get_output_memory_infos get_input_epdevices get_providers get_provider_options get_provider_graph_assignment_info set_providers
        disable_fallback enable_fallback run run_async run_with_ort_values run_with_iobinding run_with_ortvaluevector io_binding end_profiling
        get_profiling_start_time_ns set_ep_dynamic_options get_tuning_results set_tuning_results""",
    "SessionOptions": """enable_profiling profile_file_prefix optimized_model_filepath enable_cpu_mem_arena enable_mem_pattern enable_mem_reuse
        logid log_severity_level log_verbosity_level use_per_session_threads intra_op_num_threads inter_op_num_threads execution_mode
        execution_order graph_optimization_level use_deterministic_compute add_provider add_provider_for_devices set_provider_selection_policy
        set_provider_selection_policy_delegate has_providers set_load_cancellation_flag add_free_dimension_override_by_denotation
        add_free_dimension_override_by_name add_session_config_entry get_session_config_entry register_custom_ops_library add_initializer
        add_external_initializers add_external_initializers_from_files_in_memory""",
    "RunOptions": """log_severity_level log_verbosity_level logid terminate only_execute_path_to_fetches training_mode add_run_config_entry
        get_run_config_entry add_active_adapter""",
    "IOBinding": """bind_cpu_input bind_input bind_ortvalue_input bind_output bind_ortvalue_output synchronize_inputs synchronize_outputs
        get_outputs get_outputs_as_ortvaluevector copy_outputs_to_cpu clear_binding_inputs clear_binding_outputs""",
    "OrtValue": """ortvalue_from_numpy ortvalue_from_numpy_with_onnx_type ortvalue_from_shape_and_type ort_value_from_sparse_tensor
        as_sparse_tensor from_dlpack data_ptr device_name shape data_type element_type tensor_size_in_bytes has_value is_tensor
        is_sparse_tensor is_tensor_sequence numpy __array__ __dlpack__ __dlpack_device__ update_inplace""",
    "SparseTensor": """sparse_coo_from_numpy sparse_csr_from_numpy values as_coo_view as_csrc_view as_blocksparse_view to_cuda format
        dense_shape data_type device_name""",
    "OrtDevice": "make device_id device_type device_vendor_id device_mem_type",
    "ModelCompiler": "compile_to_file compile_to_bytes compile_to_stream",
    "AdapterFormat": """read_adapter export_adapter get_format_version set_adapter_version get_adapter_version set_model_version
        get_model_version set_parameters get_parameters""",
    "LoraAdapter": "Load",
    "NodeArg": "name type shape",
    "ModelMetadata": "producer_name graph_name domain description graph_description version custom_metadata_map",
    "OrtMemoryInfo": "create_v2 name mem_type",
    "OrtArenaCfg": "max_mem arena_extend_strategy initial_chunk_size_bytes max_dead_bytes_per_chunk",
    "OrtEpDevice": "ep_name ep_vendor ep_metadata ep_options device memory_info create_sync_stream",
    "OrtHardwareDevice": "type vendor_id vendor device_id metadata",
    "OrtSyncStream": "get_handle",
    "OrtEpAssignedSubgraph": "ep_name get_nodes",
    "OrtEpAssignedNode": "name domain op_type",
    "OrtExternalInitializerInfo": "filepath file_offset byte_size",
}
# Fields of the data classes that a class shows only through its instances.
INSTANCES = {"OrtMemoryInfo", "OrtEpDevice", "OrtHardwareDevice", "OrtEpAssignedSubgraph", "OrtEpAssignedNode", "OrtExternalInitializerInfo"}
# Not of the fact sheet, and not here: packages of model variants and compiled contexts of plugin providers.
NEWER = {"ModelPackage", "ModelPackageComponentContext", "ModelPackageContext", "ModelPackageOptions", "ModelPackageWriteMode",
         "OrtEpContextData", "OrtEpContextDataBuffer"}
SCRATCH = {"contextlib", "import_capi_exception", "onnxruntime_validation", "version"}  # leftovers of its __init__


def names_of(cls):
    return set(dir(cls)) | set(getattr(cls, "__dataclass_fields__", ())) | set(getattr(cls, "__annotations__", ()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_there(name):
    assert hasattr(tenon, name)


@pytest.mark.parametrize("name", CAPI)
def test_names_of_the_module_are_there(name):
    assert hasattr(tenon.capi._pybind_state, name) and hasattr(tenon.capi.onnxruntime_pybind11_state, name)


@pytest.mark.parametrize("cls", CLASSES)
def test_members_are_there(cls):
    assert not set(CLASSES[cls].split()) - names_of(getattr(tenon, cls))


def theirs():
    return pytest.importorskip("onnxruntime")


def test_every_name_of_the_installed_onnxruntime():
    missing = {n for n in dir(theirs()) if not n.startswith("_")} - set(dir(tenon)) - SCRATCH
    assert missing == NEWER & set(dir(theirs()))


@pytest.mark.parametrize("cls", [n for n in CLASSES if n != "OrtEpContextData"])
def test_every_member_of_the_installed_onnxruntime(cls):
    theirs_, ours = getattr(theirs(), cls), getattr(tenon, cls)
    assert not {n for n in dir(theirs_) if not n.startswith("_")} - names_of(ours)


@pytest.mark.parametrize("cls", ["OrtValue", "OrtValueVector", "OrtDevice", "SessionIOBinding", "SparseTensor", "SparseCooView", "SparseCsrView",
                                 "SparseBlockSparseView"])
def test_every_member_of_the_extension_module(cls):
    theirs_, ours = getattr(theirs().capi._pybind_state, cls), getattr(tenon.capi._pybind_state, cls)
    missing = {n for n in dir(theirs_) if not n.startswith("_")} - names_of(ours)
    # onnxruntime passes memory infos down here; tenon.OrtValue resolves them.
    assert missing <= {"ortvalue_from_shape_and_onnx_type_for_memory_info", "ortvalue_from_shape_and_type_for_memory_info"}


@pytest.mark.parametrize("cls", ["InferenceSession", "IOBinding", "OrtValue", "SparseTensor", "OrtDevice", "ModelCompiler", "AdapterFormat"])
def test_parameters_have_the_same_names(cls):
    theirs_, ours = getattr(theirs(), cls), getattr(tenon, cls)
    for name, member in inspect.getmembers(theirs_, inspect.isroutine):
        if name.startswith("_") and name != "__init__" or name not in dir(ours):
            continue
        parameters = [p for p in inspect.signature(member).parameters.values() if p.kind != p.VAR_KEYWORD]
        here = inspect.signature(getattr(ours, name)).parameters
        assert [p.name for p in parameters] == [p for p in list(here)[:len(parameters)]], (cls, name)
        for p in parameters:
            if p.default is not p.empty and not isinstance(p.default, type(None)):
                assert int(here[p.name].default) == int(p.default) if not isinstance(p.default, str) else here[p.name].default == p.default, (name, p)


# ---- in one process ----

def in_a_process(code, path=()):
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([*map(str, path), str(HERE), str(PACKAGE)]))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


USE = """
    import importlib, importlib.util, sys
    import numpy as np
    import onnxruntime, onnxruntime as ort
    from onnxruntime import InferenceSession, SessionOptions, GraphOptimizationLevel
    from onnxruntime.capi import _pybind_state as C, onnxruntime_pybind11_state
    from onnxruntime.capi.onnxruntime_inference_collection import IOBinding, OrtValue
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException
    import onnxruntime.backend as backend
    from onnxruntime.backend.backend import OnnxRuntimeBackend
    from onnxruntime.datasets import get_example
    import onnxruntime.capi.build_and_package_info, onnxruntime.capi.onnxruntime_validation
    from api_models import ADD
    import tenon
    for name in [n for n in sys.modules if n.split(".")[0] == "onnxruntime"]:
        spec = sys.modules[name].__spec__
        assert spec and spec.name == name and spec.loader and importlib.util.find_spec(name) is spec, name
    assert InferenceSession is tenon.InferenceSession and IOBinding is tenon.IOBinding and OrtValue is tenon.OrtValue
    assert Fail is tenon.errors.Fail and C.OrtValue is tenon.capi._pybind_state.OrtValue
    assert tuple(map(int, ort.__version__.split("."))) >= (1, 30, 0) and ort.get_version_string() == ort.__version__
    x = np.zeros((1, 2), np.float32)
    session = InferenceSession(ADD, providers=ort.get_available_providers())
    assert session.run(None, {"x": x})[0].tolist() == [[1, 2]]
    assert backend.supports_device("CPU") and backend.run(ADD, [x])[0].tolist() == [[1, 2]]
    assert InferenceSession(get_example("sigmoid.onnx")).get_inputs()[0].shape == [3, 4, 5]
    # Tools wrap methods, on the class, on an object, and names in the module.
    original = InferenceSession.run
    ort.InferenceSession.run = lambda self, *a, **k: [original(self, *a, **k)[0] + 1]
    assert session.run(None, {"x": x})[0].tolist() == [[2, 3]]
    session.run = lambda *a: "mine"
    assert session.run(None, {"x": x}) == "mine"
    del session.run
    InferenceSession.run = original
    assert session.run(None, {"x": x})[0].tolist() == [[1, 2]]
    C.OrtValue.extra = lambda self: self.shape()
    assert OrtValue.ortvalue_from_numpy(x)._ortvalue.extra() == [1, 2]
    class Wrapped(ort.InferenceSession):
        def run(self, *a, **k):
            return super().run(*a, **k) * 2
    ort.InferenceSession = Wrapped
    assert len(ort.InferenceSession(ADD).run(None, {"x": x})) == 2
    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
    print("good")
"""


def test_install_as_onnxruntime():
    code, out, err = in_a_process("import tenon\nmodule = tenon.install_as_onnxruntime()\nassert tenon.install_as_onnxruntime() is module\n"
                                  + textwrap.dedent(USE))
    assert (code, out) == (0, "good\n"), err


def test_metadata_in_one_process(tmp_path):
    """Where no onnxruntime is installed: without site-packages, but numpy's folder."""
    code = """
        import sys
        sys.path = [p for p in sys.path if not p.endswith("site-packages")]
        sys.meta_path = [f for f in sys.meta_path]
        import importlib.metadata as m
        sys.path.insert(0, {links!r})
        import tenon
        try:
            m.version("onnxruntime")
            raise SystemExit("there is one already")
        except m.PackageNotFoundError:
            pass
        tenon.install_as_onnxruntime()
        assert m.version("onnxruntime") == "1.32.0" and m.distribution("onnxruntime").metadata["Name"] == "onnxruntime"
        try:
            m.version("no-such-package")
        except m.PackageNotFoundError:
            print("good")
    """
    site = pathlib.Path(np.__file__).parent.parent
    for name in ("numpy", "numpy.libs"):
        if (site / name).exists():
            (tmp_path / name).symlink_to(site / name)
    assert in_a_process(code.format(links=str(tmp_path))) == (0, "good\n", "")


def test_install_refuses_when_the_real_one_is_imported():
    theirs()
    code, out, err = in_a_process("import onnxruntime, tenon\ntenon.install_as_onnxruntime()")
    assert code == 1 and "onnxruntime was imported before" in err


# ---- in an environment ----

def test_alias_package(tmp_path):
    info = alias.install(tmp_path)
    code, out, err = in_a_process(textwrap.dedent(USE) + textwrap.dedent(f"""
        import importlib.metadata as m
        assert onnxruntime.__file__.startswith({str(tmp_path)!r})
        d = m.distribution("onnxruntime")
        assert d.version == "1.32.0" == m.version("onnxruntime") and d.metadata["Summary"].startswith("Tenon")
        assert all(f.locate().exists() for f in d.files) and "onnxruntime" in m.packages_distributions()
    """), [tmp_path])
    assert (code, out) == (0, "good\n"), err
    listed = subprocess.run([sys.executable, "-m", "pip", "list", "--path", str(tmp_path)], text=True, capture_output=True)
    if listed.returncode == 0:  # an environment without pip has no say
        assert "onnxruntime" in listed.stdout and "1.32.0" in listed.stdout
    assert alias.install(tmp_path) == info  # again
    (tmp_path / "onnxruntime" / "capi" / "__pycache__").mkdir(exist_ok=True)
    assert alias.remove(tmp_path) is True and list(tmp_path.iterdir()) == [] and alias.remove(tmp_path) is False


def test_alias_command(tmp_path):
    env = dict(os.environ, PYTHONPATH=str(PACKAGE))
    run = lambda *a: subprocess.run([sys.executable, "-m", "tenon.alias", *a], env=env, text=True, capture_output=True)  # noqa: E731
    assert run("install", "--target", str(tmp_path)).returncode == 0 and (tmp_path / "onnxruntime/__init__.py").exists()
    done = run("remove", "--target", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "removed\n") and list(tmp_path.iterdir()) == []
    assert run("remove", "--target", str(tmp_path)).stdout == "nothing to remove\n"
    assert run("frobnicate").returncode == 2


def test_alias_keeps_off_what_is_not_its_own(tmp_path):
    real = tmp_path / "onnxruntime-1.31.0.dist-info"
    real.mkdir()
    (real / "INSTALLER").write_text("pip\n")
    with pytest.raises(FileExistsError, match="pip uninstall onnxruntime"):
        alias.install(tmp_path)
    assert alias.remove(tmp_path) is False and real.exists()
    gpu = tmp_path / "gpu" / "onnxruntime_gpu-1.31.0.dist-info"
    gpu.mkdir(parents=True)
    (gpu / "RECORD").write_text("onnxruntime/__init__.py,,\n")
    with pytest.raises(FileExistsError, match="onnxruntime-gpu"):
        alias.install(tmp_path / "gpu")
    extensions = tmp_path / "extensions" / "onnxruntime_extensions-0.14.dist-info"
    extensions.mkdir(parents=True)
    (extensions / "RECORD").write_text("onnxruntime_extensions/__init__.py,,\n")
    assert alias.install(tmp_path / "extensions") and alias.remove(tmp_path / "extensions") and extensions.exists()
    (tmp_path / "loose" / "onnxruntime").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="not of tenon.alias"):
        alias.install(tmp_path / "loose")


# ---- the backend interface, examples ----

def test_backend():
    from tenon import backend
    x = np.zeros((1, 2), np.float32)
    m = onnx.load_from_string(ADD)
    for given in (m, ADD, tenon.InferenceSession(ADD), backend.prepare(ADD)):
        assert backend.prepare(given, "CPU").run([x])[0].tolist() == [[1, 2]]
    rep = backend.prepare(m, graph_optimization_level=0)
    assert rep.run(x)[0].tolist() == rep.run({"x": x}, logid="me")[0].tolist() == [[1, 2]]
    assert backend.is_compatible(m) and not backend.supports_device("CUDA")
    with pytest.raises(RuntimeError, match="'CUDA'"):
        backend.prepare(m, "CUDA")
    with pytest.raises(RuntimeError, match="optimized_model_filepath"):
        backend.prepare(m, optimized_model_filepath="x")
    with pytest.raises(RuntimeError, match="terminate"):
        rep.run(x, terminate=True)
    with pytest.raises(RuntimeError, match="list of 2"):
        backend.prepare(TWO).run(x)


def test_backend_runs_one_node():
    from tenon import backend
    h = onnx.helper
    a, b = np.ones((2, 1), np.float32), np.ones(3, np.float32)
    assert backend.run_node(h.make_node("Add", ["a", "b"], ["sum"]), [a, b]).sum.tolist() == [[2, 2, 2]] * 2
    assert backend.run_node(h.make_node("Mul", ["a", "a"], ["y"]), {"a": a + 1}, opset_version=7)["y"].tolist() == [[4], [4]]
    y, mask = backend.run_node(h.make_node("Dropout", ["x"], ["y", ""]), [b])
    assert mask is None and y.tolist() == [1, 1, 1]
    assert backend.run_node(h.make_node("SequenceAt", ["s", "i"], ["y"]), [[a, b], np.int64(1)]).y.tolist() == [1, 1, 1]
    scaled = backend.run_node(h.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", scale=[2.0], offset=[0.0]), [b])
    assert scaled.y.tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match=r"\['a', 'b'\]"):
        backend.run_node(h.make_node("Add", ["a", "b"], ["y"]), [a])
    with pytest.raises(RuntimeError, match="'CUDA'"):
        backend.run_node(h.make_node("Neg", ["a"], ["y"]), [a], "CUDA")


@pytest.mark.parametrize("name, feeds", [("sigmoid.onnx", {"x": np.zeros((3, 4, 5), np.float32)}), ("mul_1.onnx", {"X": np.ones((3, 2), np.float32)}),
                                         ("logreg_iris.onnx", {"float_input": np.ones((3, 2), np.float32)})])
def test_examples(name, feeds):
    from tenon import datasets
    path = datasets.get_example(name)
    onnx.checker.check_model(path)
    ours = tenon.InferenceSession(path).run(None, feeds)
    for a, b in zip(ours, theirs().InferenceSession(path).run(None, feeds)):
        if isinstance(a, list):
            assert [list(x) for x in a] == [list(x) for x in b]
            np.testing.assert_allclose([list(x.values()) for x in a], [list(x.values()) for x in b], rtol=1e-6)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(FileNotFoundError, match="sigmoid.onnx"):
        datasets.get_example("nope.onnx")
