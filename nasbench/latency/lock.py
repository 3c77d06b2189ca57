"""The machine's measuring lock: one measurement at a time for all users of the machine, and none while a network trains."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nasbench.errors import DeviceError
from nasbench.files import cache_folder
from nasbench.processes import describe_process, lock_holders, same_file, try_lock

FOLDERS = (Path("/run/lock"), Path("/dev/shm"), Path("/tmp"))  # noqa: S108 - of this machine alone; see `_opened` for what may lie there
FILE = "nasbench-measuring.lock"
POLL_S = 0.25
ATTEMPTS, RETRY_S = 40, 0.05  # to open a file that another process makes or deletes at this moment

OnWait = Callable[[Sequence[int]], None]
"""Called again and again while a lock is waited for, with the processes that hold it as far as they are known; it may raise an error."""


def lock_path() -> Path:
    """The lock file: `$NASBENCH_LOCK` if set, else a file in a folder of this machine that all its users share.

    Where there is no such folder, it lies in the user's own cache folder.
    """
    chosen = os.environ.get("NASBENCH_LOCK")
    if chosen:
        return Path(chosen)
    return next((folder for folder in FOLDERS if is_shared(folder)), cache_folder()) / FILE


def is_shared(folder: Path) -> bool:
    """Whether every user may make files in a folder, and nobody may delete those of others (the sticky bit)."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX) and bool(mode & stat.S_IWOTH)


@contextmanager
def machine_lock(*, shared: bool = False, say: Callable[[str], None] | None = None, on_wait: OnWait | None = None) -> Iterator[None]:
    """Wait for the machine's measuring lock and hold it.

    A measurement holds it alone. Heavy computations, such as a trial's training, hold it `shared`, so that nothing is timed meanwhile.
    The kernel releases the lock when its process ends, however it ends.

    Args:
        say: called once with a message if another process has to be waited for.
        on_wait: called while another process is waited for; an error that it raises ends the wait.

    Raises:
        DeviceError: the lock file cannot be made, or is not a file that all users can share.
    """
    path = lock_path()
    # All processes pass a gate. A measurement waits inside it, so that a series of trainings cannot keep it waiting for ever.
    gate, waited = _locked(path.with_suffix(".gate"), False, say, on_wait, path)
    try:
        file, _ = _locked(path, shared, None if waited else say, on_wait, path)
    finally:
        os.close(gate)
    try:
        yield
    finally:
        os.close(file)


def is_measured() -> bool:
    """Whether a latency is being measured on this machine now, so that trainings wait."""
    with suppress(OSError):
        descriptor = os.open(lock_path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return not try_lock(descriptor, shared=True)
        finally:
            os.close(descriptor)
    return False


def _locked(path: Path, shared: bool, say: Callable[[str], None] | None, on_wait: OnWait | None, held: Path) -> tuple[int, bool]:
    """The open and locked file, and whether another process had to be waited for.

    Args:
        held: the file whose holders are waited for, also at the gate.
    """
    waited = False
    while True:
        descriptor = _opened(path)
        try:
            while not try_lock(descriptor, shared=shared):
                if not waited and say:
                    say(f"waiting for {_words(_holders(held))} to finish measuring or training on this machine")
                waited = True
                if on_wait is None:
                    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
                    break
                on_wait(_holders(held))
                time.sleep(POLL_S)
            if same_file(descriptor, path):  # else it was deleted meanwhile, and other processes lock a new one
                return descriptor, waited
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _opened(path: Path) -> int:
    """The lock file, open for reading, which is enough to lock it.

    In a folder that all users share, someone may have put another thing in its place. A symbolic link is not followed; a pipe does not
    make this wait; and nothing is ever written into the file, so that a hard link harms nobody.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    why = "it is made and deleted all the time"
    for _ in range(ATTEMPTS):
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
                os.fchmod(descriptor, 0o644)  # whatever the umask is: other users have to open it
            except FileExistsError:  # another process was quicker
                continue
            except OSError as error:
                raise _unusable(path, str(error.strerror)) from error
        except PermissionError as error:  # perhaps its maker has not set the permissions yet
            why = str(error.strerror)
            time.sleep(RETRY_S)
            continue
        except OSError as error:
            raise _unusable(path, "it is a symbolic link" if path.is_symlink() else str(error.strerror)) from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise _unusable(path, "it is not a regular file")
    raise _unusable(path, why)


def _unusable(path: Path, why: str) -> DeviceError:
    return DeviceError(
        f"all users of a machine share one lock file, so that only one measures at a time; {path} cannot be used: {why}; "
        "have it deleted, or set NASBENCH_LOCK to a file that all users of this machine can read"
    )


def _holders(path: Path) -> list[int]:
    """The processes that hold the lock, without this one."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return [pid for pid in lock_holders(descriptor) if pid != os.getpid()]
        finally:
            os.close(descriptor)
    return []


def _words(pids: Sequence[int]) -> str:
    if not pids:
        return "another process"
    others = f" and {len(pids) - 1} more" if len(pids) > 1 else ""
    return describe_process(pids[0]) + others
