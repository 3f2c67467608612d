"""The 2,036 backend cases of the `onnx` package: node, simple, real, pytorch-converted, pytorch-operator."""
import dataclasses
import functools
import pathlib
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.model import collect_testcases
from onnx.backend.test.loader import load_model_tests

PACKAGE = pathlib.Path(onnx.__file__).parent.parent
TOTAL = 2036


@dataclasses.dataclass
class Case:
    name: str
    kind: str
    model: onnx.ModelProto
    data_sets: list  # [(inputs, outputs)]: arrays, lists of them for sequences, None for an empty optional
    rtol: float
    atol: float

    @property
    def op(self):
        """The operator that a node case is about; the kind for the others. An expanded case is named after its function."""
        if self.kind != "node":
            return self.kind
        nodes = self.model.graph.node
        if "_expanded" not in self.name and len(nodes) == 1:
            return nodes[0].op_type
        return _EXPANDED.get(self.name.split("_expanded")[0], nodes[-1].op_type)


_EXPANDED = {}  # name of a case before expansion: its operator


@functools.cache
def load_cases():
    """Every case, in a fixed order. Making the node cases takes about ten seconds, once per process."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        node = load_model_tests(kind="node")
    cases = [Case(c.name, "node", c.model, [tuple([_value(v) for v in side] for side in s) for s in c.data_sets], c.rtol, c.atol) for c in node]
    _EXPANDED.update({c.name: c.model.graph.node[0].op_type for c in node if len(c.model.graph.node) == 1 and "_expanded" not in c.name})
    for c in collect_testcases():
        if c.model is not None:
            cases.append(Case(c.name, "simple", c.model, [tuple([_value(v) for v in side] for side in s) for s in c.data_sets], c.rtol, c.atol))
        else:
            cases.append(_light(c))
    for kind in ("pytorch-converted", "pytorch-operator"):
        cases += [_stored(c) for c in sorted(load_model_tests(kind=kind), key=lambda c: c.name)]
    return cases


def _value(v):
    if isinstance(v, onnx.TensorProto):
        return numpy_helper.to_array(v)
    return np.asarray(v) if isinstance(v, np.generic) else v


def _light(c):
    """A zoo architecture with constant weights; the input counts up to one, the expected output lies beside the model."""
    path = PACKAGE / c.url
    model = onnx.load(path)
    weights = {i.name for i in model.graph.initializer}
    feeds = []
    for i in model.graph.input:
        if i.name not in weights:
            shape = [d.dim_value or 1 for d in i.type.tensor_type.shape.dim]
            n = int(np.prod(shape))
            feeds.append((np.arange(n).reshape(shape) / n).astype(np.float32))
    outputs = [_tensor(path.with_name(f"{path.stem}_output_{k}.pb")) for k in range(len(model.graph.output))]
    return Case(c.name, "real", model, [(feeds, outputs)], c.rtol, c.atol)


def _stored(c):
    folder = pathlib.Path(c.model_dir)
    sets = [tuple([_tensor(p) for p in sorted(f.glob(f"{side}_*.pb"), key=lambda p: int(p.stem.split("_")[1]))] for side in ("input", "output"))
            for f in sorted(folder.glob("test_data_set*"))]
    return Case(c.name, c.kind, onnx.load(folder / "model.onnx"), sets, c.rtol, c.atol)


def _tensor(path):
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))
