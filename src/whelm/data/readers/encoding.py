"""Bytes to text: byte order marks, declared encodings, UTF-8, and what old files are written in; or "binary".

Order: a byte order mark; the declared encoding (HTML); UTF-8; UTF-16 without a mark; GB18030 where what comes out is
common Chinese; otherwise Windows-1252 for a file without valid UTF-8, and UTF-8 with replacement characters for one
that is mostly UTF-8. Newlines become "\\n"; nothing else changes. What was guessed or replaced goes to the ledger.
"""

from __future__ import annotations

import codecs
import re

from whelm.data.readers.extract import Declined

__all__ = ["decode", "normalize_newlines", "well_formed"]

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
]  # fmt: skip
_MAGIC = [
    (b"%PDF-", "a PDF"), (b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "gzip data"), (b"\x7fELF", "a program"),
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"), (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"), (b"\xd0\xcf\x11\xe0", "an old Office file"), (b"SQLite format 3", "a database"),
]  # fmt: skip
_CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"
_SURROGATES = re.compile("[\ud800-\udfff]")


def decode(content: bytes, declared: str = "") -> tuple[str, str]:
    """The text, and a note on what was odd; raises `Declined("binary")` for what is no text."""
    text, note = _decode(content, declared)
    return normalize_newlines(text), note


def normalize_newlines(text: str) -> str:
    """Line ends of any system as "\\n"."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def well_formed(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, as replacement characters."""
    return _SURROGATES.sub("\ufffd", text)


def _decode(content: bytes, declared: str) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), ""
            except UnicodeDecodeError:
                return content.decode(encoding, "replace").lstrip("\ufeff"), f"damaged {encoding}, marks where it is"
    head = content[:8192]
    if b"\0" in head:
        return _wide(content), "UTF-16 without a byte order mark"
    if b"\0" in content:  # far from the beginning: a log that a crash has cut, if they are few
        zeros = content.count(0)
        if zeros > 0.001 * len(content):
            raise Declined("binary", f"holds {zeros:,} zero bytes")
        text, note = _decode(content.replace(b"\0", b"?"), declared)
        return text, f"{note}; {zeros:,} zero bytes were replaced".lstrip("; ")
    for magic, what in _MAGIC:
        if content.startswith(magic) and _control_share(content) > 0.01:
            raise Declined("binary", f"holds {what} under the name of a text")
    if _control_share(content) > 0.1:
        raise Declined("binary", "more control characters than a text has")
    if declared:
        try:
            return content.decode(declared), ""
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        return _legacy(content)


def _control_share(content: bytes) -> float:
    sample = content if len(content) < 1 << 20 else content[: 1 << 19] + content[-(1 << 19) :]
    return (len(sample) - len(sample.translate(None, _CONTROLS))) / max(1, len(sample))


def _wide(content: bytes) -> str:
    """UTF-16 without a mark: the high byte of most characters is zero."""
    even, odd = content[:8192:2].count(0), content[1:8192:2].count(0)
    half = max(1, min(len(content), 8192) // 2)
    if max(even, odd) > 0.4 * half and min(even, odd) < 0.05 * half:
        try:
            return content.decode("utf-16-be" if even > odd else "utf-16-le")
        except UnicodeDecodeError:
            pass
    zeros = content.count(0)
    what = "nothing but zeros" if zeros == len(content) else f"{zeros:,} zero bytes"
    raise Declined("binary", f"holds {what}")


def _legacy(content: bytes) -> tuple[str, str]:
    replaced = content.decode("utf-8", "replace")
    bad = replaced.count("\ufffd")
    good = sum(1 for character in replaced[:200_000] if character > "\x7f" and character != "\ufffd")
    if good > bad:
        return replaced, f"{bad:,} places are not UTF-8 and were replaced"
    try:
        chinese = content.decode("gb18030")
        high = [character for character in chinese[:50_000] if character > "\u00ff"]
        common = sum(
            "\u4e00" <= character <= "\u9fff" or "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uff60"
            for character in high
        )
        pairs = sum(
            len(character.encode("gb18030")) == 2 and character.encode("gb18030")[0] < 0xD8 for character in high
        )
        if len(high) >= 4 and common > 0.9 * len(high) and pairs > 0.8 * len(high):
            return chinese, "read as GB18030"
    except (UnicodeDecodeError, UnicodeEncodeError):
        pass
    high_share = sum(byte > 0x7F for byte in content[:100_000]) / max(1, min(len(content), 100_000))
    if high_share > 0.3 and _control_share(content) > 0.02:
        raise Declined("binary", "neither UTF-8 nor a text in an older encoding")
    return content.decode("cp1252", "replace"), f"{bad:,} places are not UTF-8: read as Windows-1252"
