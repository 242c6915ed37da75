"""Binder: what repo2docker would build, read from the Dockerfile it writes. `browser/test_binder.py` does the steps."""
import os
import re
import subprocess
from pathlib import Path

import binder
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def dockerfile():
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker does not run on Windows")
    return binder.dockerfile()


def test_the_course_is_installed_after_it_was_copied(dockerfile):
    copied = dockerfile.index("COPY --chown=0:0 src/ ${REPO_DIR}/")
    [install] = re.finditer(r"pip install .*-r \"binder/requirements.txt\"", dockerfile)
    assert copied < install.start()


def test_python(dockerfile):
    assert f"environment.py-{binder.PYTHON}" in re.sub(r"-2d", "-", dockerfile.replace("-2e", "."))


def test_requirements_are_the_pins_and_the_course():
    lines = (ROOT / "binder/requirements.txt").read_text().splitlines()
    pins, course = [line.split() for line in lines if not line.startswith("#")]
    assert pins[0] == "-r" and (ROOT / "binder" / pins[1]).samefile(ROOT / "requirements.txt")
    assert course[0] == "-e" and (ROOT / course[1]).samefile(ROOT)


def test_small_image():
    """Nothing beside these files: no apt, conda or postBuild step makes the image larger."""
    assert sorted(os.listdir(ROOT / "binder")) == ["requirements.txt", "runtime.txt", "start"]


@pytest.mark.skipif(os.name == "nt", reason="a Binder server runs on Linux")
def test_the_server_starts_with_the_variables_that_start_py_sets():
    [variable] = re.findall(r'variables.setdefault\("(\w+)", "1"\)', (ROOT / "start.py").read_text(encoding="utf-8"))
    script = ROOT / "binder" / "start"
    assert os.access(script, os.X_OK)
    said = subprocess.run([script, "env"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}).stdout
    assert f"{variable}=1" in said.splitlines()


def test_the_badge_opens_a_notebook_that_is_there():
    link = binder.link()
    assert link["path"].startswith("/v2/gh/") and link["path"].endswith("/HEAD")
    assert link["urlpath"].startswith("lab/tree/") and (ROOT / link["urlpath"].removeprefix("lab/tree/")).is_file()
