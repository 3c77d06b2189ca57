"""The process of a call in the local engine: it runs one function, sends one answer, and dies with the driver."""

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

from nasbench.engines.calls import run_call

_PR_SET_PDEATHSIG = 1


def run(sender: Connection, function: Callable[[Any], Any], argument: Any, log: Path | None, environment: Mapping[str, str]) -> None:
    """Target of a call's process: send the answer of `run_call`.

    Args:
        environment: variables to set first, before anything uses a GPU.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited, unless another library has started the fork server
    os.setsid()  # its own process group: a time limit also kills what the call started, and ^C in the terminal reaches only the driver
    die_with_driver()
    os.environ.update(environment)
    sender.send_bytes(run_call(function, argument, log))
    sender.close()


def die_with_driver() -> None:
    """End this process, and what it started, when the driver is killed.

    There are two ways, because each has a gap. A thread waits for the driver's end and kills the whole process group, unless
    native code holds the interpreter. And the kernel kills this process when the fork server ends. The server ends when no
    process holds the write end of its `alive` pipe, so this process closes its own copy.
    """
    driver = multiprocessing.parent_process()
    if driver is not None:
        threading.Thread(target=_kill_group_after, args=(driver,), daemon=True, name="follow-driver").start()
    server: Any = multiprocessing.forkserver._forkserver
    alive_fd = getattr(server, "_forkserver_alive_fd", None)
    if alive_fd is not None:
        os.close(alive_fd)
        server._forkserver_alive_fd = None
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # the server died before the call to prctl
            os._exit(1)


def _kill_group_after(driver: Any) -> None:
    driver.join()
    os.killpg(0, signal.SIGKILL)
