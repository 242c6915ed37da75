"""Every lesson as slides on a projector of 1280 by 720: live in JupyterLab, and exported as files."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import harness
import notebooks
import pytest

pytestmark = pytest.mark.browser

SCREEN = {"width": 1280, "height": 720}
LEAST = {"prose": 18, "code": 16, "picture": 680}

# What stands on the slide shown, of the cells `cells`, as the eye meets it.
LOOK = """cells => {
  const seen = selector => cells.flatMap(cell => [...cell.querySelectorAll(selector)])
    .filter(e => e.checkVisibility() && e.clientWidth);
  const size = selector => Math.min(...seen(selector).map(e => parseFloat(getComputedStyle(e).fontSize)), 99);
  const boxes = cells.map(cell => cell.getBoundingClientRect());
  return {
    top: Math.min(...boxes.map(box => box.top)), bottom: Math.max(...boxes.map(box => box.bottom)),
    left: Math.min(...boxes.map(box => box.left)), right: Math.max(...boxes.map(box => box.right)),
    cut: seen('pre, table, .cm-scroller, mjx-container').filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText),
    faint: cells.filter(cell => !cell.checkVisibility({opacityProperty: true, visibilityProperty: true})).length,
    words: cells.map(cell => cell.innerText.trim()).join(' ').length,
    pictures: seen('.livegrad-picture').map(e => e.getBoundingClientRect().width),
    prose: size('.jp-RenderedMarkdown p'), code: size('.cm-line, .highlight pre'),
    closed: seen('details:not([open])').length,
  }; }"""
LIVE = f"() => ({LOOK})([...document.querySelectorAll('.jp-Deck .jp-deck-mod-onscreen')])"
FILED = f"() => ({LOOK})([...Reveal.getCurrentSlide().querySelectorAll('.jp-Cell')])"

# The deck has put these cells on the screen, and they have found their size: it stays the same for three frames.
SETTLED = """async wanted => {
  const start = performance.now();
  for (let seen = '', still = 0; still < 3 && performance.now() - start < 20000;) {
    await new Promise(requestAnimationFrame);
    const cells = [...document.querySelectorAll('.jp-Deck .jp-deck-mod-onscreen')];
    const right = cells.map(cell => +cell.dataset.windowedListIndex).join() === wanted.join();
    const now = cells.map(cell => cell.dataset.livegradFits + cell.offsetHeight).join();
    still = right && !now.includes('undefined') && now === seen ? still + 1 : 0;
    seen = now;
  } }"""


@pytest.fixture
def deck(need, browser, tmp_path, monkeypatch):
    """deck(notebook): that notebook as `python start.py present` shows it, with settings of its own."""
    need("jupyterlab")
    shutil.copytree(notebooks.ROOT / "notebooks", tmp_path / "notebooks")
    monkeypatch.setenv("LIVEGRAD_LECTURE", "1")
    with harness.serve(tmp_path, "deck") as open_:
        def present(notebook):
            page = open_(browser, notebook, screen=SCREEN)
            page.tab.wait_for_function("() => document.body.dataset.livegradPresenting", timeout=240_000)
            return page
        yield present


@pytest.fixture
def keep(tmp_path, request):
    """keep(tab, name): a picture of the tab, in the folder LIVEGRAD_PICTURES if that is set."""
    folder = Path(os.environ.get("LIVEGRAD_PICTURES") or tmp_path) / "slides"
    folder.mkdir(parents=True, exist_ok=True)
    return lambda tab, name: tab.screenshot(path=str(folder / f"{name}.png"))


def slides(path):
    """The cells of each slide, as indices."""
    found = []
    for index, cell in enumerate(notebooks.read(path)["cells"]):
        kind = cell["metadata"]["slideshow"].get("slide_type")
        if kind in ("slide", "subslide"):
            found.append([index])
        elif kind not in ("skip", "notes"):
            found[-1].append(index)
    return found


def complaints(look):
    """What is wrong with a slide."""
    wrong = []
    if look["top"] < 0 or look["bottom"] > SCREEN["height"] or look["left"] < 0 or look["right"] > SCREEN["width"]:
        wrong.append("over the edge")
    if look["cut"]:
        wrong.append(f"cut off: {look['cut']}")
    if look["faint"]:
        wrong.append("something cannot be seen")
    if look["words"] < 20 and not look["pictures"]:
        wrong.append("blank")
    wrong += [f"{name} of {look[name]} pixels" for name in ("prose", "code") if look[name] < LEAST[name]]
    wrong += [f"a picture {width} pixels wide" for width in look["pictures"] if width < LEAST["picture"]]
    return wrong


@notebooks.every_lesson(quick=("02",))
def test_every_slide_fits_the_projector(deck, keep, path):
    """From the title to the last slide with the key that a hand-held remote sends."""
    page = deck(f"notebooks/{path.name}")
    active = "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
    wrong, pictures = {}, 0
    try:
        for number, cells in enumerate(slides(path), 1):
            for cell in cells:  # each is a step
                page.tab.wait_for_function(f"cell => ({active})() === cell", arg=cell, timeout=10_000)
                if cell != cells[-1]:
                    page.tab.keyboard.press("PageDown")
            page.tab.evaluate(SETTLED, cells)
            look = page.tab.evaluate(LIVE)
            keep(page.tab, f"{path.stem[:2]}_{number:02d}")
            if look["closed"]:  # answers, which the lecturer opens when the hall has thought
                page.tab.evaluate("() => document.querySelectorAll('.jp-deck-mod-onscreen details').forEach(d => d.open = true)")
                page.tab.evaluate(SETTLED, cells)
                opened = page.tab.evaluate(LIVE)
                wrong |= {(number, "opened"): complaints(opened)} if complaints(opened) else {}
            wrong |= {number: complaints(look)} if complaints(look) else {}
            if look["pictures"] and not pictures:  # the first panel; the others are made of the same parts
                assert page.violations(".jp-deck-mod-onscreen") == []
            pictures += len(look["pictures"])
            page.tab.keyboard.press("PageDown")
        assert wrong == {}
        assert pictures >= 3
        assert page.errors() == []
    finally:
        page.close()


def test_a_slider_inside_a_slide_moves_its_picture_and_not_the_slide(deck):
    page = deck(harness.NOTEBOOK)
    try:
        code = [notebooks.source(cell) for cell in notebooks.read(notebooks.ROOT / harness.NOTEBOOK)["cells"]]
        cells = next(cells for cells in slides(notebooks.ROOT / harness.NOTEBOOK) if "depth_panel()" in code[cells[-1]])
        page.tab.evaluate("cell => { jupyterapp.shell.currentWidget.content.activeCellIndex = cell; }", cells[-1])
        page.tab.evaluate(SETTLED, cells)
        output = page.tab.locator(".jp-deck-mod-onscreen .jp-OutputArea-output")
        panel = harness.Panel(output.filter(has=page.tab.locator(".livegrad-picture")))
        before = panel.pixels()
        panel.drag(panel.root.locator(".noUi-handle").first, 60, 0)
        dragged = panel.pixels(unlike=before)
        assert dragged != before
        panel.root.locator(".noUi-handle").first.press("ArrowLeft")
        assert panel.pixels(unlike=dragged) != dragged
        assert page.tab.evaluate(LIVE)["pictures"], "an arrow key on a slider turned the slide"
        page.tab.keyboard.press("PageDown")  # the remote turns it all the same
        page.tab.wait_for_function("cell => jupyterapp.shell.currentWidget.content.activeCellIndex > cell", arg=cells[-1])
    finally:
        page.close()


def test_the_toolbar_button_starts_the_same_deck(need, browser, tmp_path):
    need("jupyterlab")
    harness.write_notebook(tmp_path / "one.ipynb", "from livegrad.panels.gradients import depth_panel\ndepth_panel()")
    with harness.serve(tmp_path) as open_:
        page = open_(browser, "one.ipynb", screen=SCREEN).run_all()
        page.panel(0)
        page.tab.locator(".jp-NotebookPanel-toolbar [data-command='deck:toggle']").first.click()
        page.tab.evaluate(SETTLED, [0])
        look = page.tab.evaluate(LIVE)
        assert complaints(look) == [] and look["pictures"][0] >= 900
        page.close()


@pytest.fixture(scope="module")
def exported(tmp_path_factory, do_without):
    """The folder that `python start.py slides` writes."""
    folder = tmp_path_factory.mktemp("slides")
    done = subprocess.run([sys.executable, notebooks.ROOT / "deck/build.py", "--output", folder],
                          capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        do_without(f"the slides cannot be exported: {done.stderr[-500:]}")
    return folder


@pytest.mark.parametrize("path", notebooks.LESSONS, ids=lambda path: path.stem)
def test_exported_slides_need_no_network(browser, exported, keep, path):
    context = browser.new_context(viewport=SCREEN, offline=True)
    try:
        tab, asked, said = context.new_page(), [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: message.type in ("error", "warning") and said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        file = exported / f"{path.stem}.html"
        tab.goto(file.as_uri())
        tab.wait_for_function("() => 'livegradReady' in document.body.dataset", timeout=60_000)
        wrong, shown, pictures = {}, 0, 0
        for number, cells in enumerate(slides(path), 1):
            tab.evaluate("() => { while (Reveal.availableFragments().next) Reveal.nextFragment(); }")
            tab.wait_for_timeout(50)
            look = tab.evaluate(FILED)
            keep(tab, f"{path.stem[:2]}_{number:02d}_file")
            wrong |= {number: complaints(look)} if complaints(look) else {}
            pictures += len(look["pictures"])
            shown += tab.evaluate("() => Reveal.getCurrentSlide().querySelectorAll('.jp-Cell').length") == len(cells)
            tab.evaluate("() => Reveal.next()")
        assert wrong == {}
        assert shown == len(slides(path)) and tab.evaluate("() => Reveal.isLastSlide()")
        lesson = notebooks.read(path)["cells"]
        saved = [output.get("data", {}) for cells in slides(path) for cell in cells for output in lesson[cell].get("outputs", ())]
        assert pictures == sum("image/png" in data for data in saved)
        formulas = tab.evaluate("() => document.querySelectorAll('.slides mjx-container svg').length")
        assert formulas > 10 and tab.evaluate("() => document.querySelectorAll('.slides [data-mjx-error]').length") == 0
        assert said == [] and [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    finally:
        context.close()
