"""The include checker notices edges that point up, confined headers and long files, and lets legal ones pass."""
import importlib.util
import pathlib

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_includes.py"
CASES = [
    ("src/graph/a.cc", '#include "base/error.h"\n', 0),
    ("src/graph/a.cc", '#include "tenon/value.h"\n#include <vector>\n', 0),
    ("src/exec/a.cc", '#include "graph/graph.h"\n', 0),  # reached through plan
    ("src/session/a.cc", '#include "onnx/model.h"\n#include "exec/run.h"\n', 0),
    ("src/graph/a_test.cc", '#include "session/session.h"\n', 0),
    ("src/graph/a.cc", '#include "ops/op.h"\n', 1),
    ("src/base/a.h", '#include "graph/graph.h"\n', 1),
    ("src/kernels/simd/a.cc", '  #  include "ops/op.h"\n', 1),
    ("src/passes/a.cc", '#include "onnx/model.h"\n', 1),
    ("src/session/a.cc", '#include "api/c_api.h"\n', 1),
    ("src/graph/a.cc", "#include <protozero/pbf_reader.hpp>\n", 1),
    ("src/onnx/a.cc", "#include <protozero/pbf_reader.hpp>\n", 0),
    ("src/onnx/a.cc", "#include <sys/mman.h>\n", 1),
    ("src/memory/a.cc", "#include <sys/mman.h>\n", 0),
    ("include/tenon/a.h", "#include <fmt/format.h>\n", 1),
    ("include/tenon/a.h", '#include "base/error.h"\n', 1),
    ("src/graph/a.cc", '#include "nowhere.h"\n', 1),
    ("src/attic/a.cc", "", 1),
    ("src/graph/a.cc", "\n" * 601, 0),  # a warning
    ("src/graph/a.cc", "\n" * 1001, 1),
]


@pytest.mark.parametrize("name,text,status", CASES)
def test_check_includes(tmp_path, monkeypatch, name, text, status):
    spec = importlib.util.spec_from_file_location("check_includes", SCRIPT)
    checker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checker)
    monkeypatch.setattr(checker, "ROOT", tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert checker.main() == status
