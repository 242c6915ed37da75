"""Call a student's function so that nothing it does gets out: exceptions, prints, warnings, changed inputs."""

from __future__ import annotations

import copy
import io
import linecache
import numbers
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["PRINT_LIMIT", "Outcome", "Sink", "TooMuchPrinted", "ask", "plain", "quiet"]

PRINT_LIMIT = 10_000  # characters that one call may print before it is stopped
SIZE_LIMIT = 100_000  # entries of an answer that are looked at; no exercise asks for that many


@dataclass(frozen=True)
class Outcome:
    """What one call came to."""

    kind: Literal["answer", "strange", "nothing", "error"]
    value: np.ndarray | str | None = None  # of an answer: our own copy
    story: str = ""  # of what is strange or an error, in words
    printed: bool = False
    intact: tuple[bool, ...] = ()  # per argument: whether it is as it was before the call

    def changed(self, arguments: list[str]) -> list[str]:
        return [name for name, intact in zip(arguments, self.intact) if not intact]

    @property
    def finite(self) -> bool:
        return isinstance(self.value, str) or (self.value is not None and bool(np.isfinite(self.value).all()))


class TooMuchPrinted(BaseException):
    """Not an Exception, so that the student's `except Exception` lets it through."""


class Sink(io.TextIOBase):
    """Swallows text, and stops whoever writes more than the limit."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, text: str) -> int:
        self.count += len(text)
        if self.full:
            raise TooMuchPrinted
        return len(text)

    @property
    def full(self) -> bool:
        return self.count > PRINT_LIMIT


@contextmanager
def quiet(sink: Sink) -> Iterator[None]:
    with redirect_stdout(sink), redirect_stderr(sink), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def ask(function: Callable[..., Any], case: tuple) -> Outcome:
    """Call `function` on a copy of `case`. Only Stop and endless printing get out, to end the whole check."""
    given, sink, value, story = copy.deepcopy(case), Sink(), None, ""
    with quiet(sink):
        try:
            kind, value, story = _read(function(*given))
        except NotImplementedError:
            kind = "nothing"
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            kind, story = "error", _told(error)
    if sink.full:  # asked of the sink: the student may have caught our exception and gone on
        raise TooMuchPrinted
    intact = tuple(_untouched(before, after) for before, after in zip(case, given))
    return Outcome(kind, value, story, sink.count > 0, intact)


def _read(value: object) -> tuple[str, np.ndarray | str | None, str]:
    """Kind, value and story of what a function returned. Costs little however large or odd that is."""
    if value is None or value is ...:
        return "nothing", None, ""
    if isinstance(value, str):
        return "answer", str.__str__(value)[:SIZE_LIMIT], ""
    if isinstance(value, bool | np.bool_):
        return "strange", None, "True or False, expected a number"
    nested = isinstance(value, list | tuple)
    if not nested and not isinstance(value, numbers.Number) and not hasattr(value, "__array__"):
        kind = "a function" if callable(value) else f"something of type {plain(type(value).__name__)}"
        return "strange", None, f"{kind}, expected numbers"
    if nested and not _fits(value):
        return "strange", None, f"more than {SIZE_LIMIT:,} entries"
    try:
        array = np.asarray(value)
    except ValueError:
        if nested:
            return "strange", None, "rows of different lengths"
        raise
    if array.size > SIZE_LIMIT:
        return "strange", None, f"an array of shape {array.shape}, more than {SIZE_LIMIT:,} entries"
    if array.dtype.kind == "O":  # such as fractions, or integers beyond 64 bits
        try:
            array = array.astype(float)
        except (TypeError, ValueError, OverflowError):
            pass
    if array.dtype.kind == "c" and not array.imag.any():  # from NumPy 2.5 on real eigenvalues come like this, too
        array = array.real
    if array.dtype.kind not in "iuf":
        kind = {"b": "True and False", "c": "complex numbers", "U": "text"}.get(array.dtype.kind, "objects")
        return "strange", None, f"{kind}, expected real numbers"
    return "answer", np.array(array, dtype=float), ""


def _fits(nested: list | tuple) -> bool:
    """Whether NumPy may convert it: lists can hold themselves, or one long list many times."""
    left, stack = SIZE_LIMIT, [nested]
    while stack and left >= 0:
        item = stack.pop()
        left -= item.size if isinstance(item, np.ndarray) else len(item) if hasattr(item, "__len__") else 1
        if isinstance(item, list | tuple) and left >= 0:
            stack.extend(item)
    return left >= 0


def _told(error: BaseException) -> str:
    """An exception in words: its name and message, and the line of the student's code it came from."""
    name = _said(lambda: type(error).__name__) or "an exception without a name"
    message = _said(lambda: str(error), 160)
    lines, file, trace = [], None, error.__traceback__
    while trace is not None:
        here = trace.tb_frame.f_code.co_filename
        if file is None and here != _told.__code__.co_filename:
            file = here  # the first frame that is not ours is the student's; a deeper one may be NumPy's
        if here == file:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    story = name + (f": {message}" if message else "")
    if not lines:
        return f"{story}."
    source = plain(linecache.getline(file, lines[-1]), 100)
    return f"{story} (line {lines[-1]}{f': {source}' if source else ''})."


def _said(say: Callable[[], str], most: int = 80) -> str:
    """What an exception says of itself, which is the student's code, too; nothing if that fails."""
    try:
        return plain(say(), most)
    except BaseException:
        return ""


def _untouched(before: object, after: object) -> bool:
    if type(before) is not type(after):
        return False
    if isinstance(before, np.ndarray):
        alike = before.shape == after.shape and before.dtype == after.dtype
        return alike and (before.dtype.kind == "O" or before.tobytes() == after.tobytes())
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_untouched, before, after))
    return not isinstance(before, int | float | str) or repr(before) == repr(after)  # by repr: nan is nan


def plain(text: str, most: int = 80) -> str:
    """One line that any front end can show, however long or odd the text."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 10 * most]).split())
    return line if len(line) <= most else line[:most] + "…"
