"""What the cells of a notebook show, and the end of what none of them shows any more.

ipywidgets keeps every widget until the kernel ends, and ``Out`` keeps every result: each run of a panel's cell would
leave the panel of the run before behind, some 17 MB of it. So once a cell has run, whatever it showed before and no
cell shows now closes its widgets and leaves ``Out``. Python then frees it, unless it has a name or stands in a list;
shown once more, it opens again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython

__all__ = ["Shown"]

# By cell: what it shows, by the request that ran it. One notebook in two windows counts as two: each shows its own.
_cells: dict[tuple[str, str], dict[str, list[Shown]]] = {}


class Shown:
    """Something made of widgets that a cell can show. A subclass sets ``_widget`` and puts `_view` into its MIME bundle."""

    _widget: widgets.Widget
    _unseen: tuple[widgets.Widget, ...] = ()  # those that stand nowhere in it
    _lent = False

    @property
    def widget(self) -> widgets.Widget:
        """The whole, to put into a layout of one's own. It then stays open until `close`."""
        self._lent = True
        return self._widget

    def close(self) -> None:
        """Free the widgets. Shown again, they open again."""
        for part in reversed([*self._parts()]):
            part.close()

    def _view(self) -> dict[str, Any]:
        """The MIME bundle that shows the widgets in the cell that is running."""
        for part in self._parts():
            if part.comm is None:
                vars(part).pop("_repr_mimebundle_", None)  # closing has put None there
                part.open()
        cell, request = _running()
        if cell:
            _cells.setdefault(cell, {}).setdefault(request, []).append(self)
            get_ipython().events.register("post_run_cell", _tidy)
        return self._widget._repr_mimebundle_()

    def _parts(self) -> Iterator[widgets.Widget]:
        for whole in (*self._unseen, self._widget):
            yield from _parts(whole)


def _parts(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """A widget and all that it is made of, layouts and styles too; what is needed first comes first."""
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, widgets.Widget):
                yield from _parts(part)
    yield widget


def _running() -> tuple[tuple[str, str] | None, str]:
    """The cell that is running, and the request that runs it; None where nobody says which cell it is."""
    kernel = getattr(get_ipython(), "kernel", None)
    request = getattr(kernel, "get_parent", dict)() or {}
    header, cell = request.get("header", {}), request.get("metadata", {}).get("cellId")
    return (header.get("session", ""), cell) if cell else None, header.get("msg_id", "")


def _tidy(_: Any = None) -> None:
    """A cell has run: what it showed before is gone from the page."""
    cell, request = _running()
    if cell not in _cells:
        return
    runs = _cells.pop(cell)
    if request in runs:
        _cells[cell] = {request: runs.pop(request)}
    still = [thing for runs_of_one in _cells.values() for things in runs_of_one.values() for thing in things]
    gone = [thing for things in runs.values() for thing in things if thing not in still and not thing._lent]
    for thing in gone:
        thing.close()
        _leave_history(thing)
    if gone:
        del gone, runs, thing
        gc.collect()  # a panel is a knot of references, and holds much memory in few objects


def _leave_history(thing: Shown) -> None:
    shell = get_ipython()
    for number in [number for number, result in shell.user_ns["_oh"].items() if result is thing]:
        del shell.user_ns["_oh"][number]
        shell.del_var(f"_{number}", by_name=True)
