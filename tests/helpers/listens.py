"""A listener of trainings that keeps what is said, and does something at one of the lines."""

from __future__ import annotations

from collections.abc import Callable


class Stopped(Exception):
    """A training was stopped by its listener."""


def stop() -> None:
    raise Stopped


class Listens:
    """Keeps the lines.

    Args:
        line: the beginning of the line at which `act` is called, once; by default none.
    """

    def __init__(self, line: str = "-", act: Callable[[], None] = stop) -> None:
        self.lines: list[str] = []
        self.line, self.act = line, act

    def stage(self, name: str, total: int | None = None) -> None:
        self.say(f"stage: {name}")

    def step(self, message: str | None = None) -> None:
        self.say(f"step: {message}")

    def say(self, message: str) -> None:
        self.lines.append(message)
        if message.startswith(self.line):
            self.line = "-"
            self.act()

    def rounds(self, done: int, total: int) -> None: ...
