"""One process at a time in a trial's folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nasbench.errors import DataError


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a trial's folder, after waiting for who has it: the worker of a driver that was killed may be at it for a few seconds more.

    The kernel lets go of it when the process ends, however it ends. Where folders cannot be locked (some network file systems) nothing
    is held: files are written whole there too, and both processes write the same.

    Raises:
        DataError: there is no such folder.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"cannot write to the trial's folder {folder}: {error.strerror}; was the study deleted while it ran?") from error
    try:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
