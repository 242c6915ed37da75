"""The same panel in Notebook 7 and in Voila."""
import harness
import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(params=["notebook", "voila"])
def panel(request, need, browser, tree):
    need(request.param)
    with harness.serve(tree, request.param) as open_:
        page = open_(browser, "two.ipynb")
        if request.param == "notebook":
            page.run_all()
        yield page.panel()
        page.close()


def test_slider_and_grip_change_picture_and_readout(panel):
    for act in (lambda: panel.slider("Weight scale").press("ArrowRight"),
                lambda: panel.drag(panel.grip, 0, -60)):
        picture, words = panel.pixels(), panel.text()
        act()
        assert panel.pixels(unlike=picture) != picture and panel.text() != words
