"""Export lessons as slides that need no Python and no network: one HTML file each, to carry on a USB stick.

    python start.py slides            all lessons, into the folder slides/
    python start.py slides 03 05      these lessons

Where a live panel would be stands its saved picture with its line of numbers. Everything is inside the file: nbconvert
turns cells into slides, reveal.js turns the pages, MathJax sets the formulas. The two scripts come, each checked against
its hash in ``wheels.txt``, from packages on PyPI that carry them; they are kept here after the first time.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PARTS = HERE / ".parts"
CARRIED = {
    "reveal.js": "sphinx_revealjs/_static/revealjs/dist/reveal.js",
    "reveal.css": "sphinx_revealjs/_static/revealjs/dist/reveal.css",
    "mathjax.js": "sphinx-mathjax-offline/static/mathjax/tex-svg-full.js",
}


def parts() -> dict[str, str]:
    """Text of every script and style sheet that goes into a page, by name."""
    pins = (HERE / "wheels.txt").read_text("utf-8")
    stamp = PARTS / "wheels.txt"
    if not stamp.is_file() or stamp.read_text("utf-8") != pins:
        fetch(PARTS)
        stamp.write_text(pins, "utf-8")
    [fit] = ROOT.glob("share/jupyter/labextensions/*/static/fit.js")
    files = {name: PARTS / name for name in CARRIED} | {"fit.js": fit, "page.css": HERE / "page.css", "page.js": HERE / "page.js"}
    # Inside a page a script ends where it says so.
    return {name: path.read_text("utf-8").replace("</script", r"<\/script") for name, path in files.items()}


def fetch(folder: Path) -> None:
    """Download the pinned wheels and keep what the slides need of them."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as wheels:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--require-hashes",
             "--only-binary", ":all:", "--dest", wheels, "--requirement", HERE / "wheels.txt"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
        if done.returncode:
            raise SystemExit(f"reveal.js and MathJax could not be fetched. pip said:\n{done.stdout}")
        archives = [zipfile.ZipFile(path) for path in Path(wheels).glob("*.whl")]
        for name, inside in CARRIED.items():
            [archive] = [archive for archive in archives if inside in archive.namelist()]
            (folder / name).write_bytes(archive.read(inside))
        for archive in archives:
            archive.close()


def prepare(notebook: NotebookNode) -> NotebookNode:
    """Point links at other lessons' slides, and leave the words of those that lead to what is not on the stick."""
    def link(found: re.Match[str]) -> str:
        words, target = found.groups()
        if re.fullmatch(r"\d\d_\w+\.ipynb", target):
            return f"[{words}]({target.removesuffix('.ipynb')}.html)"
        return words

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\[\]]+)\]\(([^()\s]+)\)", link, cell.source)
        # The code of a question gives its answer away, and that of a panel is one call.
        panel = any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))
        cell.metadata["livegrad_bare"] = panel or cell.metadata.get("jupyter", {}).get("source_hidden", False)
    return notebook


def export(lesson: Path, output: Path, pieces: dict[str, str]) -> Path:
    """Write the slides of one lesson and return their file."""
    exporter = SlidesExporter(template_file=str(HERE / "page.html.j2"), extra_template_basedirs=[str(HERE)])
    exporter.environment.globals["part"] = pieces.__getitem__
    notebook = prepare(nbformat.read(lesson, as_version=4))
    title = re.match(r"# (.+)", notebook.cells[0].source)
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title[1] if title else lesson.stem}})
    target = output / f"{lesson.stem}.html"
    target.write_text(page, "utf-8")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(prog="start.py slides", description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons, such as 03 (all of them)")
    parser.add_argument("--output", type=Path, default=ROOT / "slides", help="the folder for the files (slides/)")
    options = parser.parse_args()
    every = {path.name[:2]: path for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))}
    if unknown := set(options.lessons) - set(every):
        raise SystemExit(f"There is no lesson {', '.join(sorted(unknown))}, only {', '.join(every)}.")
    options.output.mkdir(parents=True, exist_ok=True)
    pieces = parts()
    for number in options.lessons or every:
        target = export(every[number], options.output, pieces)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
