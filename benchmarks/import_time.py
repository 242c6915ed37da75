"""Seconds that importing livegrad and its panels adds to numpy, matplotlib and ipywidgets.

Each import is timed in a fresh process, the two kinds in turn, and the medians are subtracted.

    python benchmarks/import_time.py [--rounds 11]
"""
import argparse
import statistics
import subprocess
import sys

BASE = "import numpy, matplotlib.pyplot, ipywidgets"
OURS = BASE + "; import livegrad, livegrad.panels.gradients"
TARGET = 0.3


def seconds(imports):
    """Time the imports in a new interpreter, without the interpreter's own start."""
    code = f"import time; start = time.perf_counter(); {imports}; print(time.perf_counter() - start)"
    return float(subprocess.check_output([sys.executable, "-c", code], text=True))


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds

    for imports in (BASE, OURS):         # once unmeasured: writes the .pyc files, fills the disk cache
        seconds(imports)
    times = [(seconds(BASE), seconds(OURS)) for _ in range(rounds)]
    base, ours = map(statistics.median, zip(*times))
    print(f"{BASE}: {base:.3f} s")
    print(f"with livegrad and its panels: {ours:.3f} s")
    added = ours - base
    print(f"added: {added:.3f} s (target <= {TARGET} s, {'met' if added <= TARGET else 'MISSED'})")


if __name__ == "__main__":
    main()
