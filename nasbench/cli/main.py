"""The program: all commands, and the one place where an error becomes one line and an exit code.

Exit codes: 0 success; 2 a mistake in the command, or a measurement that is too noisy; 3 a missed latency limit; 130 interrupted.
"""

from __future__ import annotations

import copy
import errno
import os
import sys
import warnings
from typing import Any

import typer

from nasbench import __version__
from nasbench.cli import data, device, known, networks, scale, search, show, spaces, studies, verify
from nasbench.errors import NasbenchError
from nasbench.plugins import load_plugin

MISTAKE, INTERRUPTED = 2, 130
_USAGE: type[Any] = typer.BadParameter.__mro__[2]  # click's ClickException, of the click that typer uses

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Neural architecture search under a measured latency limit.\n\nExample: nasbench search --space mbconv --latency 20ms",
)
for group in (known, show, networks, spaces, data, search, studies, verify):
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
    """Run a command. A mistake of the user never shows a traceback."""
    warnings.filterwarnings("ignore", module="fvcore|torch.jit|iopath")
    try:
        code = program()(standalone_mode=False)
        if code == INTERRUPTED:  # newer versions of typer turn Ctrl-C into this code, older ones into Abort
            raise KeyboardInterrupt
    except NasbenchError as error:
        code = _fail(str(error))
    except _USAGE as error:
        code = _fail(f"{error.format_message()}; --help shows all options")
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("interrupted; nothing is lost; give the same command again to continue", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader closed the pipe, as `head` does
        code = 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        code = _fail(f"cannot write {error.filename or 'a file'}: {error.strerror}; free some space or choose a folder you may write to")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int = MISTAKE) -> int:
    print(f"nasbench: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code
