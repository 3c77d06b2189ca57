"""Messages from calls to their driver while they run: an actor keeps them until the driver takes them.

worker                          actor              driver
send_message(m)  -- put(m) -->  Mailbox  <-- take()  RayEngine.wait, which calls on_message(m)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nasbench.engines.calls import message_of
from nasbench.engines.ray.cluster import SETTINGS
from nasbench.errors import StudyError

LOOK_S = 1.0  # for the actor to answer; what it answers later is taken at the next look


class Mailbox:
    """Keeps messages in the order in which they came."""

    def __init__(self) -> None:
        self._messages: list[Any] = []

    def put(self, message: Any) -> None:
        """Keep a message."""
        self._messages.append(message)

    def take(self) -> list[Any]:
        """All messages since the last time."""
        messages, self._messages = self._messages, []
        return messages


class Inbox:
    """The driver's end of a mailbox, which it starts in the connected cluster.

    Args:
        on_message: called with each message, in the driver's thread.
    """

    def __init__(self, on_message: Callable[[Any], None]) -> None:
        import ray

        self._on_message = on_message
        options: dict[str, Any] = {"num_cpus": 0, "runtime_env": {"env_vars": SETTINGS}}
        self.actor: Any = ray.remote(Mailbox).options(**options).remote()
        self._taking: Any = None

    def look(self) -> None:
        """Pass on the messages that have come.

        Raises:
            StudyError: the actor has ended.
        """
        import ray

        for _ in range(2 if self._taking else 1):  # an answer that was late may lack the last messages
            try:
                self._taking = self._taking or self.actor.take.remote()
                ready, _waiting = ray.wait([self._taking], timeout=LOOK_S)
                messages: list[Any] = ray.get(ready[0]) if ready else []
            except Exception as error:
                reason = message_of(error)[:300]
                raise StudyError(f"the cluster lost the messages of its workers: {reason}; give the same command to go on") from error
            self._taking = None if ready else self._taking
            for message in messages:
                self._on_message(message)


def sender(actor: Any) -> Callable[[Any], None]:
    """The worker's end: a function that returns when the mailbox has the message, so that a worker is not ahead of it."""

    def send(message: Any) -> None:
        import ray

        with suppress(Exception):  # without its actor the driver ends, and this process with it
            ray.get(actor.put.remote(message))

    return send
