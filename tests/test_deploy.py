"""The course on a hub: configuration that says what its parts understand, links, and updates that keep a student's edits."""
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nbformat
import notebooks
import pytest
import yaml
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
VALUES = yaml.safe_load((DEPLOY / "kubernetes/values.yaml").read_text(encoding="utf-8"))
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
posix = pytest.mark.skipif(os.name == "nt", reason="a hub runs on Linux")

# What the chart's own schema (jupyterhub/values.schema.yaml, which refuses other names) allows where values.yaml says
# something; a dict goes on, a type or a tuple of types ends, `dict` alone is handed on to a Python class unread.
NUMBER = (int, float)
SCHEMA = {
    "singleuser": {
        "image": {"name": str, "tag": str, "pullPolicy": str, "pullSecrets": list}, "cmd": (str, list), "defaultUrl": str,
        "extraEnv": dict, "memory": {"guarantee": (str, *NUMBER), "limit": (str, *NUMBER)},
        "cpu": {"guarantee": NUMBER, "limit": NUMBER},
        "storage": {"type": str, "capacity": str, "homeMountPath": str, "dynamic": dict, "static": dict},
        "startTimeout": int, "nodeSelector": dict, "profileList": list, "networkPolicy": dict, "uid": int, "fsGid": int},
    "hub": {"config": dict, "extraConfig": dict, "db": dict, "resources": dict, "concurrentSpawnLimit": int},
    "proxy": {"https": dict, "service": dict, "chp": dict},
    "cull": {"enabled": bool, "users": bool, "adminUsers": bool, "removeNamedServers": bool, "timeout": int, "every": int,
             "concurrency": int, "maxAge": int},
    "scheduling": {"userScheduler": {"enabled": bool, "replicas": int}, "userPlaceholder": {"enabled": bool, "replicas": int},
                   "podPriority": dict, "corePods": dict, "userPods": dict},
    "prePuller": {"hook": {"enabled": bool}, "continuous": {"enabled": bool}, "extraImages": dict},
    "ingress": dict, "debug": {"enabled": bool}, "custom": dict,
}


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


links = module(DEPLOY / "links.py")
student = module(ROOT / "benchmarks/student.py")


def config(path):
    return PyFileConfigLoader(path.name, str(path.parent)).load_config()


def size(text):
    """Bytes that Kubernetes and the hub's spawners understand, such as 512M."""
    number, unit = re.fullmatch(r"(\d+)([MG])", text).groups()
    return int(number) * {"M": 2**20, "G": 2**30}[unit]


# ---- Kubernetes


def strangers(values, schema, where=""):
    """Names and kinds of values that the schema does not know."""
    for name, value in values.items():
        here, known = f"{where}.{name}", schema.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            yield from strangers(value, known, here)
        elif isinstance(known, dict) or not isinstance(value, known or ()) or (isinstance(value, bool) and known is not bool):
            yield here


def test_values_are_those_of_the_chart():
    assert list(strangers(VALUES, SCHEMA)) == []
    wrong = {"cull": {"timeuot": 1, "every": True}, "singleuser": {"cpu": {"limit": "1"}}}
    assert list(strangers(wrong, SCHEMA)) == [".cull.timeuot", ".cull.every", ".singleuser.cpu.limit"]


def test_no_variable_is_a_number():
    """Kubernetes takes texts only."""
    assert all(isinstance(value, str) for value in VALUES["singleuser"]["extraEnv"].values())
    assert VALUES["singleuser"]["extraEnv"] == ONE_THREAD


def test_guarantees_lie_below_limits():
    memory, cpu = VALUES["singleuser"]["memory"], VALUES["singleuser"]["cpu"]
    assert size(memory["guarantee"]) < size(memory["limit"]) and cpu["guarantee"] < cpu["limit"]


def test_the_image_keeps_the_library_out_of_the_home_folder():
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker does not run on Windows")
    settings = DEPLOY / "kubernetes/repo2docker_config.py"
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "--config", settings, "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    dockerfile = done.stdout + done.stderr
    assert dockerfile.index('-r "binder/requirements.txt"') < dockerfile.index("RUN pip install --no-cache-dir nbgitpuller==")
    target = config(settings).Repo2Docker.target_repo_dir
    assert target.startswith("/") and not target.startswith("/home/")


# ---- The Littlest JupyterHub


def test_both_hubs_give_a_student_the_same():
    spawner = config(DEPLOY / "littlest/livegrad.py").Spawner
    kube = VALUES["hub"]["config"]["KubeSpawner"]
    environment, arguments = spawner.environment.get_value({}), spawner.args.get_value([])
    assert environment == VALUES["singleuser"]["extraEnv"]
    assert arguments == kube["args"]
    assert (spawner.default_url, spawner.start_timeout, spawner.http_timeout) == (
        VALUES["singleuser"]["defaultUrl"], VALUES["singleuser"]["startTimeout"], kube["http_timeout"])


@posix
def test_install_puts_the_pins_the_course_and_the_settings_into_the_hub(tmp_path):
    """With stand-ins for the hub's two programs, which write down how they are called."""
    for name in ("user/bin/python", "hub/bin/tljh-config"):
        stand_in = tmp_path / name
        stand_in.parent.mkdir(parents=True)
        stand_in.write_text(f'#!/bin/sh\necho {stand_in.name} "$@" >> "{tmp_path}/calls"\n')
        stand_in.chmod(0o755)
    done = subprocess.run(["bash", DEPLOY / "littlest/install.sh"], cwd=tmp_path, capture_output=True, text=True,
                          env=os.environ | {"TLJH_INSTALL_PREFIX": str(tmp_path), "MEMORY": "3G"})
    assert done.returncode == 0, done.stderr
    pins, puller, course, *settings = (tmp_path / "calls").read_text().splitlines()
    assert pins == f"python -m pip install --require-hashes --requirement {ROOT}/requirements.txt"
    assert puller.startswith("python -m pip install nbgitpuller==")
    assert course == f"python -m pip install --no-deps --no-build-isolation {ROOT}"
    assert settings[0] == "tljh-config set limits.memory 3G" and settings[-1] == "tljh-config reload"
    cull = {words.split()[-2]: int(words.split()[-1]) for words in settings if ".cull." in words}
    assert cull == {f"services.cull.{name}": VALUES["cull"][name] for name in ("timeout", "every")}
    laid = tmp_path / "config/jupyterhub_config.d/livegrad.py"
    defaults = dict(re.findall(r"\$\{(MEMORY|PROCESSORS):-(\w+)\}", (DEPLOY / "littlest/install.sh").read_text(encoding="utf-8")))
    limits = {name: VALUES["singleuser"][name]["limit"] for name in ("memory", "cpu")}
    assert defaults == {"MEMORY": limits["memory"], "PROCESSORS": str(limits["cpu"])}
    assert laid.read_bytes() == (DEPLOY / "littlest/livegrad.py").read_bytes()


@posix
def test_install_says_so_where_there_is_no_hub(tmp_path):
    done = subprocess.run(["bash", DEPLOY / "littlest/install.sh"], capture_output=True, text=True,
                          env=os.environ | {"TLJH_INSTALL_PREFIX": str(tmp_path)})
    assert done.returncode == 1 and str(tmp_path) in done.stderr and list(tmp_path.iterdir()) == []


def test_one_version_of_nbgitpuller():
    texts = [path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*") if path.suffix in (".txt", ".py", ".sh")]
    texts.append((ROOT / "requirements-test.txt").read_text(encoding="utf-8"))
    found = re.findall(r"nbgitpuller==([\d.]+)", "\n".join(texts))
    assert len(found) == 4 and len(set(found)) == 1


# ---- links and updates


def test_there_is_a_link_for_each_notebook():
    said = subprocess.run([sys.executable, DEPLOY / "links.py", "https://hub.example.edu/", "--branch", "autumn"],
                          capture_output=True, text=True, check=True).stdout
    lines = said.splitlines()
    assert [line[:2] for line in lines] == [path.name[:2] for path in notebooks.LESSONS]
    for line, path in zip(lines, notebooks.LESSONS, strict=True):
        link = urlsplit(line.split()[1])
        asked = {name: value for name, [value] in parse_qs(link.query).items()}
        assert (link.netloc, link.path) == ("hub.example.edu", "/hub/user-redirect/git-pull")
        assert asked == {"repo": links.address(), "branch": "autumn", "targetpath": "livegrad",
                         "urlpath": f"lab/tree/livegrad/notebooks/{path.name}"}


@pytest.fixture
def class_of_one(tmp_path):
    """A teacher's repository with one notebook, a student's copy of it, and what follows the link again."""
    pull = pytest.importorskip("nbgitpuller.pull")
    teacher, home = tmp_path / "teacher", tmp_path / "home"
    lesson = notebooks.lesson("02")
    teacher.mkdir()
    shutil.copy(lesson, teacher)
    git(teacher, "init", "--quiet", "--initial-branch=main")

    def follow():
        git(teacher, "add", ".")
        git(teacher, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--allow-empty", "-m", "lesson")
        list(pull.GitPuller(teacher.as_uri(), str(home), branch="main").pull())

    follow()
    return teacher / lesson.name, home / lesson.name, follow


def git(folder, *words):
    subprocess.run(["git", "-C", folder, *words], check=True)


def edit(path, change):
    """Change a notebook's cells and save it as Jupyter does."""
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    nbformat.write(notebook, path)


def sources(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell.source for cell in notebook.cells]


def run_and_answer(cells):
    """What a student's run leaves in the file: other numbers and pictures, and an answer in the last exercise."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if "data" in output:
                output["data"]["text/plain"] = "mine"
                output["data"].pop("image/png", None)
            elif "text" in output:
                output["text"] = "mine\n"
    code[-1].source += "\n# my answer"


@needs_git
def test_an_update_keeps_what_the_student_wrote(class_of_one):
    theirs, mine, follow = class_of_one
    edit(mine, run_and_answer)

    def revise(cells):
        cells[0].source += "\n\nA sentence more."
        code = [cell for cell in cells if cell.cell_type == "code"]
        for cell in code:  # run anew, with other outputs
            for output in cell.outputs:
                if "text" in output:
                    output["text"] = "theirs\n"
        code[-1].source += "\n# a hint"
        middle = cells.index(next(cell for cell in cells[10:] if cell.cell_type == "markdown"))
        cells.insert(middle, nbformat.v4.new_markdown_cell("A cell more."))

    edit(theirs, revise)
    follow()
    after = sources(mine)
    assert "A sentence more." in after[0] and "A cell more." in after
    answered = next(source for source in after if "# my answer" in source)
    assert "# a hint" not in answered  # the same line on both sides: the student's stays


@needs_git
def test_a_deleted_notebook_comes_back_fresh(class_of_one):
    theirs, mine, follow = class_of_one
    edit(mine, run_and_answer)
    mine.unlink()
    follow()
    assert sources(mine) == sources(theirs)


# ---- the load test and the guide


def test_the_load_test_speaks_jupyterlabs_framing():
    from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
    message = {"header": {"msg_id": "1"}, "parent_header": {}, "metadata": {}, "content": {"value": "ü"}}
    channel, parts = deserialize_msg_from_ws_v1(student.pack("shell", message))
    assert channel == "shell" and [json.loads(part) for part in parts] == list(message.values())
    assert student.unpack(serialize_msg_to_ws_v1([*parts, b"a picture"], "iopub")) == message


def test_a_simulated_hand_takes_a_slider_over_its_whole_range():
    taken = student.positions({"min": 0.5, "max": 2.0, "step": 0.5, "value": 1.0})
    assert list(itertools.islice(taken, 9)) == [1.5, 2.0, 1.5, 1.0, 0.5, 1.0, 1.5, 2.0, 1.5]
    fine = list(itertools.islice(student.positions({"min": 0, "max": 1000, "step": 1, "value": 500}), 200))
    assert min(fine) == 0 and max(fine) > 980 and all(a != b for a, b in itertools.pairwise(fine))


@pytest.mark.parametrize("options", [["--help"], ["--students", "none"]])
def test_the_load_test_starts_with_nothing_installed(options, tmp_path):
    """Its options are read before anything is installed, with the standard library alone."""
    command = [sys.executable, "-S", ROOT / "benchmarks/class_load.py", "--folder", tmp_path, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == (0 if "--help" in options else 2), done.stderr
    assert "--students" in done.stdout + done.stderr and list(tmp_path.iterdir()) == []
