"""Messages of a call to its driver while it runs, such as its progress. An engine that passes them on sets where they go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Send = Callable[[Any], None]

_receivers: list[Send] = []  # of this process; the last one counts


def send_message(message: Any) -> None:
    """Send plain data to the driver of the call that runs in this process. Nothing happens where the engine passes no messages on.

    >>> received = []
    >>> with messages_to(received.append):
    ...     send_message("half")
    >>> send_message("lost")
    >>> received
    ['half']
    """
    if _receivers:
        _receivers[-1](message)


@contextmanager
def messages_to(send: Send) -> Iterator[None]:
    """Let `send` take the messages of what runs inside."""
    _receivers.append(send)
    try:
        yield
    finally:
        _receivers.pop()
