"""Run notebooks from a clean kernel and save them without noise.

    python start.py refresh                                every notebook and every solution
    python start.py refresh notebooks/01_first.ipynb       the ones named, from the course's folder

A notebook in which a cell raises, or prints to stderr, stays as it was, and the exit code is 1. What is saved
holds no traces of the machine or the hour, and a picture that looks the same keeps its bytes: a diff shows
what changed.
"""
import base64
import io
import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = {"jupyter", "slideshow", "tags"}  # the rest is left by editors and clocks
SAME_SHADE = 8  # of 255: less than the eye sees, more than rounding moves


class Failed(Exception):
    """A notebook that must not be saved; the message says why."""


def main(arguments):
    paths = [Path(word) for word in arguments] or course_notebooks()
    return 1 if sum([not refresh(path) for path in paths]) else 0


def course_notebooks():
    return sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("notebooks/solutions/*.ipynb"))


def refresh(path):
    """Run and save one notebook; print one line on how it went and return whether it went well."""
    start = time.perf_counter()
    try:
        before = path.read_text(encoding="utf-8")
        old = read(before)
        new = execute(old, path.parent)
        keep_pictures(old, new)
        after = to_text(clean(new))
        if after != before:
            write(path, after)
    except (Failed, OSError) as error:
        print(f"{path}: left as it was. {error}", file=sys.stderr)
        return False
    outcome = "unchanged" if after == before else "saved"
    print(f"{path}: {outcome}, {time.perf_counter() - start:.0f} s", flush=True)
    return True


def read(text):
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.ValidationError, AttributeError, TypeError, ValueError) as error:
        raise Failed(f"Not a notebook: {str(error).splitlines()[0]}") from error
    return notebook


def execute(notebook, folder):
    """Return a copy of `notebook`, run from top to bottom in a new kernel that works in `folder`."""
    client = NotebookClient(
        nbformat.from_dict(notebook),
        kernel_name="python3",
        timeout=600,
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,  # how a long print is cut into messages is a matter of timing
        store_widget_state=False,
    )
    try:
        fresh = client.execute()
    except (CellExecutionError, DeadKernelError, TimeoutError) as error:
        raise Failed(f"A cell failed:\n{error}") from error
    for number, cell in enumerate(fresh.cells, start=1):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise Failed(f"Cell {number} printed to stderr:\n{output.text}")
    return fresh


def clean(notebook):
    """Take out of `notebook`, in place, what differs between machines, editors and hours; return it."""
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in CELL_METADATA})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)  # a view of a kernel that is gone
    return notebook


def keep_pictures(old, new):
    """Give each output of `new` the old bytes of its picture if output and picture are otherwise the same."""
    before = {cell.id: cell.get("outputs", []) for cell in old.cells}
    for cell in new.cells:
        for was, now in zip(before[cell.id], cell.get("outputs", [])):
            if beside_picture(was) == beside_picture(now) and same_picture(was, now):
                now.data["image/png"] = was.data["image/png"]


def beside_picture(output):
    data = output.get("data", {})
    return {mime: value for mime, value in data.items() if mime not in ("image/png", WIDGET_VIEW)}


def same_picture(was, now):
    """Whether both outputs hold a picture and no pixel of one differs visibly from the other's."""
    pictures = [output.get("data", {}).get("image/png") for output in (was, now)]
    if None in pictures:
        return False
    files = [io.BytesIO(base64.b64decode(picture)) for picture in pictures]
    a, b = [np.asarray(Image.open(file).convert("RGBA"), dtype=int) for file in files]
    return a.shape == b.shape and bool(np.abs(a - b).max() <= SAME_SHADE)


def to_text(notebook):
    return nbformat.writes(notebook) + "\n"


def write(path, text):
    """All or nothing: where the disk is full, or the power fails, the old file stays whole."""
    path = path.resolve()  # a link stays a link
    half = path.with_suffix(".part")
    try:
        with half.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, half)
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
