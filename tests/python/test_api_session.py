"""Sessions: what makes one, what it says about its model, providers, profiling, ending runs, errors."""
import concurrent.futures
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest
import tenon
from api_models import ADD, ENDLESS, model, overridable
from tenon import errors

CPU = "CPUExecutionProvider"
X = {"x": np.ones((1, 2), np.float32)}


@pytest.fixture(scope="module")
def add_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "größe add.onnx"
    path.write_bytes(ADD)
    return path


@pytest.mark.parametrize("convert", [str, lambda p: p, lambda p: os.fsencode(p), lambda p: p.read_bytes(),
                                     lambda p: bytearray(p.read_bytes()), lambda p: memoryview(p.read_bytes())],
                         ids=["str", "Path", "encoded path", "bytes", "bytearray", "memoryview"])
def test_models_from(add_path, convert):
    source = convert(add_path)
    if source == os.fsencode(add_path):  # bytes are a model, never a path, as in onnxruntime
        with pytest.raises(errors.InvalidProtobuf):
            tenon.InferenceSession(source)
    else:
        assert tenon.InferenceSession(source).run(None, X)[0].tolist() == [[2, 3]]


@pytest.mark.parametrize("source", [None, 5, ["a"], object()], ids=lambda s: type(s).__name__)
def test_models_from_nonsense(source):
    with pytest.raises(TypeError, match="Unable to load from type.*" + type(source).__name__):
        tenon.InferenceSession(source)


@pytest.mark.parametrize("source, error", [("/no/such/model.onnx", "NoSuchFile"), ("/tmp", "NoSuchFile"), (b"", "InvalidProtobuf"),
                                           (b"garbage", "InvalidProtobuf"), (ADD[:-3], "InvalidProtobuf")])
def test_models_that_are_none(source, error):
    with pytest.raises(getattr(errors, error)) as caught:
        tenon.InferenceSession(source)
    e = caught.value
    assert re.fullmatch(rf"(?s)\[ONNXRuntimeError\] : {e.code} : {e.code_name} : .{{10,}}", str(e))
    if isinstance(source, str):
        assert source in str(e)


def test_unknown_operators_are_named():
    import onnx
    m = onnx.load_from_string(ADD)
    m.graph.node[0].op_type, m.graph.node[0].name = "Addd", "sum_of_two"
    with pytest.raises(errors.Error) as caught:
        tenon.InferenceSession(m.SerializeToString())
    assert "Addd" in str(caught.value) and "sum_of_two" in str(caught.value)


def test_inputs_and_outputs():
    session = tenon.InferenceSession(model(  # onnx's checker refuses inputs of unknown rank
        "g (float[batch,3,?] x, string[2] s, int64 k, bool[] any) => (float[batch,3,?] y) { y = Relu(x) }", check=False))
    by_name = {a.name: a for a in session.get_inputs()}
    assert list(by_name) == ["x", "s", "k", "any"]
    assert (by_name["x"].type, by_name["x"].shape) == ("tensor(float)", ["batch", 3, None])
    assert (by_name["s"].type, by_name["s"].shape) == ("tensor(string)", [2])
    assert by_name["k"].shape == [] and by_name["any"].shape == [] and by_name["any"].type == "tensor(bool)"
    assert repr(by_name["x"]) == "NodeArg(name='x', type='tensor(float)', shape=['batch', 3, None])"
    (y,) = session.get_outputs()
    assert (y.name, y.type) == ("y", "tensor(float)") and y.shape[:2] == ["batch", 3]


def test_overridable_initializers():
    session = tenon.InferenceSession(overridable())
    assert [a.name for a in session.get_inputs()] == ["x"]
    assert [a.name for a in session.get_overridable_initializers()] == ["w"]
    assert session.run(None, {"x": [1, 2]})[0].tolist() == [11, 12]
    assert session.run(None, {"x": [1, 2], "w": [1, 1]})[0].tolist() == [2, 3]
    assert session.run(None, {"x": [1, 2]})[0].tolist() == [11, 12], "an override lasts for one run"


def test_model_metadata():
    import onnx
    m = onnx.load_from_string(ADD)
    m.producer_name, m.domain, m.model_version, m.doc_string, m.graph.doc_string = "maker", "org.example", 7, "what it is", "how it works"
    onnx.helper.set_model_props(m, {"labels": "a,b", "größe": "5"})
    meta = tenon.InferenceSession(m.SerializeToString()).get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.domain, meta.version) == ("maker", "add", "org.example", 7)
    assert (meta.description, meta.graph_description) == ("what it is", "how it works")
    assert meta.custom_metadata_map == {"labels": "a,b", "größe": "5"} and "maker" in repr(meta)


@pytest.mark.parametrize("providers", [None, [], [CPU], (CPU,), CPU, [(CPU, {})], [(CPU, {"use_arena": True})]], ids=str)
def test_providers(providers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = tenon.InferenceSession(ADD, providers=providers)
    assert session.get_providers() == [CPU] and list(session.get_provider_options()) == [CPU]
    assert all(isinstance(v, str) for v in session.get_provider_options()[CPU].values())


@pytest.mark.parametrize("providers, missing", [
    (["CUDAExecutionProvider"], "CUDAExecutionProvider"), (["Nonsense"], "Nonsense"), ([CPU, "Nonsense"], "Nonsense"),
    ([("CUDAExecutionProvider", {"device_id": 0}), CPU], "CUDAExecutionProvider"),
])
def test_providers_that_are_not_there(providers, missing):
    """A warning that lists the available ones, then the run goes on without it."""
    with pytest.warns(UserWarning, match=f"'{missing}' is not in available provider names.*{CPU}") as seen:
        session = tenon.InferenceSession(ADD, providers=providers)
    assert len(seen) == 1 and pathlib.Path(seen[0].filename).name == pathlib.Path(__file__).name, "the warning points at the caller"
    assert session.get_providers() == [CPU] and session.run(None, X)[0].tolist() == [[2, 3]]


def test_a_provider_given_twice():
    with pytest.warns(UserWarning, match=f"Duplicate provider '{CPU}'"):
        assert tenon.InferenceSession(ADD, providers=[CPU, CPU]).get_providers() == [CPU]


@pytest.mark.parametrize("kwargs, message", [
    ({"providers": [5]}, "strings or .string, dict."), ({"providers": [None]}, "strings or .string, dict."),
    ({"providers": [(CPU,)]}, "strings or .string, dict."), ({"providers": [(CPU, 3)]}, "strings or .string, dict."),
    ({"providers": [(3, {})]}, "strings or .string, dict."), ({"providers": [CPU], "provider_options": [{}, {}]}, "same length"),
    ({"providers": [(CPU, {})], "provider_options": [{}]}, "Only string values"), ({"providers": [CPU], "provider_options": [3]}, "must be dicts"),
])
def test_providers_that_make_no_sense(kwargs, message):
    with pytest.raises(ValueError, match=message):
        tenon.InferenceSession(ADD, **kwargs)


def test_provider_options_beside_names():
    session = tenon.InferenceSession(ADD, providers=[CPU], provider_options=[{"use_arena": 0}])
    assert session.get_provider_options() == {CPU: {"use_arena": "0"}}
    with pytest.warns(UserWarning, match="provider_options"):
        tenon.InferenceSession(ADD, provider_options=[{}])


def test_set_providers_and_fallback_switches():
    session = tenon.InferenceSession(ADD)
    session.set_providers([CPU], [{"use_arena": "1"}])
    assert session.get_provider_options() == {CPU: {"use_arena": "1"}} and session.run(None, X)[0].tolist() == [[2, 3]]
    with pytest.raises(ValueError):
        session.set_providers([7])
    session.disable_fallback()
    session.enable_fallback()
    assert session.run(None, X)[0].tolist() == [[2, 3]]


def test_module_facts():
    assert tenon.get_available_providers()[-1] == CPU and set(tenon.get_available_providers()) <= set(tenon.get_all_providers())
    assert {"CUDAExecutionProvider", "TensorrtExecutionProvider", "OpenVINOExecutionProvider"} <= set(tenon.get_all_providers())
    assert tenon.get_device() == "CPU" and tenon.get_version_string() == tenon.__version__ and re.match(r"\d+\.\d+\.\d+", tenon.__version__)
    assert tenon.__version__ in tenon.get_build_info() and tenon.has_collective_ops() is False
    names = {(op["domain"], op["name"]) for op in json.loads(tenon.op_table_json())}
    assert ("", "MatMul") in names and len(names) > 50


def test_what_is_not_there_says_so():
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        tenon.Nonsense
    with pytest.raises(errors.NotImplemented, match="SessionOptions.set_provider_selection_policy_delegate"):
        tenon.SessionOptions().set_provider_selection_policy_delegate("anything")


def test_unknown_arguments_warn():
    with pytest.warns(UserWarning, match="no argument 'disabled_optimisers'"):
        tenon.InferenceSession(ADD, disabled_optimisers=["ConstantFolding"])
    with pytest.raises(TypeError, match="sess_options.*SessionOptions.*dict"):
        tenon.InferenceSession(ADD, {})


FOLDABLE = model("""g (float[2] x) => (float[2] y) <float[2] a = {1, 2}, float[2] b = {3, 4}> {
  sum = Add(a, b)
  y = Add(x, sum)
}""")


def test_load_report_and_texts():
    session = tenon.InferenceSession(FOLDABLE)
    report = session.load_report()
    assert report["nodes_loaded"] == 2 and report["nodes_final"] == 1 and report["rewrites"]
    assert {"load", "optimize", "plan"} <= set(report["stage_ms"])
    assert "Add(x" in session.graph_text() and "Add" in session.plan_text()
    again = tenon.InferenceSession(session.model_bytes())
    assert again.run(None, {"x": [1, 1]})[0].tolist() == [5, 7] and again.load_report()["nodes_loaded"] == 1


def test_disabled_optimizers():
    for disabled in (["ConstantFolding"], "ConstantFolding", ("ConstantFolding",), {"ConstantFolding"}):
        session = tenon.InferenceSession(FOLDABLE, disabled_optimizers=disabled)
        assert session.load_report()["nodes_final"] == 2 and session.run(None, {"x": [1, 1]})[0].tolist() == [5, 7]
    assert tenon.InferenceSession(FOLDABLE, disabled_optimizers=[]).load_report()["nodes_final"] == 1


def test_profiling(tmp_path):
    so = tenon.SessionOptions()
    so.enable_profiling, so.profile_file_prefix = True, tmp_path / "trace"
    session = tenon.InferenceSession(ADD, so)
    start = session.get_profiling_start_time_ns()
    session.run(None, X)
    path = session.end_profiling()
    assert path.startswith(str(tmp_path / "trace")) and start > 0
    events = json.loads(pathlib.Path(path).read_text())
    assert [e["args"]["op_name"] for e in events if e["cat"] == "Node"] == ["Add"]
    session.run(None, X)
    plain = tenon.InferenceSession(ADD)
    assert plain.end_profiling() == "" and plain.get_profiling_start_time_ns() == 0


def test_profiling_of_lanes(tmp_path):
    """Profiled runs use lanes as others do: after some runs the events of one run come from two threads, every step has one, none twice."""
    branches = "  ".join(f"a{k} = Sin(x)  b{k} = Tanh(a{k})  c{k} = Sin(b{k})  d{k} = Tanh(c{k})" for k in range(4))
    two = model(f"branches (float[N] x) => (float[M] y) {{ {branches} y = Concat<axis = 0>(d0, d1, d2, d3) }}")
    so = tenon.SessionOptions()
    so.enable_profiling, so.profile_file_prefix = True, str(tmp_path / "trace")
    so.execution_mode, so.inter_op_num_threads = tenon.ExecutionMode.ORT_PARALLEL, 2
    so.add_session_config_entry("tenon.parallel", "always")
    so.graph_optimization_level = tenon.GraphOptimizationLevel.ORT_DISABLE_ALL  # the branches are alike, and would become one
    session = tenon.InferenceSession(two, so)
    x = np.linspace(0, 1, 200_000, dtype=np.float32)
    runs = 20
    first = session.run(None, {"x": x})[0]
    assert all(session.run(None, {"x": x})[0].tobytes() == first.tobytes() for _ in range(runs - 1))
    events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    nodes = [e for e in events if e["cat"] == "Node"]
    assert len(nodes) % runs == 0 and len({e["args"]["node_index"] for e in nodes}) == len(nodes) // runs
    assert len({e["tid"] for e in nodes}) == 2
    executors = [e["name"] for e in events if e["name"].endswith("Executor::Execute")]
    assert len(executors) == runs and "ParallelExecutor::Execute" in executors


# ---- ending a run ----

def end_soon(action, after=0.3):
    timer = threading.Timer(after, action)
    timer.start()
    return timer


def test_terminate_from_another_thread():
    session, options = tenon.InferenceSession(ENDLESS), tenon.RunOptions()
    end_soon(lambda: setattr(options, "terminate", True))
    start = time.monotonic()
    with pytest.raises(errors.Fail) as caught:
        session.run(None, {"x": np.zeros(4, np.float32)}, options)
    assert caught.value.reason == "cancelled" and 0.2 < time.monotonic() - start < 10
    assert options.terminate is True, "the flag stays until it is cleared"
    with pytest.raises(errors.Fail):
        session.run(None, {"x": np.zeros(4, np.float32)}, options)
    assert tenon.InferenceSession(ADD).run(None, X, tenon.RunOptions())[0].tolist() == [[2, 3]]


def test_deadline():
    session, options = tenon.InferenceSession(ENDLESS), tenon.RunOptions()
    options.add_run_config_entry("tenon.deadline_ms", "200")
    start = time.monotonic()
    with pytest.raises(errors.Fail) as caught:
        session.run(None, {"x": np.zeros(4, np.float32)}, options)
    assert caught.value.reason == "deadline" and 0.1 < time.monotonic() - start < 10


def test_the_gil_is_free_during_a_run():
    session, options, ticks = tenon.InferenceSession(ENDLESS), tenon.RunOptions(), []

    def count():
        for _ in range(20):
            ticks.append(time.monotonic())
            time.sleep(0.01)
        options.terminate = True
    counter = threading.Thread(target=count)
    counter.start()
    with pytest.raises(errors.Fail):
        session.run(None, {"x": np.zeros(4, np.float32)}, options)
    counter.join()
    assert len(ticks) == 20 and ticks[-1] - ticks[0] < 5


def test_one_ended_run_leaves_the_others_alone():
    session, options = tenon.InferenceSession(ENDLESS), [tenon.RunOptions() for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(session.run, None, {"x": np.zeros(4, np.float32)}, o) for o in options]
        time.sleep(0.2)
        options[1].terminate = True
        with pytest.raises(errors.Fail):
            runs[1].result(timeout=10)
        assert not runs[0].done() and not runs[2].done()
        options[0].terminate = options[2].terminate = True
        for i in (0, 2):
            with pytest.raises(errors.Fail):
                runs[i].result(timeout=10)


def in_a_process(code, **kwargs):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60,
                          cwd=pathlib.Path(__file__).parent, **kwargs)
    return done.returncode, done.stdout, done.stderr


def test_keyboard_interrupt_ends_a_run():
    """Ctrl-C raises KeyboardInterrupt within a second, and the session is usable afterwards."""
    code, out, err = in_a_process("""
        import os, signal, threading, time, numpy as np, tenon
        from api_models import ADD, ENDLESS
        session, options = tenon.InferenceSession(ENDLESS), tenon.RunOptions()
        for o in (None, options):
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            start = time.monotonic()
            try:
                session.run(None, {"x": np.zeros(4, np.float32)}, o)
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - start < 5, options.terminate)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        print(tenon.InferenceSession(ADD).run(None, {"x": [[1, 1]]})[0].tolist())
    """)
    assert code == 0 and out.split("\n")[:3] == ["interrupted True False", "interrupted True False", "[[2.0, 3.0]]"], (out, err)


def test_a_program_with_its_own_interrupt_handler_decides_for_itself():
    code, out, err = in_a_process("""
        import os, signal, threading, numpy as np, tenon
        from api_models import ENDLESS
        seen = []
        signal.signal(signal.SIGINT, lambda *_: seen.append(1))
        session, options = tenon.InferenceSession(ENDLESS), tenon.RunOptions()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        threading.Timer(0.6, setattr, (options, "terminate", True)).start()
        try:
            session.run(None, {"x": np.zeros(4, np.float32)}, options)
        except tenon.errors.Fail as e:
            print(e.reason, len(seen))
    """)
    assert code == 0 and out == "cancelled 1\n", (out, err)


def test_sessions_that_live_until_the_interpreter_ends():
    code, out, err = in_a_process("""
        import numpy as np, tenon
        from api_models import TWO
        session = tenon.InferenceSession(TWO)
        kept = session.run(None, {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)})
        print("done")
    """)
    assert (code, out, err) == (0, "done\n", "")


def test_fork():
    """A session made before a fork runs in both processes."""
    code, out, err = in_a_process("""
        import os, warnings, numpy as np, tenon
        from api_models import TWO
        warnings.simplefilter("ignore")
        options = tenon.SessionOptions()
        options.intra_op_num_threads = 2
        session = tenon.InferenceSession(TWO, options)
        x = np.ones(1 << 16, np.float32)
        session.run(None, {"a": x, "b": x})
        child = os.fork()
        good = session.run(None, {"a": x, "b": x})[0].sum() == 2 * x.size
        if child == 0:
            os._exit(0 if good else 1)
        print(good, os.waitpid(child, 0)[1])
    """)
    assert code == 0 and out == "True 0\n", (out, err)


# ---- exceptions ----

CODES = {"Fail": 1, "InvalidArgument": 2, "NoSuchFile": 3, "NoModel": 4, "EngineError": 5, "RuntimeException": 6, "InvalidProtobuf": 7,
         "ModelLoaded": 8, "NotImplemented": 9, "InvalidGraph": 10, "EPFail": 11, "ModelLoadCanceled": 12, "ModelRequiresCompilation": 13,
         "NotFound": 14}


@pytest.mark.parametrize("name", sorted(CODES))
def test_exception_classes(name):
    """Named and numbered as in onnxruntime, under both names of the module, and alike after pickling."""
    from tenon.capi import _pybind_state, onnxruntime_pybind11_state
    cls = getattr(errors, name)
    assert cls is getattr(onnxruntime_pybind11_state, name) is getattr(_pybind_state, name) and cls.code == CODES[name]
    e = pickle.loads(pickle.dumps(cls("what", "limit", "depth")))
    assert type(e) is cls and isinstance(e, errors.Error) and (e.reason, e.limit) == ("limit", "depth")
    assert str(e) == f"[ONNXRuntimeError] : {cls.code} : {cls.code_name} : what"


def test_exception_names_agree_with_onnxruntime():
    from onnxruntime.capi import onnxruntime_pybind11_state as theirs
    ours = tenon.capi.onnxruntime_pybind11_state
    for name in [n for n in dir(theirs) if isinstance(getattr(theirs, n), type) and issubclass(getattr(theirs, n), Exception)]:
        assert issubclass(getattr(ours, name), Exception)


def test_a_wrong_option_value_is_an_error_at_creation():
    options = tenon.SessionOptions()
    options.add_session_config_entry("tenon.weights", "borrowed")
    with pytest.raises(errors.InvalidArgument, match="tenon.weights.*borrowed"):
        tenon.InferenceSession(ADD, options)


def test_signatures_agree_with_onnxruntime():
    """Every public name of onnxruntime's session, options and metadata exists here."""
    import onnxruntime
    for cls in ("InferenceSession", "SessionOptions", "RunOptions", "NodeArg", "ModelMetadata"):
        missing = {n for n in dir(getattr(onnxruntime, cls)) if not n.startswith("_")} - set(dir(getattr(tenon, cls)))
        assert not missing, (cls, missing)
    for cls in ("GraphOptimizationLevel", "ExecutionMode", "ExecutionOrder"):
        ours, theirs = getattr(tenon, cls), getattr(onnxruntime, cls)
        assert {n: int(m) for n, m in ours.__members__.items()} == {n: int(m) for n, m in theirs.__members__.items()}


def test_stubs_match_the_module():
    """The .pyi file names exactly what the extension module has."""
    import ast

    from tenon import _tenon
    stub = pathlib.Path(tenon.__file__).parent / "_tenon.pyi"
    tree = ast.parse(stub.read_text())
    names = {n.name for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}
    assert names == {n for n in dir(_tenon) if not n.startswith("__")}
    for cls in (n for n in tree.body if isinstance(n, ast.ClassDef)):
        real = getattr(_tenon, cls.name)
        listed = {i.name for i in cls.body if isinstance(i, ast.FunctionDef)}
        listed |= {i.target.id for i in cls.body if isinstance(i, ast.AnnAssign)}
        listed |= {t.id for i in cls.body if isinstance(i, ast.Assign) for t in i.targets}
        if "Enum" not in str(real.__mro__):
            assert {n for n in listed if not n.startswith("__")} == {n for n in dir(real) if not n.startswith("__")}, cls.name
        else:
            assert listed == set(real.__members__)
