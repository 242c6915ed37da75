"""Every number in the prose of notebook 02, computed again.

A claim is a piece of the notebook's text with its number computed into it. It must stand in the notebook, and every
measured-looking number there must stand in a claim.
"""

import functools

import claims
import notebooks
import numpy as np
import pytest

from livegrad import activations
from livegrad.experiments.gradients import DeepNet, chain, chain_sweep, train
from livegrad.losses import softmax_cross_entropy
from livegrad.mlp import norm

NOTEBOOK = notebooks.lesson("02")
HEALTHY = dict(weight_scale=1.4, activation="relu")
SICK = dict(weight_scale=1.0, activation="sigmoid")


@functools.cache
def scales(depth, weight_scale, activation, dtype=np.float32):
    return DeepNet(0, dtype=dtype).scales(depth, weight_scale, activation)


@functools.cache
def trained(seed=0, weight_scale=1.0, activation="sigmoid"):
    *_, last = train(10, weight_scale, activation, learning_rate=0.1, seed=seed)
    return last


def in_words(fraction, words):
    """The first of the words whose bounds hold the fraction."""
    return next(word for word, (low, high) in words.items() if low <= fraction <= high)


def first_ratios():
    """Update over weight, layer by layer, for the first step of the sick net, as printed by the cell before Predict 4."""
    sick = DeepNet(0, width=50, batch=64, dtype=np.float64)
    net, (images, labels) = sick.net(10, **SICK), sick.batch
    trace = net.forward(images)
    gradients = net.backward(trace, softmax_cross_entropy.gradient(trace.a[-1], labels))
    return [0.1 * norm(dW) / norm(W) for dW, W in zip(gradients.dW, net.weights, strict=True)]


def percent(x):
    return f"{100 * x:.0f} %"


def opening():
    seeds = [trained(s, **SICK).accuracy for s in range(5)]
    return [f"It ends where it began: one digit in {in_words(np.mean(seeds), {'ten': (0.07, 0.13)})} right",
            f"Each step changed its first layer by {trained(0, **SICK).update_ratio[0]:.0e} of its size"]


def the_product():
    sweep, at_six = chain_sweep(3, 1.0, 1.0, 0.0), chain(3, 6.0, 1.0, 0.0)
    best = np.argmax(np.abs(sweep.gradients))
    slopes = [f for name, f in zip(at_six.names, at_six.factors, strict=True) if "σ" in name]
    assert max(slopes) < 0.00255 and activations.get("sigmoid").derivative(0.0) == 0.25
    ratio = chain(3, 1.0, 1.0, 0.0).product[-1] / at_six.product[-1]
    return [f"At weight 6 each slope has dropped to {max(slopes):.4f}, and the product to {at_six.product[-1]:.2e}",
            f"The best weight for three sigmoids is {sweep.weights[best]:.1f}, and even\nthere the gradient is only {abs(sweep.gradients[best]):.2e}",
            f"at weight 1 the product is {chain(6, 1.0, 1.0, 0.0).product[-1]:.2e}",
            f"Go on to weight 3:\nthe product is {chain(6, 3.0, 1.0, 0.0, 'relu').product[-1]:.2e}",
            in_words(ratio, {"shrinks more than a thousand times": (1000, np.inf)})]


def one_number_decides():
    start, vanish, explode = scales(30, 0.7, "tanh"), scales(30, 1.0, "sigmoid"), scales(30, 3.0, "relu")
    right, longer, wide = scales(50, 1.4, "relu"), scales(60, 1.4, "relu"), scales(50, 6.0, "sigmoid")
    assert start.dW.max() / start.dW.min() < 2
    assert scales(50, 1.5, "relu").survival / right.survival > (1.5 / 1.4) ** 49
    assert 0.3 < right.survival < 3 and abs(right.factor - 1) < 0.01
    fewer = DeepNet(0, batch=64)  # that of notebook 00
    np.testing.assert_array_equal(fewer.batch[0], DeepNet(0).batch[0][:64])
    return [f"At the start M is {start.factor:.3f}, and {start.survival:.2e} of the gradient is left",
            f"M is {vanish.factor:.3f}, just under the best slope of ¼, and {vanish.survival:.2e} is left",
            f"M is {explode.factor:.2f}, and the gradient grows {explode.survival:.2e} times",
            f"and {right.survival:.3f} arrives. A little further, at 1.5, it is {scales(50, 1.5, 'relu').survival:.1f}",
            f"M has grown\nby {percent(scales(50, 1.5, 'relu').factor / right.factor - 1)}, and 49 steps make that {(1.5 / 1.4) ** 49:.0f} times",
            f"says M = {longer.factor:.2f}. The dotted line is then {longer.prediction[0] / longer.dz[0]:.0f} times off",
            f"shrinks by more than {in_words(np.log10(start.dz[-1] / start.dz[0]), {'four': (4, 5)})} powers of ten",
            f"At scale 6 and depth 50, {wide.survival:.2e} is left, against {scales(50, 1.0, 'sigmoid').survival:.2e} at scale 1",
            f"(Notebook 00 had {fewer.scales(50, 1.4, 'relu').survival:.3f} at 1.4: the same weights, 64 of these 256 digits.)",
            "ReLU at scale 1.4", "Go back to 1.4", "M is $1.4\\cdot\\sqrt{1/2}$", "$s = 0.7$"]


def what_training_shows():
    sick, healthy = trained(0, **SICK), trained(0, **HEALTHY)
    exploded = trained(0, weight_scale=3.0, activation="relu")
    hurried = [list(train(10, **SICK, learning_rate=1.0, seed=s))[-1] for s in range(5)]
    assert np.all(np.isfinite(sick.loss)) and exploded.overflowed
    assert all(run.accuracy < 0.15 and not run.overflowed for run in hurried)
    assert hurried[0].update_ratio[0] < 1e-6
    faster = [list(train(10, **SICK, learning_rate=rate, seed=0))[-1] for rate in (10, 100, 1000)]
    assert all(run.accuracy < 0.15 and np.median(run.loss[-20:]) > np.log(10) for run in faster)
    assert np.mean(healthy.loss[-10:]) < 0.01 and healthy.update_ratio.max() < 0.001
    bottom, *_, top = first_ratios()
    assert 20_000 < 0.001 / bottom < 25_000 and 100 < 0.001 / bottom * top < 1000
    assert scales(30, 1.0, "sigmoid").difference[9] < 1e-6 < scales(30, 1.0, "sigmoid").difference[8]
    return [f"stays at {np.median(sick.loss[-50:]):.1f}, which is $\\ln 10$",
            f"Each step changes layer 10 by {sick.update_ratio[-1]:.0e} of its size and layer 1 by {sick.update_ratio[0]:.0e}",
            f"from {healthy.loss[0]:.1f} down to less than 0.01, {percent(healthy.accuracy)} of the test digits right",
            f"**Explode** ends after {exploded.taken} steps",
            f"At learning rate 1 (press **Train**) it is {percent(hurried[0].update_ratio[-1])} and {hurried[0].update_ratio[0]:.1e}, not ten times as much",
            "The net is still guessing, and so it is at 10, 100 and 1000",
            f"Steps of {bottom:.0e} of its size are far too short for the first layer. You raise the learning rate until they are 0.001 of it",
            f"here by more than 20,000, and layer 10 had {top:.0e} already", "0.001 of its size, too",
            f"stays near {np.median(scales(30, 1.0, 'sigmoid').difference[12:29]):.0e}",
            "after ten layers all digits are within 1e-06 of each other",
            "At 1e-8 a layer", "about 0.001 at every layer", "Where the 0.001 comes from", "ten layers, ReLU, scale 1.4", f"Loss flat at {np.log(10):.1f} from the first step",
            "below 1e-3 times layer L; `\"exploding\"` if it is above 1e3 times layer L"]


def where_numbers_end():
    single, double = np.finfo(np.float32), np.finfo(np.float64)
    overflow, finite = scales(60, 6.0, "linear"), scales(60, 6.0, "linear", np.float64)
    lost = ~np.isfinite(overflow.a)
    assert 1e46 < finite.dW.min() and finite.dW.max() < 5e46
    *_, learned = train(60, 6.0, "linear", learning_rate=3e-48, seed=0, steps=100, width=100)
    *_, usual = train(60, 6.0, "linear", learning_rate=0.1, seed=0, steps=2, width=100)
    assert usual.taken == 1 and np.isnan(usual.loss[-1])
    assert np.isfinite([finite.a, finite.dz, finite.dW]).all() and not np.isfinite(overflow.dz).any()

    def power(x):
        digits, exponent = f"{x:.1e}".split("e")
        return rf"{digits}\cdot 10^{{{int(exponent)}}}"

    return [f"ends at ${power(single.max)}$, and its smallest positive number is ${power(single.smallest_subnormal)}$",
            f"reaches from ${power(np.nextafter(0, 1))}$ to ${power(double.max)}$",
            f"{lost.sum()} of 60 layers have no finite activation: the signal overflows at layer {np.argmax(lost) + 1}",
            f"in float32 the signal overflows at layer {np.argmax(lost) + 1}",
            f"finite gradient, {finite.survival:.2e} times as large at layer 1 as at layer 60",
            f"∂C/∂W is flat, from {finite.dW.min():.1e} to {finite.dW.max():.1e}", "∂C/∂W lies between 1e+46 and 5e+46 in all 60 layers",
            f"At learning rate 0.1 the loss is `nan` after {in_words(usual.taken, {'one': (1, 1)})} step", "with 0.1: all numbers",
            f"At 3e-48, which float32 rounds to {np.float32(3e-48):.0f}, the net learns: "
            f"about {in_words(learned.accuracy, {'seven': (0.65, 0.78)})} of ten test digits", "1e-8 is an ordinary number", "1e-8 of the weight per step",
            f"in float64 it is {scales(60, 0.05, 'sigmoid', np.float64).survival:.2e} of that at layer 60", "sigmoid at scale 0.05"]


def check_yourself():
    return [f"$0.8^{{19}} \\approx {0.8**19:.3f}$", "$M = 0.8$"]


CLAIMS = [opening, the_product, one_number_decides, what_training_shows, where_numbers_end, check_yourself]

test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


def test_float32_at_scale_005_is_exactly_zero():
    assert scales(60, 0.05, "sigmoid").dz[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("activation, rates", [("tanh", (1e-14, 1e-8, 1e-3, 0.01, 0.1, 1.0)), ("relu", (1e-40, 1e-38, 6e-38, 1e-37))])
def test_sixty_layers_that_are_not_linear_stay_near_guessing_at_every_rate(activation, rates):
    for rate in rates:
        *_, last = train(60, 6.0, activation, learning_rate=rate, seed=0, report=300)
        assert last.accuracy < 0.2, rate
    assert last.overflowed == (activation == "relu")
