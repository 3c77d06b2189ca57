"""The local engine: each call runs in its own process, forked from a server that has loaded torch (about 40 ms a call)."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nasbench.engines.base import Engine, Finished, check_engine
from nasbench.engines.calls import MAX_ANSWER, describe, read_answer, timed_out, with_answer
from nasbench.engines.gpus import GpuSlots
from nasbench.engines.local.worker import run
from nasbench.errors import StudyError
from nasbench.processes import TemporaryFolder, cause_of_death, main_hidden, root_for_sockets

START_ATTEMPTS, START_WAIT_S = 100, 0.05
SOCKET_LETTERS = 51  # of the path of the fork server's socket after the folder for temporary files
EXIT_S = 5.0  # for a process to end after it has sent its answer


@dataclass
class _Running:
    process: ForkServerProcess
    receiver: Connection
    started: float
    deadline: float | None
    limit_s: float | None
    answer: tuple[Any, ...] | None = None  # empty when the process closed the pipe without an answer
    timed_out: bool = False


class LocalEngine(Engine):
    """Runs several calls at a time, each in its own process.

    Functions and arguments are pickled, so a function must be defined at the top of a module. A call that crashes, hangs or
    exhausts the memory ends alone, and `wait` returns the reason. Processes ignore ^C, because the driver decides what becomes
    of them; they die with the driver.

    Args:
        workers: the number of calls that can run at a time.
        time_limit_s: seconds after which a call's process group is killed; None for no limit.
        preload: modules that the server imports once, such as torch and the evaluator's; they must not compute on import.
        gpus: slots on GPUs. Each call takes one, and its process sees no other GPU.
        waits: says whether calls only wait at this moment. A call whose time is over then gets as much time again.

    Raises:
        StudyError: impossible numbers, or fewer GPU slots than workers.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        time_limit_s: float | None = None,
        preload: Sequence[str] = (),
        gpus: GpuSlots | None = None,
        waits: Callable[[], bool] = lambda: False,
    ) -> None:
        check_engine(workers, time_limit_s)
        if gpus is not None:
            gpus.check(workers)
        self.workers = workers
        self.time_limit_s = time_limit_s
        self._gpus, self._waits = gpus, waits
        self._preload = ["nasbench.engines.local.worker", *preload]
        self._context = multiprocessing.get_context("forkserver")
        self._running: dict[Hashable, _Running] = {}
        # At exit, multiprocessing joins the processes that still run, and would wait for ever if one hangs. This runs before.
        atexit.register(self.close)

    @property
    def free(self) -> int:
        """The number of calls that can be submitted now."""
        return self.workers - len(self._running)

    @property
    def running(self) -> list[Hashable]:
        """Keys of the submitted calls that have not ended, oldest first."""
        return list(self._running)

    def submit(self, key: Hashable, function: Callable[[Any], Any], argument: Any, *, log: Path | None = None) -> None:
        """Start a call. The file `log`, if given, receives its output.

        Raises:
            StudyError: the function or its argument cannot be pickled.
            RuntimeError: the key is in use, or no worker is free.
        """
        if key in self._running or self.free < 1:
            raise RuntimeError(f"submit needs a new key and a free worker; got {key!r}, {self.free} of {self.workers} free")
        environment = {} if self._gpus is None else self._gpus.acquire(key)
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=run, args=(sender, function, argument, log, environment), name=f"trial {key}")
        try:
            self._start(process, function)
        except BaseException as error:
            receiver.close()
            self._release_gpu(key)
            if isinstance(error, (pickle.PicklingError, AttributeError, TypeError)):
                raise StudyError(f"a trial runs a module's function on plain data; {describe(error)}") from error
            raise
        finally:
            sender.close()  # only the process holds a copy now, so its death ends the pipe
        started = time.monotonic()  # the server answers once it has loaded its modules, which is not part of the call's time
        deadline = None if self.time_limit_s is None else started + self.time_limit_s
        self._running[key] = _Running(process, receiver, started, deadline, self.time_limit_s)

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Wait until at least one call ends, at most `timeout` seconds. The list is empty if none did."""
        end = None if timeout is None else time.monotonic() + timeout
        while self._running:
            finished = [self._finish(key) for key, call in list(self._running.items()) if self._has_ended(call)]
            if finished:
                return finished
            now = time.monotonic()
            if end is not None and now >= end:
                return []
            calls = self._running.values()
            deadlines = [call.deadline for call in calls if call.deadline is not None]
            deadlines += [end] if end is not None else []
            signals = [call.process.sentinel for call in calls] + [call.receiver for call in calls if call.answer is None]
            wait(signals, timeout=max(0.0, min(deadlines) - now) if deadlines else None)
        return []

    def cancel(self, key: Hashable) -> None:
        """Kill a call. `wait` will not return it."""
        call = self._running.pop(key)
        self._release_gpu(key)
        _kill(call.process)
        call.process.join()
        call.process.close()
        call.receiver.close()

    def close(self) -> None:
        """Kill the calls that still run."""
        atexit.unregister(self.close)
        for key in self.running:
            self.cancel(key)

    def _start(self, process: ForkServerProcess, function: Callable[[Any], Any]) -> None:
        """Start a process. A fork server that was just killed breaks connections until it can be replaced, so try again then."""
        for attempt in range(START_ATTEMPTS):
            _start_server(self._preload)
            try:
                with main_hidden(function):
                    process.start()
                return
            except (ConnectionError, EOFError):
                if attempt == START_ATTEMPTS - 1:
                    raise
                time.sleep(START_WAIT_S)
            except KeyboardInterrupt:
                _kill_server()  # it may still load its modules, and would start the process afterwards, for nobody
                raise

    def _has_ended(self, call: _Running) -> bool:
        """Whether the call's process has ended. Reads its answer if there is one, and kills the process after its deadline."""
        if call.answer is None and call.receiver.poll():
            call.answer = _receive(call.receiver)
            if call.answer:
                call.deadline = time.monotonic() + EXIT_S
        if call.process.exitcode is not None:
            return True
        if call.deadline is not None and time.monotonic() >= call.deadline:
            if not call.answer and call.limit_s is not None and self._waits():
                call.deadline = time.monotonic() + call.limit_s
                return False
            call.timed_out = not call.answer
            _kill(call.process)
            call.process.join()
            return True
        return False

    def _finish(self, key: Hashable) -> Finished:
        """Remove a call whose process has ended. Returns how it ended."""
        call = self._running.pop(key)
        self._release_gpu(key)
        code = call.process.exitcode
        if code != 0:
            _kill(call.process)  # kills the rest of its process group
        seconds = time.monotonic() - call.started
        call.process.close()
        call.receiver.close()
        if call.answer:
            return with_answer(key, call.answer, seconds, code)
        if call.timed_out:
            return timed_out(key, call.limit_s, seconds, code)
        return Finished(key, "died", reason=f"the trial's process {cause_of_death(code)}", exit_code=code, seconds=seconds)

    def _release_gpu(self, key: Hashable) -> None:
        if self._gpus is not None:
            self._gpus.release(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _receive(receiver: Connection) -> tuple[Any, ...]:
    """The answer of a call's process; empty when the process closed the pipe without one."""
    try:
        message = receiver.recv_bytes(MAX_ANSWER + 1)
    except (EOFError, OSError):
        return ()
    return read_answer(message)


def _start_server(preload: Sequence[str]) -> None:
    """Start the fork server, unless it runs, with ^C blocked: the processes that it forks inherit that."""
    multiprocessing.set_forkserver_preload(list(preload))  # has no effect on a server that runs
    config: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined] # where `get_temp_dir` keeps its folder
    if "tempdir" not in config:  # of a socket; what multiprocessing makes itself would stay for ever after a kill
        config["tempdir"] = str(TemporaryFolder("server", root_for_sockets(SOCKET_LETTERS)).path)  # removed at exit
    resource_tracker.ensure_running()  # first, because it unblocks ^C when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_server() -> None:
    """Kill the fork server, with all calls of this process; the next call starts another one."""
    pid: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _kill(process: ForkServerProcess) -> None:
    """Kill a process and its group. Either may have ended, and the process may not have made its group yet."""
    if process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.exitcode is None:
        process.kill()
