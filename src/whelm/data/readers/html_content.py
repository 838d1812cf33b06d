"""Which part of a page is its own text: the rules for main content and for furniture.

The main part is what the page declares (`<main>`, `role=main`, one `<article>`, or the containers of Sphinx, MkDocs,
DocBook, MediaWiki, ...), as long as it holds a fair share of the page's text outside links; otherwise the smallest
element around most paragraphs, otherwise the body. Furniture is told by tag, role and class. Four strictnesses:
3 all rules; 2 keeps tables of contents; 1 keeps all but navigation; 0 drops only what is never shown.
"""

from __future__ import annotations

import re

from lxml import etree

__all__ = ["Content"]

_NEVER_SHOWN = frozenset(
    "script style noscript template svg canvas iframe object embed audio video map head input button select textarea "  # noqa: SIM905
    "datalist dialog rt rp progress meter link meta base param source track area frame frameset applet".split()
)
_NAVIGATION_ROLES = frozenset(
    "navigation banner search contentinfo complementary menu menubar toolbar dialog alertdialog tablist".split()  # noqa: SIM905
)
_MAIN_CLASSES = re.compile(
    r"(?:^|\s)(?:body|rst-content|md-content__inner|md-content|markdown-body|mw-parser-output|theme-doc-markdown|"
    r"entry-content|post-content|article-body|article-content|article__body|articlebody|article-text|story-body|"
    r"main-content|page-content|post-body|content-body|postarea|documentation|doc-content|docs-content|wiki-content|"
    r"contents-body|bodywrapper|story|post|hentry|maincontent|mainbody)(?:\s|$)",
    re.IGNORECASE,
)
_MAIN_IDS = frozenset(
    "main maincontent main-content content mw-content-text bodycontent content-main article readme "  # noqa: SIM905
    "primary page-content "
    "main_content doc-content documentation contentarea main-body".split()
)
# as a part of a name, between hyphens or underscores; never after "with", "has" or "no"
_FURNITURE_PART = re.compile(
    r"(?<!with-)(?<!with_)(?<!has-)(?<!has_)(?<!no-)(?<!no_)(?:^|(?<=[\s_-]))(?:nav|navbar|navheader|navfooter|navigation|navlinks|"
    r"topnav|sidenav|breadcrumbs?|crumbs?|sphinxsidebar\w*|sidebar|footer|masthead|topbar|menu|submenu|skip-?link|cookies?|consent|"
    r"gdpr|share|sharing|social|sociallinks|advert\w*|adsense|newsletter|pagination|pager|comments?-?(?:list|area|section|form)|"
    r"commentlist|disqus\w*|searchbox|search-?form|related-?(?:posts|articles|content|links|news|items|stories)|outbrain|taboola|"
    r"copybtn|copy-button|recommendations?|tagcloud)(?=$|[\s_-])",
    re.IGNORECASE,
)
# as a whole name only: parts of longer names say nothing ("field--label-hidden", "teaser-text")
_FURNITURE_NAMES = frozenset(
    "foot toolbar mobile-nav ads ad advertisement anzeige sponsor sponsors sponsored promo subscribe "  # noqa: SIM905
    "subscription signup prev-next "
    "prevnext rst-footer-buttons related related-topics recommended popular trending teasers teaser-list "
    "widget widgets comments "
    "comment-content comment-body respond reply login tags tag-list taglist post-tags entry-tags "
    "catlinks printfooter navbox "
    "mw-editsection mw-jump-link noprint sr-only visually-hidden visuallyhidden screen-reader-text "
    "screen-reader print-only "
    "modal popup overlay hidden invisible d-none version-switcher language-switcher theme-toggle "
    "edit-link edit-this-page edit-page "
    "linenos linenodiv line-numbers lineno gutter copyright colophon author-box bio entry-meta post-meta "
    "postmetadata entry-footer "
    "byline-share post-navigation nav-links wp-caption-overlay tooltip tooltiptext backlink navprev "
    "navnext up-link sourcelink "
    "indexlink md-source-file md-feedback feedback was-this-helpful helpful rating".split()
)
_CONTENTS = frozenset(
    "toc toctree-wrapper table-of-contents tableofcontents contents minitoc localtoc page-toc pagetoc toc-wrapper "  # noqa: SIM905
    "list-of-tables list-of-figures list-of-examples".split()
)
_KEPT = re.compile(
    r"(?:^|[\s_-])(?:admonition|note|warning|tip|footnote\w*|topic|callout|attention|important|definition|sig|highlight\w*|"
    r"source-?code|compound|section|chapter|sect\d|refentry|mdbook-content)(?:$|[\s_-])",
    re.IGNORECASE,
)
_ANCHOR = frozenset(
    "headerlink permalink anchor anchor-link hash-link anchorjs-link header-anchor heading-link self-link".split()  # noqa: SIM905
)
_BLOCKS_WITH_CLASS = frozenset(
    "div section ul ol table aside header footer p dl form details figure span li nav td small".split()  # noqa: SIM905
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SINGLE = ("p", "ul", "ol", "dl", "pre")  # a page's text is more than one of these
_PARAGRAPHS = frozenset({"p", "pre", "li", "dd", "td", "blockquote", "h1", "h2", "h3", "h4"})


class Content:
    """A parsed page: `top` is the element to write, `dropped(element)` says what to leave out of it."""

    def __init__(self, root: etree._Element, strictness: int) -> None:
        self.root = root
        self.strictness = strictness
        body = root.find("body")
        self.body = body if body is not None else root
        self.lengths: dict[etree._Element, int] = {}
        self.link_lengths: dict[etree._Element, int] = {}
        self._drops: dict[etree._Element, bool] = {}
        self._paragraph_count = sum(1 for _ in self.body.iter("p", "pre"))
        self._measure()
        self.top = self._main() if strictness >= 1 else self.body

    def dropped(self, element: etree._Element) -> bool:
        """Whether the element and all in it are left out."""
        known = self._drops.get(element)
        if known is None:
            known = self._drops[element] = self._is_dropped(element)
        return known

    def link_share(self, element: etree._Element) -> float:
        """Share of an element's text that lies in links."""
        return self.link_lengths.get(element, 0) / max(1, self.lengths.get(element, 0))

    def _measure(self) -> None:
        """Characters of text, and of text in links, of every element that is not dropped."""
        lengths, links = self.lengths, self.link_lengths
        walker = etree.iterwalk(self.body, events=("start", "end"))
        for event, element in walker:
            if event == "start":
                if self.dropped(element) and element is not self.body:
                    walker.skip_subtree()
                    lengths[element] = links[element] = -1
                else:
                    text = element.text
                    lengths[element] = len(text.strip()) if text else 0
                    links[element] = 0
                continue
            size = max(0, lengths[element])
            linked = size if element.tag == "a" else max(0, links[element])
            lengths[element] = size
            parent = element.getparent()
            if parent is not None and element is not self.body:
                tail = element.tail
                lengths[parent] += size + (len(tail.strip()) if tail else 0)
                links[parent] += linked

    def _is_dropped(self, element: etree._Element) -> bool:
        tag = element.tag
        if not isinstance(tag, str) or tag in _NEVER_SHOWN:
            return True
        attributes = element.attrib
        if not attributes:
            return (
                self.strictness >= 1 and tag in ("nav", "footer", "aside") and self._is_furniture_tag(element, "", "")
            )
        role = attributes.get("role", "")
        hidden = (
            "hidden" in attributes
            or attributes.get("aria-hidden") == "true"
            or ("style" in attributes and _HIDDEN_STYLE.search(attributes["style"][:500]) is not None)
        )
        if hidden and role != "tabpanel":
            return True
        if self.strictness == 0:
            return False
        names = attributes.get("class", "")[:300]
        # the id of a section is made from its title, and "comments" may be what it is about
        if tag != "section" and "section" not in names:
            names = f"{names} {attributes.get('id', '')[:100]}".strip()
        if tag == "a":
            marks = names.split()
            return any(mark in _ANCHOR for mark in marks) and sum(len(part) for part in element.itertext()) <= 3
        if role in _NAVIGATION_ROLES and tag not in ("main", "body"):
            return True
        if tag in ("nav", "footer", "aside", "header"):
            return self._is_furniture_tag(element, names, role)
        if not names or tag not in _BLOCKS_WITH_CLASS or self.strictness < 2:
            return False
        if not _CONTENTS.isdisjoint(names.lower().split()):
            return self.strictness >= 3
        if _KEPT.search(names):
            return False
        part = _FURNITURE_PART.search(names)
        if part is None and _FURNITURE_NAMES.isdisjoint(names.lower().split()):
            return False
        return not self._holds_most(element)

    def _is_furniture_tag(self, element: etree._Element, names: str, role: str) -> bool:
        tag = element.tag
        if tag == "header":
            return next(element.iter("h1", "h2"), None) is None and not _KEPT.search(names)
        if tag == "aside":
            return not _KEPT.search(names) and role != "note"
        if tag == "footer":
            parent = element.getparent()
            return parent is None or parent.tag not in ("blockquote", "figure")
        return True

    def _holds_most(self, element: etree._Element) -> bool:
        """A class may mislead ("page-with-sidebar"): what holds the main element or most paragraphs is no furniture."""
        if element.tag in ("ul", "ol", "span", "p", "li", "small"):
            return False
        if next(element.iter("main", "article"), None) is not None:
            return True
        if "nav" in (element.get("id") or "") + (element.get("class") or ""):
            return False
        inside = sum(1 for _ in element.iter("p", "pre"))
        return inside >= 4 and inside * 2 > self._paragraph_count

    def _main(self) -> etree._Element:
        total = max(1, self._own(self.body))
        declared: list[etree._Element] = []
        articles: list[etree._Element] = []
        known: list[etree._Element] = []
        for element in self.body.iter("main", "article", "div", "section", "td"):
            if self.lengths.get(element, 0) <= 0:
                continue
            if element.tag == "main" or element.get("role") == "main":
                declared.append(element)
            elif element.tag == "article":
                articles.append(element)
            elif (
                _MAIN_CLASSES.search((element.get("class") or "")[:200])
                or (element.get("id") or "").lower() in _MAIN_IDS
            ):
                known.append(element)
        for candidates, share in ((declared, 0.2), (articles, 0.4), (known, 0.5)):
            best = max(candidates, key=self._own, default=None)
            if best is not None and self._own(best) >= share * total:
                if candidates is declared:
                    # a declared main part may still hold one article beside lists of others
                    inner = max((a for a in articles if best in a.iterancestors()), key=self._own, default=None)
                    if inner is not None and self._own(inner) >= 0.6 * self._own(best):
                        return inner
                return best
        return self._densest(total)

    def _own(self, element: etree._Element) -> int:
        return self.lengths.get(element, 0) - self.link_lengths.get(element, 0)

    def _densest(self, total: int) -> etree._Element:
        """The smallest element that holds 70% of the text of paragraphs outside links."""
        paragraphs = 0
        for element in self.body.iter(*_PARAGRAPHS):
            if self.lengths.get(element, 0) > 40 and self.link_share(element) < 0.5:
                parent = element.getparent()
                if parent is None or parent.tag not in _PARAGRAPHS:
                    paragraphs += self._own(element)
        if paragraphs < 0.4 * total:
            return self.body
        top = self.body
        while True:
            inner = next((child for child in top if isinstance(child.tag, str) and child.tag not in _SINGLE
                          and self._own(child) >= 0.9 * total), None)  # fmt: skip
            if inner is None:
                return top
            top = inner
