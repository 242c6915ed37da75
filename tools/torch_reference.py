"""Write tests/reference/torch.npz: what PyTorch computes for inputs that are stored with it.

    python tools/torch_reference.py

Needs PyTorch, which the library does not. The tests compare the library with the stored numbers everywhere,
and with fresh ones from `reference()` where PyTorch can be imported. Names are paths: "float64/relu/slope".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn import init

TARGET = Path(__file__).parents[1] / "tests" / "reference" / "torch.npz"

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda z: 1 * z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "softplus": lambda z: F.softplus(z, threshold=50),  # the default goes linear at 20, an error of 2e-9
    "gelu": F.gelu,
    "silu": F.silu,
}
LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "half_mse": lambda out, y: F.mse_loss(out, y, reduction="sum") / (2 * len(out)),
    "logistic": lambda out, y: F.binary_cross_entropy_with_logits(out, y, reduction="sum") / len(out),
    "softmax_cross_entropy": F.cross_entropy,
}
OPTIMIZERS: dict[str, Callable[[list[torch.Tensor]], torch.optim.Optimizer]] = {
    "SGD": lambda params: torch.optim.SGD(params, lr=0.1),
    "Momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
    "RMSProp": lambda params: torch.optim.RMSprop(params, lr=0.01, alpha=0.9),
    "Adam": lambda params: torch.optim.Adam(params, lr=0.01),
}
INITIALIZERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "xavier_normal": init.xavier_normal_,
    "xavier_uniform": init.xavier_uniform_,
    "kaiming_normal": init.kaiming_normal_,
    "kaiming_uniform": init.kaiming_uniform_,
    "orthogonal": init.orthogonal_,
}


def reference() -> dict[str, np.ndarray]:
    """All inputs and results by name; the inputs are the same at every call."""
    rng = np.random.default_rng(20)
    return {
        **activations(np.concatenate([np.linspace(-6, 6, 97), [-1e4, -100, -20, -1e-9, 1e-9, 20, 100, 1e4]])),
        **gains(),
        **losses(3 * rng.standard_normal((6, 4)), rng),
        **network(rng),
        **optimizers(rng.standard_normal((3, 4)), rng.standard_normal((20, 3, 4))),
        **initializers(),
    }


def activations(z: np.ndarray) -> dict[str, np.ndarray]:
    result = {}
    for dtype in ("float64", "float32"):
        result[f"{dtype}/z"] = z.astype(dtype)
        for name, phi in ACTIVATIONS.items():
            t = torch.tensor(result[f"{dtype}/z"], requires_grad=True)
            a = phi(t)
            a.sum().backward()
            result[f"{dtype}/{name}/value"] = a.detach().numpy()
            result[f"{dtype}/{name}/slope"] = t.grad.numpy()
    return result


def gains() -> dict[str, np.ndarray]:
    defined = ("linear", "sigmoid", "tanh", "relu", "selu")
    slopes = {slope: init.calculate_gain("leaky_relu", slope) for slope in (0.0, 0.01, 0.2, 5**0.5)}
    return {
        **{f"gain/{name}": np.array(init.calculate_gain(name)) for name in defined},
        "gain/leaky_relu": np.array(list(slopes.items())),
    }


def losses(out: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    targets = {
        "soft_labels": rng.dirichlet(np.ones(out.shape[1]), len(out)),  # softmax cross-entropy, too
        "half_mse": rng.standard_normal(out.shape),
        "logistic": (rng.random(out.shape) < 0.5).astype(float),
        "softmax_cross_entropy": rng.integers(out.shape[1], size=len(out)),
    }
    result = {"loss/out": out}
    for case, y in targets.items():
        t = torch.tensor(out, requires_grad=True)
        cost = LOSSES.get(case, F.cross_entropy)(t, torch.tensor(y))
        cost.backward()
        result |= {f"loss/{case}/y": y, f"loss/{case}/value": cost.detach().numpy()}
        result[f"loss/{case}/gradient"] = t.grad.numpy()
    return result


def network(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A net of three layers, softmax cross-entropy, for every hidden activation."""
    sizes, labels = (5, 7, 6, 4), rng.integers(4, size=9)
    result = {"net/x": rng.standard_normal((9, sizes[0])), "net/labels": labels}
    for l, (n_in, n_out) in enumerate(zip(sizes, sizes[1:])):
        result[f"net/W{l}"] = rng.standard_normal((n_out, n_in))
        result[f"net/b{l}"] = rng.standard_normal(n_out)
    for name, phi in ACTIVATIONS.items():
        a = torch.tensor(result["net/x"])
        tensors = {}
        for l in range(3):
            W, b = (torch.tensor(result[f"net/{p}{l}"], requires_grad=True) for p in "Wb")
            z = F.linear(a, W, b)
            z.retain_grad()
            a = phi(z) if l < 2 else z
            tensors |= {f"W{l}": W, f"b{l}": b, f"z{l}": z}
        F.cross_entropy(a, torch.tensor(labels)).backward()
        result |= {f"net/{name}/d{key}": t.grad.numpy() for key, t in tensors.items()}
        result[f"net/{name}/out"] = a.detach().numpy()
    return result


def optimizers(start: np.ndarray, grads: np.ndarray) -> dict[str, np.ndarray]:
    """The path of a parameter that meets the same gradients under each optimizer."""
    result = {"optim/start": start, "optim/grads": grads}
    for name, make in OPTIMIZERS.items():
        p = torch.tensor(start, requires_grad=True)
        optimizer, path = make([p]), []
        for g in grads:
            p.grad = torch.tensor(g)
            optimizer.step()
            path.append(p.detach().numpy().copy())
        result[f"optim/{name}"] = np.stack(path)
    return result


def initializers() -> dict[str, np.ndarray]:
    """Standard deviation and largest entry: the draws themselves cannot agree."""
    torch.manual_seed(0)
    draws = {name: fill(torch.empty(300, 500, dtype=torch.float64)) for name, fill in INITIALIZERS.items()}
    return {f"init/{name}": np.array([W.std().item(), W.abs().max().item()]) for name, W in draws.items()}


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, version=np.array(torch.__version__.split("+")[0]), **reference())
    print(f"{TARGET}: PyTorch {torch.__version__}, {TARGET.stat().st_size} bytes")
