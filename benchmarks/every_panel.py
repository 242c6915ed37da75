"""Milliseconds from a key press to changed pixels for every slider of every panel of the course.

Panels open at their defaults, and once more with everything that sets the size of the work (depth, width, …)
at its largest. The bare echo of a slider stands in the same notebook and takes its turn before each panel;
each slider is compared with it. Beside that the bytes that one update takes to the page, and what the kernel
does in that time, on its own: compute the numbers, draw the picture, encode it.

    python benchmarks/every_panel.py [--presses 6] [--save] [name of a panel, such as gradients.depth_panel …]

`--save` writes the rows into docs/speed.md; rows of panels that were not asked for stay as they are there.
"""
import argparse
import pathlib
import tempfile

import numpy as np
import speed_page
from pressing import ECHO, PRESS, TRAFFIC, driving, harness, kernel_split

from livegrad.panels.controls import Slider

TARGETS = {"default": 4.0, "largest": 6.0}
SIZES = {"batch", "count", "depth", "fan_in", "fan_out", "hidden", "length", "size", "steps", "width"}

TITLE = "Every panel"
HEAD = """Made by `python benchmarks/every_panel.py --save`, in JupyterLab and Chromium on one machine: from a key press on a slider until the
picture has changed, over all sliders of a panel. The echo is a slider in the same notebook that swaps a tiny ready-made picture: what
remains if a panel did nothing. It is measured again before each panel. *Slowest* is the slider with the largest median. KB: what one
update sends to the page. Compute, draw, encode: medians of the same moves in a Python of their own. At their default panels should
stay within 4 echoes, at the largest size within 6.

"""
COLUMNS = ("panel", "at", "median ms", "p95 ms", "echoes", "slowest", "KB", "compute ms", "draw ms", "encode ms")


def walk(slider, start, presses):
    """Keys that take a slider to a new place each time, for as long as there is one: to the farther end, and back from there."""
    key, places_left = "ArrowRight", round((slider.high - start) / slider.step)
    behind = round((start - slider.low) / slider.step)
    if behind > places_left:
        key, places_left, behind = "ArrowLeft", behind, places_left
    there = min(places_left, presses)
    back = {"ArrowRight": "ArrowLeft", "ArrowLeft": "ArrowRight"}[key]
    return ([key] * there + [back] * (there + behind) + [key] * presses)[:presses]


def places(factory, presses):
    """State strings to measure a panel at, each with its sliders: name, label and the keys to press."""
    sliders = [kind for kind in factory().kinds.values() if isinstance(kind, Slider)]
    states = {"default": "", "largest": " ".join(f"{k.name}={k.high:g}" for k in sliders if k.name in SIZES)}
    for where, state in states.items():
        if state or where == "default":
            starts = {k.name: k.high if where == "largest" and k.name in SIZES else k.default for k in sliders}
            yield where, state, [(k.name, k.label, walk(k, starts[k.name], presses)) for k in sliders]


def save(rows):
    """Put the rows in the place of the old ones of the same panels."""
    old = [line.strip("| ").split(" | ") for line in speed_page.sections().get(TITLE, "").splitlines() if line.startswith("| `")]
    new = {(panel, where): row for row in old + rows for panel, where in [row[:2]]}
    speed_page.save(TITLE, HEAD + speed_page.table(COLUMNS, [new[key] for key in sorted(new)], words=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panels", nargs="*", help="names of panels, such as gradients.depth_panel; all, if none is given")
    parser.add_argument("--presses", type=int, default=6, help="key presses per slider")
    parser.add_argument("--save", action="store_true", help="write the rows into docs/speed.md")
    options = parser.parse_args()
    jobs = [(name, factory, *place) for name, factory in driving.factories().items() if name in options.panels or not options.panels
            for place in places(factory, options.presses)]
    cells = [f'from {factory.__module__} import {factory.__name__}\n{factory.__name__}("{state}")' for _, factory, _, state, _ in jobs]
    rows, missed = [], []
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        harness.write_notebook(tree / "panels.ipynb", ECHO, *cells)
        with harness.chromium() as browser, harness.serve(tree) as open_:
            page = open_(browser, "panels.ipynb", script=TRAFFIC).run_all(seconds=600)
            if page.errors():
                raise SystemExit("a panel did not open: " + "; ".join(page.errors()))

            def press(cell, label, keys):
                """An array (presses, 5) as PRESS has it; of none, if the picture does not change."""
                root = page.tab.locator(".jp-CodeCell").nth(cell)
                root.evaluate("e => e.scrollIntoView()")
                try:
                    return np.array(root.evaluate(PRESS, [label, keys]))
                except Exception as error:  # playwright is imported with the browser only
                    if "no picture changed" not in str(error):
                        raise
                    return np.empty((0, 5))  # such as the learning rate of a net that is not trained yet

            for cell, (name, factory, where, state, sliders) in enumerate(jobs, start=1):
                echo = np.median(press(0, "Echo", ["ArrowRight" if cell % 2 else "ArrowLeft"] * options.presses)[:, 0])
                times = {label: press(cell, label, keys) for _, label, keys in sliders}
                medians = {label: np.median(took[:, 0]) for label, took in times.items() if len(took)}
                print(f"{name} {where}, echo {echo:.0f} ms: "
                      + ", ".join(f"{label} {medians[label]:.0f}" if label in medians else f"{label} –" for label in times), flush=True)
                if not medians:  # all of it waits for Train
                    continue
                split = kernel_split(factory(state), {one: keys for one, label, keys in sliders if label in medians})
                every = np.concatenate(list(times.values()))
                slowest = max(medians, key=medians.get)
                median, p95 = np.percentile(every[:, 0], [50, 95])
                late = bool(median > TARGETS[where] * echo)
                missed += [f"{name} {where}"] * late
                rows.append([f"`{name}`", where, f"{median:.0f}", f"{p95:.0f}", f"{median / echo:.1f}", f"{slowest} {medians[slowest]:.0f}",
                             f"{np.median(every[:, 4]) / 1e3:.0f}", *(f"{ms:.1f}" for ms in split.values())])
                print("   " + ", ".join(f"{column} {value}" for column, value in zip(COLUMNS[2:], rows[-1][2:], strict=True))
                      + "  MISSED" * late, flush=True)
    print("targets: " + ", ".join(f"{echoes:g} echoes at the {where}" for where, echoes in TARGETS.items()) + f". Missed: {', '.join(missed) or 'none'}")
    if options.save:
        save(rows)


if __name__ == "__main__":
    main()
