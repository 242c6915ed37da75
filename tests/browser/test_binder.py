"""Binder without Docker: its pip steps in a clean environment of its Python, its start script, and JupyterLab behind them."""
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import binder
import harness
import notebooks
import pytest

pytestmark = pytest.mark.browser

BASE, TOKEN = "/user/livegrad-course-x1y2/", "launched"  # a Binder server stands under a path of its own and asks for a token

# What the open notebook's kernel prints for this code.
RUN = """async code => {
  let said = '';
  const run = jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code});
  run.onIOPub = message => { said += message.content.text ?? ''; };
  await run.done;
  return said; }"""


def working(python):
    """Whether this command is a Python of Binder's version that can make environments (a shim may stand for none)."""
    look = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", look], capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == binder.PYTHON


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The folder and the variables of the image: a copy of the course, and an environment that pip filled."""
    pytest.importorskip("repo2docker", reason="jupyter-repo2docker does not run on Windows")
    candidates = [sys._base_executable, shutil.which(f"python{binder.PYTHON}")]
    python = next((name for name in candidates if name and working(name)), None)
    if python is None:
        pytest.skip(f"no Python {binder.PYTHON} here, which Binder has")
    folder = tmp_path_factory.mktemp("binder")
    course, prefix = folder / "course", folder / "env"
    course.mkdir()
    for name in ("binder", "lib", "notebooks", "share", "pyproject.toml", "requirements.txt", "README.md", "LICENSE", "LICENSE-CONTENT"):
        put = shutil.copytree if (harness.ROOT / name).is_dir() else shutil.copy
        put(harness.ROOT / name, course / name)
    subprocess.run([python, "-m", "venv", prefix], check=True)
    variables = {"PATH": f"{prefix}/bin:{os.defpath}", "HOME": str(folder), "REPO_DIR": str(course),
                 "KERNEL_PYTHON_PREFIX": str(prefix), "NB_PYTHON_PREFIX": str(prefix)}
    mine = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
    steps = re.findall(r"^RUN (\S*pip install .*|\./binder/postBuild)$", binder.dockerfile(), re.MULTILINE)
    built = subprocess.run(" && ".join(steps), shell=True, cwd=course, env=variables | mine, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    assert len(steps) == 2 and built.returncode == 0, built.stdout[-2000:]
    yield course, variables
    shutil.rmtree(folder)  # some 400 MB


@pytest.fixture(scope="module")
def server(image):
    """The address of JupyterLab, started from the image as BinderHub starts it."""
    course, variables = image
    [start] = re.findall(r'^ENV R2D_ENTRYPOINT="(.*)"$', binder.dockerfile(), re.MULTILINE)
    port = harness._free_port()
    command = [start.replace("${REPO_DIR}", str(course)), "jupyter-lab", "--ip=127.0.0.1", f"--port={port}", "--no-browser",
               f"--ServerApp.base_url={BASE}", f"--IdentityProvider.token={TOKEN}",
               "--allow-root", "--LabApp.expose_app_in_browser=True"]  # these two for the test's sake
    log = course.parent / "server.log"
    with open(log, "w") as said:
        process = subprocess.Popen(command, cwd=course, env=variables, stdout=said, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}{BASE}"
    try:
        harness._wait_for(f"{address}api", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def ask(server, path):
    request = urllib.request.Request(server + path, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_the_readme_says_how_large_it_is(image):
    prefix = Path(image[1]["KERNEL_PYTHON_PREFIX"])
    size = sum(path.lstat().st_size for path in prefix.rglob("*") if path.is_file())
    [told] = re.findall(r"(\d+) MB", binder.said())
    assert size / 1e6 == pytest.approx(int(told), rel=0.15)


def test_every_lesson_is_where_a_link_looks_for_it(server):
    for path in notebooks.LESSONS:
        assert ask(server, f"api/contents/notebooks/{path.name}?content=0")["type"] == "notebook"


def test_the_readme_s_link_opens_the_first_lesson_and_it_runs(browser, image, server):
    prefix = image[1]["KERNEL_PYTHON_PREFIX"]
    shown = binder.link()["urlpath"]
    page = harness.Page(browser, f"{server}{shown}?token={TOKEN}")
    try:
        page.run_all()
        assert page.tab.evaluate("() => jupyterapp.shell.currentWidget.context.path") == shown.removeprefix("lab/tree/")
        assert page.errors() == []
        panel = page.panel(0)
        before = panel.pixels()
        panel.root.locator(".noUi-handle").first.press("ArrowRight")
        assert panel.pixels(unlike=before) != before
        assert page.tab.evaluate(RUN, "import os, sys; print(sys.prefix, os.environ['OPENBLAS_NUM_THREADS'])") == f"{prefix} 1\n"
        outside = urllib.parse.urlsplit(server).netloc
        assert {urllib.parse.urlsplit(url).netloc for url, _ in page.asked if url.startswith("http")} == {outside}
        assert page.complaints == []
    finally:
        page.close()
