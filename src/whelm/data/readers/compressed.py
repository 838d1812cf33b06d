"""Gzip, bounded: the text inside may neither pass the limit nor grow by a factor that no text reaches."""

from __future__ import annotations

import gzip
import io
import zlib

from whelm.data.readers.extract import Declined, Limits, megabytes

__all__ = ["decompress"]

_STEP = 1 << 20
_FREE = 8 << 20  # below this size the factor does not matter: a small table of repeated lines packs very well


def decompress(content: bytes, limits: Limits) -> bytes:
    """The bytes inside; raises `Declined` for damage and for bombs, having read no more than the limit."""
    parts: list[bytes] = []
    total = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while part := stream.read(_STEP):
                total += len(part)
                if total > limits.file_bytes:
                    raise Declined("too large", f"holds more than {megabytes(limits.file_bytes)}, the limit")
                if total > _FREE and total > limits.ratio * len(content):
                    raise Declined("too large", f"grows more than {limits.ratio}-fold: taken for a bomb")
                parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        raise Declined("unreadable", f"damaged gzip data: {error}") from error
    return b"".join(parts)
