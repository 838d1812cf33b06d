"""The program `whelm`: finds the command, and says in one place how things end.

Commands live one a file in this folder and are imported when they are called: `whelm --help` imports neither torch nor
numpy. Exit codes: 0 done (a refusal is an answer), 1 an error the reader can act on, 2 usage, 3 ran fine and the
answer is no, 70 a bug of ours, 130 interrupted. Errors go to stderr as `error: ...` and `hint: ...`; the traceback of a
bug goes to a file, not to the screen. A reader that has gone away (`| head`) is no error.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from whelm import __version__
from whelm.cli.escape import one_line, tame_streams
from whelm.core.errors import WhelmError
from whelm.core.stop import Interrupted

__all__ = ["ANSWER_IS_NO", "BUG", "INTERRUPTED", "USAGE", "main", "whelm"]

ERROR, USAGE, ANSWER_IS_NO, BUG, INTERRUPTED = 1, 2, 3, 70, 130

_COMMANDS = {
    "Every day": ("build", "update", "ask", "chat", "serve", "report", "show", "eval", "demo"),
    "Things that live": ("runs", "verify", "model", "env"),
}
# errors of the system that the reader can do something about; any other OSError is ours
_HINTS = {
    errno.ENOSPC: "free some space, then run the same command again: it continues",
    errno.EDQUOT: "free some space, then run the same command again: it continues",
    errno.EACCES: "check who owns it and who may read and write it",
    errno.EPERM: "check who owns it and who may read and write it",
    errno.EROFS: "choose a place that can be written: --out",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
    errno.ENAMETOOLONG: "choose a shorter path",
}


class Lazy(click.Group):
    """A group whose commands are modules of this folder: `ask` is `whelm.cli.ask.command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in _COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"whelm.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            ctx.fail(f"there is no command '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _COMMANDS.items():
            commands = {name: self.get_command(ctx, name) for name in names}
            with formatter.section(title):
                formatter.write_dl([(n, c.get_short_help_str(80)) for n, c in commands.items() if c is not None])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def whelm() -> None:
    """From a folder of documents to a private assistant that answers from them, with citations.

    \b
    Example:
      whelm build notes --out runs/notes
      whelm ask "How long is parental leave?" --run runs/notes
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    tame_streams()
    try:
        # not click's own main: it has other exit codes, and ends the process itself when a pipe is closed
        with whelm.make_context("whelm", arguments) as context:
            code = whelm.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        sys.stdout.flush()
        return end.exit_code
    except click.ClickException as error:
        return _usage(error)
    except WhelmError as error:
        _tell(error.message, error.hint)
        return ERROR
    except Interrupted as stopped:
        _tell_stopped(stopped.message, arguments)
        return INTERRUPTED
    except (KeyboardInterrupt, click.Abort):
        _write("")  # the shell's prompt goes on a line of its own
        return INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return 0
    except MemoryError:
        _tell("there was not enough memory", "give it a smaller folder or more memory; what was done is saved")
        return ERROR
    except OSError as error:
        if error.errno not in _HINTS:
            return _bug(error, arguments)
        where = f": {error.filename}" if error.filename else ""
        _tell(f"{os.strerror(error.errno or 0).lower()}{where}", _HINTS[error.errno or 0])
        return ERROR
    except Exception as error:
        return _bug(error, arguments)


def _write(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _tell(message: str, hint: str = "") -> None:
    """The two lines of an error; each stays one line whatever a file's name may hold."""
    _write(f"error: {one_line(message)}")
    if hint:
        _write(f"hint: {one_line(hint)}")


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _write(error.format_message())  # the help text itself
        return USAGE
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"`{error.ctx.command_path} --help` shows what it takes, with an example"
    _tell(error.format_message(), hint)
    return error.exit_code


def _tell_stopped(message: str, arguments: Sequence[str]) -> None:
    import shlex

    from whelm.cli.render import program

    _write(f"stopped: {one_line(message)}")
    _write(f"continue with: {one_line(f'{program()} {shlex.join(arguments)}')}")


def _close_stdout() -> None:
    # Python flushes stdout once more on its way out, and would complain then
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug(error: Exception, arguments: Sequence[str]) -> int:
    kind = f"{type(error).__name__}: {error}"
    try:
        place = f"the traceback is in {_save(error, arguments)}: send that file with what you did"
    except OSError as unsaved:
        place = f"the traceback could not be saved ({unsaved.strerror})"
    _tell(f"this is a bug of whelm: {kind[:300]}", place)
    return BUG


def _save(error: Exception, arguments: Sequence[str]) -> Path:
    import platform
    import shlex
    import tempfile
    import time
    import traceback

    from whelm.core.device import cache_dir

    name = f"whelm-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    text = "\n".join(
        [
            f"whelm {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: whelm {shlex.join(_without_secrets(arguments))}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    last: OSError | None = None
    for folder in (cache_dir() / "crashes", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # a traceback may quote a document: it is for the eyes of its owner
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return folder / name
        except OSError as cannot:
            last = cannot
    raise last or OSError("no place")


def _without_secrets(arguments: Sequence[str]) -> list[str]:
    shown = list(arguments)
    for position, argument in enumerate(shown):
        if argument.startswith("--token="):
            shown[position] = "--token=..."
        elif position and shown[position - 1] == "--token":
            shown[position] = "..."
    return shown


if __name__ == "__main__":
    sys.exit(main())
