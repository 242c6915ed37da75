"""start.py, tried for real in copies of a stand-in course: tiny wheels take the place of the big packages."""
import ast
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import offline
import pytest

ROOT = Path(__file__).resolve().parent.parent
HARD_NAME = "dev ü ß 日本"
ECHO = "import json, sys\nif __name__ == '__main__':\n    print(json.dumps(sys.argv[1:]))\n"
# pip as on a machine without any settings of its own
BARE = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | {
    "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", "PYTHONUTF8": "1"}


@pytest.fixture
def course(tmp_path):
    """A stand-in course in a folder whose name has spaces and letters beyond ASCII."""
    folder = tmp_path / HARD_NAME
    shutil.copytree(ROOT / "lib", folder / "lib", ignore=lambda *_: ["__pycache__"])
    shutil.copy(ROOT / "start.py", folder)
    shutil.copy(offline.__file__, folder)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "offline"\nbackend-path = ["."]\n'
        '[project]\nname = "livegrad"\nversion = "0"\n')
    (folder / "tools").mkdir()
    (folder / "tools/refresh.py").write_text(ECHO)
    (folder / "notebooks").mkdir()
    for name in ("10_late.ipynb", "03_early one.ipynb", "appendix.ipynb"):
        (folder / "notebooks" / name).touch()
    shelf = tmp_path / "wheels"
    shelf.mkdir()
    for version in ("1.0", "2.0"):
        modules = {"jupyterlab.py": ECHO, "numpy.py": f"version = '{version}'\n", "matplotlib.py": ""}
        offline.write_wheel(shelf, "standin", version, modules)
    offline.write_wheel(shelf, "pytest", "1.0", {"pytest.py": ECHO})
    pin(folder, "1.0")
    return folder


@pytest.fixture
def wheels(tmp_path):
    """Settings of pip that offer the stand-in packages and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}


def pin(folder, version):
    shelf = folder.parent / "wheels"
    (folder / "requirements.txt").write_text(offline.pin(shelf, f"standin-{version}"))
    (folder / "requirements-test.txt").write_text(offline.pin(shelf, f"standin-{version}") + offline.pin(shelf, "pytest-1.0"))


def start(folder, *words, before=(), **variables):
    return subprocess.run([*before, sys.executable, str(folder / "start.py"), *words], env=BARE | variables,
                          capture_output=True, encoding="utf-8", timeout=120)


def patched(folder, patch, *words):
    """The command that runs start.py after the Python text `patch`."""
    path = str(folder / "start.py")
    program = f"{patch}\nimport runpy, sys; sys.argv[0] = {path!r}; runpy.run_path({path!r}, run_name='__main__')"
    return [sys.executable, "-c", program, *words]


def start_patched(folder, patch, *words, **variables):
    return subprocess.run(patched(folder, patch, *words), env=BARE | variables, capture_output=True, encoding="utf-8", timeout=120)


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """Python text that lets start.py copy an empty environment: to make one takes seconds each time."""
    folder = tmp_path_factory.mktemp(HARD_NAME)
    shutil.copy(ROOT / "start.py", folder)
    module = load(folder)
    module.create()
    return f"""
import shutil, subprocess
real = subprocess.run
def run(command, **options):
    if command[1:3] != ["-m", "venv"]:
        return real(command, **options)
    shutil.copytree({str(module.VENV)!r}, command[3], symlinks=True, dirs_exist_ok=True)
    return subprocess.CompletedProcess(command, 0, "")
subprocess.run = run
"""


def assert_refused(done, *words):
    """Exit code 1 and one paragraph on stderr with all of `words`; no traceback."""
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def load(folder):
    spec = importlib.util.spec_from_file_location("start_copy", folder / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- the ways it goes well


def test_life_of_an_environment(course, blank, wheels, tmp_path):
    (tmp_path / "jupyterlab.py").write_text("raise SystemExit('that of another Python')\n")

    def installs(*words):
        done = start_patched(course, blank, *words, PYTHONPATH=str(tmp_path), **wheels)
        assert done.returncode == 0, done.stderr
        *said, options = done.stdout.strip().splitlines()
        return any("Installing" in line for line in said), json.loads(options)

    def numpy_version():
        python = str(load(course).PYTHON)
        said = subprocess.check_output([python, "-c", "import numpy; print(numpy.version)"], text=True)
        return said.strip()

    first, options = installs("lab", "--no-browser")
    assert first and numpy_version() == "1.0"
    assert options[0] == "--ip=127.0.0.1" and options[-1] == "--no-browser"
    assert "--LabApp.default_url=/lab/tree/notebooks/03_early%20one.ipynb" in options
    assert installs()[0] is False
    assert installs("refresh", "a.ipynb") == (False, ["a.ipynb"])

    # The tests' packages come on top, and the course's own stay.
    stays = course / ".venv/stays"
    stays.touch()
    parallel = ["-n", "auto", "--dist", "loadfile"]
    assert installs("test", "-k", "x") == (True, [*parallel, "-m", "not browser and not slow", "-k", "x"])
    assert installs("test", "-m", "browser") == (False, ["-m", "browser"])
    assert installs()[0] is False and stays.exists()

    pin(course, "2.0")
    assert installs()[0] is True and numpy_version() == "2.0"
    assert installs()[0] is False

    # Not the file that was pinned: it is refused.
    pin(course, "1.0")
    offline.write_wheel(tmp_path / "wheels", "standin", "1.0", {"numpy.py": "version = 'forged'\n"})
    done = start_patched(course, blank, "test", **wheels)
    assert done.returncode == 1 and "DO NOT MATCH THE HASHES" in done.stderr and not (course / ".venv").exists()


@pytest.mark.parametrize("damage", ["no stamp", "no python", "no package", "a file", "a link"])
def test_a_broken_environment_is_rebuilt(course, damage, monkeypatch, tmp_path):
    module = ready(course, monkeypatch)
    stamp = module.STAMP.read_text()
    elsewhere = tmp_path / "elsewhere"
    if damage == "no stamp":
        module.STAMP.unlink()
    elif damage == "no python":
        module.PYTHON.unlink()
    elif damage == "no package":
        next(module.VENV.rglob("course.pth")).unlink()
    else:
        module.VENV.rename(elsewhere)
        module.VENV.touch() if damage == "a file" else module.VENV.symlink_to(tmp_path / "gone")
    monkeypatch.setattr(module, "install", lambda pins: (module.VENV / "new").touch())
    module.prepare("requirements.txt")
    assert (module.VENV / "new").exists() and module.PYTHON.exists() and module.STAMP.read_text() == stamp
    assert elsewhere.exists() == (damage in ("a file", "a link"))


def test_a_moved_environment_is_rebuilt(course, monkeypatch):
    ready(course, monkeypatch)
    # Copied, not moved: all that the environment points to in the old place is still there.
    module = load(shutil.copytree(course, course.with_name("moved"), symlinks=True))
    done = []
    monkeypatch.setattr(module, "create", lambda: done.append("create"))
    monkeypatch.setattr(module, "install", lambda pins: done.append("install"))
    module.prepare("requirements.txt")
    assert done == ["create", "install"]


def ready(folder, monkeypatch):
    """Give `folder` a .venv that is as good as installed: it sees the packages that the tests see."""
    module = load(folder)

    def create():
        shutil.rmtree(module.VENV, ignore_errors=True)
        module.VENV.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", module.VENV], check=True)

    with monkeypatch.context() as patch:
        patch.setattr(module, "create", create)
        patch.setattr(module, "install", lambda pins: None)
        module.prepare("requirements.txt")
    [packages] = [p for p in module.VENV.rglob("site-packages") if not p.is_symlink()]
    seen = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))] + [str(folder / "lib")]
    (packages / "course.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    (module.VENV / "share").symlink_to(Path(sys.prefix) / "share")
    monkeypatch.setattr(module, "create", create)
    return module


@pytest.mark.skipif(os.name == "nt", reason="stands on links and process groups")
def test_jupyterlab_keeps_its_token_and_stays_local(course, monkeypatch):
    ready(course, monkeypatch)
    own = {"JUPYTER_CONFIG_DIR": str(course / "config"), "JUPYTER_RUNTIME_DIR": str(course / "run")}
    with contextlib.ExitStack() as stack:
        usual = stack.enter_context(socket.socket())
        with contextlib.suppress(OSError):  # in use already: as good
            usual.bind(("127.0.0.1", 8888))
            usual.listen()
        lab = stack.enter_context(
            subprocess.Popen([sys.executable, str(course / "start.py"), "--no-browser"], env=BARE | own,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
                             start_new_session=True))
        stack.callback(end_all, lab.pid)
        link = re.compile(r"http://(\S+?):(\d+)(/\S+)\?token=(\w+)")
        host, port, page, token = next(filter(None, map(link.search, lab.stderr))).groups()
        assert host == "127.0.0.1" and port != "8888"  # taken: it found another one by itself
        assert page == "/lab/tree/notebooks/03_early%20one.ipynb"
        site = f"http://127.0.0.1:{port}"
        wait_for("127.0.0.1", port)
        strange = {"Host": "elsewhere.example"}  # a page from elsewhere whose name leads here, and that knows the token
        for request in (f"{site}/api/contents", urllib.request.Request(f"{site}/api/kernels", b"{}"),
                        urllib.request.Request(f"{site}/api/contents?token={token}", headers=strange)):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(request)
        with urllib.request.urlopen(f"{site}/api/contents/notebooks?token={token}") as answer:
            assert "10_late.ipynb" in {entry["name"] for entry in json.load(answer)["content"]}
        setting = "@jupyterlab/apputils-extension:notification"
        with urllib.request.urlopen(f"{site}/lab/api/settings/{setting}?token={token}") as answer:
            assert json.load(answer)["schema"]["properties"]["fetchNews"]["default"] == "false"
        with pytest.raises(OSError):
            socket.create_connection((outer_address(), int(port)), timeout=2)
        lab.terminate()
        lab.communicate(timeout=30)
        with pytest.raises(OSError):  # JupyterLab went with it
            socket.create_connection(("127.0.0.1", int(port)), timeout=2)


def end_all(leader):
    with contextlib.suppress(ProcessLookupError):  # as it should be
        os.killpg(leader, signal.SIGKILL)


def wait_for(host, port, seconds=30):
    """JupyterLab prints its address a moment before it listens there."""
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection((host, int(port))).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def outer_address():
    """This machine's address as others see it (no packet is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.2"  # no network at all: at least not on another local address


def test_a_lecture_has_large_type_and_settings_of_its_own(course, monkeypatch):
    module = load(course)
    calls = []

    def run(*words):
        calls.append((words, {name: os.environ[name] for name in ("LIVEGRAD_LECTURE", "JUPYTERLAB_SETTINGS_DIR")}))
        return 0

    for name in ("LIVEGRAD_LECTURE", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setattr(module, "prepare", lambda *pins: None)
    monkeypatch.setattr(module, "run", run)
    assert module.main(["present", "03", "--no-browser"]) == 0
    [(words, variables)] = calls
    assert "--LabApp.default_url=/lab/tree/notebooks/03_early%20one.ipynb?present" in words and words[-1] == "--no-browser"
    assert variables["LIVEGRAD_LECTURE"] == "1" and not Path(variables["JUPYTERLAB_SETTINGS_DIR"]).exists()  # gone with the lecture
    for vague in ([], ["99"]):
        with pytest.raises(module.Trouble, match="03_early one.ipynb"):
            module.main(["present", *vague])


def test_help_installs_nothing(course):
    done = start(course, "lab", "--help")
    assert done.returncode == 0 and "python start.py test" in done.stdout and not (course / ".venv").exists()


# ---- the ways it goes wrong


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 13), (3, 15, 0)])
def test_wrong_python(course, version):
    done = start_patched(course, f"import sys; sys.version_info = {version}")
    assert_refused(done, "3.11 to 3.14", "Python %d.%d " % version[:2])


def test_an_old_python_can_read_far_enough_to_say_so():
    source = (ROOT / "start.py").read_text(encoding="utf-8")
    source.encode("ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    newer = [node for node in ast.walk(tree)
             if isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr))
             or isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print" and node.keywords]
    assert not newer
    first = [node for node in tree.body if not isinstance(node, ast.Expr)][:2]
    assert ast.unparse(first[0]) == "import sys" and "sys.version_info" in ast.unparse(first[1])
    for old in filter(None, map(shutil.which, ("python2.7", "python3.6", "python3.8", "python3.10"))):
        done = subprocess.run([old, str(ROOT / "start.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode != 0 and b"Traceback" not in done.stderr and b"SyntaxError" not in done.stderr


def test_no_venv_module(course):
    patch = ("import importlib.util as u; real = u.find_spec\n"
             "u.find_spec = lambda name, *rest: None if name == 'ensurepip' else real(name, *rest)")
    done = start_patched(course, patch)
    assert_refused(done, "apt install python3.%d-venv" % sys.version_info[1])
    assert not (course / ".venv").exists()


def test_python_that_cannot_make_environments(course):
    done = start_patched(course, "import sys; sys._base_executable = '/bin/false'" if os.name != "nt"
                         else "import sys; sys._base_executable = 'where.exe'")
    assert_refused(done, "could not make the environment")
    assert not (course / ".venv").exists()


def test_no_network(course, blank):
    # A half-made .venv lies about already; a dead port is the network.
    (course / ".venv/bin").mkdir(parents=True)
    done = start_patched(course, blank, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert_refused(done, "network", "standin==1.0")
    assert not (course / ".venv").exists()


def test_no_network_for_the_tests_packages_leaves_the_course_usable(course, monkeypatch):
    module = ready(course, monkeypatch)

    def no_network(pins):
        assert not module.STAMP.exists()
        raise module.Trouble("no network")

    monkeypatch.setattr(module, "install", no_network)
    with pytest.raises(module.Trouble):
        module.prepare("requirements.txt", "requirements-test.txt")
    module.prepare("requirements.txt")  # would call no_network again


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console")
def test_interrupted_install_leaves_nothing(course, blank):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an index that takes the call and never answers
        silent.settimeout(60)
        index = "http://127.0.0.1:%d/simple" % silent.getsockname()[1]
        child = subprocess.Popen(patched(course, blank),
                                 env=BARE | {"PIP_INDEX_URL": index},
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        call, _ = silent.accept()
        with call:
            child.send_signal(signal.SIGINT)
            _, error = child.communicate(timeout=30)
    assert child.returncode == 1 and error.strip() == "Interrupted. Nothing half-made is left behind."
    assert not (course / ".venv").exists()


def test_read_only_folder(course):
    if os.name == "nt":
        pytest.skip("Windows has no read-only folders of this kind")
    before = []
    if os.geteuid() == 0:  # root may write everywhere, unless that right is taken away
        before = ["setpriv", "--bounding-set=-dac_override", "--"]
        if not shutil.which("setpriv") or subprocess.run([*before, "true"]).returncode:
            pytest.skip("runs as root, and setpriv is not there to lower its rights")
    course.chmod(0o555)
    try:
        done = start(course, before=before)
    finally:
        course.chmod(0o755)
    assert_refused(done, "read-only", "Permission denied")


def test_occupied_port(course):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = start(course, "lab", f"--port={port}")
        assert_refused(done, f"Port {port} cannot be used")
        assert not (course / ".venv").exists()
    load(course).require_free(port)  # free again
    assert_refused(start(course, "--port", "70000"), "Port 70000 cannot be used")


def test_unknown_command(course):
    assert_refused(start(course, "tset"), "'tset'", "lab, present, slides, test, refresh, site")
