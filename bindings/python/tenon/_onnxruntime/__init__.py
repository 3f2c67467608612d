"""Tenon under the name onnxruntime."""
import tenon as _package
from tenon import *  # noqa: F403
from tenon import cuda_version  # noqa: F401
from tenon.install import ONNXRUNTIME_VERSION as __version__

from . import capi  # noqa: F401

__tenon__ = _package.__version__
__author__ = "Tenon"
package_name = "onnxruntime"
version = __version__


def get_version_string() -> str:
    """Version of onnxruntime that this stands for."""
    return __version__
