"""`predict`: commit first, then see."""

import pytest

from livegrad.panels.predict import predict


def ask():
    return predict("2", ["it <grows>", "it shrinks"], answer=1, because="Four factors are below 1.")


def test_nothing_is_given_away_before_committing():
    question = ask()
    assert question._commit.disabled and question._verdict.value == ""
    question._choice.index = 0
    assert not question._commit.disabled and question._verdict.value == "" and question.committed is None


@pytest.mark.parametrize("index, word", [(0, "Not quite"), (1, "Yes")])
def test_committing_reveals_and_locks(index, word):
    question = ask()
    question._choice.index = index
    question._commit.click()
    assert word in question._verdict.value and "it shrinks" in question._verdict.value and "Four factors" in question._verdict.value
    assert question.committed == index and question._choice.disabled and question._commit.disabled


def test_options_are_text_and_not_markup():
    question = predict("1", ["<img src=x>", "b"], answer=0)
    question._choice.index = 1
    question._commit.click()
    assert "<img" not in question._verdict.value


def test_the_saved_text_asks_without_answering():
    assert ask()._repr_mimebundle_()["text/plain"] == "Prediction 2\n  ( ) it <grows>\n  ( ) it shrinks"


@pytest.mark.parametrize("options, answer, said", [(["one"], 0, "at least two"), (["a", "b"], 2, "index from 0 to 1"), (["a", "b"], -1, "got -1")])
def test_a_question_that_cannot_be_answered_is_refused(options, answer, said):
    with pytest.raises(ValueError, match=said):
        predict("1", options, answer)
