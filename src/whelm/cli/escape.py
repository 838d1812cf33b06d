"""Make text from documents harmless on a terminal, and keep JSON one line that says the same.

A document may carry escape sequences that move the cursor or set the clipboard, and bidirectional overrides that show
a name in another order than it has. All control, format and surrogate characters (Unicode Cc, Cf, Cs, and the line
and paragraph separators) are written as `\\x1b`, `\\u202e`; what scripts need to be read, the two joiners and the soft
hyphen, stays. Invariant: `json.loads(json_line(record)) == record`, and neither form holds such a character.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

__all__ = ["json_line", "one_line", "tame_streams", "visible"]

_KEPT = frozenset("\u200c\u200d\u00ad")


@cache
def _dangerous() -> re.Pattern[str]:
    # one pass over all of Unicode takes 0.3 s, so only the planes that have such characters are looked at
    ranges = (range(0x3000), range(0xD800, 0xE000), range(0xFE00, 0x10000), range(0x11000, 0x13500),
              range(0x1BC00, 0x1D200), range(0xE0000, 0xE0080))  # fmt: skip
    found = [
        chr(code)
        for block in ranges
        for code in block
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and chr(code) not in _KEPT
    ]
    return re.compile("[" + "".join(re.escape(character) for character in found) + "]")


def visible(text: str) -> str:
    """The text with all but line feeds and tabs of the dangerous characters written out; for text of many lines."""
    return _dangerous().sub(lambda match: match[0] if match[0] in "\n\t" else _written(match[0]), text)


def one_line(text: str) -> str:
    """As `visible`, and line feeds and tabs written out too; for names, titles and messages."""
    return _dangerous().sub(lambda match: _written(match[0]), text)


def json_line(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON, readable in any script."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    # here they can only stand inside strings, where the escaped form means the same
    return _dangerous().sub(lambda match: json.dumps(match[0])[1:-1].replace("\x7f", "\\u007f"), line)


def _written(character: str) -> str:
    code = ord(character)
    names = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    if character in names:
        return names[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def tame_streams() -> None:
    """Let stdout and stderr take any text: what their encoding lacks is written out, pipes and files get UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
