"""Every exercise of the course against answers that do what they like: a sentence comes back, and nothing else happens.

What the framework says in each case is tested in `test_checks_grading`, on an exercise of its own.
"""

import itertools
import queue
import sys
import time
import warnings

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from test_checks import EXERCISES

from livegrad.checks.grading import PRINT_LIMIT

FUNCTIONS = [check for check in EXERCISES if check.arguments]


class Own(BaseException):
    """Not an Exception."""


class Nameless(type):
    @property
    def __name__(cls):
        raise Own


class Unspeakable(Exception, metaclass=Nameless):
    def __str__(self):
        raise Own


class Trap:
    """Ends the program when it is looked at."""

    def __getattribute__(self, name):
        raise SystemExit(name)

    def __call__(self, *args):
        return self


class Word(str):
    __hash__ = None

    def __eq__(self, other):
        raise Own

    def __str__(self):
        raise Own


VALUES = {"nan": np.nan, "infinite": -np.inf, "huge": 10**400, "trapped word": Word("healthy"), "long word": "ü" * 10**6,
          "complex": 1j, "empty": [], "cube": np.ones((2, 3, 4)), "no memory for it": np.broadcast_to(1.0, (10**9, 10**9)),
          "objects": np.array([None, 1]), "trap": Trap()}


@pytest.fixture
def judge(capfd):
    """Judge an answer, and see that nothing is printed and that the settings of Python and NumPy stay."""
    def judged(check, answer):
        before = sys.stdout, sys.stderr, np.geterr(), list(warnings.filters)
        verdict = check(answer)
        assert (sys.stdout, sys.stderr, np.geterr(), list(warnings.filters)) == before
        assert 10 < len(verdict.message) < 800 and verdict.message.isprintable() and "Traceback" not in verdict.message
        return verdict.status

    yield judged
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("check", EXERCISES, ids=repr)
def test_values_of_any_kind(check, judge):
    for name, value in VALUES.items():
        assert judge(check, value) == "failed", name
        assert not check.arguments or judge(check, lambda *args: value) == "failed", name


@pytest.mark.parametrize("check", FUNCTIONS, ids=repr)
def test_right_answers_that_go_wrong_later(check, judge):
    def from_the_second_input_on(harm):
        answers = map(lambda turn: (lambda y: y) if turn == 0 else harm, itertools.count())
        return lambda *args: next(answers)(check.reference(*args))

    harms = {"infinite": lambda y: np.full(np.shape(y), np.inf), "deeper": lambda y: np.array([y, y]).T,
             "complex": lambda y: np.ones(np.shape(y)) * 1j, "none": lambda y: None}
    for name, harm in harms.items():
        assert judge(check, from_the_second_input_on(harm)) == "failed", name


def raises(error):
    def function(*args):
        raise error
    return function


def deeper(*args):
    return deeper(*args)


def changes_settings(*args):
    np.seterr(all="raise")
    warnings.simplefilter("error")
    sys.stdout = sys.stderr = None
    return np.nan


def prints_megabytes(*args):
    print("x" * 10**6)
    print("x" * 10**6, file=sys.stderr)


CODE = {"own": raises(Own()), "unspeakable": raises(Unspeakable()), "deeper": deeper, "settings": changes_settings,
        "two at once": raises(BaseExceptionGroup("two", [Own(), ValueError()])), "megabytes": prints_megabytes,
        "Stop": raises(KeyboardInterrupt())}


@pytest.mark.parametrize("check", FUNCTIONS, ids=repr)
def test_code_of_any_kind(check, judge):
    for name, function in CODE.items():
        assert judge(check, function) == ("stopped" if name in ("megabytes", "Stop") else "failed"), name
    assert judge(check, check.reference) == "passed"


@pytest.mark.parametrize("check", FUNCTIONS, ids=repr)
def test_right_answers_that_spoil_their_inputs(check, judge):
    def spoils(*args):
        answer = check.reference(*args)
        for arg in filter(changeable, args):
            arg[...] = 7
        return answer

    assert judge(check, spoils) == ("failed" if any(map(changeable, check.cases(np.random.default_rng(0))[0])) else "passed")


def changeable(arg):
    return isinstance(arg, np.ndarray)


# ---- in a kernel, where Stop is a signal and every print a message

CELLS = {
    "import numpy as np; from livegrad.checks.grading import Exercise; turns = []\ndef double(x):\n    return 2 * x\n"
    "check = Exercise(double, '(n)->(n)', cases=lambda rng: [(np.ones(2),), (np.arange(3.0),)])":
        "",
    "def loops(x):\n    while True:\n        turns.append(0)\ncheck(loops)":
        "Stopped: double was interrupted before it returned.",
    "def prints(x):\n    while True:\n        print(x)\ncheck(prints)":
        f"Stopped: double printed more than {PRINT_LIMIT:,} characters.",
    "def leaves(x):\n    raise SystemExit\ncheck(leaves)":
        "Not yet. double stopped with SystemExit (line 2: raise SystemExit).",
    "check(lambda x: x + x)":
        "Passed: double is right on all 2 inputs.",
}


def test_a_notebook_goes_on_after_an_endless_loop_and_the_rest():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        for cell, expected in CELLS.items():
            request = client.execute(cell)
            if "turns.append" in cell:
                time.sleep(1)
                manager.interrupt_kernel()
            said = list(messages(client, request))
            assert "".join(content["data"]["text/plain"] for content in said if "data" in content).startswith(expected)
            assert not any("text" in content or "ename" in content for content in said)  # nothing printed, no traceback
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def messages(client, request, seconds=60):
    """What a cell puts out, until the kernel rests."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["parent_header"].get("msg_id") == request:
            yield message["content"]
            if message["content"].get("execution_state") == "idle":
                return
    raise TimeoutError
