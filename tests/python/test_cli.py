"""The command `tenon`, as a process: results, formats, messages, exit codes."""
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
import pytest
import tenon
from api_models import ADD, ENDLESS, TWO, identity, overridable
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = next((p for p in (os.environ.get("TENON_COMMAND"), ROOT / "build/release/bin/tenon", shutil.which("tenon")) if p and os.path.exists(p)))
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"


def tenon_command(*args, **kwargs):
    return subprocess.run([str(COMMAND), *map(str, args)], capture_output=True, text=True, timeout=120, **kwargs)


def good(*args, **kwargs):
    done = tenon_command(*args, **kwargs)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


def data(*args, **kwargs):
    return json.loads(good(*args, "--json", **kwargs))


def refused(code, *args, **kwargs):
    """Standard error of a command that must end with `code`; one message, nothing on standard output."""
    done = tenon_command(*args, **kwargs)
    assert done.returncode == code and done.stdout == "", (done.returncode, done.stdout, done.stderr)
    return done.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, content in {"add": ADD, "two": TWO, "endless": ENDLESS, "overridable": overridable(), "strings": identity("string[N]"),
                          "bf16": identity("bfloat16[N]"), "int4": identity("int4[N]"), "seq": identity("seq(float[])"), "half": identity("float16[N]"),
                          "broken": ADD[:-4]}.items():
        (folder / f"{name}.onnx").write_bytes(content)
    return folder


# ---- the command itself ----

def test_help_and_version():
    text = good("--help")
    for command in ("info", "run", "bench", "ops", "test"):
        assert command in text
        assert "--help" in good(command, "--help")
    assert good("--version").strip() == f"tenon {tenon.__version__}"


@pytest.mark.parametrize("args", [[], ["nonsense"], ["run"], ["info"], ["info", "--nonsense", "x.onnx"], ["run", "x.onnx", "--level", "5"],
                                  ["bench", "x.onnx", "--repeats", "0"], ["bench", "x.onnx", "--repeats", "3", "--seconds", "1"],
                                  ["info", "x.onnx", "--json", "--graph"], ["run", "x.onnx", "--threads", "many"]], ids=" ".join)
def test_wrong_usage(args):
    assert refused(2, *args).strip()


@pytest.mark.parametrize("command", ["info", "run", "bench"])
def test_models_that_are_none(models, command, tmp_path):
    assert "no/such.onnx" in refused(1, command, "no/such.onnx")
    assert "byte" in refused(1, command, models / "broken.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    message = refused(1, command, tmp_path / "text.onnx")
    assert message.startswith("tenon: error: ") and message.count("\n") == 1


# ---- info ----

def test_info(models):
    text = good("info", models / "add.onnx")
    for fact in ("x: float[N,2]", "y: float[N,2]", "ai.onnx 17", "1 nodes", "1  Add", "1 initializers, 2 elements, 8 B"):
        assert fact in text, text


def test_info_json():
    want, got = onnx.load(DIGITS), data("info", DIGITS)
    assert got["ir_version"] == want.ir_version and got["opsets"] == {o.domain or "ai.onnx": o.version for o in want.opset_import}
    ops = [n.op_type for n in want.graph.node if n.op_type != "Constant"]
    assert {k: v for k, v in got["ops"].items() if k != "Constant"} == {op: ops.count(op) for op in ops}
    assert [a["name"] for a in got["inputs"]] == [a.name for a in want.graph.input] and got["inputs"][0]["type"] == "tensor(float)"
    assert [a["name"] for a in got["outputs"]] == [a.name for a in want.graph.output]
    sizes = sum(int(np.prod(t.dims)) for t in want.graph.initializer)
    assert got["initializers"]["elements"] >= sizes > 0


def test_info_of_metadata_and_defaults(models, tmp_path):
    m = onnx.load_from_string(overridable())
    onnx.helper.set_model_props(m, {"labels": "a,b"})
    m.producer_name, m.doc_string = "maker", "what it is"
    onnx.save(m, tmp_path / "m.onnx")
    text = good("info", tmp_path / "m.onnx")
    for fact in ("made by maker", "what it is", "labels: a,b", "inputs with a default\n  w: float[2]"):
        assert fact in text, text
    assert data("info", tmp_path / "m.onnx")["metadata"] == {"labels": "a,b"}
    assert data("info", models / "overridable.onnx")["overridable_initializers"][0]["name"] == "w"


def test_info_graph(models):
    text = good("info", models / "add.onnx", "--graph")
    assert "y = Add(x, w)" in text and "opset 17" in text


def test_info_counts_subgraphs(models):
    got = data("info", models / "endless.onnx")
    assert got["ops"]["Loop"] == 1 and got["ops"]["Sin"] == 1 and got["subgraphs"] == 1


# ---- run ----

def test_run_on_files(models, tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    np.savez_compressed(tmp_path / "packed.npz", x=x)
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(x).SerializeToString())
    for given in ("x.npy", "x=x.npy", "x.npz", "packed.npz", "x.pb", "x=x.pb"):
        good("run", models / "add.onnx", "--input", given, "--output", "out.npz", cwd=tmp_path)
        with np.load(tmp_path / "out.npz") as out:
            assert out.files == ["y"] and np.array_equal(out["y"], x + np.array([1, 2], np.float32)), given


def test_run_prints_a_summary(models, tmp_path):
    np.savez(tmp_path / "in.npz", a=np.array([3, 4], np.float32), b=np.array([1, 2], np.float32))
    text = good("run", models / "two.onnx", "-i", tmp_path / "in.npz")
    assert "sum: float[2]  min 4  mean 5  max 6  [4, 6]" in text and "difference: float[2]" in text
    only = good("run", models / "two.onnx", "-i", tmp_path / "in.npz", "--fetch", "sum")
    assert "sum: float[2]" in only and "difference" not in only
    got = data("run", models / "two.onnx", "-i", tmp_path / "in.npz")
    assert [(o["name"], o["shape"], o["first"]) for o in got["outputs"]] == [("sum", [2], [4, 6]), ("difference", [2], [2, 2])]


def test_run_on_random_inputs(models):
    shapes = lambda *args: [o["shape"] for o in data("run", models / "two.onnx", *args)["outputs"]]  # noqa: E731
    assert shapes() == [[1], [1]]
    assert shapes("--dim", "N=5") == [[5], [5]]
    assert shapes("--shape", "a=7", "--shape", "b=7") == [[7], [7]]
    same = [data("run", models / "add.onnx", "--dim", "N=4", "--seed", s)["outputs"] for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]
    assert 1 <= same[0][0]["min"] < same[0][0]["max"] < 3


def test_defaults_of_the_model_are_used_unless_asked_for(models, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(2, np.float32))
    x = ["-i", f"x={tmp_path / 'x.npy'}"]
    assert data("run", models / "overridable.onnx", *x)["outputs"][0]["first"] == [10, 10]
    assert data("run", models / "overridable.onnx", *x, "--shape", "w=2")["outputs"][0]["max"] < 1
    assert data("run", models / "overridable.onnx", *x, "-i", f"w={tmp_path / 'x.npy'}")["outputs"][0]["first"] == [0, 0]


@pytest.mark.parametrize("name, value", [
    ("strings", np.array(["a", "größer", "日本", ""])), ("half", np.arange(5, dtype=np.float16)), ("bf16", np.arange(5).astype(ml_dtypes.bfloat16)),
    ("int4", np.array([-8, -1, 0, 7, 3]).astype(ml_dtypes.int4)),
])
def test_types_that_numpy_files_hardly_know(models, tmp_path, name, value):
    np.savez(tmp_path / "in.npz", x=value)
    good("run", models / f"{name}.onnx", "-i", "in.npz", "-o", "out.npz", cwd=tmp_path)
    with np.load(tmp_path / "in.npz") as want, np.load(tmp_path / "out.npz") as got:
        assert got["y"].dtype == want["x"].dtype and got["y"].tobytes() == want["x"].tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_byte_orders_and_layouts(models, tmp_path, order, layout):
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.save(tmp_path / "x.npy", np.asarray(x.astype(order + "f4"), order=layout))
    assert data("run", models / "add.onnx", "-i", tmp_path / "x.npy")["outputs"][0]["first"] == [1, 3, 3, 5, 5, 7, 7, 9]


def test_bytes_as_strings(models, tmp_path):
    np.save(tmp_path / "x.npy", np.array([b"ab", b"c"]))
    assert data("run", models / "strings.onnx", "-i", tmp_path / "x.npy")["outputs"][0]["first"] == ["ab", "c"]


def test_sequences_from_pb_to_npz(models, tmp_path):
    items = [np.ones(2, np.float32), np.zeros((1, 3), np.float32)]
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_list(items).SerializeToString())
    good("run", models / "seq.onnx", "-i", "x.pb", "-o", "out.npz", cwd=tmp_path)
    with np.load(tmp_path / "out.npz") as out:
        assert out.files == ["y.0", "y.1"] and all(np.array_equal(out[f"y.{i}"], items[i]) for i in (0, 1))


def test_run_profile_and_options(models, tmp_path):
    got = data("run", models / "add.onnx", "--profile", tmp_path / "trace", "--level", "0", "--threads", "1", "--config", "tenon.verify=1")
    events = json.loads(pathlib.Path(got["profile"]).read_text())
    assert got["profile"].startswith(str(tmp_path / "trace")) and any(e["cat"] == "Node" for e in events)


@pytest.mark.parametrize("args, message", [
    (["--input", "nobody=x.npy"], "no input 'nobody'; its inputs are x"), (["--input", "x.txt"], ".npy, .npz or .pb"),
    (["--shape", "nobody=1"], "no input 'nobody'"), (["--shape", "x=axb"], "expected a size, found 'a'"), (["--shape", "x"], "NAME=VALUE"),
    (["--shape", "x=1x"], "separator"), (["--dim", "M=3"], "no dimension 'M'; they have 'N'"), (["--dim", "N=-1"], "expected a size"),
    (["--input", "x=x.npy", "--shape", "x=1x2"], "has its value from a file"), (["--input", "x.npy", "--input", "x.npy"], "have their values already"),
    (["--config", "novalue"], "NAME=VALUE"),
])
def test_wrong_feeds_are_wrong_usage(models, tmp_path, args, message):
    np.save(tmp_path / "x.npy", np.zeros((1, 2), np.float32))
    assert message in refused(2, "run", models / "add.onnx", *args, cwd=tmp_path)


def npz_with_a_flipped_byte(path):
    np.savez(path, x=np.arange(100, dtype=np.float32).reshape(50, 2))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name, make, message", [
    ("missing.npy", lambda p: None, "missing.npy"),
    ("text.npy", lambda p: p.write_text("hello"), "expected an .npy file"),
    ("cut.npy", lambda p: (np.save(p, np.zeros((9, 2), np.float32)), p.write_bytes(p.read_bytes()[:-5])), "expected 18 elements"),
    ("objects.npy", lambda p: np.save(p, np.array([["a", 1]], dtype=object), allow_pickle=True), "pickled"),
    ("dates.npy", lambda p: np.save(p, np.zeros((1, 2), "M8[s]")), "no ONNX type"),
    ("records.npy", lambda p: np.save(p, np.zeros((1, 2), "i4,f4")), "records"),
    ("doubles.npy", lambda p: np.save(p, np.zeros((1, 2))), "tensor(double)"),
    ("shape.npy", lambda p: np.save(p, np.zeros((1, 3), np.float32)), "dimensions"),
    ("text.npz", lambda p: p.write_text("hello" * 20), "zip archive"),
    ("flipped.npz", npz_with_a_flipped_byte, "checksum"),
    ("cut.pb", lambda p: p.write_bytes(numpy_helper.from_array(np.zeros((1, 2), np.float32)).SerializeToString()[:-3]), "cut.pb"),
])
def test_files_that_are_wrong(models, tmp_path, name, make, message):
    make(tmp_path / name)
    assert message in refused(1, "run", models / "add.onnx", "-i", name, cwd=tmp_path)


def test_unknown_arrays_of_an_archive(models, tmp_path):
    np.savez(tmp_path / "in.npz", x=np.zeros((1, 2), np.float32), other=np.zeros(1))
    assert "no input 'other'" in refused(2, "run", models / "add.onnx", "-i", tmp_path / "in.npz")


def test_outputs_that_cannot_be_written(models):
    assert "/no/such/folder" in tenon_command("run", models / "add.onnx", "-o", "/no/such/folder/out.npz").stderr


# ---- bench ----

def test_bench(models):
    got = data("bench", models / "add.onnx", "--repeats", "50", "--warmup", "2", "--dim", "N=10", "--threads", "1")
    assert got["runs"] == 50 and 0 < got["min_ms"] <= got["median_ms"] <= got["p90_ms"] <= got["p99_ms"] <= got["max_ms"]
    assert got["runs_per_second"] == pytest.approx(1000 / got["mean_ms"])
    text = good("bench", models / "add.onnx", "--seconds", "0.1")
    for fact in ("load ", "first run ", " runs: min ", "median ", "p90 ", " runs per second"):
        assert fact in text


# ---- ops ----

def test_ops():
    text = good("ops", "matmul")
    rows = {line.split()[0]: line for line in text.splitlines()}
    assert "ai.onnx" in rows["MatMul"] and "1-8, 9-12, 13+" in rows["MatMul"] and "Add" not in rows
    names = {(op["domain"], op["name"]) for op in data("ops")}
    assert names == {(op["domain"], op["name"]) for op in json.loads(tenon.op_table_json())}
    assert {op["domain"] for op in data("ops", "--domain", "ai.onnx")} == {""}
    lines = good("ops", "--markdown", "add").splitlines()
    assert lines[0] == "# Operators" and any(line.startswith("| Add | 1-5, 6, 7-12, 13, 14+ | T: ints, floats | kernel | SIMD rows") for line in lines)
    assert tenon_command("ops", "nosuchoperator").returncode == 1


def test_operator_page_is_up_to_date():
    """Made by: tenon ops --markdown > docs/operators.md"""
    assert (ROOT / "docs" / "operators.md").read_text() == good("ops", "--markdown")


# ---- test ----

def write_test(folder, content, inputs, outputs, sets=1):
    for i in range(sets):
        data_set = folder / f"test_data_set_{i}"
        data_set.mkdir(parents=True)
        for what, values in (("input", inputs), ("output", outputs)):
            for k, value in enumerate(values):
                proto = numpy_helper.from_list(value) if isinstance(value, list) else numpy_helper.from_array(value)
                (data_set / f"{what}_{k}.pb").write_bytes(proto.SerializeToString())
    (folder / "model.onnx").write_bytes(content)


@pytest.fixture
def suite(tmp_path):
    a, b = np.array([3, 4], np.float32), np.array([1, 2], np.float32)
    write_test(tmp_path / "good", TWO, [a, b], [a + b, a - b], sets=2)
    write_test(tmp_path / "deep" / "sequence", identity("seq(float[])"), [[a, b]], [[a, b]])
    write_test(tmp_path / "deep" / "strings", identity("string[N]"), [np.array(["x", "é"], object)], [np.array(["x", "é"], object)])
    return tmp_path


def test_test_directories(suite):
    assert good("test", suite) == "3 passed, 0 failed\n"
    assert good("test", suite / "good").splitlines()[-1] == "1 passed, 0 failed"
    assert good("test", suite, "--filter", "deep", "-v").count("ok  ") == 2
    assert len(good("test", suite, "--list").splitlines()) == 3
    got = data("test", suite)
    assert (got["passed"], got["failed"]) == (3, 0) and all(t["passed"] for t in got["tests"])


@pytest.mark.parametrize("name, inputs, outputs, message", [
    ("value", [[3], [1]], [[4.1], [2]], "1 of 1 elements differ; at 0 expected 4.0999999, found 4"),
    ("nan", [[3], [1]], [[np.nan], [2]], "expected nan, found 4"),
    ("shape", [[3], [1]], [[4, 4], [2]], "expected float[2], found float[1]"),
    ("input", [[[3]], [1]], [[4], [2]], "dimensions"),
])
def test_failed_tests(suite, name, inputs, outputs, message):
    arrays = [[np.array(v, np.float32) for v in values] for values in (inputs, outputs)]
    write_test(suite / f"bad_{name}", TWO, *arrays)
    done = tenon_command("test", suite)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[-1] == "3 passed, 1 failed" and len(lines) == 2
    assert lines[0].startswith("FAIL ") and f"bad_{name}" in lines[0] and message in lines[0]


def test_tolerances(suite):
    write_test(suite / "near", TWO, [np.array([3], np.float32), np.array([1], np.float32)], [np.array([4.01], np.float32), np.array([2], np.float32)])
    assert tenon_command("test", suite).returncode == 1
    assert tenon_command("test", suite, "--rtol", "0.01").returncode == 0
    assert tenon_command("test", suite, "--atol", "0.02").returncode == 0
    assert tenon_command("test", suite, "--rtol", "0.001", "--atol", "0.001").returncode == 1


def test_broken_tests_fail_and_the_rest_runs(suite):
    write_test(suite / "broken", ADD[:-4], [], [np.zeros(1, np.float32)])
    write_test(suite / "nothing_expected", TWO, [np.ones(1, np.float32)] * 2, [])
    done = tenon_command("test", suite, "--json")
    got = json.loads(done.stdout)
    assert done.returncode == 1 and (got["passed"], got["failed"]) == (3, 2)
    problems = {pathlib.Path(t["test"]).name: t["problem"] for t in got["tests"] if not t["passed"]}
    assert "byte" in problems["broken"] and "output_0.pb" in problems["nothing_expected"]


def test_directories_without_tests(tmp_path):
    assert "no directory with a model" in refused(2, "test", tmp_path)
    assert "no such directory" in refused(2, "test", tmp_path / "nowhere")


def test_tests_of_the_onnx_package():
    """The real models' tests that the onnx package brings along."""
    folder = pathlib.Path(onnx.__file__).parent / "backend/test/data/pytorch-operator"
    got = json.loads(tenon_command("test", folder, "--json").stdout)
    assert len(got["tests"]) >= 30
    assert {"test_operator_add_broadcast", "test_operator_permute2", "test_operator_view"} <= {pathlib.Path(t["test"]).name for t in got["tests"] if t["passed"]}


# ---- terminals and signals ----

def on_a_terminal(*args):
    """What the command writes to standard error when that is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(COMMAND), *map(str, args)], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, out.decode(), seen.decode()


def test_progress_is_for_terminals_and_long_work_only(models):
    assert tenon_command("bench", models / "add.onnx", "--seconds", "1.6").stderr == ""
    code, out, err = on_a_terminal("bench", models / "add.onnx", "--seconds", "0.2")
    assert code == 0 and err == ""
    code, out, err = on_a_terminal("bench", models / "add.onnx", "--seconds", "1.6")
    assert code == 0 and " runs" in err and err.endswith("\r\033[K") and "runs per second" in out


def test_interrupt_ends_the_command(models):
    process = subprocess.Popen([str(COMMAND), "run", str(models / "endless.onnx")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(2)
    assert process.wait(timeout=10) != 0


def test_the_installed_command_is_this_one():
    """Where the package is installed, its command stands beside the interpreter."""
    installed = pathlib.Path(sys.executable).parent / "tenon"
    if not installed.exists():
        pytest.skip("the package is not installed into this interpreter's environment")
    assert subprocess.run([str(installed), "--version"], capture_output=True, text=True).stdout == good("--version")
