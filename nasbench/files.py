"""Files that survive a kill: written whole or not at all, or line by line."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError, short

# What reading data raises where they do not have the shape that was written: a reader turns these into an error of nasbench.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write to a temporary file in the same folder, fsync and rename it, so that a reader sees either the old file or the new one.

    A file that is replaced keeps its permissions; a new one has those that the user's umask allows. Where `path` is a symbolic
    link, the link stays, and the file that it names is written.

    Raises:
        NasbenchError: the folder is missing or read-only, or the disk is full. The old file then stays as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        target = Path(os.path.realpath(path))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        unfinished = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        temporary = unfinished
        with os.fdopen(handle, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise NasbenchError(f"cannot write {path}: {reason}; free some space or choose a folder you may write to") from error


class JsonLines:
    """A file of JSON values, one a line, which grows by whole lines.

    A process that is killed while it writes leaves a torn last line. `read` ignores a last line without an end, and the next `append`
    removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0  # bytes of whole lines

    def read(self, *, skip_damaged: bool = False) -> list[Any]:
        """The values of the file; none if it does not exist.

        Args:
            skip_damaged: leave out lines that are not JSON, instead of raising an error.

        Raises:
            OSError: the file cannot be read.
            ValueError: a whole line is not JSON.
        """
        data = self.path.read_bytes() if self.path.exists() else b""
        self._end = data.rfind(b"\n") + 1
        values = []
        for line in filter(None, data[: self._end].splitlines()):
            try:
                values.append(json.loads(line))
            except ValueError:
                if not skip_damaged:
                    raise
        return values

    def append(self, values: Iterable[Any]) -> None:
        """Add a line for each value, with one write, after the lines that `read` found or `append` wrote.

        Raises:
            OSError: the file cannot be written.
        """
        lines = "".join(json.dumps(value) + "\n" for value in values).encode()
        with open(self.path, "ab") as file:
            file.truncate(self._end)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._end += len(lines)

    def restart(self) -> None:
        """Drop all lines at the next `append`."""
        self._end = 0


MOST_BYTES = 1_000_000_000  # of a file that is read as a whole


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """The text of a file in UTF-8.

    Raises:
        OSError: it cannot be opened, is too large, or is no file: a pipe could be waited for, and a device be read, without end.
        ValueError: it is not text.
    """
    _check_file(path, most_bytes)
    return path.read_text(encoding="utf-8")


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: see `read_text`.
    """
    _check_file(path, most_bytes)
    return path.read_bytes()


def _check_file(path: Path, most_bytes: int) -> None:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))
    if status.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes, of at most {most_bytes:,}", str(path))


def read_json(path: Path) -> Any:
    """The plain data of a JSON file.

    Raises:
        OSError: see `read_text`.
        ValueError: it is not JSON, or nests too deep.
    """
    return parse_json(read_text(path))


def parse_json(text: str) -> Any:
    """The plain data of JSON text.

    Raises:
        ValueError: it is not JSON, or nests too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deep") from None


def number(value: Any, above: float = -1e300) -> Any:
    """The value itself, if it is a finite number above `above`: a check of data from a file.

    Raises:
        ValueError: it is not.

    Example:
        >>> number(2, above=0)
        2
        >>> number("2")
        Traceback (most recent call last):
        ...
        ValueError: a number is needed; got '2'
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < 1e300:
        rule = "a number is needed" if above < -1e299 else f"a number above {above:g} is needed"
        raise ValueError(f"{rule}; got {short(value)}")
    return value


def checksum(data: Mapping[str, Any]) -> str:
    """The SHA-256 of plain data as hexadecimal digits. It does not depend on the order of keys or on the layout of a file."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def cache_folder() -> Path:
    """The folder for device profiles and downloaded data: `$NASBENCH_CACHE` if set, else `nasbench` in the user's cache folder."""
    chosen = os.environ.get("NASBENCH_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasbench"
