"""Between the driver's thread and Tune's: calls that wait, that run, and that have ended, by their numbers. No Ray here."""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

# How long Tune waits after an answer for the call that it brings. An idle worker asks ten times a second: without this each call would wait
# for 50 ms on average. Meanwhile other answers wait.
PROMPT_S = 0.25


class Ended(NamedTuple):
    """How a call ended.

    Attributes:
        answer: pickled, or None where its worker died; files: that travel back with it.
        why: it died, in Ray's words; begun: whether it had begun by then.
    """

    number: int
    seconds: float
    answer: bytes | None = None
    files: dict[str, bytes] | None = None
    why: str = ""
    begun: bool = True


class Pool(NamedTuple):
    """What Tune is to begin workers with.

    Attributes:
        workers: at most; resources: of each, in Tune's words.
        driver: whom they work for; preload and prepare: see RayEngine.
    """

    workers: int
    resources: dict[str, float]
    driver: Any
    preload: tuple[str, ...]
    prepare: tuple[Callable[[Any], None], Any] | None


@dataclass
class _Open:
    left: float
    started: float | None = None
    worker: str | None = None
    actor: Any = None


class CallQueue:
    """Where the engine leaves calls and workers find them; every method may be called from either thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._open: dict[int, _Open] = {}
        self._ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._starting: set[str] = set()
        self._idle: set[str] = set()
        self._answered = False
        self._closed = False

    def __deepcopy__(self, _: Any) -> CallQueue:
        return self  # Tune copies what it is configured with

    def __reduce__(self) -> tuple[type[CallQueue], tuple[()]]:
        return CallQueue, ()  # and writes it to a file that nobody reads

    # The driver's side.

    def run(self, pool: Pool) -> None:
        """Have Tune run the calls until the desk is closed."""
        from nasbench.engines.ray.tuner import run_tuner

        folder = Path(tempfile.mkdtemp(prefix="nasbench-tune-"))
        try:
            run_tuner(self, pool, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def leave(self, call: Any) -> None:
        """A call for Tune to begin; `call.number` is its own."""
        with self._changed:
            self._open[call.number] = _Open(time.monotonic())
            self._waiting.append(call)
            self._changed.notify_all()

    def take(self, timeout: float) -> list[Ended]:
        """What has ended; waits for the first, at most `timeout` seconds."""
        found: list[Ended] = []
        try:
            while not found or not self._ended.empty():
                found.append(self._ended.get(timeout=0 if found else timeout))
        except queue.Empty:
            pass
        return found

    def drop(self, number: int) -> Any:
        """Forget a call; the actor that runs it, if one does."""
        with self._changed:
            self._waiting = deque(call for call in self._waiting if call.number != number)
            call = self._open.pop(number, None)
            return None if call is None else call.actor

    def close(self) -> None:
        """No other call will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def begun(self) -> bool:
        """Whether any call is at work."""
        with self._changed:
            return any(call.started for call in self._open.values())

    # Tune's side.

    @property
    def closed(self) -> bool:
        """Whether no other call will come."""
        return self._closed

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

    def answered(self, number: int, answer: bytes, seconds: float, files: dict[str, bytes] | None) -> None:
        """A worker has answered."""
        with self._changed:
            if self._open.pop(number, None):  # else it was cancelled
                self._answered = True
                self._ended.put(Ended(number, seconds, answer, files))

    def left(self, worker: str, why: str) -> None:
        """A worker has ended: its call has no answer. One that could not even start takes a call along, else others would try for ever."""
        with self._changed:
            self._idle.discard(worker)
            lost = [number for number, call in self._open.items() if call.worker == worker]
            if worker in self._starting and self._waiting:
                lost = [self._waiting.popleft().number]
            self._starting.discard(worker)
            for number in lost:
                call = self._open.pop(number)
                seconds = time.monotonic() - (call.started or call.left)
                self._ended.put(Ended(number, seconds, why=why, begun=call.started is not None))
            self._answered = self._answered or bool(lost)
