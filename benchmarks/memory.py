"""Does a panel that is moved for a long time hold on to memory?

Moves the sliders of one panel 2,000 times, as the hand does: many light frames, then a sharp one when it
rests. Prints what the process has grown by and how many Matplotlib figures are alive; exits with an error
above 10 MB or with more figures than there were.

    python benchmarks/memory.py [--moves 2000]
"""
import argparse
import gc
import sys

import numpy as np
import psutil
from matplotlib.figure import Figure

from livegrad.panels.gradients import depth_panel

WARM_UP, ALLOWED = 200, 10.0


def megabytes():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def figures():
    return sum(isinstance(thing, Figure) for thing in gc.get_objects())


def hand_rests(panel):
    """What the browser says a moment after the last move; the panel answers with the sharp picture."""
    panel._picture._handle_custom_msg({"rest": panel._picture.frame["number"]}, [])


def move(panel, moves, rng):
    """Set a random control to a random position, `moves` times; let the hand rest after every tenth."""
    controls = list(panel.controls.values())
    for k in range(moves):
        control = controls[rng.integers(len(controls))]
        if hasattr(control, "options"):
            control.value = control.options[rng.integers(len(control.options))]
        else:
            place = rng.uniform(control.min, control.max)
            control.value = type(control.value)(place)
        if k % 10 == 9:
            hand_rests(panel)
        if panel.problem:
            sys.exit(f"the panel complains at {panel.state!r}: {panel.problem}")


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--moves", type=int, default=2000)
    moves = parser.parse_args().moves

    rng = np.random.default_rng(0)
    panel = depth_panel()
    panel._picture.view = {"width": 1000, "ratio": 2.0}
    move(panel, WARM_UP, rng)
    before, alive = megabytes(), figures()
    move(panel, moves, rng)
    growth, leaked = megabytes() - before, figures() - alive
    print(f"memory after {moves} moves: {growth:+.1f} MB on top of {before:.0f} MB (allowed {ALLOWED:+g} MB)")
    print(f"live figures: {alive + leaked} (before: {alive})")
    return growth > ALLOWED or leaked > 0


if __name__ == "__main__":
    sys.exit(main())
