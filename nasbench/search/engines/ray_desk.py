"""Between the driver's thread and Tune's: calls that wait, that run, and that have ended. No Ray here."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from nasbench.search.engines.calls import finished, read_answer, too_long
from nasbench.search.engines.engine import Finished

# How long Tune waits after a result for the call that it brings. Tune looks for new trials ten times a second: without this each would
# wait for 50 ms on average. Meanwhile other results wait.
PROMPT_S = 0.25


@dataclass
class _Open:
    key: Hashable
    limit_s: float | None
    submitted: float
    started: float | None = None
    actor: Any = None


class Desk:
    """Where the engine leaves calls and finds answers; every method may be called from either thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._open: dict[int, _Open] = {}
        self._ended: queue.SimpleQueue[tuple[int, Finished]] = queue.SimpleQueue()
        self._answered = False
        self._closed = False

    def __deepcopy__(self, _: Any) -> Desk:
        return self  # Tune copies what it is configured with

    def __reduce__(self) -> tuple[type[Desk], tuple[()]]:
        return Desk, ()  # and writes it to a file that nobody reads

    # The driver's side.

    @property
    def keys(self) -> list[Hashable]:
        """Of the calls that have no answer yet, oldest first."""
        with self._changed:
            return [call.key for call in self._open.values()]

    def leave(self, key: Hashable, call: Any, limit_s: float | None) -> None:
        """A call for Tune to begin; `call.number` is its own."""
        with self._changed:
            self._open[call.number] = _Open(key, limit_s, time.monotonic())
            self._waiting.append(call)
            self._changed.notify_all()

    def take(self, timeout: float) -> list[Finished]:
        """What has ended; waits for the first, at most `timeout` seconds."""
        found: list[Finished] = []
        try:
            while not found or not self._ended.empty():
                number, one = self._ended.get(timeout=0 if found else timeout)
                with self._changed:
                    if self._open.pop(number, None):  # else it was cancelled
                        found.append(one)
        except queue.Empty:
            pass
        return found

    def drop(self, key: Hashable) -> Any:
        """Forget a call; the actor that runs it, if one does."""
        with self._changed:
            number = next(n for n, call in self._open.items() if call.key == key)
            self._waiting = deque(call for call in self._waiting if call.number != number)
            return self._open.pop(number).actor

    def close(self) -> None:
        """No other call will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # Tune's side.

    @property
    def closed(self) -> bool:
        """Whether no other call will come."""
        return self._closed

    @property
    def begun(self) -> bool:
        """Whether any call is at work."""
        with self._changed:
            return any(call.started for call in self._open.values())

    def next(self) -> Any:
        """The next call, or None when there is none; waits for one where nothing runs that Tune could look after meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._open or self._closed)
            if self._answered:
                self._changed.wait_for(lambda: self._waiting or self._closed, PROMPT_S)
                self._answered = False
            return self._waiting.popleft() if self._waiting and not self._closed else None

    def started(self, number: int, actor: Any) -> None:
        """A worker has begun a call."""
        with self._changed:
            if call := self._open.get(number):
                call.started, call.actor = time.monotonic(), actor

    def answered(self, number: int, answer: bytes, seconds: float) -> None:
        """A worker has answered."""
        self._end(number, lambda call: finished(call.key, read_answer(answer), seconds, 0))

    def died(self, number: int, why: str) -> None:
        """A worker has ended without an answer."""

        def reason(call: _Open) -> Finished:
            seconds = time.monotonic() - (call.started or call.submitted)
            if call.started and call.limit_s is not None and seconds >= call.limit_s:
                return too_long(call.key, call.limit_s, seconds)
            return Finished(call.key, "died", reason=f"the trial's process ended without a result: {why}", seconds=seconds)

        self._end(number, reason)

    def _end(self, number: int, made: Any) -> None:
        with self._changed:
            call = self._open.get(number)
            if call is not None:
                self._answered = True
                self._ended.put((number, made(call)))
