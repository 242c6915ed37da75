"""Four optimizers in a bowl against what is known in closed form, and the sizes in a deep net against a net by hand."""

import math

import numpy as np
import pytest

from livegrad.experiments.gradients import DeepNet
from livegrad.experiments.warmup import ALPHA, LEFT, OPTIMIZERS, STEEPEST, first_steps, four_paths, layer_sizes
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import MLP
from livegrad.norms import BatchNorm, LayerNorm

KAPPA, RATE, MU, START = 30.0, 0.16, 0.8, np.array([-1.6, 0.8])


@pytest.fixture(scope="module")
def run():
    return four_paths(KAPPA, START, RATE, MU)


def test_gradient_descent_shrinks_each_entry_by_its_own_factor(run):
    factors = 1 - RATE * np.array([STEEPEST / KAPPA, STEEPEST])
    expected = START * factors ** np.arange(101)[:, None]
    np.testing.assert_allclose(run.paths["SGD"], expected, rtol=1e-10, atol=1e-14)


def test_momentum_is_the_power_of_one_matrix(run):
    for entry, curvature in enumerate((STEEPEST / KAPPA, STEEPEST)):
        step = np.array([[1 - RATE * curvature, -RATE * MU], [curvature, MU]])  # of (w, v)
        expected = [(np.linalg.matrix_power(step, t) @ [START[entry], 0])[0] for t in range(101)]
        np.testing.assert_allclose(run.paths["momentum"][:, entry], expected, atol=1e-12)


def test_rmsprop_and_adam_by_their_formulas(run):
    curvature = np.array([STEEPEST / KAPPA, STEEPEST])
    w, s, u, m, q = START.copy(), 0.0, START.copy(), 0.0, 0.0
    for t in range(1, 41):
        g, h = curvature * w, curvature * u
        s = ALPHA * s + (1 - ALPHA) * g**2
        w = w - RATE * g / (np.sqrt(s) + 1e-8)
        m, q = MU * m + (1 - MU) * h, 0.999 * q + 0.001 * h**2
        u = u - RATE * m / (1 - MU**t) / (np.sqrt(q / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(run.paths["RMSProp"][40], w, atol=1e-9)
    np.testing.assert_allclose(run.paths["Adam"][40], u, atol=1e-9)


def test_a_turned_bowl_turns_the_paths_of_two_only(run):
    angle = math.radians(30)
    axes = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = four_paths(KAPPA, START, RATE, MU, turn=30)
    np.testing.assert_allclose(turned.start, axes @ START)
    np.testing.assert_allclose(turned.hessian @ axes[:, 1], STEEPEST * axes[:, 1])
    off = {name: np.abs(turned.paths[name] - run.paths[name] @ axes.T).max() for name in OPTIMIZERS}
    assert off["SGD"] < 1e-12 and off["momentum"] < 1e-12 and off["RMSProp"] > 0.1 and off["Adam"] > 0.1
    quarter = four_paths(KAPPA, START, RATE, MU, turn=90)
    for name in OPTIMIZERS:  # by a quarter turn the entries only change places
        np.testing.assert_allclose(quarter.paths[name][:20], run.paths[name][:20] @ [[0.0, 1.0], [-1.0, 0.0]], atol=1e-6)


def test_two_paths_depend_on_the_condition_and_two_do_not(run):
    flat = four_paths(100 * KAPPA, START, RATE, MU)
    moved = {name: np.abs(flat.paths[name] - run.paths[name])[:40].max() for name in OPTIMIZERS}
    assert moved["SGD"] > 1 and moved["momentum"] > 1 and moved["RMSProp"] < 1e-4 and moved["Adam"] < 1e-4


def test_contours_are_of_equal_loss(run):
    points = run.contours([0.5])[:-1]
    loss = 0.5 * np.sum(points @ run.hessian * points, axis=1)
    np.testing.assert_allclose(loss, 0.5 * STEEPEST * 0.5**2)
    assert np.abs(points).max() == pytest.approx(0.5 * math.sqrt(KAPPA), rel=1e-3)
    np.testing.assert_allclose(run.loss("SGD")[0], 0.5 * START @ run.hessian @ START)
    np.testing.assert_allclose(np.linalg.eigvalsh(run.hessian), [STEEPEST / KAPPA, STEEPEST])


def test_arrival_is_for_good(run):
    for name in OPTIMIZERS:
        share, needed = run.distance(name) / run.distance(name)[0], run.needed(name)
        assert np.all(share[needed:] <= LEFT) and share[needed - 1] > LEFT
    assert four_paths(1e6, START, RATE, MU).needed("SGD") is None and four_paths(KAPPA, [0, 0], RATE, MU).needed("Adam") == 0
    assert four_paths(KAPPA, START, 0.21, 0.0).grows("SGD") and not four_paths(KAPPA, START, 0.19, 0.0).grows("SGD")


def test_what_is_impossible_is_refused():
    for bad in ({"condition": 0.5}, {"start": [1.0]}, {"momentum": 1.0}, {"learning_rate": -1}, {"turn": math.inf}):
        with pytest.raises(ValueError, match="expected"):
            four_paths(**({"condition": KAPPA, "start": START, "learning_rate": RATE, "momentum": MU} | bad))


def test_the_first_steps_are_those_of_the_formulas():
    g = np.array([1.0, 1e-6, 1e-8, 1e-12])
    lengths = first_steps(g, eps=1e-8)
    np.testing.assert_allclose(lengths["Adam"], g / (g + 1e-8))
    np.testing.assert_allclose(lengths["RMSProp"], g / (math.sqrt(1 - ALPHA) * g + 1e-8))
    np.testing.assert_allclose(lengths["SGD"], g)
    np.testing.assert_allclose(lengths["momentum"], g)


@pytest.mark.parametrize("norm, make", [("none", None), ("batch", BatchNorm.create), ("layer", LayerNorm.create)])
def test_the_sizes_are_those_of_a_net_by_hand(norm, make):
    draw = DeepNet(seed=3, width=20, batch=30, max_depth=8, dtype=np.float64)
    sizes = layer_sizes(draw, 6, 1.3, "tanh", norm)
    plain = draw.net(6, 1.3, "tanh")
    net = MLP(plain.weights, plain.biases, "tanh", "linear", [make(20) for _ in range(5)] if make else [])
    images, labels = draw.batch
    trace = net.forward(images)
    gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels))
    np.testing.assert_allclose(sizes.a, [np.sqrt(np.mean(a**2)) for a in trace.a[1:]])
    np.testing.assert_allclose(sizes.dz, [np.linalg.norm(dz) for dz in gradients.dz])
    assert sizes.normed == (norm != "none")
    assert sizes.survival == pytest.approx(np.linalg.norm(gradients.dz[0]) / np.linalg.norm(gradients.dz[-1]))
    with pytest.raises(ValueError, match="norm: expected one of none, batch, layer"):
        layer_sizes(draw, 6, 1.3, "tanh", "group")
