"""Is everything there that the notebooks need? If not: what is missing, and how to mend it.

It stands on the standard library alone, so that it can speak where NumPy cannot be imported.

>>> check()
All is well: Python, NumPy, Matplotlib and the widgets answer, and the course's files are there.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OLDEST", "PYTHONS", "Report", "check"]

PYTHONS = ((3, 11), (3, 14))
"""The oldest and the newest Python that the course is tested with."""

OLDEST = {"numpy": (2, 0), "matplotlib": (3, 8, 4), "ipywidgets": (8, 1), "anywidget": (0, 11)}
"""What a notebook imports, and the oldest version of each that the course is known to run with."""

DATA = ("depth_runs", "digits", "learning_times", "norm_runs", "reber_net", "single_changes", "temporal_order", "thresholds",
        "trainability")
"""The stored arrays in ``livegrad/data``."""


@dataclass(frozen=True)
class Report:
    """What is wrong with the installation, in plain words. Prints as them.

    Attributes
    ----------
    problems : tuple of str
        A sentence or two for each fault: what is wrong.
    remedy : str
        What to do about them; empty if there are none.

    Examples
    --------
    >>> Report(("NumPy is not installed.",), "Call python start.py again.")
    1 thing to mend:
    - NumPy is not installed.
    What to do: Call python start.py again.
    """

    problems: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __repr__(self) -> str:
        if self.well:
            return "All is well: Python, NumPy, Matplotlib and the widgets answer, and the course's files are there."
        count = f"{len(self.problems)} thing{'s' * (len(self.problems) > 1)} to mend:"
        return "\n".join([count, *(f"- {problem}" for problem in self.problems), f"What to do: {self.remedy}"])


def check(folder: Path | str = ".") -> Report:
    """Look at the Python that runs this, its packages, and the course's own files.

    Parameters
    ----------
    folder : path
        Where the notebook stands. If that is in a copy of the course, the library must be that copy's, or the same.

    Returns
    -------
    Report
        Nothing is raised, whatever is wrong.

    Examples
    --------
    >>> check().well
    True
    """
    library = Path(__file__).resolve().parent
    asked = _checkout(Path(folder).resolve())
    found = [_python(), *(_package(name, oldest) for name, oldest in OLDEST.items()), _files(library), _copy(library, asked)]
    problems = tuple(filter(None, found))
    return Report(problems, _remedy(asked or _checkout(library)) if problems else "")


def _python() -> str:
    oldest, newest = PYTHONS
    if oldest <= tuple(sys.version_info[:2]) <= newest:
        return ""
    return (f"This is Python {sys.version_info[0]}.{sys.version_info[1]}; the course runs on Python "
            f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}.")


def _package(name: str, oldest: tuple[int, ...]) -> str:
    """What is wrong with one package; empty if nothing is."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"The package {name} is not installed in this Python."
    if tuple(map(int, re.findall(r"\d+", version)[: len(oldest)])) < oldest:
        return f"The package {name} is too old: it is {version}, and the course needs {'.'.join(map(str, oldest))} or newer."
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever a broken package does, the reader is to be told of it
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return f"The package {name} is installed and cannot be loaded. It says: {said[:300]}"
    return ""


def _files(library: Path) -> str:
    data = library / "data"
    faulty = [f"{name}.npz" for name in DATA if not _whole(data / f"{name}.npz")]
    if not faulty:
        return ""
    return (f"Files of the course are missing or damaged in {data}: {', '.join(faulty)}. The download may be incomplete. "
            f'In a terminal, git -C "{data}" checkout -- {" ".join(faulty)} brings them back; without git, download the '
            "course anew.")


def _whole(path: Path) -> bool:
    """Whether an ``.npz``, which is a zip, can be read to its end and its checksums are right."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except Exception:  # of many kinds: a flipped bit can stand in any field of the format
        return False


def _checkout(place: Path) -> Path | None:
    """The folder of the course that a place is in, if it is in one."""
    return next((folder for folder in (place, *place.parents) if (folder / "lib/livegrad").is_dir()), None)


def _copy(library: Path, asked: Path | None) -> str:
    if asked is None:
        return ""
    own = asked / "lib/livegrad"
    if all(_text(path) == _text(library / path.relative_to(own)) for path in own.rglob("*.py")):
        return ""
    return f"The notebook is in {asked}, but the library that runs is another one, in {library}, and they differ."


def _text(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _remedy(root: Path | None) -> str:
    """What to do, which depends on where this runs."""
    if sys.platform == "emscripten":
        return "Reload the page. It loads all it needs by itself; if that fails, the network may have been away."
    if root is None or not (root / "start.py").is_file():
        names = " ".join(f'"{name}>={".".join(map(str, oldest))}"' for name, oldest in OLDEST.items())
        return f'In a terminal: "{sys.executable}" -m pip install --upgrade {names}. Then restart the kernel.'
    start = f"in a terminal, go to {root} and call: python start.py"
    own = root / ".venv"
    if Path(sys.prefix).resolve() == own.resolve():
        return f"Close JupyterLab and delete the folder {own}. Then, {start}. That installs the course anew and opens it."
    return (f"This notebook runs in {sys.executable}, which is not the Python that the course installs for itself. "
            f"Close JupyterLab. Then, {start}. If you use another editor, choose the Python in {own} as the kernel.")
