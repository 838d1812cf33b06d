"""The analyzer: what becomes of each kind of word, and the invariants on any text."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.text.analyzer import SNOWBALL, Analyzer, analyzer_for


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("How can I copy the folders?", ["copi", "folder"]),
        ("what which who does do can", []),
        ("os.path.join(x)", ["os.path.join", "os", "path", "join", "x"]),
        ("copyTree", ["copytre", "copi", "tree"]),
        ("copy_tree copytree", ["copytre", "copi", "tree", "copytre"]),
        ("parseXMLFile", ["parsexmlfil", "pars", "xml", "file"]),
        ("HTTPServer URLs", ["httpserver", "http", "server", "url"]),
        ("__init__ _private __", ["init", "privat"]),
        ("--no-deps re-run", ["nodep", "no", "dep", "rerun", "re", "run"]),
        ("utf-8 UTF8", ["utf8", "utf", "8", "utf8", "utf"]),
        ("15s 3.12 3.12.1 1,000 2,500,000", ["15s", "3.12", "3.12.1", "1000", "2500000"]),
        ("2024-05-01", ["2024-05-01", "2024", "05", "01"]),
        ("1,2,3", ["1", "2", "3"]),
        ("Python's don't O'Reilly it’s", ["python", "oreilli"]),
        ("C++ C# std::vector", ["c++", "c#", "std::vector", "std", "vector"]),
        ("the `with` statement", ["with", "statement"]),
        ("the U.S.A., e.g. here", ["usa"]),
        ("IT staff of the US", ["it", "staff", "us"]),
        ("Café naïve ﬁle ＡＢＣ", ["cafe", "naiv", "file", "abc"]),
        ("/usr/local/bin?x=y_z", ["usr", "local", "bin", "x", "yz", "y", "z"]),
        ("Zoe\u0301 soft\u00adware", ["zoe", "softwar"]),
    ],
)
def test_english(text: str, tokens: list[str]) -> None:
    assert analyzer_for("en").tokens(text) == tokens


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("de", "für Straßen, Häuser und Überraschungen", ["strass", "haus", "uberrasch"]),
        ("de", "1.000 und 3,5", ["1000", "3.5"]),
        ("de", "Debian-Häuser", ["debianhaus", "debian", "haus"]),
        ("fr", "l'eau qu’il aujourd’hui réalisées", ["eau", "aujourdhui", "realis"]),
        ("it", "dell'amico", ["amic"]),
        ("tr", "Türkiye'nin", ["turki"]),
        ("ru", "Ещё файлы", ["файл"]),
        ("zh", "使用packages安装", ["使用", "packag", "安装"]),
        ("zh", "数据库 是", ["数据", "据库", "是"]),
        ("ja", "データベース", ["デー", "ータ", "タベ", "ベー", "ース"]),
        ("ja", "ﾃﾞｰﾀ", ["デー", "ータ"]),
        ("ko", "한국어 책", ["한국", "국어", "책"]),
        ("th", "ภาษา", ["ภา", "าษ", "ษา"]),
        ("xx", "Running the Tests", ["running", "the", "tests"]),
    ],
)
def test_other_languages(language: str, text: str, tokens: list[str]) -> None:
    assert analyzer_for(language).tokens(text) == tokens


def test_questions_meet_documents() -> None:
    """What a person types finds what the document spells otherwise."""
    analyzer = analyzer_for("en")
    for asked, written in [
        ("copytree", "shutil.copytree()"),
        ("copytree", "copyTree"),
        ("join paths", "os.path.join"),
        ("email", "e-mail"),
        ("utf8", "UTF-8"),
        ("python", "Python3"),
        ("timeouts", "timeout"),
        ("resume", "Résumé"),
        ("to_string", "toString"),
    ]:
        assert set(analyzer.tokens(asked)) & set(analyzer.tokens(written)), (asked, written)
    german = analyzer_for("de")
    assert set(german.tokens("Ueberraschung")) == set(german.tokens("Überraschung"))


def test_words_say_where() -> None:
    text = "Use os.path.joinAll for 数据库"
    spans = [(token, text[start:end]) for token, start, end in analyzer_for("en").words(text)]
    assert spans == [
        ("use", "Use"),
        ("os.path.joinall", "os.path.joinAll"),
        ("os", "os"),
        ("path", "path"),
        ("joinal", "joinAll"),
        ("join", "join"),
        ("数据", "数据"),
        ("据库", "据库"),
    ]


ODD = st.text(st.sampled_from("abZ_.-'’:,19 #+é\u0301数ーｶﾞ한्हि`\"/\n\u00adİßǅ\ufb01")) | st.text()


@given(ODD, st.sampled_from(["en", "de", "fr", "tr", "zh", "ru", "el", "xx"]))
def test_invariants(text: str, language: str) -> None:
    analyzer = analyzer_for(language)
    words = analyzer.words(text)
    assert [token for token, _, _ in words] == analyzer.tokens(text) == Analyzer(language).tokens(text)
    for token, start, end in words:
        assert token and not token.isspace() and 0 <= start < end <= len(text)


def test_every_stemmer_exists() -> None:
    for language in SNOWBALL:
        assert analyzer_for(language).tokens("Abc абв") == analyzer_for(language).tokens("Abc абв")


@pytest.mark.parametrize("unit", ["a", "a'", "a.", "aB", "_", "a_", "1,", "`", "数", "\u0301a", "a-\u00ad", "''a"])
def test_hostile_text_takes_linear_time(unit: str) -> None:
    analyzer = Analyzer("fr")
    begin = time.process_time()
    tokens = analyzer.tokens(unit * 100_000)
    assert time.process_time() - begin < 6  # about 0.3 s; quadratic work would take minutes
    assert max(map(len, tokens), default=0) <= 128
    assert sum(map(len, analyzer._words)) < 10_000  # nothing huge stays in the cache


def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whelm.text.analyzer._CACHED_SURFACES", 100)
    analyzer = Analyzer("en")
    text = " ".join(f"word{number}" for number in range(1000))
    assert len(analyzer.tokens(text)) == 2000
    assert len(analyzer._words) <= 100 and len(analyzer._tokens) <= 100


def test_threads_share_one_analyzer() -> None:
    text = " ".join(f"running{chr(97 + i % 26)}{chr(97 + i // 26 % 26)} stations" for i in range(2000))
    expected = Analyzer("en").tokens(text)
    shared, found = Analyzer("en"), []
    threads = [threading.Thread(target=lambda: found.append(shared.tokens(text))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
