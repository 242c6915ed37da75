"""Jupyter in a real browser: start a server, open a notebook, run it, take hold of its panels.

The browser tests and the slider benchmark share this module. It knows how the three front ends are
started and what a panel looks like in the page; it asserts nothing.
"""
import contextlib
import functools
import http.server
import importlib.resources
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCREEN = {"width": 1280, "height": 900}
NOTEBOOK = "notebooks/02_exploding_vanishing.ipynb"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"]  # the network is cut

# One entry per front end: the arguments that start it, and where it shows the notebook {name}.
# JupyterLab and Notebook 7 are asked to leave their application in `window.jupyterapp`, to run commands there.
FRONT_ENDS = {
    "jupyterlab": (["--LabApp.expose_app_in_browser=True"], "doc/tree/{name}"),
    "notebook": (["--JupyterNotebookApp.expose_app_in_browser=True"], "notebooks/{name}"),
    "voila": ([], "voila/render/{name}"),
    "deck": (["--LabApp.expose_app_in_browser=True"], "lab/tree/{name}?present"),
}

# What the reader sees in `root`: every visible picture drawn on one small canvas, reduced to a number.
# null while a picture is missing or still loading, so that no half-way state counts as an answer.
PROBE = """
window.probe = (root, pictures = 'img, canvas') => {
  window.probe.board ??= Object.assign(document.createElement('canvas'), {width: 320, height: 160})
    .getContext('2d', {willReadFrequently: true});
  const board = window.probe.board;
  const shown = [...root.querySelectorAll(pictures)]
    .filter(e => e.width && e.checkVisibility({opacityProperty: true, visibilityProperty: true}));
  if (!shown.length || shown.some(e => e.tagName === 'IMG' && !(e.complete && e.naturalWidth))) return null;
  board.imageSmoothingQuality = 'high';      // else a line may fall between the pixels sampled
  board.clearRect(0, 0, 320, 160);
  const boxes = shown.map(e => e.getBoundingClientRect());
  const [x, y] = ['left', 'top'].map(side => Math.min(...boxes.map(box => box[side])));
  const [w, h] = [[x, 'right'], [y, 'bottom']].map(([from, side]) => Math.max(...boxes.map(box => box[side])) - from);
  shown.forEach((e, i) => { const box = boxes[i];
    board.drawImage(e, (box.x - x) / w * 320, (box.y - y) / h * 160, box.width / w * 320, box.height / h * 160); });
  let hash = 0;
  for (const pixel of new Uint32Array(board.getImageData(0, 0, 320, 160).data.buffer))
    hash = (Math.imul(hash, 31) + pixel) | 0;
  return hash;
};
// Resolves once the picture has stood still for `ms`; one that is still `unlike` gets 10 s to change first.
window.settled = async (root, ms, unlike = null, pictures = undefined) => {
  const start = performance.now();
  for (let seen = null, since = start; ;) {
    await new Promise(requestAnimationFrame);
    const now = window.probe(root, pictures), at = performance.now();
    if (now === null || now !== seen) { seen = now; since = at; }
    else if (at - since >= ms && (now !== unlike || at - start > 10000)) return seen;
  }
};
"""

# What of a page is the course's own: panels, predictions, prose, what cells print. Formulas and anchors are drawn by others.
OURS = ".livegrad-panel, .livegrad-question, .jp-RenderedMarkdown, .jp-OutputArea-output pre"
OTHERS = ["mjx-container", "th:has(mjx-container)", ".jp-InternalAnchorLink"]
AXE = """async ([ours, others, within, rules]) => {
  // To axe what lies outside of its ancestors is hidden: JupyterLab's body has no height, and a notebook scrolls in a box.
  const room = document.querySelector('.jp-WindowedPanel-outer'), styles = [];
  const height = within === 'body' ? `${room.scrollHeight}px` : '100vh';
  for (let e = within === 'body' ? room : document.body; e; e = e.parentElement) {
    styles.push([e, e.style.cssText]);
    Object.assign(e.style, {overflow: 'visible', contain: 'none', minHeight: height});
  }
  const include = [...document.querySelectorAll(within)].flatMap(part => [...part.querySelectorAll(ours)])
    .filter(e => e.checkVisibility() && e.clientWidth);
  // JupyterLab's affair: the page as a whole, the look of links in a text, boxes that scroll where a formula is wide.
  const theirs = ['region', 'link-in-text-block', 'scrollable-region-focusable'];
  const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const options = {runOnly: rules ?? levels, resultTypes: ['violations'], selectors: false};
  if (!rules) options.rules = Object.fromEntries(theirs.map(rule => [rule, {enabled: false}]));
  const found = await axe.run({include, exclude: others}, options);
  styles.forEach(([e, style]) => { e.style.cssText = style; });
  const broken = [...found.violations, ...found.incomplete.filter(rule => rule.error)];  // a rule that axe gave up
  return broken.flatMap(rule => rule.error ? [`${rule.id}: ${rule.error.message}`] : rule.nodes.map(node =>
    `${rule.id}: ${node.html.slice(0, 150)} (${node.failureSummary.split('\\n').slice(1).join(';').trim().slice(0, 200)})`));
}"""

CUT_OFF = """() => [...document.querySelectorAll('.livegrad-panel, .livegrad-question')].flatMap(panel => {
  const output = panel.closest('.jp-OutputArea-output'), room = output.getBoundingClientRect();
  const parts = panel.querySelectorAll('.widget-label, .noUi-target, .widget-readout, button, select, input, .livegrad-readout');
  const wrong = [...parts].filter(part => part.clientWidth).flatMap(part => {
    const box = part.getBoundingClientRect(), words = part.textContent || part.className;
    return [...(box.left < room.left - 1 || box.right > room.right + 1 ? [`over the edge: ${words}`] : []),
            ...(part.scrollWidth > part.clientWidth + 1 && !part.matches('input, .noUi-target') ? [`cut: ${words}`] : [])]; });
  const sideways = output.scrollWidth > output.clientWidth + 1;
  return sideways ? [...wrong, `scrolls sideways: ${panel.textContent.slice(0, 60)}`] : wrong;
})"""

# A panel's picture has come to rest: every layer has one pixel for each pixel of the screen.
SHARP = """picture => [...picture.querySelectorAll('img')]
  .every(i => i.complete && Math.abs(i.naturalWidth - devicePixelRatio * i.clientWidth) <= 2)"""


def write_notebook(path, *cells):
    """Write a notebook of code cells; each cell is a string of source."""
    path.write_text(json.dumps({
        "cells": [{"cell_type": "code", "id": f"cell-{i}", "source": source, "metadata": {},
                   "execution_count": None, "outputs": []} for i, source in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4, "nbformat_minor": 5}))


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def serve(tree, front_end="jupyterlab"):
    """Serve the folder `tree` with a front end; yields open_(browser, name, **context) -> Page."""
    arguments, path = FRONT_ENDS[front_end]
    port = _free_port()
    own = tree / ".jupyter"           # nothing of the user's own configuration takes part
    news = own / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True, exist_ok=True)
    news.write_text('{"fetchNews": "false"}')
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1",  # as start.py and Binder run the course
                       JUPYTER_CONFIG_DIR=str(own / "config"), IPYTHONDIR=str(own / "ipython"),
                       JUPYTER_DATA_DIR=str(own / "data"), JUPYTERLAB_SETTINGS_DIR=str(own / "settings"),
                       JUPYTERLAB_WORKSPACES_DIR=str(own / "workspaces"))
    # Voila is served as an extension of the same server, which gives them all one set of options.
    module = {"voila": "jupyter_server", "deck": "jupyterlab"}.get(front_end, front_end)
    with open(tree / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", module, "--no-browser", "--allow-root", f"--port={port}",
             "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={tree}",
             "--IdentityProvider.token=", *arguments],
            env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(address + "api", server, tree / "server.log")
        yield lambda browser, name, **context: Page(browser, address + path.format(name=name), **context)
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url, server, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=2)
            return
        time.sleep(0.3)
    raise RuntimeError(f"no Jupyter server answered at {url}; its log ends:\n{log.read_text()[-1500:]}")


class _Files(http.server.SimpleHTTPRequestHandler):
    """A folder's files; its server counts their bytes."""

    def log_message(self, *_):
        pass

    def send_header(self, keyword, value):
        if keyword == "Content-Length":
            self.server.sent += int(value)
        super().send_header(keyword, value)


@contextlib.contextmanager
def serve_site(folder=None):
    """Serve the course's site for the browser alone, built into `folder` if it is not there; yields the server.

    `server.folder` is where it lies, `server.notebook(name)` the address that opens a notebook, `server.sent` the bytes served.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(folder or made) / ("" if folder else "site")
        if not folder.exists():
            built = subprocess.run([sys.executable, ROOT / "lite/build.py", "--output", folder], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
            if built.returncode:
                raise RuntimeError(f"the site cannot be built: {built.stdout[-500:]}")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder))) as server:
            server.folder, server.sent, server.address = folder, 0, f"http://127.0.0.1:{server.server_port}"
            server.notebook = lambda name: f"{server.address}/lab/index.html?path=notebooks/{name}"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield server
            finally:
                server.shutdown()


@contextlib.contextmanager
def chromium():
    """A headless Chromium: the system's one, else the one playwright has downloaded."""
    from playwright.sync_api import sync_playwright
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """One notebook in one browser tab; `complaints` collects what the browser's console calls errors, `asked` each address with its status."""

    def __init__(self, browser, url, *, scale=1, script="", screen=SCREEN):
        self.complaints, self.asked = [], []
        self._context = browser.new_context(viewport=screen, device_scale_factor=scale)
        self.tab = self._context.new_page()
        self.tab.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        self.tab.on("response", lambda response: self.asked.append((response.url, response.status)))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.add_init_script(PROBE + script)
        self.tab.goto(url, timeout=90_000)         # Voila runs the notebook before it answers

    def opened(self):
        """Wait until the notebook is open and its kernel there."""
        self.tab.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.context?.isReady", timeout=90_000)
        self.tab.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.ready")
        return self

    def start(self, command):
        """Start a command of JupyterLab's in the open notebook."""
        self.tab.evaluate("command => { window.finished = false; jupyterapp.commands.execute(command)"
                          ".then(() => { window.finished = true; }); }", command)
        return self

    def finished(self):
        """Whether the command that was started last has finished; one that is closed has."""
        return self.tab.is_closed() or self.tab.evaluate("() => window.finished")

    def finish(self, seconds):
        """Wait until the command that was started last has finished."""
        self.tab.wait_for_function("() => window.finished", timeout=seconds * 1000)
        return self

    def run_all(self, seconds=180):
        """Run every cell (Voila has done so already) and wait until the last one has finished."""
        return self.opened().start("notebook:run-all-cells").finish(seconds)

    def errors(self):
        """What went wrong in the code cells: tracebacks, and cells that never ran."""
        return self.tab.evaluate("""() => jupyterapp.shell.currentWidget.content.widgets
            .filter(c => c.model.type === 'code' && c.model.sharedModel.source.trim())
            .flatMap((c, i) => [
              ...(c.model.executionCount === null ? [`code cell ${i + 1} did not run`] : []),
              ...c.model.outputs.toJSON().filter(o => o.output_type === 'error')
                .map(o => `${o.ename}: ${o.evalue}`)])""")

    def violations(self, within="", rules=None):
        """What axe-core finds wrong with the course's part of the page, or of `within`; by `rules` only, if given."""
        if not self.tab.evaluate("() => 'axe' in window"):
            self.tab.evaluate((importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
        return self.tab.evaluate(AXE, [OURS, OTHERS, within or "body", rules])

    @contextlib.contextmanager
    def dark(self):
        """JupyterLab in its dark theme. The server remembers a theme, so it is put back."""
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            self.tab.evaluate("""async theme => {
                await jupyterapp.commands.execute('apputils:change-theme', {theme});
                while (document.body.dataset.jpThemeName !== theme) await new Promise(requestAnimationFrame); }""", theme)
            if theme == "JupyterLab Dark":
                yield

    def cut_off(self, width, height):
        """What does not fit into a window of this size: controls over the edge or cut, outputs that scroll sideways."""
        self.tab.set_viewport_size({"width": width, "height": height})
        self.tab.wait_for_timeout(300)
        return self.tab.evaluate(CUT_OFF)

    def panel(self, index=0, having=".livegrad-picture"):
        """The index-th output that has something in it which the selector `having` finds."""
        outputs = self.tab.locator(".jp-OutputArea-output", has=self.tab.locator(having))
        outputs.nth(index).wait_for(state="attached", timeout=60_000)
        panel = Panel(outputs.nth(index))
        for picture in panel.picture.element_handles():         # none, if it is a prediction
            self.tab.wait_for_function(SHARP, arg=picture, timeout=30_000)
        return panel

    def close(self):
        self._context.close()


class Panel:
    """One panel as a hand and an eye meet it. `root` is its output, a playwright Locator."""

    def __init__(self, root):
        self.root = root
        self.tab = root.page
        self.picture = root.locator(".livegrad-picture")
        self.grip = root.locator(".livegrad-grip")
        self.progress = root.locator(".progress-bar")
        root.scroll_into_view_if_needed()

    def slider(self, label):
        """The handle of the slider with this visible label."""
        named = self.tab.get_by_text(label, exact=True)
        return self.root.locator(".widget-inline-hbox", has=named).locator(".noUi-handle")

    def value(self, label):
        return float(self.slider(label).get_attribute("aria-valuenow"))

    def button(self, label):
        return self.root.get_by_role("button", name=label, exact=True)

    def text(self):
        """The readout."""
        return self.root.locator(".livegrad-readout").inner_text().strip()

    def alt(self):
        return self.picture.get_attribute("aria-label")

    def pixels(self, unlike=None, layer="img"):
        """A number for the picture, or one layer of it, once it has come to rest.

        `unlike` is what it was before: a change is then waited for. If none comes, the answer is the old number.
        """
        return self.root.evaluate("(root, how) => settled(root, 500, ...how)", [unlike, layer])

    def watch_frames(self):
        """From now on note every frame of the moving layer: each is an image of its own that takes the last one's place."""
        self.picture.evaluate("""picture => {
            window.frames = [];
            const seen = img => frames.push(Math.round(10 * img.naturalWidth / img.clientWidth) / 10);
            new MutationObserver(records => records.flatMap(r => [...r.addedNodes])
              .filter(node => node.matches('.livegrad-moving')).forEach(seen)).observe(picture, {childList: true}); }""")

    def frames(self):
        """The frames since `watch_frames`, each as its pixels per CSS pixel."""
        return self.tab.evaluate("() => frames")

    def drag(self, handle, dx, dy, steps=10):
        """Take hold of `handle` with the mouse, move by CSS pixels, let go."""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.tab.mouse.move(x, y)
        self.tab.mouse.down()
        self.tab.mouse.move(x + dx, y + dy, steps=steps)
        self.tab.mouse.up()
