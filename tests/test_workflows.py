"""The workflows of the repository's host: valid, and about the Pythons that start.py takes."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_they_fit_the_schema():
    assert len(WORKFLOWS) == 3
    done = subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_python_and_system_is_tried():
    tests = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    oldest, newest = re.search(r"\(3, (\d+)\) <= sys.version_info\[:2\] <= \(3, (\d+)\)", (ROOT / "start.py").read_text(encoding="utf-8")).groups()
    [listed] = re.findall(r"python: \[(.*)\]", tests)
    assert listed == ", ".join(f'"3.{minor}"' for minor in range(int(oldest), int(newest) + 1))
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in tests


def test_commands_are_those_of_start_py():
    commands = re.search(r"commands = \{(.*)\}", (ROOT / "start.py").read_text(encoding="utf-8"))[1]
    for path in WORKFLOWS:
        for name in re.findall(r"start\.py (\w+)", path.read_text(encoding="utf-8")):
            assert f'"{name}":' in commands
