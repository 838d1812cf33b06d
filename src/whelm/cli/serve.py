"""`whelm serve`: the assistant over HTTP, on this machine unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import click

from whelm.cli.options import common, example, run_option

__all__ = ["command"]

HELP = f"""Serve a run: a chat page, and the API that OpenAI's clients speak.

Listens on this machine alone. Any other address needs a token, which clients send as their API key; WHELM_TOKEN may
hold it, which keeps it out of the list of processes.

{example("whelm serve --run runs/demo", "WHELM_TOKEN=... whelm serve --run runs/demo --host 0.0.0.0")}
"""


@click.command(help=HELP, short_help="Serve a chat page and an OpenAI-compatible API.")
@run_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
@click.option("--token", envvar="WHELM_TOKEN", default="", help="What a client must send; needed beyond this machine.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="A further name that clients call it by.")
@common
def command(run: Path, host: str, port: int, token: str, names: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    from whelm.build.run import open_run
    from whelm.cli.render import say, show
    from whelm.serve.server import serve

    def ready(address: str) -> None:
        if as_json:
            show({"schema": "whelm.serve/1", "run": str(run), "address": address}, True)
        say(f"Serving {run} at {address} (Ctrl-C ends)", quiet or as_json)

    serve(open_run(run).answerer(), host=host, port=port, token=token, names=names, on_ready=ready)
