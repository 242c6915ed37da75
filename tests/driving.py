"""Drive a panel through the ends of its controls."""

import itertools

from livegrad.panels.controls import Slider


def stations(kind):
    return [kind.low, kind.default, kind.high] if isinstance(kind, Slider) else kind.options


def drive(panel):
    """Set every combination of minimum, default and maximum; yield after each."""
    for values in itertools.product(*map(stations, panel._kinds.values())):
        panel._assign(dict(zip(panel._kinds, values, strict=True)))
        panel._moved()
        yield values
