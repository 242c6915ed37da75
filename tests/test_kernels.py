"""The benchmark's contenders must do the same work, or its table would mean nothing."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "kernels.py"


@pytest.fixture(scope="module")
def kernels():
    spec = importlib.util.spec_from_file_location("kernels", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("phi", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_contenders_are_all_timed_and_agree(kernels, phi, dtype, monkeypatch):
    monkeypatch.setattr(kernels, "REST_SECONDS", 0)
    passes = kernels.contenders(phi, dtype, width=6, depth=3, batch=5)  # compares ours with PyTorch's
    seconds = kernels.race(passes)
    assert list(seconds) == list(passes)
    assert {"bare", "ours"} <= set(passes)
    assert all(t > 0 for times in seconds.values() for t in times)
