"""A driver that is no part of the cluster (`ray://`): Tune and its desk are an actor beside the cluster's head, which the driver asks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from nasbench.engines.ray.call_queue import CallQueue, Ended, Pool
from nasbench.engines.ray.cluster import SETTINGS
from nasbench.errors import StudyError

HEAD = {"node:__internal_head__": 0.001}  # where the driver's other end is: without it nothing goes on anyhow
AT_ONCE = 8  # Tune, who waits for an answer, and others


class HeadCallQueue(CallQueue):
    """A desk on the cluster's side of the connection."""

    def drop(self, number: int) -> None:
        """Forget a call, and kill the actor that runs it: nobody else has its handle."""
        import ray

        actor = super().drop(number)
        if actor is not None:
            with suppress(Exception):  # it is gone already
                ray.kill(actor)


class RemoteCallQueue:
    """The driver's side of a desk that is `There`.

    Raises:
        StudyError: of each method: the cluster does not answer any more.
    """

    def __init__(self) -> None:
        import ray

        options: dict[str, Any] = {"num_cpus": 0, "resources": HEAD, "max_concurrency": AT_ONCE, "runtime_env": {"env_vars": SETTINGS}}
        self._there: Any = ray.remote(HeadCallQueue).options(**options).remote()

    def run(self, pool: Pool) -> None:
        self._ask("run", pool)

    def leave(self, call: Any) -> None:
        self._ask("leave", call)

    def take(self, timeout: float) -> list[Ended]:
        found: list[Ended] = self._ask("take", timeout)
        return found

    def drop(self, number: int) -> None:
        self._ask("drop", number)

    def close(self) -> None:
        self._ask("close")

    def begun(self) -> bool:
        return bool(self._ask("begun"))

    def _ask(self, method: str, *arguments: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self._there, method).remote(*arguments))
        except Exception as error:
            why = " ".join(str(error).split())[:300]
            raise StudyError(f"the cluster does not answer any more: {why}; give the same command to go on, or --engine local") from error
