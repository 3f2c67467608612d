"""The interpreter ends, or forks, while runs are under way: cleanly, in every case. Each case is a process of its own."""
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest
import tenon

HEAD = """
    import os, sys, threading, time, warnings
    import numpy as np, tenon
    from api_models import ADD, ENDLESS, TWO, python_op
    warnings.simplefilter("ignore")
    x4 = {"x": np.zeros(4, np.float32)}
    endless = lambda **k: tenon.InferenceSession(ENDLESS, **k)
"""


def in_a_process(code, timeout=60):
    here = str(pathlib.Path(__file__).parent)
    package = str(pathlib.Path(tenon.__file__).parent.parent)
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([here, package]))
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(HEAD) + textwrap.dedent(code)], env=env, text=True,
                          capture_output=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


CASES = {
    "a daemon thread runs": """
        s = endless()
        threading.Thread(target=s.run, args=(None, x4), daemon=True).start()
        time.sleep(0.2)
    """,
    "eight daemon threads run, each again and again": """
        s = tenon.InferenceSession(ADD)
        def work():
            while True:
                s.run(None, {"x": np.zeros((50, 2), np.float32)})
        for _ in range(8):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
    """,
    "a daemon thread runs with options that nobody else knows": """
        s = endless()
        threading.Thread(target=lambda: s.run(None, x4, tenon.RunOptions()), daemon=True).start()
        time.sleep(0.2)
    """,
    "a daemon thread runs bound values": """
        s = endless()
        b = s.io_binding()
        b.bind_cpu_input("x", x4["x"])
        b.bind_output("y")
        threading.Thread(target=s.run_with_iobinding, args=(b,), daemon=True).start()
        time.sleep(0.2)
    """,
    "a thread that is no daemon ends its run first": """
        s = tenon.InferenceSession(TWO)
        big = np.ones(1 << 22, np.float32)
        def work():
            for _ in range(20):
                s.run(None, {"a": big, "b": big})
            print("whole")
        threading.Thread(target=work).start()
    """,
    "runs are pending": """
        s = endless()
        for k in range(20):
            s.run_async(None, x4, lambda r, d, e: None, k)
    """,
    "a short run is pending and is delivered": """
        s = tenon.InferenceSession(ADD)
        s.run_async(None, {"x": np.zeros((1, 2), np.float32)}, lambda r, d, e: print("got", r[0].tolist()), None)
    """,
    "a run is pending and its callback hears of the end": """
        endless().run_async(None, x4, lambda r, d, e: print("ended:", "cancelled" in e, flush=True), None)
        time.sleep(0.1)
    """,
    "a callback runs": """
        s = tenon.InferenceSession(ADD)
        s.run_async(None, {"x": np.zeros((1, 2), np.float32)}, lambda r, d, e: time.sleep(0.5), None)
        time.sleep(0.1)
    """,
    "sys.exit in the main thread, with a pool of threads": """
        o = tenon.SessionOptions()
        o.intra_op_num_threads = 4
        s = endless(sess_options=o)
        threading.Thread(target=s.run, args=(None, x4), daemon=True).start()
        time.sleep(0.2)
        sys.exit(0)
    """,
    "a load is under way": """
        import onnx
        h = onnx.helper
        n = 40000
        nodes = [h.make_node("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(n)]
        g = h.make_graph(nodes, "long", [h.make_tensor_value_info("v0", 1, [2])], [h.make_tensor_value_info(f"v{n}", 1, [2])])
        m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8).SerializeToString()
        threading.Thread(target=tenon.InferenceSession, args=(m,), daemon=True).start()
        time.sleep(0.05)
    """,
    "a log callback and values are alive": """
        tenon.set_default_logger_callback(lambda *a: None, 0)
        s = tenon.InferenceSession(ADD)
        kept = tenon.OrtValue.from_dlpack(np.zeros(5, np.float32)).__dlpack__()
        b = s.io_binding()
        b.bind_output("y")
    """,
    "a daemon thread is in a Python operator": """
        s = python_op(lambda x: [time.sleep(0.01) for _ in iter(int, 1)])
        threading.Thread(target=s.run, args=(None, x4), daemon=True).start()
        time.sleep(0.2)
    """,
    "daemon threads run a Python operator again and again": """
        s = python_op(lambda x: x + 1)
        def work():
            while True:
                s.run(None, x4)
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
    """,
    "an exception ends the program": """
        s = endless()
        threading.Thread(target=s.run, args=(None, x4), daemon=True).start()
        time.sleep(0.2)
        sys.excepthook = lambda *a: None
        raise ValueError
    """,
}
OUTPUT = {"a thread that is no daemon ends its run first": "whole\n", "a short run is pending and is delivered": "got [[1.0, 2.0]]\n",
          "a run is pending and its callback hears of the end": "ended: True\n"}


@pytest.mark.parametrize("name", CASES)
def test_exit(name):
    code, out, err = in_a_process(CASES[name])
    noise = [line for line in err.splitlines() if line and ("Fatal" in line or "terminate called" in line or "core dumped" in line)]
    assert code == (1 if "exception ends" in name else 0) and not noise, (code, out, err)
    assert out == OUTPUT.get(name, ""), (out, err)


FORKS = {
    "then run in the child": """
        s = tenon.InferenceSession(TWO)
        x = np.ones(1 << 16, np.float32)
        child = os.fork()
        good = s.run(None, {"a": x, "b": x})[0][0] == 2
        if child == 0: os._exit(0 if good else 1)
    """,
    "then destroy in the child, which ends as interpreters do": """
        s = tenon.InferenceSession(TWO)
        x = np.ones(1 << 16, np.float32)
        s.run(None, {"a": x, "b": x})
        child = os.fork()
        if child == 0:
            del s
            sys.exit(0)
    """,
    "while another thread runs": """
        s, t = endless(), tenon.InferenceSession(TWO)
        threading.Thread(target=s.run, args=(None, x4), daemon=True).start()
        time.sleep(0.1)
        x = np.ones(1 << 12, np.float32)
        child = os.fork()
        if child == 0:
            ok = t.run(None, {"a": x, "b": x})[0][0] == 2
            sys.exit(0 if ok else 1)
    """,
    "while another thread runs the same session": """
        s = endless()
        threading.Thread(target=s.run, args=(None, x4), daemon=True).start()
        time.sleep(0.1)
        child = os.fork()
        if child == 0:
            o = tenon.RunOptions()
            o.add_run_config_entry("tenon.deadline_ms", "50")
            try:
                s.run(None, x4, o)
            except tenon.errors.Fail as e:
                del s
                sys.exit(0 if e.reason == "deadline" else 2)
            sys.exit(1)
    """,
    "with a pool of threads, then destroy and make a new one": """
        o = tenon.SessionOptions()
        o.intra_op_num_threads = 4
        s = tenon.InferenceSession(TWO, o)
        x = np.ones(1 << 20, np.float32)
        s.run(None, {"a": x, "b": x})
        child = os.fork()
        if child == 0:
            s = tenon.InferenceSession(TWO, o)
            sys.exit(0 if s.run(None, {"a": x, "b": x})[0][0] == 2 else 1)
    """,
    "after run_async, which works on in the child": """
        s = tenon.InferenceSession(ADD)
        def ask():
            done, got = threading.Event(), []
            s.run_async(None, {"x": np.zeros((1, 2), np.float32)}, lambda r, d, e: (got.append(r), done.set()), None)
            return done.wait(20) and got[0][0].tolist() == [[1, 2]]
        ask()
        child = os.fork()
        good = ask()
        if child == 0: sys.exit(0 if good else 1)
    """,
    "with lanes and a device with streams, while another thread runs": """
        o = tenon.SessionOptions()
        o.execution_mode, o.inter_op_num_threads = tenon.ExecutionMode.ORT_PARALLEL, 2
        o.add_session_config_entry("tenon.parallel", "always")
        s = tenon.InferenceSession(TWO, o, providers=[("TestDeviceExecutionProvider", {"async": "1", "ops": "Add"}), "CPUExecutionProvider"])
        x = np.ones(1 << 12, np.float32)
        feed = {"a": x, "b": x}
        for _ in range(6):
            s.run(None, feed)
        def work():
            while True:
                s.run(None, feed)
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
        child = os.fork()
        good = all(s.run(None, feed)[0][0] == 2 for _ in range(20))
        if child == 0:
            del s
            sys.exit(0 if good else 1)
    """,
    "while runs are pending": """
        s = endless()
        for _ in range(8):
            s.run_async(None, x4, lambda r, d, e: None, None)
        child = os.fork()
        if child == 0:
            sys.exit(0 if tenon.InferenceSession(ADD).run(None, {"x": np.zeros((1, 2), np.float32)})[0].tolist() == [[1, 2]] else 1)
    """,
}


@pytest.mark.parametrize("name", FORKS)
def test_fork(name):
    code, out, err = in_a_process(FORKS[name] + """
        print(os.waitpid(child, 0)[1])
    """)
    assert (code, out) == (0, "0\n"), (code, out, err)
