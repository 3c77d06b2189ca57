"""What a study offers an evaluator for the work before its trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nasbench.genotype import Genotype


class Preparing(Protocol):
    """Shows the progress of a preparation."""

    def stage(self, name: str, total: int | None = None) -> None: ...
    def step(self, message: str | None = None) -> None: ...
    def say(self, message: str) -> None: ...
    def rounds(self, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Preparation:
    """What a study offers for the work that all trials share.

    Attributes:
        directory: the study's; shared files belong below it.
        evaluate_all: evaluates networks in the engine's workers, see `nasbench.evaluate.base.EvaluateAll`.
        listener: shows the progress.
        networks: draws so many different networks of the space at random that are within the limits, with the classes of the data; fewer
            where they are rare. The same study draws the same ones.
        seconds: that the work may take; None where nothing limits them.
        workers: that are free meanwhile.
    """

    directory: Path
    evaluate_all: Callable[..., Any]
    listener: Preparing
    networks: Callable[[int], list[Genotype]]
    seconds: float | None
    workers: int
