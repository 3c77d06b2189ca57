"""Ctrl-C and SIGTERM: the first one ends a command in order, the next one at once. Either way one line is printed."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from nasbench.errors import NasbenchError

INTERRUPTED = 130  # the exit code
SIGNALS = (signal.SIGINT, signal.SIGTERM)
ANY_COMMAND = "interrupted; what had finished is kept; give the same command again to continue"
AT_ONCE = "interrupted twice, so it ended at once; what had finished is kept; give the same command again to continue"


class Interrupted(KeyboardInterrupt):
    """An interrupt with the line that says what is kept and what to type."""


class Interrupts:
    """Receives the signals while it is entered; the main thread alone may enter it.

    The first signal raises a KeyboardInterrupt, so that the command ends what it runs. The next one does not wait for that. A signal that
    the parent lets this process ignore stays ignored, as for the background jobs of a shell.

    Attributes:
        received: the number of signals so far.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[signal.Signals, Any] = {}

    def ignore(self) -> None:
        """Ignore further signals: the command has ended, and only its line and the exit of the process are left."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received += 1
        if self.received > 1:
            end_at_once()
        raise KeyboardInterrupt

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.received:
            self.ignore()
            return
        for number, before in self._before.items():
            signal.signal(number, before)


def end_at_once() -> NoReturn:
    """Print the line and end this process; nothing is cleaned up. Trials die with it, and the next command removes temporary folders."""
    terminal = b"\r\x1b[K\x1b[?25h" if os.isatty(2) else b""  # a progress bar may be drawn, which also hides the cursor
    with suppress(OSError):
        os.write(2, terminal + f"nasbench: {AT_ONCE}\n".encode())
    os._exit(INTERRUPTED)


@contextmanager
def on_interrupt(line: Callable[[], str]) -> Iterator[None]:
    """Give an interrupt of what runs inside the line that `line` makes, after everything inside has ended."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(line()) from None


def kept_by(path: Path) -> str:
    """What the interrupted study at `path` keeps, and how to continue it."""
    if not (path / "study.yaml").is_file():
        return "interrupted before the study began; give the same command again"
    finished = 0
    if (path / "ledger.db").is_file():
        from nasbench.analysis.study import open_study

        with suppress(NasbenchError, OSError):
            finished = sum(trial.status != "running" for trial in open_study(path).records())
    trials = f"{finished} finished {'trial' if finished == 1 else 'trials'}" if finished else "its command; no trial had finished"
    return f"interrupted; {path} keeps {trials}; continue with: nasbench resume {shlex.quote(str(path))}"


def end_on_ignored_signals() -> None:
    """Let SIGINT and SIGTERM end this command also where a shell lets its background jobs ignore them."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
