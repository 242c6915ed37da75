import numpy as np
import pytest

from livegrad.data import Digits, load_digits, minibatches, split


def test_the_digits_are_the_published_ones():
    digits = load_digits()
    assert digits.images.shape == (1797, 64)
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.unique(digits.images * 16).tolist() == list(range(17))
    first = digits.images[0].reshape(8, 8) * 16  # a zero: a ring around an empty middle
    assert first[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert not first[3:5, 3:5].any()


def test_they_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    original, ours = datasets.load_digits(), load_digits()
    np.testing.assert_array_equal(ours.images * 16, original.data)
    np.testing.assert_array_equal(ours.labels, original.target)


def test_dtype():
    assert load_digits(np.float32).images.dtype == np.float32
    with pytest.raises(ValueError, match="dtype: expected a floating type"):
        load_digits(np.uint8)


def test_split_is_a_partition_and_always_the_same():
    digits = Digits(np.arange(50.0)[:, None], np.arange(50))
    train, test = split(digits, 0.3, seed=4)
    assert (len(train), len(test)) == (35, 15)
    assert sorted([*train.labels, *test.labels]) == list(range(50))
    np.testing.assert_array_equal(train.images[:, 0], train.labels)
    np.testing.assert_array_equal(split(digits, 0.3, seed=4)[0].labels, train.labels)
    assert not np.array_equal(split(digits, 0.3, seed=5)[0].labels, train.labels)


def test_both_parts_hold_every_digit():
    for part in split(load_digits()):
        assert np.bincount(part.labels).min() > 0.07 * len(part)


@pytest.mark.parametrize("share", [0, 1, 1e-6, -0.1])
def test_an_empty_part_is_refused(share):
    with pytest.raises(ValueError, match="test_share: expected"):
        split(load_digits(), share)


def test_an_epoch_of_minibatches_holds_every_index_once_and_the_next_is_in_another_order():
    batches = minibatches(np.random.default_rng(0), np.arange(100, 112), 4)
    first, second = ([next(batches) for _ in range(3)] for _ in range(2))
    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second)) == list(range(100, 112))
    assert not np.array_equal(first, second)
    short = minibatches(np.random.default_rng(0), np.arange(5), 2)
    assert np.unique(np.concatenate([next(short), next(short)])).size == 4  # the fifth is left out


@pytest.mark.parametrize("size", [0, 6])
def test_a_minibatch_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match="size: expected 1 to 5"):
        next(minibatches(np.random.default_rng(0), np.arange(5), size))
