"""The Ray engine: Ray Tune executes, on one machine or many. What is tried and what came of it is decided and kept elsewhere."""

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
from nasbench.engines.file_transfer import FileTransfer, FolderArgument, forget, pack, unload
from nasbench.engines.ray.call_queue import CallQueue, Ended, Pool
from nasbench.engines.ray.client import RemoteCallQueue
from nasbench.engines.ray.cluster import connected, is_client, other_hosts, room, seats
from nasbench.errors import NasbenchError, StudyError

LOOK_S = 1.0  # between two looks at whether Tune and the cluster are still there
LOST_S = 60.0  # for a node to come back when none is left that can run a trial
LEAVING_S = 30.0  # for Tune to end


@dataclass(frozen=True)
class _Submitted:
    key: Hashable
    limit_s: float | None
    luggage: FileTransfer | None


class RayEngine(Engine):
    """Runs calls as trials of one `Tuner`, in processes that are used again and again, and ends with them on `close`.

    It connects at the first `submit`, which raises a StudyError where there is no cluster, or where it cannot run a trial.

    Args:
        workers: calls at a time; fewer where the cluster has no room for so many.
        preload: modules that a worker imports before its first call.
        cpus, gpus: that the cluster sets aside for a call; `gpus` may be a share of one.
        address: of a cluster, as `ray.init` takes it; None starts one on this machine, which ends with the engine.
        prepare: a function that each worker calls once before its first call, and the data for it, which are put into the
            object store once; None for nothing.
        prepare_bytes: how large the data are.
        carrier: how an argument names its folder, whose files travel to machines that do not see it; None if it has none.
        say: told what the user should know of the cluster.

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
        carrier: FolderArgument | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        check_engine(workers, time_limit_s)
        self.workers, self.time_limit_s = workers, time_limit_s
        self._cpus, self._gpus, self._address, self._say = cpus, gpus, address, say
        self._preload, self._prepare, self._prepare_bytes = tuple(preload), prepare, prepare_bytes
        self._carrier = carrier
        self._desk: CallQueue | RemoteCallQueue = CallQueue()
        self._calls: dict[int, _Submitted] = {}  # that have no answer yet, oldest first
        self._numbers = 0
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._lost: float | None = None
        self._open = ExitStack()

    @property
    def free(self) -> int:
        """How many calls can be submitted now."""
        return max(0, self.workers - len(self._calls))

    @property
    def running(self) -> list[Hashable]:
        """Keys of the calls at work, oldest first."""
        return [call.key for call in self._calls.values()]

    def submit(self, key: Hashable, function: Callable[[Any], Any], argument: Any, *, log: Path | None = None) -> None:
        """Start a call; its output goes to the file `log` if one is given."""
        if key in self.running or self.free < 1:
            raise RuntimeError(f"submit needs a new key and a free worker; got {key!r}, {self.free} of {self.workers} free")
        from nasbench.engines.ray.worker import Call

        try:
            payload = _pickled(function, argument, self._carrier)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StudyError(f"a trial runs a module's function on plain data; {describe(error)}") from error
        if self._thread is None:
            self._begin()
        self._numbers += 1
        luggage = pack(Path(self._carrier.folder(argument))) if self._carrier and self._address else None  # our own cluster is all here
        self._calls[self._numbers] = _Submitted(key, self.time_limit_s, luggage)
        self._desk.leave(Call(self._numbers, payload, None if log is None else log.absolute(), self.time_limit_s, luggage))

    def wait(self, timeout: float | None = None) -> list[Finished]:
        """Wait until at least one call ends, at most `timeout` seconds; an empty list when none did.

        Raises:
            StudyError: Tune or the cluster is gone.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while self.running:
            left = LOOK_S if end is None else min(LOOK_S, end - time.monotonic())
            ended = [(self._calls.pop(one.number, None), one) for one in self._desk.take(max(0.0, left))]
            if found := [_finished(call, one) for call, one in ended if call is not None]:  # others were cancelled
                return found
            if end is not None and time.monotonic() >= end:
                break
            self._look()
        return []

    def cancel(self, key: Hashable) -> None:
        """Kill a call; nothing of it comes back."""
        number = next(number for number, call in self._calls.items() if call.key == key)
        call = self._calls.pop(number)
        actor = self._desk.drop(number)
        if call.luggage is not None:
            forget(call.luggage)
        if actor is not None:
            import ray

            with suppress(Exception):  # it is gone already
                ray.kill(actor)

    def close(self) -> None:
        """Kill what still runs, and let go of the cluster."""
        atexit.unregister(self.close)
        with suppress(StudyError):  # a cluster that is gone has closed it
            self._desk.close()
            for key in self.running:
                self.cancel(key)
        if self._thread is not None:
            self._thread.join(LEAVING_S)
            self._thread = None
        self._open.close()

    def _begin(self) -> None:
        """Connect, see that trials can run, and start Tune."""
        from nasbench.engines.ray.worker import Host, describe_node

        atexit.register(self.close)
        self._open.enter_context(connected(self._address, self._gpus, self._prepare_bytes))
        there = room(self._cpus, self._gpus)
        if there < self.workers < MAX_WORKERS:
            self._say(f"the cluster has room for {there} trials at a time, not for {self.workers}")
        self.workers = min(self.workers, there)
        other_hosts(Host.here(), describe_node)
        if is_client():
            self._desk = RemoteCallQueue()
        self._thread = threading.Thread(target=self._tune, daemon=True, name="tune")
        self._thread.start()

    def _tune(self) -> None:
        """What the second thread does."""
        from nasbench.engines.ray.worker import Driver

        try:
            resources = {"cpu": self._cpus, "gpu": self._gpus}
            self._desk.run(Pool(self.workers, resources, Driver.here(), self._preload, self._prepare))
        except BaseException as error:  # noqa: BLE001 -- the driver's thread says it
            self._failure = error

    def _look(self) -> None:
        """See that what is waited for can still come."""
        if self._thread is None or not self._thread.is_alive():
            why = describe(self._failure) if self._failure else "it ended by itself"
            raise StudyError(f"Ray Tune has stopped: {why[:300]}; give the same command to go on, or --engine local")
        if self._desk.begun() or seats(self._cpus, self._gpus):
            self._lost = None
            return
        self._lost = self._lost or time.monotonic()
        if time.monotonic() - self._lost > LOST_S:
            raise StudyError("no node is left in the cluster that can run a trial; add one and give the same command, or --engine local")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _finished(call: _Submitted, ended: Ended) -> Finished:
    """In the engine's words; files that came back are put in their place."""
    try:
        if ended.answer is None:
            if ended.begun and call.limit_s is not None and ended.seconds >= call.limit_s:
                return timed_out(call.key, call.limit_s, ended.seconds)
            why = f"the trial's process ended without a result: {ended.why}"
            return Finished(call.key, "died", reason=why, seconds=ended.seconds)
        try:
            if ended.files is not None and call.luggage is not None:
                unload(call.luggage, ended.files)
        except NasbenchError as error:
            return Finished(call.key, "error", reason=str(error), seconds=ended.seconds)
        return with_answer(call.key, read_answer(ended.answer), ended.seconds, 0)
    finally:
        if call.luggage is not None:
            forget(call.luggage)


def _pickled(function: Callable[[Any], Any], argument: Any, carrier: FolderArgument | None) -> bytes:
    call = (function, argument, carrier)
    if getattr(function, "__module__", None) == "__main__":  # a worker has another main module
        from ray import cloudpickle

        packed: bytes = cloudpickle.dumps(call)  # type: ignore[no-untyped-call]
        return packed
    return pickle.dumps(call)
