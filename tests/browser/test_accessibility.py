"""Panels and predictions without a mouse, without eyes, with little room. Axe judges every notebook in its own test."""
import harness
import pytest

pytestmark = pytest.mark.browser

CELLS = [
    "from livegrad.panels.gradients import depth_panel\ndepth_panel()",
    "from livegrad.panels.gradients import training_panel\ntraining_panel()",
    'from livegrad.panels.predict import predict\n'
    'predict("1", ["it grows", "it stays", "it shrinks"], answer=1, because="One factor is 1.")',
    "from livegrad.checks.gradients import check_growth_factor\ncheck_growth_factor(...)",
]

# Who has the keyboard: what a screen reader says of it, what a sighted reader sees, and where it is.
FOCUSED = """root => {
  const e = document.activeElement, look = getComputedStyle(e), box = e.getBoundingClientRect();
  const name = e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText;
  return root.contains(e) ? {name: name.trim(), role: e.getAttribute('role') || e.type, x: box.x, y: box.y + box.height / 2,
    ring: look.outlineStyle === 'solid' ? parseFloat(look.outlineWidth) : 0} : null;
}"""
CONTROLS = "button:not([disabled]), select, input, .noUi-handle, .widget-readout[contenteditable=true]"


@pytest.fixture(scope="module")
def page(lab, tree):
    harness.write_notebook(tree / "access.ipynb", *CELLS)
    page = lab("access.ipynb")
    assert page.errors() == []
    yield page
    page.close()


def tour(panel):
    """What has the keyboard, from the panel's first control on by the tabulator key until it leaves the panel."""
    panel.root.locator(CONTROLS).first.focus()
    panel.tab.keyboard.press("Tab")  # there and back: only who comes by keyboard is shown the ring
    panel.tab.keyboard.press("Shift+Tab")
    stops = []
    while stop := panel.root.evaluate(FOCUSED):
        stops.append(stop)
        assert len(stops) < 50, "the keyboard cannot leave"
        panel.tab.keyboard.press("Tab")
    return stops


@pytest.mark.parametrize("index", [0, 1])
def test_the_tabulator_visits_every_control_in_reading_order(page, index):
    panel = page.panel(index)
    stops = tour(panel)
    assert len(stops) == panel.root.locator(CONTROLS).count() >= 10
    assert all(stop["name"] for stop in stops)
    assert [stop for stop in stops if stop["ring"] < 2] == []
    rows = [(round(stop["y"] / 12), stop["x"]) for stop in stops]
    assert rows == sorted(rows)


def test_each_name_that_is_spoken_is_also_seen(page):
    panel = page.panel(0)
    names = [stop["name"].removesuffix(", typed") for stop in tour(panel)]
    shown = panel.root.locator(".widget-label, button").all_inner_texts()
    assert {"Depth (layers)", "Weight scale", "State", "Pin", "Reset"} <= set(names) <= {text.strip() for text in shown}


def test_every_control_obeys_the_keyboard(page):
    panel, keys = page.panel(0), page.tab.keyboard
    picture, depth = panel.pixels(), panel.value("Depth (layers)")
    panel.slider("Depth (layers)").press("ArrowDown")
    moved = panel.pixels(unlike=picture)
    assert moved != picture and panel.value("Depth (layers)") == depth - 1
    panel.root.locator("select").first.focus()
    keys.press("ArrowDown")
    chosen = panel.pixels(unlike=moved)
    assert chosen != moved
    panel.button("Pin").focus()
    keys.press("Space")
    pinned = panel.pixels(unlike=chosen)
    assert pinned != chosen
    panel.button("Reset").focus()
    keys.press("Enter")
    assert panel.pixels(unlike=pinned) == picture
    assert page.tab.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == 0, "a key went to the notebook"


def test_a_prediction_needs_no_mouse_and_its_answer_is_spoken(page):
    question, keys = page.panel(having=".livegrad-question"), page.tab.keyboard
    first = question.root.get_by_role("radio").first
    first.focus()
    keys.press("Space")
    keys.press("ArrowDown")
    assert question.root.get_by_role("radio", name="it stays").is_checked()
    question.button("Commit").focus()
    keys.press("Enter")
    spoken = question.root.get_by_role("alert")
    spoken.wait_for()
    assert spoken.inner_text() == "Yes: it stays. One factor is 1."


def test_the_readout_is_spoken_once_the_hand_rests(page):
    panel = page.panel(0)
    spoken = panel.root.get_by_role("status")
    panel.watch_frames()
    spoken.evaluate("""e => { window.said = [];
        new MutationObserver(() => e.textContent && said.push(e.textContent)).observe(e, {childList: true}); }""")
    picture = panel.pixels()
    panel.drag(panel.slider("Depth (layers)"), 60, 0, steps=30)
    panel.pixels(unlike=picture)
    page.tab.wait_for_function("words => said.at(-1) === words", arg=panel.text())
    assert len(page.tab.evaluate("() => said")) <= 2 < len(panel.frames())
    panel.button("Reset").click()
    panel.pixels()


def test_a_message_can_be_read_in_both_themes(page):
    """What refuses a state, the revealed answer, and what exercises say: the rest of a page stands in every notebook's test."""
    panel = page.panel(0)
    state = panel.root.locator("input[type=text]")
    state.fill("depth=ten")
    state.press("Enter")
    panel.root.get_by_role("alert").get_by_text("whole number").wait_for()
    assert page.violations() == []
    with page.dark():
        assert page.violations() == []
    panel.button("Reset").click()


@pytest.mark.parametrize("width, height", [(800, 900), (640, 450)], ids=["narrow window", "zoom of 200 %"])
def test_nothing_is_cut_off_where_there_is_little_room(page, width, height):
    try:
        assert page.cut_off(width, height) == []
    finally:
        page.tab.set_viewport_size(harness.SCREEN)


def test_axe_finds_what_is_wrong(page):
    """Last on this page. Else axe's silence about every notebook would mean nothing."""
    page.tab.evaluate("""() => {
        document.querySelector('.livegrad-readout').style.color = '#aaa';
        document.querySelector('.noUi-handle').removeAttribute('aria-label'); }""")
    assert {words.split(":")[0] for words in page.violations()} == {"color-contrast", "aria-input-field-name"}
