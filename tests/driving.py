"""Drive a panel through the ends of its controls."""

import itertools

from livegrad.panels.controls import Slider


def stations(kind):
    return [kind.low, kind.default, kind.high] if isinstance(kind, Slider) else kind.options


def drive(panel, **only):
    """Set every combination of minimum, default and maximum; yield after each. A control in `only` takes those values alone."""
    for values in itertools.product(*(only.get(name, stations(kind)) for name, kind in panel._kinds.items())):
        panel._assign(dict(zip(panel._kinds, values, strict=True)))
        panel._moved()
        yield values
