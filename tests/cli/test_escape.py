"""What a document says can neither steer a terminal nor break JSON."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from whelm.cli.escape import json_line, one_line, visible

TEXT = st.text(st.characters(codec=None, exclude_categories=()))


def harmful(text: str, allowed: str = "") -> list[str]:
    kept = "\u200c\u200d\u00ad" + allowed
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in kept]


def test_by_hand() -> None:
    assert visible("a\x1b[31mred\x1b[0m") == r"a\x1b[31mred\x1b[0m"
    assert visible("two\nlines\tand\rmore") == "two\nlines\tand\\rmore"
    assert one_line("two\nlines\t") == r"two\nlines\t"
    assert visible("gpj.\u202eexe") == r"gpj.\u202eexe"
    assert visible("\x9b2J \U000e0041 \ud800") == r"\x9b2J \U000e0041 \ud800"


def test_what_scripts_need_stays() -> None:
    for text in ("Grüße", "文档", "می\u200cخواهم", "👩\u200d💻", "Sil\u00adbe", "हिन्दी"):
        assert visible(text) == text


@given(TEXT)
def test_nothing_harmful_is_left(text: str) -> None:
    assert not harmful(one_line(text))
    assert not harmful(visible(text), "\n\t")


@given(st.dictionaries(TEXT, TEXT | st.lists(TEXT) | st.integers() | st.booleans() | st.none()))
def test_json_says_the_same_on_one_line(record: dict[str, object]) -> None:
    line = json_line(record)
    assert json.loads(line) == json.loads(json.dumps(record))  # equal after JSON's own joining of surrogates
    assert not harmful(line)


def test_json_stays_readable() -> None:
    assert json_line({"answer": "Grüße 文档", "bad": "\u202e\x7f\x1b"}) == (
        '{"answer": "Grüße 文档", "bad": "\\u202e\\u007f\\u001b"}'
    )
