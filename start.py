#!/usr/bin/env python3
"""Open the course. All it needs is Python 3.11 to 3.14.

    python start.py                  open the notebooks in JupyterLab
    python start.py lab ...          the same; further words go on to JupyterLab: --no-browser, --port 9000
    python start.py present 03       show a notebook as slides: large type, all cells run, live panels
    python start.py slides 03        export slides as a file that needs neither Python nor a network: -h says more
    python start.py test ...         run the tests; further words go on to pytest: -k lab, -m browser
    python start.py refresh ...      run the notebooks anew and save them: all of them, or the files named
    python start.py site --serve     build the course as a site that needs no server, and show it here: -h says more

The first call makes the folder .venv beside this file and installs the pinned packages there. Later calls
find it ready, until the pins change. The folder .venv belongs to this script: deleting it is always safe.
"""
import sys

# Before anything an old Python does not have. The whole file must parse on Python 2.7 to get this far.
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit("The course runs on Python 3.11 to 3.14, and this is Python %d.%d (%s). Install one of those "
             "from python.org, or call one that you have by its name: python3.12 start.py, on Windows "
             "py -3.12 start.py."
             % (sys.version_info[0], sys.version_info[1], sys.executable))

import argparse
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).absolute().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed.txt"  # one line for each file of pins that is in .venv as a whole

COURSE, TESTS = "requirements.txt", "requirements-test.txt"

# For a child that asks nothing and whose words are read here.
SPOKEN = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
              errors="replace")


class Trouble(Exception):
    """Something the reader can mend; the message is one paragraph that says how."""


def main(words):
    if {"-h", "--help"} & set(words) and words[0] not in ("site", "slides"):
        print(__doc__.strip())
        return 0
    commands = {"lab": lab, "present": present, "slides": slides, "test": test, "refresh": refresh, "site": site}
    name = words.pop(0) if words and not words[0].startswith("-") else "lab"
    if name not in commands:
        raise Trouble("start.py knows no command %r, only %s. `python start.py -h` explains them."
                      % (name, ", ".join(commands)))
    return commands[name](words)


def lab(words, shown=None):
    parser = argparse.ArgumentParser(prog="start.py lab", add_help=False, allow_abbrev=False)
    parser.add_argument("--ip", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    asked, rest = parser.parse_known_args(words)
    options = ["--ip=" + asked.ip, "--ServerApp.root_dir=" + str(ROOT)]
    if asked.port is not None:
        require_free(asked.port)
        # Without retries JupyterLab cannot move quietly to another port than the one asked for.
        options += ["--port=%d" % asked.port, "--ServerApp.port_retries=0"]
    first = urllib.parse.quote("notebooks/" + lessons()[0].name)
    options.append("--LabApp.default_url=/lab/tree/" + (shown or first))
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # a container's only user; the token and the local address stay
    prepare(COURSE)
    return run("-m", "jupyterlab", *(options + rest))


def present(words):
    names = [path.name for path in lessons()]
    asked = words.pop(0) if words and not words[0].startswith("-") else ""
    found = [name for name in names if asked and name.startswith(asked)]
    if len(found) != 1:
        raise Trouble("Which notebook? Say for instance `python start.py present 03`. There are: %s." % ", ".join(names))
    # JupyterLab remembers that a deck was on, and which tabs were open: not from one lecture to the next.
    with tempfile.TemporaryDirectory() as own:
        os.environ.update(LIVEGRAD_LECTURE="1", JUPYTERLAB_SETTINGS_DIR=own, JUPYTERLAB_WORKSPACES_DIR=own)
        return lab(words, urllib.parse.quote("notebooks/" + found[0]) + "?present")


def slides(words):
    prepare(COURSE)
    return run(ROOT / "deck/build.py", *words)


def lessons():
    return sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))


def test(words):
    if "-m" not in words:
        say("Left out: the browser tests (`python start.py test -m browser`) and the training runs of minutes (`-m slow`).\n")
        # On all cores; the cells of one notebook stay together.
        words = ["-n", "auto", "--dist", "loadfile", "-m", "not browser and not slow"] + words
    prepare(COURSE, TESTS)
    return run("-m", "pytest", *words)


def refresh(words):
    prepare(COURSE)
    return run(ROOT / "tools/refresh.py", *words)


def site(words):
    prepare(COURSE)
    return run(ROOT / "lite/build.py", *words)


def prepare(*pins):
    """Make .venv hold the files `pins`, the course's own first; do nothing when it does already."""
    wanted = [mark(name) for name in pins]
    present = STAMP.read_text("utf-8", "replace").splitlines() if STAMP.is_file() and usable() else []
    if set(wanted) <= set(present):
        return
    say("Installing the course into .venv: about a minute, this once ...\n")
    try:
        if wanted[0] in present:
            STAMP.unlink()  # away while pip works: an install cut short is never taken for a whole one
        else:
            present = []
            create()
        install(pins)
        stamp(wanted)
    except BaseException as reason:
        if present and isinstance(reason, Trouble):  # pip gave up by itself and left what was there as it was
            stamp(present)
        else:
            shutil.rmtree(str(VENV), ignore_errors=True)
        raise


def stamp(lines):
    try:
        STAMP.write_text("\n".join(lines), "utf-8")
    except OSError as error:
        raise Trouble("The file %s cannot be written (%s). If the disk is full, make room on it. Then call start.py again."
                      % (STAMP, error.strerror))


def mark(name):
    """A line that changes with the pins, with what is copied into .venv, the Python, and the folder (a .venv cannot be moved)."""
    what = "%d.%d %s\n" % (sys.version_info[0], sys.version_info[1], ROOT)
    copied = [path for path in sorted(ROOT.glob("share/**/*")) if path.is_file()]
    digest = hashlib.sha256(os.fsencode(what) + b"".join(path.read_bytes() for path in [ROOT / name] + copied)).hexdigest()
    return name + " " + digest


def usable():
    """Whether .venv's Python still runs and finds what the course stands on (to import it would be slow)."""
    look = "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
    command = [str(PYTHON), "-c", look, "pip", "livegrad", "numpy", "matplotlib", "jupyterlab"]
    try:
        return subprocess.call(command, env=environment()) == 0
    except OSError:
        return False


def create():
    """Make an empty .venv in place of whatever is there."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise Trouble("This Python (%s) comes without the module that makes environments. On Debian and "
                      "Ubuntu `sudo apt install python%d.%d-venv` brings it; elsewhere take the installer "
                      "from python.org. Then call start.py again."
                      % (sys.executable, sys.version_info[0], sys.version_info[1]))
    try:
        if VENV.is_symlink() or VENV.is_file():
            VENV.unlink()
        elif VENV.exists():
            shutil.rmtree(str(VENV))
        VENV.mkdir()
    except OSError as error:
        raise Trouble("The folder %s cannot be changed (%s). If it is read-only, copy the course to a "
                      "place of your own, your home folder for instance. If JupyterLab or a Python of its "
                      ".venv still runs, close it. Then call start.py again." % (ROOT, error.strerror))
    # The base interpreter, because this one may live in the .venv that was just removed.
    made = subprocess.run([sys._base_executable, "-m", "venv", str(VENV)], env=environment(), **SPOKEN)
    if made.returncode != 0:
        raise Trouble("Python (%s) could not make the environment %s. It said: %s"
                      % (sys.executable, VENV, " ".join(made.stdout.split())[-600:]))


def install(pins):
    """pip-install the files `pins`, nothing in them but what has its hash, and then the course itself."""
    files = [word for name in pins for word in ("--requirement", name)]
    try:
        pip(["--require-hashes"] + files)
        pip(["--quiet", "--no-deps", "--no-build-isolation", "--editable", "."])  # with what the pins brought, and no network
    finally:
        say("\n")


def pip(words):
    """One `pip install`, one dot per package."""
    command = [str(PYTHON), "-m", "pip", "install"] + words
    said = []
    with subprocess.Popen(command, cwd=str(ROOT), env=environment(), **SPOKEN) as child:
        try:
            for line in child.stdout:
                said.append(line)
                if line.startswith("Collecting"):
                    say(".")
                elif line.startswith("Installing collected"):
                    say(" unpacking")
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        errors = [line for line in said if line.strip().startswith("ERROR:")] or said[-1:] or ["nothing"]
        reason = "pip could not install the packages"
        if any("connection broken by" in line for line in said):
            reason = ("The packages could not be fetched: the network is away, or wants a proxy "
                      "(variable HTTPS_PROXY)")
        raise Trouble("%s. Nothing half-made is left behind; call start.py again when that is mended. "
                      "pip said: %s" % (reason, " ".join(errors[0].split())[:600]))


def require_free(port):
    with socket.socket() as probe:
        if os.name != "nt":  # as servers do: a port that was closed a moment ago counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Trouble("Port %d cannot be used (%s). Name another one, or leave --port out: JupyterLab "
                          "then takes the first free one itself." % (port, error))


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def run(*arguments):
    """Run .venv's Python in the course's folder and return its exit code; Ctrl-C is the child's to answer."""
    command = [str(PYTHON)] + [str(word) for word in arguments]
    with subprocess.Popen(command, cwd=str(ROOT), env=environment()) as child:
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                pass


def environment():
    """The variables for .venv's Python: nothing of another Python's leaks in."""
    foreign = ("PYTHONHOME", "PYTHONPATH")
    variables = {name: value for name, value in os.environ.items() if name not in foreign}
    # So that terminals and `!pip` in a notebook meet this environment, too.
    variables["PATH"] = str(PYTHON.parent) + os.pathsep + variables.get("PATH", "")
    variables["VIRTUAL_ENV"] = str(VENV)
    # Windows reads the link from .venv to a folder with letters beyond ASCII correctly only in this mode.
    variables["PYTHONUTF8"] = "1"
    # The course's matrices are small: a second thread gains little, and on a busy machine it costs tenfold.
    variables.setdefault("OPENBLAS_NUM_THREADS", "1")
    variables.setdefault("MPLCONFIGDIR", str(VENV / "matplotlib"))  # else it writes its list of fonts into the home folder
    variables.update(PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    return variables


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being ended tidies up as Ctrl-C does
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit("Interrupted. Nothing half-made is left behind.")
