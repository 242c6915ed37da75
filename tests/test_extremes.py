"""Every panel at the ends of its controls, at any setting, under any pull at its picture, and given nonsense.

The ordinary run computes and says a few settings of every panel; `-m slow` draws them all.
"""

import contextlib
import io
import itertools
import json
import logging
import math
import random
import re

import pytest
from driving import factories, stations, strict, undrawn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from livegrad.panels import training
from livegrad.panels.clinic import Form
from livegrad.panels.controls import Choice, Slider, Steps, parse_state
from livegrad.panels.gradients import depth_panel
from livegrad.panels.training import TrainingPanel

every = pytest.mark.parametrize("factory", factories().values(), ids=factories())
MOST = 2_500  # combinations; of a panel that has more, as many at random
BARE = re.compile(r"(?<![\w.=])(?:inf|nan|np\.\w+)(?!\w)")  # a value that got into a sentence as it is


@contextlib.contextmanager
def silence():
    """A warning inside is an error, and so is a word to stderr or to a log."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        with strict(), contextlib.redirect_stderr(said):
            yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert said.getvalue() == ""


def go(panel, values, train=True):
    """Set controls all at once; what the hand sees on the way, at rest, and after a step of training must be sound.

    A combination that means nothing is refused in a sentence, and the picture stays.
    """
    panel._assign(values)
    panel._moved()
    if panel.problem.startswith("change: got ") and "take one back" in panel.problem:  # two prescriptions that contradict
        return
    assert_sound(panel)
    if panel._preview is not None:
        panel._show(light=False)
        assert_sound(panel)
    if train and isinstance(panel, TrainingPanel):
        for result in itertools.islice(panel._run(**panel.values), 1, 2):
            panel._display(result, light=True)
            assert_sound(panel)


def assert_sound(panel):
    """No problem, every word one for readers, and a state that can be pasted again."""
    assert panel.problem == ""
    words = [text.get_text() for text in panel._scene.moving if hasattr(text, "get_text")]
    for said in (panel.readout, *words):
        assert not BARE.search(said), said
    assert panel.readout.strip().endswith((".", "?")) and len(panel.readout) < 700, panel.readout
    for name, value in panel.values.items():
        again = panel.kinds[name].parse(panel.kinds[name].text(value))
        assert again == value if isinstance(value, str) else math.isclose(again, value, rel_tol=1e-5, abs_tol=1e-12)


def assert_drawn(panel):
    """The message to the browser holds no number that JSON does not know, and the picture shows something."""
    frame = panel._picture.frame
    json.dumps(frame, allow_nan=False)
    assert frame["readout"] == panel.readout in frame["alt"]
    assert all(0 <= at <= 1 for grip in frame["grips"] for at in grip)
    assert all(-5 < at < 105 for left, bottom, *_ in frame["words"] for at in (left, bottom))
    assert frame["words"] or Image.open(io.BytesIO(panel._picture.moving)).getchannel("A").getextrema()[1] > 0


def anything(kind):
    """Any value that a state string can give to a control."""
    if isinstance(kind, Form):
        return st.fixed_dictionaries({name: st.sampled_from(words) for name, words in kind.fields.items()}).map(kind.text)
    if isinstance(kind, Slider):
        return st.integers(kind.low, kind.high) if kind.whole else st.floats(kind.low, kind.high).map(lambda v: float(f"{v:.6g}"))
    return st.sampled_from(kind.options)


def settings_of(panel):
    return st.fixed_dictionaries({name: anything(kind) for name, kind in panel.kinds.items()})


def corners(panel):
    """Minimum, default and maximum of each slider with those of all others, and with every word of a choice."""
    every = [stations(kind) for kind in panel.kinds.values()]
    if math.prod(map(len, every)) <= MOST:
        return itertools.product(*every)
    draw = random.Random(0)
    return ([draw.choice(options) for options in every] for _ in range(MOST))


# ---- settings


@every
def test_a_few_settings(factory, monkeypatch):
    """Computed and said; the slow tests draw them, too."""
    monkeypatch.setattr(training, "deque", lambda pieces, maxlen: [next(pieces)])  # the first picture of a run is enough
    with silence(), undrawn():
        panel = factory()
        draw = random.Random(0)
        ends = [stations(kind) for kind in panel.kinds.values()]
        settings = [e[0] for e in ends], [e[-1] for e in ends], *([draw.choice(e) for e in ends] for _ in range(3))
        for values in settings:
            go(panel, dict(zip(panel.kinds, values, strict=True)), train=values is settings[1])


@pytest.mark.parametrize("name, state", [
    ("language.language_panel", "start=identity radius=1 tau=1 threshold=none learning_rate=3"),  # a loss that is finite, a sum that is not
])
def test_settings_that_were_once_too_much(name, state):
    with silence():
        panel = factories()[name]()
        go(panel, parse_state(state, panel.kinds))


@pytest.mark.slow
@every
def test_every_corner(factory):
    with silence():
        panel = factory()
        for values in corners(panel):
            go(panel, dict(zip(panel.kinds, values, strict=True)))
            assert_drawn(panel)


@pytest.mark.slow
@every
def test_any_settings_and_any_pull(factory):
    panel = factory()

    @settings(max_examples=500, suppress_health_check=list(HealthCheck))
    @given(settings_of(panel), st.floats(-0.2, 1.2), st.floats(-0.2, 1.2), st.integers(0, 9))
    def stands(values, x, y, grip):
        with silence():
            go(panel, values)
            assert_drawn(panel)
            if panel.problem == "" and (grips := len(panel._scene.grips())) and panel._drag is not None:
                panel._picture.pointer = {"grip": grip % grips, "x": x, "y": y}
                assert_sound(panel)
                assert_drawn(panel)

    stands()


# ---- nonsense

KINDS = {kind.name: kind for kind in (
    Slider("depth", "Depth", 2, 60, 20), Slider("scale", "Scale", -0.5, 6.0, 0.7, 0.05),
    Choice("activation", "φ", ("tanh", "relu"), "tanh"), Steps("width", "Width", ("1", "10", "100"), "10"),
    Form("net", "Net", {"depth": ("6", "12"), "norm": ("none", "batch")}))}


def pasted():
    """Text that may be near a state: its names and signs, numbers of all kinds, and whatever else is on a keyboard."""
    value = st.one_of(st.floats().map(str), st.integers().map(str), st.text(max_size=20),
                      st.sampled_from(["9" * 5000, "tanh", "norm:batch", "depth:6,,"]))
    word = st.builds("{}={}".format, st.one_of(st.sampled_from([*KINDS]), st.text(max_size=8)), value)
    return st.lists(st.one_of(word, st.text(max_size=30), st.just("x" * 10**5)), max_size=6).map(" ".join)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))  # Hypothesis may have to list the letters of the world first
@given(pasted())
def test_any_text_is_taken_or_refused_in_a_sentence(text):
    try:
        values = parse_state(text, KINDS)
    except ValueError as error:
        assert re.match(r"(state|depth|scale|activation|width|net): got .*, expected ", str(error))
        assert len(str(error)) < 200 and str(error).isprintable()
    else:
        assert 2 <= values.get("depth", 2) <= 60 and -0.5 <= values.get("scale", 0) <= 6.0
        written = " ".join(f"{name}={KINDS[name].text(value)}" for name, value in values.items())
        assert parse_state(written, KINDS).keys() == values.keys()


@every
def test_no_panel_opens_on_nonsense(factory):
    for state in (None, 7, b"depth=3", ["depth=3"], "nonsense", "=", "depth", "\0", "x" * 10**5, "<script>=1"):
        with pytest.raises(ValueError, match="^state: got .*, expected") as caught:
            factory(state)
        assert len(str(caught.value)) < 300


def test_after_nonsense_a_panel_stands_where_it_stood_and_goes_on():
    panel = depth_panel()
    before = panel.state, panel.readout, panel.png()
    for text in ("", "depth", "depth=nan", "depth=5 weight_scale=1e999", "weight_scale=١٢ activation=", "x" * 10**5):
        panel._text.value = text
        assert (panel.state, panel.readout, panel.png()) == before and ("got" in panel.problem) == bool(text)
    panel._text.value = "depth=5"
    assert panel.problem == "" and panel.values["depth"] == 5
