import numpy as np
import pytest

from livegrad.data.planar import PLANAR, draw


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", PLANAR)
def test_the_classes_take_turns_and_the_points_fit_the_picture(name):
    points = draw(name, rng(), 150)
    assert points.x.shape == (150, 2) and np.abs(points.x).max() < 1.6
    assert points.classes == {"moons": 2, "rings": 2, "spirals": 3}[name]
    assert np.array_equal(points.labels, np.arange(150) % points.classes)
    assert np.abs(draw(name, rng(), 150, noise=0).x).max() <= 1.2


@pytest.mark.parametrize("name", PLANAR)
def test_the_seed_decides_the_points(name):
    assert np.array_equal(draw(name, rng(1)).x, draw(name, rng(1)).x)
    assert not np.array_equal(draw(name, rng(1)).x, draw(name, rng(2)).x)


def test_noise_only_shifts_the_points():
    clean, noisy = (draw("moons", rng(), 2000, noise).x for noise in (0, 0.2))
    assert (noisy - clean).std() == pytest.approx(0.2, rel=0.05)


def test_the_ring_lies_around_the_disk():
    points = draw("rings", rng(), 200, noise=0)
    radius = np.hypot(*points.x.T)
    assert radius[points.labels == 0].max() <= 0.45
    np.testing.assert_allclose(radius[points.labels == 1], 1.1)


@pytest.mark.parametrize("name", PLANAR)
def test_no_straight_line_separates_a_class_from_the_others_even_without_noise(name):
    points = draw(name, rng(), 300, noise=0)
    angles = np.linspace(0, np.pi, 721)
    along = points.x @ np.stack([np.cos(angles), np.sin(angles)])
    for k in range(points.classes):
        inside, outside = along[points.labels == k], along[points.labels != k]
        apart = (inside.max(axis=0) < outside.min(axis=0)) | (outside.max(axis=0) < inside.min(axis=0))
        assert not apart.any()


@pytest.mark.parametrize(("change", "message"), [
    ({"name": "stars"}, "name: expected one of moons, rings, spirals"), ({"rng": 3}, "rng: expected a numpy.random.Generator"),
    ({"count": 0}, "count"), ({"noise": -1}, "noise: expected a finite number")])
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        draw(**{"name": "moons", "rng": rng()} | change)
