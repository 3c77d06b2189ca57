"""What shows the progress of a training."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Such as `nasbench.progress.Reporter`."""

    def stage(self, name: str, total: int | None = None) -> None: ...
    def step(self, message: str | None = None) -> None: ...
    def say(self, message: str) -> None: ...
    def rounds(self, done: int, total: int) -> None: ...
