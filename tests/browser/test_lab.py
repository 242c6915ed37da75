"""Notebook 02 in JupyterLab, as a student's hands and eyes meet it."""
import re
import time

import pytest
from harness import NOTEBOOK

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def notebook(lab):
    page = lab(NOTEBOOK)
    yield page
    page.close()


@pytest.fixture
def depth(notebook):
    """The panel of depth and weight scale, as it was at the start."""
    panel = notebook.panel(having='[aria-label*="size of the activations"]')
    yield panel
    panel.button("Reset").click()
    panel.pixels()


def eventually(look, wanted, seconds):
    """Ask look() until wanted(answer) holds; fails with the last answer."""
    start = time.monotonic()
    while not wanted(answer := look()):
        assert time.monotonic() - start < seconds, f"after {seconds} s it is still {answer!r}"
        time.sleep(0.05)


def readout_follows(panel):
    """Wait until the readout speaks of the depth that the slider shows; gives that depth."""
    def agreed():
        spoken = re.search(r"of that at layer (\d+)", panel.text())[1]
        return float(spoken) == panel.value("Depth (layers)")
    eventually(agreed, bool, seconds=5)
    return panel.value("Depth (layers)")


def test_every_cell_runs(notebook):
    assert notebook.errors() == []


def test_key_press_changes_picture_readout_and_alt_text(depth):
    picture, words, alt = depth.pixels(), depth.text(), depth.alt()
    depth.slider("Weight scale").press("ArrowRight")
    assert depth.pixels(unlike=picture) != picture
    assert depth.text() != words and depth.alt() != alt
    assert depth.text() in depth.alt()


def test_picture_itself_can_be_dragged(depth):
    picture, words, scale = depth.pixels(), depth.text(), depth.value("Weight scale")
    depth.drag(depth.grip, 0, -60)
    assert depth.pixels(unlike=picture) != picture
    assert depth.text() != words and depth.value("Weight scale") > scale


def test_fast_drag_shows_where_the_hand_ended(depth):
    slider, picture = depth.slider("Depth (layers)"), depth.pixels()
    depth.drag(slider, 30, 0, steps=60)
    assert readout_follows(depth) > 30
    dragged = depth.pixels(unlike=picture)
    slider.press("ArrowRight")
    beyond = depth.pixels(unlike=dragged)
    assert beyond != dragged
    slider.press("ArrowLeft")
    assert depth.pixels(unlike=beyond) == dragged


def test_events_that_come_too_fast_are_dropped(depth):
    """60 moves within one instant: the kernel draws the first few and the last, and no queue of them."""
    picture = depth.pixels()
    depth.watch_frames()
    depth.slider("Depth (layers)").evaluate("""handle => {
        const box = handle.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
        const mouse = (type, at, dx) => at.dispatchEvent(new MouseEvent(
            type, {clientX: x + dx, clientY: y, buttons: 1, bubbles: true}));
        mouse('mousedown', handle, 0);
        for (let dx = 1; dx <= 60; dx++) mouse('mousemove', document.documentElement, -dx);
        mouse('mouseup', document.documentElement, -60); }""")
    assert readout_follows(depth) < 30
    assert depth.pixels(unlike=picture) != picture
    assert 1 < len(depth.frames()) < 10


def test_pin_leaves_a_ghost_and_reset_takes_everything_back(depth):
    picture, words = depth.pixels(), depth.text()
    backdrop = depth.pixels(layer=".livegrad-backdrop")
    depth.button("Pin").click()
    assert depth.pixels(unlike=backdrop, layer=".livegrad-backdrop") != backdrop
    pinned = depth.pixels()
    depth.button("Explode").click()
    exploded = depth.pixels(unlike=pinned)
    assert exploded != pinned and depth.text() != words
    depth.button("Reset").click()
    assert depth.pixels(unlike=exploded) == picture and depth.text() == words


def test_prediction_is_revealed_after_commit_only(notebook):
    question = notebook.panel(having="button:text-is('Commit')")
    verdict = question.root.locator(".widget-html")
    assert question.button("Commit").is_disabled()
    question.root.get_by_role("radio").first.check()
    question.tab.wait_for_timeout(300)
    assert verdict.inner_text().strip() == ""
    question.button("Commit").click()
    eventually(verdict.inner_text, lambda words: re.match("Yes:|Not quite:", words), seconds=5)
    assert question.button("Commit").is_disabled()


def test_training_can_be_stopped_and_goes_on(notebook):
    panel = notebook.panel(having="button:text-is('Train')")

    def progress():
        return float(panel.progress.evaluate("bar => parseFloat(bar.style.width)"))

    panel.slider("Depth (layers)").press("ArrowRight")
    eventually(progress, lambda percent: percent == 0, seconds=10)
    panel.button("Train").click()
    eventually(progress, lambda percent: 0 < percent < 100, seconds=10)
    pressed = time.monotonic()
    panel.button("Stop").click()
    eventually(panel.button("Train").is_enabled, bool, seconds=2 - (time.monotonic() - pressed))
    panel.pixels()
    stopped, words = progress(), panel.text()
    panel.tab.wait_for_timeout(1000)
    assert 0 < stopped == progress() < 100 and words == panel.text()
    panel.button("Train").click()
    eventually(progress, lambda percent: percent > stopped, seconds=10)
    panel.button("Reset").click()
    eventually(progress, lambda percent: percent == 100, seconds=10)


def test_browser_console_stays_clean(notebook):
    """Last on this page: nothing above has left an error behind."""
    assert notebook.complaints == []


@pytest.fixture(scope="module")
def twins(lab):
    """Two panels of one kind, on a screen with two pixels per CSS pixel."""
    page = lab("two.ipynb", scale=2)
    yield [page.panel(0), page.panel(1)]
    page.close()


def test_light_while_moving_and_sharp_at_rest(twins):
    panel = twins[0]
    for image in panel.picture.locator("img").all():
        assert image.evaluate("img => Math.abs(img.naturalWidth - 2 * img.clientWidth) <= 2")
    panel.watch_frames()
    panel.slider("Weight scale").press("ArrowRight")
    eventually(panel.frames, lambda frames: frames[-1:] == [2], seconds=10)
    assert panel.frames() == [1, 2]


def test_two_panels_of_one_kind_do_not_meet(twins):
    moved, other = twins
    picture, before = moved.pixels(), (other.pixels(), other.text())
    moved.button("Pin").click()
    pinned = moved.pixels(unlike=picture)
    moved.slider("Weight scale").press("PageUp")
    assert moved.pixels(unlike=pinned) != pinned
    assert (other.pixels(), other.text()) == before
