"""The site for the browser alone, with the network cut: every lesson runs there, and its panels answer."""
import contextlib
import os
import time

import harness
import notebooks
import pytest

pytestmark = pytest.mark.browser

LIMIT_MB = 80
AT_ONCE = 2  # pages; each keeps one core busy


@pytest.fixture(scope="session")
def site(do_without):
    """The server of the built site; the folder LIVEGRAD_SITE is taken as it is if it is named."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(harness.serve_site(os.environ.get("LIVEGRAD_SITE")))
        except RuntimeError as error:
            do_without(str(error))
        yield server


@pytest.fixture(scope="session")
def lesson(browser, site, request):
    """lesson(path): that lesson's page, every cell run. Meanwhile the next ones that are wanted run, so that no core waits."""
    wanted = [item.callspec.params["path"] for item in request.session.items if "lesson" in getattr(item, "fixturenames", ())]
    pages = {}

    def finished(path, seconds=600):
        end = time.monotonic() + seconds
        while True:
            running = [page for page in pages.values() if not page.finished()]
            if path in pages and pages[path] not in running:
                return pages[path]
            if len(running) < AT_ONCE and len(pages) < len(wanted):
                one = next(one for one in wanted if one not in pages)
                pages[one] = harness.Page(browser, site.notebook(one.name)).opened().start("notebook:run-all-cells")
                running.append(pages[one])
            assert time.monotonic() < end, f"{path.name} has not run in {seconds} seconds"
            running[0].tab.wait_for_timeout(500)

    yield finished
    for page in pages.values():
        page.close()


def test_the_site_is_small(site):
    assert sum(path.stat().st_size for path in site.folder.rglob("*") if path.is_file()) < LIMIT_MB * 1e6


@notebooks.every_lesson(quick=("02",))
def test_every_lesson_runs_without_a_server_or_network(lesson, site, path):
    page = lesson(path)
    try:
        assert page.errors() == []
        panel = page.panel(0)
        slider = panel.root.locator(".noUi-handle").first
        at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        before = panel.pixels()
        slider.press("ArrowLeft" if at_end else "ArrowRight")
        assert panel.pixels(unlike=before) != before
        own = [(url, status) for url, status in page.asked if not url.endswith("favicon.ico")]
        assert {url for url, _ in own if not url.startswith((site.address, "data:", "blob:"))} == set()
        assert {url for url, status in own if status >= 400} == set()
        assert [said for said in page.complaints if "404" not in said] == []  # the one that is allowed is the favicon
    finally:
        page.close()
