"""Small inline SVG from matplotlib, in the page's own colours and fonts.

Text stays text (`svg.fonttype: none`) and takes the page's font; colours are written as marks (#000001 ...) and
replaced by the page's CSS variables, so that one drawing is legible in light and in dark. Names inside a drawing get
its own prefix, since all of them share one page. No date, no address, nothing that loads: equal numbers give equal bytes.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["ACCENT", "FAINT", "INK", "LINE", "PAPER", "SECOND", "THIRD", "WARN", "draw", "legend", "whiskers"]

INK, FAINT, LINE, PAPER, ACCENT, SECOND, THIRD, WARN = (f"#00000{digit}" for digit in range(1, 9))
_VARIABLES = ("ink", "faint", "line", "card", "accent", "second", "third", "warn")
_WIDTH = 430  # units; the page shows one as 1.3 pixels on a desk and as 0.8 on a phone
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "whelm", "font.size": 10.5, "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"], "text.color": INK, "text.parse_math": False, "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT, "axes.titlesize": 10.5, "axes.titlecolor": INK, "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": LINE,
    "grid.linewidth": 0.7, "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": FAINT, "ytick.labelcolor": INK,
    "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "legend.frameon": False, "legend.fontsize": 10,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "lines.linewidth": 2,
    "lines.solid_capstyle": "round", "axes.unicode_minus": False, "path.simplify": True,
}  # fmt: skip


def draw(
    name: str, label: str, height: int, plot: Callable[[Sequence[Axes]], None],
    panels: tuple[int, int] = (1, 1), sharey: bool = False, ratios: Sequence[float] = (),
) -> str:  # fmt: skip
    """The SVG of one figure. name: prefix of its ids; label: what a reader who cannot see it is told."""
    with mpl.rc_context(cast(Any, _STYLE)):
        figure = Figure(figsize=(_WIDTH / 72, height / 72), layout="constrained")
        grid = {"width_ratios": list(ratios)} if ratios else {}
        axes = figure.subplots(*panels, sharey=sharey, squeeze=False, gridspec_kw=grid)
        plot(list(axes.flat))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(buffer.getvalue(), name, label)


def whiskers(axes: Axes, y: float, metric: dict[str, float | None], color: str, hollow: bool = False) -> None:
    """A value as a dot, its 95% interval as a line through it."""
    value, low, high = metric["value"] or 0.0, metric.get("low"), metric.get("high")
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=color, linewidth=1.6, alpha=0.75, zorder=2)
    axes.plot([value], [y], "o", markersize=6, color=PAPER if hollow else color, markeredgecolor=color,
              markeredgewidth=1.4, zorder=3)  # fmt: skip


def legend(axes: Axes) -> None:
    """Above the drawing, where it hides nothing."""
    axes.figure.legend(loc="outside upper left", ncols=4, handlelength=1.4, columnspacing=1.3, borderaxespad=0.2)


def _inline(svg: str, name: str, label: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.S)
    box = re.search(r'viewBox="([^"]*)"', body)
    start = f'<svg class="plot" viewBox="{box[1] if box else ""}" role="img" aria-label="{html.escape(label)}">'
    body = re.sub(r"^<svg[^>]*>", lambda _: start, body)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # nothing refers to groups
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace('xlink:href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    # one release writes the shorthand, another the longhand: the size stays, the family is the page's
    body = re.sub(r"font: (?:\d{3} )?([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"#00000([1-8])\b", lambda m: f"var(--{_VARIABLES[int(m[1]) - 1]})", body)
    return re.sub(r"\n\s*", "\n", body).strip()
