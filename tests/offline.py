"""Tiny wheels, written by hand, so that a whole `start.py` can be tried without a network.

The module is also the build backend (PEP 517 and 660) of the stand-in course that `test_start` makes.
"""
import base64
import hashlib
import os
import zipfile
from pathlib import Path


def write_wheel(folder, name, version, files):
    """Write a wheel that holds `files` (path -> text) into `folder`; return its file name."""
    info = f"{name}-{version}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: offline\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    record = "".join(f"{path},{_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    wheel = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # without the hour: the same files, the same hash
    return wheel


def pin(folder, release):
    """The line of a requirements file for a wheel in the folder, `release` such as ``standin-1.0``, with its hash."""
    [wheel] = Path(folder).glob(f"{release}-*.whl")
    return f"{release.replace('-', '==')} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _digest(text):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, "livegrad", "0", {"livegrad.pth": os.path.abspath("lib") + "\n"})
