"""What the per-layer statistics of a deep network cost, against bare matrix products and against PyTorch.

    python benchmarks/kernels.py [--threads N] [--batch N] [--sweeps N]

One pass is forward, backward, and three numbers per layer: the root mean square of A, the norms of ∂C/∂Z and
∂C/∂W. Contenders, all on the same weights, inputs and output gradient:

    bare    only the products a pass cannot avoid, about 3 a layer, into arrays allocated once
    ours    livegrad.mlp: forward, backward, statistics, reusing the last pass's arrays as a panel does
    torch   PyTorch eager with retain_grad on every z, if it is installed

All get the same number of threads. A library's threads go on spinning for some milliseconds after its last
product and would slow the next contender; so each one rests, warms up, then is timed several times, and the
contenders take turns. A machine has slow seconds, too: the table is gone through several times, so that no
line gets them all. Shown are the medians in milliseconds and the ratios of the medians.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from statistics import median

REST_SECONDS = 0.06
TIMED_PASSES = 5

Passes = dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="threads for every contender; the course runs on one")
    parser.add_argument("--batch", type=int, default=256, help="number of examples")
    parser.add_argument("--sweeps", type=int, default=7, help="how often to go through the table")
    args = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(args.threads)  # read when NumPy and PyTorch are first imported

    import numpy as np

    try:
        import torch
    except ImportError:
        torch = None
        print("PyTorch is not installed: its columns stay empty", file=sys.stderr)
    else:
        torch.set_num_threads(args.threads)

    lines = list(product(("tanh", "relu"), ("float32", "float64"), (100, 256), (20, 50, 100)))
    seconds: dict[tuple, dict[str, list[float]]] = {line: defaultdict(list) for line in lines}
    for sweep in range(args.sweeps):
        print(f"sweep {sweep + 1} of {args.sweeps}", file=sys.stderr)
        for line in lines:
            for name, times in race(contenders(*line, args.batch)).items():
                seconds[line][name] += times

    peer = torch.__version__ if torch else "-"
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, PyTorch {peer}")
    print(f"threads: {args.threads}, batch {args.batch}; medians in ms")
    header = f"{'phi':<5}{'dtype':<9}{'width':>5}{'depth':>6} |{'bare':>8}{'ours':>8}{'torch':>8}"
    print(f"{header} |{'ours/bare':>10}{'ours/torch':>11}")
    for (phi, dtype, width, depth), times in seconds.items():
        ms = {name: 1e3 * median(t) for name, t in times.items()}
        peer = f"{ms['torch']:8.2f}" if torch else f"{'-':>8}"
        ratio = f"{ms['ours'] / ms['torch']:11.2f}" if torch else f"{'-':>11}"
        print(
            f"{phi:<5}{dtype:<9}{width:>5}{depth:>6} |{ms['bare']:8.2f}{ms['ours']:8.2f}{peer}"
            f" |{ms['ours'] / ms['bare']:10.2f}{ratio}"
        )


def race(passes: Passes, timed: int = TIMED_PASSES) -> dict[str, list[float]]:
    """Seconds of a few passes of each contender, one contender after the other."""
    seconds = {}
    for name, one_pass in passes.items():
        time.sleep(REST_SECONDS)
        one_pass()
        seconds[name] = []
        for _ in range(timed):
            start = time.perf_counter()
            one_pass()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def contenders(phi: str, dtype: str, width: int, depth: int, batch: int) -> Passes:
    """The passes to time by name; ours and PyTorch's have been compared and agree."""
    import numpy as np

    from livegrad.initializers import lecun_normal
    from livegrad.mlp import MLP

    rng = np.random.default_rng(0)
    gain = {"tanh": 1.0, "relu": 2**0.5}[phi]  # neither chaotic nor down among the slow subnormal numbers
    sizes = [width] * (depth + 1)
    net = MLP.create(sizes, rng, lambda shape, r: lecun_normal(shape, r, gain), phi, phi, dtype)
    for b in net.biases:
        b[:] = 0.01 * rng.standard_normal(b.shape)
    x, dout = rng.standard_normal((2, batch, width)).astype(dtype)
    passes = {"bare": bare_pass(net, x, dout), "ours": our_pass(net, x, dout)}
    try:
        passes["torch"] = torch_pass(net, x, dout)
    except ImportError:
        return passes
    tolerance = 1e-2 if dtype == "float32" else 1e-10  # a unit at the kink of ReLU may fall to either side
    np.testing.assert_allclose(passes["ours"](), passes["torch"](), rtol=tolerance)
    return passes


def bare_pass(net, x, dout) -> Callable[[], object]:
    import numpy as np

    trace = net.forward(x)
    gradients = net.backward(trace, dout)
    a, z, dz, dW, weights = trace.a, trace.z, gradients.dz, gradients.dW, net.weights

    def one_pass():
        for l, W in enumerate(weights):
            np.dot(a[l], W.T, out=z[l])
        for l in reversed(range(len(weights))):
            np.dot(dz[l].T, a[l], out=dW[l])
            if l:
                np.dot(dz[l], weights[l], out=dz[l - 1])

    return one_pass


def our_pass(net, x, dout) -> Callable[[], object]:
    from livegrad.mlp import statistics

    trace = gradients = None

    def one_pass():
        nonlocal trace, gradients
        trace = net.forward(x, trace)
        gradients = net.backward(trace, dout, gradients)
        sizes = statistics(trace, gradients)
        return sizes.a, sizes.dz, sizes.dW

    return one_pass


def torch_pass(net, x, dout) -> Callable[[], object]:
    import torch

    weights = [torch.tensor(W, requires_grad=True) for W in net.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in net.biases]
    x, dout = torch.tensor(x), torch.tensor(dout)
    phi = getattr(torch, net.activation.name)
    norm = torch.linalg.vector_norm
    per_entry = x.numel() ** -0.5  # all layers have one width

    def one_pass():
        activations, pre_activations, a = [], [], x
        for W, b in zip(weights, biases):
            W.grad = b.grad = None
            z = torch.nn.functional.linear(a, W, b)
            z.retain_grad()
            a = phi(z)
            pre_activations.append(z)
            activations.append(a)
        a.backward(dout)
        with torch.no_grad():
            return (
                [norm(a).item() * per_entry for a in activations],
                [norm(z.grad).item() for z in pre_activations],
                [norm(W.grad).item() for W in weights],
            )

    return one_pass


if __name__ == "__main__":
    main()
