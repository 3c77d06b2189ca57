"""The child's side of the local engine: run one function, send one answer, and die with the driver."""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nasbench.engines.calls import answered

_PR_SET_PDEATHSIG = 1


def run(sender: Connection, function: Callable[[Any], Any], argument: Any, log: Path | None, environment: Mapping[str, str]) -> None:
    """Target of a trial's process: sends what `answered` makes of the call. `environment` is set first: no GPU was touched yet."""
    os.setsid()  # a group of its own: a time limit kills what the trial started too, and ^C in the terminal is the driver's
    die_with_driver()
    os.environ.update(environment)
    sender.send_bytes(answered(function, argument, log))
    sender.close()


def die_with_driver() -> None:
    """Leave no process behind when the driver is killed.

    Two ways, since each has a gap: a thread waits for the driver's end and kills the trial's whole group, unless native code
    holds the interpreter; and the kernel kills this process when the fork server ends, which it does when the last process
    that holds its life line is gone. Hence we let go of that line.
    """
    driver = multiprocessing.parent_process()
    if driver is not None:
        threading.Thread(target=_follow, args=(driver,), daemon=True, name="follow-driver").start()
    server: Any = multiprocessing.forkserver._forkserver
    line = getattr(server, "_forkserver_alive_fd", None)
    if line is not None:
        os.close(line)
        server._forkserver_alive_fd = None
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # the server died before we asked
            os._exit(1)


def _follow(driver: Any) -> None:
    driver.join()
    os.killpg(0, signal.SIGKILL)
