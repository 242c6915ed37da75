"""Milliseconds from a key press on a slider to changed pixels, in JupyterLab and Chromium.

The same job (depth 20, width 100, batch 256, float32: forward, backward, per-layer statistics, a figure
with two axes) as this library's panel, as `interact` with inline figures, and as ipympl with lines
updated in place. The fourth row is the floor: a slider whose observer swaps a tiny ready-made PNG.
All four stand in one notebook and take turns.

    python benchmarks/slider_to_pixel.py [--rounds 5] [--presses 12]
"""
import argparse
import importlib.util
import pathlib
import tempfile

import numpy as np
from pressing import ECHO, PRESS, TRAFFIC, harness, kernel_split

from livegrad.panels.gradients import depth_panel

# The job is the panel's own experiment, so that the rows differ in nothing but the way to the screen.
SETUP = """
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from livegrad.experiments.gradients import DeepNet
%matplotlib inline

job = DeepNet(seed=0, width=100, batch=256, dtype=np.float32)
layers = np.arange(1, 21)

def sizes(weight_scale):
    result = job.scales(20, weight_scale, "tanh")
    return result.a, result.dz, result.dW

def draw(figure, values):
    left, right = figure.subplots(1, 2, sharey=True)
    lines = [left.semilogy(layers, values[0], label="activation")[0],
             right.semilogy(layers, values[1], label="dC/dZ")[0],
             right.semilogy(layers, values[2], label="dC/dW")[0]]
    for axes in (left, right):
        axes.set(ylim=(1e-20, 1e20), xlabel="layer")
        axes.legend()
    return lines

def slider():
    return widgets.FloatSlider(value=1.0, min=0.05, max=4.0, step=0.05, description="Weight scale")
"""

STATE = "depth=20 weight_scale=1 activation=tanh precision=float32"
PANEL = f"""
from livegrad.panels.gradients import depth_panel
depth_panel("{STATE}")
"""

INTERACT = """
def show(weight_scale):
    assert "inline" in plt.get_backend()
    draw(plt.figure(figsize=(11, 4.78)), sizes(weight_scale))
    plt.show()

widgets.interact(show, weight_scale=slider());
"""

# The canvas is made by hand: `%matplotlib widget`, and even the import, would switch every row's backend.
IPYMPL = """
from ipympl.backend_nbagg import Canvas, FigureManager
from matplotlib.figure import Figure
%matplotlib inline

figure = Figure(figsize=(11, 4.78))
canvas = Canvas(figure)
manager = FigureManager(canvas, 1)
lines = draw(figure, sizes(1.0))
control = slider()

def update(change):
    for line, values in zip(lines, sizes(change.new)):
        line.set_ydata(values)
    canvas.draw_idle()

control.observe(update, "value")
widgets.VBox([control, canvas])
"""

ROWS = {"our panel": PANEL, "interact + inline": INTERACT, "ipympl": IPYMPL, "bare echo": ECHO}
TARGETS = (("interact + inline", "our panel", ">=", 4.0), ("ipympl", "our panel", ">=", 2.5),
           ("our panel", "bare echo", "<=", 3.0))

def measure(rounds, presses):
    """name -> array (rounds * presses, 5): ms in all, key to message, message to answer, answer to pixels; bytes."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        rows = dict(ROWS)
        if importlib.util.find_spec("ipympl") is None:
            del rows["ipympl"]
        harness.write_notebook(tree / "race.ipynb", SETUP, *rows.values())
        with harness.chromium() as browser, harness.serve(tree) as open_:
            page = open_(browser, "race.ipynb", script=TRAFFIC).run_all()
            if page.errors():
                raise SystemExit("the notebook of the benchmark failed: " + "; ".join(page.errors()))
            cells = page.tab.locator(".jp-CodeCell")
            times = {name: [] for name in rows}
            for turn in range(rounds):
                for i, name in enumerate(rows, start=1):
                    key = "ArrowLeft" if turn % 2 else "ArrowRight"
                    cells.nth(i).evaluate("e => e.scrollIntoView()")
                    times[name] += cells.nth(i).evaluate(PRESS, ["Echo" if name == "bare echo" else "Weight scale", [key] * presses])
            return {name: np.array(t) for name, t in times.items()}


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--presses", type=int, default=12, help="key presses per row and round")
    options = parser.parse_args()
    split = kernel_split(depth_panel(STATE), {"weight_scale": ["ArrowRight"] * 40})
    times = measure(options.rounds, options.presses)

    print(f"{'ms':20}{'median':>8}{'p95':>8}   of the median: key to message, to answer, to pixels")
    for name in ROWS:
        if name not in times:
            print(f"{name:20}{'not installed':>16}")
            continue
        total = times[name][:, 0]
        parts = "  ".join(f"{part:6.1f}" for part in np.median(times[name][:, 1:4], axis=0))
        print(f"{name:20}{np.median(total):8.1f}{np.percentile(total, 95):8.1f}   {parts}")
    print("our panel in the kernel: " + ", ".join(f"{stage} {ms:.1f}" for stage, ms in split.items()))
    for above, below, sign, target in TARGETS:
        if above in times:
            ratio = np.median(times[above][:, 0]) / np.median(times[below][:, 0])
            met = ratio >= target if sign == ">=" else ratio <= target
            print(f"{above} / {below}: {ratio:.2f} (target {sign} {target:g}, {'met' if met else 'MISSED'})")


if __name__ == "__main__":
    main()
