"""The course in the browser's own Python: how soon it answers, how fast, and what it fetches. The network is cut.

Each notebook of the site is opened in a browser with nothing in its cache. Three numbers tell how it opens: seconds from the
click to a live slider (the cells down to the first panel have run, a key was pressed, the picture has changed), seconds until
all cells have run, megabytes served. Then every slider of every panel is pressed, from the panel's defaults, and a bare slider,
which stands in the same page, takes its turn before each panel.

    python benchmarks/site.py [--site FOLDER] [--presses 6] [01 02 …]
"""
import argparse
import time

import numpy as np
from pressing import ECHO, PRESS, harness

LIMIT_MS, LIMIT_ECHOES = 250, 6

# The cells down to the first panel, and the rest.
SPLIT = """() => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = 1 + notebook.widgets.findIndex(cell => /^\\w+_panel\\(/m.test(cell.model.sharedModel.source));
}"""

ADD = """async source => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
  await jupyterapp.commands.execute('notebook:insert-cell-below');
  notebook.activeCell.model.sharedModel.setSource(source);
  await jupyterapp.commands.execute('notebook:run-cell');
}"""

# For each panel its factory and, for each slider that is shown, its label and the key that has room to move.
PANELS = """() => jupyterapp.shell.currentWidget.content.widgets
  .flatMap(cell => [...cell.node.querySelectorAll('.livegrad-panel')].map(panel => [
    cell.model.sharedModel.source.match(/^(\\w+)_panel\\(/m)[1],
    [...panel.querySelectorAll('.noUi-handle')].filter(handle => handle.checkVisibility()).map(handle => [
      handle.closest('.widget-inline-hbox').querySelector('.widget-label').textContent,
      handle.ariaValueNow === handle.ariaValueMax ? 'ArrowLeft' : 'ArrowRight'])]))"""


def press(root, label, key, presses):
    """Milliseconds from key to picture, there and back; none if the picture has nothing to say about this slider."""
    back = "ArrowLeft" if key == "ArrowRight" else "ArrowRight"
    try:
        return [total for total, *_ in root.evaluate(PRESS, [label, [key, back] * (presses // 2)])]
    except Exception as error:  # playwright is imported with the browser only
        if "no picture changed" not in str(error):
            raise
        return []


def open_notebook(browser, server, name):
    """The page, with every cell run; and the seconds to a live slider, to the last cell, and the megabytes."""
    server.sent, clicked = 0, time.perf_counter()
    page = harness.Page(browser, server.notebook(name))
    page.opened().tab.evaluate(SPLIT)
    page.start("notebook:run-all-above").finish(300)
    page.panel(0)
    panel = page.tab.locator(".livegrad-panel").first
    (_, sliders), *_ = page.tab.evaluate(PANELS)
    before = panel.evaluate("root => probe(root)")
    panel.locator(".noUi-handle").first.press(sliders[0][1])
    page.tab.wait_for_function("([root, before]) => ![null, before].includes(probe(root))", arg=[panel.element_handle(), before])
    live = time.perf_counter() - clicked
    page.start("notebook:run-all-below").finish(600)
    everything = time.perf_counter() - clicked
    if page.errors():
        raise SystemExit(f"{name}: " + "; ".join(page.errors()))
    return page, [live, everything, server.sent / 1e6]


def press_all(page, presses):
    """For each panel its factory's name, the milliseconds by slider, and those of the bare slider."""
    page.tab.evaluate(ADD, ECHO)
    bare = page.tab.locator(".jp-CodeCell").last
    for i, (name, sliders) in enumerate(page.tab.evaluate(PANELS)):
        echo = press(bare, "Echo", "ArrowRight" if i % 2 else "ArrowLeft", presses)
        panel = page.tab.locator(".livegrad-panel").nth(i)
        yield name, {label: press(panel, label, key, presses) for label, key in sliders}, echo


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", help="of notebooks, such as 02; all, if none is given")
    parser.add_argument("--site", help="a built site, taken as it is (built anew into a folder that is thrown away)")
    parser.add_argument("--presses", type=int, default=6, help="key presses per slider; 0: see how each opens, and no more")
    options = parser.parse_args()
    names = [path.name for path in sorted((harness.ROOT / "notebooks").glob("[0-9]*.ipynb"))
             if path.name[:2] in options.numbers or not options.numbers]
    rows, missed = [], []
    with harness.chromium() as browser, harness.serve_site(options.site) as server:
        for name in names:
            page, opening = open_notebook(browser, server, name)
            print("{}: live after {:.0f} s, all cells after {:.0f} s, {:.1f} MB".format(name[:2], *opening), flush=True)
            steps, echoes = [], []
            for panel, took, echo in press_all(page, options.presses) if options.presses else ():
                every, floor = [ms for presses in took.values() for ms in presses], np.median(echo)
                median = np.median(every) if every else 0.0  # a panel may wait for Train
                late = bool(median > min(LIMIT_MS, LIMIT_ECHOES * floor))
                missed += [f"{name[:2]} {panel}"] * late
                each = ", ".join(f"{label} {np.median(ms):.0f}" if ms else f"{label} –" for label, ms in took.items())
                print(f"   {panel:20}{median:5.0f} ms{median / floor:6.1f} echoes{'  MISSED' * late}   {each}", flush=True)
                steps += every
                echoes += echo
            page.close()
            rows.append([name[:2], *opening, *([np.median(steps), np.percentile(steps, 95), np.median(echoes)] if steps else [])])
    print("\n| notebook | live slider, s | all cells, s | MB | step, ms | p95, ms | bare slider, ms |\n|---" + "|---" * 6 + "|")
    for name, *numbers in rows:
        print(f"| {name} |", *(f"{number:.0f} |" for number in numbers))
    print(f"\ntarget: at most {LIMIT_MS} ms and {LIMIT_ECHOES} bare sliders for each panel. Missed: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
