"""Offline and safe: no network once installed, no file where none belongs, no text of a student evaluated.

That JupyterLab asks for its token and listens on this machine alone is in `test_start`, the hashes of what is installed in
`test_packaging`, and the site without a network in `browser/test_site`.
"""
import ast
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys

import matplotlib
import nbformat
import notebooks
import pytest

ROOT = notebooks.ROOT
LIBRARY = sorted(ROOT.glob("lib/**/*.py"))
PROGRAMS = [ROOT / "start.py", *(path for folder in ("tools", "lite", "deck", "deploy", "benchmarks") for path in sorted(ROOT.glob(f"{folder}/*.py")))]

# Runs its arguments as a command in a network of its own that holds this machine alone.
CUT = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS: up
os.execvp(sys.argv[1], sys.argv[1:])
"""

# Starts a server from Python's arguments, and prints the page that its address leads to. 127.0.0.2 is this machine by another name.
VISIT = """
import re, socket, subprocess, sys, time, urllib.error, urllib.request
with subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as server:
    try:
        address = next(filter(None, (re.search("http://127[.]0[.]0[.]1:([0-9]+)/[^ ]*", line.strip()) for line in server.stdout)))
        for attempt in range(600):  # JupyterLab prints its address a moment before it listens there
            try:
                print(urllib.request.urlopen(address[0]).read().decode())
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        print("answered" if socket.socket().connect_ex(("127.0.0.2", int(address[1]))) == 0 else "refused elsewhere")
    finally:
        server.terminate()
"""


@pytest.fixture
def cut():
    """What to put before a command to cut its network."""
    before = ["unshare", "--map-root-user", "--net", sys.executable, "-c", CUT]
    try:
        done = subprocess.run([*before, "true"], capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"the network cannot be cut here: {error}")
    if done.returncode:
        pytest.skip(f"the network cannot be cut here: {done.stderr.strip().splitlines()[-1]}")
    return before


def run(*command, cwd=ROOT, **variables):
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=os.environ | variables, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def own_places(home, temporary=None):
    """Variables for a home folder by all of its names, and for the place of short-lived files."""
    temporary = temporary or home
    return dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(home)) | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))


# ---- the network


def test_the_network_is_cut(cut):
    look = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=60)"  # an address that no one has
    done = subprocess.run([*cut, sys.executable, "-c", look], capture_output=True, text=True)
    assert "Network is unreachable" in done.stderr


@pytest.mark.parametrize("command, words", [
    (["-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--allow-root"], "<title>JupyterLab"),
    ([ROOT / "lite/build.py", "--no-build", "--serve", "--output", "site"], "the course"),
], ids=["JupyterLab", "a site once built"])
def test_it_is_served_without_a_network_and_to_this_machine_alone(cut, tmp_path, command, words):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("the course")
    said = run(*cut, sys.executable, "-c", VISIT, *command, cwd=tmp_path, **own_places(tmp_path))
    assert words in said and said.endswith("refused elsewhere\n")


@pytest.mark.slow
def test_tests_and_a_notebook_run_without_a_network(cut):
    said = run(*cut, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", "tests/test_mlp.py", "tests/test_refresh.py",
               "tests/test_panels_gradients.py", "tests/test_environment.py", notebooks.lesson("02"))
    assert re.search(r"^\d+ passed in", said, re.MULTILINE)


# ---- files


def test_a_session_leaves_nothing_outside_of_the_course_and_the_users_jupyter_folders(tmp_path, monkeypatch):
    start = load(ROOT / "start.py")
    monkeypatch.setattr(start, "VENV", tmp_path / "course/.venv")
    home, temporary, course = (tmp_path / name for name in ("home", "temporary", "course"))
    for folder in (home, temporary, course / "notebooks"):
        folder.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith(("XDG_", "JUPYTER", "IPYTHON", "MPL"))]:
        monkeypatch.delenv(name)
    shutil.copytree(matplotlib.get_cachedir(), start.VENV / "matplotlib")  # the list of fonts, which it takes seconds to make
    notebook = course / "notebooks/one.ipynb"
    cell = nbformat.v4.new_code_cell("from livegrad.panels.gradients import depth_panel\ndepth_panel()")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), notebook)
    run(sys.executable, ROOT / "tools/refresh.py", notebook, **start.environment() | own_places(home, temporary))
    assert "image/png" in notebook.read_text(encoding="utf-8")
    assert list(temporary.rglob("*")) == []
    jupyter = re.compile(r"\.(ipython|jupyter|local/share/jupyter)/|Library/Jupyter/|jupyter/|Jupyter/")
    strange = [path for path in home.rglob("*") if path.is_file() and not jupyter.match(path.relative_to(home).as_posix())]
    assert strange == []
    assert {path.relative_to(course).parts[0] for path in course.rglob("*")} == {"notebooks", ".venv"}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- what the code may not do


@functools.cache
def mentioned(path):
    """The bare names in a file, its modules, `module.attribute` where that is a name's, and the keywords of its calls."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name) | ast.keyword(arg=str(name)):
                found.add(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                found.add(f"{module}.{name}")
            case ast.Import(names=aliases):
                found |= {alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(module=str(module)):
                found.add(module.partition(".")[0])
    return found


def test_no_pickle():
    """A pickle can run anything. Stored arrays are loaded without leave to hold one, which is NumPy's default."""
    assert any("np.load" in mentioned(path) for path in LIBRARY)
    for path in LIBRARY + PROGRAMS:
        assert not {"pickle", "shelve", "marshal", "dill", "cloudpickle", "allow_pickle"} & mentioned(path), path


def test_the_library_evaluates_no_text():
    """What a student types into a panel, or hands to a check, is read or called, and never compiled."""
    for path in LIBRARY:
        unsafe = {"eval", "exec", "compile", "__import__", "builtins", "code", "runpy", "subprocess", "os.system", "os.popen"}
        assert not unsafe & mentioned(path), path
    for path in ROOT.glob("lib/**/*.js"):
        assert not re.search(r"\beval\(|new Function\(|innerHTML|insertAdjacentHTML|document\.write", path.read_text(encoding="utf-8")), path
