"""Processes of the operating system: how one ended, what it is called, and locks and temporary folders that a dead one cannot hold."""

from __future__ import annotations

import atexit
import fcntl
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import IO, Any

import psutil

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


@contextmanager
def main_hidden(function: Callable[..., Any]) -> Iterator[None]:
    """Start a process that does not import the driver's main module.

    By default each process does. That takes seconds for what the module imports, and runs a script without `if __name__ ==
    "__main__"` once more. Only a function of the main module itself needs it.
    """
    main = sys.modules["__main__"]
    if getattr(function, "__module__", None) != "__main__":
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


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


LONGEST_SOCKET = 107  # characters of the path of a Unix socket on Linux
NEW_S = 60.0  # a folder that is younger may not be locked yet


class TemporaryFolder:
    """A temporary folder that only this user can read. `close` removes it; as a context manager it gives its path.

    A killed process cannot remove its folder. So each new folder first removes those of dead processes: their names hold the process,
    and nobody holds their locks.

    Args:
        purpose: a word for the folder's name, such as `plan`.
        root: the folder that it lies in; by default the system's folder for temporary files.

    Example:
        >>> with TemporaryFolder("example") as path:
        ...     path.name.startswith(f"nasbench-example-{os.getpid()}-")
        True
        >>> path.exists()
        False
    """

    def __init__(self, purpose: str, root: str | None = None) -> None:
        parent = root or tempfile.gettempdir()
        _remove_abandoned(Path(parent))
        self.path = Path(tempfile.mkdtemp(prefix=f"nasbench-{purpose}-{os.getpid()}-", dir=parent))
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with suppress(OSError):  # some network file systems cannot lock directories
            try_lock(self._descriptor)
        atexit.register(self.close)

    def close(self) -> None:
        """Remove the folder, whatever another process may still write there."""
        atexit.unregister(self.close)
        if self._descriptor >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def root_for_sockets(rest: int) -> str:
    """The system's folder for temporary files, or `/tmp` if the paths of sockets would be too long there.

    Such a path has at most 107 characters.

    Args:
        rest: characters of it that follow the folder, with the name of a `TemporaryFolder`.
    """
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) + rest <= LONGEST_SOCKET else "/tmp"  # noqa: S108 - a TemporaryFolder in it is private


def _remove_abandoned(parent: Path) -> None:
    """Remove the temporary folders of this user's dead processes."""
    for folder in parent.glob("nasbench-*-*-*"):
        name = re.fullmatch(r"nasbench-[a-z]+-(\d+)-[^-]*", folder.name)
        with suppress(OSError):
            if name and folder.lstat().st_uid == os.getuid() and _is_abandoned(folder, int(name[1])):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, pid: int) -> bool:
    """Whether the process that made a folder has ended.

    A process of another container cannot be seen, but it holds the lock. Where the process is seen, another one may have got its number.

    Raises:
        OSError: it is not a folder, or it is removed meanwhile.
    """
    if Path(f"/proc/{pid}").exists() and time.time() - folder.stat().st_mtime < NEW_S:
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return try_lock(descriptor)
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


def same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`: another process may have deleted or replaced it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def lock_holders(descriptor: int, locks: Path = Path("/proc/locks")) -> list[int]:
    """The processes that hold a `flock` on an open file.

    The list is empty where the kernel does not say: off Linux, and for processes of another container.
    """
    status = os.fstat(descriptor)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        lines = locks.read_text().splitlines()
    except OSError:
        return []
    # A line is `7: FLOCK ADVISORY WRITE 4242 00:1a:113 0 EOF`; one of a process that waits has `->` as its second word.
    rows = [words for line in lines if len(words := line.split()) > 5]
    return [int(words[4]) for words in rows if words[1] == "FLOCK" and words[5] == place and int(words[4]) > 0]


def own_family() -> set[int]:
    """This process and everything that it started, directly or not."""
    me = psutil.Process()
    with suppress(psutil.Error):
        return {me.pid, *(child.pid for child in me.children(recursive=True))}
    return {me.pid}


def describe_process(pid: int) -> str:
    """A process in words: `process 4242 (python train.py, of anna, since 14:03)`; only its number where no more can be read."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            command = short_command(process.cmdline()) or process.name()
            began = datetime.fromtimestamp(process.create_time()).astimezone()
            user = process.username()
    except (psutil.Error, OSError, KeyError):
        return f"process {pid}"
    today = began.date() == datetime.now().astimezone().date()
    return (
        f"process {pid} ({command}, of {user}, since {began:%H:%M})"
        if today
        else f"process {pid} ({command}, of {user}, since {began:%d %b})"
    )


def short_command(words: Sequence[str], limit: int = 48) -> str:
    """A command line in a few words: folders are left out, and what is longer than `limit` letters is cut.

    Example:
        >>> short_command(["/usr/bin/python3", "/home/anna/train.py", "--epochs", "90"])
        'python3 train.py --epochs 90'
    """
    text = " ".join(Path(word).name if word.startswith("/") else word for word in words)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
