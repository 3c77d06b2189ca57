"""The driver's process, as its workers know it: where it runs, and what they take over from it. No Ray here."""

from __future__ import annotations

import os
import platform
import select
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nasbench.processes import start_ticks

INHERITED = ("NASBENCH_CACHE", "XDG_CACHE_HOME", "NASBENCH_LOCK")  # they say where profiles and the machine's measuring lock lie


@dataclass(frozen=True)
class Host:
    """A machine since its last start. Two containers on one machine are two hosts."""

    name: str
    boot_id: str

    @classmethod
    def here(cls) -> Self:
        """The host of this process."""
        with suppress(OSError):
            return cls(platform.node(), Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        return cls(platform.node(), "")


@dataclass(frozen=True)
class Driver:
    """The process that waits for the results.

    Attributes:
        host: the host that it runs on.
        pid: its process id.
        start: its start in clock ticks since boot, by which a later process with the same id differs.
        folder: its working directory.
        umask: its mask for the permissions of new files.
        path: where it looks for Python modules.
        environment: variables that its workers must have too.
    """

    host: Host
    pid: int
    start: int | None
    folder: str
    umask: int
    path: tuple[str, ...]
    environment: dict[str, str]

    @classmethod
    def here(cls) -> Self:
        """This process."""
        mask = os.umask(0o077)
        os.umask(mask)
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return cls(Host.here(), os.getpid(), start_ticks(os.getpid()), os.getcwd(), mask, tuple(sys.path), environment)

    @property
    def is_on_this_host(self) -> bool:
        """Whether this process runs on the driver's host."""
        return self.host == Host.here()


def attach_to(driver: Driver) -> None:
    """Make this process like one of the local engine: it has the driver's folder and environment, and dies with the driver.

    On another host nothing is taken over, and the cluster itself ends the workers of a driver that has ended.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # by default the alarm of a time limit kills the process
    if not driver.is_on_this_host:
        return
    os.umask(driver.umask)
    os.environ.update(driver.environment)
    sys.path += [entry for entry in driver.path if entry not in sys.path]
    with suppress(OSError):
        os.chdir(driver.folder)
    try:
        fd = os.pidfd_open(driver.pid)
    except OSError:
        _die()
    if driver.start is not None and start_ticks(driver.pid) != driver.start:
        _die()
    threading.Thread(target=_die_after, args=(fd,), daemon=True, name="follow-driver").start()


def _die_after(pidfd: int) -> None:
    select.select([pidfd], [], [])
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
