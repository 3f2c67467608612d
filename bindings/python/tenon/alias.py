"""python -m tenon.alias install|remove [--target DIR]: an `onnxruntime` package that is Tenon, in an environment.

`install` puts the package and its metadata beside Tenon, so that `import onnxruntime`, pip and importlib.metadata find version
1.32.0 of it. It refuses where a real onnxruntime is. `remove` takes away what `install` wrote, and nothing else."""
from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import os
import pathlib
import shutil
import sys
import sysconfig

from ._tenon import version
from .install import _FOLDER, ONNXRUNTIME_VERSION

_INFO = f"onnxruntime-{ONNXRUNTIME_VERSION}.dist-info"
_METADATA = f"""Metadata-Version: 2.1
Name: onnxruntime
Version: {ONNXRUNTIME_VERSION}
Summary: Tenon {version()} under the name onnxruntime
License: Apache-2.0
Requires-Dist: numpy
"""
_WHEEL = """Wheel-Version: 1.0
Generator: tenon.alias
Root-Is-Purelib: true
Tag: py3-none-any
"""


def _default_target() -> pathlib.Path:
    return pathlib.Path(sysconfig.get_paths()["purelib"])


def _infos(target: pathlib.Path) -> list[pathlib.Path]:
    names = ("onnxruntime-", "onnxruntime_")
    return [p for p in target.glob("onnxruntime*.dist-info") if p.name.startswith(names)]


def _is_ours(info: pathlib.Path) -> bool:
    installer = info / "INSTALLER"
    return installer.is_file() and installer.read_text().strip() == "tenon"


def install(target: str | os.PathLike | None = None) -> pathlib.Path:
    """Writes the package into `target` (default: this interpreter's site-packages) and returns the folder of the metadata.

    FileExistsError where another onnxruntime is."""
    root = pathlib.Path(target) if target else _default_target()
    for info in _infos(root):
        if not _is_ours(info) and (info.name.startswith("onnxruntime-") or _owns_package(info)):
            raise FileExistsError(f"{info} belongs to another onnxruntime: pip uninstall {info.name.rsplit('-', 1)[0].replace('_', '-')} first")
    if (root / "onnxruntime").exists() and not any(_is_ours(i) for i in _infos(root)):
        raise FileExistsError(f"{root / 'onnxruntime'} exists and is not of tenon.alias")
    remove(target)
    written = []
    for source in sorted(pathlib.Path(_FOLDER).rglob("*.py")):
        place = pathlib.Path("onnxruntime") / source.relative_to(_FOLDER)
        _write(root, place, source.read_bytes(), written)
    for name, text in {"METADATA": _METADATA, "WHEEL": _WHEEL, "INSTALLER": "tenon\n", "top_level.txt": "onnxruntime\n"}.items():
        _write(root, pathlib.Path(_INFO) / name, text.encode(), written)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*written, (f"{_INFO}/RECORD", "", "")])
    (root / _INFO / "RECORD").write_text(out.getvalue())
    return root / _INFO


def _owns_package(info):
    record = info / "RECORD"
    return record.is_file() and "\nonnxruntime/__init__.py," in "\n" + record.read_text()


def _write(root, place, data, written):
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    written.append((place.as_posix(), f"sha256={digest}", len(data)))


def remove(target: str | os.PathLike | None = None) -> bool:
    """Removes what install() wrote; False when there is nothing of it."""
    root = pathlib.Path(target) if target else _default_target()
    found = False
    for info in _infos(root):
        if not _is_ours(info):
            continue
        found = True
        with open(info / "RECORD", newline="", encoding="utf-8") as f:
            files = [root / row[0] for row in csv.reader(f) if row]
        folders = set()
        for path in files:
            if root.resolve() not in path.resolve().parents:
                raise ValueError(f"{info / 'RECORD'} names {path}, which is not in {root}")
            path.unlink(missing_ok=True)
            folders.update(p for p in path.parents if root in p.parents)
        for folder in sorted(folders, key=lambda p: -len(p.parts)):
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tenon.alias", description="An onnxruntime package that is Tenon, in an environment.")
    parser.add_argument("action", choices=["install", "remove"])
    parser.add_argument("--target", help="folder of packages; default: this interpreter's site-packages")
    given = parser.parse_args(arguments)
    try:
        if given.action == "install":
            print(f"installed: {install(given.target)}")
        else:
            print("removed" if remove(given.target) else "nothing to remove")
    except OSError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
