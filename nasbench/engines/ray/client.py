"""The call queue of a driver that is not part of the cluster (`--address ray://...`).

Tune has to run inside the cluster. So the queue is an actor beside the cluster's head, where Tune's thread uses it as always,
and the driver calls its methods over the network.

    driver             network      the cluster's head
    RemoteCallQueue   --------->    HeadCallQueue  <---->  Tune
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nasbench.engines.calls import message_of
from nasbench.engines.ray.call_queue import Call, CallQueue, FinishedCall
from nasbench.engines.ray.cluster import SETTINGS
from nasbench.errors import StudyError
from nasbench.processes import TemporaryFolder

if TYPE_CHECKING:
    from nasbench.engines.ray.tuner import WorkerPool

ON_HEAD = {"node:__internal_head__": 0.001}  # a resource that only the head has
THREADS = 8  # of the actor: Tune occupies one, a `get_finished` that waits another


class HeadCallQueue(CallQueue):
    """The queue itself, in an actor on the cluster's head."""

    def run_tuner(self, pool: WorkerPool) -> None:
        """Run the calls until the queue is closed."""
        from nasbench.engines.ray.tuner import run_tuner  # it imports Ray

        with TemporaryFolder("tune") as folder:
            run_tuner(self, pool, folder)

    def cancel(self, number: int) -> None:
        """Remove a call, and kill the actor that runs it: the driver has no handle of it."""
        import ray

        actor = super().cancel(number)
        if actor is not None:
            with suppress(Exception):  # it has ended already
                ray.kill(actor)


class RemoteCallQueue:
    """The driver's access to a `HeadCallQueue`; see `CallQueue` for its methods.

    Raises:
        StudyError: by each method, if the cluster does not answer any more.
    """

    def __init__(self) -> None:
        import ray

        options: dict[str, Any] = {"num_cpus": 0, "resources": ON_HEAD, "max_concurrency": THREADS, "runtime_env": {"env_vars": SETTINGS}}
        self._actor: Any = ray.remote(HeadCallQueue).options(**options).remote()

    def run_tuner(self, pool: WorkerPool) -> None:
        self._call("run_tuner", pool)

    def put(self, call: Call) -> None:
        self._call("put", call)

    def get_finished(self, timeout: float) -> list[FinishedCall]:
        calls: list[FinishedCall] = self._call("get_finished", timeout)
        return calls

    def cancel(self, number: int) -> None:
        self._call("cancel", number)

    def close(self) -> None:
        self._call("close")

    def is_running(self) -> bool:
        return bool(self._call("is_running"))

    def _call(self, method: str, *arguments: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self._actor, method).remote(*arguments))
        except Exception as error:
            reason = message_of(error)[:300]
            raise StudyError(
                f"the cluster does not answer any more: {reason}; give the same command to go on, or --engine local"
            ) from error
