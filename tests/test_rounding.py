"""The digits of the sigmoid's slope, against arithmetic with fifty of them."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from livegrad.experiments.rounding import FORMS, PRECISIONS, slope_digits
from livegrad.panels.rounding import rounding_panel

getcontext().prec = 50


def exact(z):
    power = (-abs(Decimal(float(z)))).exp()
    return float(power / (1 + power) ** 2)


def first(result, where):
    """The z nearest to 0 at which something holds."""
    return min(np.abs(result.grid[where]))


def test_the_true_slope_is_true():
    result = slope_digits("e^-|z|", "float64", 0)
    np.testing.assert_allclose(result.true, [exact(z) for z in result.grid], rtol=1e-15)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_digits_are_those_of_the_relative_error(form, precision):
    result = slope_digits(form, precision, 0)
    most = {"float32": 6.93, "float64": 15.66}[precision]
    for z, computed, digits in zip(result.grid, result.computed, result.digits, strict=True):
        off = abs(computed / exact(z) - 1)
        if math.isnan(off) or off >= 1:
            assert digits == 0
        elif off > 1e-14:  # below, the last bit of the true slope counts
            assert digits == pytest.approx(min(-math.log10(off), most), abs=0.02)
    near = np.abs(result.grid) < 3
    assert result.digits[near].min() > most - 2


@pytest.mark.parametrize("precision, gone", [("float32", 24 * math.log(2)), ("float64", 53 * math.log(2))])
def test_one_minus_a_is_gone_where_a_rounds_to_one(precision, gone):
    result = slope_digits("a(1-a)", precision, 0)
    zero = (result.computed == 0) & (result.grid > 0)
    assert gone < first(result, zero) < gone + 0.5 and zero.sum() == (result.grid >= first(result, zero)).sum()


def test_where_the_other_forms_overflow_and_end():
    short = slope_digits("e^-z", "float32", 0)
    assert np.isnan(short.computed).any() and first(short, np.isnan(short.computed)) == 89
    assert first(short, (short.computed == 0) & (short.grid < 0)) == 44.5
    stable = slope_digits("e^-|z|", "float32", 0)
    assert np.isfinite(stable.computed).all() and first(stable, stable.computed == 0) == 104
    assert slope_digits("e^-|z|", "float64", 0).digits.min() > 15.6


def test_z_goes_to_the_grid():
    result = slope_digits("a(1-a)", "float64", 12.7)
    assert result.z == 12.5 == result.grid[result.here]


@pytest.mark.parametrize("wrong", [{"form": "a"}, {"precision": "float16"}, {"z": "far"}, {"step": 0}])
def test_bad_input_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        slope_digits(**{"form": "a(1-a)", "precision": "float64", "z": 0, **wrong})


@pytest.mark.parametrize("preset, words", [("Rounded away", "gives 0 at z = 40"), ("Overflow", "gives not a number at z = -89"),
                                           ("Stable", "gives 4.25e-18 at z = 40. The slope is 4.25e-18, so that 16")])
def test_presets_show_what_they_are_called(preset, words):
    panel = rounding_panel("form=e^-z precision=float32 z=3")
    (press,) = [child for child in panel.widget.children[1].children if getattr(child, "description", "") == preset]
    press.click()
    assert words in panel.readout


@pytest.mark.parametrize("grip", [0, 1])
def test_the_point_can_be_dragged_on_both_sides(grip):
    panel = rounding_panel()
    x, y = panel._picture.frame["grips"][grip]
    panel._picture.pointer = {"grip": grip, "x": x - 0.1, "y": y}
    assert panel.result.z < 0 and panel.problem == ""
