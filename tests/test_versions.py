"""tools/versions.py: what it writes stands for a run; and its page agrees with the bounds in pyproject.toml."""
import importlib.util
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace as Cell

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from livegrad import environment

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("versions", ROOT / "tools/versions.py")
versions = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(versions)

BOUNDS = {asked.name: str(asked.specifier).removeprefix(">=") for asked in map(
    Requirement, tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"])}


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(versions, "PAGE", tmp_path / "versions.md")
    return versions.PAGE


def test_a_row_is_kept_until_its_next_run_and_what_did_not_run_says_so(page, monkeypatch):
    ran = ["2.0.0"] * len(versions.SHOWN) + ["7 passed", "all: 5 passed", "3.11.7, today"]
    answers = iter([ran, None])  # the second time there is no such Python
    monkeypatch.setattr(versions, "attempt", lambda *asked, **how: next(answers))
    for asked in ("3.11-oldest", "3.14-newest"):
        monkeypatch.setattr("sys.argv", ["versions.py", asked])
        versions.main()
    trials, again = versions.load(page.read_text(encoding="utf-8"))
    assert trials["3.11", "oldest"] == ran
    assert trials["3.14", "newest"] == versions.unrun("no Python 3.14 here")
    others = {key: row for key, row in trials.items() if key not in (("3.11", "oldest"), ("3.14", "newest"))}
    assert len(others) == 10 and all(row == versions.unrun() for row in others.values())
    assert all(row == [versions.NOT_RUN, versions.NOT_RUN, ""] for row in again.values())


def test_a_failure_is_named():
    report = """<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>
        <testcase name="c"><skipped/></testcase><testcase name="d"><error/></testcase></testsuite></testsuites>"""
    assert versions.outcome(report) == "1 passed, 1 skipped, **2 failed**: `b`, `d`"
    assert versions.outcome('<testsuite><testcase name="a"/></testsuite>') == "1 passed"


def test_two_runs_that_differ_are_told_apart():
    def run(*outputs):
        return Cell(cells=[Cell(cell_type="markdown"), *(Cell(cell_type="code", id=f"c{i}", outputs=out) for i, out in enumerate(outputs))])

    assert versions.compare(run(["1"], ["2"]), run(["1"], ["2"])) == "the same outputs of 2 cells, byte for byte"
    assert versions.compare(run(["1"], ["2"]), run(["1"], ["2.0"])) == "**differ**: cells c1"


def test_a_row_of_the_oldest_is_about_the_bounds():
    trials, _ = versions.load((ROOT / "docs/versions.md").read_text(encoding="utf-8"))
    row = trials[versions.PYTHONS[0], "oldest"]
    if versions.NOT_RUN in row:
        pytest.skip("the oldest versions were not tried yet")
    assert [Version(version) for version in row[:len(versions.SHOWN)]] == [Version(BOUNDS[name]) for name in versions.SHOWN]


def test_a_student_is_told_of_the_same_bounds():
    told = {name: ".".join(map(str, version)) for name, version in environment.OLDEST.items()}
    assert told == {name: BOUNDS[name] for name in told}


def test_pythons_are_those_of_start_py_and_what_is_left_out_exists():
    oldest, newest = environment.PYTHONS
    assert versions.PYTHONS == tuple(f"3.{minor}" for minor in range(oldest[1], newest[1] + 1))
    assert all((ROOT / f"tests/test_{name}.py").is_file() for name in versions.ELSEWHERE)


def test_nothing_on_the_page_failed():
    page = (ROOT / "docs/versions.md").read_text(encoding="utf-8")
    assert not re.search(r"\*\*|could not be installed|did not start", page)
