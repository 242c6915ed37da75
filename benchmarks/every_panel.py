"""Milliseconds from a key press to changed pixels for every slider of every panel of the course.

Panels open at their defaults, and once more with everything that sets the size of the work (depth, width, …)
at its largest. The bare echo of a slider stands in the same notebook and takes its turn before each panel;
each slider is compared with it.

    python benchmarks/every_panel.py [--presses 6] [name of a panel, such as gradients.depth_panel …]
"""
import argparse
import pathlib
import tempfile

import numpy as np
from pressing import ECHO, PRESS, TRAFFIC, driving, harness

from livegrad.panels.controls import Slider

TARGET = 5.0
SIZES = {"batch", "count", "depth", "fan_in", "fan_out", "hidden", "length", "size", "steps", "width"}


def places(factory):
    """State strings to measure a panel at, each with its sliders: label and the key that has room to move."""
    sliders = [kind for kind in factory()._kinds.values() if isinstance(kind, Slider)]
    states = {"default": "", "largest": " ".join(f"{k.name}={k.high:g}" for k in sliders if k.name in SIZES)}
    for where, state in states.items():
        if state or where == "default":
            at_end = {k.name for k in sliders if k.name in SIZES and where == "largest" or k.default == k.high}
            yield where, state, [(k.label, "ArrowLeft" if k.name in at_end else "ArrowRight") for k in sliders]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panels", nargs="*", help="names of panels, such as gradients.depth_panel; all, if none is given")
    parser.add_argument("--presses", type=int, default=6, help="key presses per slider")
    options = parser.parse_args()
    jobs = [(factory, *place) for name, factory in driving.factories().items() if name in options.panels or not options.panels
            for place in places(factory)]
    cells = [f'from {factory.__module__} import {factory.__name__}\n{factory.__name__}("{state}")' for factory, _, state, _ in jobs]
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        harness.write_notebook(tree / "panels.ipynb", ECHO, *cells)
        with harness.chromium() as browser, harness.serve(tree) as open_:
            page = open_(browser, "panels.ipynb", script=TRAFFIC).run_all(seconds=600)
            if page.errors():
                raise SystemExit("a panel did not open: " + "; ".join(page.errors()))

            def median(cell, label, way):
                keys = [way, "ArrowLeft" if way == "ArrowRight" else "ArrowRight"] * (options.presses // 2)  # there and back
                root = page.tab.locator(".jp-CodeCell").nth(cell)
                root.evaluate("e => e.scrollIntoView()")
                try:
                    return np.median([total for total, *_ in root.evaluate(PRESS, [label, keys])])
                except Exception as error:  # playwright is imported with the browser only
                    if "no picture changed" not in str(error):
                        raise
                    return np.nan  # such as the learning rate of a net that is not trained yet

            print(f"{'panel':26}{'at':10}{'slider':34}{'ms':>7}{'/ echo':>8}")
            for cell, (factory, where, _, sliders) in enumerate(jobs, start=1):
                name = factory.__name__
                echo = median(0, "Echo", "ArrowRight" if cell % 2 else "ArrowLeft")
                for label, key in sliders:
                    took = median(cell, label, key)
                    late = "  MISSED" if took > TARGET * echo else "  shows in what follows only" if np.isnan(took) else ""
                    missed += [f"{name}: {label}"] * int(took > TARGET * echo)
                    print(f"{name:26}{where:10}{label:34}{took:7.0f}{took / echo:8.1f}{late}", flush=True)
    print(f"target: at most {TARGET:g} times the echo. Missed: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
