"""Widgets for the keyboard and the screen reader."""

from __future__ import annotations

from pathlib import Path

import anywidget

__all__ = ["Access"]

_HERE = Path(__file__).parent


class Access(anywidget.AnyWidget):
    """An empty element among the widgets of a panel or a question, which gives them what they lack: see ``access.js``."""

    _esm = (_HERE / "access.js").read_text(encoding="utf-8")
    _css = (_HERE / "access.css").read_text(encoding="utf-8")
