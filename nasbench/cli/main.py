"""The program: all commands, and the one place where an error becomes one line and an exit code.

Exit codes: 0 success; 2 a mistake in the command, or a measurement that is too noisy; 3 a missed latency limit; 130 interrupted.
"""

from __future__ import annotations

import atexit
import copy
import errno
import io
import os
import re
import select
import sys
import warnings
from contextlib import suppress
from typing import Any, NamedTuple

import typer

from nasbench import __version__
from nasbench.cli import bench, data, device, known, networks, pick, predict, scale, search, show, spaces, studies, train, verify
from nasbench.cli.interrupts import ANY_COMMAND, INTERRUPTED, Interrupted, Interrupts
from nasbench.errors import NasbenchError, NasbenchWarning, short
from nasbench.plugins import load_plugin

MISTAKE = 2
_python_warning = warnings.showwarning
_LONGEST = 300  # characters of a word in a message, such as the path of a file
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNUSABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
_USAGE: type[Any] = typer.BadParameter.__mro__[2]  # click's ClickException, of the click that typer uses

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Neural architecture search under a measured latency limit.\n\nExample: nasbench search --space mbconv --latency 20ms",
)
for group in (known, show, networks, spaces, data, search, studies, train, pick, predict, verify, bench):
    group.register(app)
app.add_typer(device.app, name="device")
app.add_typer(scale.app, name="scale")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nasbench {__version__}")
        raise typer.Exit


def _plugins(paths: list[str]) -> list[str]:
    for path in paths:
        load_plugin(path)
    return paths


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    plugin: list[str] = typer.Option(  # noqa: B008 - how typer declares options
        [],
        "--plugin",
        metavar="FILE.py",
        callback=_plugins,
        is_eager=True,
        help="Python file with your own block types, evaluators, strategies or runtimes; may be repeated.",
    ),
) -> None:
    pass


def program() -> Any:
    """The click program, which accepts `--plugin` also after each command, since users write it there."""
    root: Any = typer.main.get_command(app)
    option = copy.copy(next(p for p in root.params if p.name == "plugin"))
    option.expose_value = False  # the functions of the commands do not take it
    groups = [root]
    while groups:
        for command in groups.pop().commands.values():
            if hasattr(command, "commands"):
                groups.append(command)
            else:
                command.params.append(option)
    return root


def main() -> None:
    """Run a command and exit. A mistake of the user never shows a traceback."""
    warnings.filterwarnings("once", category=NasbenchWarning)
    warnings.showwarning = _show_warning
    with Interrupts() as interrupts:
        end = _run(sys.argv[1:], interrupts)
    is_slow = interrupts.received > 0 and end.code == INTERRUPTED  # to free the memory of torch at exit could take seconds
    if is_slow:
        atexit._run_exitfuncs()
    if is_slow or end.hangs:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(end.code)
    sys.exit(end.code)


class _End(NamedTuple):
    """How a command ended: its exit code, and whether a library would hang at exit."""

    code: int
    hangs: bool = False


def _run(words: list[str], interrupts: Interrupts) -> _End:
    """Run a command; every error that a user can cause becomes one line here."""
    _print_any_character()
    try:
        code = _call(words)
        sys.stdout.flush()  # at exit, an error of it could not be handled
    except NasbenchError as error:
        return _End(_fail(str(error)), error.ends_process)
    except _USAGE as error:
        code = _misused(error)
    except (KeyboardInterrupt, typer.Abort) as error:
        interrupts.ignore()
        code = _fail(str(error) if isinstance(error, Interrupted) else ANY_COMMAND, INTERRUPTED)
    except BrokenPipeError:
        if not _output_is_closed():
            raise
        code = 0
    except OSError as error:
        if error.errno not in (*_FULL, *_UNUSABLE):
            raise
        code = _fail(_about_file(error))
    except UnicodeEncodeError as error:
        code = _fail(f"the encoding {error.encoding} of this locale lacks {short(error.object[error.start])}; set LC_ALL=C.UTF-8")
    return _End(code)


def _call(words: list[str]) -> int:
    """Call the function of a command.

    typer's own way to do that, `program()(words)`, would turn an interrupt and a closed pipe into exit codes without a word.
    """
    root = program()
    try:
        with root.make_context("nasbench", words) as context:
            result = root.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else 0


def _misused(error: Any) -> int:
    """Print what is wrong with the words of a command, or the help of a group of commands that was named alone."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return 0
    command = error.ctx.command_path if getattr(error, "ctx", None) else "nasbench"
    return _fail(f"{error.format_message().rstrip('.')}; {command} --help shows all options")


def _about_file(error: OSError) -> str:
    """The message about a file that cannot be used."""
    name = error.filename or "a file"
    if error.errno in _FULL:
        return f"cannot write {name}: {error.strerror}; free some space or choose a folder you may write to"
    return f"cannot use {name}: {error.strerror}; check the path and its permissions"


def _print_any_character() -> None:
    """Let output show as `\\xb1` what its encoding lacks, such as ± where a locale is ASCII; standard error does so anyway."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _output_is_closed() -> bool:
    """Whether the reader of this process's output has closed the pipe, as `head` does. Then nothing more is written there."""
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    closed = [descriptor for descriptor, event in poll.poll(0) if event & select.POLLERR]
    for descriptor in closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return bool(closed)


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **rest: Any) -> None:
    """Print a warning of ours as one line, and any other as Python does."""
    if issubclass(category, NasbenchWarning):
        print(f"nasbench: {message}", file=sys.stderr)  # noqa: T201
    else:
        _python_warning(message, category, *place, **rest)


def _fail(message: str, code: int = MISTAKE) -> int:
    text = re.sub(rf"(\S{{{_LONGEST}}})\S+?([,;:]?)(?=\s|$)", r"\1...\2", " ".join(message.split()))
    print(f"nasbench: {text}", file=sys.stderr)  # noqa: T201
    return code
