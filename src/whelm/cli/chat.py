"""`whelm chat`: questions in turn, each understood with what was said before.

The prompt goes to stderr and answers to stdout, so that a chat can be piped; a line that fails (an endpoint that is
down, say) is told and the chat goes on. The last turns are kept, and nothing is kept once it ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from whelm.cli.options import Mode, common, example, run_option

__all__ = ["command"]

_TURNS = 20

HELP = f"""Ask question after question; a follow-up is understood with what was said before.

An empty line is skipped; "/new" begins anew, "/quit" or the end of the input (Ctrl-D) ends.

{example("whelm chat --run runs/demo")}
"""


@click.command(help=HELP, short_help="Ask question after question, follow-ups too.")
@run_option
@click.option(
    "--mode", type=click.Choice(["auto", "quote", "write"]), default="auto", show_default=True,
    help="Quote the documents, let the writer write from them, or do what won when the run was built.",
)  # fmt: skip
@common
def command(run: Path, mode: Mode, as_json: bool, quiet: bool) -> None:
    from whelm.build.run import open_run
    from whelm.cli.ask import lines
    from whelm.cli.render import plain, say, show
    from whelm.core.errors import WhelmError
    from whelm.core.types import Answer, Conversation, Turn

    answerer = open_run(run).answerer()
    talkative = sys.stdin.isatty() and not quiet
    if talkative:
        say('Ask away; "/new" begins anew, "/quit" ends.')
    conversation = Conversation()
    source = lines(sys.stdin.buffer)
    while True:
        if talkative:
            sys.stderr.write("> ")
            sys.stderr.flush()
        text, wrong = next(source, ("/quit", ""))
        if text == "/quit":
            return
        if text == "/new":
            conversation = Conversation()
            continue
        if not text:
            continue
        try:
            answer = Answer(question=text[:200], error=wrong) if wrong else answerer.answer(text, conversation, mode)
        except WhelmError as failed:
            answer = Answer(question=text, error=" ".join(filter(None, [failed.message, failed.hint])))
        show(plain(answer), as_json)
        if not as_json:
            click.echo()
        if not answer.error:
            documents = tuple(dict.fromkeys(citation.document for citation in answer.citations))
            turn = Turn(answer.standalone or answer.question, answer.answer, documents)
            conversation = Conversation((*conversation.turns, turn)[-_TURNS:])
