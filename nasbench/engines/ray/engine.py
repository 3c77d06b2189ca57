"""The Ray engine: Ray Tune runs the calls, on one machine or on many. See the package's docstring for the way of a call."""

from __future__ import annotations

import atexit
import pickle
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nasbench.engines.base import MAX_WORKERS, Engine, Finished, check_engine
from nasbench.engines.calls import describe, read_answer, timed_out, with_answer
from nasbench.engines.file_transfer import FileTransfer, FolderArgument
from nasbench.engines.ray.call_queue import Call, CallQueue, FinishedCall
from nasbench.engines.ray.client import RemoteCallQueue
from nasbench.engines.ray.cluster import connected, dead_daemon
from nasbench.engines.ray.driver import Driver
from nasbench.engines.ray.mailbox import Inbox
from nasbench.engines.ray.nodes import check_versions, is_client, require_slots, trial_slots
from nasbench.errors import ClusterLostError, NasbenchError, StudyError
from nasbench.processes import TemporaryFolder

CHECK_S = 1.0  # between two checks that Tune and the cluster are still there
NO_NODE_S = 60.0  # for a node to come back when none is left that can run a trial
EXIT_S = 30.0  # for Tune to end


@dataclass(frozen=True)
class _Submitted:
    key: Hashable
    limit_s: float | None
    transfer: FileTransfer | None


class RayEngine(Engine):
    """Runs calls in workers, which Ray Tune starts and which run one call after another.

    The engine connects to its cluster at the first `submit`, which raises a StudyError if there is no cluster, or if the cluster
    cannot run a trial.

    Args:
        workers: the number of calls that can run at a time; fewer where the cluster has no room for so many.
        time_limit_s: seconds after which a call's worker is killed; None for no limit.
        preload: modules that a worker imports before its first call.
        cpus, gpus: what the cluster reserves for a call; `gpus` may be a share of one GPU.
        address: the address of a cluster: `auto`, HOST:PORT or ray://HOST:PORT. None starts a cluster on this machine, which ends
            with the engine.
        prepare: a function that each worker calls once before its first call, and the data for it, which are put into Ray's object
            store once; None for nothing.
        prepare_bytes: size of these data.
        folder_argument: how an argument names its folder, whose files are sent to workers that do not see the driver's disk; None if
            arguments name no folder.
        say: called with what the user should know of the cluster.
        on_message: called, while `wait` runs, with what calls send by `nasbench.engines.messages.send_message`; None if they send nothing.

    Raises:
        StudyError: impossible numbers.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        time_limit_s: float | None = None,
        preload: Sequence[str] = (),
        cpus: float = 1.0,
        gpus: float = 0.0,
        address: str | None = None,
        prepare: tuple[Callable[[Any], None], Any] | None = None,
        prepare_bytes: int = 0,
        folder_argument: FolderArgument | None = None,
        say: Callable[[str], None] = lambda _: None,
        on_message: Callable[[Any], None] | None = None,
    ) -> None:
        check_engine(workers, time_limit_s)
        self.workers, self.time_limit_s = workers, time_limit_s
        self._cpus, self._gpus, self._address, self._say = cpus, gpus, address, say
        self._preload, self._prepare, self._prepare_bytes = tuple(preload), prepare, prepare_bytes
        self._folder_argument, self._on_message = folder_argument, on_message
        self._inbox: Inbox | None = None
        self._queue: CallQueue | RemoteCallQueue = CallQueue()
        self._submitted: dict[int, _Submitted] = {}  # calls without an answer by their number, oldest first
        self._last_number = 0
        self._tune_thread: threading.Thread | None = None
        self._tune_error: BaseException | None = None
        self._tune_folder: TemporaryFolder | None = None
        self._no_node_since: float | None = None
        self._connection = ExitStack()

    @property
    def free(self) -> int:
        """The number of calls that can be submitted now."""
        return max(0, self.workers - len(self._submitted))

    @property
    def running(self) -> list[Hashable]:
        """Keys of the submitted calls that have not ended, oldest first."""
        return [call.key for call in self._submitted.values()]

    def submit(self, key: Hashable, function: Callable[[Any], Any], argument: Any, *, log: Path | None = None) -> None:
        """Start a call. The file `log`, if given, receives its output.

        Raises:
            StudyError: the function or its argument cannot be pickled, or there is no cluster that can run it.
            RuntimeError: the key is in use, or no worker is free.
        """
        if key in self.running or self.free < 1:
            raise RuntimeError(f"submit needs a new key and a free worker; got {key!r}, {self.free} of {self.workers} free")
        try:
            payload = _pickled(function, argument, self._folder_argument)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StudyError(f"a trial runs a module's function on plain data; {describe(error)}") from error
        if self._tune_thread is None:
            self._start()
        transfer = None
        if self._folder_argument and self._address:  # a cluster that we started is on this machine alone
            transfer = FileTransfer.pack(Path(self._folder_argument.get(argument)))
        self._last_number += 1
        self._submitted[self._last_number] = _Submitted(key, self.time_limit_s, transfer)
        self._queue.put(Call(self._last_number, payload, None if log is None else log.absolute(), self.time_limit_s, transfer))

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Wait until at least one call ends, at most `timeout` seconds. The list is empty if none did.

        Raises:
            StudyError: Tune or the cluster has ended.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while self.running:
            seconds = CHECK_S if end is None else min(CHECK_S, end - time.monotonic())
            calls = self._queue.get_finished(max(0.0, seconds))
            if self._inbox is not None and dead_daemon() is None:
                self._inbox.look()
            ended = [(self._submitted.pop(call.number, None), call) for call in calls]
            finished = [_finished(submitted, call) for submitted, call in ended if submitted is not None]  # not the cancelled ones
            if finished:
                return finished
            self._check_cluster()
            if end is not None and time.monotonic() >= end:
                break
        return []

    def cancel(self, key: Hashable) -> None:
        """Kill a call. `wait` will not return it."""
        number = next(number for number, call in self._submitted.items() if call.key == key)
        call = self._submitted.pop(number)
        actor = self._queue.cancel(number)
        if call.transfer is not None:
            call.transfer.close()
        if actor is not None and dead_daemon() is None:
            import ray

            with suppress(Exception):  # it has ended already
                ray.kill(actor)

    def close(self) -> None:
        """Kill the calls that still run, and disconnect from the cluster."""
        atexit.unregister(self.close)
        if self._tune_thread is not None and dead_daemon() is None:  # a cluster that has died runs nothing
            with suppress(StudyError):
                self._queue.close()
                for key in self.running:
                    self.cancel(key)
            self._tune_thread.join(EXIT_S)
        self._tune_thread = None
        if self._tune_folder is not None:
            self._tune_folder.close()
        self._connection.close()

    def _start(self) -> None:
        """Connect to the cluster, check that it can run trials, and start Tune."""
        atexit.register(self.close)
        self._connection.enter_context(connected(self._address, self._gpus, self._prepare_bytes))
        slots = require_slots(self._cpus, self._gpus)
        if slots < self.workers < MAX_WORKERS:
            self._say(f"the cluster has room for {slots} trials at a time, not for {self.workers}")
        self.workers = min(self.workers, slots)
        check_versions()
        if self._on_message is not None:
            self._inbox = Inbox(self._on_message)
        if is_client():
            self._queue = RemoteCallQueue()
        else:
            self._tune_folder = TemporaryFolder("tune")
        self._tune_thread = threading.Thread(target=self._run_tuner, daemon=True, name="tune")
        self._tune_thread.start()

    def _run_tuner(self) -> None:
        """Target of Tune's thread."""
        from nasbench.engines.ray.tuner import WorkerPool, run_tuner  # it imports Ray

        try:
            resources = {"cpu": self._cpus, "gpu": self._gpus}
            mailbox = None if self._inbox is None else self._inbox.actor
            pool = WorkerPool(self.workers, resources, Driver.here(), self._preload, self._prepare, mailbox)
            if isinstance(self._queue, RemoteCallQueue):
                self._queue.run_tuner(pool)
            elif self._tune_folder is not None:
                run_tuner(self._queue, pool, self._tune_folder.path)
        except BaseException as error:  # noqa: BLE001 -- the driver's thread reports it
            self._tune_error = error

    def _check_cluster(self) -> None:
        """Check that the running calls can still end.

        Raises:
            ClusterLostError: a part of our own cluster died.
            StudyError: Tune has stopped, or for NO_NODE_S no node could run a trial.
        """
        if (daemon := dead_daemon()) is not None:
            raise ClusterLostError(f"Ray has ended, since its process {daemon} died; give the same command to go on, or --engine local")
        if self._tune_thread is None or not self._tune_thread.is_alive():
            reason = describe(self._tune_error) if self._tune_error else "it ended by itself"
            raise StudyError(f"Ray Tune has stopped: {reason[:300]}; give the same command to go on, or --engine local")
        if self._queue.is_running() or trial_slots(self._cpus, self._gpus):
            self._no_node_since = None
            return
        self._no_node_since = self._no_node_since or time.monotonic()
        if time.monotonic() - self._no_node_since > NO_NODE_S:
            raise StudyError("no node is left in the cluster that can run a trial; add one and give the same command, or --engine local")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _finished(submitted: _Submitted, call: FinishedCall) -> Finished:
    """How a submitted call ended. Writes the files that came back into the call's folder."""
    try:
        if call.answer is None:
            if call.has_run and submitted.limit_s is not None and call.seconds >= submitted.limit_s:
                return timed_out(submitted.key, submitted.limit_s, call.seconds)
            reason = f"the trial's process ended without a result: {call.reason}"
            return Finished(submitted.key, "died", reason=reason, seconds=call.seconds)
        try:
            if call.files is not None and submitted.transfer is not None:
                submitted.transfer.unpack(call.files)
        except NasbenchError as error:
            return Finished(submitted.key, "error", reason=str(error), seconds=call.seconds)
        return with_answer(submitted.key, read_answer(call.answer), call.seconds, 0)
    finally:
        if submitted.transfer is not None:
            submitted.transfer.close()


def _pickled(function: Callable[[Any], Any], argument: Any, folder_argument: FolderArgument | None) -> bytes:
    payload = (function, argument, folder_argument)
    if getattr(function, "__module__", None) == "__main__":  # a worker has another main module, so the function itself must be sent
        from ray import cloudpickle

        by_value: bytes = cloudpickle.dumps(payload)  # type: ignore[no-untyped-call]
        return by_value
    return pickle.dumps(payload)
