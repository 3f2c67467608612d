"""libtenon.so exports what include/tenon marks TENON_API and nothing else; its exceptions reach a client built apart."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "build" / "release" / "lib"
MARKED = re.compile(r"^\s*(?:(?:class|struct) TENON_API (?P<type>\w+)|TENON_API [^/;(]*?(?P<function>\w+)\()", re.M)

CLIENT = """
#include <cstdio>
#include <functional>
#include <typeinfo>

#include "tenon/tenon.h"

class Pages final : public tenon::Allocator {  // the interface that clients implement
  void* alloc(size_t, size_t, void*) noexcept override { return nullptr; }
  void free(void*) noexcept override {}
};

template <class F>
int code_of(F&& f) {
  try {
    f();
  } catch (const tenon::Error& e) {
    return e.what()[0] ? static_cast<int>(e.code()) : -1;
  } catch (...) {
    return -2;
  }
  return 0;
}

int main() {
  using enum tenon::ErrorCode;
  const int64_t negative[] = {-1};
  const int missing = code_of([] { tenon::Session("no/such/file.onnx", {}); });
  const int dims = code_of([&] { tenon::Value::tensor(tenon::DType::kFloat, negative); });
  bool by_base = false;  // the type_info of the library's Error leads to std::exception
  try {
    tenon::Session("no/such/file.onnx", {});
  } catch (const std::exception& e) {
    by_base = typeid(e) == typeid(tenon::Error);
  }
  const tenon::Allocator& pages = Pages();
  std::printf("%d %d %d %s %s\\n", missing == static_cast<int>(kNoSuchFile), dims == static_cast<int>(kInvalidArgument),
              by_base, pages.name().c_str(), tenon::version().c_str());
}
"""


def declared():
    """Names of the marked classes and of the marked functions."""
    text = "".join(h.read_text() for h in (ROOT / "include" / "tenon").glob("*.h") if h.name != "export.h")
    marks = list(MARKED.finditer(text))
    assert len(marks) == text.count("TENON_API")
    classes = {m["type"] for m in marks if m["type"]}
    functions = {m["function"] for m in marks if m["function"]}
    return classes, functions


def exported():
    if not (LIBRARY / "libtenon.so").exists():
        pytest.skip("build/release/lib/libtenon.so is not built")
    out = subprocess.run(["nm", "-DC", "--defined-only", str(LIBRARY / "libtenon.so")], check=True, capture_output=True, text=True).stdout
    return {line.split(maxsplit=2)[2] for line in out.splitlines()}


def test_the_headers_mark_classes_and_functions():
    classes, functions = declared()
    assert {"Session", "Value", "Error", "Allocator"} <= classes and {"version", "dtype_name", "json"} <= functions


def test_nothing_else_is_exported():
    classes, functions = declared()
    of_class = re.compile(r"(typeinfo for |typeinfo name for |vtable for )?tenon::(" + "|".join(classes) + r")(::[~\w= ]+(\(.*)?)?$")
    function = re.compile(r"tenon::(LoadReport::|SessionOptions::)?(" + "|".join(functions) + r")(\[abi:cxx11\])?\(.*")
    for name in exported():
        plain = name.replace("[abi:cxx11]", "")
        assert of_class.match(plain) or function.match(name), name


def test_everything_declared_is_exported():
    classes, functions = declared()
    names = exported()
    for name in classes:
        assert any(f"tenon::{name}::" in n or n.endswith(f"for tenon::{name}") for n in names), name
    for name in functions:
        assert any(re.match(rf"tenon::(LoadReport::|SessionOptions::)?{name}(\[abi:cxx11\])?\(", n) for n in names), name


@pytest.mark.parametrize("flags", [[], ["-fvisibility=hidden", "-O2"]], ids=["default", "hidden"])
def test_a_client_catches_the_errors(tmp_path, flags):
    exported()
    source, program = tmp_path / "client.cc", tmp_path / "client"
    source.write_text(CLIENT)
    subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", *flags, f"-I{ROOT}/include", str(source), f"-L{LIBRARY}", "-ltenon", "-o", str(program)], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": str(LIBRARY)}, timeout=60)
    version = re.search(r"project\(tenon VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert done.stdout.split() == ["1", "1", "1", "Cpu", version], done.stdout + done.stderr
