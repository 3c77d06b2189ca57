"""What an engine is: it runs calls in other processes, some at a time, and says how each ended. It knows nothing of studies."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from nasbench.errors import StudyError

MAX_WORKERS = 1024


@dataclass(frozen=True)
class Finished:
    """How a submitted call ended.

    Attributes:
        end: `result`; `error` (the function raised, or its result could not be sent); `died` (killed, or crashed);
            `timeout`. The last two may be worth another try.
        reason: one line, where there is no result; traceback: of an error.
        seconds: wall time of the call, by a clock that does not jump.
    """

    key: Hashable
    end: Literal["result", "error", "died", "timeout"]
    result: Any = None
    reason: str | None = None
    traceback: str = ""
    exit_code: int | None = None
    seconds: float = 0.0


class Engine(Protocol):
    """Runs calls `function(argument)` of a module's function on plain data, and ends with them on `close`.

    Attributes:
        workers: calls at a time.
        time_limit_s: after which a call is killed, for those submitted from now on; None for no limit.
    """

    workers: int
    time_limit_s: float | None

    @property
    def free(self) -> int:
        """How many calls can be submitted now."""

    @property
    def running(self) -> list[Hashable]:
        """Keys of the calls at work, oldest first."""

    def submit(self, key: Hashable, function: Callable[[Any], Any], argument: Any, *, log: Path | None = None) -> None:
        """Start a call; its output goes to the file `log` if one is given."""

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Wait until at least one call ends, at most `timeout` seconds; an empty list when none did."""

    def cancel(self, key: Hashable) -> None:
        """Kill a call; nothing of it comes back."""

    def close(self) -> None:
        """Kill what still runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def check_engine(workers: int, time_limit_s: float | None) -> None:
    """
    Raises:
        StudyError: numbers that no engine can have.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= MAX_WORKERS:
        raise StudyError(f"an engine has 1 to {MAX_WORKERS} workers; got {workers!r}")
    if time_limit_s is not None and not time_limit_s > 0:
        raise StudyError(f"a trial's time limit is above 0 seconds; got {time_limit_s!r}")
