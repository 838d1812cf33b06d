"""The verdict: three plain sentences computed from the numbers, and nothing that the numbers do not say.

    1. how often the right document is found and cited, on test questions, with the 95% interval
    2. what is refused rightly and wrongly, against the rate that was aimed at
    3. what won against what; the simple baseline, BM25 text search alone, is named, and named the winner where it is

A difference counts where each value lies outside the other's 95% interval; otherwise it "lies within the interval".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whelm.build.reporting.material import Material
from whelm.hub.weights import STATIC

__all__ = ["LANGUAGES", "RANKINGS", "differs", "language_name", "percent", "span", "verdict", "used_ranking"]

RANKINGS: dict[str, str] = {
    "text": "BM25 text search alone",
    "dense": "vectors alone",
    "fused": "text search and vectors fused",
    "reranked": "search and reader together",
}
LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip
_FEW = 30  # questions; below this a 95% interval of a share is wider than a third

_BASELINE = "the simple baseline, BM25 text search alone"

_Metric = Mapping[str, Any]


def verdict(material: Material) -> list[str]:
    """Three sentences."""
    metrics = material.metrics("evaluation")
    return [_found(material, metrics), _refused(material, metrics), _won(material, metrics)]


def used_ranking(metrics: Mapping[str, _Metric]) -> str:
    """The ranking that answers are drawn from, as far as it was measured."""
    return next((name for name in ("reranked", "fused", "dense") if f"{name}.hit@1" in metrics), "text")


def differs(one: _Metric, other: _Metric) -> bool:
    """Whether two measured shares differ by more than their 95% intervals explain."""
    return not (_covers(one, other["value"]) or _covers(other, one["value"]))


def language_name(code: str) -> str:
    """An English name for ISO 639-1."""
    return LANGUAGES.get(code, f"'{code}'")


def percent(value: float) -> str:
    """A share in words; never rounds something to nothing, or almost all to all."""
    rounded = f"{100 * value:.0f}"
    if (rounded == "0" and value > 0) or (rounded == "100" and value < 1):
        rounded = f"{100 * value:.1f}"
    return f"{rounded}%"


def span(metric: _Metric) -> str:
    """The 95% interval of a share, or nothing; one without width (all alike, resampled) would say more than is known."""
    if metric.get("low") is None or metric.get("high") is None or metric["low"] == metric["high"]:
        return ""
    return f"{percent(metric['low']).removesuffix('%')} to {percent(metric['high'])}"


def _found(material: Material, metrics: Mapping[str, _Metric]) -> str:
    used = used_ranking(metrics)
    first, five = metrics.get(f"{used}.hit@1"), metrics.get(f"{used}.hit@5")
    if not first or not five:
        return _unmeasured(material)
    few = ", so few that these figures are rough" if first["n"] < _FEW else ""
    text = (
        f"Of {first['n']} test questions made from these documents{few}, the right document came first for"
        f" {percent(first['value'])}{_interval(first)} and stood among the first five for"
        f" {percent(five['value'])}{_interval(five)}"
    )
    cited = metrics.get(f"{_mode(material)}.cited_first")
    if not cited:
        return text + "."
    return (
        text + f"; answers cited it first for {percent(cited['value'])}{_interval(cited)}, refusals counted as misses."
    )


def _unmeasured(material: Material) -> str:
    if reason := material.missing.get("evaluation"):
        return f"How good the answers are is not known for the present documents: the evaluation was {_lower(reason)}."
    if reason := material.missing.get("questions"):
        return f"How good the answers are is not known: the questions were {_lower(reason)}."
    return "How good the answers are could not be measured: these documents are too few or too short to give test questions."


def _refused(material: Material, metrics: Mapping[str, _Metric]) -> str:
    mode = _mode(material)
    rightly, wrongly = metrics.get(f"{mode}.refused_rightly"), metrics.get(f"{mode}.refused_wrongly")
    aim = (material.answers or {}).get("false_refusals")
    parts = []
    if rightly:
        parts.append(
            f"of {rightly['n']} questions that the documents cannot answer it refused {percent(rightly['value'])}{_interval(rightly)}"
        )
    if wrongly:
        judged = ""
        if aim is not None:
            low, value = wrongly.get("low"), wrongly["value"]
            too_many = value > aim and low is not None and low > aim
            judged = (
                f", more than the {percent(aim)} aimed at: it is too cautious here"
                if too_many
                else f" (the aim is {percent(aim)})"
            )
        parts.append(
            f"of {wrongly['n']} that they can answer it refused {percent(wrongly['value'])} wrongly{_interval(wrongly)}{judged}"
        )
    if not parts:
        return _holds(material)
    sentence = ", and ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def _holds(material: Material) -> str:
    """What can be said without any question asked."""
    documents, index = material.counts("documents"), material.counts("index")
    if not documents:
        return "Nothing can be said about the documents either: they are not there."
    files = sum(n for name, n in documents.items() if name.startswith("files "))
    read = documents.get("files parsed", 0)
    return (
        f"The run holds {documents.get('documents', 0):,} documents in {index.get('chunks', 0):,} passages,"
        f" from {read:,} of {files:,} files, and search and answers work on them."
    )


def _won(material: Material, metrics: Mapping[str, _Metric]) -> str:
    text, used = metrics.get("text.hit@1"), used_ranking(metrics)
    mine = metrics.get(f"{used}.hit@1")
    carried = _carried(material)
    if not text or not mine:
        return f"What was chosen and taught could not be compared with plain text search{carried}."
    if used == "text":
        return f"Only BM25 text search, the simple baseline, was at work{carried or ', as no vectors and no reader were there'}."
    return _compared(used, mine, text, metrics) + carried + "."


def _compared(used: str, mine: _Metric, text: _Metric, metrics: Mapping[str, _Metric]) -> str:
    gain = mine["value"] - text["value"]
    points = f"{abs(100 * gain):.0f}" if abs(gain) >= 0.005 else f"{abs(100 * gain):.1f}"
    name, values = RANKINGS[used], f"{percent(mine['value'])} against {percent(text['value'])}"
    if gain == 0:
        says = f"{_upper(_BASELINE)}, did as well as {name}: both put the right document first for {percent(text['value'])}"
    elif gain > 0 and differs(mine, text):
        says = (
            f"{_upper(name)} won against {_BASELINE}, {values} with the right document first: a gain of {points} points,"
            " more than the interval explains"
        )
    elif gain > 0:
        says = (
            f"{_upper(name)} put the right document first more often than {_BASELINE}, {values}, but the gain of {points}"
            " points lies within the interval: the baseline may be as good"
        )
    else:
        within = ", though the difference lies within the interval" if not differs(mine, text) else ""
        says = (
            f"{_upper(_BASELINE)}, won: it put the right document first for {percent(text['value'])}, {name} for"
            f" {percent(mine['value'])}{within}"
        )
    others = {n: metrics[f"{n}.hit@1"]["value"] for n in ("dense", "fused") if f"{n}.hit@1" in metrics and n != used}
    best = max(others, key=lambda n: others[n], default="")
    if best and others[best] > max(mine["value"], text["value"]):
        says += f"; best of all were {RANKINGS[best]} with {percent(others[best])}"
    return says


def _carried(material: Material) -> str:
    """What the language of the documents rules out."""
    code = material.language
    if not code or code == "en":
        return ""
    which = material.retriever.get("which", STATIC)
    carrying = f"text search and static vectors ({which}) carry" if which else "text search alone carries"
    name = language_name(code)
    return f"; the documents are mostly {name}, where {carrying} the work, as the encoder was made for English"


def _mode(material: Material) -> str:
    use = (material.answers or {}).get("use", "quote")
    return use if f"{use}.refused_wrongly" in material.metrics("evaluation") else "quote"


def _interval(metric: _Metric) -> str:
    return f" (95% interval {span(metric)})" if span(metric) else ""


def _covers(metric: _Metric, value: float) -> bool:
    low, high = metric.get("low"), metric.get("high")
    return low is None or high is None or low <= value <= high


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
