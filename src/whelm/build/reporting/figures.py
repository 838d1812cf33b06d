"""The figures of a report. Each takes numbers and gives inline SVG, or "" where there is nothing to draw.

No string of a document reaches a figure: labels are names of stages, metrics, signals and outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from whelm.build.reporting.drawing import ACCENT, FAINT, INK, LINE, PAPER, SECOND, THIRD, WARN, draw, legend, whiskers
from whelm.build.reporting.verdict import RANKINGS

__all__ = ["alpha", "cost", "funnel", "ledger", "loss", "rankings", "refusal", "signals"]

_SHARE = PercentFormatter(1.0, decimals=0)
_RANKING_COLORS = {"text": FAINT, "dense": THIRD, "fused": SECOND, "reranked": ACCENT}
_METRICS = {"hit@1": "right document\nfirst (hit@1)", "hit@5": "among the first\nfive (hit@5)",
            "mrr": "mean reciprocal\nrank (mrr)", "ndcg@10": "order of the\nfirst ten (ndcg@10)"}  # fmt: skip


def ledger(outcomes: Mapping[str, int]) -> str:
    """Files by what became of them."""
    names = list(outcomes)

    def plot(axes: Sequence[Axes]) -> None:
        _bars(axes[0], names, list(outcomes.values()), [ACCENT if n == "parsed" else SECOND for n in names])

    return draw("ledger", "Files by what became of them", 40 + 24 * len(names), plot) if len(names) > 1 else ""


def funnel(steps: Sequence[tuple[str, int]], made: Sequence[tuple[str, int]]) -> str:
    """Files to documents on the left; passages and questions made of them on the right, on a scale of their own."""

    def plot(axes: Sequence[Axes]) -> None:
        for at, rows, title in zip(axes, (steps, made), ("files and documents", "made of them"), strict=True):
            _bars(at, [name for name, _ in rows], [count for _, count in rows], [ACCENT] * len(rows))
            at.set_title(title)

    height = 52 + 26 * max(len(steps), len(made))
    return draw("funnel", "From files to questions", height, plot, panels=(1, 2)) if steps and made else ""


def alpha(retriever: Mapping[str, Any]) -> str:
    """Quality over the weight of the vectors: the folder's questions, people's, and the two joined."""
    which, alphas = retriever.get("which"), retriever.get("alphas")
    if not alphas or which is None:
        return ""
    lines = [("people's questions", "prior", THIRD), ("this folder's questions", "own", SECOND),
             ("joined", "joined", ACCENT)]  # fmt: skip

    def plot(axes: Sequence[Axes]) -> None:
        at = axes[0]
        for label, name, color in lines:
            curve = (retriever.get(name) or {}).get(which)
            if curve:
                at.plot(alphas, curve, color=color, label=label, linewidth=2.4 if name == "joined" else 1.5)
        joined = (retriever.get("joined") or {}).get(which)
        if joined and retriever.get("alpha") in alphas:
            place = alphas.index(retriever["alpha"])
            at.plot(
                [alphas[place]],
                [joined[place]],
                "o",
                markersize=9,
                color=PAPER,
                markeredgecolor=ACCENT,
                markeredgewidth=2.4,
            )
            at.annotate("chosen", (alphas[place], joined[place]), (0, -20), textcoords="offset points", ha="center",
                        color=ACCENT, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5})  # fmt: skip
        at.set_xlabel("alpha: 0 is text search alone, 1 is vectors alone")
        at.set_ylabel("mean reciprocal rank")
        at.set_ylim(bottom=0)
        at.set_xlim(-0.02, 1.02)
        legend(at)

    return draw("alpha", "Quality of search over the weight of the vectors", 250, plot)


def signals(whole: Mapping[str, Any], without: Mapping[str, Mapping[str, Any]]) -> str:
    """What is lost when a family of signals is left out: right passage first, and telling what cannot be answered."""
    names = sorted(without, key=lambda n: without[n]["right_passage"], reverse=True)
    if not names:
        return ""

    def plot(axes: Sequence[Axes]) -> None:
        for at, key, title in zip(
            axes, ("right_passage", "refusal_auc"), ("right passage first", "AUC of refusing"), strict=True
        ):
            at.axvline(whole[key], color=ACCENT, linewidth=1.3)
            for y, name in enumerate(names):
                value = without[name][key]
                at.plot([whole[key], value], [y, y], color=SECOND, linewidth=3, alpha=0.55)
                at.plot([value], [y], "o", markersize=6, color=SECOND)
            at.plot([whole[key]], [len(names)], "o", markersize=7, color=ACCENT)
            at.set_title(title)
            at.xaxis.set_major_locator(MaxNLocator(3))
            at.xaxis.set_major_formatter(_SHARE if key == "right_passage" else FuncFormatter(lambda x, _: f"{x:g}"))
            at.margins(x=0.18, y=0.12)
            at.grid(False, axis="y")
        axes[0].set_yticks(range(len(names) + 1), [*(f"without {name}" for name in names), "all signals"])

    return draw(
        "signals", "What each family of signals adds", 66 + 22 * (len(names) + 1), plot, panels=(1, 2), sharey=True
    )


def loss(losses: Sequence[float], steps: int) -> str:
    """The loss of teaching the cross-encoder, and its running mean."""
    if len(losses) < 2:
        return ""
    at_steps = [steps * (number + 0.5) / len(losses) for number in range(len(losses))]
    window = max(1, len(losses) // 10)
    smooth = [
        sum(part) / len(part) for i in range(len(losses)) for part in [losses[max(0, i - window) : i + window + 1]]
    ]

    def plot(axes: Sequence[Axes]) -> None:
        axes[0].plot(at_steps, losses, color=FAINT, linewidth=1, alpha=0.5, label="loss")
        axes[0].plot(at_steps, smooth, color=ACCENT, label="running mean")
        axes[0].set_xlabel("step")
        axes[0].set_ylabel("loss (nats)")
        legend(axes[0])

    return draw("loss", "The loss of teaching the cross-encoder", 190, plot)


def refusal(answers: Mapping[str, Any], rightly: Mapping[str, Any] | None, wrongly: Mapping[str, Any] | None) -> str:
    """Right refusals against false ones for every threshold, the chosen one, and where it landed on test."""
    curve, threshold = answers.get("curve"), answers.get("threshold")
    if not curve or threshold is None or not any(point[1] for point in curve) or not any(point[2] for point in curve):
        return ""
    # the last point that the chosen threshold has passed
    chosen = max((point for point in curve if point[0] <= threshold), key=lambda point: point[0], default=curve[0])

    def plot(axes: Sequence[Axes]) -> None:
        at = axes[0]
        at.plot([0, 1], [0, 1], color=LINE, linewidth=1.2, linestyle=(0, (3, 3)), label="guessing")
        at.plot([p[1] for p in curve], [p[2] for p in curve], color=ACCENT, label="thresholds on tune")
        at.plot([chosen[1]], [chosen[2]], "o", markersize=9, color=PAPER, markeredgecolor=ACCENT, markeredgewidth=2.4,
                label=f"chosen ({threshold:.2f})", linestyle="none")  # fmt: skip
        if rightly and wrongly:
            x, y = wrongly["value"], rightly["value"]
            for metric, swap in ((wrongly, False), (rightly, True)):
                if metric.get("low") is not None and metric.get("high") is not None:
                    ends = [metric["low"], metric["high"]]
                    at.plot([x, x] if swap else ends, ends if swap else [y, y], color=SECOND, linewidth=1.6, alpha=0.75)
            at.plot([x], [y], "s", markersize=6.5, color=SECOND, label="on test", linestyle="none")
        at.set_xlabel("answerable questions refused (wrong)")
        at.set_ylabel("unanswerable ones refused (right)")
        for axis in (at.xaxis, at.yaxis):
            axis.set_major_formatter(_SHARE)
        at.set_xlim(-0.02, 1.02)
        at.set_ylim(-0.02, 1.04)
        legend(at)

    return draw("refusal", "Right refusals against false ones", 290, plot)


def rankings(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Four rankings of the same questions side by side, with their 95% intervals."""
    shown = [name for name in RANKINGS if f"{name}.hit@1" in metrics]
    if not shown:
        return ""
    groups = [name for name in _METRICS if any(f"{r}.{name}" in metrics for r in shown)]

    def plot(axes: Sequence[Axes]) -> None:
        at = axes[0]
        for group, metric in enumerate(groups):
            for place, ranking in enumerate(shown):
                if found := metrics.get(f"{ranking}.{metric}"):
                    whiskers(at, group + (place - (len(shown) - 1) / 2) * 0.19, dict(found), _RANKING_COLORS[ranking],
                             hollow=ranking == "text")  # fmt: skip
            if group:
                at.axhline(group - 0.5, color=LINE, linewidth=0.7)
        at.set_yticks(range(len(groups)), [_METRICS[name] for name in groups])
        at.invert_yaxis()
        at.grid(False, axis="y")
        at.xaxis.set_major_formatter(_SHARE)
        for ranking in shown:
            at.plot([], [], "o", label=ranking, color=PAPER if ranking == "text" else _RANKING_COLORS[ranking],
                    markeredgecolor=_RANKING_COLORS[ranking], markeredgewidth=1.4, markersize=6)  # fmt: skip
        low, high = at.get_xlim()
        at.set_xlim(max(-0.01, low), min(1.01, high))
        legend(at)

    return draw("rankings", "Rankings side by side with 95% intervals", 60 + 66 * len(groups), plot)


def cost(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Seconds and memory of each stage: measured as bars, what the planner said as marks."""
    rows = [(name, stage) for name, stage in stages.items() if stage.get("seconds") is not None]
    if not rows:
        return ""
    panels = (
        ("seconds", "seconds", 1.0, "seconds (log scale)"),
        ("peak_memory_bytes", "memory_bytes", 1e9, "peak memory (GB)"),
    )

    def plot(axes: Sequence[Axes]) -> None:
        for at, (key, guess, unit, title) in zip(axes, panels, strict=True):
            for y, (_, stage) in enumerate(rows):
                value = max(float(stage.get(key) or 0) / unit, 0.1 if key == "seconds" else 0.0)
                at.barh(y, value, height=0.56, color=LINE if stage.get("reused") else ACCENT)
                predicted = (stage.get("predicted") or {}).get(guess)
                if predicted:
                    at.plot([max(predicted / unit, 0.1)], [y], "|", color=WARN, markersize=14, markeredgewidth=2.4)
            at.set_title(title)
            at.grid(False, axis="y")
        axes[0].set_xscale("log")
        axes[0].set_xlim(left=0.1)
        axes[0].xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes[0].set_yticks(range(len(rows)), [name for name, _ in rows])
        axes[0].invert_yaxis()
        axes[1].xaxis.set_major_locator(MaxNLocator(3))

    return draw(
        "cost", "Time and memory of each stage against the plan", 60 + 22 * len(rows), plot, panels=(1, 2), sharey=True
    )


def _bars(at: Axes, names: Sequence[str], values: Sequence[int], colors: Sequence[str]) -> None:
    at.barh(range(len(names)), values, height=0.6, color=list(colors))
    for y, value in enumerate(values):
        at.annotate(f"{value:,}", (value, y), (5, 0), textcoords="offset points", va="center", color=INK)
    at.set_yticks(range(len(names)), list(names))
    at.invert_yaxis()
    at.set_xticks([])
    at.margins(x=0.22)
    at.grid(False)
    at.spines["bottom"].set_visible(False)
