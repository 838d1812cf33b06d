"""Lone surrogates, which odd files bring into a `str`, have no UTF-8 and make the library `tokenizers` fail.

Each becomes U+FFFD, so the number of characters, and with it every offset, stays. Cost: one pass over texts that are
not ASCII.
"""

from __future__ import annotations

import re

__all__ = ["without_surrogates"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """The text with U+FFFD in place of each lone surrogate."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text
