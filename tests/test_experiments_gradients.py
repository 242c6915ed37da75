"""The measurements behind notebook 02."""

import numpy as np
import pytest

from livegrad.experiments.gradients import DeepNet, chain, chain_sweep, train
from livegrad.gradcheck import numerical_gradient
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP

ACTIVATIONS = ("linear", "sigmoid", "tanh", "relu")


def test_adding_layers_leaves_the_other_weights_alone():
    deep = DeepNet(seed=3, width=20, batch=30, max_depth=12)
    shallow = [W.copy() for W in deep.net(5, 1.0, "tanh").weights]
    for a, b in zip(shallow[:-1], deep.net(12, 1.0, "tanh").weights, strict=False):
        assert np.array_equal(a, b)
    assert np.array_equal(DeepNet(seed=3, width=20, batch=30, max_depth=5).net(5, 1.0, "tanh").weights[2], shallow[2])


def test_the_weight_scale_only_stretches():
    deep = DeepNet(seed=0, width=20, batch=30, max_depth=4, dtype=np.float64)
    one = [W.copy() for W in deep.net(4, 1.0, "relu").weights]
    for a, b in zip(one, deep.net(4, 2.5, "relu").weights, strict=True):
        np.testing.assert_allclose(2.5 * a, b)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_sizes_agree_with_plain_formulas(activation):
    deep = DeepNet(seed=1, width=12, batch=9, max_depth=4, dtype=np.float64)
    sizes = deep.scales(4, 1.1, activation)
    net, (x, labels) = deep.net(4, 1.1, activation), deep.batch

    def cost(flat):
        weights, at = [], 0
        for W in net.weights:
            weights.append(flat[at:at + W.size].reshape(W.shape))
            at += W.size
        return softmax_cross_entropy(MLP(weights, net.biases, net.activation).forward(x).a[-1], labels)

    first = np.concatenate([W.ravel() for W in net.weights])
    by_difference = numerical_gradient(cost, first)
    assert np.linalg.norm(by_difference[:12 * 64]) == pytest.approx(sizes.dW[0], rel=1e-4)
    a = x
    for l, W in enumerate(net.weights):
        z = a @ W.T
        a = {"linear": z, "sigmoid": 1 / (1 + np.exp(-z)), "tanh": np.tanh(z), "relu": np.maximum(z, 0)}[activation] if l < 3 else z
        assert np.sqrt(np.mean(a**2)) == pytest.approx(sizes.a[l])


def test_the_difference_is_between_images_and_not_in_them():
    deep = DeepNet(seed=0, width=15, batch=20, max_depth=5, dtype=np.float64)
    sizes, a = deep.scales(5, 1.0, "tanh"), deep.net(5, 1.0, "tanh").forward(deep.batch[0]).a
    for l in range(5):
        assert sizes.difference[l] == pytest.approx(np.sqrt(np.mean((a[l + 1] - a[l + 1][:1]) ** 2)))
    twins = DeepNet(seed=0, width=15, batch=20, max_depth=5)
    twins.batch = np.repeat(twins.batch[0][:1], 20, axis=0), twins.batch[1]
    assert twins.scales(5, 1.0, "tanh").difference.max() < 1e-6  # of rounding


def test_m_predicts_what_wide_nets_do():
    """M of one layer to the power of the steps, against the measured gradient, within half a power of ten."""
    for seed in range(5):
        deep = DeepNet(seed=seed, width=300, batch=100, max_depth=20)
        for activation, scale in [("linear", 1.0), ("tanh", 0.8), ("tanh", 1.5), ("sigmoid", 1.0), ("relu", 1.4)]:
            sizes = deep.scales(20, scale, activation)
            assert abs(np.log10(sizes.prediction[0] / sizes.dz[0])) < 0.5, (seed, activation)
            assert sizes.prediction[0] / sizes.dz[-1] == pytest.approx(sizes.factor**19, rel=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "linear"])
def test_the_chain_is_the_gradient(activation):
    def cost(w, rest):
        a = 0.7
        for weight in (w, *rest):
            z = weight * a
            a = {"sigmoid": 1 / (1 + np.exp(-z)), "tanh": np.tanh(z), "relu": max(z, 0.0), "linear": z}[activation]
        return 0.5 * (a - 0.2) ** 2

    for weight in (-2.0, 0.3, 1.7):
        slope = (cost(weight + 1e-6, [weight] * 3) - cost(weight - 1e-6, [weight] * 3)) / 2e-6
        pieces = chain(4, weight, 0.7, 0.2, activation)
        assert pieces.product[-1] == pytest.approx(slope, rel=1e-5, abs=1e-12)
        assert len(pieces.names) == len(pieces.factors) == 9


def test_the_sweep_is_the_chain_at_every_weight():
    sweep = chain_sweep(5, 1.0, x=-0.5, y=0.3, activation="tanh", count=9)
    np.testing.assert_allclose(sweep.gradients, [chain(5, w, -0.5, 0.3, "tanh").product[-1] for w in sweep.weights], atol=1e-15)


def test_training_reports_its_way_and_repeats_itself():
    reports = list(train(3, 1.4, "relu", 0.1, seed=2, steps=40, report=15))
    assert [r.taken for r in reports] == [0, 15, 30, 40]
    assert reports[0].progress == 0 and reports[-1].progress == 1
    again = list(train(3, 1.4, "relu", 0.1, seed=2, steps=40, report=15))
    assert np.array_equal(reports[-1].loss, again[-1].loss)
    assert not np.array_equal(reports[-1].loss, list(train(3, 1.4, "relu", 0.1, seed=3, steps=40))[-1].loss)


def test_an_overflow_ends_the_run_and_is_named():
    *_, last = train(10, 3.0, "relu", 0.1, seed=0)
    assert last.overflowed and last.progress == 1 and last.taken < 20 and np.all(np.isfinite(last.loss[:-1]))
