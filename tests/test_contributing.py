"""What the README and the contributors' page name is there: files, commands, marks; and the page says what the tests do."""
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
both = pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])


def code(text):
    """What stands in code: indented lines without their comments, and words in backticks."""
    return [line.partition("#")[0].strip() for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE)] + re.findall(r"`([^`]+)`", text)


@both
def test_links_lead_to_files(name):
    targets = re.findall(r"\]\((?!http)([^)]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert len(targets) > 15
    assert [target for target in targets if not (ROOT / target).exists()] == []


@both
def test_paths_and_commands_exist(name):
    commands = re.search(r"commands = \{(.*)\}", (ROOT / "start.py").read_text(encoding="utf-8"))[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    marks = [mark.partition(":")[0] for mark in project["tool"]["pytest"]["ini_options"]["markers"]]
    made = ("slides/", ".venv")
    for text in code((ROOT / name).read_text(encoding="utf-8")):
        for command in re.findall(r"python start\.py (\w+)", text):
            assert f'"{command}":' in commands, text
        for mark in re.findall(r"-m (\w+)", text):
            assert mark in marks, text
        for path in re.findall(r"(?<![\w<.])(?:[\w-]+/)+[\w.-]*|[\w-]+\.(?:py|toml|txt|md)\b", text):
            assert path in made or (ROOT / path).exists() or "github.com" in text or path.startswith("livegrad/"), text


def test_the_page_says_what_the_workflows_and_the_tests_do():
    listed = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))[1]
    pythons = re.findall(r"3\.\d+", listed)
    assert f"Python {pythons[0]} to {pythons[-1]}" in PAGE
    shown = re.search(r"most_common\((\d+)\)", (ROOT / "tests/conftest.py").read_text(encoding="utf-8"))[1]
    assert {"15": "fifteen"}[shown] + " slowest files" in PAGE
    install = re.search(r'pip\(\["--quiet", (.*)\]\)', (ROOT / "start.py").read_text(encoding="utf-8"))[1]
    assert " ".join(re.findall(r'"(.*?)"', install)).replace("--editable", "-e") in PAGE
