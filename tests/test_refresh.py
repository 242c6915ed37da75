"""tools/refresh.py: what it saves, what it leaves alone, and that the course's notebooks are saved by it."""
import base64
import importlib.util
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("refresh", ROOT / "tools/refresh.py")
refresh = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(refresh)

PANEL = """
class Panel:
    def _repr_mimebundle_(self, **kwargs):
        view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}}
        return {"text/plain": "readout 1", "image/png": PNG} | view
"""


def png(*, shade=200, level=6, size=8):
    file = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), shade, dtype=np.uint8)).save(file, "PNG", compress_level=level)
    return base64.b64encode(file.getvalue()).decode()


def write(path, *sources):
    """A notebook with everything that is noise."""
    cells = [new_markdown_cell("# Title", id="title")]
    cells += [new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    for cell in cells:
        cell.metadata = {"tags": ["keep"], "execution": {"iopub.execute_input": "today"}, "scrolled": True}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": {"name": "mine", "display_name": "Mine"},
                                                  "widgets": {"state": {}}})
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def outputs(path):
    notebook = nbformat.read(path, as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_saves_a_notebook_without_noise(tmp_path, capsys):
    path = write(tmp_path / "ü 1.ipynb", f"PNG = {png()!r}" + PANEL, "Panel()",
                 "import os; print('é'); print(os.path.basename(os.getcwd()), flush=True); print('end')")
    assert refresh.main([str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.metadata == refresh.NOTEBOOK_METADATA
    assert [cell.id for cell in notebook.cells] == ["title", "c0", "c1", "c2"]
    assert all(cell.metadata == {"tags": ["keep"]} for cell in notebook.cells)
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3]
    panel, printed = outputs(path)
    assert panel.data == {"text/plain": "readout 1", "image/png": png()}
    assert printed.text == f"é\n{tmp_path.name}\nend\n"  # one output, run in the notebook's folder
    assert text.startswith('{\n "cells"') and text.endswith("}\n") and "é" in text

    capsys.readouterr()
    assert refresh.main([str(path)]) == 0
    assert "unchanged" in capsys.readouterr().out and path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("source, reason", [
    ("1 / 0", "ZeroDivisionError"),
    ("import warnings; warnings.warn('look out')", "printed to stderr"),
    ("import os; os._exit(3)", "Kernel died"),
])
def test_a_failing_notebook_stays_as_it_was(tmp_path, capsys, source, reason):
    path = write(tmp_path / "bad.ipynb", "x = 1", source)
    before = path.read_bytes()
    assert refresh.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("text", ["hello", "{}", "[]", '{"nbformat": 4, "nbformat_minor": 5, "cells": 3}'])
def test_what_is_no_notebook(tmp_path, capsys, text):
    path = tmp_path / "text.ipynb"
    path.write_text(text)
    assert refresh.main([str(path)]) == 1
    assert "left as it was. Not a notebook" in capsys.readouterr().err and path.read_text() == text


def test_a_missing_notebook_does_not_stop_the_others(tmp_path, capsys):
    path = write(tmp_path / "good.ipynb", "print(1)")
    assert refresh.main([str(tmp_path / "missing.ipynb"), str(path)]) == 1
    seen = capsys.readouterr()
    assert "missing.ipynb: left as it was" in seen.err and "good.ipynb: saved" in seen.out


@pytest.mark.parametrize("now, keeps", [
    (dict(picture=png(level=0)), True),  # other bytes, the same pixels
    (dict(picture=png(shade=203)), True),
    (dict(picture=png(shade=220)), False),
    (dict(picture=png(size=9)), False),
    (dict(picture=png(level=0), text="readout 2"), False),
])
def test_only_a_changed_picture_is_saved_anew(now, keeps):
    def notebook(picture, text="readout 1"):
        cell = new_code_cell("panel", id="c")
        data = {"text/plain": text, "image/png": picture}
        cell.outputs = [nbformat.v4.new_output("display_data", data)]
        return new_notebook(cells=[cell])

    old, new = notebook(png()), notebook(**now)
    refresh.keep_pictures(old, new)
    assert new.cells[0].outputs[0].data["image/png"] == (png() if keeps else now["picture"])


def test_every_saved_notebook_is_as_refresh_saves_it():
    paths = refresh.course_notebooks()
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        again = refresh.to_text(refresh.clean(nbformat.reads(text, as_version=4)))
        assert again == text, f"{path.name}: refresh it"
