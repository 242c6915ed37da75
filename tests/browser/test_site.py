"""The site for the browser alone, with the network cut: every lesson runs there, and its panels answer."""
import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import harness
import notebooks
import pytest

pytestmark = pytest.mark.browser

LIMIT_MB = 80


@pytest.fixture(scope="session")
def site(tmp_path_factory, do_without):
    """The address of the built site, on this machine; the folder LIVEGRAD_SITE is taken as it is if it is named."""
    folder = Path(os.environ.get("LIVEGRAD_SITE") or tmp_path_factory.mktemp("lite") / "site")
    if not folder.exists():
        built = subprocess.run([sys.executable, notebooks.ROOT / "lite/build.py", "--output", folder],
                               capture_output=True, encoding="utf-8", errors="replace")
        if built.returncode:
            do_without(f"the site cannot be built: {built.stderr[-500:]}")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_site_is_small(site):
    folder, _ = site
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LIMIT_MB * 1e6


@pytest.mark.parametrize("path", notebooks.LESSONS, ids=lambda path: path.stem)
def test_every_lesson_runs_without_a_server_or_network(browser, site, path):
    _, address = site
    page = harness.Page(browser, f"{address}/lab/index.html?path=notebooks/{path.name}")
    try:
        page.run_all(900)
        assert page.errors() == []
        panel = page.panel(0)
        slider = panel.root.locator(".noUi-handle").first
        at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        before = panel.pixels()
        slider.press("ArrowLeft" if at_end else "ArrowRight")
        assert panel.pixels(unlike=before) != before
        own = [(url, status) for url, status in page.asked if not url.endswith("favicon.ico")]
        assert {url for url, _ in own if not url.startswith((address, "data:", "blob:"))} == set()
        assert {url for url, status in own if status >= 400} == set()
        assert [said for said in page.complaints if "404" not in said] == []  # the one that is allowed is the favicon
    finally:
        page.close()
