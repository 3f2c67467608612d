"""Name and version, where onnxruntime has them."""
from tenon.install import ONNXRUNTIME_VERSION as __version__  # noqa: F401

package_name = "onnxruntime"
