"""The maintainers' table: every section, library name and test in it exists."""
import re
from importlib import import_module
from pathlib import Path

import notebooks
import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = (ROOT / "docs/syllabus.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if re.match(r"\|.*\| \d\d ", line)]


def headings(number):
    return re.findall(r"^#+ (.*)$", "\n".join(notebooks.source(cell) for cell in notebooks.cells(notebooks.lesson(number), "markdown")), re.MULTILINE)


def find(dotted):
    """The object of a dotted name below livegrad."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(["livegrad", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise AssertionError(f"there is no livegrad.{dotted}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_entry_is_there(row):
    _, place, library, test = row
    number, where = place.split(" ", 1)
    if where.startswith("§"):
        assert any(heading.startswith(where[1:] + " ·") for heading in headings(number))
    else:
        assert where in headings(number)
    names = re.findall(r"`([\w.]+)`", library)
    assert names and all(find(name) is not None for name in names)
    [(file, name)] = re.findall(r"`(\w+)(?:::(\w+))?`", test)
    source = (ROOT / "tests" / f"test_{file}.py").read_text(encoding="utf-8")
    assert not name or f"def {name}(" in source


def test_every_section_of_every_notebook_is_in_the_table():
    for path in notebooks.LESSONS:
        number = path.name[:2]
        taught = {match[1] for heading in headings(number) if (match := re.match(r"(\d) ·", heading))}
        assert taught == {place.split("§")[1] for _, place, *_ in ROWS if place.startswith(number + " §")}
