"""What the tests share."""

import gc
import importlib.util
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from ipywidgets import Widget
from ipywidgets.widgets import widget as registry

REPO = Path(__file__).parents[1]

# The same examples at every run: a test that fails for one student fails for all.
settings.register_profile("course", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("course")

# A shell starts what ends in & deaf to Ctrl-C, and some tests press Stop.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    """Say where the time went: seconds per file, a notebook's cells together."""
    seconds = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration"):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("slowest files, in seconds")
    for file, spent in seconds.most_common(15):
        terminalreporter.line(f"{spent:6.1f}  {file}")


@pytest.fixture(scope="session", autouse=True)
def no_waiting():
    """A panel that trains gives a hand time to press Stop; a test has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("livegrad.panels.training._FRAME_SECONDS", 0)
        yield


@pytest.fixture(scope="session", autouse=True)
def settled():
    """What was imported stays to the end: no search for garbage needs to walk through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def closed(settled):
    """ipywidgets keeps every widget that is open: close them, and free the panels, some 17 MB each, that no test keeps."""
    yield
    if len(registry._instances) > 100:  # about three panels
        Widget.close_all()
        gc.collect()


@pytest.fixture(scope="session", params=["stored", "live"])
def torch_values(request):
    """Inputs and PyTorch's results by name: as stored in the repository, then computed anew by torch."""
    if request.param == "stored":
        with np.load(REPO / "tests" / "reference" / "torch.npz") as data:
            return dict(data)
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: compared with its stored values only")
    spec = importlib.util.spec_from_file_location("torch_reference", REPO / "tools" / "torch_reference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.reference()
