"""The local engine: one process a trial, forked from a server that has torch loaded (about 40 ms each)."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from nasbench.engines.base import Engine, Finished, check_engine
from nasbench.engines.calls import MAX_ANSWER, describe, finished, read_answer, too_long
from nasbench.engines.gpus import GpuSlots
from nasbench.engines.local.worker import run
from nasbench.errors import StudyError

LEAVING_S = 5.0  # for a process to end after it has sent its answer


@dataclass
class _Running:
    process: ForkServerProcess
    receiver: Connection
    started: float
    deadline: float | None
    limit_s: float | None
    answer: tuple[Any, ...] | None = None
    timed_out: bool = False


class LocalEngine(Engine):
    """Runs calls side by side, each in a process of its own, and ends with them on `close`.

    Functions and arguments are pickled, so a function is a module's. A killed, hanging or exhausted process stays in its
    call and comes back as a reason. Children never see ^C: the driver decides what becomes of them. They die with it.

    Args:
        workers: calls at a time.
        time_limit_s: after which a call's process group is killed; None for no limit.
        preload: modules that the server imports once, such as torch and the evaluator's; they must not compute on import.
        gpus: seats on GPUs, of which each call takes one: its process sees no other GPU.

    Raises:
        StudyError: impossible numbers, or fewer seats on GPUs than workers.
    """

    def __init__(
        self, workers: int = 1, *, time_limit_s: float | None = None, preload: Sequence[str] = (), gpus: GpuSlots | None = None
    ) -> None:
        check_engine(workers, time_limit_s)
        if gpus is not None:
            gpus.check(workers)
        self.workers = workers
        self.time_limit_s = time_limit_s
        self._gpus = gpus
        self._preload = ["nasbench.engines.local.worker", *preload]
        self._context = multiprocessing.get_context("forkserver")
        self._running: dict[Hashable, _Running] = {}
        # multiprocessing joins forgotten children at exit, for ever if one hangs; ours runs before.
        atexit.register(self.close)

    @property
    def free(self) -> int:
        """How many calls can be submitted now."""
        return self.workers - len(self._running)

    @property
    def running(self) -> list[Hashable]:
        """Keys of the calls at work, oldest first."""
        return list(self._running)

    def submit(self, key: Hashable, function: Callable[[Any], Any], argument: Any, *, log: Path | None = None) -> None:
        """Start a call; its output goes to the file `log` if one is given."""
        if key in self._running or self.free < 1:
            raise RuntimeError(f"submit needs a new key and a free worker; got {key!r}, {self.free} of {self.workers} free")
        _start_server(self._preload)
        environment = {} if self._gpus is None else self._gpus.take(key)
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=run, args=(sender, function, argument, log, environment), name=f"trial {key}")
        try:
            with _main_hidden(function):
                process.start()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            receiver.close()
            self._give_back(key)
            raise StudyError(f"a trial runs a module's function on plain data; {describe(error)}") from error
        except BaseException:
            receiver.close()
            self._give_back(key)
            raise
        finally:
            sender.close()  # the child's copy alone is left, so that its death is the end of the pipe
        started = time.monotonic()  # the server answers once it has loaded its modules; that is not the trial's time
        deadline = None if self.time_limit_s is None else started + self.time_limit_s
        self._running[key] = _Running(process, receiver, started, deadline, self.time_limit_s)

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Wait until at least one call ends, at most `timeout` seconds; an empty list when none did."""
        end = None if timeout is None else time.monotonic() + timeout
        while self._running:
            finished = [self._collect(key) for key, call in list(self._running.items()) if self._advance(call)]
            if finished:
                return finished
            now = time.monotonic()
            if end is not None and now >= end:
                return []
            limits = [call.deadline for call in self._running.values() if call.deadline is not None]
            limits += [end] if end is not None else []
            calls = self._running.values()
            signs = [c.process.sentinel for c in calls] + [c.receiver for c in calls if c.answer is None]
            wait(signs, timeout=max(0.0, min(limits) - now) if limits else None)
        return []

    def cancel(self, key: Hashable) -> None:
        """Kill a call; nothing of it comes back."""
        call = self._running.pop(key)
        self._give_back(key)
        _kill(call.process)
        call.process.join()
        call.process.close()
        call.receiver.close()

    def close(self) -> None:
        """Kill what still runs."""
        atexit.unregister(self.close)
        for key in self.running:
            self.cancel(key)

    def _advance(self, call: _Running) -> bool:
        """Take a call's answer, see to its deadline; whether its process has ended."""
        if call.answer is None and call.receiver.poll():
            call.answer = _receive(call.receiver)
            if call.answer:
                call.deadline = time.monotonic() + LEAVING_S
        if call.process.exitcode is not None:
            return True
        if call.deadline is not None and time.monotonic() >= call.deadline:
            call.timed_out = not call.answer
            _kill(call.process)
            call.process.join()
            return True
        return False

    def _collect(self, key: Hashable) -> Finished:
        call = self._running.pop(key)
        self._give_back(key)
        code = call.process.exitcode
        if code != 0:
            _kill(call.process)  # what it left in its group
        seconds = time.monotonic() - call.started
        call.process.close()
        call.receiver.close()
        if call.answer:
            return finished(key, call.answer, seconds, code)
        if call.timed_out:
            return too_long(key, call.limit_s, seconds, code)
        return Finished(key, "died", reason=_cause(code), exit_code=code, seconds=seconds)

    def _give_back(self, key: Hashable) -> None:
        if self._gpus is not None:
            self._gpus.give_back(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _receive(receiver: Connection) -> tuple[Any, ...]:
    """The child's answer; empty when its end of the pipe was closed without one."""
    try:
        message = receiver.recv_bytes(MAX_ANSWER + 1)
    except (EOFError, OSError):
        return ()
    return read_answer(message)


def _start_server(preload: Sequence[str]) -> None:
    """Start the process that forks trials, with ^C blocked: they all inherit that."""
    multiprocessing.set_forkserver_preload(list(preload))  # without effect on a server that runs
    resource_tracker.ensure_running()  # it unblocks ^C when it starts, so it must have
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_hidden(function: Callable[[Any], Any]) -> Iterator[None]:
    """Start a child that does not import the driver's main module.

    By default each child does, which costs seconds for what it imports, and runs a script without `if __name__ ==
    "__main__"` once more. Only a function of that very module needs it.
    """
    main = sys.modules["__main__"]
    if getattr(function, "__module__", None) != "__main__":
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _kill(process: ForkServerProcess) -> None:
    """Kill a process and its group; either may be gone, or not be a group yet."""
    if process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.exitcode is None:
        process.kill()


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = "; often the system ran out of memory" if -code == signal.SIGKILL else ""
        return f"the trial's process was killed by {name}{hint}"
    return f"the trial's process ended without a result (exit code {code})"
