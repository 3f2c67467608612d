"""com.microsoft Tokenizer on random strings, against onnxruntime."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import tenon

RULES = [dict(separators=[" "]), dict(separators=[" ", r"\.+"]), dict(separators=["a|aa"]), dict(separators=[""]),
         dict(tokenexp="[a-z]+"), dict(tokenexp="."), dict(tokenexp="b*"), dict(tokenexp="a|ab|é.")]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_agrees(rule, seed):
    rng = np.random.RandomState(seed)
    dims = [(5,), (2, 3)][rng.randint(2)]
    words = ["".join(rng.choice(list("aabbc. é"), rng.randint(0, 12))) for _ in range(int(np.prod(dims)))]
    x = np.array(words, object).reshape(dims)
    shortest = 1 if rule in (dict(separators=[""]), dict(tokenexp=".")) else int(rng.randint(1, 3))
    node = helper.make_node("Tokenizer", ["x"], ["y"], domain="com.microsoft", mark=int(rng.randint(2)), pad_value="#",
                            mincharnum=shortest, **rule)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.STRING, dims)],
                              [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
                              ir_version=10).SerializeToString()
    want, got = (m.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
                 for m in (onnxruntime, tenon))
    assert got.shape == want.shape and (got == want).all()
