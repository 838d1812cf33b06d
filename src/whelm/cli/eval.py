"""`whelm eval`: a run measured on questions of one's own; exit code 3 where it is not as good as wanted."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whelm.cli.options import common, example, parse_limit, run_option

if TYPE_CHECKING:
    from whelm.core.types import Answer

__all__ = ["command", "unmet"]

HELP = f"""Measure a run on your own questions.

The file has one JSON object a line: "question"; "document", a pattern of the documents that answer it; and "answer" (a
text that the answer must contain) or "answer_regex". A question without a document must be refused.

{example(
    "whelm eval --run runs/demo --questions mine.jsonl",
    "whelm eval --run runs/demo --questions mine.jsonl --min hit@1=0.7    # exit code 3 if not met",
)}
"""  # fmt: skip


@click.command(help=HELP, short_help="Measure a run on your own questions.")
@run_option
@click.option("--questions", metavar="FILE", required=True, type=click.Path(path_type=Path), help="JSON Lines.")
@click.option("--min", "limits", metavar="NAME=VALUE", type=parse_limit, multiple=True,
              help="The least value of a metric; may be repeated.")  # fmt: skip
@common
def command(run: Path, questions: Path, limits: Sequence[tuple[str, float]], as_json: bool, quiet: bool) -> int:
    from whelm.build.run import open_run
    from whelm.cli.progress import watching
    from whelm.cli.render import plain, show
    from whelm.core import events
    from whelm.evaluate.answers import judge_own
    from whelm.evaluate.own import read_questions

    asked = read_questions(questions)
    answerer = open_run(run).answerer()
    done = 0

    def ask(question: str) -> Answer:
        nonlocal done
        answer = answerer.answer(question)
        done += 1
        events.emit("eval", events.PROGRESS, done, "questions")
        return answer

    with watching(quiet):
        events.emit("eval", events.TOTAL, len(asked), "questions")
        record = plain(judge_own(asked, ask, answerer.twins))
    missed = unmet(record["metrics"], limits)
    show({**record, "unmet": missed}, as_json)
    return 3 if missed else 0


def unmet(metrics: Mapping[str, Any], limits: Sequence[tuple[str, float]]) -> list[str]:
    """The limits that do not hold, in words; a metric that could not be measured does not hold either."""
    missed = []
    for name, least in limits:
        if name not in metrics:
            near = difflib.get_close_matches(name, metrics, 1, cutoff=0.0)
            raise click.BadParameter(f"--min: there is no metric '{name}'. Did you mean '{near[0] if near else ''}'? "
                                     f"Known: {', '.join(metrics)}")  # fmt: skip
        metric = metrics[name]
        value = metric["value"] if isinstance(metric, Mapping) else metric
        if value is None or value < least:
            shown = "not measured" if value is None else f"{value:.4g}"
            missed.append(f"{name}: {shown}, wanted at least {least:g}")
    return missed
