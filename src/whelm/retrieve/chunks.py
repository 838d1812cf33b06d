"""Documents to chunks: the spans that search returns and quotations are taken from.

Neighbouring blocks of one section are packed up to `target` characters; a list, a table or code that its
lead-in introduces may fill up to `maximum`. What is longer than `maximum` is split where it hurts least:
text at sentences, tables at rows, code at blank lines and then lines, lists at items.

    # Copying            \\
    Two functions do it:  |  one chunk: the heading, the lead-in and its list
    - copy ...            |
    - copytree ...       /
    ## Permissions       \\  the next one; its heading path is (Copying, Permissions)
    They are kept ...    /

Invariants: chunks are in order, do not overlap, cover every character that is not white space, and none is
longer than `maximum`. A chunk's id depends on its document and place alone. Cost: one pass over the blocks.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from whelm.core.errors import ConfigError
from whelm.core.types import Chunk, Document
from whelm.data.structure import Block, blocks
from whelm.text.sentences import sentences

__all__ = ["ChunkConfig", "chunk", "search_text", "title_text"]

_WHOLE = ("code", "list", "table")  # kept in one piece up to `maximum`
_CJK = ("zh", "ja", "ko")
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)]|[a-z][.)])[ \t]", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_TABLE_HEADER_LIMIT = 300  # a longer first row is not a header
_TABLE_LOOK_BACK = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkConfig:
    target: int = 900
    """Characters that a chunk is filled up to: about 200 tokens, what the small encoders read at once."""
    maximum: int = 1400
    """Characters that a chunk never exceeds."""
    smallest: int = 160
    """A last piece of a section that is shorter joins the chunk before it, where that fits."""
    parent: int = 4000
    """Characters of the passage around a chunk that a reader or writer may be shown."""
    cjk_scale: float = 0.5
    """Chinese, Japanese and Korean say about twice as much a character: their limits are scaled by this."""

    def __post_init__(self) -> None:
        if not 0 < self.smallest <= self.target <= self.maximum <= self.parent:
            raise ConfigError(
                f"chunk sizes must rise, 0 < smallest <= target <= maximum <= parent; found smallest={self.smallest}, "
                f"target={self.target}, maximum={self.maximum}, parent={self.parent}",
                "set the larger ones too, for example --set chunks.maximum=1400",
            )
        if not 0.1 <= self.cjk_scale <= 1:
            raise ConfigError(f"cjk_scale must lie in [0.1, 1], found {self.cjk_scale}")

    def scaled(self, language: str) -> ChunkConfig:
        """The limits for a document of this language."""
        if language not in _CJK or self.cjk_scale == 1:
            return self
        sizes = {
            name: max(1, int(getattr(self, name) * self.cjk_scale))
            for name in ("target", "maximum", "smallest", "parent")
        }
        return ChunkConfig(**sizes, cjk_scale=1.0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of one that was too long."""

    start: int
    end: int
    kind: str
    section: int  # counts headings: pieces of one section share it
    headings: tuple[str, ...]
    heading: bool


def chunk(document: Document, config: ChunkConfig | None = None) -> list[Chunk]:
    """The chunks of a document in order; a short document is one chunk, an empty one has none."""
    limits = (config or ChunkConfig()).scaled(document.language)
    found = [block for block in blocks(document) if document.text[block.start : block.end].strip()]
    if not found:
        return []
    pieces = [piece for block in _numbered(found) for piece in _split_block(document, block, limits)]
    first, last = pieces[0], pieces[-1]
    if last.end - first.start <= limits.target:
        groups = [pieces]
    else:
        groups = list(_join_small(_packed(pieces, document.text, limits), limits))
    return [_chunk_of(document, group, pieces, limits) for group in groups]


def search_text(chunk: Chunk, document: Document) -> str:
    """What is analyzed and embedded for a chunk: title, heading path, then its text.

    Parts of the path that open the text itself are not said twice. A later piece of a split table carries
    the table's first row, without which its cells mean nothing.
    """
    text = document.text[chunk.start : chunk.end]
    opening = text[:200].casefold()
    path = [part for part in _path(chunk, document) if not _says(opening, part.casefold())]
    lines = [" > ".join(path)] if path else []
    if chunk.kind == "table":
        header = _table_header(document.text, chunk)
        lines += [header] if header else []
    return "\n".join([*lines, text])


def title_text(chunk: Chunk, document: Document) -> str:
    """The names of a chunk: its document's title and its heading path. Matches here count extra."""
    return "\n".join(_path(chunk, document))


def _path(chunk: Chunk, document: Document) -> list[str]:
    title = document.title.strip() or PurePosixPath(document.id).stem
    path: list[str] = []
    for part in (title, *chunk.headings):
        if part and part not in path:
            path.append(part)
    return path


def _says(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def _numbered(found: Sequence[Block]) -> Iterator[tuple[int, Block]]:
    """Number the sections: every heading begins one."""
    section = 0
    for block in found:
        section += block.kind == "heading"
        yield section, block


def _split_block(document: Document, numbered: tuple[int, Block], limits: ChunkConfig) -> Iterator[_Piece]:
    section, block = numbered
    kind = block.kind if block.kind in _WHOLE else "text"
    spans: list[tuple[int, int]] = [(block.start, block.end)]
    if block.end - block.start > limits.maximum:
        spans = _split_span(document, block, limits)
    for start, end in spans:
        yield _Piece(start, end, kind, section, tuple(block.headings), block.kind == "heading")


def _split_span(document: Document, block: Block, limits: ChunkConfig) -> list[tuple[int, int]]:
    """Cut a block that is too long, coarse cuts first; each cut is tried only on what is still too long."""
    text = document.text

    def at_sentences(start: int, end: int) -> list[int]:
        return [start + s for s, _ in sentences(text[start:end], document.language or "en")]

    def at_items(start: int, end: int) -> list[int]:
        return [match.start() for match in _LIST_ITEM.finditer(text, start, end)]

    def at_blank_lines(start: int, end: int) -> list[int]:
        return [match.end() for match in _BLANK_LINE.finditer(text, start, end)]

    def at_lines(start: int, end: int) -> list[int]:
        return [start + match.end() for match in re.finditer("\n", text[start:end])]

    def at_words(start: int, end: int) -> list[int]:
        return [start + match.end() for match in re.finditer(r"\s+", text[start:end])]

    cuts: dict[str, list[Callable[[int, int], list[int]]]] = {
        "code": [at_blank_lines, at_lines, at_words],
        "table": [at_lines, at_words],
        "list": [at_items, at_sentences, at_words],
    }
    spans = [(block.start, block.end)]
    for cut in cuts.get(block.kind, [at_blank_lines, at_sentences, at_words]):
        spans = [
            part
            for start, end in spans
            for part in (
                _filled(text, start, end, cut(start, end), limits.target)
                if end - start > limits.maximum
                else [(start, end)]
            )
        ]
    return [part for start, end in spans for part in _hard_cut(text, start, end, limits.maximum)]


def _filled(text: str, start: int, end: int, cuts: Sequence[int], target: int) -> list[tuple[int, int]]:
    """Spans between cuts, each as full as `target` allows, without white space at their ends."""
    bounds = [start, *(cut for cut in cuts if start < cut < end), end]
    spans: list[tuple[int, int]] = []
    begin = start
    for here, following in zip(bounds[1:], [*bounds[2:], None], strict=True):
        if following is None or following - begin > target:
            spans.append((begin, here))
            begin = here
    return [span for span in (_trimmed(text, a, b) for a, b in spans) if span[0] < span[1]]


def _hard_cut(text: str, start: int, end: int, maximum: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, end, maximum):
        span = _trimmed(text, begin, min(end, begin + maximum))
        if span[0] < span[1]:
            yield span


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def _packed(pieces: Sequence[_Piece], text: str, limits: ChunkConfig) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    for piece in pieces:
        if group and not _fits(group, piece, text, limits):
            moved = _lead_in(group, piece, text, limits)
            yield group[: len(group) - len(moved)]
            group = moved
        group.append(piece)
    yield group


def _introduces(last: _Piece, piece: _Piece, text: str) -> bool:
    return piece.kind in _WHOLE and piece.section == last.section and text[last.end - 1] in ":："


def _lead_in(group: Sequence[_Piece], piece: _Piece, text: str, limits: ChunkConfig) -> list[_Piece]:
    """The last piece of a full group, where it introduces the next one and can go with it."""
    last = group[-1]
    others = any(not member.heading for member in group[:-1])
    goes = others and _introduces(last, piece, text) and piece.end - last.start <= limits.maximum
    return [last] if goes else []


def _fits(group: Sequence[_Piece], piece: _Piece, text: str, limits: ChunkConfig) -> bool:
    length = piece.end - group[0].start
    if all(member.heading for member in group):  # headings alone are no chunk: what follows joins them
        return length <= limits.maximum
    if piece.section != group[-1].section:
        return False
    return length <= (limits.maximum if _introduces(group[-1], piece, text) else limits.target)


def _join_small(groups: Iterator[list[_Piece]], limits: ChunkConfig) -> Iterator[list[_Piece]]:
    """A short last piece of a section goes back to the chunk before it."""
    held: list[_Piece] = []
    for group in groups:
        same = bool(held) and held[-1].section == group[0].section == group[-1].section
        if (
            same
            and group[-1].end - group[0].start < limits.smallest
            and (group[-1].end - held[0].start <= limits.maximum)
        ):
            held = [*held, *group]
            continue
        if held:
            yield held
        held = group
    yield held


def _chunk_of(document: Document, group: Sequence[_Piece], pieces: Sequence[_Piece], limits: ChunkConfig) -> Chunk:
    start, end = group[0].start, group[-1].end
    body = [piece for piece in group if not piece.heading] or list(group)
    by_kind: dict[str, int] = {}
    for piece in body:
        by_kind[piece.kind] = by_kind.get(piece.kind, 0) + piece.end - piece.start
    parent_start, parent_end = _parent(group, pieces, limits.parent)
    return Chunk(
        id=f"{document.id}@{start}-{end}",
        document=document.id,
        start=start,
        end=end,
        headings=_shared_path([piece.headings for piece in body]),
        page=bisect.bisect_right(document.page_starts, start) or None,
        parent_start=parent_start,
        parent_end=parent_end,
        kind=max(by_kind, key=lambda kind: (by_kind[kind], kind)),
    )


def _shared_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shared = paths[0]
    for path in paths[1:]:
        same = 0
        while same < min(len(shared), len(path)) and shared[same] == path[same]:
            same += 1
        shared = shared[:same]
    return shared


def _parent(group: Sequence[_Piece], pieces: Sequence[_Piece], size: int) -> tuple[int, int]:
    """The widest of: document, enclosing sections, section that fits `size`; else whole pieces around the chunk."""
    if pieces[-1].end - pieces[0].start <= size:
        return pieces[0].start, pieces[-1].end
    first = bisect.bisect_left(pieces, group[0].start, key=lambda piece: piece.start)
    last = first + len(group) - 1
    path = group[-1].headings
    for depth in range(len(path), -1, -1):
        first, last = _widened(pieces, first, last, path[:depth], size)
    return pieces[first].start, pieces[last].end


def _widened(pieces: Sequence[_Piece], first: int, last: int, path: tuple[str, ...], size: int) -> tuple[int, int]:
    """Take in pieces of the section `path`, one before and one after in turn, while `size` allows."""
    before = after = True
    while before or after:
        if before:
            low = first - 1
            before = (
                low >= 0 and pieces[low].headings[: len(path)] == path and pieces[last].end - pieces[low].start <= size
            )
            first -= before
        if after:
            high = last + 1
            after = (
                high < len(pieces)
                and pieces[high].headings[: len(path)] == path
                and pieces[high].end - pieces[first].start <= size
            )
            last += after
    return first, last


def _table_header(text: str, chunk: Chunk) -> str:
    """The first row of the table that a chunk continues, or nothing where the chunk begins it."""
    line_start = text.rfind("\n", 0, chunk.start) + 1
    if line_start == 0 or not text[max(0, line_start - 2) : line_start - 1].strip():
        return ""
    earliest = max(0, line_start - _TABLE_LOOK_BACK)
    begin = text.rfind("\n\n", earliest, line_start) + 1
    if begin == 0 and earliest > 0:
        return ""
    header = text[begin:line_start].lstrip("\n").partition("\n")[0].strip()
    own = text[chunk.start : chunk.end].partition("\n")[0]
    return header if "|" in header and "|" in own and len(header) <= _TABLE_HEADER_LIMIT else ""
