"""Does a panel that is played with for a long time grow, or grow slow?

All panels live in one process and are played with one after the other, through the messages that a page sends: one
control to a random place, 10,000 times, with rests, pulls at the picture, pins and short trainings between. Shown per
panel: what the process has grown by, the live objects and figures it has more, and the median milliseconds of a move
in the first tenth and when that is repeated after the last. Other work on the machine makes moves slower, too; so there
a new panel of the same kind makes the same moves in turns with the old one.

    python benchmarks/soak.py [--moves 10000] [--trace] [name of a panel, such as gradients.depth_panel …]

Exits with an error above 10 MB, or if the last moves take over 1.2 times as long as the first ones, and as those of the
new panel. `--trace` names the lines of code whose memory has grown; it makes everything slow.
"""
import argparse
import gc
import sys
import tracemalloc

import numpy as np
import psutil
from matplotlib.figure import Figure
from pressing import driving

WARM_UP, MEGABYTES, SLOWER = 300, 10.0, 1.2


def census():
    """Megabytes of the process, live objects, live figures."""
    gc.collect()
    alive = gc.get_objects()
    return np.array([psutil.Process().memory_info().rss / 2**20, len(alive), sum(issubclass(type(thing), Figure) for thing in alive)])


def opened(factory):
    """A panel on a page, with warm caches."""
    panel = factory()
    driving.page_says(panel._picture, view={"width": 1000, "ratio": 1.0})
    played(panel, WARM_UP, seed=0)
    return panel


def played(panel, moves, seed):
    """Median milliseconds of a move."""
    return 1e3 * np.median(list(driving.play(panel, moves, np.random.default_rng(seed))))


def soak(factory, moves):
    """What a panel has grown by, and the milliseconds of a move: first, last, of a new panel."""
    tenth = moves // 10
    panel = opened(factory)
    before = census()
    first = played(panel, tenth, seed=1)
    played(panel, moves - tenth, seed=2)
    growth = census() - before
    new = opened(factory)
    in_turns = zip(*(driving.play(one, tenth, np.random.default_rng(1)) for one in (panel, new)), strict=True)
    last, fresh = 1e3 * np.median(list(in_turns), axis=0)
    panel.close()
    new.close()
    return *growth, first, last, fresh


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panels", nargs="*", help="names of panels, such as gradients.depth_panel; all, if none is given")
    parser.add_argument("--moves", type=int, default=10_000)
    parser.add_argument("--trace", action="store_true", help="name the lines whose memory has grown")
    options = parser.parse_args()
    factories = driving.factories()
    if unknown := set(options.panels) - set(factories):
        parser.error(f"no such panel: {', '.join(sorted(unknown))}")

    missed = []
    print(f"{options.moves} moves each\n{'panel':40}{'MB':>7}{'objects':>9}{'figures':>9}{'first ms':>10}{'last ms':>9}{'new ms':>8}{'ratios':>12}")
    for name in options.panels or factories:
        if options.trace:
            tracemalloc.start(4)
            before = tracemalloc.take_snapshot()
        megabytes, objects, figures, first, last, fresh = soak(factories[name], options.moves)
        late = megabytes > MEGABYTES or last > SLOWER * max(first, fresh) or figures > 0
        missed += [name] * bool(late)
        row = f"{name:40}{megabytes:+7.1f}{objects:+9.0f}{figures:+9.0f}{first:10.1f}{last:9.1f}{fresh:8.1f}{last / first:6.2f}{last / fresh:6.2f}"
        print(row + "  MISSED" * bool(late), flush=True)
        if options.trace:
            for line in tracemalloc.take_snapshot().compare_to(before, "traceback")[:8]:
                print(f"    {line.size_diff / 2**20:+.2f} MB in {line.count_diff:+d} blocks at\n" + "\n".join(line.traceback.format()))
            tracemalloc.stop()
    print(f"allowed: {MEGABYTES:g} MB, {SLOWER:g} times the time. Missed: {', '.join(missed) or 'none'}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
