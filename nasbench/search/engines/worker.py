"""The child's side of the local engine: run one function, send one answer, and die with the driver."""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import multiprocessing.forkserver
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError

# An answer that fits into a pipe's buffer (64 KiB on Linux) is sent without the driver's help: neither side can hang on it.
MAX_ANSWER = 60_000
_PR_SET_PDEATHSIG = 1


def run(sender: Connection, function: Callable[[Any], Any], argument: Any, log: Path | None) -> None:
    """Target of a trial's process: sends `("result", value)` or `("error", reason, traceback)`."""
    os.setsid()  # a group of its own: a time limit kills what the trial started too, and ^C in the terminal is the driver's
    die_with_driver()
    if log is not None:
        _redirect(log)
    try:
        answer = _packed(function(argument))
    except BaseException as error:  # noqa: BLE001 -- also SystemExit: whatever ends a trial must reach the driver as its reason
        reason = str(error) if isinstance(error, NasbenchError) else describe(error)
        trace = "".join(traceback.format_exception(error))
        if log is not None:
            sys.stderr.write(trace)
        answer = pickle.dumps(("error", reason[:2000], trace[-8000:]))
    sender.send_bytes(answer)
    sender.close()


def _packed(result: Any) -> bytes:
    try:
        answer = pickle.dumps(("result", result))
    except Exception as error:  # noqa: BLE001 -- pickle has no exception of its own for most of what it cannot do
        reason = f"a trial's result has to be plain data; {describe(error)}"
        return pickle.dumps(("error", reason, ""))
    if len(answer) > MAX_ANSWER:
        reason = f"a trial's result has at most {MAX_ANSWER} bytes; this one has {len(answer)}; keep large data in its folder"
        return pickle.dumps(("error", reason, ""))
    return answer


def describe(error: BaseException) -> str:
    """`ZeroDivisionError: division by zero`, on one line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return f"MemoryError: out of memory{f' ({text})' if text else ''}"
    return f"{name}: {text}" if text else name


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


def _redirect(log: Path) -> None:
    """Output of the trial, native code's too, to its own file; crashes leave a stack trace there."""
    sys.stdout.flush()
    sys.stderr.flush()
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    faulthandler.enable()
