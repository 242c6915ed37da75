"""Every lesson in JupyterLab: all cells run, each of its panels answers a key press, and all of it is accessible."""
import notebooks
import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", notebooks.LESSONS, ids=lambda path: path.stem)
def test_all_cells_run_and_every_panel_answers(lab, path):
    page = lab(str(path.relative_to(notebooks.ROOT)))
    try:
        assert page.errors() == []
        pictures = page.tab.locator(".livegrad-picture").count()
        assert pictures >= 3
        for index in range(pictures):
            panel = page.panel(index)
            before = panel.pixels()
            slider = panel.root.locator(".noUi-handle").first
            at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
            slider.press("ArrowLeft" if at_end else "ArrowRight")
            assert panel.pixels(unlike=before) != before, f"panel {index + 1}: the first slider moved and the picture did not"
            assert not panel.root.locator(".livegrad-problem").inner_text()
        assert page.complaints == []
    finally:
        page.close()


@notebooks.every_lesson(quick=("02",))
def test_all_of_it_is_accessible(lab, path):
    page = lab(str(path.relative_to(notebooks.ROOT)))
    try:
        assert page.violations() == []
        with page.dark():
            assert page.violations(rules=["color-contrast"]) == []
        for width, height in ((800, 900), (640, 450)):  # the second is what a zoom of 200 % leaves of 1280 by 900
            assert page.cut_off(width, height) == []
    finally:
        page.close()
