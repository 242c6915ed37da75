"""Binder: what repo2docker would build, read from the Dockerfile it writes."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("repo2docker", reason="jupyter-repo2docker does not run on Windows")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def dockerfile():
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_course_is_installed_after_it_was_copied(dockerfile):
    copied = dockerfile.index("COPY --chown=0:0 src/ ${REPO_DIR}/")
    [install] = re.finditer(r"pip install .*-r \"binder/requirements.txt\"", dockerfile)
    assert copied < install.start()


def test_python(dockerfile):
    [asked] = re.findall(r"python-(3\.\d+)", (ROOT / "binder/runtime.txt").read_text())
    assert f"environment.py-{asked}" in re.sub(r"-2d", "-", dockerfile.replace("-2e", "."))


def test_requirements_are_the_pins_and_the_course():
    lines = (ROOT / "binder/requirements.txt").read_text().splitlines()
    pins, course = [line.split() for line in lines if not line.startswith("#")]
    assert pins[0] == "-r" and (ROOT / "binder" / pins[1]).samefile(ROOT / "requirements.txt")
    assert course[0] == "-e" and (ROOT / course[1]).samefile(ROOT)


def test_small_image():
    """Nothing beside these files: no apt, conda or postBuild step makes the image larger."""
    assert sorted(os.listdir(ROOT / "binder")) == ["requirements.txt", "runtime.txt", "start"]


def test_the_server_starts_with_the_variables_that_start_py_sets():
    [variable] = re.findall(r'variables.setdefault\("(\w+)", "1"\)', (ROOT / "start.py").read_text(encoding="utf-8"))
    script = ROOT / "binder" / "start"
    assert os.access(script, os.X_OK)
    said = subprocess.run([script, "env"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}).stdout
    assert f"{variable}=1" in said.splitlines()
