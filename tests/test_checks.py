"""What holds for every exercise of the course."""

import importlib
import pkgutil

import pytest

import livegrad.checks

MODULES = [importlib.import_module(f"livegrad.checks.{found.name}") for found in pkgutil.iter_modules(livegrad.checks.__path__)]
EXERCISES = [getattr(module, name) for module in MODULES for name in module.__all__ if name.startswith("check_")]


def test_all_are_found():
    assert len(EXERCISES) >= 35 and len({repr(check) for check in EXERCISES}) == len(EXERCISES)


@pytest.mark.parametrize("check, hint", [(check, hint) for check in EXERCISES for hint in check.wrong],
                         ids=lambda x: x if isinstance(x, str) else "")
def test_every_foreseen_mistake_is_told_from_all_the_others(check, hint):
    mistake = check.wrong[hint]
    verdict = check(mistake if check.arguments else mistake())  # a number to find is a function of nothing
    assert verdict.status == "failed" and hint in verdict.message, verdict


@pytest.mark.parametrize("check", EXERCISES, ids=repr)
def test_a_stub_is_not_attempted(check):
    assert check(...).status == "not attempted"
    if check.arguments:
        assert check(lambda *args: ...).status == "not attempted"
