"""The framework that grades exercises: what it says, and that nothing a student writes gets past it."""

from __future__ import annotations

import _thread
import functools
import math
import sys
import threading
import time
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegrad.checks.grading import PRINT_LIMIT, Exercise, Verdict


def scaled(x, w):
    return x @ w / len(x)


check_scaled = Exercise(
    scaled,
    "(N,n),(n,k)->(N,k)",
    cases=lambda rng: [
        (rng.normal(size=(N, n)).round(1), rng.normal(size=(n, k)).round(1))
        for N, n, k in [(2, 3, 4), (4, 3, 2), (3, 3, 3)]
    ],
    wrong={"The transpose of w was used.": lambda x, w: x @ w.T / len(x)},
    stretch={"It fails for 1e20.": (np.full((1, 1), 1e20), np.full((1, 1), 1e-20))},
)


def answer():
    return 75


check_answer = Exercise(answer, "->()", wrong={"That is for the other one.": lambda: 12})


def word(x):
    return "up" if x[0] < x[-1] else "down"


check_word = Exercise(word, "(L)->()", cases=lambda rng: [(np.array(x),) for x in ([1, 2], [2, 1, 0])])


def says(verdict: Verdict, status: str, phrase: str) -> None:
    assert verdict.status == status, verdict
    assert phrase in verdict.message, verdict
    assert len(verdict.message) < 700 and verdict.message.isprintable()


# What passes --------------------------------------------------------------------------------------


class Callable:
    def __call__(self, x, w):
        return x @ w / len(x)


def prints_and_warns(x, w):
    print("looking at", x)
    print("and", w, file=sys.stderr)
    warnings.warn("careful", stacklevel=1)
    np.exp(np.full(3, 1e4))
    return scaled(x, w)


RIGHT = {
    "lambda": lambda x, w: x @ w / len(x),
    "other names": lambda batch, weights: batch @ weights / len(batch),
    "lists": lambda x, w: [[sum(a * b for a, b in zip(r, c)) / len(x) for c in w.T] for r in x],
    "tuple of arrays": lambda x, w: tuple(x @ w / len(x)),
    "fractions": lambda x, w: [[Fraction(v) for v in r] for r in (x @ w / len(x)).tolist()],
    "float32": lambda x, w: (x.astype("f4") @ w.astype("f4") / np.float32(len(x))),
    "complex, with nothing imaginary": lambda x, w: scaled(x, w) + 0j,
    "matrix": lambda x, w: np.asmatrix(x) @ np.asmatrix(w) / len(x),
    "masked array": lambda x, w: np.ma.masked_array(x @ w / len(x)),
    "default argument": lambda x, w, scale=1.0: scale * x @ w / len(x),
    "any arguments": lambda *args: scaled(*args),
    "partial": functools.partial(lambda s, x, w: s * x @ w / len(x), 1.0),
    "callable object": Callable(),
    "einsum": lambda x, w: np.einsum("mn,nk->mk", x, w) / len(x),
    "noisy": prints_and_warns,
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_in_any_style(name, capfd):
    assert check_scaled(RIGHT[name]) == Verdict("passed", "Passed: scaled is right on all 3 inputs.")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("scale", [1.0, 1e-310, 1e308, np.inf])
def test_no_warning_reaches_the_notebook(scale):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        check_scaled(lambda x, w: scale * prints_and_warns(x, w))
    assert not seen


def test_builtins_and_ufuncs_can_be_answers():
    total = Exercise(math.fsum, "(N)->()", cases=lambda rng: [(rng.normal(size=N),) for N in (2, 3)])
    for right in (sum, np.sum, np.add.reduce, math.fsum):
        assert total(right).status == "passed"
    assert total(max).status == "failed"
    says(total(print), "failed", "prints but returns nothing")


@pytest.mark.parametrize("right", [75, 75.0, np.int64(75), np.float32(75), np.array(75), Fraction(75)])
def test_a_number_may_come_in_any_numeric_type(right):
    assert check_answer(right) == Verdict("passed", "Passed: 75 is right.")


def test_a_stretch_input_adds_a_remark_and_still_passes():
    says(check_scaled(lambda x, w: np.where(x.max() > 1e19, np.nan, x @ w / len(x))), "passed", "It fails")
    says(check_scaled(lambda x, w: x @ w / len(x) if x.max() < 1e19 else 1 / 0), "passed", "It fails")


# What is not there yet ----------------------------------------------------------------------------


def stub(x, w): ...


def gives_ellipsis(x, w):
    return ...


def not_implemented(x, w):
    raise NotImplementedError("todo")


@pytest.mark.parametrize("empty", [..., None, stub, gives_ellipsis, not_implemented],
                         ids=lambda empty: getattr(empty, "__name__", str(empty)))  # no addresses: two workers see the same names
def test_not_attempted_is_said_and_not_raised(empty):
    assert check_scaled(empty).status == "not attempted"
    assert repr(check_scaled(empty)) == "Not attempted yet: scaled is still to be written."


def test_a_number_not_attempted():
    assert check_answer(...) == Verdict("not attempted", "Not attempted yet: answer is still to be found.")


def test_returning_nothing_on_some_inputs_is_a_failure():
    verdict = check_word(lambda x: "up" if x[0] < x[-1] else None)
    says(verdict, "failed", "On x = [2, 1, 0], word returns nothing")


# What is told about a wrong answer ----------------------------------------------------------------

TOLD = {
    "transposed": (lambda x, w: scaled(x, w).T,
        "shape (4, 2), expected (N, k) = (2, 4): that is the transpose"),
    "an axis gone": (lambda x, w: scaled(x, w).sum(0),
        "shape (4,), expected (N, k) = (2, 4): the axis of size N is gone"),
    "scalar": (lambda x, w: 0.5, "scaled returns the same for every input"),
    "a number": (lambda x, w: x.sum(), "a single number, expected (N, k) = (2, 4)"),
    "an axis too many": (lambda x, w: scaled(x, w)[None], "shape (1, 2, 4), expected"),
    "sign": (lambda x, w: -scaled(x, w), "Every entry has the right size and the wrong sign."),
    "mean missing": (lambda x, w: x @ w,
        "4 times too large where N = 4: is the mean over the N examples missing?"),
    "mean twice": (lambda x, w: scaled(x, w) / len(x),
        "4 times too small where N = 4: is it divided by N once too often?"),
    "sign and mean": (lambda x, w: -x @ w,
        "Every entry has the wrong sign and is 4 times too large where N = 4"),
    "other size": (lambda x, w: scaled(x, w) * w.shape[1], "4 times too large where k = 4"),
    "constant": (lambda x, w: 2.5 * scaled(x, w), "Every entry is 2.5 times too large, on every input."),
    "small constant": (lambda x, w: scaled(x, w) / 2, "Every entry is 2 times too small"),
    "varying factor": (lambda x, w: x.max() * scaled(x, w), "On x = [["),
    "one entry": (lambda x, w: scaled(x, w) + np.eye(len(x), w.shape[1]), "at [0, 0], expected"),
    "one entry counted": (lambda x, w: scaled(x, w) + np.eye(len(x), w.shape[1]), "(2 of 8 entries wrong)"),
    "nearly": (lambda x, w: scaled(x, w) + 2e-5 * w[0], "returns -0.380006 at [0, 0], expected -0.38 "),
    "nan": (lambda x, w: scaled(x, w) * np.nan, "returns nan at [0, 0]"),
    "inf": (lambda x, w: scaled(x, w) / 0, "inf at [0, 0]"),
    "input shown": (lambda x, w: scaled(x, w) + 1, "x = [[0.2, -0.5, -0.4], [-2.4, 1.8, 1.1]], w = [["),
    "later input": (lambda x, w: scaled(x, w) + (len(x) == 4), "On x = [[0.1, -0.9, 0.8], [0.2,"),
    "foreseen": (lambda x, w: x @ w.T / len(x), "The transpose of w was used."),
    "foreseen also tells the error": (lambda x, w: x @ w.T / len(x), "ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_is_wrong_is_told(name):
    wrong, phrase = TOLD[name]
    says(check_scaled(wrong), "failed", phrase)


def test_failing_like_a_mistake_is_not_enough_for_its_hint():
    def always_raises(x, w):
        return w.missing

    check = Exercise(scaled, check_scaled.shapes, check_scaled.cases, {"Not told.": lambda x, w: x.missing})
    says(check(always_raises), "failed", "AttributeError")
    assert "Not told." not in check(always_raises).message


def test_zero_answers_have_no_factor():
    says(check_scaled(lambda x, w: np.zeros((len(x), w.shape[1]))), "failed", "returns 0 at [0, 0], expected")


@pytest.mark.parametrize(
    "wrong, phrase",
    [
        (74, "74 is not the number"),
        (12, "That is for the other one."),
        (75.01, "75.01 is not the number"),
        (np.nan, "nan is not the number"),
        (10**400, "expected real numbers"),
        ("75", "The answer is '75', expected a number"),
        (True, "The answer is True or False"),
        ([75], "shape (1,), expected a single number"),
        (75j, "complex numbers"),
        (lambda: 75, "a function"),
        ({75}, "something of type set"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_wrong_number_is_refused_without_the_right_one(wrong, phrase):
    says(check_answer(wrong), "failed", phrase)
    assert "expected 75" not in check_answer(wrong).message


def test_wrong_words():
    says(check_word(lambda x: "Up"), "failed", "word returns the same for every input")
    capitals = check_word(lambda x: "UP" if x[0] < x[-1] else "DOWN")
    says(capitals, "failed", "On x = [1, 2], word returns 'UP', expected 'up': mind the capital letters.")
    says(check_word(lambda x: x[0] - x[-1]), "failed", "returns -1, expected 'up'")
    says(check_word(lambda x: 1 / x), "failed", "returns an array of shape (2,), expected 'up'")
    says(check_scaled(lambda x, w: "up" * len(x)), "failed", "returns 'upup', expected a number")


# Hostile code -------------------------------------------------------------------------------------


class Exit(BaseException):
    """Slips through `except Exception`."""


class Unshown:
    def __repr__(self):
        raise RuntimeError("no repr")


class Mute(Exception):
    def __str__(self):
        raise SystemExit


class Odd:
    def __array__(self, *args, **kwargs):
        raise ValueError("no array today")



class Trap:
    """A callable whose every attribute ends the program."""

    def __call__(self, x, w):
        return self

    def __getattr__(self, name):
        raise SystemExit(name)


def deep(x, w):
    return deep(x, w)


def raises(error):
    def function(x, w):
        raise error

    return function


def bomb(x, w):
    entries = [0.0] * 10
    for _ in range(60):
        entries = [entries, entries]
    return entries


def ouroboros(x, w):
    entries = []
    entries.append(entries)
    return entries


def helper(x):
    return x.reshape(7, 7)


def calls_helper(x, w):
    return helper(x)


def singular(x, w):
    return np.linalg.inv(np.zeros((2, 2)))


async def coroutine(x, w):
    return scaled(x, w)


def generator(x, w):
    yield scaled(x, w)


def prints_forever(x, w):
    while True:
        print("still here")


def prints_forever_and_hides_it(x, w):
    try:
        prints_forever(x, w)
    except BaseException:
        return scaled(x, w)


def changes_input(x, w):
    result = scaled(x, w)
    x -= 1
    return result


def changes_shape(x, w):
    result = scaled(x, w)
    w.shape = (-1,)
    return result


def changes_both_and_is_wrong(x, w):
    w *= 0
    return scaled(x, x[:, :1] * 0 + 1) if len(x) == x.shape[1] else x


counter = iter(range(10**6))
factor = np.array(3.0)

HOSTILE = {
    "exception": (lambda x, w: x @ w / 0 if x.missing else 0,
        "AttributeError: 'numpy.ndarray' object has no attribute"),
    "line": (calls_helper, "reshape array of size 6 into shape (7,7) (line %d: return x.reshape(7, 7))"),
    "line above NumPy's": (singular, ": return np.linalg.inv(np.zeros((2, 2))))"),
    "input of it": (lambda x, w: x.reshape(7, 7), "It was given x = [["),
    "no message": (raises(ValueError), "stopped with ValueError (line"),
    "long message": (raises(ValueError("x" * 10**6)), "x…"),
    "odd message": (raises(ValueError("\x1b[31mred\n\ud800 alert")), "ValueError: [31mred alert (line"),
    "mute": (raises(Mute()), "stopped with Mute (line"),
    "exit": (lambda x, w: sys.exit(3), "stopped with SystemExit: 3"),
    "base exception": (raises(Exit("out")), "stopped with Exit: out"),
    "generator exit": (raises(GeneratorExit()), "stopped with GeneratorExit"),
    "recursion": (deep, "stopped with RecursionError"),
    "memory": (lambda x, w: np.ones((10**7, 10**7)), "Memory"),
    "floating point": (lambda x, w: (np.seterr(all="raise"), x / 0)[1], "FloatingPointError"),
    "warnings as errors": (lambda x, w: (warnings.simplefilter("error"), warnings.warn("no"))[1],
        "UserWarning: no"),
    "huge array": (lambda x, w: np.broadcast_to(1.0, (10**9, 10**9)),
        "an array of shape (1000000000, 1000000000), more"),
    "huge list": (lambda x, w: [0.0] * 10**6, "more than 100,000 entries"),
    "huge range inside": (lambda x, w: [range(10**12)], "more than 100,000 entries"),
    "range": (lambda x, w: range(10**12), "something of type range"),
    "list bomb": (bomb, "more than 100,000 entries"),
    "list in itself": (ouroboros, "more than 100,000 entries"),
    "huge string": (lambda x, w: str(len(x)) + "ab" * 10**6, "returns '2abab"),
    "huge integer": (lambda x, w: 10 ** (5000 + len(x)), "expected real numbers"),
    "ragged": (lambda x, w: [[1.0], [1.0, 2.0]], "rows of different lengths"),
    "booleans": (lambda x, w: scaled(x, w) > 0, "True and False, expected real numbers"),
    "complex": (lambda x, w: scaled(x, w) + 1j, "complex numbers, expected real numbers"),
    "text array": (lambda x, w: scaled(x, w).astype(str), "text, expected real numbers"),
    "dates": (lambda x, w: np.zeros((2, 4), "M8[s]"), "objects, expected real numbers"),
    "dict": (lambda x, w: {"dx": scaled(x, w)}, "something of type dict"),
    "set": (lambda x, w: {1.0}, "something of type set"),
    "function": (lambda x, w: scaled, "a function, expected numbers"),
    "module": (lambda x, w: np, "something of type module"),
    "coroutine": (coroutine, "something of type coroutine"),
    "generator": (generator, "something of type generator"),
    "no repr": (lambda x, w: Unshown(), "something of type Unshown, expected numbers"),
    "no array": (lambda x, w: Odd(), "ValueError: no array today"),
    "trap": (Trap(), "SystemExit: __array__"),
    "class": (Odd, "It must be callable as scaled(x, w); yours takes ()"),
    "too few arguments": (lambda x: x, "It must be callable as scaled(x, w); yours takes (x)"),
    "too many arguments": (lambda x, w, y: x, "yours takes (x, w, y)"),
    "keyword only": (lambda x, *, w: x, "It must be callable as scaled(x, w)"),
    "order": (lambda w, x: scaled(x, w), "Keep the order of the arguments: scaled(x, w)."),
    "not a function": (np.zeros((2, 4)), "Hand over the function scaled itself"),
    "string": ("scaled", "Hand over the function scaled itself"),
    "changes input": (changes_input,
        "The result is right, but scaled changes its argument x: work on a copy."),
    "changes shape": (changes_shape, "changes its argument w"),
    "changes and wrong": (changes_both_and_is_wrong, "It also changes its argument w."),
    "random": (lambda x, w: scaled(x, w) + np.random.rand(), "gives two answers"),
    "counter": (lambda x, w: scaled(x, w) * (1 + next(counter)), "gives two answers"),
    "right at first": (lambda x, w, n=[0]: (n.append(0), scaled(x, w) + (len(n) > 4))[1],
        "gives two answers"),
    "global": (lambda x, w: scaled(x, w) * factor + x[0, 0],
        "It reads factor from outside: should that be an argument?"),
    "prints": (lambda x, w: (print("hello"), -scaled(x, w))[1], "(What it prints is not shown here.)"),
    "prints only": (lambda x, w: print(scaled(x, w)),
        "scaled prints but returns nothing: end it with return."),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_gets_a_sentence(name, capfd):
    code, phrase = HOSTILE[name]
    if "%d" in phrase:
        phrase %= helper.__code__.co_firstlineno + 1
    before = sys.stdout, sys.stderr, np.geterr(), list(warnings.filters)
    start = time.perf_counter()
    verdict = check_scaled(code)
    assert time.perf_counter() - start < 2
    says(verdict, "failed", phrase)
    assert "Traceback" not in verdict.message
    assert (sys.stdout, sys.stderr, np.geterr(), list(warnings.filters)) == before
    assert capfd.readouterr() == ("", "")


def prints_at_once(x, w):
    print("x" * 10**7)


@pytest.mark.parametrize("code", [prints_forever, prints_forever_and_hides_it, prints_at_once])
def test_endless_printing_is_cut_off(code, capfd):
    assert check_scaled(code) == Verdict("stopped", "Stopped: scaled printed more than 10,000 characters.")
    assert capfd.readouterr() == ("", "")


def test_printing_up_to_the_limit_is_allowed():
    def loud(extra):
        return check_scaled(lambda x, w: (print("x" * (PRINT_LIMIT - 1 + extra)), scaled(x, w))[1]).status

    assert (loud(0), loud(1)) == ("passed", "stopped")


def test_stop_ends_an_endless_loop_with_a_sentence():
    def loops(x, w):
        while True:
            time.sleep(0.001)

    threading.Timer(0.1, _thread.interrupt_main).start()
    assert check_scaled(loops) == Verdict("stopped", "Stopped: scaled was interrupted before it returned.")


def test_stop_pressed_in_the_middle_is_not_taken_for_an_error():
    def stopped(x, w):
        if len(x) == 4:
            raise KeyboardInterrupt
        return scaled(x, w)

    assert check_scaled(stopped).status == "stopped"


def test_stop_is_heard_while_the_signature_is_read():
    class Slow(Callable):
        @property
        def __signature__(self):
            raise KeyboardInterrupt

    assert check_scaled(Slow()).status == "stopped"


# The promises -------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
    | st.sampled_from([..., np.float32(1), np.array([]), np.zeros((0, 3)), np.array(["a"]), int, Odd()]),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(values)
def test_any_value_gets_a_printable_verdict_twice_the_same(value):
    for check in (check_scaled, check_word, check_answer):
        for candidate in (value, lambda *args: value):
            verdict = check(candidate)
            assert verdict.status in ("failed", "not attempted") or (check, value) == (check_answer, 75)
            assert 0 < len(verdict.message) < 700 and verdict.message.isprintable()
            assert verdict == check(candidate)


def test_a_verdict_is_saved_as_its_plain_sentence():
    interactive = pytest.importorskip("IPython.core.formatters")
    data, _ = interactive.DisplayFormatter().format(Verdict("passed", "Passed: it is right."))
    assert data == {"text/plain": "Passed: it is right."}


def test_what_numpy_prints_like_does_not_change_the_text():
    def wrong(x, w):
        return scaled(x, w) + 1

    plain = check_scaled(wrong)
    with np.printoptions(precision=1, threshold=2, sign="+"):
        assert check_scaled(wrong) == plain


def test_inputs_are_drawn_anew_and_the_same_for_every_call():
    seen = []
    for _ in range(2):
        check_scaled(lambda x, w: seen.append((x, w)))
    assert all(np.array_equal(a[0], b[0]) and a[0] is not b[0] for a, b in zip(seen, seen[len(seen) // 2 :]))


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    check_scaled(scaled)
    assert np.array_equal(before, np.random.get_state()[1])


def test_lists_of_arrays_can_be_inputs():
    def total(parts):
        return sum(float(p.sum()) for p in parts)

    check = Exercise(total, "(L)->()", cases=lambda rng: [([np.ones(2), np.ones((3, 2))],), ([np.ones(4)],)])
    assert check(lambda parts: math.fsum(p.sum() for p in parts)).status == "passed"
    says(check(lambda parts: len(parts) + 1), "failed", "On parts of 2 parts, total returns 3, expected 8.")
    says(check(lambda parts: (total(parts), parts[0].fill(0))[0]), "failed", "changes its argument parts")
    says(check(lambda parts: (total(parts), parts.append(0))[0]), "failed", "changes its argument parts")


def test_changed_numbers_in_a_list_are_noticed():
    check = Exercise(sum_of_list, "(L)->()", cases=lambda rng: [([1.0, np.nan],), ([1.0, 2.0],)])
    assert check(sum_of_list).status == "passed"
    sorts = lambda parts: (sum_of_list(parts), parts.sort(reverse=True))[0]  # noqa: E731
    says(check(sorts), "failed", "changes its argument parts")


def sum_of_list(parts):
    return float(np.nansum(parts))


def test_shapes_must_match_the_reference():
    with pytest.raises(ValueError, match=r"shapes: expected one for each argument of scaled\(x, w\)"):
        Exercise(scaled, "(N,n)->(N,k)")


def test_the_check_names_itself():
    assert repr(check_scaled) == "<the check of scaled(x, w)>"
