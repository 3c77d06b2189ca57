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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+")  # noqa: SIM115 - closed below; closing lets go of the lock
    except OSError as error:
        raise DeviceError(
            f"measuring needs a lock file; {path} cannot be written: {error.strerror}; set NASBENCH_CACHE to a folder you may write to"
        ) from error
    with file:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if say:
                say(f"waiting for {_holder(file)} to finish measuring or training on this machine")
            fcntl.flock(file, kind)
        if not shared:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        try:
            yield
        finally:
            if not shared:
                file.truncate(0)


def _holder(file: IO[str]) -> str:
    file.seek(0)
    pid = file.read(20).strip()
    return f"process {pid}" if pid.isdigit() else "another process"
