"""The machine's measurement lock: one measurement at a time, and none while a network trains."""

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
from nasbench.processes import try_lock


def lock_path() -> Path:
    """The lock file, in the cache folder. Its name holds the host's, because several machines may share that folder."""
    return cache_folder() / f"measure-{slug(platform.node())}.lock"


@contextmanager
def machine_lock(*, shared: bool = False, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Wait for the machine's measurement lock and hold it.

    A measurement holds it alone. Heavy computations, such as a trial's training, hold it `shared`, so that nothing is timed meanwhile.
    The kernel releases the lock when its process ends, however it ends.

    Args:
        say: called once with a message if another process has to be waited for.

    Raises:
        DeviceError: the cache folder cannot be written.
    """
    path = lock_path()
    # All processes pass a gate. A measurement waits inside it, so that a series of trainings cannot keep it waiting for ever.
    with _opened(path.with_suffix(".gate")) as gate, _opened(path) as file:
        waited = _wait(gate, False, file, say)
        _wait(file, shared, file, None if waited else say)
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
        return open(path, "a+")  # closing it releases the lock
    except OSError as error:
        raise DeviceError(
            f"measuring needs a lock file; {path} cannot be written: {error.strerror}; set NASBENCH_CACHE to a folder you may write to"
        ) from error


def _wait(file: IO[str], shared: bool, signed: IO[str], say: Callable[[str], None] | None) -> bool:
    """Take the lock on `file`; returns whether another process, which signed the file `signed`, had to be waited for."""
    if try_lock(file, shared=shared):
        return False
    if say:
        say(f"waiting for {_holder(signed)} to finish measuring or training on this machine")
    fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid = file.read(20).strip()
    return f"process {pid}" if pid.isdigit() else "another process"
