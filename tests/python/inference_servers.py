"""Servers that speak the Open Inference Protocol: MLServer and KServe, which others wrote, and one here that misbehaves on demand."""
import contextlib
import fcntl
import hashlib
import http.server
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What both servers run: the reference implementation that comes with onnx, on the model's own file.
REFERENCE = """
import numpy as np
from onnx.reference import ReferenceEvaluator

class Reference:
    def __init__(self, path):
        self.model = ReferenceEvaluator(path)
    def run(self, feeds):
        names = self.model.output_names
        return dict(zip(names, map(np.asarray, self.model.run(names, feeds))))
"""
MLSERVER = """
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse
from reference import Reference

def decoded(tensor):
    if tensor.datatype == "BYTES":
        return np.array(StringCodec.decode_input(tensor), object).reshape(tensor.shape)
    return NumpyCodec.decode_input(tensor).reshape(tensor.shape)

def encoded(name, array):
    if array.dtype.kind in "OUS":
        out = StringCodec.encode_output(name, [str(s) for s in array.reshape(-1)])
    else:
        out = NumpyCodec.encode_output(name, array)
    out.shape = list(array.shape)  # the codecs make two dimensions of one
    return out

class Runtime(MLModel):
    async def load(self):
        self.reference = Reference(self.settings.parameters.uri)
        return True
    async def predict(self, payload):
        results = self.reference.run({t.name: decoded(t) for t in payload.inputs})
        wanted = [o.name for o in payload.outputs or []] or list(results)
        return InferenceResponse(model_name=self.name, outputs=[encoded(n, results[n]) for n in wanted])
"""
KSERVE = """
import sys
import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer
from reference import Reference

class Runtime(Model):
    def __init__(self, name, path):
        super().__init__(name)
        self.reference, self.ready = Reference(path), True
    def predict(self, payload, headers=None):
        feeds = {}
        for t in payload.inputs:
            a = t.as_numpy()
            feeds[t.name] = np.array([s.decode() if isinstance(s, bytes) else s for s in a.reshape(-1)], object).reshape(a.shape) if t.datatype == "BYTES" else a
        results = self.reference.run(feeds)
        outputs = []
        for wanted in payload.request_outputs or []:
            array = results[wanted.name]
            kinds = {"b1": "BOOL", "f2": "FP16", "f4": "FP32", "f8": "FP64", **{f"i{n}": f"INT{8*n}" for n in (1, 2, 4, 8)}, **{f"u{n}": f"UINT{8*n}" for n in (1, 2, 4, 8)}}
            datatype = kinds.get(array.dtype.str[1:], "BYTES")
            if datatype == "BYTES":
                array = np.array([str(s).encode() for s in array.reshape(-1)], object).reshape(array.shape)
            out = InferOutput(wanted.name, list(array.shape), datatype)
            out.set_data_from_numpy(array, binary_data=bool(wanted.binary_data))
            outputs.append(out)
        return InferResponse(payload.id or "0", self.name, outputs, requested_outputs=payload.request_outputs)

if __name__ == "__main__":
    port, *models = sys.argv[1:]
    ModelServer(http_port=int(port), enable_grpc=False, workers=1).start([Runtime(*m.split("=", 1)) for m in models])
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def python_of(server):
    """The Python of build/servers/SERVER-HASH, made and filled by pip when it is not there; raises CalledProcessError when pip cannot."""
    text = (ROOT / "requirements/inference_servers.txt").read_text()
    wanted = re.search(rf"# \[{server}\]\n((?:[^#\n].*\n)+)", text).group(1).split()
    home = ROOT / "build/servers" / f"{server}-{hashlib.sha256(' '.join([*wanted, sys.version]).encode()).hexdigest()[:12]}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{home}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True, capture_output=True, text=True)
            subprocess.run([home / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], check=True,
                           capture_output=True, text=True, timeout=900)
            (home / "complete").touch()
    return home / "bin/python"


@contextlib.contextmanager
def running(command, endpoint, cwd, ready):
    """A server process; endpoint once all URLs of `ready` answer."""
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=subprocess.STDOUT,
                                  env={**os.environ, "PYTHONPATH": str(cwd), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        try:
            end = time.monotonic() + 120
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            while ready:
                try:
                    opener.open(endpoint + ready[0], timeout=5).close()
                    ready = ready[1:]
                except OSError:
                    if server.poll() is not None or time.monotonic() > end:
                        log.seek(0)
                        raise RuntimeError(f"{command[0]} does not start:\n{log.read()[-4000:]}") from None
                    time.sleep(0.1)
            yield endpoint
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def mlserver(folder, models, described):
    """MLServer with `models` {name: path}; `described` says what its metadata shall hold: {name: (inputs, outputs)}."""
    python, port = python_of("mlserver"), free_port()
    write(folder, reference=REFERENCE, runtime=MLSERVER)
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(),
                                                      "parallel_workers": 0, "debug": False}))
    for name, path in models.items():
        (folder / name).mkdir()
        inputs, outputs = described[name]
        (folder / name / "model-settings.json").write_text(json.dumps({"name": name, "implementation": "runtime.Runtime", "inputs": inputs,
                                                                       "outputs": outputs, "parameters": {"uri": str(path), "version": "v1"}}))
    return running([python.with_name("mlserver"), "start", "."], f"http://127.0.0.1:{port}", folder, [f"/v2/models/{m}/ready" for m in models])


def kserve(folder, models):
    """KServe's Python server with `models` {name: path}. It has the binary extension, and no metadata of its models."""
    python, port = python_of("kserve"), free_port()
    write(folder, reference=REFERENCE, runtime=KSERVE)
    return running([python, "runtime.py", str(port), *(f"{n}={p}" for n, p in models.items())], f"http://127.0.0.1:{port}", folder,
                   [f"/v2/models/{m}/ready" for m in models])


class FakeServer:
    """Doubles FP32 tensors: input x, output y. `answer` replaces the answer of /infer, `extensions` and `metadata` what it says of itself.

    answer(handler, inputs): returns (status, body bytes[, headers]), or None after writing to the handler itself."""

    def __init__(self, context=None, extensions=(), metadata=None):
        self.answer, self.extensions, self.metadata = None, list(extensions), metadata
        self.requests, self.connections, self.headers = [], 0, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                outer.connections += 1
                super().setup()

            def log_message(self, *args):
                pass

            def reply(self, status, body=b"", headers=()):
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **dict(headers)}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.requests.append(self.path)
                outer.headers.append(dict(self.headers))
                if self.path.endswith("/v2"):
                    self.reply(200, json.dumps({"name": "fake", "extensions": outer.extensions}).encode())
                elif outer.metadata is None:
                    self.reply(404, b'{"error": "no metadata"}')
                else:
                    self.reply(200, json.dumps(outer.metadata).encode())

            def do_POST(self):
                outer.requests.append(self.path)
                outer.headers.append(dict(self.headers))
                body = self.rfile.read(int(self.headers["Content-Length"]))
                at = self.headers.get("Inference-Header-Content-Length")
                if at is not None and "binary_tensor_data" not in outer.extensions:
                    return self.reply(400, b'{"error": "this is no JSON"}')
                inputs = outer.inputs(body, at)
                reply = outer.answer(self, inputs) if outer.answer else doubled(inputs, at is not None)
                if reply is not None:
                    self.reply(*reply)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that go away are what these tests are about

        self.server = Server(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.endpoint = f"{'https' if context else 'http'}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @staticmethod
    def inputs(body, at):
        if at is None:
            return {t["name"]: np.array(t["data"], np.float32).reshape(t["shape"]) for t in json.loads(body)["inputs"]}
        head, rest, out = json.loads(body[:int(at)]), body[int(at):], {}
        for t in head["inputs"]:
            n = t["parameters"]["binary_data_size"]
            out[t["name"]] = np.frombuffer(rest[:n], np.float32).reshape(t["shape"])
            rest = rest[n:]
        assert not rest
        return out

    @property
    def infers(self):
        return [r for r in self.requests if r.endswith("/infer")]

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()


def doubled(inputs, binary=False, name="y"):
    y = 2 * next(iter(inputs.values()))
    return tensors([{"name": name, "datatype": "FP32", "shape": list(y.shape), "data": y}], binary)


def tensors(outputs, binary=False):
    """An answer (status, body, headers) with these outputs; "data" is an array, or bytes as they shall be sent."""
    parts = []
    for t in outputs:
        if binary:
            parts.append(t["data"] if isinstance(t["data"], bytes) else np.ascontiguousarray(t["data"]).tobytes())
    entries = [{**{k: v for k, v in t.items() if k != "data"}, **({"parameters": {"binary_data_size": len(parts[i])}} if binary else
                {"data": t["data"].reshape(-1).tolist() if isinstance(t["data"], np.ndarray) else t["data"]})} for i, t in enumerate(outputs)]
    head = json.dumps({"model_name": "double", "outputs": entries}).encode()
    return (200, head + b"".join(parts), {"Inference-Header-Content-Length": str(len(head))} if binary else {})


def packed(strings):
    return b"".join(struct.pack("<I", len(s)) + s for s in strings)
