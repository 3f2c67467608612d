"""The remote provider: groups that run on a server through the Open Inference Protocol, and everything that can go wrong there."""
import concurrent.futures
import json
import re
import socket
import ssl
import subprocess
import threading
import time

import numpy as np
import onnx
import pytest
import tenon
from api_models import model
from inference_servers import FakeServer, doubled, free_port, kserve, mlserver, packed, tensors
from tenon import errors

AZURE, CPU = "AzureExecutionProvider", "CPUExecutionProvider"
HEAD = '<ir_version: 10, opset_import: ["" : 21]>'
DOUBLE = model("double (float[N,2] x) => (float[N,2] y) { y = Add(x, x) }", HEAD)
X = np.array([[1, 2], [3, -4.5]], np.float32)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def fake():
    with FakeServer() as server:
        yield server


def session(source, endpoint, options=None, **more):
    given = {"endpoint": endpoint, "model_name": "double", "backoff_ms": 5, **more}
    return tenon.InferenceSession(source, options, providers=[(AZURE, given), CPU])


def said(call, kind=errors.EPFail):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# Servers that others wrote.

MODELS = {
    "mlp": model("""mlp (float[N,3] x, float[N,3] bias) => (float[N,4] y, int64[N] best) <float[3,4] w = {1, -2, 3, 0.5, 0.25, 6, -7, 8, 9, 1, 1, 2}> {
        sum = Add(x, bias)  h = MatMul(sum, w)  y = Relu(h)  best = ArgMax<axis = 1, keepdims = 0>(h) }""", HEAD),
    "text": model("text (string[N,2] a, string[2] b) => (string[N,2] c) { c = StringConcat(a, b) }", HEAD),
    # What the server computes for the middle of MIXED: the nodes `scale` and `shift`.
    "middle": model("middle (float[N,3] h) => (float[N,3] t) <float[3] k = {2, 3, 4}> { s = Mul(h, k)  t = Add(s, k) }", HEAD),
}
KINDS = {"BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "INT8": "int8", "INT16": "int16",
         "INT32": "int32", "INT64": "int64", "FP16": "float16", "FP32": "float", "FP64": "double"}
MODELS |= {f"same_{k.lower()}": model(f"same ({t}[N] x) => ({t}[N] y) {{ y = Identity(x) }}", HEAD) for k, t in KINDS.items()}
MIXED = model("""mixed (float[N,3] x) => (float[N,3] y) <float[3] k = {2, 3, 4}> {
    h = Sin(x)
    s = Mul(h, k)
    t = Add(s, k)
    y = Cos(t)
}""", HEAD)


def declared(data):
    """Inputs and outputs of a model as a server's metadata spells them."""
    graph, kinds = onnx.load_from_string(data).graph, {onnx.TensorProto.DataType.Value(v.upper()): k for k, v in KINDS.items()}
    return [[{"name": v.name, "datatype": kinds.get(v.type.tensor_type.elem_type, "BYTES"),
              "shape": [d.dim_value if d.HasField("dim_value") else -1 for d in v.type.tensor_type.shape.dim]} for v in values]
            for values in (graph.input, graph.output)]


@pytest.fixture(scope="module", params=["mlserver", "kserve"])
def served(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "models").mkdir()
    paths = {}
    for name, data in MODELS.items():
        paths[name] = folder / "models" / f"{name}.onnx"
        paths[name].write_bytes(data)
    try:
        server = mlserver(folder, paths, {n: declared(d) for n, d in MODELS.items()}) if request.param == "mlserver" else kserve(folder, paths)
    except subprocess.CalledProcessError as e:
        pytest.skip(f"pip cannot install {request.param} here: {e.stderr[-300:]}")
    with server as endpoint:
        yield endpoint


@pytest.fixture(params=["auto", "json", "binary"])
def encoding(request):
    return {"auto": {}, "json": {"binary": 0}, "binary": {"binary": 1}}[request.param]


def test_whole_model_on_a_server(served, encoding):
    feeds = {"x": np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32), "bias": np.full((5, 3), 0.1, np.float32)}
    remote = session(MODELS["mlp"], served, model_name="mlp", **encoding)
    assert "Remote" in remote.graph_text() and "MatMul" not in remote.plan_text()
    for n in (5, 1, 0):
        part = {k: v[:n] for k, v in feeds.items()}
        got, want = remote.run(None, part), tenon.InferenceSession(MODELS["mlp"]).run(None, part)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-6)
        assert got[1].dtype == np.int64 and got[1].tolist() == want[1].tolist()


def test_the_middle_of_a_model_on_a_server(served, encoding, capfd):
    options = tenon.SessionOptions()
    options.graph_optimization_level = tenon.GraphOptimizationLevel.ORT_DISABLE_ALL
    names = [n.name for n in onnx.load_from_string(MIXED).graph.node]
    assert names == [""] * 4, "unnamed nodes are marked by their operators"
    remote = session(MIXED, served, options, model_name="middle", ops="Mul,Add", **encoding)
    assert f"{AZURE}: 2 of 4 nodes in 1 group" in capfd.readouterr().err
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_allclose(remote.run(None, {"x": x})[0], tenon.InferenceSession(MIXED).run(None, {"x": x})[0], rtol=1e-5, atol=1e-6)


def test_strings_on_a_server(served, encoding):
    a = np.array([["ä", "b\n"], ["", "日本\"\\"]], object)
    remote = session(MODELS["text"], served, model_name="text", **encoding)
    assert remote.run(None, {"a": a, "b": np.array(["-1", "☃"], object)})[0].tolist() == [["ä-1", "b\n☃"], ["-1", "日本\"\\☃"]]


@pytest.mark.parametrize("kind", KINDS)
def test_element_types_on_a_server(served, kind):
    kinds = {"float": "float32", "double": "float64"}
    dtype = np.dtype(kinds.get(KINDS[kind], KINDS[kind]))
    if dtype.kind in "iu":
        x = np.array([np.iinfo(dtype).min, 0, 1, np.iinfo(dtype).max], dtype)
    else:
        x = np.array([0, 1, 1] if kind == "BOOL" else [0.1, -2.5, 1e-3, np.finfo(dtype).max], dtype)
    for encoding in ({}, {"binary": 1}):
        got = session(MODELS[f"same_{kind.lower()}"], served, model_name=f"same_{kind.lower()}", **encoding).run(None, {"x": x})[0]
        assert got.dtype == x.dtype and got.tobytes() == x.tobytes()


def test_a_model_that_a_server_does_not_have(served):
    text = said(lambda: session(DOUBLE, served, model_name="nope").run(None, {"x": X}))
    assert f"model nope at {served}: HTTP status 404" in text and "nope" in text.split("404")[1]


# Faults, from a server of our own.

def test_nothing_is_sent_before_the_first_run(fake):
    s = session(DOUBLE, fake.endpoint)
    assert fake.requests == []
    assert s.run(None, {"x": X})[0].tolist() == (2 * X).tolist()
    assert fake.requests == ["/v2", "/v2/models/double", "/v2/models/double/infer"]
    s.run(None, {"x": X[:1]})
    assert fake.requests[3:] == ["/v2/models/double/infer"] and fake.connections == 1, "the connection is kept"


def test_paths_with_version_and_prefix(fake):
    session(DOUBLE, fake.endpoint + "/a/b/", model_name="m/1 ä", model_version="2", metadata=0, binary=0).run(None, {"x": X})
    assert fake.requests == ["/a/b/v2/models/m%2F1%20%C3%A4/versions/2/infer"]


@pytest.mark.parametrize("extensions, option, sent", [((), {}, [False]), (("binary_tensor_data",), {}, [True]), ((), {"binary": 1}, [True, False]),
                                                      (("binary_tensor_data",), {"binary": 0}, [False]),
                                                      (("binary_tensor_data",), {"binary": 1}, [True])])
def test_binary_or_json(extensions, option, sent):
    with FakeServer(extensions=extensions) as fake:
        s = session(DOUBLE, fake.endpoint, metadata=0, **option)
        for _ in range(2):
            assert s.run(None, {"x": X})[0].tolist() == (2 * X).tolist()
        posts = ["Inference-Header-Content-Length" in h for h in fake.headers if "Content-Type" in h]
        assert posts == [*sent, sent[-1]], "what was refused once is not tried again"


def test_an_error_of_the_server(fake):
    fake.answer = lambda h, i: (500, b'{"error": "the model is\\nbroken"}')
    text = said(lambda: session(DOUBLE, fake.endpoint).run(None, {"x": X}))
    assert f"model double at {fake.endpoint}: HTTP status 500, the model is broken; sent: x FP32[2,2]" in text
    assert "Remote" in text and len(fake.infers) == 1, "what may have run is not repeated"


def test_what_the_server_expects_is_in_the_error():
    with FakeServer(metadata={"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}], "outputs": []}) as fake:
        fake.answer = lambda h, i: (400, b"bad \x01 shape " + b"z" * 1000)
        text = said(lambda: session(DOUBLE, fake.endpoint).run(None, {"x": X}))
        assert "HTTP status 400, bad   shape zz" in text and "sent: x FP32[2,2]; the server expects: x FP32[-1,3]" in text and len(text) < 900


@pytest.mark.parametrize("status", [429, 503])
def test_retries(fake, status):
    def answer(handler, inputs):
        return doubled(inputs) if len(fake.infers) > 2 else (status, b'{"error": "later"}')
    fake.answer = answer
    text = said(lambda: session(DOUBLE, fake.endpoint, retries=1).run(None, {"x": X}))
    assert f"HTTP status {status}, later" in text and len(fake.infers) == 2
    fake.requests.clear()
    start = time.monotonic()
    assert session(DOUBLE, fake.endpoint, retries=2, backoff_ms=50).run(None, {"x": X})[0].tolist() == (2 * X).tolist()
    assert len(fake.infers) == 3 and time.monotonic() - start >= 0.15, "50 ms, then 100 ms"


def test_a_slow_answer(fake):
    released = threading.Event()
    fake.answer = lambda h, i: (released.wait(20), doubled(i))[1]
    start = time.monotonic()
    text = said(lambda: session(DOUBLE, fake.endpoint, timeout_ms=200).run(None, {"x": X}))
    assert "timed out" in text.lower() and 0.19 < time.monotonic() - start < 5 and len(fake.infers) == 1
    released.set()


@pytest.mark.parametrize("how", ["deadline", "terminate"])
@pytest.mark.parametrize("fallback", [0, 1])
def test_a_run_that_ends_while_the_server_works(fake, how, fallback):
    released = threading.Event()
    fake.answer = lambda h, i: (released.wait(20), doubled(i))[1]
    s = session(DOUBLE, fake.endpoint, fallback_cpu=fallback)
    options = tenon.RunOptions()
    if how == "deadline":
        options.add_run_config_entry("tenon.deadline_ms", "300")
    else:
        threading.Timer(0.3, setattr, (options, "terminate", True)).start()
    start = time.monotonic()
    text = said(lambda: s.run(None, {"x": X}, options), errors.Fail)
    assert ("deadline" if how == "deadline" else "terminate") in text and 0.25 < time.monotonic() - start < 5
    released.set()
    fake.answer = None
    assert s.run(None, {"x": X})[0].tolist() == (2 * X).tolist(), "the session goes on"


def y(**changes):
    return {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": 2 * X, **changes}


def cut(handler, inputs):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"outputs": [')
    handler.close_connection = True


BAD = [
    (lambda h, i: tensors([y(datatype="FP64")]), "output y: FP64 found, expected FP32[2,2]"),
    (lambda h, i: tensors([y(datatype="FP32X")]), "FP32X found, expected FP32"),
    (lambda h, i: tensors([y(name="z")]), "there is no output y, only: z"),
    (lambda h, i: tensors([]), "there is no output y, only: none"),
    (lambda h, i: tensors([y(shape=[2, 3])]), "4 values for FP32[2,3]"),
    (lambda h, i: tensors([y(shape=[4])]), "output y is FP32[4], expected FP32[2,2]"),
    (lambda h, i: tensors([y(shape=[2, -2])]), "shape [2,-2]"),
    (lambda h, i: tensors([y(shape=[1 << 40, 1 << 40])]), "shape ["),
    (lambda h, i: tensors([y(shape="wide")]), "no shape"),
    (lambda h, i: tensors([y(data=["1", 2, 3, 4])]), 'output y: "1" found, expected a number'),
    (lambda h, i: (200, json.dumps({"outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 2]}]}).encode()), "output y has no data"),
    (lambda h, i: (200, b'{"outputs": ['), "no JSON with outputs"),
    (lambda h, i: (200, b""), "it is empty"),
    (lambda h, i: (200, b"[" * 100_000), "no JSON with outputs"),
    (lambda h, i: (200, b'{"outputs": [{"name":"y","datatype":"FP32","shape":[2,2],"data":' + b"[" * 90 + b"]" * 90 + b"}]}"), "nested more than"),
    (lambda h, i: (302, b"", {"Location": "http://127.0.0.1:1/"}), "HTTP status 302"),
    (lambda h, i: (401, b"who are you"), "HTTP status 401, who are you"),
    (cut, "transfer closed with 987 bytes"),
    (lambda h, i: tensors([y(data=(2 * X).tobytes()[:-1])], True), "15 bytes for FP32[2,2]"),
    (lambda h, i: (*tensors([y()], True)[:2], {"Inference-Header-Content-Length": "100000"}), "its header says 100000"),
    (lambda h, i: (200, tensors([y()], True)[1][:-1], tensors([y()], True)[2]), "16 bytes, 15 are left"),
]


@pytest.mark.parametrize("answer, expected", BAD, ids=[re.sub(r"\W+", " ", text) for _, text in BAD])
def test_answers_that_are_wrong(answer, expected):
    with FakeServer(extensions=["binary_tensor_data"]) as fake:
        fake.answer = answer
        s = session(DOUBLE, fake.endpoint)
        text = said(lambda: s.run(None, {"x": X}))
        assert f"model double at {fake.endpoint}" in text and expected in text
        fake.answer = lambda h, i: doubled(i)  # JSON to a binary request is fine
        assert s.run(None, {"x": X})[0].tolist() == (2 * X).tolist()


@pytest.mark.parametrize("data, shape, expected", [(packed([b"a"]), [2], "BYTES[2]"), (packed([b"a", b"b"]) + b"\0", [2], "cut off"),
                                                   (b"\xff\xff\xff\xffab", [1], "cut off"), (b"", [1 << 50], "0 bytes for BYTES"),
                                                   (packed([b"a", b"b", b"c"]), [2], "3 strings for BYTES[2]")])
def test_binary_strings_that_are_wrong(data, shape, expected):
    source = model("s (string[N] x) => (string[M] y) { y = StringNormalizer(x) }", HEAD)
    with FakeServer(extensions=["binary_tensor_data"]) as fake:
        fake.inputs = lambda body, at: {}
        fake.answer = lambda h, i: tensors([{"name": "y", "datatype": "BYTES", "shape": shape, "data": data}], True)
        assert expected in said(lambda: session(source, fake.endpoint).run(None, {"x": np.array(["a", "b"], object)}))


@pytest.mark.parametrize("bad, what", [(np.inf, "inf"), (np.nan, "nan")])
def test_numbers_that_json_cannot_carry(fake, bad, what):
    text = said(lambda: session(DOUBLE, fake.endpoint).run(None, {"x": np.array([[bad, 1]], np.float32)}))
    assert f"input x holds {what}, which JSON cannot carry" in text and fake.infers == []
    fake.extensions = ["binary_tensor_data"]
    got = session(DOUBLE, fake.endpoint).run(None, {"x": np.array([[bad, 1]], np.float32)})[0]
    np.testing.assert_array_equal(got, np.array([[bad, 2]], np.float32))
    fake.answer = lambda h, i: tensors([y(data=[None, 1, 2, 3])])
    assert np.isnan(session(DOUBLE, fake.endpoint).run(None, {"x": X})[0][0, 0]), "null is how servers say NaN"


def test_an_answer_that_is_too_large(fake):
    fake.answer = lambda h, i: (200, b" " * (3 << 20))
    assert "max_response_mb=1" in said(lambda: session(DOUBLE, fake.endpoint, max_response_mb=1).run(None, {"x": X}))


# Dead endpoints and the fallback.

def test_a_dead_endpoint():
    port = free_port()
    s = session(DOUBLE, f"http://127.0.0.1:{port}", retries=2)
    start = time.monotonic()
    text = said(lambda: s.run(None, {"x": X}))
    assert f"model double at http://127.0.0.1:{port}" in text and "3 attempts" in text and "connect" in text.lower()
    assert time.monotonic() - start < 5
    assert s.get_providers() == [AZURE, CPU], "the session stays what it was"


class full_backlog:
    """Fills the backlog of a listening socket."""

    def __init__(self, address):
        self.sockets = [socket.socket() for _ in range(4)]
        for s in self.sockets:
            s.setblocking(False)
            s.connect_ex(address)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        for s in self.sockets:
            s.close()


def test_an_endpoint_that_does_not_answer():
    with socket.socket() as deaf:  # its backlog is full: connections are neither taken nor refused
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        with full_backlog(deaf.getsockname()):
            start = time.monotonic()
            text = said(lambda: session(DOUBLE, "http://127.0.0.1:%d" % deaf.getsockname()[1], connect_timeout_ms=200, timeout_ms=400,
                                        retries=0).run(None, {"x": X}))
            assert "tim" in text.lower() and time.monotonic() - start < 5


LOOP = model("""loop (float[2] x, int64 n, string[K] s) => (float[2] y, string[K] t) {
  go = Constant<value = bool {1}>()
  y = Loop (n, go, x) <body = body (int64 i, bool c, float[2] state) => (bool again, float[2] next) { again = Identity(c)  next = Add(state, x) }>
  t = Identity(s)
}""", HEAD)


@pytest.mark.parametrize("source, feeds", [(DOUBLE, {"x": X}), (MODELS["mlp"], {"x": np.ones((2, 3), np.float32), "bias": np.ones((2, 3), np.float32)}),
                                           (LOOP, {"x": X[0], "n": np.array(3), "s": np.array(["a", "ü"], object)}),
                                           (MODELS["text"], {"a": np.array([["a", "b"]], object), "b": np.array(["c", "d"], object)})],
                         ids=["double", "mlp", "loop", "text"])
def test_falling_back_on_the_cpu(source, feeds, capfd):
    endpoint = f"http://127.0.0.1:{free_port()}"
    s = session(source, endpoint, fallback_cpu=1, retries=0)
    want = tenon.InferenceSession(source).run(None, feeds)
    for _ in range(3):
        got = s.run(None, feeds)
        assert len(got) == len(want) and all(g.dtype == w.dtype and g.tolist() == w.tolist() for g, w in zip(got, want))
    warnings = [line for line in capfd.readouterr().err.splitlines() if "fallback_cpu" in line]
    assert len(warnings) == 1 and endpoint in warnings[0] and "double" in warnings[0]


def test_the_server_is_used_again_when_it_is_back(fake):
    fake.answer = lambda h, i: (500, b"broken")
    s = session(DOUBLE, fake.endpoint, fallback_cpu=1)
    assert s.run(None, {"x": X})[0].tolist() == (2 * X).tolist()
    fake.answer = lambda h, i: doubled({"x": i["x"] + 1})  # to tell who computed
    s.run(None, {"x": X})
    assert len(fake.infers) == 1, "left alone for a moment"
    end = time.monotonic() + 10
    while s.run(None, {"x": X})[0].tolist() != (2 * (X + 1)).tolist():
        assert time.monotonic() < end
        time.sleep(0.05)


# Names.

def test_names_of_the_server():
    tensor = lambda name, kind="FP32": {"name": name, "datatype": kind, "shape": [-1, 2]}  # noqa: E731
    with FakeServer() as fake:
        fake.answer = lambda h, i: doubled(i, name="OUT")
        fake.metadata = {"inputs": [tensor("IN")], "outputs": [tensor("OUT"), tensor("more")]}
        text = said(lambda: session(DOUBLE, fake.endpoint).run(None, {"x": X}))
        assert "the outputs of the marked nodes are y, the server's model has OUT FP32[-1,2], more FP32[-1,2]" in text and "rename" in text
        assert fake.infers == []
        assert session(DOUBLE, fake.endpoint, rename="y=OUT").run(None, {"x": X})[0].tolist() == (2 * X).tolist()
        fake.metadata["outputs"].pop()
        assert session(DOUBLE, fake.endpoint).run(None, {"x": X})[0].tolist() == (2 * X).tolist(), "one and one belong together"
        fake.metadata["inputs"] = [tensor("IN", "INT8")]
        assert "input IN is INT8 on the server, FP32 in this model" in said(lambda: session(DOUBLE, fake.endpoint).run(None, {"x": X}))
        fake.metadata["inputs"] = []
        assert session(DOUBLE, fake.endpoint).run(None, {"x": X})[0].tolist() == (2 * X).tolist(), "no metadata: the model's own names"


NAMED = onnx.helper.make_model(onnx.helper.make_graph(
    [onnx.helper.make_node(op, [a], [b], name=f"n_{op}") for op, a, b in (("Sin", "x", "a"), ("Cos", "a", "b"), ("Tan", "b", "c"), ("Neg", "c", "y"))],
    "named", [onnx.helper.make_tensor_value_info("x", 1, ["N"])], [onnx.helper.make_tensor_value_info("y", 1, ["N"])]),
    opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def test_marked_nodes(fake, capfd):
    fake.answer = lambda h, i: doubled(i, name="c")
    got = session(NAMED, fake.endpoint, nodes="n_Cos,n_Tan").run(None, {"x": X[0]})[0]
    np.testing.assert_allclose(got, -2 * np.sin(X[0]), rtol=1e-6)
    assert f"{AZURE}: 2 of 4 nodes in 1 group" in capfd.readouterr().err
    options = tenon.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    for marks, reason in (({"nodes": "n_Cos"}, "not among the nodes"), ({"ops": "Sin,Tan"}, "2 separate groups"), ({"nodes": "nobody"}, "not among the nodes")):
        with pytest.raises(errors.InvalidArgument, match=reason):
            tenon.InferenceSession(NAMED, options, providers=[(AZURE, {"endpoint": fake.endpoint, "model_name": "m", **marks})])
        got = session(NAMED, fake.endpoint, **{"nodes": "nobody"}).run(None, {"x": X[0]})[0]
        np.testing.assert_allclose(got, tenon.InferenceSession(NAMED).run(None, {"x": X[0]})[0])


def test_types_that_the_protocol_lacks(fake):
    source = model("c (seq(float[N]) x) => (float[M] y) { y = ConcatFromSequence<axis = 0>(x) }", HEAD)
    options = tenon.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    with pytest.raises(errors.InvalidArgument, match="input x is a value that is no tensor"):
        tenon.InferenceSession(source, options, providers=[(AZURE, {"endpoint": fake.endpoint, "model_name": "m"})])


# Being asked for, secrets, threads, TLS.

def test_a_default_session_is_local(fake, capfd):
    assert tenon.get_available_providers() == [AZURE, CPU]
    for providers in (None, [CPU], tenon.get_available_providers(), [AZURE]):
        s = tenon.InferenceSession(DOUBLE, providers=providers)
        assert s.run(None, {"x": X})[0].tolist() == (2 * X).tolist()
    assert s.get_providers() == [AZURE, CPU] and capfd.readouterr().err == "", "asked for without an endpoint: nothing to say"
    assert tenon.InferenceSession(DOUBLE, providers=[("RemoteExecutionProvider", {"endpoint": fake.endpoint, "model_name": "m"})]).run(None, {"x": X})
    assert len(fake.infers) == 1


@pytest.mark.parametrize("options, expected", [
    ({"endpoint": "ftp://h"}, "endpoint"), ({"endpoint": "h:80"}, "http://HOST"), ({"endpoint": "http://"}, "http://HOST"),
    ({"endpoint": "http://u:secret@h"}, "auth_header"), ({"endpoint": "http://h?q=1"}, "http://HOST"), ({"model_name": "m"}, "endpoint"),
    ({"endpoint": "http://h"}, "model_name"), ({"endpoint": "http://h", "model_name": "m", "timeout": "5"}, '"timeout"'),
    ({"timeout_ms": "0"}, "timeout_ms"), ({"timeout_ms": "5s"}, '"5s"'), ({"retries": "-1"}, "retries"), ({"binary": "yes"}, "binary"),
    ({"verify": "2"}, "verify"), ({"fallback_cpu": ""}, "fallback_cpu"), ({"rename": "x"}, "rename"), ({"rename": "=x"}, "rename"),
    ({"auth_header": "Bearer secret\r\nX: y"}, "auth_header"), ({"max_response_mb": "0"}, "max_response_mb")])
def test_wrong_options(options, expected):
    with pytest.raises(errors.InvalidArgument) as caught:
        tenon.InferenceSession(DOUBLE, providers=[(AZURE, options)])
    assert expected in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("given, name, value", [("Bearer t0psecret", "Authorization", "Bearer t0psecret"), ("X-Key: t0psecret", "X-Key", "t0psecret")])
def test_the_auth_header_is_sent_and_never_shown(fake, given, name, value, capfd):
    options = tenon.SessionOptions()
    options.log_severity_level = 0
    s = session(DOUBLE, fake.endpoint, options, auth_header=given)
    s.run(None, {"x": X})
    assert len(fake.headers) == 3 and all(h.get(name) == value for h in fake.headers)
    fake.answer = lambda h, i: (403, b"no")
    text = said(lambda: s.run(None, {"x": X}))
    shown = text + json.dumps(s.get_provider_options()) + json.dumps(s.load_report()) + s.graph_text() + s.plan_text() + "".join(capfd.readouterr())
    assert "t0psecret" not in shown and s.get_provider_options()[AZURE]["auth_header"] == "***"


def test_many_threads(fake):
    s = session(DOUBLE, fake.endpoint)

    def work(k):
        for i in range(15):
            x = np.full((1 + (k + i) % 5, 2), 100 * k + i, np.float32)
            assert s.run(None, {"x": x})[0].tolist() == (2 * x).tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(fake.infers) == 120 and fake.connections <= 8


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, folder / "cert.pem"


def test_tls(certificate):
    context, ca_file = certificate
    with FakeServer(context) as fake:
        assert "certificate" in said(lambda: session(DOUBLE, fake.endpoint).run(None, {"x": X}))
        for options in ({"ca_file": ca_file}, {"verify": 0}):
            assert session(DOUBLE, fake.endpoint, **options).run(None, {"x": X})[0].tolist() == (2 * X).tolist()
        assert "ertificate" in said(lambda: session(DOUBLE, fake.endpoint, ca_file="/no/such/file").run(None, {"x": X}))
