"""Bytes to text, and text to something safe to show.

`decode` tries, in order: a byte order mark, UTF-16/32 without one (told by where the zero bytes lie), UTF-8, then
UTF-8 with a few broken bytes, East Asian and Cyrillic charsets where the text they give is plausible, and last cp1252
(Western European), which fits anything. What was done besides plain UTF-8 is said in `note`.

Invariant: `normalize_text` is what every offset refers to. It changes newlines, a leading byte order mark, NUL and
lone surrogates (which neither SQLite nor UTF-8 can hold), and nothing else; it is idempotent. Cost: linear.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

__all__ = ["Decoded", "decode", "normalize_newlines", "normalize_text", "visible"]

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# control characters but tab and newline; separators that look like newlines; zero-width, bidi and tag characters
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Characters that tell a charset: kana for the Japanese ones, Hangul for the Korean one (Chinese read as it gives about
# 60%), the most frequent characters for the Chinese ones
_EAST_ASIAN = {
    "shift_jis": "[\u3041-\u30fc]",
    "euc_jp": "[\u3041-\u30fc]",
    "euc_kr": "[\uac00-\ud7a3]",
    "gb18030": "[的一是不了在有人这中大为个上我以要他时来用们到，。]",
    "big5": "[的一是不了在有人這中大為個上我以要他時來用們到，。]",
}
_SAMPLE = 65_536  # bytes or characters that a guess looks at


class Decoded(NamedTuple):
    """Text with normalized newlines, the encoding it was read as, and what had to be done ("" for clean UTF-8)."""

    text: str
    encoding: str
    note: str


def normalize_newlines(text: str) -> str:
    """CR LF and lone CR become LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def normalize_text(text: str) -> str:
    """Newlines normalized, leading byte order marks out, NUL and lone surrogates replaced by U+FFFD."""
    text = normalize_newlines(text.lstrip("\ufeff"))
    # C-speed tests first: clean text, the rule, pays for no pass of the regular expression
    if "\x00" in text or not _encodable(text):
        text = _UNSTORABLE.sub("\ufffd", text)
    return text


def decode(data: bytes) -> Decoded:
    """The text of a file; never fails. Whether it is text at all is for the caller to judge."""
    text, encoding, note = _decode(data)
    if "\x00" in text:
        note = "; ".join(filter(None, (note, f"{text.count(chr(0))} NUL characters replaced")))
    return Decoded(normalize_text(text), encoding, note)


def visible(text: str, limit: int = 0) -> str:
    """For terminals, logs and messages: control, bidi and zero-width characters as \\x1b, \\u202e; cut at `limit`."""
    shown = text[:limit] if limit else text
    shown = _UNSAFE.sub(lambda match: _escaped(match[0]), shown)
    return shown + "…" if limit and len(text) > limit else shown


def _decode(data: bytes) -> Decoded:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            note = "" if encoding == "utf-8" else f"read as {encoding} by its byte order mark"
            return _lenient(data[len(mark) :], encoding, note)
    if wide := _wide_encoding(data):
        return _lenient(data, wide, f"read as {wide} by its zero bytes")
    try:
        return Decoded(data.decode("utf-8"), "utf-8", "")
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    # a sequence of UTF-8 seldom arises by chance: with many of them and few errors it is UTF-8 that was damaged
    if _count_non_ascii(text) - broken > 4 * broken:
        return Decoded(text, "utf-8", f"not valid UTF-8: {broken} broken bytes replaced")
    if encoding := _east_asian_encoding(data):
        return Decoded(data.decode(encoding), encoding, f"not UTF-8: read as {encoding}")
    if encoding := _cyrillic_encoding(data):
        return Decoded(data.decode(encoding, errors="replace"), encoding, f"not UTF-8: read as {encoding}")
    # the five bytes that cp1252 leaves undefined become U+FFFD
    return Decoded(data.decode("cp1252", errors="replace"), "cp1252", "not UTF-8: read as cp1252 (Western European)")


def _lenient(data: bytes, encoding: str, note: str) -> Decoded:
    text = data.decode(encoding, errors="replace")
    if broken := text.count("\ufffd") - data.decode(encoding, errors="ignore").count("\ufffd"):
        note = "; ".join(filter(None, (note, f"{broken} broken characters replaced")))
    return Decoded(text, encoding, note)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 or UTF-32 without a mark: ASCII letters leave zero bytes at every second or fourth place."""
    sample = data[: _SAMPLE - _SAMPLE % 4]
    sample = sample[: len(sample) - len(sample) % 4]
    if len(sample) < 8 or len(data) % 2 or b"\x00" not in sample:
        return ""
    quarter = len(sample) // 4
    zeros = [sample[place::4].count(0) / quarter for place in range(4)]
    filled, empty = 0.3, 0.7  # filled: at most this share of zeros; empty: at least
    shape = "".join("0" if z >= empty else "x" if z <= filled else "?" for z in zeros)
    return {"x000": "utf-32-le", "000x": "utf-32-be", "x0x0": "utf-16-le", "0x0x": "utf-16-be"}.get(shape, "")


def _east_asian_encoding(data: bytes) -> str:
    """The charset that fits without an error and gives text as such languages have it; "" where none does."""
    shares: dict[str, float] = {}
    for encoding, telling in _EAST_ASIAN.items():
        try:
            text = data.decode(encoding)[:_SAMPLE]
        except UnicodeDecodeError:
            continue
        beyond = len(re.findall("[^\x00-\x7f]", text))
        if beyond:
            shares[encoding] = len(re.findall(telling, text)) / beyond
    for encoding, least in (("shift_jis", 0.2), ("euc_jp", 0.2), ("euc_kr", 0.85)):
        if shares.get(encoding, 0.0) > least:
            return encoding
    chinese = max((name for name in ("gb18030", "big5") if name in shares), key=shares.__getitem__, default="")
    # Western text read so gives rare characters: an accented letter swallows the letter that follows
    return chinese if chinese and shares[chinese] > 0.02 else ""


def _cyrillic_encoding(data: bytes) -> str:
    """Most letters are not ASCII, and in one of these charsets most of them are frequent small ones; "" if not."""
    sample = data[:_SAMPLE]
    beyond = sum(map(len, re.findall(b"[\x80-\xff]+", sample)))
    if beyond <= sum(map(len, re.findall(b"[A-Za-z]+", sample))):
        return ""
    shares = {
        encoding: len(re.findall("[оеаинтсрвлкдму]", sample.decode(encoding, errors="replace"))) / beyond
        for encoding in ("cp1251", "koi8_r")
    }
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] > 0.5 else ""


def _count_non_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", errors="ignore"))


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
