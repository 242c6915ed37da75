"""Try a student's answer on several inputs, and say in a sentence what is wrong with it.

An `Exercise` holds the right answer as a function, the inputs to try, and the mistakes its author foresees,
each as a function too. Calling it with the student's answer gives a `Verdict`. The author writes nothing
about types, shapes, signs, factors, nan, exceptions, endless printing or changed inputs: those are told for
every exercise.

A number to find is graded as a function of no arguments, so there is one mechanism for both.
"""

from __future__ import annotations

import dis
import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from livegrad.checks.calling import PRINT_LIMIT, Outcome, Sink, TooMuchPrinted, ask, plain, quiet
from livegrad.validation import fail

__all__ = ["Exercise", "Verdict"]

RTOL, ATOL = 1e-5, 1e-6  # float32 and finite differences pass; ATOL is relative to the largest entry
SEED = 2


@dataclass(frozen=True)
class Verdict:
    """What came of checking one answer; prints as its message.

    Parameters
    ----------
    status : {"passed", "failed", "not attempted", "stopped"}
    message : str
        One or two plain sentences for the student, the same for the same answer.

    Examples
    --------
    >>> Verdict("not attempted", "Not attempted yet.")
    Not attempted yet.
    """

    status: Literal["passed", "failed", "not attempted", "stopped"]
    message: str

    def __repr__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Exercise:
    """An exercise and the judge of its answers.

    Parameters
    ----------
    reference : callable
        A right answer. Its name and the names of its arguments are used when talking to the student.
    shapes : str
        The shapes in and out in the notation of NumPy's generalized ufuncs, ``"(N,k),(N,k)->(N,k)"``;
        ``()`` is a number or a word. A wrong shape or factor is explained in these letters; N stands for
        the number of examples. A number to find has ``"->()"``.
    cases : callable, optional
        ``cases(rng)`` returns the inputs to try, a sequence of tuples, drawn from the fixed-seed generator
        given. The first one that fails is shown: put a small one with unequal sizes first. Sizes must
        differ between the cases for a factor to be recognized as one of them.
    wrong : mapping of str to callable, optional
        Foreseen mistakes: a hint, and the function that makes the mistake. The hint is told when the
        student's answers are those of the mistake in every case, or fail like it in some and equal it in
        the rest.
    stretch : mapping of str to tuple, optional
        Inputs beyond the call of duty: a remark, and one input. An answer that fails there still passes,
        with the remark added.

    Raises
    ------
    ValueError
        If `shapes` does not have one shape for each argument of `reference`.

    Examples
    --------
    >>> def mean_square(x):
    ...     return (x**2).mean()
    >>> check_mean_square = Exercise(
    ...     mean_square, "(N)->()",
    ...     cases=lambda rng: [(rng.normal(size=N).round(1),) for N in (3, 4)],
    ...     wrong={"That is the square of the mean; square first.": lambda x: x.mean() ** 2},
    ... )
    >>> check_mean_square(lambda x: x @ x / len(x))
    Passed: mean_square is right on all 2 inputs.
    >>> check_mean_square(lambda x: x @ x)
    Not yet. The result is 4 times too large where N = 4: is the mean over the N examples missing?
    >>> check_mean_square(lambda x: x.mean() ** 2)
    Not yet. That is the square of the mean; square first.
    >>> check_mean_square(...)
    Not attempted yet: mean_square is still to be written.
    """

    reference: Callable[..., Any]
    shapes: str
    cases: Callable[[np.random.Generator], Sequence[tuple]] = lambda rng: [()]
    wrong: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    stretch: Mapping[str, tuple] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self._letters) != len(self.arguments) + 1:
            fail("shapes", f"one for each argument of {self._call} and one for the result", repr(self.shapes))

    def __repr__(self) -> str:
        return f"<the check of {self._call}>"

    @property
    def arguments(self) -> list[str]:
        """The names of the arguments; none if a number is to be found."""
        return list(inspect.signature(self.reference).parameters)

    def __call__(self, answer: object) -> Verdict:
        """Judge `answer`: a function of the reference's arguments or, where it has none, a number.

        Returns
        -------
        Verdict
            Nothing is raised, whatever the answer is or does.
        """
        if answer is None or answer is ...:
            return self._not_attempted()
        if self.arguments and not callable(answer):
            return _failed(f"Hand over the function {self._name} itself, not what it returns.")
        try:
            with np.errstate(all="ignore"):  # comparing with inf is no news either
                return self._judge(answer if self.arguments else lambda: answer)
        except KeyboardInterrupt:
            return Verdict("stopped", f"Stopped: {self._name} was interrupted before it returned.")
        except TooMuchPrinted:
            return Verdict("stopped", f"Stopped: {self._name} printed more than {PRINT_LIMIT:,} characters.")

    def _judge(self, function: Callable[..., Any]) -> Verdict:
        if fault := self._signature_fault(function):
            return _failed(fault)
        cases = list(self.cases(np.random.default_rng(SEED)))
        right = [ask(self.reference, case) for case in cases]
        given = [ask(function, case) for case in cases]
        printed = any(outcome.printed for outcome in given)
        changed = next((name for outcome in given for name in outcome.changed(self.arguments)), "")

        if all(outcome.kind == "nothing" for outcome in given):
            if not printed:
                return self._not_attempted()
            return _failed(f"{self._name} prints but returns nothing: end it with return.")
        bad = next((i for i, (got, want) in enumerate(zip(given, right)) if not _same(got, want)), None)
        if bad is not None:
            message = self._explain(function, cases, given, right, bad)
            message += f" It also changes its argument {changed}." if changed else ""
        elif changed:
            message = f"The result is right, but {self._name} changes its argument {changed}: work on a copy."
        elif not _same(ask(function, cases[0]), given[0]):
            message = self._fickle()
        else:
            return Verdict("passed", self._praise(function, given))
        return _failed(message + (" (What it prints is not shown here.)" if printed else ""))

    def _explain(self, function, cases, given, right, bad: int) -> str:
        """What is wrong, by the most particular finding: a foreseen mistake, a shape, a factor, an entry."""
        got, want, case = given[bad], right[bad], cases[bad]
        where = f"On {self._shown(case)}, {self._name} returns" if self.arguments else "The answer is"
        hint = self._foreseen(cases, given, right)
        if got.kind == "error":
            return f"{self._name} stopped with {got.story} {hint or f'It was given {self._shown(case)}.'}"
        if hint:
            return hint
        if got.kind != "answer":
            return f"{where} {got.story or 'nothing'}."
        if not _same(ask(function, case), got):
            return self._fickle()
        if len(cases) > 1 and got.finite and all(_same(got, other) for other in given):
            return f"{self._name} returns the same for every input: it must use its arguments."
        if isinstance(got.value, str) or isinstance(want.value, str):
            wanted = repr(want.value) if isinstance(want.value, str) else "a number"
            cased = str(got.value).lower() == str(want.value).lower()
            return f"{where} {_brief(got.value)}, expected {wanted}{': mind the capital letters' if cased else ''}."
        if got.value.shape != want.value.shape:
            story = self._shape_story(got.value.shape, want.value.shape)
            return f"{where} {story}." + self._outside(function)
        if not self.arguments:
            return f"{_brief(got.value, 9)} is not the number."
        story = self._factor_story(cases, given, right)
        return story or f"{where} {_entry_story(got.value, want.value)}." + self._outside(function)

    def _foreseen(self, cases, given, right) -> str:
        """The hint of the mistake that gives these answers, or gives them but for a sign or factor."""
        scaled = ""
        for hint, mistake in self.wrong.items():
            made = [ask(mistake, case) for case in cases]
            evidence = any(m.kind == "answer" and not _same(m, r) for m, r in zip(made, right))
            if evidence and all(_same(g, m) for g, m in zip(given, made)):
                return hint
            if not scaled and made[0].value is not None and np.ndim(made[0].value):
                story = self._factor_story(cases, given, made)
                scaled = f"{hint} And one thing more: {story[0].lower()}{story[1:]}" if story else ""
        # A right answer but for a factor is told as such and needs no mistake to explain it.
        return "" if self._factor_story(cases, given, right) else scaled

    def _factor_story(self, cases, given, right) -> str:
        """Whether all entries of all answers are off by one sign and factor, or by one of the sizes."""
        if not all(isinstance(outcome.value, np.ndarray) for outcome in (*given, *right)):
            return ""
        factors, sizes = [], []
        for got, want, case in zip(given, right, cases):
            if want.value.any():
                factors.append(_factor(got.value, want.value))
                sizes.append(self._sizes(case))
        if len(factors) < 2 or None in factors or len(set(np.sign(factors))) > 1:
            return ""
        what = "Every entry" if right[0].value.ndim else "The result"
        flipped = factors[0] < 0
        factors = np.abs(factors)
        if np.allclose(factors, 1, rtol=RTOL):  # of 1 and no change of sign there is nothing to tell
            return f"{what} has the right size and the wrong sign." if flipped else ""
        start = f"{what} has the wrong sign and" if flipped else what
        for letter in sizes[0]:
            values = np.array([size[letter] for size in sizes])
            much, where = f"{values.max()} times too", f"where {letter} = {values.max()}"
            if np.allclose(factors, values, rtol=RTOL):
                missing = "the mean over the N examples" if letter == "N" else f"a division by {letter}"
                return f"{start} is {much} large {where}: is {missing} missing?"
            if np.allclose(factors, 1 / values, rtol=RTOL):
                return f"{start} is {much} small {where}: is it divided by {letter} once too often?"
        if np.allclose(factors, factors[0], rtol=RTOL):
            size = f"{max(factors[0], 1 / factors[0]):.4g} times too {'large' if factors[0] > 1 else 'small'}"
            return f"{start} is {size}, on every input."
        return ""

    def _shape_story(self, got: tuple, want: tuple) -> str:
        letters = self._letters[-1]
        expected = f"({', '.join(letters)}) = {want}" if want else "a single number"
        story = f"{f'shape {got}' if got else 'a single number'}, expected {expected}"
        if len(want) > 1 and got == want[::-1]:
            return f"{story}: that is the transpose"
        for axis, letter in enumerate(letters):
            if got == want[:axis] + want[axis + 1 :]:
                return f"{story}: the axis of size {letter} is gone"
        return story

    def _praise(self, function, given) -> str:
        if not self.arguments:
            return f"Passed: {_brief(given[0].value, 9)} is right."
        message = f"Passed: {self._name} is right on all {len(given)} inputs."
        for remark, case in self.stretch.items():
            if not _same(ask(function, case), ask(self.reference, case)):
                return f"{message} {remark}"
        return message

    def _not_attempted(self) -> Verdict:
        todo = "written" if self.arguments else "found"
        return Verdict("not attempted", f"Not attempted yet: {self._name} is still to be {todo}.")

    def _fickle(self) -> str:
        return (
            f"Asked twice about the same input, {self._name} gives two answers: "
            "does it draw random numbers or change a variable outside?"
        )

    def _signature_fault(self, function: Callable[..., Any]) -> str:
        try:
            with quiet(Sink()):
                signature = inspect.signature(function)
        except (KeyboardInterrupt, TooMuchPrinted):
            raise
        except BaseException:  # a builtin does not tell, and objects may do as they like: the call will show
            return ""
        names = list(signature.parameters)
        try:
            signature.bind(*self.arguments)
        except TypeError:
            return f"It must be callable as {self._call}; yours takes ({plain(', '.join(names))})."
        if names != self.arguments and sorted(names) == sorted(self.arguments):
            return f"Keep the order of the arguments: {self._call}."
        return ""

    def _outside(self, function: Callable[..., Any]) -> str:
        """A suspicion: a variable of the notebook that the function reads in place of an argument."""
        if type(function) is not types.FunctionType:
            return ""
        for step in dis.get_instructions(function):
            value = function.__globals__.get(step.argval) if step.opname == "LOAD_GLOBAL" else None
            if isinstance(value, np.ndarray | float | int | list):
                return f" It reads {step.argval} from outside: should that be an argument?"
        return ""

    def _shown(self, case: tuple) -> str:
        return ", ".join(f"{name} {_compact(value)}" for name, value in zip(self.arguments, case))

    def _sizes(self, case: tuple) -> dict[str, int]:
        return {s: n for letters, value in zip(self._letters, case) for s, n in zip(letters, _shape(value))}

    @property
    def _name(self) -> str:
        return self.reference.__name__

    @property
    def _call(self) -> str:
        return f"{self._name}({', '.join(self.arguments)})"

    @property
    def _letters(self) -> list[list[str]]:
        return [re.findall(r"\w+", shape) for shape in re.findall(r"\(([^)]*)\)", self.shapes)]


def _failed(message: str) -> Verdict:
    return Verdict("failed", f"Not yet. {message}")


# Comparing and showing ----------------------------------------------------------------------------


def _same(got: Outcome, want: Outcome) -> bool:
    """Whether two outcomes are alike: answers by value, anything else by kind."""
    if got.kind != "answer" or want.kind != "answer":
        return got.kind == want.kind
    if isinstance(got.value, str) or isinstance(want.value, str):
        return isinstance(got.value, str) and isinstance(want.value, str) and got.value == want.value
    return got.value.shape == want.value.shape and bool(_near(got.value, want.value).all())


def _near(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    scale = np.max(np.abs(want), initial=0, where=np.isfinite(want))
    return np.isclose(got, want, rtol=RTOL, atol=ATOL * scale, equal_nan=True)


def _factor(got: np.ndarray, want: np.ndarray) -> float | None:
    """The number c with got = c want in every entry, if there is one that is not 0."""
    if isinstance(got, str) or got is None or got.shape != want.shape:
        return None
    largest = np.unravel_index(np.argmax(np.abs(want)), want.shape)
    c = float(got[largest] / want[largest])
    return c if c and np.isfinite(c) and _near(got, c * want).all() else None


def _entry_story(got: np.ndarray, want: np.ndarray) -> str:
    off = ~_near(got, want)
    index = tuple(int(i) for i in np.argwhere(off)[0])
    g, w = _brief(got[index]), _brief(want[index])
    if g == w:
        g, w = _brief(got[index], 9), _brief(want[index], 9)
    if not index:
        return f"{g}, expected {w}"
    return f"{g} at {list(index)}, expected {w} ({off.sum()} of {off.size} entries wrong)"


def _shape(value: object) -> tuple[int, ...]:
    return (len(value),) if isinstance(value, list | tuple) else np.shape(value)


def _brief(value: np.ndarray | np.floating | str, digits: int = 4) -> str:
    if isinstance(value, str):
        return repr(value[:40])
    return f"{float(value):.{digits}g}" if value.ndim == 0 else f"an array of shape {value.shape}"


def _compact(value: object) -> str:
    """An input in a few characters: its entries if they are few, else its shape."""
    if isinstance(value, list | tuple):
        return f"of {len(value)} parts"
    array = np.asarray(value)
    if array.dtype.kind not in "iufb":
        return plain(f"= {value!r}", 40)
    return f"= {_nested(array.tolist())}" if array.size <= 12 else f"of shape {array.shape}"


def _nested(entries: object) -> str:
    return f"[{', '.join(map(_nested, entries))}]" if isinstance(entries, list) else f"{entries:.4g}"
