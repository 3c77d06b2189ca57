"""Progress of long work: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nasbench.genotype.units import show_duration


class Output(Console):
    """A terminal, or a file or pipe in place of one, for text that is printed as it is.

    Args:
        options: of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, **options)

    def on_broken_pipe(self) -> NoReturn:
        """Raise the error that rich caught, because rich itself would end the process with exit code 1."""
        raise BrokenPipeError


class Reporter:
    """Shows stages and their steps; a context manager. It writes to stderr, so that stdout holds only the result."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Output(stderr=True, quiet=quiet)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task: int | None = None
        self._total: int | None = None
        self._done = 0
        self._began = 0.0
        self._counted = 0
        self._left_s: float | None = None

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a new stage of the work, of `total` steps where that is known."""
        if self._task is not None:
            self._bar.remove_task(self._task)  # type: ignore[arg-type] # TaskID is an int
        self._task = self._bar.add_task(name, total=total, left="")
        self._total, self._done, self._counted, self._left_s = total, 0, 0, None
        self._began = time.monotonic()
        if not self._console.is_terminal:
            self.say(name)

    def step(self, message: str | None = None) -> None:
        """Count one step as done. A step without a message was done by an earlier run, and does not count for the pace."""
        self._done += 1
        if message is None:
            self._began = time.monotonic()
        else:
            self._counted += 1
        left = self._left()
        if self._task is not None:
            self._bar.update(self._task, completed=self._done, left=left)  # type: ignore[arg-type]
        if message:
            self.say(f"[{self._done}/{self._total or '?'}] {message}{'' if self._console.is_terminal or not left else f'; {left}'}")

    def expect(self, total: int, left_s: float) -> None:
        """Correct the number of steps, and the time that is left."""
        self._total, self._left_s = total, left_s
        if self._task is not None:
            self._bar.update(self._task, total=total)  # type: ignore[arg-type]

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        self._console.print(message, soft_wrap=True)

    def rounds(self, done: int, total: int) -> None:
        """Set the progress to `done` of `total` steps."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total)  # type: ignore[arg-type]

    def without_bar(self, show: Callable[..., None]) -> Callable[..., None]:
        """The function `show`, which prints to the terminal, with the bar taken away while it runs."""

        def run(*values: Any) -> None:
            self._bar.stop()
            try:
                show(*values)
            finally:
                self._bar.start()

        return run

    def _left(self) -> str:
        if not self._total or not self._counted or self._done >= self._total:
            return ""
        if self._left_s is not None:
            return f"about {show_duration(self._left_s)} left"
        pace = (time.monotonic() - self._began) / self._counted
        return f"about {show_duration(pace * (self._total - self._done))} left"

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
