"""The check of an installation: what it says when all is well, and for each fault that can be brought about."""

import importlib
import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from livegrad import environment

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "lib/livegrad"


def test_all_is_well_here():
    report = environment.check(ROOT / "notebooks")
    assert report.well and report.remedy == "" and repr(report).startswith("All is well")


def test_it_asks_for_what_a_notebook_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {Requirement(name).name for name in project["dependencies"]}
    assert set(environment.OLDEST) == {name for name in asked if not name.startswith("jupyterlab")}
    oldest, newest = environment.PYTHONS
    start = (ROOT / "start.py").read_text(encoding="utf-8")
    assert f"{oldest} <= sys.version_info[:2] <= {newest}" in start
    assert set(environment.DATA) == {path.stem for path in LIBRARY.glob("data/*.npz")}


def test_the_pins_are_new_enough():
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, _, version = line.partition(" ")[0].partition("==")
        if name in environment.OLDEST:
            assert tuple(map(int, version.split(".")[:2])) >= environment.OLDEST[name]


@pytest.mark.parametrize("version, told", [("1.26.4", True), ("2.0", False), ("2.10.0rc1", False), ("0.9", True)])
def test_a_package_that_is_too_old(monkeypatch, version, told):
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version if name == "numpy" else real(name))
    report = environment.check()
    assert report.well is not told
    if told:
        assert f"numpy is too old: it is {version}, and the course needs 2.0 or newer" in repr(report)


def test_a_package_that_breaks_when_it_is_loaded(monkeypatch):
    real = importlib.import_module

    def load(name):
        if name == "matplotlib":
            raise ImportError("DLL load failed while\nimporting ft2font")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", load)
    report = environment.check()
    assert report.problems == ("The package matplotlib is installed and cannot be loaded. It says: ImportError: DLL load "
                               "failed while importing ft2font",)


def test_a_python_that_is_too_old(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert "This is Python 3.9; the course runs on Python 3.11 to 3.14." in repr(environment.check())


def copy_of_the_course(folder):
    shutil.copytree(LIBRARY, folder / "lib/livegrad", ignore=lambda place, names: [n for n in names if n not in KEPT])
    (folder / "start.py").touch()
    (folder / "notebooks").mkdir()
    return folder


KEPT = {"__init__.py", "environment.py", "data", *(f"{name}.npz" for name in environment.DATA)}


def test_where_no_package_is_installed_and_a_file_is_missing_it_speaks_all_the_same(tmp_path):
    course = copy_of_the_course(tmp_path)
    (course / "lib/livegrad/data/digits.npz").unlink()
    code = "import sys; sys.path.insert(0, sys.argv[1]); from livegrad import environment; print(environment.check())"
    # With -S a Python sees the standard library alone.
    run = subprocess.run([sys.executable, "-S", "-E", "-X", "utf8", "-c", code, str(course / "lib")], cwd=course / "notebooks",
                         capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    said = run.stdout
    assert said.startswith("5 things to mend:")
    assert all(f"The package {name} is not installed in this Python." in said for name in environment.OLDEST)
    assert "digits.npz. The download may be incomplete." in said and "norm_runs" not in said
    assert "not the Python that the course installs for itself" in said and f"go to {tmp_path} and call: python start.py" in said


def test_the_library_of_another_copy_is_noticed(tmp_path):
    course = copy_of_the_course(tmp_path)
    assert environment.check(course / "notebooks").well  # it is the same, to the letter
    with open(course / "lib/livegrad/__init__.py", "a", encoding="utf-8") as file:
        file.write("# of another day\n")
    report = environment.check(course / "notebooks")
    assert len(report.problems) == 1 and f"The notebook is in {course}, but the library that runs is another one" in repr(report)
    assert environment.check(tmp_path.parent).well  # a notebook of one's own, outside of any copy


def test_what_to_do_depends_on_where_it_runs(tmp_path, monkeypatch):
    course = copy_of_the_course(tmp_path)
    (course / "lib/livegrad/new.py").write_text("# not in the library that runs\n", encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", str(course / ".venv"))
    assert f"delete the folder {course / '.venv'}" in environment.check(course / "notebooks").remedy
    (course / "start.py").unlink()
    assert '-m pip install --upgrade "numpy>=2.0" "matplotlib>=3.8.4"' in environment.check(course / "notebooks").remedy
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert environment.check(course / "notebooks").remedy.startswith("Reload the page.")
