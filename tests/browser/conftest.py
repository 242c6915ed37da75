"""Fixtures of the browser tests: one Chromium, one server, notebook 02 run once.

Where the browser cannot be had, these tests skip and the summary says so in a line of its own.
With LIVEGRAD_REQUIRE_BROWSER=1 they fail instead.
"""
import contextlib
import importlib.util
import os
import shutil

import harness
import pytest

MISSING = pytest.StashKey()


def pytest_terminal_summary(terminalreporter, config):
    for reason in sorted(config.stash.get(MISSING, ())):
        terminalreporter.write_line(f"BROWSER TESTS DID NOT RUN: {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def do_without(request):
    """do_without(reason): skip loudly, or fail where the browser is required."""
    def give_up(reason):
        if os.environ.get("LIVEGRAD_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        request.config.stash.setdefault(MISSING, set()).add(reason)
        pytest.skip(reason)
    return give_up


@pytest.fixture(scope="session")
def need(do_without):
    """need(module): go on only if that module is installed."""
    return lambda module: importlib.util.find_spec(module) or do_without(f"{module} is not installed")


@pytest.fixture(scope="session")
def browser(need, do_without):
    need("playwright")
    from playwright.sync_api import Error
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(harness.chromium())
        except Error as error:
            do_without(f"Chromium does not start: {str(error).strip().splitlines()[0]}")
        yield browser


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A copy of the notebooks, so that nothing a test does is saved in the repository."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(harness.ROOT / "notebooks", tree / "notebooks")
    one = "from livegrad.panels.gradients import depth_panel\ndepth_panel()"
    harness.write_notebook(tree / "two.ipynb", one, one)
    return tree


@pytest.fixture(scope="session")
def lab(need, browser, tree):
    """lab(notebook, scale=1): that notebook opened in JupyterLab, every cell run."""
    need("jupyterlab")
    with harness.serve(tree) as open_:
        yield lambda notebook, **how: open_(browser, notebook, **how).run_all()
