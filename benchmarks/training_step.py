"""What one training step of the course costs, against the same step in PyTorch.

    python benchmarks/training_step.py [--threads N] [--sweeps N]

Four steps, each from a minibatch that is ready to changed weights:

    deep net         30 layers, 100 wide, ReLU, 64 digits: forward, backward, gradient descent
    batch norm       3 hidden layers of 100 sigmoid units, batch norm before each, 60 digits: forward, backward,
                     gradient descent
    temporal order   50 tanh units, 20 sequences of 30 symbols: forward, backpropagation through time,
                     clipping by global norm, gradient descent
    language model   64 tanh units, 32 texts of 50 symbols out of 7, the next symbol predicted at every step: forward,
                     backpropagation through time, clipping by global norm, gradient descent

Contenders, from the same weights and on the same minibatches: livegrad, and PyTorch eager with its own modules
(`Linear`, `BatchNorm1d`, `RNN`, `clip_grad_norm_`, `SGD`). Before they race it is checked that their losses agree.

As in kernels.py the contenders take turns, each with a rest and a warm-up. A turn is a hundred steps in a row, as training
takes them: PyTorch needs some until it is at its best. Shown are medians in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from statistics import median

from kernels import race

RATE, MAX_NORM = 0.01, 1.0
STEPS_IN_A_ROW = 100
Step = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="threads for every contender; the course runs on one")
    parser.add_argument("--sweeps", type=int, default=5, help="how often to go through the table")
    args = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(args.threads)  # read when NumPy and PyTorch are first imported

    import numpy as np

    try:
        import torch
    except ImportError:
        sys.exit("PyTorch is not installed, and there is nothing else to race against")
    torch.set_num_threads(args.threads)

    makers = {"deep net": deep_net, "batch norm": batch_norm, "temporal order": temporal_order,
              "language model": language_model}
    lines = list(product(makers, ("float32", "float64")))
    for name, dtype in lines:
        check(makers[name](dtype))
    steps = {line: makers[line[0]](line[1]) for line in lines}
    seconds: dict[tuple, dict[str, list[float]]] = {line: defaultdict(list) for line in lines}
    for _ in range(args.sweeps):
        for line in lines:
            for name, times in race(steps[line], STEPS_IN_A_ROW).items():
                seconds[line][name] += times

    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, PyTorch {torch.__version__}")
    print(f"threads: {args.threads}; medians in ms")
    print(f"{'step':<16}{'dtype':<9} |{'ours':>8}{'torch':>8} |{'ours/torch':>11}")
    for (name, dtype), times in seconds.items():
        ours, peer = (1e3 * median(times[who]) for who in ("ours", "torch"))
        print(f"{name:<16}{dtype:<9} |{ours:8.2f}{peer:8.2f} |{ours / peer:11.2f}")


def check(steps: dict[str, Step]) -> None:
    """Both contenders go down the same path: their losses agree over ten steps."""
    import numpy as np

    losses = {name: [step() for _ in range(10)] for name, step in steps.items()}
    np.testing.assert_allclose(losses["ours"], losses["torch"], rtol=1e-3)


def deep_net(dtype: str) -> dict[str, Step]:
    import numpy as np
    import torch

    from livegrad.mlp import MLP

    net = MLP.create([64, *[100] * 29, 10], np.random.default_rng(0), dtype=dtype)
    return on_digits(net, 64, lambda layer: [torch.nn.ReLU()])


def batch_norm(dtype: str) -> dict[str, Step]:
    import numpy as np
    import torch

    from livegrad.mlp import MLP
    from livegrad.norms import BatchNorm

    sizes = [64, 100, 100, 100, 10]
    net = MLP.create(sizes, np.random.default_rng(0), "xavier_normal", "sigmoid", dtype=dtype, norm=BatchNorm.create)

    def hidden(layer: torch.nn.Linear) -> list[torch.nn.Module]:
        return [torch.nn.BatchNorm1d(layer.out_features, dtype=layer.weight.dtype), torch.nn.Sigmoid()]

    return on_digits(net, 60, hidden)


def on_digits(net, batch: int, hidden: Callable) -> dict[str, Step]:
    """A step of `net`, and of the same net in PyTorch; `hidden(layer)` are the modules that follow each hidden layer there."""
    import torch

    from livegrad.data import load_digits
    from livegrad.losses import softmax_cross_entropy
    from livegrad.optim import SGD

    digits = load_digits(net.dtype)
    images, labels = digits.images[:batch], digits.labels[:batch]
    optimizer = SGD(RATE)
    *layers, last = [torch_linear(W, b) for W, b in zip(net.weights, net.biases)]
    module = torch.nn.Sequential(*[m for layer in layers for m in (layer, *hidden(layer))], last)
    peer_optimizer = torch.optim.SGD(module.parameters(), RATE)
    inputs, targets = torch.tensor(images), torch.tensor(labels)
    trace = gradients = None

    def ours() -> float:
        nonlocal trace, gradients
        trace = net.forward(images, trace)
        gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels), gradients)
        optimizer.step(net.parameters(), gradients.parameters())
        return softmax_cross_entropy(trace.a[-1], labels)

    def peer() -> float:
        loss = torch.nn.functional.cross_entropy(module(inputs), targets)
        peer_optimizer.zero_grad()
        loss.backward()
        peer_optimizer.step()
        return loss.item()

    return {"ours": ours, "torch": peer}


def temporal_order(dtype: str) -> dict[str, Step]:
    import numpy as np

    from livegrad.experiments.temporal_order import SYMBOLS, sequences

    symbols, labels = sequences(20, 30, np.random.default_rng(1))
    return on_symbols(dtype, len(SYMBOLS), 50, 4, symbols, labels[:, np.newaxis], steps=[-1])


def language_model(dtype: str) -> dict[str, Step]:
    import numpy as np

    text = np.random.default_rng(1).integers(0, 7, (32, 51))
    return on_symbols(dtype, 7, 64, 7, text[:, :-1], text[:, 1:], steps=None)


def on_symbols(dtype: str, n_in: int, hidden: int, n_out: int, symbols, targets, steps) -> dict[str, Step]:
    """A step of a tanh net that reads these symbols and predicts the targets (N, S) at these steps, all of them by default."""
    import numpy as np
    import torch

    from livegrad.clipping import by_global_norm
    from livegrad.optim import SGD
    from livegrad.rnn import SequenceModel

    net = SequenceModel.create(n_in, hidden, n_out, np.random.default_rng(0), dtype=dtype)
    optimizer = SGD(RATE)
    rnn = torch.nn.RNN(n_in, hidden, batch_first=True, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for theirs, mine in ((rnn.weight_ih_l0, net.rnn.W_x), (rnn.weight_hh_l0, net.rnn.W_h), (rnn.bias_ih_l0, net.rnn.b)):
            theirs.copy_(torch.tensor(mine))
        rnn.bias_hh_l0.zero_()
    rnn.bias_hh_l0.requires_grad_(False)  # a second bias that ours does not have
    readout = torch_linear(net.W_s, net.c)
    parameters = [p for p in [*rnn.parameters(), *readout.parameters()] if p.requires_grad]
    peer_optimizer = torch.optim.SGD(parameters, RATE)
    one_hot = torch.nn.functional.one_hot(torch.tensor(symbols), n_in).to(readout.weight.dtype)
    answers, read = torch.tensor(targets).flatten(), slice(None) if steps is None else steps
    trace = gradients = None

    def ours() -> float:
        nonlocal trace, gradients
        trace = net.forward(symbols, steps=steps, trace=trace)
        gradients = net.backward(trace, targets, gradients=gradients)
        clipped, _ = by_global_norm(gradients.parameters(), MAX_NORM)
        optimizer.step(net.parameters(), clipped)
        return net.cost(trace, targets).mean

    def peer() -> float:
        states, _ = rnn(one_hot)
        loss = torch.nn.functional.cross_entropy(readout(states[:, read]).flatten(0, 1), answers)
        peer_optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
        peer_optimizer.step()
        return loss.item()

    return {"ours": ours, "torch": peer}


def torch_linear(W, b):
    """A `torch.nn.Linear` with these weights."""
    import torch

    layer = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.tensor(W).dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(W))
        layer.bias.copy_(torch.tensor(b))
    return layer


if __name__ == "__main__":
    main()
