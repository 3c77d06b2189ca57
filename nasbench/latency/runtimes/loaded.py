"""What a runtime makes of a network: a function that runs it, and one that runs it with a clock around each layer. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Recorder(Protocol):
    """Runs a network with a clock around each call of a kernel.

    Attributes:
        calls: number of calls of each layer of `inference(trace(g))`. The clock adds the same time to each call.
    """

    calls: list[int]

    def run(self) -> None:
        """Run one recorded inference."""

    def finish(self) -> list[list[float]]:
        """For each recorded run, the milliseconds of each layer: 0 for the input, and for a layer that another one's kernel includes."""


@dataclass(frozen=True)
class Loaded:
    """A network in memory.

    Attributes:
        run: runs one inference of a batch; it returns when the inference is finished, on a GPU too.
        record: begins to record, in each call anew; None where the runtime does not say how long a layer takes.
    """

    run: Callable[[], None]
    record: Callable[[], Recorder] | None = None
