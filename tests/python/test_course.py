"""The course's scripts, written for onnxruntime, run with `import tenon as ort` and nothing else changed.

(a) optimisation levels with the optimised model saved, loaded by onnx and counted; (b) the profile of ten runs; (c) a loop over the available
providers with warm-up and timing, and a session that asks for providers that are not there."""
import collections
import json
import pathlib
import re
import time

import numpy as np
import onnx
import onnxruntime
import pytest
import tenon as ort

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = ROOT / "examples" / "transformer_block" / "transformer_block_new.onnx"
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
LEVELS = {
    "DISABLED": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "BASIC": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "EXTENDED": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "ALL": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def sample(path, seed=0):
    rng = np.random.default_rng(seed)
    if path == BLOCK:
        return {"input": rng.standard_normal((2, 24, 256), dtype=np.float32)}
    return {"image": rng.random((5, 1, 8, 8), dtype=np.float32)}


@pytest.mark.parametrize("path", [BLOCK, DIGITS], ids=lambda p: p.stem)
def test_levels_and_saved_models(path, tmp_path):
    feeds, counts, outputs = sample(path), {}, {}
    for name, level in LEVELS.items():
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(tmp_path / f"optimized_{name}.onnx")
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        outputs[name] = session.run(None, feeds)[0]
        optimized = onnx.load(options.optimized_model_filepath)
        counts[name] = len(optimized.graph.node)
        onnx.checker.check_model(options.optimized_model_filepath)
        # What was saved is the model that ran, weights included: it gives the same here and in onnxruntime.
        for module in (ort, onnxruntime):
            again = module.InferenceSession(options.optimized_model_filepath, providers=["CPUExecutionProvider"]).run(None, feeds)[0]
            np.testing.assert_allclose(again, outputs[name], rtol=1e-4, atol=1e-5, err_msg=f"{name} saved, run by {module.__name__}")
        np.testing.assert_allclose(outputs[name], outputs["DISABLED"], rtol=1e-4, atol=1e-5, err_msg=name)
    original = len(onnx.load(str(path)).graph.node)
    assert original >= counts["DISABLED"] >= counts["BASIC"] >= counts["EXTENDED"] > 0, counts
    assert counts["DISABLED"] >= counts["ALL"] > 0, counts  # ALL may add layout converters to what EXTENDED left
    reference = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    np.testing.assert_allclose(outputs["ALL"], reference, rtol=1e-4, atol=1e-5)
    if path == BLOCK:
        assert counts["ALL"] < counts["DISABLED"], counts


def test_profile_of_ten_runs(tmp_path):
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "course_profile")
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    session = ort.InferenceSession(str(BLOCK), options, providers=["CPUExecutionProvider"])
    for i in range(10):
        session.run(None, sample(BLOCK, i))
    profile_file = session.end_profiling()
    assert re.fullmatch(re.escape(options.profile_file_prefix) + r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\S*\.json", profile_file), profile_file
    with open(profile_file) as f:
        events = json.load(f)
    assert isinstance(events, list)
    for event in events:
        assert {"cat", "pid", "tid", "ts", "dur", "ph", "name", "args"} <= set(event), event
    nodes = [e for e in events if e["cat"] == "Node"]
    by_op, runs_of, index_of = collections.Counter(), collections.Counter(), collections.defaultdict(set)
    for event in nodes:
        assert event["ph"] == "X" and event["dur"] >= 0 and event["name"].endswith("_kernel_time"), event
        assert event["args"]["provider"] == "CPUExecutionProvider"
        by_op[event["args"]["op_name"]] += event["dur"]
        runs_of[event["name"]] += 1
        index_of[event["name"]].add(int(event["args"]["node_index"]))
    # Each node that is left was run ten times under one index of its own.
    assert len(runs_of) == len(onnx.load(options.optimized_model_filepath).graph.node)
    assert set(runs_of.values()) == {10}, runs_of
    assert all(len(found) == 1 for found in index_of.values()) and len(set.union(*index_of.values())) == len(index_of)
    assert sum(by_op.values()) > 0 and any("MatMul" in op or "Gemm" in op for op in by_op), by_op
    names = collections.Counter(e["name"] for e in events if e["cat"] == "Session")
    assert names["model_run"] == 10 and names["session_initialization"] == 1, names
    run_time = sum(e["dur"] for e in events if e["name"] == "model_run")
    assert sum(by_op.values()) <= run_time, "the nodes of a sequential run take longer than the run"


def test_every_available_provider():
    providers = ort.get_available_providers()
    assert "CPUExecutionProvider" in providers and providers[-1] == "CPUExecutionProvider"
    feeds, results = sample(BLOCK), {}
    for provider in providers:
        session = ort.InferenceSession(str(BLOCK), providers=[provider])
        for _ in range(3):
            session.run(None, feeds)
        start = time.perf_counter()
        for _ in range(10):
            out = session.run(None, feeds)
        results[provider] = ((time.perf_counter() - start) / 10, out[0])
    for provider, (seconds, out) in results.items():
        assert 0 < seconds < 5, provider
        np.testing.assert_allclose(out, results["CPUExecutionProvider"][1], rtol=1e-3, atol=1e-4, err_msg=provider)


def course_options(mode=None, intra=2):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = True
    options.enable_mem_reuse = True
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL if mode is None else mode
    options.intra_op_num_threads = intra
    options.inter_op_num_threads = 1
    return options


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_providers_that_are_not_there_fall_back_to_the_cpu():
    wanted = [
        ("TensorrtExecutionProvider", {"device_id": 0, "trt_max_workspace_size": 2 << 30, "trt_fp16_enable": True, "trt_engine_cache_enable": True}),
        ("CUDAExecutionProvider", {"device_id": 0, "arena_extend_strategy": "kNextPowerOfTwo", "cudnn_conv_algo_search": "EXHAUSTIVE"}),
        "CPUExecutionProvider",
    ]
    missing = [p for p in ("TensorrtExecutionProvider", "CUDAExecutionProvider") if p not in ort.get_available_providers()]
    if missing:
        with pytest.warns(UserWarning, match=missing[0]):
            session = ort.InferenceSession(str(BLOCK), sess_options=course_options(), providers=wanted)
    else:
        session = ort.InferenceSession(str(BLOCK), sess_options=course_options(), providers=wanted)
    used = session.get_providers()
    assert used[-1] == "CPUExecutionProvider" and not set(missing) & set(used)
    cpu = ort.InferenceSession(str(BLOCK), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, sample(BLOCK))[0], cpu.run(None, sample(BLOCK))[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mode", ["ORT_SEQUENTIAL", "ORT_PARALLEL"])
@pytest.mark.parametrize("pattern", [True, False])
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("threads", [1, 4])
def test_memory_and_thread_options(mode, pattern, reuse, threads):
    """Options change how a run is done, never what it gives; shapes change from run to run."""
    options = course_options(getattr(ort.ExecutionMode, mode), threads)
    options.enable_mem_pattern, options.enable_mem_reuse = pattern, reuse
    assert (options.enable_mem_pattern, options.enable_mem_reuse, options.intra_op_num_threads) == (pattern, reuse, threads)
    session = ort.InferenceSession(str(BLOCK), options, providers=["CPUExecutionProvider"])
    with np.load(BLOCK.with_suffix(".npz")) as stored:
        for _ in range(2):
            for i in range(3):
                got = session.run(["output"], {"input": stored[f"{i}.in.input"]})[0]
                np.testing.assert_allclose(got, stored[f"{i}.out.output"], rtol=1e-4, atol=1e-5)
