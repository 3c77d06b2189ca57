"""Processes of the operating system: when one started, how one ended, and locks that a dead one cannot hold."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from nasbench.errors import NasbenchError


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (field 22 of /proc/PID/stat), or None off Linux and if there is none.

    A pid may be given to another process later; pid and start together name one process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def call_elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a module's function in a fresh process, so that this one need not load what the function imports.

    Raises:
        NasbenchError: the function raised it, or the process ended without a result.
    """
    target = (function.__module__, function.__qualname__, arguments)
    process = subprocess.run([sys.executable, "-c", _CALL], input=pickle.dumps(target), stdout=subprocess.PIPE, check=False)  # noqa: S603 - this very program
    try:
        kind, value = pickle.loads(process.stdout)  # noqa: S301 - from our own process
    except (pickle.UnpicklingError, EOFError, ValueError):
        raise NasbenchError(f"the process that should call {function.__qualname__} {cause_of_death(process.returncode)}") from None
    if kind == "error":
        raise value
    return value


# Reads the name of a function and its arguments, and writes the result. Whatever the function prints goes to stderr.
_CALL = """
import importlib, os, pickle, sys
answer = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
module, name, arguments = pickle.load(sys.stdin.buffer)
from nasbench.errors import NasbenchError
try:
    result = ("result", getattr(importlib.import_module(module), name)(*arguments))
except NasbenchError as error:
    result = ("error", error)
answer.write(pickle.dumps(result))
answer.close()
"""


def temporary_prefix(prefix: str) -> str:
    """The beginning of the name of a temporary folder of this process: `prefix`, the pid and the start of the process.

    Folders of the same kind that killed processes of this user left are removed.

    Example:
        >>> temporary_prefix("nasbench-plan-")  # doctest: +SKIP
        'nasbench-plan-4711-180342-'
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        pid, _, rest = folder.name.removeprefix(prefix).partition("-")
        ticks = rest.partition("-")[0]
        with suppress(OSError):
            if pid.isdecimal() and ticks.isdecimal() and folder.stat().st_uid == os.getuid() and start_ticks(int(pid)) != int(ticks):
                shutil.rmtree(folder, ignore_errors=True)
    return f"{prefix}{os.getpid()}-{start_ticks(os.getpid())}-"


def try_lock(file: int | IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file if no other process holds it; the kernel releases the lock when the file is closed or its process ends.

    Args:
        file: file object or descriptor.
        shared: hold it together with others who do so; alone by default.

    Returns:
        Whether it is locked now.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked_directory(path: Path) -> Iterator[None]:
    """Hold the lock of a directory; waits while another process holds it.

    The kernel releases the lock when the process ends. Some network file systems cannot lock directories; then nothing is held.

    Raises:
        NasbenchError: there is no such directory.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NasbenchError(f"cannot write to {path}: {error.strerror}; was it deleted while it was used?") from error
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def cause_of_death(exit_code: int | None) -> str:
    """How a process ended that should have sent a result, as the predicate of a sentence about it.

    Args:
        exit_code: as `subprocess` and `multiprocessing` give it: the negative number of the signal that killed the process.

    Example:
        >>> cause_of_death(-9)
        'was killed by SIGKILL; often the system ran out of memory'
        >>> cause_of_death(7)
        'ended without a result (exit code 7)'
    """
    if exit_code is None or exit_code >= 0:
        return f"ended without a result (exit code {exit_code})"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    hint = "; often the system ran out of memory" if -exit_code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"
