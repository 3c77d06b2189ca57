"""Between the driver's thread and Tune's, without Ray: who does what next, and what has no answer."""

from __future__ import annotations

from types import SimpleNamespace

from nasbench.engines.ray.call_queue import CallQueue


def call(number):
    return SimpleNamespace(number=number)


def desk_with(*numbers):
    desk = CallQueue()
    for number in numbers:
        desk.leave(call(number))
    return desk


def test_answers_come_with_their_number_and_files():
    desk = desk_with(7)
    assert desk.begins("worker")
    assert not desk.begun()
    assert desk.next("worker", "actor").number == 7
    assert desk.begun()
    desk.answered(7, b"answer", 1.5, {"weights": b"1"})
    (one,) = desk.take(0)
    assert (one.number, one.answer, one.seconds, one.files) == (7, b"answer", 1.5, {"weights": b"1"})
    assert desk.take(0) == []


def test_nothing_comes_of_what_was_cancelled():
    desk = desk_with(1, 2)
    desk.begins("worker")
    desk.next("worker", "actor")
    assert desk.drop(2) is None, "nobody runs it"
    assert desk.drop(1) == "actor"
    desk.left("worker", "killed")
    desk.answered(2, b"answer", 1.0, None)
    assert desk.take(0) == []


def test_no_call_after_it_is_closed():
    desk = desk_with(1)
    desk.close()
    assert not desk.begins("worker")
    assert desk.next("worker", None) is None


def test_a_worker_begins_only_for_a_call_that_nobody_will_take():
    desk = desk_with(1, 2)
    assert [desk.begins(worker) for worker in "abc"] == [True, True, False]
    assert desk.next("a", None).number == 1
    desk.leave(call(3))
    assert desk.begins("c"), "a is at work, and b starts"


def test_calls_wait_for_no_worker_that_starts():
    """However long it takes, or if it never does: who is free takes what is next, and the other goes on starting."""
    desk = desk_with(1, 2)
    assert desk.begins("a")
    assert desk.begins("b")
    assert [desk.next("a", None).number for _ in range(2)] == [1, 2]
    desk.leave(call(3))
    assert not desk.begins("c")
    assert desk.next("b", None).number == 3


def test_an_idle_worker_is_asked_before_another_begins():
    desk = desk_with(1, 2)
    for worker in "ab":
        desk.begins(worker)
        desk.next(worker, None)
    desk.answered(1, b"answer", 1.0, None)
    assert desk.next("a", None) is None
    desk.leave(call(3))
    assert not desk.begins("c")
    desk.left("a", "killed")
    assert desk.begins("c")


def test_what_a_lost_worker_takes_along():
    """Its own call; where it could not even start the oldest, since others that start might all fail; if it was idle none."""
    desk = desk_with(1, 2)
    desk.begins("a")
    desk.begins("b")
    desk.next("a", None)
    desk.left("a", "killed")
    assert [(one.number, one.answer, one.why, one.begun) for one in desk.take(0)] == [(1, None, "killed", True)]
    desk.left("b", "no torch")
    assert [(one.number, one.answer, one.why, one.begun) for one in desk.take(0)] == [(2, None, "no torch", False)]
    desk.leave(call(3))
    desk.leave(call(4))
    for worker in "cd":
        desk.begins(worker)
        desk.next(worker, None)
    desk.answered(3, b"answer", 1.0, None)
    assert desk.next("c", None) is None, "d is at work"
    desk.left("c", "killed")
    assert [one.number for one in desk.take(0)] == [3]
