"""Bytes to text: every charset that is promised, damage, and what may not reach a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.text.normalize import decode, normalize_newlines, normalize_text, visible

GERMAN = "Größe und Maße: für Übungen, „Straße“ – 5 €"
CHINESE = "这是一个测试文件，内容是中文。版本 3.5 发布了。"
RUSSIAN = "Это русский текст о том, как сохранить файл. Версия 3.5 вышла."
JAPANESE = "これは日本語のテキストです。ファイルを保存します。"
KOREAN = "이것은 한국어 문서입니다. 파일을 저장합니다."


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"plain", "plain", "utf-8"),
        (GERMAN.encode(), GERMAN, "utf-8"),
        (GERMAN.encode("utf-8-sig"), GERMAN, "utf-8"),
        (GERMAN.encode("utf-16"), GERMAN, "utf-16-le"),
        (b"\xfe\xff" + GERMAN.encode("utf-16-be"), GERMAN, "utf-16-be"),
        (GERMAN.encode("utf-32"), GERMAN, "utf-32-le"),
        (GERMAN.encode("utf-16-le"), GERMAN, "utf-16-le"),
        (GERMAN.encode("utf-16-be"), GERMAN, "utf-16-be"),
        (GERMAN.encode("cp1252"), GERMAN, "cp1252"),
        ("déjà vu, señor".encode("latin-1"), "déjà vu, señor", "cp1252"),
        ("die Höhe über dem Boden für".encode("cp1252"), "die Höhe über dem Boden für", "cp1252"),
        (RUSSIAN.encode("cp1251"), RUSSIAN, "cp1251"),
        (RUSSIAN.encode("koi8_r"), RUSSIAN, "koi8_r"),
        (CHINESE.encode("gb18030"), CHINESE, "gb18030"),
        (JAPANESE.encode("shift_jis"), JAPANESE, "shift_jis"),
        (JAPANESE.encode("euc_jp"), JAPANESE, "euc_jp"),
        (
            "這是一個測試文件，內容是中文。版本 3.5 發布了。".encode("big5"),
            "這是一個測試文件，內容是中文。版本 3.5 發布了。",
            "big5",
        ),
        (KOREAN.encode("euc_kr"), KOREAN, "euc_kr"),
    ],
)
def test_charsets(data: bytes, text: str, encoding: str) -> None:
    found = decode(data)
    assert (found.text, found.encoding) == (text, encoding)
    assert bool(found.note) == (encoding != "utf-8")


def test_damaged_utf8_stays_utf8() -> None:
    data = (GERMAN * 5).encode()
    found = decode(data[:40] + b"\xff" + data[40:])
    assert found.encoding == "utf-8" and "1 broken" in found.note
    assert found.text.count("ß") >= 9 and found.text.count("\ufffd") >= 1
    assert decode(GERMAN.encode("utf-16") + b"x").note.endswith("1 broken characters replaced")


def test_nul_and_newlines() -> None:
    found = decode(b"a\r\nb\rc\x00\n")
    assert found.text == "a\nb\nc\ufffd\n"
    assert "1 NUL" in found.note
    assert normalize_newlines("a\r\r\nb") == "a\n\nb"
    assert normalize_text("\ufeffx\ud800y") == "x\ufffdy"


@given(st.binary(max_size=200))
def test_any_bytes_decode_to_storable_text(data: bytes) -> None:
    text = decode(data).text
    assert text == normalize_text(text)  # idempotent
    text.encode("utf-8")
    assert "\r" not in text and "\x00" not in text


@given(st.text(max_size=100))
def test_utf8_round_trip(text: str) -> None:
    assert decode(text.encode("utf-8")).text == normalize_text(text)


def test_visible() -> None:
    assert visible("a\x1b[31mb\u202ec\tö\n字") == "a\\x1b[31mb\\u202ec\tö\n字"
    assert visible("\U000e0041\x9b\ud800") == "\\U000e0041\\x9b\\ud800"
    assert visible("abcdef", 3) == "abc…"
    assert visible("abc", 3) == "abc"
