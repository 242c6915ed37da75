"""What tests ask about Binder: what repo2docker would build, and where the README's badge leads."""

import functools
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = re.search(r"python-(3\.\d+)", (ROOT / "binder/runtime.txt").read_text(encoding="utf-8"))[1]


@functools.cache
def dockerfile():
    """The Dockerfile that repo2docker writes for the course, without building it."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).replace("\\n", "\n")


def link():
    """The parts of the README's one link to Binder: its path, and what it asks for."""
    [address] = re.findall(r"\((https://mybinder\.org/v2/[^)]*)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    parts = urllib.parse.urlsplit(address)
    return {"path": parts.path, **dict(urllib.parse.parse_qsl(parts.query))}


def said():
    """The README's paragraph about a launch on Binder."""
    paragraphs = (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")
    [paragraph] = [text for text in paragraphs if text.startswith("No installation at all")]
    return paragraph
