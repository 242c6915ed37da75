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
from torch import nn
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
UNROLLED: dict[str, dict] = {
    "layer_norm": {"normed": True},
    "tau0": {"tau": 0},
    "tau2": {"tau": 2},
    "chunk3": {"chunk": 3},
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
        **clipping(np.random.default_rng(21)),
        **recurrent(np.random.default_rng(22)),
        **normalization(np.random.default_rng(23)),
        **gated(np.random.default_rng(24)),
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


def clipping(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Three gradients together under both kinds of clipping, also when an entry is not finite."""
    shapes, result = ((3, 4), (4,), (2, 3)), {}
    for case, entry in (("finite", None), ("inf", np.inf), ("nan", np.nan)):
        grads = [rng.standard_normal(shape) for shape in shapes]
        if entry is not None:
            grads[1][2] = entry
        result |= {f"clip/{case}/g{i}": g for i, g in enumerate(grads)}
        for threshold in (0.3, 1e3):
            for name in ("norm", "value"):
                params = [torch.zeros(g.shape, dtype=torch.float64) for g in grads]
                for p, g in zip(params, grads):
                    p.grad = torch.tensor(g)
                total = getattr(nn.utils, f"clip_grad_{name}_")(params, threshold)
                result |= {f"clip/{case}/{name}{threshold:g}/g{i}": p.grad.numpy() for i, p in enumerate(params)}
                if name == "norm":
                    result[f"clip/{case}/total"] = total.numpy()
    return result


def recurrent(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A recurrent net with softmax cross-entropy at every step: `nn.RNN`, and unrolled where that gives no way in."""
    N, T, D, H, K = 4, 7, 3, 5, 6
    arrays = {
        "W_x": rng.standard_normal((H, D)), "W_h": 0.6 * rng.standard_normal((H, H)), "b": rng.standard_normal(H),
        "W_s": rng.standard_normal((K, H)), "c": rng.standard_normal(K), "gamma": 1 + 0.3 * rng.standard_normal(H),
        "x": rng.standard_normal((N, T, D)), "h0": rng.standard_normal((N, H)),
    }  # fmt: skip
    targets = rng.integers(K, size=(N, T))
    result = {f"rnn/{key}": value for key, value in arrays.items()} | {"rnn/targets": targets}
    for phi in ("tanh", "relu"):
        t = {key: torch.tensor(value, requires_grad=True) for key, value in arrays.items()}
        result |= {f"rnn/{phi}/{key}": value for key, value in whole(t, phi, targets).items()}
        for case, options in UNROLLED.items():
            t = {key: torch.tensor(value, requires_grad=True) for key, value in arrays.items()}
            result |= {f"rnn/{phi}/{case}/{key}": value for key, value in unrolled(t, phi, targets, **options).items()}
        t = {key: torch.tensor(value, requires_grad=True) for key, value in arrays.items()}
        by_hand = unrolled(t, phi, targets)
        result |= {f"rnn/{phi}/{key}": by_hand[key] for key in ("dh", "dz")}
    return result


def whole(t: dict[str, torch.Tensor], phi: str, targets: np.ndarray) -> dict[str, np.ndarray]:
    """States, cost and gradients of `nn.RNN` with these parameters and a linear readout."""
    H, D = t["W_x"].shape
    net = nn.RNN(D, H, nonlinearity=phi, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for own, value in zip(net.parameters(), (t["W_x"], t["W_h"], t["b"], torch.zeros(H))):
            own.copy_(value)
    h, _ = net(t["x"], t["h0"][None])
    cost = F.cross_entropy(F.linear(h, t["W_s"], t["c"]).flatten(0, 1), torch.tensor(targets).flatten())
    cost.backward()
    grads = dict(zip(("W_x", "W_h", "b"), net.parameters())) | {key: t[key] for key in ("W_s", "c", "x", "h0")}
    result = {f"d{key}": p.grad.numpy() for key, p in grads.items()}
    return result | {"h": h.detach().numpy(), "cost": cost.detach().numpy()}


def unrolled(
    t: dict[str, torch.Tensor],
    phi: str,
    targets: np.ndarray,
    normed: bool = False,
    tau: int | None = None,
    chunk: int | None = None,
) -> dict[str, np.ndarray]:
    """The same step by step, and what `nn.RNN` does not offer.

    With `tau`, each J_t is computed anew from the state tau + 1 steps earlier, which carries no gradient; with
    `chunk`, no state carries one from a chunk to the next.
    """
    T = targets.shape[1]
    zs, hs = [], []

    def step(h: torch.Tensor, s: int) -> torch.Tensor:
        z = F.linear(h, t["W_h"]) + F.linear(t["x"][:, s], t["W_x"])
        z = F.layer_norm(z, z.shape[1:], t["gamma"], t["b"]) if normed else z + t["b"]
        h = getattr(torch, phi)(z)
        if tau is None:
            z.retain_grad()
            h.retain_grad()
        zs.append(z)
        hs.append(h)
        return h

    def cost(h: torch.Tensor, s: int) -> torch.Tensor:
        return F.cross_entropy(F.linear(h, t["W_s"], t["c"]), torch.tensor(targets[:, s])) / T

    total, h, states = torch.zeros(()), t["h0"], [t["h0"].detach()]
    for s in range(T):
        h = step(h.detach() if chunk and s and s % chunk == 0 else h, s)
        states.append(h.detach())
        if tau is None:
            total = total + cost(h, s)
        else:
            start = max(0, s - tau)
            h = t["h0"] if s < tau else states[start]
            for k in range(start, s + 1):
                h = step(h, k)
            total = total + cost(h, s)
            h = states[-1]
    total.backward()
    keys = ("W_x", "W_h", "b", "W_s", "c", "x", "h0") + (("gamma",) if normed else ())
    grads = {key: torch.zeros_like(t[key]) if t[key].grad is None else t[key].grad for key in keys}
    result = {f"d{key}": grad.numpy() for key, grad in grads.items()}
    if tau is None:
        result |= {name: torch.stack([v.grad for v in values], 1).numpy() for name, values in (("dh", hs), ("dz", zs))}
    return result | {"h": torch.stack(states[1:], 1).numpy(), "cost": total.detach().numpy()}


def gated(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """An LSTM cell, step by step, with a cost that reads every h_t and every c_t; and the Jacobian of one step."""
    N, T, D, H = 4, 6, 3, 5
    arrays = {
        "W_x": rng.standard_normal((4 * H, D)), "W_h": rng.standard_normal((4 * H, H)), "b": rng.standard_normal(4 * H),
        "x": rng.standard_normal((N, T, D)), "h0": rng.standard_normal((N, H)), "c0": rng.standard_normal((N, H)),
    }  # fmt: skip
    dh = rng.standard_normal((N, T, H))
    t = {key: torch.tensor(value, requires_grad=True) for key, value in arrays.items()}
    cell = nn.LSTMCell(D, H, dtype=torch.float64)
    with torch.no_grad():
        for own, value in zip(cell.parameters(), (t["W_x"], t["W_h"], t["b"], torch.zeros(4 * H))):
            own.copy_(value)
    (h, c), states = (t["h0"], t["c0"]), []
    for s in range(T):
        h, c = cell(t["x"][:, s], (h, c))
        states.append((h, c))
    h, c = (torch.stack(both, 1) for both in zip(*states))
    (h * torch.tensor(dh)).sum().backward()
    grads = dict(zip(("W_x", "W_h", "b"), cell.parameters())) | {key: t[key] for key in ("x", "h0", "c0")}
    one = torch.tensor(np.concatenate([arrays["c0"][0], arrays["h0"][0]]))

    def step(state: torch.Tensor) -> torch.Tensor:
        h, c = cell(t["x"][0, 0].detach(), (state[H:], state[:H]))
        return torch.cat([c, h])

    return {
        **{f"lstm/{key}": value for key, value in arrays.items()}, "lstm/dh": dh,
        "lstm/h": h.detach().numpy(), "lstm/c": c.detach().numpy(),
        **{f"lstm/d{key}": p.grad.numpy() for key, p in grads.items()},
        "lstm/jacobian": torch.autograd.functional.jacobian(step, one).numpy(),
    }  # fmt: skip


def normalization(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Every normalization layer, and batch norm while it trains on three batches and then evaluates."""
    D, groups, momentum = 6, 2, 0.3
    gamma, beta = 1 + 0.3 * rng.standard_normal(D), rng.standard_normal(D)
    batches = 2 + 3 * rng.standard_normal((3, 5, D))
    dout, sequences = rng.standard_normal((5, D)), rng.standard_normal((2, 5, D))
    given = {"gamma": gamma, "beta": beta, "batches": batches, "dout": dout, "sequences": sequences}
    result = {f"norm/{key}": value for key, value in given.items()}
    layers = {
        "layer": nn.LayerNorm(D),
        "group": nn.GroupNorm(groups, D),
        "rms": nn.RMSNorm(D, eps=1e-5),
        "batch": nn.BatchNorm1d(D, momentum=momentum),
    }

    def record(name: str, layer: nn.Module, x: np.ndarray, upstream: np.ndarray) -> None:
        layer.zero_grad()
        t = torch.tensor(x, requires_grad=True)
        out = layer(t)
        out.backward(torch.tensor(upstream))
        tensors = {"dx": t, "dgamma": layer.weight} | ({"dbeta": layer.bias} if hasattr(layer, "bias") else {})
        result.update({f"norm/{name}/{key}": p.grad.numpy().copy() for key, p in tensors.items()})
        result[f"norm/{name}/out"] = out.detach().numpy()

    for name, layer in layers.items():
        layer.double()
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(gamma))
            if hasattr(layer, "bias"):
                layer.bias.copy_(torch.tensor(beta))
        if name in ("layer", "rms"):
            record(f"{name}/sequences", layer, sequences, sequences[::-1].copy())
        for k, x in enumerate(batches):
            record(f"{name}/{k}", layer, x, dout)
    result["norm/batch/running_mean"] = layers["batch"].running_mean.numpy().copy()
    result["norm/batch/running_var"] = layers["batch"].running_var.numpy().copy()
    layers["batch"].eval()
    record("batch/eval", layers["batch"], batches[0], dout)
    return result


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, version=np.array(torch.__version__.split("+")[0]), **reference())
    print(f"{TARGET}: PyTorch {torch.__version__}, {TARGET.stat().st_size} bytes")
