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

# How long Tune waits after an answer for the call that it brings. An idle worker asks ten times a second: without this each call would wait
# for 50 ms on average. Meanwhile other answers wait.
PROMPT_S = 0.25


@dataclass
class _Open:
    key: Hashable
    limit_s: float | None
    submitted: float
    started: float | None = None
    worker: str | None = None
    actor: Any = None


class Desk:
    """Where the engine leaves calls and workers find them; every method may be called from either thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._open: dict[int, _Open] = {}
        self._ended: queue.SimpleQueue[tuple[int, Finished]] = queue.SimpleQueue()
        self._starting: set[str] = set()
        self._idle: set[str] = set()
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

    def begins(self, worker: str) -> bool:
        """Whether a call waits that another worker is needed for; this one starts then. Waits while nothing runs."""
        with self._changed:
            self._attend()
            needed = not self._closed and len(self._waiting) > len(self._starting) + len(self._idle)
            if needed:
                self._starting.add(worker)
            return needed

    def next(self, worker: str, actor: Any) -> Any:
        """The call that a worker does now, or None when there is none: it is idle then. Waits while nothing runs."""
        with self._changed:
            self._starting.discard(worker)
            self._idle.add(worker)
            self._attend()
            if self._answered:
                self._changed.wait_for(lambda: self._waiting or self._closed, PROMPT_S)
                self._answered = False
            if self._closed or not self._waiting:
                return None
            call = self._waiting.popleft()
            self._idle.discard(worker)
            entry = self._open[call.number]
            entry.started, entry.worker, entry.actor = time.monotonic(), worker, actor
            return call

    def _attend(self) -> None:
        """Nothing runs that Tune could look after meanwhile."""
        self._changed.wait_for(lambda: self._open or self._closed)

    def answered(self, number: int, answer: bytes, seconds: float) -> None:
        """A worker has answered."""
        self._end(number, lambda call: finished(call.key, read_answer(answer), seconds, 0))

    def left(self, worker: str, why: str) -> None:
        """A worker has ended: its call has no answer. One that could not even start takes a call along, else others would try for ever."""
        with self._changed:
            self._idle.discard(worker)
            lost = [number for number, call in self._open.items() if call.worker == worker]
            if worker in self._starting and self._waiting:
                lost = [self._waiting.popleft().number]
            self._starting.discard(worker)

        def reason(call: _Open) -> Finished:
            seconds = time.monotonic() - (call.started or call.submitted)
            if call.started and call.limit_s is not None and seconds >= call.limit_s:
                return too_long(call.key, call.limit_s, seconds)
            return Finished(call.key, "died", reason=f"the trial's process ended without a result: {why}", seconds=seconds)

        for number in lost:
            self._end(number, reason)

    def _end(self, number: int, made: Any) -> None:
        with self._changed:
            call = self._open.get(number)
            if call is not None:
                self._answered = True
                self._ended.put((number, made(call)))
