"""A live panel that trains: progress, stop, go on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from livegrad.panels.controls import Control
from livegrad.panels.live import Panel, alone, button

__all__ = ["TrainingPanel"]

_FRAME_SECONDS = 0.04  # time between two pictures: enough to watch, and for a press of Stop to get in


class TrainingPanel(Panel):
    """A panel whose result comes in pieces, and which the reader starts and stops.

    It opens on a finished run, so that there is something to see, or on what `opening` gives. Moving a control shows the
    untrained net; Train then runs it. Stop halts after the present piece, and Train goes on from there.

    Parameters
    ----------
    scene, controls, describe
        As for `Panel`.
    run : callable
        ``run(**values)`` yields results, each with a `progress` from 0 to 1. The first one comes
        before any training.
    opening : callable, optional
        ``opening(**values)`` gives what to open on, and what a preset shows, where a run takes too long to wait for.
    stored : bool
        Whether `opening` knows the end of every run, so that moving a control shows that and not the untrained net.
    **options
        As for `Panel`: presets, state, lecture.

    Attributes
    ----------
    running : bool
        Whether a run is under way.
    """

    def __init__(self, scene: Callable, controls: Sequence[Control], run: Callable[..., Iterator[Any]],
                 describe: Callable[[Any], str], opening: Callable[..., Any] | None = None, stored: bool = False,
                 **options: Any) -> None:
        self._run, self._pieces, self.running = run, None, False
        self._progress = widgets.FloatProgress(value=1.0, min=0.0, max=1.0, description="Progress",
                                               layout={"width": "230px"}, style={"description_width": "60px"})
        self._train_button = button("Train", "Start, or go on after Stop", self.train)
        self._stop_button = button("Stop", "Stop after the present step", self.stop)
        self._opening = opening
        opening = opening or (lambda **values: deque(run(**values), maxlen=1)[-1])
        super().__init__(scene, controls, opening, describe, **options)
        if not stored:
            self._compute = lambda **values: next(run(**values))

    def train(self) -> None:
        """Start a run with the controls' values, or go on with one that was stopped."""
        if self.running:
            return
        follow = self._start_turn()
        try:
            # The loop keeps a weak hold on its tasks only.
            self._task = asyncio.get_running_loop().create_task(follow)
        except RuntimeError:  # outside a kernel nobody can press Stop meanwhile
            asyncio.run(follow)

    @alone
    def stop(self) -> None:
        """Halt the run. `train` goes on with it."""
        self.running = False
        self._mark()

    @alone
    def close(self) -> None:
        """Halt the run and free the widgets. Shown again, they open again."""
        self.stop()
        super().close()

    @alone
    def reset(self) -> None:
        """Go back to the finished run the panel opened with and take the ghosts away."""
        self._abandon()
        super().reset()

    @alone
    def _start_turn(self) -> Coroutine[Any, Any, None]:
        if self._pieces is None:
            self._pieces = self._run(**self.values)
        self.running, self._turn = True, object()
        self._mark()
        return self._follow(self._turn)

    async def _follow(self, turn: object) -> None:
        while self._next_piece(turn):
            await asyncio.sleep(_FRAME_SECONDS)

    @alone
    def _next_piece(self, turn: object) -> bool:
        """Compute and show one result; False once the run is over, or no longer ours."""
        if turn is not self._turn or not self.running:
            return False
        with self._complaining():
            if (result := next(self._pieces, None)) is not None:
                self._display(result, light=result.progress < 1)
                return True
        self._abandon()
        self._mark()
        return False

    @alone
    def _jump(self, values: Mapping[str, Any]) -> None:
        super()._jump(values)
        if self._opening:
            with self._complaining():
                self._display(self._opening(**self.values), light=False)

    def _show(self, **how: Any) -> None:
        self._abandon()
        super()._show(**how)

    def _abandon(self) -> None:
        """Let go of the run, so that Train begins a new one."""
        self._pieces, self._turn, self.running = None, None, False

    def _display(self, result: Any, **how: Any) -> None:
        super()._display(result, **how)
        self._mark()

    def _mark(self) -> None:
        """Bring buttons and bar in line with the run."""
        self._train_button.disabled, self._stop_button.disabled = self.running, not self.running
        self._progress.value = self.result.progress

    def _buttons(self) -> list[widgets.Widget]:
        return [self._train_button, self._stop_button, self._progress, *super()._buttons()]
