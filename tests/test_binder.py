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
    [pins] = re.finditer(r"pip install .*-r \"binder/requirements.txt\"", dockerfile)
    [course] = re.finditer(r"^RUN \./binder/postBuild$", dockerfile, re.MULTILINE)
    assert copied < pins.start() < course.start()


def test_python(dockerfile):
    assert f"environment.py-{binder.PYTHON}" in re.sub(r"-2d", "-", dockerfile.replace("-2e", "."))


def test_the_pins_and_then_the_course_as_start_py_installs_them():
    [pins] = [line.split() for line in (ROOT / "binder/requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert pins[0] == "-r" and (ROOT / "binder" / pins[1]).samefile(ROOT / "requirements.txt")
    [words] = re.findall(r'pip\(\["--quiet", ("--no-deps".*)\]\)', (ROOT / "start.py").read_text(encoding="utf-8"))
    script = ROOT / "binder/postBuild"
    assert script.read_text().endswith(f" {words.replace(',', '').replace(chr(34), '')}\n")
    assert os.name == "nt" or os.access(script, os.X_OK)


def test_small_image():
    """Nothing beside these files: no apt or conda step makes the image larger."""
    assert sorted(os.listdir(ROOT / "binder")) == ["postBuild", "requirements.txt", "runtime.txt", "start"]


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
