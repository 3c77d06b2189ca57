"""Messages of a call go to whom the engine says, and nowhere else."""

from __future__ import annotations

import pytest

from nasbench.engines.messages import messages_to, send_message


def test_messages_go_to_the_innermost_receiver_and_then_to_nobody() -> None:
    outer: list[object] = []
    inner: list[object] = []
    with messages_to(outer.append):
        send_message(1)
        with pytest.raises(ZeroDivisionError), messages_to(inner.append):
            send_message(2 / len(inner))
        with messages_to(inner.append):
            send_message(2)
        send_message(3)
    send_message(4)
    assert (outer, inner) == ([1, 3], [2])
