"""Every number in the prose of notebook 04, computed again.

A claim is a piece of the notebook's text with its number computed into it. It must stand in the notebook, and every
measured-looking number there must stand in a claim.
"""

import functools
import math
from functools import partial

import claims
import notebooks
import numpy as np
import pytest
from driving import undrawn

from livegrad import initializers
from livegrad.activations import normal_mean
from livegrad.experiments.deep_linear import load_learning_times, two_layer_modes
from livegrad.experiments.gradients import DeepNet
from livegrad.experiments.initialization import layer_variances
from livegrad.experiments.initialization_cards import he_30_layers
from livegrad.experiments.phases import load_trainability, phase_point
from livegrad.experiments.symmetry import ring_points, symmetry
from livegrad.experiments.uniform import SATURATED
from livegrad.figures.scene import percent, plain
from livegrad.meanfield import MeanField
from livegrad.mlp import MLP, rms
from livegrad.panels.initialization import kaiming_panel, layers_panel, phase_panel, symmetry_panel, variance_panel

NOTEBOOK = notebooks.lesson("04")


@functools.cache
def seen(panel, **values):
    """What a panel shows with its controls set so, and the others as they are at first."""
    with undrawn():
        return panel(" ".join(f"{name}={value}" for name, value in values.items())).result


def tied(constant, noise, activation="tanh"):
    return seen(symmetry_panel, constant=constant, noise=noise, activation=activation)


def spread(init, activation, gain=1.0):
    return seen(layers_panel, init=init, activation=activation, gain=gain)


def opening():  # that Xavier's own weights go on guessing is in test_experiments_initialization
    learning = he_30_layers(partial(initializers.xavier_normal, gain=math.sqrt(2)))
    assert all(0.4 < a < 0.65 for a in learning.accuracy)  # "about half"
    return [f"Multiply those weights by {math.sqrt(2):.2f}", f"You will derive that {math.sqrt(2):.2f}"]


def equal_weights():
    constant, zero, random = tied(0.5, "0"), tied(0.0, "0"), tied(0.0, "1")
    assert constant.gap == pytest.approx(0, abs=1e-12) and constant.moved["W1"] > 0.01
    assert [name for name, moved in zero.moved.items() if moved > 1e-12] == ["b2"]
    others = [list(symmetry(6, "tanh", 0.5, 0.001, seed=seed))[-1].accuracy for seed in range(6)]
    sigmoid = tied(0.0, "0", "sigmoid")
    assert sigmoid.gap < 1e-12 and min(sigmoid.moved.values()) > 1e-4
    shares = np.bincount(ring_points()[0].labels) / len(ring_points()[0].labels)
    assert max(shares) == pytest.approx(constant.accuracy)
    return ["whose weights, in and out, all start at 0.5 is one unit, written down six times",
            "At the start all weights are 0.5", f"{percent(constant.accuracy)} right is the share of the ring",
            f"**Random**: {percent(random.accuracy)} right",
            f"add noise of 1e-06. After 600 steps the units differ by {plain(tied(0.5, '1e-06').gap)}",
            f"With 0.001 it is {percent(tied(0.5, '0.001').accuracy)} right ({percent(min(others))} to {percent(max(others))} "
            f"with other seeds), with 0.1 it is {percent(tied(0.5, '0.1').accuracy)}",
            f"at 0 with noise 0.1 it is {percent(tied(0.0, '0.1').accuracy)} again"]


def one_rule():
    cut = initializers.truncated_normal((600, 500), np.random.default_rng(0))
    uncut_std = np.abs(cut).max() / 2  # the cut is at two standard deviations
    at_2 = MLP.create([100] * 2, np.random.default_rng(0), lambda shape, rng: rng.standard_normal(shape), output="relu")
    x = np.random.default_rng(1).standard_normal((64, 100))
    per_layer = rms(at_2.forward(x).a[-1]) / rms(x)
    assert per_layer == pytest.approx(math.sqrt(50), rel=0.1)
    layers = math.log(np.finfo(np.float32).max) / math.log(math.sqrt(50))
    assert round(layers) == 45
    relu_keeps = 1 / math.sqrt(normal_mean(lambda z: np.maximum(z, 0) ** 2))
    return [f"*saturated*, below {percent(SATURATED)} of the steepest",
            f"only {cut.std() / uncut_std:.2f} of\nit is left", f"$g = \\sqrt2 = {relu_keeps:.2f}$",
            f"$\\sqrt{{50}} = {math.sqrt(50):.2f}$ times per layer", "§4.6. The variance rule", "§2.2. The missing"]


def widths_in_turn():
    x, last = np.random.default_rng(2).standard_normal((200, 256)), {}
    for mode in ("fan_in", "fan_out"):
        rule = partial(initializers.kaiming_normal, mode=mode)
        last[mode] = [rms(MLP.create([256] + [16, 256] * 10, np.random.default_rng(seed), rule, output="relu").forward(x).a[-1])
                      for seed in range(1, 6)]
    np.testing.assert_allclose(last["fan_in"], last["fan_out"])  # "the same twice"
    assert np.ptp(last["fan_in"]) > 0.3  # "chance"
    return [f"(The {last['fan_in'][0]:.2f} is chance"]


def by_pytorch():
    relu, default = seen(kaiming_panel), seen(kaiming_panel, nonlinearity="leaky_relu", a=2.23607)
    tanh, wide = seen(kaiming_panel, nonlinearity="tanh"), seen(kaiming_panel, fan_out=300, mode="fan_out")

    def change(steps, net):
        return plain(steps.sizes[net][-1] / steps.sizes[net][0])

    np.testing.assert_allclose(tanh.sizes["tanh"][3:], 1.1, atol=0.03)
    tenth = default.sizes["relu"][0], default.sizes["relu"][-1]
    assert round(tenth[1], 4) == 0.0002
    assert seen(kaiming_panel, fan_out=300).std == relu.std
    assert seen(kaiming_panel, nonlinearity="relu", a=1).gain == relu.gain  # the slope counts with leaky_relu only
    assert 1 < wide.sizes["relu"][-1] / wide.sizes["relu"][0] / math.sqrt(3) < 1.1
    return [f"gain {relu.gain:.3g} becomes std {relu.std:.3g} and bound {relu.bound:.3g}",
            f"layer 10 has {change(relu, 'relu')} times that of layer 1",
            f"gain {default.gain:.3g}, std {default.std:.3g}, bound {default.bound:.3g}, which is $1/\\sqrt{{100}}$",
            f"multiplies $z$ by {change(default, 'relu')} on the way", f"nine factors of $1/\\sqrt6$ make {6**-4.5:.1e}",
            f"In a tanh net it is {change(default, 'tanh')}", f"too much for ReLU, {change(tanh, 'relu')} times by layer 10, and tanh settles at 1.1",
            f"it drops to {wide.std:.3g}, and yet layer 10 has {change(wide, 'relu')} times the size",
            f"In layer 1, $z$ has size {tenth[0]:.2f}", '"about 0.3", "about 0.01", "about 0.0002"',
            f"a factor of 1/√6 = {6**-0.5:.2f} per layer"]


def biases_hide_the_loss():
    x = np.random.default_rng(1).standard_normal((200, 100))
    net = MLP.create([100] * 11, np.random.default_rng(0), partial(initializers.kaiming_uniform, a=5**0.5), output="relu")
    sizes = []
    for bias in (0, 0.1):
        for b, rng in zip(net.biases, np.random.default_rng(2).spawn(10), strict=True):
            b[:] = rng.uniform(-bias, bias, 100)
        a = net.forward(x).a[-1]
        sizes.append((rms(a), rms(a - a.mean(axis=0))))
    assert round(sizes[1][0] / sizes[0][0], -2) == 500 and sizes[1][1] < 2 * sizes[0][1]
    return ["five hundred times larger"]


def three_sizes():
    xavier, default = spread("xavier_normal", "tanh"), spread("pytorch_default", "tanh")
    louder, opening_net = spread("pytorch_default", "tanh", 1.75), spread("xavier_normal", "relu")
    he, large = spread("kaiming_normal", "relu"), spread("large_normal", "tanh")
    dz, dW = (lambda s: plain(s.way_back[0])), (lambda s: plain(s.way_back[1]))
    assert spread("xavier_normal", "tanh").update_ratio[1] > 1e-4
    assert 0.81 < large.flat[-2] < 0.87 and 3e9 < min(large.way_back) <= max(large.way_back) < 9e9  # rounding is amplified, too
    assert DeepNet(0, dtype=np.float64).scales(20, 3**-0.5, "tanh").difference[18] < 1e-4  # "no digit reaches the top"
    return [f"$\\partial C/\\partial Z$ is multiplied by {dz(xavier)} and $\\partial C/\\partial W$ by {dW(xavier)}",
            f"changes the weights of layer 2 by {plain(xavier.update_ratio[1])} of their size",
            f"$\\partial C/\\partial W$ is multiplied by {dW(default)}, as flat as before. But "
            f"$\\partial C/\\partial Z$ by {dz(default)}",
            f"a step changes layer 2 by {plain(default.update_ratio[1])} of its size",
            f"nearly Xavier, and {dz(louder)} is left", "Set **Weights times** to 1.75",
            f"`relu` with `xavier_normal`: {dz(opening_net)}",
            f"**He ReLU**: {dz(he)}",
            "much too small for a learning rate of 0.1"]


def does_it_settle():
    xavier, deeper, quiet = seen(variance_panel), seen(variance_panel, depth=100), seen(variance_panel, depth=100, gain=0.9)
    he, deep_he, up, down = (seen(variance_panel, activation="relu", depth=depth, gain=gain)
                             for depth, gain in [(50, 1.41421), (100, 1.41421), (100, 1.5), (100, 1.3)])
    assert 0.45 < deeper.predicted[-1] / xavier.predicted[-1] < 0.55  # "halves"
    ends = [MeanField(5 / 3).fixed_point(start) for start in (1e-3, 1.0, 10.0)]
    assert np.ptp(ends) < 1e-6
    q = layer_variances(200, 512, "tanh", init="xavier_normal")
    assert np.all(np.abs(q[[4, 9, 49]] * 2 * np.array([5, 10, 50]) - 1) < 0.1)
    assert np.all(np.abs(q[[99, 199]] * 2 * np.array([100, 200]) - 1) < 0.35)
    last = [q[199], *(layer_variances(200, 512, "tanh", init="xavier_normal", seed=seed)[199] for seed in range(1, 5))]
    twice = MeanField(1.0).variance(1e-3)
    assert 1 / twice - 1e3 == pytest.approx(2, rel=0.01)  # every layer adds 2 to 1/q
    with undrawn():
        units = variance_panel().controls["width"].value
    return [f"In layer 50 the map says {plain(xavier.predicted[-1])}; "
            f"set the depth to 100, and it says {plain(deeper.predicted[-1])}",
            f"At gain 0.9 the curve stays below, by a factor of {0.9**2:.2f} for small $q$, and the size is lost, down to a "
            f"thousandth, at layer {quiet.lost}",
            f"the curve crosses the diagonal at {plain(ends[0])}",
            f"{plain(he.measured[-1])} in layer 50 and {plain(deep_he.measured[-1])} in layer 100",
            f"at gain 1.5, the size is lost upward at layer {up.lost}; at 1.3 downward, at layer {down.lost}",
            f"The net of {units} units has {plain(deeper.measured[-1])} there",
            f"seeds 0 to 4 have from {min(last):.4f} to {max(last):.4f} in layer 200"]


def the_edge_of_chaos():
    ordered, edge, chaotic = (seen(phase_panel, weight_variance=v) for v in (1.2, 1.76, 3.0))
    pytorch = seen(phase_panel, weight_variance=2.78, bias_variance=0.0)
    assert (ordered.phase, edge.phase, chaotic.phase) == ("ordered", "edge", "chaotic")
    assert abs(phase_point(25 / 9, 0.0, start=0.9, layers=50).path[-1]) < 0.05 and pytorch.fixed_correlation < 1e-9
    assert phase_point(1.0, 0.0).phase == "edge" and phase_point(1.0, 0.0).q == 0
    sweep = load_trainability()
    learned = dict(zip(sweep.weight_variances.tolist(), sweep.deepest.tolist(), strict=True))
    assert sweep.settings["steps"] == 300 and sweep.settings["width"] == 100 and sweep.settings["seeds"] == 5
    return [f"e times nearer every {plain(ordered.depth_scale)} layers",
            f"two inputs of correlation 0.95 end at {chaotic.fixed_correlation:.3f}",
            f"e times takes {plain(edge.depth_scale)} layers", f"$g^2 = {(5 / 3) ** 2:.2f}$, which is $(5/3)^2$",
            f"$\\chi_1$ is {pytorch.chi:.3f} and $c^*$ is 0", f"χ₁ is {pytorch.chi:.2f}:",
            f"At $g^2 = 1.2$ and $\\sigma_b^2 = 0.05$, below, it is {ordered.chi:.3f}, "
            f"and $\\xi = -1/\\ln {ordered.chi:.3f} = {-1 / math.log(ordered.chi):.2f}$",
            "Two inputs of correlation 0.9 go in",
            "Without biases the edge is at $g^2 = 1$", f"Back at $\\sigma_b^2 = {sweep.settings['bias_variance']}$",
            f"with $g^2 = 1$ up to {learned[1.0]} layers, with 1.75 up to "
            f"{learned[1.75]}, with 4 up to {learned[4.0]}"]


def every_direction():
    linear, tanh = spread("orthogonal", "linear"), spread("orthogonal", "tanh")
    identity, lsuv, xavier = spread("identity", "relu"), spread("lsuv", "sigmoid"), spread("xavier_normal", "sigmoid")
    np.testing.assert_allclose([*linear.way_back, identity.way_back[0]], 1, rtol=1e-3)
    images, _ = DeepNet(0, dtype=np.float64).batch
    net = MLP.create([64, *[100] * 29, 10], np.random.default_rng(0), init="orthogonal", activation="sigmoid")
    z = initializers.lsuv(net, images).forward(images).z[28]
    assert z.std() == pytest.approx(1)
    assert lsuv.flat[-2] < 0.005 and lsuv.way_back[0] < 1e-9
    np.testing.assert_allclose(xavier.a[0], xavier.a[-2], rtol=0.1)
    return [f"With `tanh` it is {plain(tanh.way_back[0])}, "
            f"hardly more than the {plain(spread('xavier_normal', 'tanh').way_back[0])} of Xavier",
            f"the {percent(identity.flat[-2])} that are flat",
            f"activations of {plain(lsuv.a[0])} in layer 1 and {plain(lsuv.a[-2])} in layer 29",
            f"$\\partial C/\\partial Z$ is multiplied by {plain(lsuv.way_back[0])}",
            f"What they *differ* by in layer 29 is {rms(z - z.mean(axis=0)):.1e}",
            f"With `xavier_normal` it is {plain(xavier.way_back[0])}",
            f"LSUV errs on the other side: {plain(spread('lsuv', 'tanh').way_back[0])}"]


def the_papers():
    modes, times = two_layer_modes(), load_learning_times()
    assert np.abs(modes.measured - modes.predicted).max() < 0.005 * modes.singular_values.max()
    medians = {name: np.median(steps, axis=1) for name, steps in times.steps.items()}
    assert np.ptp(medians["orthogonal"]) < 15 and medians["normal"][-1] > 10 * medians["normal"][0]
    return ["mean singular value around 0.5, against around 0.8", "learning rate 0.01"]


def check_yourself():
    return ["A net of leaky ReLU, slope 0.2",
            f"$0.1\\cdot\\sqrt{{200}} = {0.1 * math.sqrt(200):.2f}$", f"$b = \\sqrt{{3/300}} = {math.sqrt(3 / 300):.1f}$"]


CLAIMS = [opening, equal_weights, one_rule, widths_in_turn, by_pytorch, biases_hide_the_loss, three_sizes, does_it_settle,
          the_edge_of_chaos, every_direction, the_papers, check_yourself]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)
