"""The two tests that every notebook's claims pass: each stands in the prose, and no number there stands without one."""

import functools

import notebooks
import pytest


def tests_of(notebook, parts):
    """The two tests. `parts` are functions; each gives pieces of text with computed numbers in them."""
    @functools.cache
    def claimed(part):
        return part()

    @pytest.mark.parametrize("part", parts)
    def says_what_is_computed(part):
        text = notebooks.prose(notebook)
        for claim in claimed(part):
            assert claim in text, claim

    def no_number_goes_unclaimed():
        known = set().union(*(notebooks.numbers(claim) for part in parts for claim in claimed(part)))
        unclaimed = set(notebooks.numbers(notebooks.prose(notebook))) - known
        assert unclaimed == set(), unclaimed

    return says_what_is_computed, no_number_goes_unclaimed
