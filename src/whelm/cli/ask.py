"""`whelm ask`: questions to cited answers, one or a line each.

Lines are read one by one with a bound on each, so that a stream may be endless and a line of a gigabyte costs no more
than one of 64 kB. What goes wrong with one line is said in its own answer and does not end the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from whelm.cli.options import Mode, common, example, run_option

if TYPE_CHECKING:
    from whelm.core.types import Answer

__all__ = ["MAX_QUESTION_BYTES", "command", "lines"]

MAX_QUESTION_BYTES = 64 * 1024
_SHOWN_CHARACTERS = 200

HELP = f"""Answer a question from the documents of a run.

QUESTION may be "-": then every line of the standard input is a question and has an answer of its own, in order. An
answer is quoted from the documents or, where a run has a writer, written from them; what they do not say is refused.

{example(
    'whelm ask "How do I copy a directory tree?" --run runs/demo',
    "whelm ask - --run runs/demo --json < questions.txt > answers.jsonl",
)}
"""  # fmt: skip


@click.command(help=HELP, short_help="Answer a question from the documents of a run.")
@click.argument("question")
@run_option
@click.option(
    "--mode", type=click.Choice(["auto", "quote", "write"]), default="auto", show_default=True,
    help="Quote the documents, let the writer write from them, or do what won when the run was built.",
)  # fmt: skip
@common
def command(question: str, run: Path, mode: Mode, as_json: bool, quiet: bool) -> int:
    from whelm.build.run import open_run
    from whelm.cli.render import plain, show
    from whelm.core.errors import WhelmError
    from whelm.core.types import Answer

    many = question == "-"
    if not many:
        error = _wrong(question)
        if error and not as_json:
            from whelm.core.errors import DataError

            raise DataError(error, 'ask something: whelm ask "How do I ...?" --run RUN')
    answerer = open_run(run).answerer()
    code = 0
    for text, error in lines(sys.stdin.buffer) if many else [(question, _wrong(question))]:
        answer: Answer
        if error:
            answer = Answer(question=text[:_SHOWN_CHARACTERS], error=error)
        else:
            try:
                answer = answerer.answer(text, mode=mode)
            except WhelmError as failed:
                if not many:
                    raise
                answer = Answer(question=text, error=" ".join(filter(None, [failed.message, failed.hint])))
        if many and not as_json:
            click.echo(f"> {_title(answer)}")
        show(plain(answer), as_json)
        if many and not as_json:
            click.echo()
        # one bad line among many is told in its place; a single bad question is the command's failure
        code = 1 if answer.error and not many else code
    return code


def lines(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Each line of a stream as (text, what is wrong with it); no more than the bound is ever held."""
    while part := stream.readline(MAX_QUESTION_BYTES + 1):
        size = len(part)
        kept = part
        while not part.endswith(b"\n") and (part := stream.readline(MAX_QUESTION_BYTES)):
            size += len(part)
        text = kept.decode("utf-8", "replace").strip()
        if size > MAX_QUESTION_BYTES + 1:
            yield text, _too_long(size)
        else:
            yield text, _wrong(text)


def _wrong(question: str) -> str:
    if not question.strip():
        return "the question is empty"
    size = len(question.encode("utf-8", "surrogatepass"))
    return _too_long(size) if size > MAX_QUESTION_BYTES else ""


def _too_long(size: int) -> str:
    return f"the question has {size:,} bytes, more than {MAX_QUESTION_BYTES:,}"


def _title(answer: Answer) -> str:
    from whelm.cli.escape import one_line

    return one_line(answer.question[:_SHOWN_CHARACTERS])
