"""One record, shown as text or as JSON by one function, so that the two cannot drift.

A record is a mapping of plain values with a `schema` name. `plain` makes it from what the library returns (records,
mappings, paths, arrays of one number); `show` prints it on stdout: one line of JSON, or the text that the schema's
renderer writes from that same mapping. Schemas without a renderer of their own are shown as `name: value` lines and
tables. Everything that comes from documents is escaped (`escape.py`). Data goes to stdout, all else to stderr.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from whelm.cli.escape import json_line, one_line, visible

__all__ = ["plain", "program", "say", "show", "table"]

Record = Mapping[str, Any]


def show(record: Record, as_json: bool) -> None:
    """Print one record on stdout, at once: who reads a pipe waits for nothing."""
    text = json_line(record) if as_json else _as_text(record)
    if text:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def say(message: str, quiet: bool = False) -> None:
    """Print a remark on stderr."""
    if not quiet:
        sys.stderr.write(visible(message) + "\n")
        sys.stderr.flush()


def plain(value: Any) -> Any:
    """The value as JSON knows it: numbers that are none become null, paths and unknown things their text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if callable(getattr(value, "record", None)):
        return plain(value.record())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if callable(getattr(value, "tolist", None)):  # numpy's numbers and arrays, without importing it
        return plain(value.tolist())
    if isinstance(value, Iterable) and not isinstance(value, Path | bytes):
        return [plain(item) for item in value]
    return str(value)


def program() -> str:
    """How whelm is called here, for commands that can be copied: `whelm`, or the path of its script."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{sys.executable} -m whelm"
    if shutil.which("whelm") or called.name != "whelm":
        return "whelm"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)


def table(rows: Sequence[Record], columns: Sequence[str] = ()) -> str:
    """Rows under their names, numbers to the right; columns that are empty everywhere are left out."""
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [_cell(row.get(name)) for row in rows] for name in names}
    names = [name for name in names if any(cells[name])]
    heads = {name: one_line(name) for name in names}
    widths = {name: max(len(heads[name]), *map(len, cells[name])) for name in names}
    right = {name for name in names if all(isinstance(row.get(name), int | float | None) for row in rows)}

    def line(texts: Mapping[str, str]) -> str:
        return "  ".join(texts[n].rjust(widths[n]) if n in right else texts[n].ljust(widths[n]) for n in names).rstrip()

    return "\n".join([line(heads), *(line({name: cells[name][i] for name in names}) for i in range(len(rows)))])


def _as_text(record: Record) -> str:
    return _RENDERERS.get(str(record.get("schema")), _fields)(record)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{one_line(str(name))} {_cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return one_line(str(value))


def _fields(record: Record, indent: str = "") -> str:
    """Any record: `name: value`, nested ones indented, lists of mappings as tables."""
    lines = []
    for name, value in record.items():
        if name == "schema":
            continue
        label = indent + one_line(name)
        if isinstance(value, Mapping) and value:
            lines += [f"{label}:", _fields(value, indent + "  ")]
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            lines += [f"{label}:", *(f"{indent}  {row}" for row in table(value).splitlines())]
        elif isinstance(value, list) and len(value) > 1:
            lines += [f"{label}:", *(f"{indent}  {_cell(item)}" for item in value)]
        else:
            lines.append(f"{label}: {_cell(value) or '-'}")
    return "\n".join(lines)


def _answer(record: Record) -> str:
    if record.get("error"):
        return f"error: {one_line(str(record['error']))}"
    lines = [visible(str(record["answer"]))]
    if record.get("standalone"):
        lines.append(f"(understood as: {one_line(str(record['standalone']))})")
    citations = record.get("citations") or []
    for number, citation in enumerate(citations, 1):
        page = citation.get("page")
        place = [citation["document"], citation.get("heading"), f"page {page}" if page else ""]
        lines.append(f"\n[{number}] " + " · ".join(one_line(str(part)) for part in place if part))
        if citation.get("source") and citation["source"] != citation["document"]:
            lines.append(f"    {one_line(str(citation['source']))}")
        # an answer that is one quotation has shown it already
        if len(citations) > 1 or citation["quote"] not in record["answer"]:
            lines += [f"    > {part}" for part in visible(str(citation["quote"])).splitlines()]
    if not record.get("supported"):
        near = list(dict.fromkeys(one_line(str(hit["document"])) for hit in record.get("hits") or []))[:5]
        lines += ["", "Nearest: " + ", ".join(near)] if near else []
    return "\n".join(lines)


def _document(record: Record) -> str:
    return visible(str(record["text"]))


def _listing(name: str, nothing: str) -> Callable[[Record], str]:
    def text(record: Record) -> str:
        rows = record.get(name) or []
        return table(rows) if rows else nothing

    return text


def _models(record: Record) -> str:
    rows = [
        {"name": model["name"], "found": model["found"], "MB": round(model["size"] / 1e6), "license": model["license"],
         "what": model["summary"], "where": model["where"]}
        for model in record["models"]
    ]  # fmt: skip
    lines = [table(rows)]
    for model in record["models"]:
        lines += [f"{model['name']}: not used: {one_line(str(problem))}" for problem in model.get("problems") or []]
        lines += [f"{model['name']}: get it with {model['hint']}"] if model.get("hint") else []
    return "\n".join(lines)


def _settings(record: Record) -> str:
    lines = []
    for setting in record["settings"]:
        value = json_line({"": setting["value"]})[5:-1]  # as TOML writes most values, too
        lines.append(f"{setting['path']} = {value}    # {one_line(setting['origin'])}")
        lines += [f"    {one_line(setting['doc'])}"] if setting.get("doc") else []
    return "\n".join(lines)


def _plan(record: Record) -> str:
    rows = [
        {"stage": stage["stage"], "state": "done" if stage["done"] else "to do", "seconds": stage["seconds"],
         "memory MB": round(stage["memory_bytes"] / 1e6), "disk MB": round(stage["disk_bytes"] / 1e6),
         "why": "; ".join(stage["why"])}
        for stage in record["stages"]
    ]  # fmt: skip
    seconds = sum(stage["seconds"] for stage in record["stages"])
    return f"{table(rows)}\n\nAbout {seconds:,.0f} s in all, into {one_line(str(record['run']))}."


def _damages(record: Record) -> str:
    damages = record["damages"]
    if not damages:
        return f"{one_line(str(record['run']))}: every file is as its manifest says"
    return "\n".join(_cell(damage) for damage in damages)


def _metrics(metrics: Mapping[str, Any]) -> str:
    rows = []
    for name, metric in metrics.items():
        values = metric if isinstance(metric, Mapping) else {"value": metric}
        low, high = values.get("low"), values.get("high")
        interval = f"{_cell(low)} to {_cell(high)}" if low is not None and high is not None else ""
        rows.append({"metric": name, "value": values.get("value"), "95%": interval, "n": values.get("n") or None,
                     "unit": values.get("unit")})  # fmt: skip
    return table(rows) if rows else ""


def _evaluation(record: Record) -> str:
    parts = [_metrics(record.get("metrics") or {})]
    if record.get("unmet"):
        parts.append("\n".join(f"not met: {one_line(str(line))}" for line in record["unmet"]))
    return "\n\n".join(part for part in parts if part)


def _report(record: Record) -> str:
    verdict = record.get("verdict") or []
    parts = [visible(" ".join([verdict] if isinstance(verdict, str) else map(str, verdict)))]
    stages = record.get("stages") or {}
    named = stages.items() if isinstance(stages, Mapping) else ((stage.get("name", ""), stage) for stage in stages)
    for name, stage in named:
        if isinstance(stage, Mapping):
            seconds = stage.get("seconds")
            head = one_line(str(name)) + (f" ({_cell(seconds)} s)" if seconds is not None else "")
            skipped = stage.get("skipped")
            parts.append("\n".join(filter(None, [head, f"skipped: {one_line(str(skipped))}" if skipped else "",
                                                 _metrics(stage.get("metrics") or {})])))  # fmt: skip
    if record.get("report"):
        parts.append(f"report: {one_line(str(record['report']))}")
    return "\n\n".join(part for part in parts if part)


_RENDERERS: dict[str, Callable[[Record], str]] = {
    "whelm.answer/1": _answer,
    "whelm.document/1": _document,
    "whelm.evaluation/1": _evaluation,
    "whelm.models/1": _models,
    "whelm.config/1": _settings,
    "whelm.plan/1": _plan,
    "whelm.report/1": _report,
    "whelm.runs/1": _listing("runs", "no runs"),
    "whelm.verify/1": _damages,
}
