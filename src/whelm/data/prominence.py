"""How often the other documents of a folder speak of a document: people ask about what is spoken of.

prominence(d) = log(1 + number of other documents that name d) / log(1 + number of documents), between 0 and 1. A document is
named by its title or id when these are distinctive (several words, a dotted name or a file name). One pass over
the text with a set of names; linear in its length.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from whelm.core.types import Document

__all__ = ["prominence"]

_NAME = re.compile(r"[^\W\d]\w*(?:[.\-/]\w+)*")


def prominence(documents: Iterable[Document]) -> dict[str, float]:
    """document id -> share in [0, 1]; documents that nobody names are absent."""
    documents = list(documents)
    owner: dict[str, str | None] = {}
    for document in documents:
        for name in _names(document):
            # a name that two documents claim names neither
            owner[name] = document.id if owner.get(name, document.id) == document.id else None
    counts: Counter[str] = Counter()
    for document in documents:
        named: set[str] = set()
        for match in _NAME.finditer(document.text):
            found = owner.get(match[0])
            if found is not None:
                named.add(found)
        counts.update(named - {document.id})
    scale = math.log1p(len(documents)) or 1.0
    return {document: math.log1p(count) / scale for document, count in sorted(counts.items())}


def _names(document: Document) -> set[str]:
    file_name = document.id.rsplit("/", 1)[-1]
    names = {document.id, file_name, document.id.rsplit(".", 1)[0], file_name.rsplit(".", 1)[0]}
    if "." in document.title and " " not in document.title:
        # `shutil.copytree` is spoken of as `copytree`: the last part counts where no other document claims it
        names |= {document.title, document.title.rsplit(".", 1)[-1]}
    return {name for name in names if len(name) > 3}
