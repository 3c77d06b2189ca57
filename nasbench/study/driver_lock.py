"""One driver at a time: a lock file that names the process which holds it, and that a dead process cannot hold."""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime
from pathlib import Path

from nasbench.errors import StudyError
from nasbench.files import MALFORMED
from nasbench.processes import same_file, start_ticks, try_lock


class DriverLock:
    """`flock` on a file with the driver's pid, host and start. The kernel releases the lock when the process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StudyError: another living driver holds it, or the file cannot be written.
        """
        while self._fd is None:
            try:
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise StudyError(
                    f"a study needs a directory that it may write to; {self.path.parent}: {error.strerror}; choose another with --runs"
                ) from error
            try:
                self._lock_and_sign(fd)
            finally:
                if self._fd is None:
                    os.close(fd)

    def _lock_and_sign(self, fd: int) -> None:
        """Lock the open file and write who holds it. `_fd` stays None when the file has to be opened again."""
        if not try_lock(fd):
            driver = _read(fd)
            if _alive(driver):
                who = f"pid {driver['pid']} on {driver['host']} since {driver['start']}" if driver else "a process that has just started"
                raise StudyError(
                    f"a study has one driver at a time; {self.path.parent} is held by {who}; wait for it, stop it, or choose another --name"
                ) from None
            # The driver is dead, but a process that it forked still has the file open: the next attempt makes a new file.
            if same_file(fd, self.path):
                self.path.unlink(missing_ok=True)
            return
        if not same_file(fd, self.path):
            return  # another driver replaced the file after we opened it and before we locked it
        content = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "start": datetime.now().astimezone().isoformat(timespec="seconds"),
            "ticks": start_ticks(os.getpid()),
        }
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, (json.dumps(content) + "\n").encode(), 0)
        except OSError as error:
            raise StudyError(f"cannot write {self.path}: {error.strerror}; free some space or choose another --runs") from error
        self._fd = fd

    def release(self) -> None:
        """Release the lock. The empty file stays: if it were removed, two drivers could lock two different files."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def holder(path: Path) -> dict[str, object] | None:
    """The living driver that holds this lock file (pid, host, start), or None. The lock is not touched."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        driver = _read(fd)
    finally:
        os.close(fd)
    return driver if driver and _alive(driver) else None


def _read(fd: int) -> dict[str, object]:
    """What the file says of its driver; nothing where it is damaged, or not written yet."""
    try:
        content = json.loads(os.pread(fd, 4096, 0))
    except (OSError, *MALFORMED):  # OSError: a folder
        return {}
    whole = isinstance(content, dict) and {"pid", "host", "start"} <= content.keys()
    return content if whole else {}


def _alive(driver: dict[str, object]) -> bool:
    """Whether a driver still runs. One on another host, or one that has not written its pid yet, is taken to run."""
    pid = driver.get("pid")
    if driver.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # The pid may belong to another process by now; the start time tells them apart.
    return driver.get("ticks") in (None, start_ticks(pid))
