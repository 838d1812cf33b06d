"""Everyday questions in technical words, only where the documents prefer them."""

from __future__ import annotations

from whelm.text.rewording import reword


def test_it_rewords_what_is_preferred() -> None:
    assert reword("How do I erase a folder?", lambda technical, everyday: True) == "How do I delete a directory?"
    assert reword("How do I erase a folder?", lambda technical, everyday: False) == "How do I erase a folder?"
    assert reword("erase a folder", lambda technical, everyday: technical == "directory") == "erase a directory"


def test_the_longest_phrase_wins_and_words_are_whole() -> None:
    def always(technical: str, everyday: str) -> bool:
        return True

    assert reword("pick one AT RANDOM", always) == "choose one random"
    assert reword("a foldering textile", always) == "a foldering textile"
