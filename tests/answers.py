"""The tests that the exercises of every notebook pass: right answers in several styles, plausible wrong ones with their hint."""

import pytest


def tests_of(checks, right, wrong):
    """Three tests. `right` holds (check, answer), `wrong` (check, answer, a phrase of its hint)."""
    @pytest.mark.parametrize("check, answer", right, ids=lambda x: repr(x) if x in checks else "")
    def right_answers_pass(check, answer):
        assert check(answer).status == "passed", check(answer)

    @pytest.mark.parametrize("check, answer, phrase", wrong, ids=lambda x: x if isinstance(x, str) else "")
    def wrong_answers_get_their_hint(check, answer, phrase):
        verdict = check(answer)
        assert verdict.status == "failed"
        assert phrase in verdict.message, verdict

    @pytest.mark.parametrize("check", checks, ids=repr)
    def every_exercise_has_its_share_of_tests(check):
        assert sum(c is check for c, _ in right) >= 2
        assert sum(c is check for c, *_ in wrong) >= 3

    return right_answers_pass, wrong_answers_get_their_hint, every_exercise_has_its_share_of_tests
