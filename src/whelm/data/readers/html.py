"""HTML to readable Markdown-like text: the main part of a page, its headings, lists, tables and code.

Parsed by libxml2's forgiving parser without network, entities or scripts; then `html_content` chooses the part that
is the page's own and names what is furniture, and `html_writer` writes the rest in one pass over start and end events
(no recursion: nesting costs nothing). Where hardly anything would be left, the rules are loosened step by step, so that
an index page keeps its table of contents. About 5 MB/s.
"""

from __future__ import annotations

import re

from lxml import etree

from whelm.data.readers.encoding import decode
from whelm.data.readers.extract import Declined, Extract, Limits
from whelm.data.readers.html_content import Content
from whelm.data.readers.html_writer import write_markdown

__all__ = ["read_html"]

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,30})|<\?xml[^>]{0,100}?encoding=["']([\w.:-]{2,30})""",
    re.IGNORECASE,
)
_NESTING = re.compile(
    r"</?(?:div|span|font|b|i|u|em|strong|small|big|center|a|section|article|ul|ol|dl|dd|dt|table|tbody|tr|td|th|blockquote|[\w]+-[\w-]+)"
    r"\b[^<>]{0,2000}>",
    re.IGNORECASE,
)
_ENOUGH = 250  # characters; below this, a page's text may have been taken for furniture
_HARDLY_ANYTHING = 60


def read_html(content: bytes, name: str, limits: Limits) -> list[Extract]:
    """One text of the page's main part, titled by its first heading or `<title>`."""
    match = _CHARSET.search(content[:4096])
    declared = (match[1] or match[2]).decode("ascii", "ignore").lower() if match else ""
    if declared.startswith("utf-16"):  # a meta tag that can be read as bytes cannot be in UTF-16
        declared = "utf-8"
    text, note = decode(
        content,
        {"iso-8859-1": "cp1252", "latin1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}.get(declared, declared),
    )
    root, complete = _parse(text)
    if not complete:
        note = f"{note}; nested too deeply, read without most of its structure".lstrip("; ")
        root, _ = _parse(_NESTING.sub(" ", text))
    if root is None:
        if "<" in text and text.strip():
            raise Declined("unreadable", "no element of HTML was found in it")
        return [Extract(text, note=note)]
    written, heading = _write(root)
    title = heading or _title(root)
    extract = Extract(written, title=title, note=note)
    language = (root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "")[:2].lower()
    if language.isalpha():
        extract.metadata["html_language"] = language
    return [extract]


def _write(root: etree._Element) -> tuple[str, str]:
    """The text by the strictest rules that leave enough, and its first heading."""
    written, heading = write_markdown(Content(root, 3))
    for strictness, most in ((2, _ENOUGH), (1, _HARDLY_ANYTHING), (0, 1)):
        if len(written) >= most:
            break
        looser, first = write_markdown(Content(root, strictness))
        if len(looser) > 2 * len(written):
            written, heading = looser, first
    return written, heading


def _parse(text: str) -> tuple[etree._Element | None, bool]:
    """The root, and whether all was read: the parser gives up below some 2,000 levels."""
    # an encoding declaration contradicts a decoded text; NUL would end it
    text = re.sub(r"^\s*<\?xml[^>]{0,200}\?>", "", text).replace("\0", "\ufffd")
    if not text.strip():
        return None, True
    parser = etree.HTMLParser(
        recover=True, no_network=True, remove_comments=True, remove_pis=True, huge_tree=True, encoding="utf-8"
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.LxmlError:
        return None, True
    return root, not any("depth" in entry.message for entry in parser.error_log.filter_from_fatals())


def _title(root: etree._Element) -> str:
    for element in root.iter("title"):
        return " ".join("".join(element.itertext()).split())[:300]
    return ""
