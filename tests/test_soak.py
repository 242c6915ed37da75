"""Long use: panels that are played with do not grow, and a cell that is run again leaves nothing behind."""

import gc

import numpy as np
import psutil
import pytest
from driving import factories, page_says, play
from jupyter_client.manager import start_new_kernel
from matplotlib.figure import Figure


def census():
    """Megabytes of this process, live objects, live figures."""
    gc.collect()
    alive = gc.get_objects()
    return np.array([psutil.Process().memory_info().rss / 2**20, len(alive), sum(issubclass(type(thing), Figure) for thing in alive)])


@pytest.mark.parametrize("name", ["activations.zigzag_panel", "clipping.cliff_panel", "clipping.threshold_panel"])
def test_a_panel_that_is_played_with_does_not_grow(name):
    panel, hand, moves = factories()[name](), np.random.default_rng(0), 120
    page_says(panel._picture, view={"width": 800, "ratio": 1.0})
    for _ in range(4):
        panel.pin()  # as many ghosts as there may be
    warm = len([*play(panel, 40, hand)])
    before = census()
    assert len([*play(panel, moves, hand)]) == 3 * warm
    megabytes, objects, figures = census() - before
    assert megabytes < 5 and objects < moves / 2 and figures <= 0


class Notebook:
    """A kernel, and the messages with which a page runs its cells."""

    def __init__(self, client):
        self._client = client

    def run(self, cell, code, window="one"):
        """Run `code` in the cell of this name; gives what it prints."""
        asked = self._client.session.msg("execute_request", {"code": code, "store_history": True}, metadata={"cellId": cell})
        asked["header"]["session"] = window
        self._client.shell_channel.send(asked)
        printed = ""
        while True:
            said = self._client.get_iopub_msg(timeout=60)
            if said["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                assert said["msg_type"] != "error", "\n".join(said["content"]["traceback"])
                printed += said["content"]["text"] if said["msg_type"] == "stream" else ""
                if said["content"].get("execution_state") == "idle":
                    return printed.strip()

    def alive(self, *names):
        """Which of the panels of these names hear the page."""
        heard = self.run("", f"print(*[name for name in {names} if globals()[name]._picture.comm is not None])")
        return heard.split()


@pytest.fixture(scope="module")
def kernel():
    """With three panels that have a name."""
    manager, client = start_new_kernel()
    notebook = Notebook(client)
    notebook.run("", "from IPython.display import display; from ipywidgets import HBox; import gc; "
                     "from livegrad.panels.live import Panel; from livegrad.panels.gradients import factors_panel, training_panel; "
                     "p, q, r = factors_panel(), factors_panel(), factors_panel()")
    yield notebook
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook(kernel):
    """Nothing is shown in it yet."""
    for window in ("one", "two"):
        for cell in "AB":
            kernel.run(cell, "None", window)
    return kernel


def test_a_cell_that_is_run_again_frees_what_it_showed(notebook):
    for _ in range(6):
        notebook.run("A", "factors_panel()")
    assert notebook.run("", "print(sum(isinstance(result, Panel) for result in Out.values()))") == "1"
    living = notebook.run("", "gc.collect(); print(sum(isinstance(thing, Panel) for thing in gc.get_objects()))")
    assert int(living) <= 3 + 3  # those with a name, and what _, __ and ___ hold


def test_panels_stay_that_the_reader_still_sees(notebook):
    notebook.run("A", "display(p, q); p")  # two in one cell, and one of them twice
    assert notebook.alive("p", "q") == ["p", "q"]
    notebook.run("B", "q")
    notebook.run("A", "display(r); p")
    assert notebook.alive("p", "q", "r") == ["p", "q", "r"]
    notebook.run("B", "p")
    assert notebook.alive("p", "q", "r") == ["p", "r"]
    notebook.run("B", "1 / 1")
    assert notebook.alive("p") == ["p"]
    notebook.run("A", "r")
    assert notebook.alive("p", "r") == ["r"]


def test_each_window_keeps_its_own(notebook):
    notebook.run("A", "p", window="one")
    notebook.run("A", "q", window="two")
    assert notebook.alive("p", "q") == ["p", "q"]
    notebook.run("A", "r", window="two")
    assert notebook.alive("p", "q") == ["p"]
    notebook.run("A", "r", window="one")
    assert notebook.alive("p", "r") == ["r"]


def test_a_panel_that_was_closed_opens_again_where_it_is_shown(notebook):
    notebook.run("A", "p")
    notebook.run("A", "q")
    notebook.run("B", "p.controls['depth'].value = 2; p")
    assert notebook.alive("p") == ["p"]
    said = notebook.run("", "p.controls['depth'].set_state({'value': 3}); print(p.state, '|', p.problem)")
    assert said.startswith("depth=3 ") and said.endswith("|")


def test_a_panel_in_a_layout_of_ones_own_stays(notebook):
    notebook.run("A", "lent = factors_panel(); lent")
    notebook.run("B", "HBox([lent.widget])")
    notebook.run("A", "q")
    assert notebook.alive("lent") == ["lent"]


def test_a_run_that_nobody_sees_any_more_is_halted(notebook):
    assert notebook.run("A", "t = training_panel('depth=2'); t.train(); print(t.running); t") == "True"
    notebook.run("A", "p")
    assert notebook.run("", "print(t.running, t.result.progress < 1)") == "False True"
