"""How the cost of what the panels compute grows: the measured power of depth, width and length, beside the one that theory names.

    python benchmarks/growth.py [--repeats N]     # writes its table into docs/speed.md

Each row doubles one size four times and holds the rest. Shown are the median milliseconds at both ends and the slope of log time against
log size, over all five sizes and over the last two. One thread, float32; in the last row float64.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median

import speed_page

TITLE = "How the cost grows"
HEAD = """Made by `python benchmarks/growth.py`: each row doubles one size four times and holds the rest. The slope is that of log time against
log size over all five sizes, and over the last two; theory counts multiplications. Small arrays grow slower than theory says: there each call
of NumPy costs its microseconds, whatever its size. Eigenvalues come from LAPACK, whose large matrices run in faster steps than its small ones.

"""
COLUMNS = ("what grows", "sizes", "first ms", "last ms", "slope", "at the end", "theory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="how often to go through all sizes")
    repeats = parser.parse_args().repeats
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is first imported

    import numpy as np

    from livegrad.initializers import lecun_normal
    from livegrad.mlp import MLP, statistics
    from livegrad.rnn import SequenceModel
    from livegrad.spectra import eigenvalues

    rng = np.random.default_rng(0)

    def deep_net(depth=20, width=100, batch=256):
        """Forward, backward and the statistics of each layer, as `depth_panel` has them."""
        net = MLP.create([width] * (depth + 1), rng, lecun_normal, "tanh", "tanh", "float32")
        x, dout = rng.standard_normal((2, batch, width)).astype("float32")
        held = [None, None]

        def one_pass():
            trace = held[0] = net.forward(x, held[0])
            held[1] = net.backward(trace, dout, held[1])
            statistics(*held)

        return one_pass

    def language_model(T=50, units=64, texts=32, symbols=7):
        """Forward, and the gradient all the way back through time."""
        net = SequenceModel.create(symbols, units, symbols, rng, dtype="float32")
        text = rng.integers(0, symbols, (texts, T + 1))
        held = [None, None]

        def one_pass():
            held[0] = net.forward(text[:, :-1], trace=held[0])
            held[1] = net.backward(held[0], text[:, 1:], gradients=held[1])

        return one_pass

    def spectrum(n):
        W = rng.standard_normal((n, n)) / n**0.5
        return lambda: eigenvalues(W)

    rows = [
        ("deep net, depth", (25, 50, 100, 200, 400), lambda size: deep_net(depth=size), 1),
        ("deep net, width", (64, 128, 256, 512, 1024), lambda size: deep_net(width=size, depth=5), 2),
        ("deep net, batch", (64, 128, 256, 512, 1024), lambda size: deep_net(batch=size), 1),
        ("through time, T", (50, 100, 200, 400, 800), lambda size: language_model(T=size), 1),
        ("through time, units", (32, 64, 128, 256, 512), lambda size: language_model(units=size, T=20), 2),
        ("eigenvalues, n", (25, 50, 100, 200, 400), spectrum, 3),
    ]
    lines = []
    for name, sizes, prepare, theory in rows:
        passes = {size: prepare(size) for size in sizes}
        seconds: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(repeats + 1):
            for size, one_pass in passes.items():  # in turns: a slow second of the machine hits them all
                started = time.perf_counter()
                one_pass()
                seconds[size].append(time.perf_counter() - started)
        pace = [median(seconds[size][1:]) for size in sizes]  # the first pass makes its arrays
        slope, _ = np.polyfit(np.log(sizes), np.log(pace), 1)
        lines.append([name, f"{sizes[0]}–{sizes[-1]}", f"{1e3 * pace[0]:.2f}", f"{1e3 * pace[-1]:.1f}", f"{slope:.2f}",
                      f"{np.log2(pace[-1] / pace[-2]):.2f}", str(theory)])
    text = speed_page.table(COLUMNS, lines, words=1)
    print(text)
    speed_page.save(TITLE, HEAD + text)


if __name__ == "__main__":
    main()
