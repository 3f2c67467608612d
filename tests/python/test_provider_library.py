"""Providers from a library under tests/plugins: found by name and as devices, in sessions, let go when nobody uses them."""
import gc
import pathlib

import numpy as np
import pytest
import tenon
from api_models import model
from tenon import errors

PLUGINS = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "plugins"
NAME = "EverythingExecutionProvider"
CHAIN = model("chain (float[N] x) => (float[N] y) { a = Neg(x)  b = Abs(a)  c = Relu(b)  y = Neg(c) }")
X = np.float32([1, -2])

pytestmark = pytest.mark.skipif(not PLUGINS.exists(), reason="the libraries of tests/plugins are not built")


@pytest.fixture
def library():
    tenon.register_execution_provider_library("tests", PLUGINS / "provider.so")
    yield
    gc.collect()
    tenon.unregister_execution_provider_library("tests")


def session(options=None, **kwargs):
    quiet = tenon.SessionOptions()
    quiet.log_severity_level = 3
    return tenon.InferenceSession(CHAIN, quiet, providers=[(NAME, options or {})], **kwargs)


def test_by_name(library):
    s = session({"memory": 1, "streams": 1})
    assert s.get_providers() == [NAME, "CPUExecutionProvider"] and s.get_provider_options()[NAME] == {"memory": "1", "streams": "1"}
    np.testing.assert_array_equal(s.run(None, {"x": X})[0], [-1, -2])
    placement = s.load_report()["placement"]
    assert placement["summary"].startswith(f"{NAME}: 3 of 4 nodes in 2 groups, 4 copies")
    assert [r["reason"] for r in placement["refusals"]] == ["Relu is not in its list"]
    assert NAME not in tenon.get_available_providers()


def test_by_device(library):
    cpu, device = tenon.get_ep_devices()
    assert (device.ep_name, device.ep_vendor, device.ep_metadata) == (NAME, "Tests", {"version": "7"})
    assert (device.device.type, device.device.vendor_id, device.device.device_id) == (tenon.OrtHardwareDeviceType.NPU, 0xABCD, 3)
    options = tenon.SessionOptions()
    options.log_severity_level = 3
    options.add_provider_for_devices([device], {"fuse": "0"})
    s = tenon.InferenceSession(CHAIN, options)
    assert {n["provider"] for n in s.load_report()["placement"]["nodes"]} == {NAME, "CPUExecutionProvider"}
    np.testing.assert_array_equal(s.run(None, {"x": X})[0], [-1, -2])


def test_is_kept_while_in_use(library):
    s = session()
    with pytest.raises(errors.Fail, match="in use"):
        tenon.unregister_execution_provider_library("tests")
    np.testing.assert_array_equal(s.run(None, {"x": X})[0], [-1, -2])


def test_errors(library):
    with pytest.raises(errors.InvalidArgument, match='registered as "tests" already'):
        tenon.register_execution_provider_library("tests", str(PLUGINS / "provider.so"))
    with pytest.raises(errors.InvalidArgument, match=f"a provider {NAME} already"):
        tenon.register_execution_provider_library("again", str(PLUGINS / "provider.so"))
    for name, kind, text in (("ops", errors.Fail, "exports no tenon_providers"), ("future_api", errors.Fail, "version 2"),
                             ("ort", errors.NotImplemented, "CreateEpFactories"), ("broken", errors.InvalidArgument, "CPUExecutionProvider")):
        with pytest.raises(kind, match=text):
            tenon.register_execution_provider_library("other", str(PLUGINS / f"{name}.so"))
    with pytest.raises(errors.Error, match="unknown option colour"):
        session({"colour": "blue"})
    s = session({"fail": "run"})
    with pytest.raises(errors.Fail, match="told to fail in run"):
        s.run(None, {"x": X})


def test_is_gone_when_unregistered():
    tenon.register_execution_provider_library("tests", str(PLUGINS / "provider.so"))
    tenon.unregister_execution_provider_library("tests")
    with pytest.warns(UserWarning, match=NAME):
        assert session().get_providers() == ["CPUExecutionProvider"]
    assert len(tenon.get_ep_devices()) == 1
