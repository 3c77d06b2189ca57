"""The queue of calls between the driver's thread and Tune's thread. No Ray here.

driver's thread          CallQueue             Tune's thread
put, cancel       ---->  waiting calls  ---->  start_worker (if one is needed), take
get_finished      <----  finished calls <----  put_answer, remove_worker (the worker died)
close             ---->  closed         ---->  closed
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nasbench.engines.file_transfer import FileTransfer

# After an answer, Tune's thread waits so long for the driver to submit the next call. An idle worker looks for a call ten times a
# second, so without this wait each call would start 50 ms later on average. Other answers have to wait meanwhile.
NEXT_CALL_S = 0.25


@dataclass(frozen=True)
class Call:
    """A call on its way to a worker.

    Attributes:
        number: the engine's number of the call.
        payload: the pickled function, argument and FolderArgument. The worker unpickles them, because it knows where to find modules
            only after it has started.
        log: file that receives the call's output.
        limit_s: seconds after which the call is killed.
        transfer: files that the worker may need.
    """

    number: int
    payload: bytes
    log: Path | None
    limit_s: float | None
    transfer: FileTransfer | None = None

    def __repr__(self) -> str:  # Ray prints it
        return f"call {self.number}"


class FinishedCall(NamedTuple):
    """How a call ended.

    Attributes:
        number: the engine's number of the call.
        seconds: how long it ran; if it never ran, how long it waited.
        answer: the pickled answer; None if the worker died.
        files: files that the worker sends back, if it works on another disk.
        reason: Ray's reason for the death of the worker.
        has_run: whether a worker had begun the call.
    """

    number: int
    seconds: float
    answer: bytes | None = None
    files: dict[str, bytes] | None = None
    reason: str = ""
    has_run: bool = True


@dataclass
class _CallState:
    submitted: float
    started: float | None = None
    worker: str | None = None
    actor: Any = None


class CallQueue:
    """Hands calls to workers and their answers to the engine. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Call] = deque()
        self._calls: dict[int, _CallState] = {}  # waiting and running ones
        self._finished: queue.SimpleQueue[FinishedCall] = queue.SimpleQueue()
        self._starting_workers: set[str] = set()
        self._idle_workers: set[str] = set()
        self._has_new_answer = False
        self._closed = False

    def __deepcopy__(self, _: Any) -> CallQueue:
        return self  # Tune copies its configuration, and both threads need the same queue

    def __reduce__(self) -> tuple[type[CallQueue], tuple[()]]:
        return CallQueue, ()  # Tune also writes its configuration to a file, which nobody reads

    # The driver's side.

    def put(self, call: Call) -> None:
        """Add a call that a worker is to run."""
        with self._changed:
            self._calls[call.number] = _CallState(time.monotonic())
            self._waiting.append(call)
            self._changed.notify_all()

    def get_finished(self, timeout: float) -> list[FinishedCall]:
        """The calls that have ended since the last time. Waits for the first, at most `timeout` seconds."""
        calls: list[FinishedCall] = []
        try:
            while not calls or not self._finished.empty():
                calls.append(self._finished.get(timeout=0 if calls else timeout))
        except queue.Empty:
            pass
        return calls

    def cancel(self, number: int) -> Any:
        """Remove a call. Returns the actor that runs it, or None if none does."""
        with self._changed:
            self._waiting = deque(call for call in self._waiting if call.number != number)
            state = self._calls.pop(number, None)
            return None if state is None else state.actor

    def close(self) -> None:
        """Say that no other call will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_running(self) -> bool:
        """Whether a worker runs a call now."""
        with self._changed:
            return any(state.started for state in self._calls.values())

    # Tune's side.

    @property
    def closed(self) -> bool:
        """Whether no other call will come."""
        return self._closed

    def start_worker(self, worker: str) -> bool:
        """Register a new worker if a waiting call needs it; returns whether it does. Blocks while there is no call at all."""
        with self._changed:
            self._wait_for_calls()
            needed = not self._closed and len(self._waiting) > len(self._starting_workers) + len(self._idle_workers)
            if needed:
                self._starting_workers.add(worker)
            return needed

    def take(self, worker: str, actor: Any) -> Call | None:
        """The next call for a worker; None if there is none, and the worker is idle. Blocks while there is no call at all."""
        with self._changed:
            self._starting_workers.discard(worker)
            self._idle_workers.add(worker)
            self._wait_for_calls()
            if self._has_new_answer:
                self._changed.wait_for(lambda: self._waiting or self._closed, NEXT_CALL_S)
                self._has_new_answer = False
            if self._closed or not self._waiting:
                return None
            call = self._waiting.popleft()
            self._idle_workers.discard(worker)
            state = self._calls[call.number]
            state.started, state.worker, state.actor = time.monotonic(), worker, actor
            return call

    def put_answer(self, number: int, answer: bytes, seconds: float, files: dict[str, bytes] | None) -> None:
        """Pass on the answer of a call, unless the call was cancelled."""
        with self._changed:
            if self._calls.pop(number, None):
                self._has_new_answer = True
                self._finished.put(FinishedCall(number, seconds, answer, files))

    def remove_worker(self, worker: str, reason: str) -> None:
        """Remove a worker that has died. Its call ends without an answer.

        A worker that died before it took a call ends the oldest waiting call: otherwise Tune would start one worker after another
        for ever.
        """
        with self._changed:
            self._idle_workers.discard(worker)
            lost = [number for number, state in self._calls.items() if state.worker == worker]
            if worker in self._starting_workers and self._waiting:
                lost = [self._waiting.popleft().number]
            self._starting_workers.discard(worker)
            for number in lost:
                state = self._calls.pop(number)
                seconds = time.monotonic() - (state.started or state.submitted)
                self._finished.put(FinishedCall(number, seconds, reason=reason, has_run=state.started is not None))
            self._has_new_answer = self._has_new_answer or bool(lost)

    def _wait_for_calls(self) -> None:
        """Wait until there is a call, waiting or running. Without any, Tune has nothing to look after."""
        self._changed.wait_for(lambda: self._calls or self._closed)
