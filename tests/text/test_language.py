"""Language detection: held-out paragraphs, questions, and texts that tell nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.text.language import detect_language
from whelm.text.language_fit import fit, pieces, read_declaration

EIGHTEEN = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "ru", "tr", "zh", "ja", "ko"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I copy a folder with everything in it?", "en"),
        ("Wie kopiere ich einen Ordner mit allem, was darin ist?", "de"),
        ("Comment copier un dossier avec tout ce qu'il contient ?", "fr"),
        ("¿Cómo se copia una carpeta con todo lo que contiene?", "es"),
        ("Come si copia una cartella con tutto il contenuto?", "it"),
        ("Como é que se copia uma pasta com tudo o que contém?", "pt"),
        ("Hoe kopieer ik een map met alles wat erin zit?", "nl"),
        ("Hur kopierar jag en mapp med allt som finns i den?", "sv"),
        ("Jak skopiować katalog ze wszystkim, co w nim jest?", "pl"),
        ("Как скопировать папку со всем содержимым?", "ru"),
        ("Як скопіювати теку з усім, що в ній є?", "uk"),
        ("Πώς αντιγράφω έναν φάκελο;", "el"),
        ("如何复制一个文件夹？", "zh"),
        ("フォルダを丸ごとコピーするには？", "ja"),
        ("폴더 전체를 어떻게 복사하나요?", "ko"),
        ("मैं फ़ोल्डर की प्रतिलिपि कैसे बनाऊँ, यह बताइए", "hi"),
        ("كيف أنسخ مجلدا مع كل محتوياته؟", "ar"),
        ("איך מעתיקים תיקייה?", "he"),
        ("จะคัดลอกโฟลเดอร์อย่างไร", "th"),
        # names of programs and commands do not hide the language around them
        ("使用 apt install 命令安装 Debian package 之后", "zh"),
        ("Mit `git clone https://example.org/x.git` wird das Repository lokal geklont und danach gebaut.", "de"),
        ("Mit `this is the text that you will have to write with all the rest of it` geht es.", "de"),
    ],
)
def test_questions(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "12345 67.8",
        "x = foo(bar)[1]; y += 2",
        "os.path.join",
        "```\ndef f(x):\n    return x\n```",
        "::: --- |||",
    ],
)
def test_nothing_to_go_by_gives_the_default(text: str) -> None:
    assert detect_language(text) == "en"
    assert detect_language(text, default="de") == "de"


def test_source_code_counts_as_english() -> None:
    files = [file for file in resources.files("whelm").joinpath("text").iterdir() if file.name.endswith("e.py")]
    assert files
    assert {detect_language(file.read_text(encoding="utf-8")) for file in files} == {"en"}


def test_only_the_beginning_is_read() -> None:
    german = "Das ist ein deutscher Satz über Dateien und Ordner. " * 120
    assert detect_language(german + "This is English text about files. " * 10_000) == "de"


@given(st.text(max_size=300))
def test_any_text_gets_a_code(text: str) -> None:
    assert detect_language(text).isalpha()


def test_held_out_paragraphs(shared: Path) -> None:
    rows = list(read_declaration(shared / "data/langid_udhr/langid.jsonl.gz", held_out=True))
    chosen = [(language, text) for language, text in rows if language in EIGHTEEN]
    assert len({language for language, _ in chosen}) == 18
    assert _accuracy(chosen) >= 0.99
    assert _accuracy([(language, text[:50]) for language, text in chosen]) >= 0.97
    assert _accuracy([(language, text[:20]) for language, text in chosen]) >= 0.88


def test_texts_of_other_kinds(shared: Path) -> None:
    rows = list(_grounded(shared))[::3]
    assert _accuracy([(language, text) for language, text in rows if len(text) > 150]) >= 0.995
    assert _accuracy([(language, text) for language, text in rows if text.endswith(("?", "？"))]) >= 0.97


def _grounded(shared: Path) -> Iterator[tuple[str, str]]:
    for file in sorted((shared / "data/grounded_answers").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield from ((row["language"], passage["text"]) for passage in row["passages"])
            yield from ((row["language"], qa["question"]) for qa in row["qas"])


def _accuracy(rows: list[tuple[str, str]]) -> float:
    return sum(detect_language(text) == language for language, text in rows) / len(rows)


def test_the_weights_are_small_and_can_be_fitted_again() -> None:
    asset = resources.files("whelm").joinpath("assets", "text", "language.npz")
    assert len(asset.read_bytes()) < 200_000
    texts = {
        "en": ["the house and the garden of the people with all that they have"] * 3,
        "de": ["das Haus und der Garten der Leute mit allem, was sie haben"] * 3,
        "ru": ["дом и сад людей со всем, что у них есть"] * 3,
    }
    weights, bias, languages, groups = fit(texts, buckets=256, pieces_each=200, epochs=2)
    assert weights.shape == (256, 3) and bias.shape == (3,)
    assert (languages, groups) == (["en", "de", "ru"], ["latin", "latin", "cyrillic"])
    again = fit(texts, buckets=256, pieces_each=200, epochs=2)[0]
    assert weights.tolist() == again.tolist()


def test_pieces_are_whole_words() -> None:
    import numpy as np

    words = {"alpha", "beta", "gamma", "delta"}
    for piece in pieces(["alpha beta", "gamma delta " * 40], ["beta"], [], 50, np.random.default_rng(0)):
        assert set(piece.split()) <= words
