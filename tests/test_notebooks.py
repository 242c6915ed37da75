"""The form of every notebook; nbval runs them and compares what they print."""

import re

import notebooks
import pytest

# A cell that continues the slide before it has no type: jupyterlab-slideshow does not know "-".
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", None}

every = pytest.mark.parametrize("path", notebooks.ALL, ids=lambda p: f"{p.parent.name}/{p.stem}")


@every
def test_code_cells_are_short_and_plain(path):
    for cell in notebooks.cells(path, "code"):
        text = notebooks.source(cell)
        lines = text.splitlines()
        assert len(lines) <= 20, text
        assert max(map(len, lines)) <= 130, text
        assert "import *" not in text and not re.search(r";\s*$", text, re.M), text
        for body in re.findall(r"^def .*\n((?:[ \t]+.*\n?|\n)*)", text, re.M):
            assert len(body.splitlines()) <= 12, text


@every
def test_every_code_cell_shows_a_saved_result(path):
    for cell in notebooks.cells(path, "code"):
        assert cell["outputs"], notebooks.source(cell)
        assert cell["execution_count"], notebooks.source(cell)


@every
def test_saved_outputs_hold_no_error_no_warning_and_no_widget(path):
    for cell in notebooks.cells(path, "code"):
        for output in cell["outputs"]:
            assert output["output_type"] != "error" and output.get("name") != "stderr", notebooks.source(cell)
            assert set(output.get("data", {})) <= {"text/plain", "image/png"}, notebooks.source(cell)


@every
def test_panels_save_their_picture_and_their_readout(path):
    for cell in notebooks.cells(path, "code"):
        if re.match(r"\w+_panel\(", notebooks.source(cell)):
            (output,) = cell["outputs"]
            assert set(output["data"]) == {"text/plain", "image/png"}
            assert re.search(r"\d", "".join(output["data"]["text/plain"]))


@every
def test_metadata_is_what_the_course_needs_and_no_more(path):
    notebook = notebooks.read(path)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    asked = False
    for cell in notebook["cells"]:
        text, code = notebooks.source(cell), cell["cell_type"] == "code"
        if code and text.startswith("predict("):  # the code names the answer
            asked, hidden = True, {"jupyter": {"source_hidden": True}}
            assert text.splitlines()[0] == "predict("  # JupyterLab shows the first line of a hidden cell
        elif code and asked and not re.match(r"\w+_panel\(", text):  # the saved result may give it; running the cell unfolds it
            hidden = {"jupyter": {"outputs_hidden": True}}
        else:
            hidden = {}
            asked = asked and (code or not ("<details>" in text or text.startswith("## ")))  # until it is explained
        assert {name: value for name, value in cell["metadata"].items() if name != "slideshow"} == hidden, text
        assert cell["metadata"]["slideshow"].get("slide_type") in SLIDE_TYPES


@every
def test_links_lead_somewhere(path):
    for cell in notebooks.cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)\s]+)\)", notebooks.source(cell)):
            if not target.startswith(("http", "#")):
                file, _, anchor = target.partition("#")
                assert (path.parent / file).exists(), target
                if anchor.startswith("cell-id="):  # a link to a heading finds it only in a notebook that is open already
                    assert anchor[8:] in {cell["id"] for cell in notebooks.read(path.parent / file)["cells"]}, target
                elif anchor:
                    headings = re.findall(r"^#+ (.+)$", (path.parent / file).read_text(encoding="utf-8"), re.M)
                    assert anchor in {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}, target


@pytest.mark.parametrize("path", notebooks.LESSONS, ids=lambda p: p.stem)
def test_a_lesson_has_its_parts(path):
    text, code = notebooks.prose(path), "\n".join(map(notebooks.source, notebooks.cells(path, "code")))
    for part in ("Exercises", "Check yourself", "Summary", "Further reading"):
        assert f"## {part}" in text, part
    numbered = re.findall(r"\*\*Predict (\d+)\.\*\*", text)
    assert numbered == [str(i) for i in range(1, len(numbered) + 1)] and len(numbered) >= 4
    assert re.findall(r'^predict\(\s*"(\d+)"', code, re.M) == numbered
    assert len(re.findall(r"\*\*Exercise \d+\.\*\*", text)) >= 5
    assert (path.parent / "solutions" / path.name).exists()


@pytest.mark.parametrize("path", notebooks.LESSONS, ids=lambda p: p.stem)
def test_exercises_start_unsolved_and_the_solutions_pass(path):
    def verdicts(where):
        return ["".join(cell["outputs"][0]["data"]["text/plain"]) for cell in notebooks.cells(where, "code")
                if re.search(r"^check_\w+\(", notebooks.source(cell), re.M)]

    unsolved, solved = verdicts(path), verdicts(path.parent / "solutions" / path.name)
    assert len(unsolved) == len(solved) >= 5
    assert all("Not attempted yet" in v for v in unsolved), unsolved
    assert all(v.startswith("Passed") or "Correct" in v for v in solved), solved


@pytest.mark.parametrize("path", notebooks.LESSONS, ids=lambda p: p.stem)
def test_the_stated_time_is_that_of_reading_and_trying(path):
    whole, exercises = map(int, re.search(r"about (\d+) minutes, (\d+) of them for the exercises", notebooks.prose(path)).groups())
    needed = notebooks.minutes(path)
    assert abs(whole - sum(needed)) <= 5 and abs(exercises - needed[1]) <= 5, needed
