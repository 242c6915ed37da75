"""The instructor guide: its settings do what it says, its wrong answers are wrong, its plans fill the lesson."""
import ast
import importlib
import re

import notebooks
import pytest
from driving import undrawn

GUIDE = (notebooks.ROOT / "notebooks/INSTRUCTORS.md").read_text(encoding="utf-8")
HOW, *CHAPTERS = re.split(r"^## (?=\d\d · )", GUIDE, flags=re.MULTILINE)
CHAPTERS = {chapter[:2]: chapter for chapter in CHAPTERS}
LESSON = 50  # minutes

every_chapter = pytest.mark.parametrize("number", [path.name[:2] for path in notebooks.LESSONS])


def rows(text, heads):
    """The rows of the tables with these heads, without the cells' backticks."""
    found = []
    for table in re.findall(rf"^\| {heads} \|.*\n\|[-|]+\|\n((?:\|.*\n?)+)", text, re.MULTILINE):
        found += [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return found


SETTINGS = [(number, *row[:3]) for number, chapter in CHAPTERS.items()
            for row in rows(chapter, r"panel \| paste \| it says")]


def code(number):
    return [notebooks.source(cell) for cell in notebooks.cells(notebooks.lesson(number), "code")]


def factory(number, name):
    """The factory that the notebook imports under this name (two lessons have one of the same name)."""
    imports = [node for cell in code(number) for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.ImportFrom)]
    [room] = [node.module for node in imports if name in (alias.name for alias in node.names)]
    return getattr(importlib.import_module(room), name)


@pytest.fixture(scope="module")
def said():
    """said(number, panel, state): the line under the picture after Reset, paste, Enter, and Train where there is one."""
    panels, known = {}, {}

    def line(number, name, state):
        if (number, name, state) not in known:
            if (number, name) not in panels:
                panels[number, name] = factory(number, name)()
            panel = panels[number, name]
            panel.reset()
            panel._text.value = state
            assert panel.problem == ""
            if hasattr(panel, "train"):
                panel.train()
            panel._rested(None, {"rest": panel._number}, None)  # as the browser asks, once the hand is off
            known[number, name, state] = panel.readout
        return known[number, name, state]
    with undrawn():
        yield line


def test_every_lesson_has_a_chapter_in_order():
    assert list(CHAPTERS) == [path.name[:2] for path in notebooks.LESSONS]
    for number, chapter in CHAPTERS.items():
        title = notebooks.source(notebooks.cells(notebooks.lesson(number), "markdown")[0]).splitlines()[0]
        assert "# " + chapter.splitlines()[0] == title


@every_chapter
def test_a_plan_fills_the_lesson_with_sections_that_are_there(number):
    plans = re.findall(r"^\*\*Plan\.\*\* (.*)$", CHAPTERS[number], re.MULTILINE)
    assert plans
    headings = re.findall(r"^## (\d+) ·", notebooks.prose(notebooks.lesson(number)), re.MULTILINE)
    for plan in plans:
        assert sum(map(int, re.findall(r"(\d+) min", plan))) == LESSON
        named = [section for words in re.findall(r"[Ss]ections? (\d(?:(?:, | and )\d)*)", plan) for section in re.findall(r"\d", words)]
        assert named and set(named) <= set(headings)


@every_chapter
def test_wrong_answers_are_among_the_choices_and_wrong(number):
    asked = {}
    for cell in code(number):
        if cell.startswith("predict("):
            eval(cell, {"predict": lambda name, choices, answer, because: asked.update({name: (choices, choices[answer])})})
    table = rows(CHAPTERS[number], r"ask \| likely wrong \| reply")
    assert len(table) >= 3
    for question, wrong, reply in table:
        choices, right = asked[question.removeprefix("Predict ")]
        assert wrong in choices and wrong != right
        assert reply


@every_chapter
def test_exercises_that_are_set_are_there(number):
    [line] = re.findall(r"^\*\*Set\.\*\* (.*)$", CHAPTERS[number], re.MULTILINE)
    there = re.findall(r"\*\*Exercise (\d+)\.\*\*", notebooks.prose(notebooks.lesson(number)))
    named = re.findall(r"(?<!section )\b\d\b", line)
    assert named and set(named) <= set(there)


@every_chapter
def test_what_breaks_is_said(number):
    assert re.search(r"^\*\*Breaks\.\*\* \S", CHAPTERS[number], re.MULTILINE)


@pytest.mark.parametrize("number, panel, state, words", SETTINGS, ids=[f"{number}: {panel} {state}" for number, panel, state, _ in SETTINGS])
def test_a_setting_fits_its_panel_and_the_readout_says_so(said, number, panel, state, words):
    assert any(re.search(rf"^{panel}\(", cell) for cell in code(number)), "the notebook shows no such panel"
    assert words in said(number, panel, state)


@every_chapter
def test_numbers_are_those_of_the_notebook_or_of_a_readout(said, number):
    known = set(notebooks.numbers(notebooks.prose(notebooks.lesson(number))))
    for at, panel, state, _ in SETTINGS:
        if at == number:
            known |= set(notebooks.numbers(said(number, panel, state)))
    assert set(notebooks.numbers(CHAPTERS[number])) <= known


def test_commands_are_those_of_start_py():
    commands = re.search(r"commands = \{(.*)\}", (notebooks.ROOT / "start.py").read_text(encoding="utf-8"))[1]
    named = re.findall(r"start\.py (\w+)", GUIDE)
    assert {"present", "slides", "site"} <= set(named)
    assert all(f'"{name}":' in commands for name in named)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (notebooks.ROOT / "notebooks" / target).exists()
