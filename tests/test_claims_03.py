"""Every number in the prose of notebook 03, computed again.

A claim is a piece of the notebook's text with its number computed into it. It must stand in the notebook, and every
measured-looking number there must stand in a claim.
"""

import functools
import math

import claims
import notebooks
import numpy as np
import pytest

from livegrad.experiments.eigenvalues import TurningPlanes, hump, power_iteration
from livegrad.experiments.random_weights import RandomProduct, SharedWeights, jacobian_growth
from livegrad.initializers import orthogonal
from livegrad.spectra import eigen, gaussian_lyapunov_exponents, jordan, nonnormal, powers_norm, spectral_norm, spectral_radius

NOTEBOOK = notebooks.lesson("03")


@functools.cache
def turning(spectral_radius, angle=20, rest=0.8):
    return TurningPlanes(0, 20).powers(spectral_radius, angle, rest)


@functools.cache
def iterated(ratio, start=100, dominant="real"):
    return power_iteration(4, ratio, dominant, start, seed=0)


@functools.cache
def humped(kind, size, eigenvalue, off_diagonal):
    return hump(kind, size, eigenvalue, off_diagonal)


@functools.cache
def repeated(size=10, activation="linear", weight_scale=1.0):
    return draws().repeat(size, activation, weight_scale)


@functools.cache
def draws():
    return SharedWeights(0)


@functools.cache
def multiplied(size):
    return RandomProduct(size, 0).spectra(1.0, 100)


def peak(shown):
    return 10 ** shown.norm[shown.peak]


def width(band):
    return f"{band[2, -1] - band[0, -1]:.1f}"


def power(exponent):
    return f"$10^{{{exponent:.1f}}}$"


def between(band):
    return f"between {power(band[0, -1])} and {power(band[2, -1])}"


def opening():
    W = nonnormal(0.9, 50, 2.5 / math.sqrt(50), np.random.default_rng(0))
    assert np.array_equal(W, humped("triangular", 50, 0.9, 2.5).W)
    norms = powers_norm(W, 2000)
    return ["All fifty eigenvalues of a matrix are 0.9",
            f"its 40th power makes some vector {norms[40]:.2e} times as long, its 238th some vector {norms[238]:.2e} times",
            "0.9 on the diagonal, normal random numbers of standard deviation $2.5/\\sqrt{50}$",
            f"not before the {np.flatnonzero(norms >= 1)[-1] + 1}th is every vector shorter"]


def powers_of_eigenvalues():
    modulus = abs(0.95 + 0.6j)
    W = np.array([[0.95, -0.6], [0.6, 0.95]])
    start, explode, below, above = turning(0.95), turning(1.1), turning(0.99), turning(1.01)
    swing = 10 ** (start.norm - start.radius)[50:]
    part = 10 ** (start.applied - start.radius)[30:]
    alike = [np.flatnonzero(abs(turning(0.95, rest=rest).applied - start.applied) > 0.005)[-1] for rest in (0.0, 0.4, 0.9)]
    assert max(alike) < 40 and np.array_equal(turning(0.95, rest=0.0).norm, start.norm)
    ends = [math.floor(math.log(float(np.finfo(kind).max)) / math.log(1.1)) + 1 for kind in (np.float32, np.float64)]
    assert 1 <= swing.min() < 1.1 and 3.9 < swing.max() <= 4 == round(turning(1.0, 90).spectral_norm, 9)
    assert spectral_norm(np.linalg.matrix_power(W, 100)) == pytest.approx(modulus**100)
    return ["0.95 & -0.6\\\\ 0.6 & 0.95", "$0.95 \\pm 0.6i$", "With $r = 0.9$ and $\\theta = 30°$",
            f"the root of 0.95² + 0.6² is {modulus:.3f}, and after 100 steps that makes {modulus**100:.2e}",
            f"At the start $\\rho$ is {start.spectral_radius}. The dashed line $\\rho^t$ falls tenfold "
            f"every {start.tenfold:.1f} steps",
            f"$\\|W^t\\|_2$ to {10 ** start.norm[-1]:.2e} at $t = 200$. **Explode**: at 1.1 it is {10 ** explode.norm[-1]:.2e}",
            f"leaves float32 at $t = {ends[0]}$ and float64 at $t = {ends[1]}$",
            f"is {10 ** below.norm[-1]:.3f} with $\\rho = 0.99$ and {10 ** above.norm[-1]:.1f} with 1.01.",
            f"ends at {part.min():.2f} to {part.max():.2f} of $\\rho^t$",
            f"A change of 2 % has become a factor of {10 ** (above.norm[-1] - below.norm[-1]):.0f}"]


def one_direction():
    start, slow, pair = iterated(0.8), iterated(0.97), iterated(0.8, dominant="pair")
    along = np.degrees(np.arctan2(*start.basis[::-1, 1]))
    assert iterated(0.8, round(along)).share[:, 0].max() == 0
    return [f"$|\\lambda_2/\\lambda_1| = 0.8$: the dominant one has 99 % after {start.won:.0f} steps",
            f"must have 99 %: at {start.predicted:.1f}. It has them from $t = {start.won:.0f}$ on",
            f"at 0.97 it has {100 * slow.share[-1, 0]:.1f} % at the end, and\nthe line says {slow.predicted:.0f}",
            "about 200 steps" if 180 < slow.predicted < 220 else "",
            f"ln 0.8 is {math.log(0.8) / math.log(0.97):.1f} times ln 0.97",
            f"which lies at {along:.0f}°. At {along - 1:.0f}° $x$ holds almost nothing", "Go back to 0.8",
            f"The 99 % come at step {iterated(0.8, round(along) - 1).won:.0f}",
            f"their plane wins, here after {pair.won:.0f} steps"]


def the_way_to_the_end():
    example, half = humped("jordan", 2, 0.9, 5.0), humped("jordan", 2, 0.9, 2.5)
    slower, slowest = humped("jordan", 2, 0.95, 5.0), humped("jordan", 2, 0.99, 5.0)
    wide, halved, less, least = (humped("triangular", 50, 0.9, c) for c in (2.5, 1.25, 0.5, 0.05))
    far = powers_norm(wide.W, 1000, log10=True)
    assert wide.t[wide.peak] == 238 and peak(halved) < 1e-6 * peak(wide)
    block, distinct = humped("jordan", 10, 0.9, 1.0), humped("distinct", 20, 0.9, 2.5)
    assert half.t[half.peak] == example.t[example.peak] == 9 and least.peak == 0 and math.isinf(least.condition)
    assert (block.t[block.peak], distinct.spectral_radius) == (89, 0.9)
    for kind in ("orthogonal", "identity"):
        shown = humped(kind, 20, 1.0, 2.5)
        assert np.allclose(shown.norm, 0, atol=1e-9) and np.allclose(shown.singular_values, 1) and shown.condition < 1 + 1e-9
    parallel = eigen([[0.9, 5.0], [0.0, 0.8]]).V.real
    assert abs(parallel[:, 1] / parallel[0, 1] @ [0, 1]) == pytest.approx(0.1 / 5)  # the eigenvector (5, −gap)
    Q = orthogonal((50, 50), np.random.default_rng(0))
    assert spectral_radius(Q @ jordan(0.9, 50) @ Q.T) > 1.2
    return ["For $\\lambda = 0.9$ that is 9", "Make the eigenvalues 0.9 and 0.9 − gap",
            f"the peak falls from {peak(example):.1f} to {peak(half):.1f}, half as high, and stays at $t = 9$",
            f"Back at 5, the eigenvalue moves it: at 0.95 it is at $t = {slower.t[slower.peak]}$; "
            f"at 0.99, with the view `far`, at $t = {slowest.t[slowest.peak]}$ and {peak(slowest):.0f} high",
            f"The peak of {peak(wide):.2e} becomes", "Back at 2.5: the dents are real", "(0.9 I + N)ᵗ",
            f"At 1.25 the peak is {peak(halved):.2e}: of {peak(wide):.2e} less than a millionth is left. "
            f"At 0.5 it is {peak(less):.0f}.",
            f"only at $t = {wide.settled:.0f}$ is it below 1, and at $t = 1000$ it falls by {far[999] - far[1000]:.3f} powers of ten\na step, the line by {-math.log10(0.9):.3f}",
            f"At 0.05 there is none, because $\\|W\\|_2$ is {least.singular_values[0]:.3f}, below 1",
            f"a block with 1 above the diagonal rises to {peak(block):.2e}", "In `distinct`, size 20, off-diagonal 2.5",
            f"with cond(V) = {distinct.condition:.1e}", f"the peak is {peak(distinct):.2e}",
            "with eigenvalue 0.9 into another orthonormal basis", "above 1.2 in modulus",
            f"$\\varepsilon^{{1/50}} = {1e-16 ** (1 / 50):.2f}$ is no small number"]


def random_weights():
    shown, large = multiplied(100), multiplied(200)
    largest, _, median, _, smallest = shown.product[:, -1]
    floor = np.log10(np.finfo(float).eps) + largest
    assert median < floor and large.product[0, -1] < math.log10(13)
    rng = np.random.default_rng(0)
    above = np.mean([spectral_radius(rng.standard_normal((100, 100)) / 10) > 1 for _ in range(200)])
    theory = 100 * gaussian_lyapunov_exponents(200)[99] / math.log(10)
    return [f"the largest singular value is {10**largest:.2f}, the median {10**median:.2e} and the smallest {10**smallest:.2e}",
            f"at $n = 100$ it is above 1 in {10 * above:.0f} of 10 draws",
            f"here the largest has modulus {abs(shown.values[0]):.2f}", f"(Bai & Yin 1986) | {abs(large.values[0]):.2f} |",
            f"(Geman 1980) | {large.spectral_norm:.2f} |",
            f"$10^{{{theory:.1f}}}$ (Newman 1986) | {10 ** large.product[2, -1]:.2e} |",
            f"{10 ** large.product[0, -1]:.1f} against {10 ** large.product[2, -1]:.2e}",
            "half leave smaller than the rounding of the largest, 2e-16 of it", "the rounding of a float64 product is 1e-16 of its *largest* part",
            "all below 1e-16 of $\\sigma_1$ is rounding",
            "lost to less than 1e-15", "1e-15: nothing is left", "0.01: some is lost"]


def same_or_different():
    mixed, small, large = repeated(), repeated(4), repeated(50)
    linear, tanh, steep = repeated(20, "linear", 1.5), repeated(20, "tanh", 1.5), repeated(20, "tanh", 3.0)
    assert np.all(linear.same[[0, 2], -1] - tanh.same[[0, 2], -1] > 12)
    weak, bare = repeated(20, "tanh", 0.6), repeated(20, "linear", 0.6)
    radii = [spectral_radius(W) for W in draws()._W[0][:, :20, :20] / math.sqrt(20)]
    assert 0.6 * max(radii) < 1 and width(mixed.same).startswith("8.9") and 2 * 1.28 == 2.56
    return ["the middle 8 of 10 draws span 2.56 standard deviations, from −1.28 to +1.28",
            f"to a median of {10 ** mixed.different[1, -1]:.3f}",
            "At 0.6\nevery $\\rho$ here is below 1", f"the band ends {between(weak.same)}, without slopes {between(bare.same)}",
            f"8 of 10 gradients lie {between(mixed.different)}: {width(mixed.different)} powers of ten",
            f"With the same $W$ they lie {between(mixed.same)}: {width(mixed.same)} powers of ten",
            f"$n = 4$: {width(small.same)} powers of ten against {width(small.different)}",
            f"$n = 50$: {width(large.same)} against {width(large.different)}", "a miss of 2 %",
            f"with $n = 20$ and weight scale 1.5. "
            f"With the same $W$ the gradients of the linear nets grow to {between(linear.same)}",
            f"tanh nets with the same $W$ end {between(tanh.same)}",
            f"At weight scale 3 the gradients of the same nets end {between(steep.same)}",
            f"at each step above {power(steep.different[0, -1])}",
            "$n = 100$ and weight scale 0.9", "sixty slopes below 1 outdo 1.5"]


def check_yourself():
    return ["$0.6 \\pm 0.9i$ and $0.5$", f"$\\sqrt{{0.36 + 0.81}} = {abs(0.6 + 0.9j):.2f}$",
            "$\\rho = 0.95$ and $\\|W\\|_2 = 1.8$",
            f"between $0.95^{{50}}$, which is {0.95**50:.3f}, and $1.8^{{50}}$", "At 1 it is 1.8",
            "$\\|W^7\\|_2 = 0.8$", "$\\|W^{7k}\\|_2 \\le 0.8^k \\to 0$"]


def reading():
    return ["(2nd ed., 2013), §1.3, §3.1 and §5.6", "(4th ed., 2013), §7.3", "(2012), §2.3 and §2.8"]


CLAIMS = [opening, powers_of_eigenvalues, one_direction, the_way_to_the_end, random_weights, same_or_different,
          check_yourself, reading]


test_the_notebook_says_what_is_computed, test_no_number_in_the_prose_goes_unclaimed = claims.tests_of(NOTEBOOK, CLAIMS)


@pytest.mark.parametrize("seed", range(5))
def test_the_widths_grow_with_the_root_of_t_and_with_t(seed):
    result = SharedWeights(seed).repeat(10, "linear", 1.0)
    same, different = (result.spread(band)[[15, 60]] for band in (result.same, result.different))
    assert same[1] / same[0] > different[1] / different[0]
    assert same[1] > 2.5 * different[1]


def test_the_logarithm_of_a_step_loses_and_spreads_as_said():
    """E ln(‖z‖/√n) ≈ −1/(2n) and var ≈ 1/(2n) for standard normal z, to leading order."""
    for n in (10, 50):
        logs = np.log(np.linalg.norm(np.random.default_rng(0).standard_normal((100_000, n)), axis=1) / math.sqrt(n))
        assert [-logs.mean(), logs.var()] == pytest.approx([1 / (2 * n)] * 2, rel=2 / n)


@pytest.mark.parametrize("seed", range(5))
def test_one_step_of_another_w_each_time_spreads_as_by_hand(seed):
    spread = np.diff(SharedWeights(seed).repeat(50, "linear", 1.0).different[[0, 2], -1])[0]
    assert spread == pytest.approx(2.56 * math.sqrt(60 / 100) / math.log(10), rel=0.35)


def test_slopes_can_undo_a_cancellation():
    W = np.array([[2.0, -1.0], [4.0, -2.0]])
    assert np.array_equal(W @ W, np.zeros((2, 2)))
    growth = jacobian_growth(W, np.array([1.0, 0.5]), "tanh", 2)
    assert growth[2] > powers_norm(W, 2, log10=True)[2] == -math.inf


@pytest.mark.parametrize("seed", range(5))
def test_the_five_statements_hold(seed):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((6, 6))
    W *= 0.97 / spectral_radius(W)
    t, norms = np.arange(1001), powers_norm(W, 1000)
    assert norms[-1] < 1e-6
    assert np.all(norms >= 0.97**t * (1 - 1e-9))
    assert np.all(norms <= eigen(W).condition * 0.97**t * (1 + 1e-9))
    assert np.all(norms[1:] <= spectral_norm(W) * norms[:-1] * (1 + 1e-9))
    assert norms[-1] ** (1 / 1000) == pytest.approx(0.97, rel=0.01)
