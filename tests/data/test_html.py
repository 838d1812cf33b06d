"""Pages to text: structure kept, furniture dropped, hostile markup harmless."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from whelm.data.readers.extract import Extract, Limits
from whelm.data.readers.html import read_html
from whelm.data.structure import text_blocks

PROSE = "This sentence is long enough to count as the text of a page, and it says something. " * 4


def page(body: str, head: str = "") -> Extract:
    return read_html(
        f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode(), "p.html", Limits()
    )[0]


def text(body: str) -> str:
    return page(body).text


def test_blocks() -> None:
    assert (
        text("<h1>A</h1><p>one\n two</p><h3>B <em>c</em></h3><p>x<br>y</p><hr>") == "# A\n\none two\n\n### B c\n\nx\ny"
    )
    assert text("<ul><li>a</li><li><p>b</p><p>c</p></li></ul><p>d</p>") == "- a\n- b\n\n  c\n\nd"
    assert text("<ol start=3><li>a<ul><li>b</ul><li>c</ol>") == "3. a\n   - b\n4. c"
    assert text("<dl><dt>term</dt><dd>meaning</dd></dl>") == "term\n: meaning"
    assert text('<pre><code class="language-py">if x:\n    y\n</code></pre>') == "```py\nif x:\n    y\n```"
    assert text("<pre>a ``` b</pre>") == "````\na ``` b\n````"
    assert text("<p>10<sup>6</sup> H<sub>2</sub>O <q>hi</q> <code>f(x)</code></p>") == "10^6 H2O “hi” f(x)"


def test_tables() -> None:
    rows = "<tr><th>A<th>B</tr><tr><td rowspan=2>x<td>1<br>2</tr><tr><td>3</tr>"
    assert (
        text(f"<table><caption>Cap</caption>{rows}</table>")
        == "Cap\n\n| A | B |\n| --- | --- |\n| x | 1 2 |\n| x | 3 |"
    )
    assert text("<table><tr><td><h2>Layout</h2><p>a</p></td><td><p>b</p></td></tr></table>") == "## Layout\n\na\n\nb"
    assert text('<table><tr><td colspan="999999999" rowspan="99999999">x</td><td>y</td></tr></table>').count("|") < 200


def test_furniture_is_dropped_and_the_main_part_kept() -> None:
    body = f"""<nav>NAV</nav><div class="sphinxsidebar">SIDE</div><header><a href=/>LOGO</a></header>
      <div class="body" role="main"><h1>Title<a class="headerlink" href="#t">¶</a></h1><p>{PROSE}</p>
      <div class="toc">TOC</div><aside class="footnote">a footnote</aside>
      <section id="comments"><h2>Comments</h2><p>On comments.</p>
      </section></div><footer>FOOT</footer><script>SCRIPT</script><p hidden>HIDDEN</p><!-- COMMENT -->"""
    found = page(body)
    assert found.title == "Title"
    for word in ("NAV", "SIDE", "LOGO", "TOC", "FOOT", "SCRIPT", "HIDDEN", "COMMENT", "¶"):
        assert word not in found.text, word
    assert "a footnote" in found.text and "On comments." in found.text and PROSE.strip() in found.text


def test_an_index_page_keeps_its_contents() -> None:
    links = "<ul><li><a href=a>First part</a><li><a href=b>Second</a></ul>"
    body = f'<div role="main"><h1>Docs</h1><div class="toctree-wrapper">{links}</div></div>'
    assert "First part" in text(body)
    assert "only this" in text("<nav>only this</nav>")


def test_misleading_classes_do_not_eat_the_page() -> None:
    for name in ("page with-sidebar", "has-nav", "menu", "sidebar-layout", "hidden-xs wrapper"):
        assert PROSE.strip() in text(f'<div class="{name}"><h1>T</h1>' + f"<p>{PROSE}</p>" * 6 + "</div>"), name


def test_documented_objects_become_headings() -> None:
    found = text(
        '<h1>mod</h1><dl class="py function"><dt class="sig">mod.f(<em>x</em>)</dt><dd><p>Does it.</p></dd></dl>'
        '<dl class="py class"><dt class="sig">class mod.C</dt><dd><dl class="py method"><dt class="sig">m()</dt><dd>M.'
    )
    assert found == "# mod\n\n## mod.f(x)\n\nDoes it.\n\n## class mod.C\n\n### m()\n\nM."
    paths = [block.headings for block in text_blocks(found, "html") if block.kind == "paragraph"]
    assert paths == [("mod", "mod.f(x)"), ("mod", "class mod.C", "m()")]


def test_notes_keep_their_label() -> None:
    assert (
        text('<div class="admonition note"><p class="admonition-title">Note</p><p>Mind it.</p></div>')
        == "Note: Mind it."
    )
    assert (
        text(
            '<div class="tip"><table><tr><td rowspan=2><img></td><th>Tip</th></tr><tr><td><p>Do.</p></td></tr></table>'
        )
        == "Tip: Do."
    )


def test_chinese_lines_join_without_space() -> None:
    assert text("<p>中文\n  段落 and\nwords</p>") == "中文段落 and words"


def test_charset_and_title() -> None:
    raw = '<head><meta charset="iso-8859-1"><title>Größe &amp; mehr</title></head><body><p>Käse € <i>x</i></p>'.encode(
        "cp1252"
    )
    found = read_html(raw, "a.html", Limits())[0]
    assert found.title == "Größe & mehr" and found.text == "Käse € x"
    assert page("<p>x</p>", "<title>Only <b>title</title>").title == "Only <b>title"
    assert read_html(b'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><a id="x"/>'
                     b"<p>f\xc3\xbcr</p></body></html>", "a.xhtml", Limits())[0].text == "für"  # fmt: skip


def test_hostile_markup() -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10))
    found = read_html(f"<!DOCTYPE html [{laughs}]><html><body><p>&l9; fine</p></body></html>".encode(), "x", Limits())[
        0
    ]
    assert len(found.text) < 2000 and "fine" in found.text
    external = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body><p>a &x; b</p></body></html>'
    assert "root:" not in read_html(external.encode(), "x", Limits())[0].text
    deep = page("<div>" * 50_000 + "bottom")
    assert "bottom" in deep.text
    lists = page("<ul><li>" * 3000 + "bottom")
    assert "bottom" in lists.text and len(lists.text) < 200_000
    assert "ok" in page("<title><script>alert(1)</script></title><p>ok</p>").text
    assert page("<p>" * 10_000 + "end").text.endswith("end")


def test_real_pages(shared: Path) -> None:
    """The labelled pages of trafilatura: what must be kept is (readers' comments aside), most that must go goes."""
    folder = shared / "data" / "html_trafilatura"
    kept = wanted = left = unwanted = 0
    for line in (folder / "expected.jsonl").read_text().splitlines():
        row = json.loads(line)
        found = re.sub(
            r"\W+", "", read_html(gzip.decompress((folder / row["file"]).read_bytes()), "x", Limits())[0].text
        )
        for label in row["with"]:
            wanted += 1
            kept += re.sub(r"\W+", "", label) in found
        for label in row["without"]:
            unwanted += 1
            left += re.sub(r"\W+", "", label) in found
    assert kept / wanted >= 0.97
    assert left / unwanted <= 0.33


@pytest.mark.parametrize("folder", ["docs_python_html", "docs_debian_reference_de"])
def test_documentation_pages_are_clean(shared: Path, folder: str) -> None:
    for path in sorted((shared / "data" / folder).rglob("*.html"))[::6]:
        found = read_html(path.read_bytes(), path.name, Limits())[0]
        raw = path.read_text()
        assert found.text.startswith("# ") and found.title
        assert "¶" not in found.text and "Show Source" not in found.text and "<div" not in found.text
        fences = sum(line.lstrip().startswith("```") for line in found.text.split("\n"))
        assert fences == 2 * len(re.findall(r"<pre\b", raw)), path
