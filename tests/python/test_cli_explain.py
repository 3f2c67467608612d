"""The commands of `tenon` that look into a session: explain, profile, verify, optimize, convert, completion, man; --provider."""
import html.parser
import json
import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest
import tenon
from api_models import model
from test_cli import COMMAND, DIGITS, ROOT, data, good, refused, tenon_command

BLOCK = ROOT / "examples" / "transformer_block" / "transformer_block_new.onnx"
COMMANDS = ("info", "run", "bench", "ops", "explain", "profile", "verify", "optimize", "convert", "test", "completion", "man")
WIDE = model("""g (float[4,4] x) => (float[4,4] y) <float[4,4] w = {1,2,3,4, 5,6,7,8, 1,2,3,4, 5,6,7,8}> {
  [first] a = MatMul(x, w)
  [second] b = Sin(a)
  [third] c = Cos(b)
  [fourth] y = Add(c, x)
}""")


@pytest.fixture
def wide(tmp_path):
    path = tmp_path / "wide.onnx"
    path.write_bytes(WIDE)
    return path


# ---- providers ----

def test_run_and_bench_take_providers(wide):
    alone = data("run", wide, "--seed", "3")["outputs"]
    over_two = data("run", wide, "--seed", "3", "--provider", "TestDevice:ops=MatMul,Cos,fuse=0", "--provider", "CPU")["outputs"]
    assert np.allclose(alone[0]["first"], over_two[0]["first"], rtol=1e-5)
    assert "TestDeviceExecutionProvider: 2 of 4 nodes" in tenon_command("run", wide, "--provider", "TestDevice:ops=MatMul,Cos").stderr
    assert data("bench", wide, "--repeats", "2", "--provider", "TestDeviceExecutionProvider")["runs"] == 2


@pytest.mark.parametrize("text, code, message", [(":a=b", 2, "--provider"), ("TestDevice:Conv", 2, "'Conv'"), ("TestDevice:nonsense=1", 1, "nonsense"),
                                                 ("NoSuchProvider", 1, "NoSuchProvider")])
def test_wrong_providers(wide, text, code, message):
    assert message in refused(code, "run", wide, "--provider", text)


# ---- explain ----

def test_explain(wide):
    text = good("explain", wide, "--provider", "TestDevice:ops=MatMul,Cos,Add", "--level", "0")
    for fact in ("4 nodes in the model, 4 at level 0", "placement: TestDeviceExecutionProvider: 3 of 4 nodes in 2 groups",
                 "CPUExecutionProvider: 1 nodes\n    Sin 1", "TestDeviceExecutionProvider: 1 nodes (Sin 1): ", "\n    second\n",
                 "TestDeviceExecutionProvider -> host  64 B  a", "host -> TestDeviceExecutionProvider  64 B  x", "constants"):
        assert fact in text, (fact, text)
    assert "refusals" not in good("explain", wide)


def test_explain_rewrites():
    report = data("explain", DIGITS)
    text = good("explain", DIGITS, "--nodes")
    assert f"{report['nodes_loaded']} nodes in the model, {report['nodes_final']} at level 99" in text
    assert report["rewrites"] and all(r["pass"] in text for r in report["rewrites"])
    assert all(m["reason"] in text for m in report["near_misses"])
    assert "rewrites: 0" in good("explain", DIGITS, "--level", "0")


def test_explain_json_is_the_load_report(wide):
    so = tenon.SessionOptions()
    so.log_severity_level = 3
    want = tenon.InferenceSession(str(wide), so, providers=[("TestDeviceExecutionProvider", {"ops": "MatMul,Cos"}), "CPUExecutionProvider"]).load_report()
    got = data("explain", wide, "--provider", "TestDevice:ops=MatMul,Cos")
    for changing in (want, got):
        changing.pop("stage_ms")
    assert got == want


def test_explain_html(wide, tmp_path):
    page = tmp_path / "page.html"
    assert good("explain", wide, "--provider", "TestDevice:ops=MatMul", "--html", page).strip() == str(page)
    text = page.read_text()

    class Reader(html.parser.HTMLParser):
        tags, words = [], []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)
            assert not {"src", "href"} & {name for name, _ in attrs}, "the page needs another file"

        def handle_data(self, text):
            self.words.append(text)

    reader = Reader()
    reader.feed(text)
    assert reader.tags.count("table") >= 4 and {"Placement", "Refusals", "Copies per run", "second"} <= set(reader.words)
    assert "http" not in text
    assert "--html" in refused(2, "explain", wide, "--json", "--html", page)


def test_explain_html_escapes_names(tmp_path):
    m = onnx.load_from_string(WIDE)
    m.graph.node[1].name = "<script>&"
    onnx.save(m, tmp_path / "m.onnx")
    good("explain", tmp_path / "m.onnx", "--html", tmp_path / "p.html")
    assert "&lt;script&gt;&amp;" in (tmp_path / "p.html").read_text() and "<script" not in (tmp_path / "p.html").read_text()


# ---- profile ----

def test_profile(wide, tmp_path):
    got = data("profile", wide, "--runs", "3", "--level", "0", "--prefix", tmp_path / "trace")
    assert {r["node"]: (r["op"], r["calls"]) for r in got["rows"]} == {"first": ("MatMul", 3), "second": ("Sin", 3), "third": ("Cos", 3), "fourth": ("Add", 3)}
    times = [r["us_per_run"] for r in got["rows"]]
    assert times == sorted(times, reverse=True) and got["runs"] == 3
    events = json.loads(open(got["trace"]).read())
    assert sum(e["cat"] == "Node" for e in events) == 4 * 4
    text = good("profile", DIGITS, "--top", "2", "--prefix", tmp_path / "digits")
    assert "more" in text and "3 runs" not in text and f"trace: {tmp_path / 'digits'}" in text
    assert len(data("profile", BLOCK, "--by-op", "--runs", "1", "--prefix", tmp_path / "b", "--top", "1")["rows"]) == 1
    assert "does not exist" in refused(1, "profile", wide, "--prefix", tmp_path / "none" / "trace")


def test_profile_adds_up(tmp_path):
    """Per node or per operator: the same nodes, the same calls."""
    by_node = data("profile", BLOCK, "--runs", "2", "--top", "1000", "--prefix", tmp_path / "a")["rows"]
    by_op = data("profile", BLOCK, "--runs", "2", "--top", "1000", "--by-op", "--prefix", tmp_path / "b")["rows"]
    count = lambda op: sum(r["calls"] for r in by_node if r["op"] == op)  # noqa: E731
    assert by_op and {r["op"]: r["calls"] for r in by_op} == {op: count(op) for op in {r["op"] for r in by_node}}


# ---- verify ----

def test_verify_agrees(wide):
    got = data("verify", DIGITS)
    assert got["agree"] and got["first"] is None and got["compared"] >= 1 and got["max_difference"] < 1e-3
    got = data("verify", wide, "level=0", "level=0")
    assert got["agree"] and got["compared"] == got["identical"] == 4 and got["max_difference"] == 0
    text = good("verify", BLOCK, "level=99", "level=99;threads=1;provider=TestDevice:ops=MatMul,Add,async=1")
    assert "agree" in text


def test_verify_finds_the_first_difference(wide):
    """No tolerance at all: what a level rounds differently shows, at a value that both have."""
    done = tenon_command("verify", BLOCK, "level=0", "level=99", "--rtol", "0", "--atol", "0", "--json")
    got = json.loads(done.stdout)
    assert done.returncode == 1 and not got["agree"] and 0 < got["max_difference"] < 1e-3
    assert got["first"]["max_difference"] > 0 and got["outputs"][0]["value"] == onnx.load(BLOCK, load_external_data=False).graph.output[0].name
    done = tenon_command("verify", BLOCK, "--rtol", "0", "--atol", "0")
    assert done.returncode == 1 and "first difference: " in done.stdout and "\noutput " in done.stdout


def test_verify_names_the_node(tmp_path):
    """Values that a level computes in another order, named with the nodes that make them in both."""
    got = json.loads(tenon_command("verify", BLOCK, "level=0", "level=99", "--rtol", "0", "--atol", "0", "--json").stdout)
    names = {n.name: n.op_type for n in onnx.load(BLOCK, load_external_data=False).graph.node}
    assert got["values"] and all(names.get(v["node"]) == v["op"] for v in got["values"])
    order = [o for n in onnx.load(BLOCK, load_external_data=False).graph.node for o in n.output]
    at = [order.index(v["value"]) for v in got["values"]]
    assert at == sorted(at) and got["first"]["value"] == got["values"][0]["value"]


def test_verify_sees_what_devices_make(wide):
    got = data("verify", wide, "level=0", "level=0 provider=TestDevice:ops=MatMul,Cos,async=1,max_delay_us=1000")
    assert got["compared"] == 4 and got["agree"]  # a and c are copied to the host


@pytest.mark.parametrize("text", ["level=7", "threads=many", "levels=1", "nonsense", "provider=:x"])
def test_wrong_configurations(wide, text):
    assert text.split("=")[-1] in refused(2, "verify", wide, text)


# ---- optimize, convert ----

@pytest.mark.parametrize("level", [0, 1, 99])
def test_optimize(tmp_path, level):
    out = tmp_path / "out.onnx"
    got = data("optimize", BLOCK, out, "--level", level)
    assert got["nodes_final"] == len([n for n in onnx.load(out).graph.node if n.op_type != "Constant"]) and got["bytes"] == out.stat().st_size
    assert (got["nodes_final"] < got["nodes_loaded"]) == (got["rewrites"] > 0) == (level > 1)
    want, found = (data("run", m, "--seed", "5")["outputs"][0]["first"] for m in (BLOCK, out))
    assert np.allclose(want, found, atol=1e-5)


def test_convert_there_and_back(tmp_path):
    split, whole = tmp_path / "split.onnx", tmp_path / "whole.onnx"
    got = data("convert", DIGITS, split, "--external", "weights.bin", "--min-bytes", "64")
    assert got["external_bytes"] == (tmp_path / "weights.bin").stat().st_size > split.stat().st_size - 4096
    assert any(t.data_location == onnx.TensorProto.EXTERNAL for t in onnx.load(split, load_external_data=False).graph.initializer)
    good("convert", split, whole, "--embed")
    (tmp_path / "weights.bin").unlink()
    assert all(t.data_location != onnx.TensorProto.EXTERNAL for t in onnx.load(whole, load_external_data=False).graph.initializer)
    arrays = lambda path: {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}  # noqa: E731
    before, after = arrays(DIGITS), arrays(whole)
    assert before.keys() <= after.keys() and all(np.array_equal(before[k], after[k]) for k in before)
    assert data("run", whole, "--seed", "5")["outputs"] == data("run", DIGITS, "--seed", "5")["outputs"]


def test_wrong_conversions(tmp_path):
    assert "--embed" in refused(2, "convert", DIGITS, tmp_path / "o.onnx")
    assert "'a/b'" in refused(2, "convert", DIGITS, tmp_path / "o.onnx", "--external", "a/b")
    assert "--external" in refused(2, "convert", DIGITS, tmp_path / "o.onnx", "--external", "o.onnx")
    assert refused(2, "convert", DIGITS, tmp_path / "o.onnx", "--embed", "--external", "x")
    assert refused(2, "optimize", DIGITS, tmp_path / "o.onnx", "--min-bytes", "3")
    assert not (tmp_path / "o.onnx").exists()
    assert refused(1, "optimize", DIGITS, tmp_path / "nowhere" / "o.onnx")


# ---- completion, man ----

def complete(*words):
    """What bash offers for the last of these words."""
    script = f'eval "$("$0" completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tenon; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-eu", "-c", script, str(COMMAND), *words], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completion():
    assert set(COMMANDS) <= set(complete("tenon", ""))
    assert complete("tenon", "exp") == ["explain"]
    assert "--seconds" in complete("tenon", "bench", "--s") and "--seconds" not in complete("tenon", "run", "--s")
    assert set(complete("tenon", "run", "--level", "")) == {"0", "1", "2", "3", "99"}
    assert set(complete("tenon", "completion", "")) == {"bash", "zsh", "fish"}
    assert complete("tenon", "run", "README") == ["README.md"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_completions(shell):
    text = good("completion", shell)
    assert all(command in text for command in COMMANDS) and "by-op" in text and "99" in text
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=text, text=True, capture_output=True).returncode == 0
    assert "bash" in refused(2, "completion", "tcsh")


def test_manual():
    page = good("man")
    assert page.startswith(".TH TENON 1") and all(f".SS tenon {command}\n" in page for command in COMMANDS)
    assert "\\-\\-provider" in page and "Default: 99" in page
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, text=True, capture_output=True)
        assert done.returncode == 0 and done.stderr == "" and "explain" in done.stdout


def test_every_option_is_documented():
    """docs/cli.md names every command and option."""
    text = (ROOT / "docs" / "cli.md").read_text()
    for command in COMMANDS:
        assert f"tenon {command}" in text
        for option in re.findall(r"--[a-z-]+", good(command, "--help")):
            assert option in text, (command, option)
