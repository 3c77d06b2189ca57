"""One driver at a time: a lock file that says who holds it, and that a dead process cannot hold."""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime
from pathlib import Path

from nasbench.errors import StudyError
from nasbench.processes import start_ticks, try_lock


class DriverLock:
    """`flock` on a file that holds the driver's pid, host and start; the kernel lets go of it when the process dies."""

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
                    f"a study needs a folder it may write to; {self.path.parent}: {error.strerror}; choose another with --runs"
                ) from error
            try:
                self._claim(fd)
            finally:
                if self._fd is None:
                    os.close(fd)

    def _claim(self, fd: int) -> None:
        """Lock `fd` and sign it, or leave `_fd` as None when the file has to be opened once more."""
        if not try_lock(fd):
            found = _read(fd)
            if _alive(found):
                who = f"pid {found['pid']} on {found['host']} since {found['start']}" if found else "a process just started"
                raise StudyError(
                    f"a study has one driver at a time; {self.path.parent} is held by {who}; wait for it, stop it, or choose another --name"
                ) from None
            # The driver is dead, but a process that it forked still has its file open: leave it the old file.
            if _same_file(fd, self.path):
                self.path.unlink(missing_ok=True)
            return
        if not _same_file(fd, self.path):
            return  # another driver put a new file in its place between our open and our lock
        signature = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "start": datetime.now().astimezone().isoformat(timespec="seconds"),
            "ticks": start_ticks(os.getpid()),
        }
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, (json.dumps(signature) + "\n").encode(), 0)
        except OSError as error:
            raise StudyError(f"cannot write {self.path}: {error.strerror}; free some space or choose another --runs") from error
        self._fd = fd

    def release(self) -> None:
        """Let go; the file stays, empty, because removing it would let two drivers lock two different files."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def holder(path: Path) -> dict[str, object] | None:
    """Who drives the study of this lock file now (pid, host, start), or None; takes no lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = _read(fd)
    finally:
        os.close(fd)
    return found if found and _alive(found) else None


def _read(fd: int) -> dict[str, object]:
    try:
        content = json.loads(os.pread(fd, 4096, 0))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _alive(found: dict[str, object]) -> bool:
    """Whether the signed process still runs; on another host, or before it has signed, it must be assumed to."""
    pid = found.get("pid")
    if found.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # A pid may have been given to another process since; the start time tells them apart.
    return found.get("ticks") in (None, start_ticks(pid))


def _same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
