"""Sweeps and training runs. They return frozen dataclasses and know nothing of figures."""
