"""What a runtime makes of a network: something to run, and to run with a clock around each layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Recorder(Protocol):
    """Runs of a network with a clock around each call of a kernel.

    Attributes:
        calls: of each layer, how many it is; the clock adds as much to each.
    """

    calls: list[int]

    def run(self) -> None:
        """One inference, recorded."""

    def finish(self) -> list[list[float]]:
        """Of each recorded run, milliseconds of each layer of `inference(trace(g))`: 0 for the input and what another kernel does."""


@dataclass(frozen=True)
class Loaded:
    """A network in memory.

    Attributes:
        run: one inference of a batch, finished when it returns.
        record: begins to record; None where the runtime cannot say what a layer takes.
    """

    run: Callable[[], None]
    record: Callable[[], Recorder] | None = None
