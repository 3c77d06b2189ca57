"""Messages of running calls reach the driver: all of them, in order, and before the result."""

from __future__ import annotations

import jobs
import pytest
from engine_calls import call

from nasbench.engines.ray.engine import RayEngine
from nasbench.engines.ray.mailbox import Inbox, Mailbox
from nasbench.errors import StudyError


def test_a_mailbox_keeps_the_order_and_gives_each_message_once() -> None:
    mailbox = Mailbox()
    for number in range(3):
        mailbox.put(number)
    assert (mailbox.take(), mailbox.take()) == ([0, 1, 2], [])


def test_all_messages_arrive_before_the_result(cluster) -> None:
    received: list[object] = []
    with RayEngine(1, on_message=received.append) as engine:
        for count in (5, 2):
            assert call(engine, jobs.tell, count).result == count
            assert received == [("number", number) for number in range(count)]
            received.clear()


def test_without_a_receiver_messages_are_lost_and_nothing_else(cluster) -> None:
    with RayEngine(1) as engine:
        assert call(engine, jobs.tell, 3).result == 3


def test_a_mailbox_that_died_is_a_line(cluster) -> None:
    import ray

    inbox = Inbox(print)
    inbox.look()
    ray.kill(inbox.actor)
    with pytest.raises(StudyError, match=r"the cluster lost the messages of its workers: .*; give the same command to go on") as caught:
        inbox.look()
    assert "\n" not in str(caught.value)
