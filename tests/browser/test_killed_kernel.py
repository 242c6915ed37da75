"""The kernel dies while a panel trains: the notebook stays as it is, and runs again."""

import os
import signal

import pytest
from harness import write_notebook

pytestmark = pytest.mark.browser

CELLS = ["import os; os.getpid()",
         "from livegrad.panels.gradients import training_panel\ntraining_panel('depth=30')",
         "print('the last cell')"]
SOURCES = "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.source)"


@pytest.fixture(scope="module")
def notebook(lab, tree):
    write_notebook(tree / "killed.ipynb", *CELLS)
    page = lab("killed.ipynb")
    yield page
    page.close()


def test_the_notebook_outlives_its_kernel_and_runs_again(notebook, tree):
    tab, panel = notebook.tab, notebook.panel()
    on_disk = (tree / "killed.ipynb").read_bytes()
    tab.evaluate("() => { jupyterapp.shell.currentWidget.content.widgets[2].model.sharedModel.setSource(\"print('mine')\"); }")
    panel.slider("Depth (layers)").press("ArrowLeft")  # shows the net before training
    panel.button("Train").click()
    moving = "bar => 0 < parseFloat(bar.style.width) && parseFloat(bar.style.width) < 100"
    tab.wait_for_function(moving, arg=panel.progress.element_handle(), timeout=20_000)
    os.kill(int(notebook.tab.locator(".jp-OutputArea-output").first.inner_text()), signal.SIGKILL)

    dialog = tab.get_by_role("dialog")
    dialog.wait_for(timeout=30_000)
    assert "restart" in dialog.inner_text()
    dialog.get_by_role("button").last.click()
    assert tab.evaluate(SOURCES) == [*CELLS[:2], "print('mine')"]  # nothing of what was not saved yet is gone
    assert (tree / "killed.ipynb").read_bytes() == on_disk
    assert panel.text() and panel.picture.is_visible()  # what it showed last

    notebook.run_all()
    assert notebook.errors() == [] and tab.locator(".jp-OutputArea-output").last.inner_text().strip() == "mine"
    panel = notebook.panel()
    words, picture = panel.text(), panel.pixels()
    panel.slider("Weight scale").press("PageUp")
    assert panel.pixels(unlike=picture) != picture and panel.text() != words
    panel.button("Train").click()
    tab.wait_for_function("bar => parseFloat(bar.style.width) === 100", arg=panel.progress.element_handle(), timeout=60_000)
