"""What tests ask of notebooks: their cells, their prose, and the numbers in it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
ALL = LESSONS + sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))


def every_lesson(quick):
    """Once for each lesson; for those that are not `quick` the test is marked slow."""
    return pytest.mark.parametrize("path", [
        pytest.param(path, id=path.stem, marks=[] if path.name[:2] in quick else pytest.mark.slow) for path in LESSONS])


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def cells(path, kind):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def lesson(number):
    (path,) = [path for path in LESSONS if path.name.startswith(number)]
    return path


def prose(path):
    """All Markdown of a notebook, and what `predict` says, which is prose too."""
    spoken = [source(c) for c in cells(path, "code") if source(c).startswith("predict(")]
    return "\n\n".join([*(source(c) for c in cells(path, "markdown")), *spoken])


def numbers(text):
    """The measured-looking numbers of a text: decimals, powers of ten, percentages. Whole numbers are names and counts."""
    text = re.sub(r"\([^()]*\b(?:19|20)\d\d[^()]*\)", "", text)  # sources
    text = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)  # code and links
    return re.findall(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?(?![\w.]*\d)|(?<![\w.])\d+e[+-]?\d+|\d+(?= ?%)", text)


def minutes(path):
    """How long a lesson takes: reading it and trying its panels; its exercises.

    160 words a minute, tables left out, they are for looking up; 15 lines of code a minute; 3 minutes for a panel, 1 for
    a prediction, 4 for an exercise. A person who reads it for the first time may correct these numbers, and the times with them.
    """
    code = [source(c) for c in cells(path, "code")]
    exercises = sum(bool(re.search(r"^check_\w+\(", text, re.M)) for text in code)
    panels = sum("_panel(" in text for text in code)
    predictions = sum(text.startswith("predict(") for text in code)
    lines = sum(len(text.splitlines()) for text in code if not re.search(r"^check_|_panel\(|^predict\(", text, re.M))
    words = len(re.sub(r"^\|.*$|\]\([^)]*\)", "", prose(path), flags=re.M).split())
    return words / 160 + lines / 15 + 3 * panels + predictions, 4 * exercises
