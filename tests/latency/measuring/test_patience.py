"""How long measuring waits, what it says, and which waits count."""

from __future__ import annotations

import os

import pytest

from nasbench.errors import BusyError
from nasbench.latency.lock import POLL_S
from nasbench.latency.measuring.patience import LOOK_S, Patience


class Machine:
    """A machine on which other work keeps the cores for some looks."""

    def __init__(self, shares: list[float | None]) -> None:
        self.shares, self.asked, self.slept, self.said = shares, [], [], []

    def look(self, threads: int) -> float | None:
        self.asked.append(threads)
        return self.shares.pop(0) if len(self.shares) > 1 else self.shares[0]

    def patience(self, seconds: float, **more: str) -> Patience:
        return Patience(
            seconds, self.said.append, look=self.look, who=lambda: "process 7 (loop) keeps 2.0 cores", sleep=self.slept.append, **more
        )


def test_a_quiet_machine_is_not_waited_for() -> None:
    for share in (0.0, 0.05, None):  # None: the kernel does not say
        machine = Machine([share])
        machine.patience(0.0).until_quiet(2)
        assert (machine.asked, machine.slept, machine.said) == ([2], [], [])


def test_it_goes_on_at_the_moment_when_the_other_work_ends() -> None:
    machine = Machine([0.6, 0.5, 0.01])
    patience = machine.patience(60.0)
    patience.until_quiet(1)
    assert machine.slept == [LOOK_S, LOOK_S]
    assert patience.left_s == 60.0 - 2 * LOOK_S
    assert len(machine.said) == 1
    for words in (
        "waiting since",
        "process 7 (loop) keeps 2.0 cores",
        "60% of the time",
        "safe",
        "at most 1 min 00 s",
        "this command ends",
    ):
        assert words in machine.said[0]


def test_a_machine_that_stays_busy_is_an_error_that_names_what_keeps_it_busy() -> None:
    machine = Machine([0.66])
    patience = machine.patience(5.0, afterwards="then the search goes on")
    with pytest.raises(
        BusyError, match=r"process 7 \(loop\) keeps 2.0 cores \(66% of the time\); waited 5 s .* safe; stop the other work, then give"
    ):
        patience.until_quiet(1)
    assert sum(machine.slept) == 5.0
    assert "then the search goes on" in machine.said[0]
    with pytest.raises(BusyError):
        patience.until_quiet(1)
    assert sum(machine.slept) == 5.0, "all waits of a command share the time"


def test_the_wait_for_ones_own_trials_does_not_count() -> None:
    patience = Machine([0.0]).patience(POLL_S)
    patience.while_locked([os.getpid()])
    patience.while_locked([])  # who holds the lock is not known
    assert patience.left_s == POLL_S
    patience.while_locked([1])
    assert patience.left_s == 0.0
    with pytest.raises(BusyError, match="another nasbench on this machine measures or trains"):
        patience.while_locked([1])
