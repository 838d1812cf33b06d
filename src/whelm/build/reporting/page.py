"""The record as one page: no script, nothing loaded, legible on a phone, in light and in dark.

The template prints values only through `_shown`, which makes control, zero-width and bidi characters visible; Jinja
escapes what remains. Our own SVG and style sheet are the only text that passes as it is (`Markup`).
"""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import jinja2
from markupsafe import Markup, escape

from whelm.build.reporting import figures
from whelm.build.reporting.cases import OUTCOMES
from whelm.build.reporting.material import Material
from whelm.build.reporting.verdict import RANKINGS, language_name, percent, span, used_ranking
from whelm.core.config import plain
from whelm.data.reading import OUTCOMES as LEDGER
from whelm.text.normalize import visible

__all__ = ["render_page"]

_FOLDER = Path(__file__).parent / "page"
_MOST_UNREAD = 12  # files of one outcome that are listed; the ledger holds all
_MOST_REASON = 200

KINDS = {
    "definition": "“What is …?”, from a sentence that defines something",
    "foreign": "people's questions about other matters, from the package; must be refused",
    "heading": "a heading, as a question where a rule can turn it into one",
    "instruction": "“How do I …?”, from a sentence that tells what something does",
    "keyword": "a few of a sentence's rarer words, as typed into a search box",
    "left-out": "asked while its document, and all that repeat it, are hidden; must be refused",
    "number": "“How many …?”, from a sentence with a number",
    "title": "the title of a document",
    "why": "“Why …?”, from a sentence that gives a reason",
}
ANSWERS = {
    "cited_first": ("right document cited first", "The first quotation comes from a document that answers; a refusal counts as a miss."),
    "citation_recall": ("right place quoted", "A quotation touches the very passage that the question was made from. Strict: another passage that answers as well counts as a miss."),
    "citation_precision": ("quotations that fit", "Of all quotations given, those that touch that passage."),
    "f1": ("overlap with the reference (F1)", "How many words the answer shares with the sentence that the question was made from; 1 is the same words."),
    "em": ("word for word (EM)", "The answer is the reference sentence, exactly."),
    "refused_rightly": ("refused rightly", "Of questions that the documents cannot answer."),
    "refused_wrongly": ("refused wrongly", "Of questions that the documents can answer."),
    "seconds": ("seconds an answer", "Median."),
}  # fmt: skip


def render_page(record: Mapping[str, Any], material: Material) -> str:
    """The HTML of the report."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, finalize=_shown,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "percent": percent, "span": span, "size": _size, "seconds": _seconds, "decimal": _decimal, "stem": _stem,
        "setting": _setting, "language": language_name, "ticked": _ticked,
    }  # fmt: skip
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        r=record,
        style=Markup(style),
        title=_title(record),
        figures=_figures(record, material),
        **_view(record, material),
    )


def _shown(value: Any) -> Any:
    return value if isinstance(value, Markup) else visible(str(value))


def _ticked(text: str) -> Markup:
    """Our own sentences, whose commands stand in backticks; escaped before anything is put around them."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(visible(text)))))


def _view(record: Mapping[str, Any], material: Material) -> dict[str, Any]:
    """What the template shows beside the record."""
    metrics = material.metrics("evaluation")
    used = used_ranking(metrics)
    taught = material.reader
    deep = taught.get("cross_encoder")
    return {
        "missing": material.missing,
        "counts": {name: material.counts(name) for name in record["stages"]},
        "metrics": metrics,
        "tiles": _tiles(metrics, used, material.answers.get("use", "quote")),
        "unread": _unread(material.ledger),
        "remarks": [row for row in material.ledger if row.get("outcome") == "parsed" and row.get("reason")][:_MOST_UNREAD],
        "num_files": len(material.ledger),
        "retriever": material.retriever,
        "answers": material.answers,
        "whole": _whole(taught),
        "deep": deep if isinstance(deep, dict) else {},
        "taught": taught,
        "no_steps": not (material.plan.get("numbers") or {}).get("package_steps", 1),
        "ranking": {n.removeprefix("weight "): m["value"] for n, m in material.metrics("reader").items() if n.startswith("weight ")},
        "rankings": {name: RANKINGS[name] for name in RANKINGS if f"{name}.hit@1" in metrics},
        "modes": [mode for mode in ("quote", "write") if f"{mode}.seconds" in metrics],
        "answer_rows": ANSWERS,
        "kinds": _kinds(material, metrics),
        "people": _people(material),
        "outcomes": Counter(_outcomes(material)),
        "outcome_words": OUTCOMES,
        "settings": _settings(record["config"]),
        "total_s": sum(s["seconds"] or 0 for s in record["stages"].values() if not s.get("reused")),
        "quoted_run": shlex.quote(record["run"]),
    }  # fmt: skip


def _figures(record: Mapping[str, Any], material: Material) -> dict[str, Markup]:
    """name -> SVG; "" where there is nothing to draw."""
    documents, index, questions = (material.counts(n) for n in ("documents", "index", "questions"))
    metrics = material.metrics("evaluation")
    use = material.answers.get("use", "quote")
    outcomes = {n.removeprefix("files "): c for n, c in documents.items() if n.startswith("files ")}
    steps = [("files found", sum(outcomes.values())), ("files read", outcomes.get("parsed", 0)),
             ("documents", documents.get("documents", 0)),
             ("without twins", documents.get("documents", 0) - documents.get("duplicates", 0))]  # fmt: skip
    made = [("passages", index.get("chunks", 0)), ("questions", questions.get("questions", 0)),
            ("… for teaching", _of_split(questions, "train")), ("… for tuning", _of_split(questions, "tune")),
            ("… for testing", _of_split(questions, "test"))]  # fmt: skip
    deep = material.reader.get("cross_encoder")
    deep = deep if isinstance(deep, dict) else {}
    drawn = {
        "ledger": figures.ledger(dict(sorted(outcomes.items(), key=lambda item: -item[1]))),
        "funnel": figures.funnel(steps if documents else [], made if index else []),
        "alpha": figures.alpha(material.retriever),
        "signals": figures.signals(_whole(material.reader).get("all", {}), _whole(material.reader).get("without", {})),
        "loss": figures.loss(deep.get("losses") or [], int(deep.get("steps") or 0)),
        "refusal": figures.refusal(
            material.answers, metrics.get(f"{use}.refused_rightly"), metrics.get(f"{use}.refused_wrongly")
        ),
        "rankings": figures.rankings(metrics),
        "cost": figures.cost(record["stages"]),
    }
    return {name: Markup(svg) for name, svg in drawn.items()}


def _whole(taught: Mapping[str, Any]) -> dict[str, Any]:
    """The cross-validated figures: per set of signals, and of the whole set with a family left out."""
    found = taught.get("cross_validated")
    rows = {n: v for n, v in found.items() if _is_figure(v)} if isinstance(found, dict) else {}
    raw = found.get("without") if isinstance(found, dict) else None
    without = {n: v for n, v in raw.items() if _is_figure(v)} if isinstance(raw, dict) else {}
    # what was left out was left out of the largest set
    whole: dict[str, Any] = next((rows[name] for name in ("cosine", "static", "words") if name in rows), {})
    return {"rows": rows, "without": without if whole else {}, "all": whole}


def _is_figure(value: Any) -> bool:
    return isinstance(value, dict) and {"right_passage", "refusal_auc", "n"} <= value.keys()


def _tiles(metrics: Mapping[str, Any], used: str, use: str) -> list[dict[str, Any]]:
    wanted = [(f"{used}.hit@1", "right document first"), (f"{used}.hit@5", "among the first five"),
              (f"{use}.refused_rightly", "refused rightly"), (f"{use}.refused_wrongly", "refused wrongly")]  # fmt: skip
    return [{"label": label, **metrics[name]} for name, label in wanted if name in metrics]


def _unread(ledger: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Files that gave no document, by outcome, with the reasons."""
    rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in ledger:
        if row.get("outcome") != "parsed":
            rows[str(row.get("outcome"))].append(row)
    return [
        {
            "outcome": outcome, "count": len(of), "means": LEDGER.get(outcome, ""), "more": max(0, len(of) - _MOST_UNREAD),
            "files": [{"path": str(r.get("path")), "reason": str(r.get("reason"))[:_MOST_REASON]} for r in of[:_MOST_UNREAD]],
        }
        for outcome, of in sorted(rows.items(), key=lambda item: -len(item[1]))
    ]  # fmt: skip


def _kinds(material: Material, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The folder's own kinds of questions: how many there are, how many were asked, how they fared."""
    rows = []
    for name, count in material.counts("questions").items():
        if not name.startswith("kind "):
            continue
        kind = name.removeprefix("kind ")
        base = kind.removesuffix("+everyday")
        words = KINDS.get(base, "") if kind == base else "the same, with everyday words in place of the document's"
        rows.append({"kind": kind, "count": count, "means": words, "metric": metrics.get(name),
                     "refuse": kind in ("foreign", "left-out")})  # fmt: skip
    return sorted(rows, key=lambda row: (row["refuse"], row["kind"]))


def _people(material: Material) -> list[dict[str, Any]]:
    """What is known about questions that people wrote: those of the package, its test fold left out."""
    rows: list[dict[str, Any]] = []
    prior, which = material.retriever.get("prior"), material.retriever.get("which")
    curve = prior.get(which) if isinstance(prior, dict) else None
    if curve and material.retriever.get("alpha") in material.retriever.get("alphas", ()):
        value = curve[material.retriever["alphas"].index(material.retriever["alpha"])]
        rows.append({"what": "right passage, mean reciprocal rank at the chosen alpha", "value": _decimal(value),
                     "n": material.counts("retriever-prior").get("questions")})  # fmt: skip
    whole = _whole(material.reader)["all"]
    if whole:
        rows.append({"what": "right passage of a set read first, cross-validated", "value": percent(whole["right_passage"]),
                     "n": whole["n"]})  # fmt: skip
        rows.append({"what": "telling what cannot be answered: AUC, 0.5 is guessing, 1 perfect",
                     "value": _decimal(whole["refusal_auc"]), "n": whole["n"]})  # fmt: skip
    return rows


def _outcomes(material: Material) -> list[str]:
    from whelm.build.reporting.cases import outcome_of

    return [outcome_of(case) for case in material.cases]


def _settings(config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(path, value, default) of every setting, as the command line names them."""
    from whelm.build.config import BuildConfig
    from whelm.build.reporting.record import flat

    defaults = flat(plain(BuildConfig()))
    return [(path, value, defaults.get(path)) for path, value in flat(config).items()]


def _of_split(counts: Mapping[str, int], split: str) -> int:
    return counts.get(f"{split} answerable", 0) + counts.get(f"{split} unanswerable", 0)


def _title(record: Mapping[str, Any]) -> str:
    return (
        "The documents of Python"
        if record["python_library"]
        else PurePath(record["folder"]).name or record["folder"] or "A run"
    )


def _size(value: float | None) -> str:
    if value is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.{1 if value < 10 * scale else 0}f} {unit}"
    return f"{value:.0f} B"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value >= 120:
        return f"{value / 60:.1f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _decimal(value: float | None, places: int = 2) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def _stem(path: str) -> str:
    """A source or a document, short: the last two parts."""
    parts = PurePath(path).parts
    return path if len(parts) <= 2 else "…/" + "/".join(parts[-2:])


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value == "" else str(value).lower() if isinstance(value, bool) else str(value)
