"""Writes the chosen part of a page as Markdown-like text, so that `structure` finds its blocks again.

One pass over start and end events with a small stack: headings become "#" lines, items "- " or "1. ", `pre` a fence,
data tables rows of cells between bars, `dl` terms with ": " definitions, and the signatures of documented objects
(Sphinx) headings below their section. Inline marks are dropped: a quotation should read as on the page. White space is
collapsed, and between two Chinese or Japanese characters a line end is none.
"""

from __future__ import annotations

import re

from lxml import etree

from whelm.data.readers.html_content import Content
from whelm.data.readers.html_table import ADMONITION, in_admonition, is_data_table, table_lines

__all__ = ["collapse", "write_markdown"]

_BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer "  # noqa: SIM905
    "form h1 h2 h3 h4 h5 h6 "
    "header hr html legend li main menu nav ol p pre section summary table tbody td tfoot th thead tr ul "
    "caption dir hgroup "
    "listing xmp plaintext option optgroup".split()
)
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_SPACE = re.compile("[ \t\n\r\f\u00a0\u2002-\u200a\u202f]+")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_CJK_BREAK = re.compile(
    "(?<=[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60])[ \t]*[\r\n][ \t\r\n]*(?=[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60])"
)
_OBJECT = re.compile(
    r"(?:^|\s)(?:py|c|cpp|js|rst|std|sig|function|method|class|attribute|data|exception|property|describe)(?:\s|$)"
)
_LANGUAGE = re.compile(r"(?:language|highlight|lang|brush)[-:]\s*([\w+#]+)")
_BREAK = "\v"  # <br>: survives the collapse of white space
_MAX_INDENT = 16


def write_markdown(content: Content) -> tuple[str, str]:
    """The text of `content.top`, and the text of its first heading."""
    writer = _Writer(content)
    writer.run()
    return "\n".join(writer.lines).strip("\n"), writer.title


def collapse(text: str) -> str:
    """Runs of white space as one space; none between CJK characters that a line end parts; breaks as line ends."""
    if not text.isascii():
        text = _CJK_BREAK.sub("", _INVISIBLE.sub("", text))
    text = _SPACE.sub(" ", text)
    if _BREAK in text:
        text = re.sub(r" ?\v ?", "\n", text)
        text = re.sub(r"\n{2,}", "\n", text)
    return text.strip()


class _Writer:
    def __init__(self, content: Content) -> None:
        self.content = content
        self.lines: list[str] = []
        self.title = ""
        self.title_level = 9
        self.inline: list[str] = []
        self.lists: list[list[int]] = []  # for each open list: [next number, or 0 for bullets]
        self.marker = ""  # of an item that has no text yet
        self.indents: list[int] = [0]
        self.prefix = ""  # title of an admonition, waiting for its text
        self.level = 1
        self.objects: list[int] = []  # heading levels of the open object descriptions
        self.tight = False  # the last line belongs to an item: the next item follows without a blank line

    def run(self) -> None:
        top = self.content.top
        walker = etree.iterwalk(top, events=("start", "end"))
        for event, element in walker:
            tag = element.tag
            if event == "start":
                if (element is not top and self.content.dropped(element)) or self._start(element, tag):
                    walker.skip_subtree()
                elif element.text:
                    self.inline.append(element.text)
            else:
                self._end(element, tag)
                if element is not top and element.tail:
                    self.inline.append(element.tail)
        self._flush()
        if self.prefix:
            self._emit(self.prefix)

    def _start(self, element: etree._Element, tag: str) -> bool:
        """Open an element; True where all of it has been written."""
        if tag not in _BLOCKS:
            return self._inline(element, tag)
        self._flush()
        if tag in ("pre", "listing", "xmp"):
            self._pre(element)
            return True
        if tag == "table":
            if is_data_table(element, self.content):
                self._emit_lines(table_lines(element, self.content))
                return True
        elif tag in ("ul", "ol", "menu", "dir"):
            start = element.get("start", "1")[:9]
            self.lists.append([int(start) if tag == "ol" and start.isdecimal() else int(tag == "ol")])
        elif tag == "li":
            self._open_item(element)
        elif tag == "dd":
            if self._is_object(element):
                self.indents.append(self.indents[-1])
            else:
                self.marker = ": "
                self.indents.append(self.indents[-1] + 2)
        return False

    def _end(self, element: etree._Element, tag: str) -> None:
        if tag not in _BLOCKS:
            if tag == "q":
                self.inline.append("”")
            return
        if tag in _HEADINGS and not self.content.dropped(element):
            self._heading(element, _HEADINGS[tag])
        elif tag == "dt" and self._is_object(element):
            text = self._take()
            if text:
                self._heading_line(text, min(6, self.level + 1 + self._object_depth(element)))
        elif tag == "dt":
            text = self._take().replace("\n", " ")
            if text:
                self._emit(text, tight=self._after_term())
                self.tight = True
        elif self._is_title(element):
            text = self._take().rstrip(":")
            self.prefix = f"{text}: " if text else ""
        else:
            self._flush()
        if self.content.dropped(element):
            return
        if tag in ("ul", "ol", "menu", "dir") and self.lists:
            self.lists.pop()
            if not self.lists:
                self.tight = False
        elif tag in ("li", "dd") and len(self.indents) > 1:
            self.indents.pop()
            self.marker = ""
        elif tag == "dl":
            self.tight = False

    def _inline(self, element: etree._Element, tag: str) -> bool:
        if tag == "br":
            self.inline.append(_BREAK)
        elif tag == "img":
            classes = element.get("class", "")
            if "math" in classes or "tex" in classes:
                self.inline.append(element.get("alt", "")[:2000])
        elif tag == "math":
            self.inline.append(element.get("alttext") or " ".join(element.itertext()))
            return True
        elif tag == "sup":
            text = "".join(element.itertext()).strip()
            if text.lstrip("-−+").isdigit() and next(element.iter("a"), None) is None and len(text) <= 3:
                self.inline.append("^")
        elif tag == "q":
            self.inline.append("“")
        elif "-" in tag:  # a custom element may be a block
            self._flush()
        return False

    def _open_item(self, element: etree._Element) -> None:
        numbers = self.lists[-1] if self.lists else [0]
        depth = min(_MAX_INDENT, self.indents[-1])
        if numbers[0]:
            value = element.get("value", "")[:9]
            if value.isdecimal():
                numbers[0] = int(value)
            self.marker = f"{numbers[0]}. "
            numbers[0] += 1
        else:
            self.marker = "- "
        self.indents.append(min(_MAX_INDENT, depth + len(self.marker)))

    def _heading(self, element: etree._Element, level: int) -> None:
        text = self._take().replace("\n", " ")
        if not text:
            return
        parent = element.getparent()
        if parent is not None and ADMONITION.search((parent.get("class") or "")[:200]):
            self.prefix = f"{text.rstrip(':')}: "
            return
        # the first heading of the highest level names the page, unless a higher one comes far below
        if level < self.title_level and (not self.title or len(self.lines) < 12):
            self.title, self.title_level = text[:300], level
        self.level = level
        self._heading_line(text, level)

    def _heading_line(self, text: str, level: int) -> None:
        self.marker = ""
        self.tight = False
        self._blank()
        self.lines.append("#" * level + " " + text.replace("\n", " "))

    def _is_title(self, element: etree._Element) -> bool:
        if element.tag == "th":
            table = next(element.iterancestors("table"), None)
            return table is not None and in_admonition(table)
        return element.tag in ("p", "div") and "admonition-title" in (element.get("class") or "")

    def _is_object(self, element: etree._Element) -> bool:
        """Whether a `dt` or `dd` describes a function, class or the like, as Sphinx writes them."""
        if element.tag == "dt" and "sig" in (element.get("class") or "").split():
            return True
        parent = element.getparent()
        names = (parent.get("class") or "")[:200] if parent is not None else ""
        return bool(_OBJECT.search(names)) and "glossary" not in names and "simple" not in names.split()

    def _object_depth(self, element: etree._Element) -> int:
        depth = 0
        for ancestor in element.iterancestors("dd"):
            depth += self._is_object(ancestor)
            if depth >= 4:
                break
        return depth

    def _pre(self, element: etree._Element) -> None:
        parts: list[str] = []
        walker = etree.iterwalk(element, events=("start", "end"))
        for event, inner in walker:
            if event == "start":
                if inner is not element and self.content.dropped(inner):
                    walker.skip_subtree()
                elif inner.tag == "br":
                    parts.append("\n")
                elif inner.text:
                    parts.append(inner.text)
            elif inner is not element and inner.tail:
                parts.append(inner.tail)
        text = "".join(parts).replace("\u00a0", " ").strip("\n").rstrip()
        if not text.strip():
            return
        fence = "```"
        while fence in text:
            fence += "`"
        language = ""
        for holder in (element, *element.iterchildren("code"), element.getparent()):
            if holder is not None and (match := _LANGUAGE.search((holder.get("class") or "")[:200])):
                language = match[1]
                break
        if language in ("default", "none", "text", "plaintext", "notranslate"):
            language = ""
        self._emit_lines([fence + language, *text.split("\n"), fence])

    def _take(self) -> str:
        text = collapse("".join(self.inline)) if self.inline else ""
        self.inline.clear()
        return text

    def _flush(self) -> None:
        if self.inline:
            text = self._take()
            if text:
                self._emit(self.prefix + text)
                self.prefix = ""

    def _after_term(self) -> bool:
        return self.tight and bool(self.lines)

    def _emit(self, text: str, tight: bool = False) -> None:
        self._emit_lines(text.split("\n"), tight)

    def _emit_lines(self, block: list[str], tight: bool = False) -> None:
        if not block:
            return
        indent = min(_MAX_INDENT, self.indents[-1])
        pad = " " * indent
        if self.marker:
            first = " " * max(0, indent - len(self.marker)) + self.marker
            if not self.tight:
                self._blank()
            self.tight = True
            self.marker = ""
        else:
            first = pad
            if not tight:
                self._blank()
            self.tight = indent > 0
        self.lines.append(first + block[0])
        self.lines.extend(pad + line if line else "" for line in block[1:])

    def _blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")
