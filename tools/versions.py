"""Try the course with the Pythons and packages that it says it runs with; docs/versions.md is the outcome.

    python tools/versions.py                        every Python with every set of packages: hours
    python tools/versions.py 3.11-oldest ...        these alone
    python tools/versions.py --notebooks 02 05      with these notebooks alone, and the row says so
    python tools/versions.py --quick ...            with the quick tests alone, and the row says so
    python tools/versions.py again ...              instead: run notebooks twice, and with one and two threads

Rows that are not asked for stay as they are, and what was never run says so. Pythons are looked for, not downloaded: on
the PATH, and where uv keeps its own. This script needs uv, and `again` an environment of the course; nothing else.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/versions.md"

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SETS = ("oldest", "pinned", "newest")
SHOWN = ("numpy", "matplotlib", "ipywidgets", "anywidget", "jupyterlab")
ELSEWHERE = ("start", "binder", "deploy", "workflows", "offline", "versions")
"""Tests of how the course is installed, served and documented: they are about one environment, or about none."""

SLOWEST = ("claims", "experiments")
"""How the names of the tests begin that `--quick` leaves out: their runs are long, and the notebooks make many of them."""

NOT_RUN = "not run"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}

HEAD = f"""# Versions

Made by `python tools/versions.py`, from runs. Each row is an environment of its own. *Oldest* are the lower bounds in `pyproject.toml`,
or the first releases above them that have a wheel for that Python; *pinned* is `requirements-test.txt`; *newest* is what the index
offered on that day. The unit tests are all but those of the browser, the slow ones, and those of how the course is installed and served
({", ".join(f"`test_{name}.py`" for name in ELSEWHERE)}). The notebooks are replayed, lessons and solutions, and every saved output, readouts of
panels among them, must come again to the letter. Where only the quick tests were run ({", ".join(f"no `test_{name}*.py`" for name in SLOWEST)}), or some of
the notebooks, the row says so.

"""
TRIALS = ("Python", "set", *SHOWN, "unit tests", "notebooks", "tried")
AGAIN = ("notebook", "twice in a row", "with one and two threads", "tried")
SECOND = """## The same again

Made by `python tools/versions.py again`: a notebook is run three times from a clean kernel, twice with one thread of the linear algebra and once with
two, and all that its cells put out is compared.

"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("asked", nargs="*", metavar="3.11-oldest", help="a Python and a set (all); or `again`")
    parser.add_argument("--notebooks", nargs="+", metavar="02", help="how their names start (all)")
    parser.add_argument("--quick", action="store_true", help="leave out the slowest unit tests")
    options = parser.parse_args()
    trials, again = load(PAGE.read_text("utf-8") if PAGE.exists() else "")
    lessons = [path for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
               if not options.notebooks or path.name.startswith(tuple(options.notebooks))]
    if options.asked == ["again"]:
        for lesson in lessons:
            again[lesson.stem] = repeat(lesson)
            save(trials, again)
        return
    unknown = set(options.asked) - {f"{python}-{packages}" for python, packages in trials}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; Pythons are {', '.join(PYTHONS)}, sets {', '.join(SETS)}")
    for python, packages in trials:
        if not options.asked or f"{python}-{packages}" in options.asked:
            row = attempt(python, packages, lessons, whole=not options.notebooks, quick=options.quick)
            if row or trials[python, packages][-1] == "":
                trials[python, packages] = row or unrun(f"no Python {python} here")
            save(trials, again)


# ---- one environment


def attempt(python, packages, lessons, whole, quick):
    """A row of the first table; None where there is no such Python."""
    found = subprocess.run([uv(), "python", "find", "--no-project", "--no-python-downloads", python], capture_output=True, text=True)
    if found.returncode:
        print(f"{python}-{packages}: no Python {python} here")
        return None
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        print(f"{python}-{packages}: installing ...", flush=True)
        try:
            own = install(found.stdout.strip(), python, packages, folder)
        except subprocess.CalledProcessError as error:
            print(error.stderr)
            return [NOT_RUN] * len(SHOWN) + ["could not be installed"] + [NOT_RUN, today()]
        versions = json.loads(subprocess.check_output([own, "-c", ASK, "python", *SHOWN], text=True))
        print(f"{python}-{packages}: {versions}", flush=True)
        left_out = [f"--ignore=tests/test_{name}.py" for name in ELSEWHERE]
        left_out += [f"--ignore-glob=*/tests/test_{name}*.py" for name in SLOWEST if quick]
        unit = pytest(own, folder, "-m", "not browser and not slow", *left_out, "lib", "tests")
        replayed = [path for lesson in lessons for path in (lesson, lesson.parent / "solutions" / lesson.name)]
        cells = pytest(own, folder, *replayed)
        names = "all" if whole else ", ".join(lesson.name[:2] for lesson in lessons)
        return [*(versions[name] for name in SHOWN), "quick: " * quick + unit, f"{names}: {cells}", f"{versions['python']}, {today()}"]


ASK = """
import importlib.metadata, json, platform, sys
print(json.dumps({name: platform.python_version() if name == "python" else importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


def install(interpreter, python, packages, folder):
    """Make an environment with the course and a set of packages; return its Python."""
    def run(*words):
        # Without the project's settings, which ask for one version for every Python and system.
        subprocess.run([uv(), *map(str, words), "--quiet", "--no-config"], cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True)

    pins, own = ROOT / "requirements-test.txt", folder / "own"
    if packages != "pinned":
        pins = folder / "pins.txt"
        resolve = ("pip", "compile", "pyproject.toml", "--python-version", python, "--only-binary", ":all:", "--output-file")
        bounds = ()
        if packages == "oldest":
            floor = folder / "floor.txt"
            run(*resolve, floor, "--resolution", "lowest-direct")
            bounds = ("--constraint", floor)
        run(*resolve, pins, "--extra", "test", *bounds)
    run("venv", "--python", interpreter, own)
    into = ("--python", own)
    run("pip", "install", *into, "--requirement", pins)
    run("pip", "install", *into, "--no-deps", "--editable", ROOT)
    return own / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pytest(python, folder, *words):
    """Run tests and say in a cell of the table how it went."""
    report = folder / "report.xml"
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "loadfile", f"--junitxml={report}", *words]
    report.unlink(missing_ok=True)
    done = subprocess.run([str(word) for word in command], cwd=ROOT, env=environment(python.parent), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode:
        print(done.stdout[-6000:], flush=True)
    return outcome(report.read_text("utf-8")) if report.exists() else "did not start"


def outcome(report):
    """A report in JUnit's format as a few words: how many passed, and which did not."""
    cases = list(ElementTree.fromstring(report).iter("testcase"))
    failed = [f"`{case.get('name')}`" for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    said = [f"{len(cases) - len(failed) - skipped} passed", f"{skipped} skipped" * (skipped > 0)]
    if failed:
        said.append(f"**{len(failed)} failed**: {', '.join(failed[:5])}" + ", …" * (len(failed) > 5))
    return ", ".join(filter(None, said))


def environment(first):
    foreign = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    own = {name: value for name, value in os.environ.items() if name not in foreign}
    return own | ONE_THREAD | {"PATH": f"{first}{os.pathsep}{own['PATH']}", "PYTHONUTF8": "1"}


def uv():
    """The command of uv: the Python package's, or the one on the PATH."""
    try:
        from uv import find_uv_bin
    except ImportError:
        found = shutil.which("uv")
    else:
        found = find_uv_bin()
    if not found:
        raise SystemExit("This needs uv, and it is neither on the PATH nor in this Python: `pip install uv` brings it.")
    return found


# ---- one notebook again and again


def repeat(path):
    """A row of the second table."""
    import importlib.metadata

    import refresh  # beside this file

    def run(threads):
        os.environ["OPENBLAS_NUM_THREADS"] = threads
        return refresh.clean(refresh.execute(notebook, path.parent))

    print(f"{path.stem} ...", flush=True)
    notebook = refresh.read(path.read_text("utf-8"))
    first, second, third = (run(threads) for threads in ("1", "1", "2"))
    tried = f"Python {platform.python_version()}, numpy {importlib.metadata.version('numpy')}, {today()}"
    return [compare(first, second), compare(first, third), tried]


def compare(one, other):
    """Two runs' outputs in a few words."""
    pairs = [(was, now) for was, now in zip(one.cells, other.cells, strict=True) if was.cell_type == "code"]
    different = [was.id for was, now in pairs if was.outputs != now.outputs]
    if different:
        return f"**differ**: cells {', '.join(different)}"
    return f"the same outputs of {len(pairs)} cells, byte for byte"


# ---- the page


def load(page):
    """The rows of both tables, by Python and set and by notebook; where the page has none, that nothing was run."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")]
    trials = {(python, packages): unrun() for python in PYTHONS for packages in SETS}
    again = {path.stem: [NOT_RUN, NOT_RUN, ""] for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))}
    for row in found:
        if tuple(row[:2]) in trials and len(row) == len(TRIALS):
            trials[tuple(row[:2])] = row[2:]
        elif row[0] in again and len(row) == len(AGAIN):
            again[row[0]] = row[1:]
    return trials, again


def unrun(why=""):
    return ["–"] * len(SHOWN) + [NOT_RUN, NOT_RUN, why]


def save(trials, again):
    first = table(TRIALS, [[*key, *row] for key, row in trials.items()])
    second = table(AGAIN, [[name, *row] for name, row in again.items()])
    PAGE.write_text(HEAD + first + "\n" + SECOND + second, "utf-8", newline="\n")


def table(head, rows):
    return "".join("| " + " | ".join(row) + " |\n" for row in [head, ["---"] * len(head), *rows])


def today():
    return f"{datetime.date.today()}, {platform.system()}"


if __name__ == "__main__":
    main()
