"""One measurement at a time on a machine."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nasbench.errors import DeviceError
from nasbench.files import cache_folder
from nasbench.latency.device import slug


def lock_path() -> Path:
    """In the cache folder; with the host's name, since that folder may be shared by machines."""
    return cache_folder() / f"measure-{slug(platform.node())}.lock"


@contextmanager
def machine_lock(*, shared: bool = False, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the machine's measurement lock, after waiting for it.

    Whoever measures holds it alone; whoever computes hard (a trial's training) may hold it `shared` with others, so that
    nothing is timed meanwhile. The kernel lets go of it when the process ends, however it ends.

    Args:
        say: told once, in words, when there is somebody to wait for.

    Raises:
        DeviceError: the cache folder cannot be written.
    """
    path = lock_path()
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    # All pass a gate; who wants to measure waits inside it, so that trainings which follow each other cannot keep it waiting for ever.
    with _opened(path.with_suffix(".gate")) as gate, _opened(path) as file:
        waited = _wait_for(gate, fcntl.LOCK_EX, file, say)
        _wait_for(file, kind, file, None if waited else say)
        fcntl.flock(gate, fcntl.LOCK_UN)
        if not shared:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        try:
            yield
        finally:
            if not shared:
                file.truncate(0)


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a+")  # closing it lets go of the lock
    except OSError as error:
        raise DeviceError(
            f"measuring needs a lock file; {path} cannot be written: {error.strerror}; set NASBENCH_CACHE to a folder you may write to"
        ) from error


def _wait_for(file: IO[str], kind: int, holder: IO[str], say: Callable[[str], None] | None) -> bool:
    """Take the lock; whether there was somebody to wait for."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        if say:
            say(f"waiting for {_holder(holder)} to finish measuring or training on this machine")
        fcntl.flock(file, kind)
        return True
    return False


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid = file.read(20).strip()
    return f"process {pid}" if pid.isdigit() else "another process"
