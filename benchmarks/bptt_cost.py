"""What backpropagation through time costs against the length of the sequence: time, and memory.

    python benchmarks/bptt_cost.py [--repeats N]

A language model of 64 tanh units reads 32 texts over 7 symbols and sends its gradient all the way back, in float32. Time is the
median of some passes, forward and backward, into arrays that are there already. Memory is what one pass into fresh arrays leaves behind, by tracemalloc,
beside the formula

    bytes = 4 · N · (T · (D + 4 H + 3 K) + H)

for the inputs (D), the states h and z and their gradients (H each, and one state more), and logits, ln ŷ and ∂J/∂logits (K
each). Nothing of it may be thrown away before the gradient has come back: that is what truncation saves.
"""

from __future__ import annotations

import argparse
import os
import time
import tracemalloc
from statistics import median

LENGTHS = (10, 30, 100, 200, 500, 1000)
TEXTS, SYMBOLS, UNITS = 32, 7, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="how often to go through all lengths")
    repeats = parser.parse_args().repeats
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is first imported

    import numpy as np

    from livegrad.rnn import SequenceModel

    net = SequenceModel.create(SYMBOLS, UNITS, SYMBOLS, np.random.default_rng(0), dtype="float32")
    texts = {T: np.random.default_rng(1).integers(0, SYMBOLS, (TEXTS, T + 1)) for T in LENGTHS}

    def one_pass(T: int, trace=None, gradients=None):
        trace = net.forward(texts[T][:, :-1], trace=trace)
        return trace, net.backward(trace, texts[T][:, 1:], gradients=gradients)

    kept = {}
    for T in LENGTHS:
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        held = one_pass(T)
        kept[T] = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        del held

    old = {T: one_pass(T) for T in LENGTHS}
    seconds: dict[int, list[float]] = {T: [] for T in LENGTHS}
    for _ in range(repeats):
        for T in LENGTHS:
            started = time.perf_counter()
            old[T] = one_pass(T, *old[T])
            seconds[T].append(time.perf_counter() - started)

    print(f"NumPy {np.__version__}, 1 thread, float32: {TEXTS} texts, {UNITS} units, {SYMBOLS} symbols")
    print(f"{'T':>6} |{'ms':>9}{'µs a step':>11} |{'MB kept':>9}{'formula':>9}")
    for T in LENGTHS:
        formula = 4 * TEXTS * (T * (SYMBOLS + 4 * UNITS + 3 * SYMBOLS) + UNITS)
        pace = median(seconds[T])
        print(f"{T:6} |{1e3 * pace:9.2f}{1e6 * pace / T:11.1f} |{kept[T] / 1e6:9.3f}{formula / 1e6:9.3f}")


if __name__ == "__main__":
    main()
