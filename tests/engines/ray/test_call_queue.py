"""The queue between the driver's thread and Tune's, without Ray: who runs which call, and which calls end without an answer."""

from __future__ import annotations

from nasbench.engines.ray.call_queue import Call, CallQueue


def call(number):
    return Call(number, payload=b"", log=None, limit_s=None)


def queue_with(*numbers):
    queue = CallQueue()
    for number in numbers:
        queue.put(call(number))
    return queue


def test_answers_come_with_their_number_and_files():
    queue = queue_with(7)
    assert queue.start_worker("worker")
    assert not queue.is_running()
    assert queue.take("worker", "actor").number == 7
    assert queue.is_running()
    queue.put_answer(7, b"answer", 1.5, {"weights": b"1"})
    (finished,) = queue.get_finished(0)
    assert (finished.number, finished.answer, finished.seconds, finished.files) == (7, b"answer", 1.5, {"weights": b"1"})
    assert queue.get_finished(0) == []


def test_a_cancelled_call_never_finishes():
    queue = queue_with(1, 2)
    queue.start_worker("worker")
    queue.take("worker", "actor")
    assert queue.cancel(2) is None, "no worker runs it"
    assert queue.cancel(1) == "actor"
    queue.remove_worker("worker", "killed")
    queue.put_answer(2, b"answer", 1.0, None)
    assert queue.get_finished(0) == []


def test_a_closed_queue_gives_no_call():
    queue = queue_with(1)
    queue.close()
    assert not queue.start_worker("worker")
    assert queue.take("worker", None) is None


def test_a_worker_is_started_only_for_a_call_that_no_other_will_take():
    queue = queue_with(1, 2)
    assert [queue.start_worker(worker) for worker in "abc"] == [True, True, False]
    assert queue.take("a", None).number == 1
    queue.put(call(3))
    assert queue.start_worker("c"), "a is busy, and b starts"


def test_no_call_waits_for_a_worker_that_starts():
    """A worker may take long to start, or fail to: a free worker takes the next call meanwhile."""
    queue = queue_with(1, 2)
    assert queue.start_worker("a")
    assert queue.start_worker("b")
    assert [queue.take("a", None).number for _ in range(2)] == [1, 2]
    queue.put(call(3))
    assert not queue.start_worker("c")
    assert queue.take("b", None).number == 3


def test_an_idle_worker_is_used_before_another_is_started():
    queue = queue_with(1, 2)
    for worker in "ab":
        queue.start_worker(worker)
        queue.take(worker, None)
    queue.put_answer(1, b"answer", 1.0, None)
    assert queue.take("a", None) is None
    queue.put(call(3))
    assert not queue.start_worker("c")
    queue.remove_worker("a", "killed")
    assert queue.start_worker("c")


def test_which_call_a_dead_worker_ends():
    """Its own call; the oldest waiting one if it could not start, since others might fail too; none if it was idle."""
    queue = queue_with(1, 2)
    queue.start_worker("a")
    queue.start_worker("b")
    queue.take("a", None)
    queue.remove_worker("a", "killed")
    assert [(c.number, c.answer, c.reason, c.has_run) for c in queue.get_finished(0)] == [(1, None, "killed", True)]
    queue.remove_worker("b", "no torch")
    assert [(c.number, c.answer, c.reason, c.has_run) for c in queue.get_finished(0)] == [(2, None, "no torch", False)]
    queue.put(call(3))
    queue.put(call(4))
    for worker in "cd":
        queue.start_worker(worker)
        queue.take(worker, None)
    queue.put_answer(3, b"answer", 1.0, None)
    assert queue.take("c", None) is None, "d is busy"
    queue.remove_worker("c", "killed")
    assert [c.number for c in queue.get_finished(0)] == [3]
