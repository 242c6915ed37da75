"""The library's layers import downwards only: math ← experiments ← figures ← panels; checks sits on math alone."""

import ast
from pathlib import Path

import pytest

LIB = Path(__file__).parents[1] / "lib" / "livegrad"
ROOMS = {"experiments", "figures", "panels", "checks"}
MAY_IMPORT = {
    "math": {"math"},
    "style": set(),
    "environment": set(),
    "experiments": {"math", "experiments"},
    "figures": {"experiments", "figures", "style"},
    "panels": {"math", "experiments", "figures", "panels", "style"},
    "checks": {"math", "checks"},
}
FOREIGN = {
    "math": {"numpy"},
    "style": set(),
    "environment": set(),  # it is to speak where no package can be imported
    "experiments": {"numpy"},
    "figures": {"numpy", "matplotlib"},
    "panels": {"numpy", "matplotlib", "ipywidgets", "anywidget", "traitlets", "IPython"},
    "checks": {"numpy"},
}
OPTIONAL = {"experiments/sweeps.py": {"joblib", "dask"}}  # extras, imported when a long sweep is run
STANDARD = __import__("sys").stdlib_module_names


def layer(dotted: str) -> str:
    """The layer of livegrad.<room>…: a folder's name, `style`, `environment`, or math for every other flat module."""
    room = dotted.split(".")[1]
    return room if room in ROOMS | {"style", "environment"} else "math"


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names) if node.module == "livegrad" else (node.module,)


@pytest.mark.parametrize("path", sorted(LIB.rglob("*.py")), ids=lambda p: str(p.relative_to(LIB)))
def test_imports_point_one_way(path):
    own = layer(".".join(["livegrad", *path.relative_to(LIB).with_suffix("").parts]))
    for name in imports(path):
        top = name.split(".")[0]
        if top == "livegrad":
            if name != "livegrad":
                assert layer(name) in MAY_IMPORT[own], f"{own} imports {name}"
        else:
            allowed = FOREIGN[own] | OPTIONAL.get(path.relative_to(LIB).as_posix(), set())
            assert top in STANDARD or top in allowed, f"{own} imports {name}"


def test_figures_leave_pyplot_and_the_global_settings_alone():
    for path in (LIB / "figures").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "pyplot" not in text.split('"""', 2)[2] and "rcParams" not in text, path
