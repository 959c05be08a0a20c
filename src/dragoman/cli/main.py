"""The command line: one verb a file; every error ends here, in one line and an exit code."""

import atexit
import os
import sys
import threading
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.exceptions import TyperException

from dragoman import __version__
from dragoman.cli.corpus import corpus
from dragoman.cli.demo import demo
from dragoman.cli.evaluate import evaluate
from dragoman.cli.inspect import inspect
from dragoman.cli.race import race
from dragoman.cli.score import score
from dragoman.cli.settings import settings
from dragoman.cli.train import train
from dragoman.cli.translate import translate
from dragoman.cli.visible import visible
from dragoman.cli.words import words
from dragoman.errors import DragomanError, UsageError, lacks_memory

_INTERRUPTED = 130
"""What typer makes of a Ctrl-C, without a word."""
_BY_CTRL_C = "stopped by Ctrl-C"

app = typer.Typer(
    name="dragoman",
    help="Trains, runs and opens up Transformer translators on hardware that people own.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print dragoman's version and stop.")] = False,
) -> None:
    """Trains, runs and opens up Transformer translators on hardware that people own."""
    if version:
        print(f"dragoman {__version__}")
        raise typer.Exit


for verb in (demo, train, translate, evaluate, score, inspect, race, settings, words):
    app.command()(verb)
app.add_typer(corpus, name="corpus")


def main() -> None:
    """Runs the command line; exit code 0 done, 1 could not, 2 wrong usage."""
    for name in ("stdout", "stderr"):
        # Closed by who started us: what is said goes nowhere, and no file that is opened takes its number.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    speak_utf8()
    leave(run(sys.argv[1:]))


def speak_utf8() -> None:
    """Output is UTF-8, whatever the locale; a terminal alone keeps its own, with escapes for what that cannot say."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def leave(code: int) -> None:
    """Ends the process at once: to take torch apart piece by piece would cost each command half a second."""
    # Threads, and the processes that atexit waits for, come to their own end first.
    others = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    if others:
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or 1
    except OSError as error:
        code = code or _fail(
            f"the output could not be written ({error.strerror}): free the disk, or write elsewhere", 1
        )
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command line and gives its exit code."""
    try:
        code = int(app(arguments, prog_name="dragoman", standalone_mode=False) or 0)
        return code if code != _INTERRUPTED else _fail(_BY_CTRL_C, 1)
    except DragomanError as error:
        return _fail(str(error), error.exit_code)
    except typer.Exit as end:
        return end.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _fail(_BY_CTRL_C, 1)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except TyperException as error:
        return _fail(f"{error.format_message()} (see `dragoman --help`)", UsageError.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        return _fail("out of memory; lower batches.target_tokens or search.batch_tokens", 1)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}; free the disk, or choose another place", 1)


def _fail(message: str, code: int) -> int:
    with suppress(OSError):
        print(f"error: {visible(' '.join(message.split()))}", file=sys.stderr)
    return code
