"""Faults from outside: damaged files, a full disk, a start that is broken off anywhere, an update over a student's work.

A kernel that dies while a panel trains is in `browser/test_killed_kernel`.
"""

import base64
import contextlib
import dataclasses
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from test_deploy import class_of_one, edit, git, needs_git, run_and_answer, sources  # noqa: F401
from test_refresh import refresh, write

from livegrad import data, environment
from livegrad.experiments import thresholds
from livegrad.panels.clipping import threshold_panel

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name == "nt", reason="stands on what Windows does not have")


# ---- files of the course that are missing or damaged

SMALL = Path(data.__file__).with_name("single_changes.npz")
DAMAGED = {"empty": b"", "cut off": SMALL.read_bytes()[:700], "text": b"version https://git-lfs.github.com/spec/v1\n",
           "an array": b"\x93NUMPY\x01\x00", "pickle": base64.b64decode("gASVCwAAAAAAAABdlChLAUsCZS4=")}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_named_with_what_mends_it(damage, tmp_path):
    path = tmp_path / "thresholds.npz"
    path.write_bytes(DAMAGED[damage])
    with pytest.raises(OSError, match="cannot be read") as caught:
        data.read(path)
    assert f"{path} " in str(caught.value) and f'git -C "{tmp_path}" checkout -- thresholds.npz' in str(caught.value)


def test_no_flipped_byte_changes_a_number(tmp_path):
    whole, path = SMALL.read_bytes(), tmp_path / "flipped.npz"
    wanted, found = data.read(SMALL), 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])
        try:
            arrays = data.read(path)
        except OSError:
            found += 1
        else:  # a byte that means nothing here, such as an hour, or that hides an array, which is then missed by its name
            np.testing.assert_equal(arrays, {name: wanted[name] for name in arrays})
    assert found > 300


def test_a_panel_whose_runs_are_missing_says_so_and_opens_once_they_are_back(tmp_path, monkeypatch):
    sweep = dataclasses.replace(thresholds.SWEEP, target=tmp_path / "thresholds.npz")
    monkeypatch.setattr(thresholds, "SWEEP", sweep)
    thresholds.load.cache_clear()
    with pytest.raises(OSError, match="thresholds.npz is missing. In a terminal, git"):
        threshold_panel()
    shutil.copy(Path(data.__file__).with_name("thresholds.npz"), tmp_path)
    assert threshold_panel().problem == ""


def test_there_is_one_reader_of_files():
    texts = {path: path.read_text(encoding="utf-8") for path in Path(data.__file__).parents[1].rglob("*.py")}
    assert [path for path, text in texts.items() if "np.load" in text] == [Path(data.__file__)]


def test_the_check_of_the_installation_finds_a_damaged_file(tmp_path):
    library = shutil.copytree(Path(data.__file__).parent, tmp_path / "data").parent
    assert environment._files(library) == ""
    for name, content in zip(environment.DATA, DAMAGED.values()):
        (library / f"data/{name}.npz").write_bytes(content)
    said = environment._files(library)
    assert all(f"{name}.npz" in said for name in environment.DATA[:len(DAMAGED)]) and f"{environment.DATA[-1]}.npz" not in said


# ---- a full disk


@contextlib.contextmanager
def room(size):
    """A file that grows longer cannot be written, as on a disk that is full."""
    import resource

    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@posix
def test_a_disk_that_is_full_while_a_notebook_is_refreshed(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "02_lesson.ipynb", "1")
    before = path.read_bytes()

    def execute(notebook, folder):
        fresh = nbformat.from_dict(notebook)
        fresh.cells[-1].outputs = [nbformat.v4.new_output("stream", text="x" * 200_000)]
        return fresh

    monkeypatch.setattr(refresh, "execute", execute)
    with room(50_000):
        assert refresh.main([str(path)]) == 1
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert f"{path}: left as it was. [Errno" in capsys.readouterr().err
    path.chmod(0o640)
    monkeypatch.setattr(refresh, "execute", lambda notebook, folder: nbformat.from_dict(notebook))
    assert refresh.main([str(path)]) == 0 and path.read_bytes() != before and path.stat().st_mode & 0o777 == 0o640


# ---- a start that is broken off


class Stand:
    """In place of `subprocess`, for a .venv of two files: what start.py and pip do with the disk, in no time."""

    DEVNULL = PIPE = STDOUT = None

    def __init__(self, venv):
        self.venv = venv

    @property
    def packages(self):
        return {name: path.read_text() if (path := self.venv / name).is_file() else "" for name in ("first", "last")}

    def call(self, command, env):  # asks whether all that is needed is there
        return 0 if (self.venv / "bin/python").exists() and all(self.packages.values()) else 1

    def run(self, command, **options):  # makes an environment
        (self.venv / "bin").mkdir()
        (self.venv / "bin/python").touch()
        return subprocess.CompletedProcess(command, 0, "")

    def Popen(self, command, **options):  # noqa: N802 - runs pip
        self.stdout, self.returncode = self.install(command), None
        return self

    def install(self, command):
        for name in self.packages if "--requirement" in command else ():
            yield f"Collecting {name}\n"
            (self.venv / name).write_text("half")
            (self.venv / name).write_text((self.venv.parent / "requirements.txt").read_text())
        self.returncode = 0

    def kill(self):
        self.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


@pytest.fixture
def start(tmp_path, monkeypatch):
    """start.py in a folder of its own, beside pins and packages that are not those of the course."""
    shutil.copy(ROOT / "start.py", tmp_path)
    spec = importlib.util.spec_from_file_location("start_broken_off", tmp_path / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "subprocess", Stand(module.VENV))
    monkeypatch.setattr(module, "say", lambda text: None)
    return module


def before(start, state):
    """Bring the folder into a state from which `prepare` has something to do."""
    shutil.rmtree(start.VENV, ignore_errors=True)
    for name in (start.COURSE, start.TESTS):
        (start.ROOT / name).write_text("old")
    if state != "nothing":
        start.prepare(start.COURSE)
    if state == "other pins":
        (start.ROOT / start.COURSE).write_text("new")


STEPS = {"prepare", "create", "install", "pip", "run"}  # of start.py, and of what stands for its children


def at_line(n, act, end):
    """Run `act` and call `end` before that line of its steps that comes after n others; whether there was one."""
    left = n

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_name not in STEPS:
            return None
        left -= event == "line"
        if left == -1:
            left -= 1
            end()
        return trace

    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(usual)
    return left < 0


def interrupted(n, act, venv):
    def end():
        raise KeyboardInterrupt
    return at_line(n, act, end)


def killed(n, act, venv):
    """Leave the disk as it stands where the process ends without a word."""
    copy = venv.with_name("as it was")
    reached = at_line(n, act, lambda: venv.exists() and shutil.copytree(venv, copy))
    if reached:
        shutil.rmtree(venv)
    if copy.exists():
        copy.rename(venv)
    return reached


@pytest.mark.parametrize("state", ["nothing", "other pins", "tests on top"])
@pytest.mark.parametrize("way", [interrupted, killed])
def test_after_a_start_that_was_broken_off_at_any_line_the_next_one_is_whole(start, way, state):
    pins = [start.COURSE, start.TESTS][:1 + (state == "tests on top")]
    for n in itertools.count():
        before(start, state)
        found, whole = start.subprocess.packages, dict.fromkeys(("first", "last"), (start.ROOT / start.COURSE).read_text())
        reached = way(n, lambda: start.prepare(*pins), start.VENV)
        if way is interrupted:  # it had the time to tidy up
            assert not start.VENV.exists() or start.subprocess.packages in (found, whole)
        for wanted in ([start.COURSE], pins):
            start.prepare(*wanted)
            assert start.subprocess.packages == whole and start.usable()
            assert {start.mark(name) for name in wanted} <= set(start.STAMP.read_text().splitlines())
        if not reached:
            break
    assert n > 25


@posix
@pytest.mark.parametrize("state", ["nothing", "other pins", "tests on top"])
def test_a_disk_that_is_full_once_all_is_installed(start, state):
    pins = [start.COURSE, start.TESTS][:1 + (state == "tests on top")]
    before(start, state)
    with room(20), pytest.raises(start.Trouble, match=r"installed.txt cannot be written \(.+\). If the disk is full"):
        start.prepare(*pins)
    start.prepare(*pins)
    assert start.usable() and {start.mark(name) for name in pins} <= set(start.STAMP.read_text().splitlines())


# ---- an update over a student's work


def commands():
    """Those that README names for an update."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"later version.*?\n\n((?:    .+\n)+)", text)
    return [line.strip() for line in block.splitlines()]


GIT_SETTINGS = "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"


def by_hand(folder):
    """What a student types who has cloned the course, on a machine whose git knows no name."""
    for command in commands():
        subprocess.run(command, shell=True, cwd=folder, env=os.environ | dict.fromkeys(GIT_SETTINGS, os.devnull))


@needs_git
@posix
@pytest.mark.parametrize("way", ["link", "by hand"])
def test_an_update_loses_no_edit_and_no_notebook_of_the_students_own(class_of_one, way):  # noqa: F811
    theirs, mine, follow = class_of_one
    edit(mine, run_and_answer)
    own, also = mine.with_name("10_mine.ipynb"), theirs.with_name("10_mine.ipynb")
    for path, words in ((own, "a student's"), (also, "the course's")):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(words)]), path)
    mine.with_name("notes.txt").write_text("mine")
    edit(theirs, lambda cells: cells.insert(10, nbformat.v4.new_markdown_cell("A cell more.")))
    edit(theirs, lambda cells: [cell for cell in cells if cell.cell_type == "code"][-1].update(source="# theirs"))
    if way == "link":
        follow()
    else:
        git(theirs.parent, "add", ".")
        git(theirs.parent, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "lesson")
        by_hand(mine.parent)
    after = sources(mine)
    assert "A cell more." in after and any(source.endswith("# my answer") for source in after) and "# theirs" not in after
    assert mine.with_name("notes.txt").read_text() == "mine"
    [kept] = [path for path in mine.parent.glob("10_mine*.ipynb") if sources(path) == ["a student's"]]
    assert (kept == own) == (way == "by hand")  # the link's own has the course's, and the student's stands beside it
    assert way == "by hand" or sources(own) == ["the course's"]
