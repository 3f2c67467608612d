"""Facts about the build, where onnxruntime has them."""
from .build_and_package_info import __version__, package_name


def get_package_name_and_version_info():
    """(package name, version, version of CUDA: "")."""
    return package_name, __version__, ""


def check_distro_info() -> None:
    """Accepts every system."""
