"""How long measuring may wait for other work on this machine, and what is said meanwhile. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from nasbench.errors import BusyError
from nasbench.genotype.units import show_duration
from nasbench.latency.lock import POLL_S
from nasbench.latency.measurement import MAX_WAITED
from nasbench.latency.measuring.cpu_contention import share_taken
from nasbench.latency.measuring.other_work import other_work
from nasbench.processes import own_family

LOOK_S = 2.0  # between two looks at the cores
PAUSES_S = (10.0, 30.0, 60.0, 120.0, 240.0)  # after sessions in a row that other work disturbed
SAFE = "what was stored is safe"
ADVICE = f"{SAFE}; stop the other work, then give the same command again: it continues"


class Patience:
    """The time that measuring may still wait for other work to end: all waits of one command together.

    A wait that begins is announced with the processes that keep the cores. When no time is left, a `BusyError` says the same again.

    Args:
        seconds: all the waits together.
        say: receives a message when a wait begins.
        afterwards: what happens when no time is left, for that message.
        look: says which share of the time other work keeps from a number of threads; None where it is not known.
        who: names the other work.

    Attributes:
        left_s: seconds that are left.
    """

    def __init__(
        self,
        seconds: float,
        say: Callable[[str], None],
        afterwards: str = "then this command ends",
        *,
        look: Callable[[int], float | None] = share_taken,
        who: Callable[[], str] = other_work,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.left_s = self._whole_s = seconds
        self._say, self._afterwards = say, afterwards
        self._look, self._who, self._sleep = look, who, sleep
        self._disturbed = 0  # sessions in a row

    def until_quiet(self, threads: int) -> None:
        """Wait until other work leaves the cores that a measurement with so many threads uses.

        Raises:
            BusyError: it does not, and no time is left.
        """
        announced = False
        while (share := self._look(threads)) is not None and share > MAX_WAITED:
            if not announced or self.left_s <= 0:
                announced = True
                self._announce(f"{share:.0%} of the time")
            self._wait(LOOK_S)

    def after_disturbance(self, why: str) -> None:
        """Wait before a session that other work disturbed is repeated; longer each time.

        Raises:
            BusyError: no time is left.
        """
        self._announce(why)
        pause = PAUSES_S[min(self._disturbed, len(PAUSES_S) - 1)]
        self._disturbed += 1
        self._wait(pause)

    def undisturbed(self) -> None:
        """Note that a session was not disturbed."""
        self._disturbed = 0

    def while_locked(self, holders: Sequence[int]) -> None:
        """Wait for the machine's measuring lock. Waiting for the trials of this command itself is not counted.

        Raises:
            BusyError: another command holds the lock, and no time is left.
        """
        if not holders or set(holders) <= own_family():
            return
        if self.left_s <= 0:
            raise BusyError(f"another nasbench on this machine measures or trains; {self._spent()}; {ADVICE}")
        self.left_s -= POLL_S

    def _announce(self, why: str) -> None:
        who = self._who()
        if self.left_s <= 0:
            raise BusyError(f"measuring needs a quiet machine; {who} ({why}); {self._spent()}; {ADVICE}")
        now = datetime.now().astimezone()
        self._say(
            f"waiting since {now:%H:%M:%S} for a quiet machine: {who} ({why}); {SAFE}; stop the other work, or wait: at most "
            f"{show_duration(self.left_s)}, {self._afterwards}"
        )

    def _wait(self, seconds: float) -> None:
        seconds = min(seconds, self.left_s)
        self._sleep(seconds)
        self.left_s -= seconds

    def _spent(self) -> str:
        return f"waited {show_duration(self._whole_s)} for it to end" if self._whole_s else "there was no time to wait"
