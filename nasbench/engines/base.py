"""The interface of an engine: it runs calls in other processes, several at a time, and reports how each call ended."""

from __future__ import annotations

import signal
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
        key: the key that the call was submitted with.
        end: `result`; `error` (the function raised, or its result could not be sent); `died` (the process was killed, or it
            crashed); `timeout`. A call that ended in one of the last two ways may be worth another attempt.
        result: the function's result, if `end` is `result`.
        reason: one line that says why there is no result.
        traceback: the traceback of an error.
        exit_code: the exit code of the call's process, if the engine knows it.
        seconds: wall time of the call, by a monotonic clock.
    """

    key: Hashable
    end: Literal["result", "error", "died", "timeout"]
    result: Any = None
    reason: str | None = None
    traceback: str = ""
    exit_code: int | None = None
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        """Whether the system killed the call's process, which it does where memory runs out."""
        return self.end == "died" and self.exit_code == -signal.SIGKILL


class Engine(Protocol):
    """Runs calls `function(argument)`: a module's function on plain data. `close` kills the calls that still run.

    Attributes:
        workers: the number of calls that can run at a time.
        time_limit_s: seconds after which a call is killed, for calls submitted from now on; None for no limit.

    Example:
        >>> with LocalEngine(workers=2) as engine:
        ...     engine.submit("a", math.sqrt, 4)
        ...     engine.submit("b", math.sqrt, 9)
        ...     while engine.running:
        ...         print([(finished.key, finished.result) for finished in engine.wait()])
    """

    workers: int
    time_limit_s: float | None

    @property
    def free(self) -> int:
        """The number of calls that can be submitted now."""

    @property
    def running(self) -> list[Hashable]:
        """Keys of the submitted calls that have not ended, oldest first."""

    def submit(self, key: Hashable, function: Callable[[Any], Any], argument: Any, *, log: Path | None = None) -> None:
        """Start a call. The file `log`, if given, receives its output.

        Raises:
            StudyError: the call cannot be sent to another process, or the engine cannot start.
            RuntimeError: the key is in use, or no worker is free.
        """

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Wait until at least one call ends, at most `timeout` seconds. The list is empty if none did.

        Raises:
            StudyError: the engine has stopped.
        """

    def cancel(self, key: Hashable) -> None:
        """Kill a call. `wait` will not return it."""

    def close(self) -> None:
        """Kill the calls that still run, and free what the engine holds."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def check_engine(workers: int, time_limit_s: float | None) -> None:
    """Check the numbers of an engine.

    Raises:
        StudyError: a number that no engine can have.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= MAX_WORKERS:
        raise StudyError(f"an engine has 1 to {MAX_WORKERS} workers; got {workers!r}")
    if time_limit_s is not None and not time_limit_s > 0:
        raise StudyError(f"a trial's time limit is above 0 seconds; got {time_limit_s!r}")
