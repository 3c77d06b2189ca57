"""The folder of a call, for workers on machines that do not see the driver's disk: its files travel with the call and its answer."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.files import write_atomic

MARK = ".driver"  # in a folder while a call is at work in it: a folder of the same name on another disk has another, or none


@dataclass(frozen=True)
class FolderArgument:
    """How an argument names its folder: both are functions of a module, and travel.

    Attributes:
        folder: of an argument; moved: the argument with another.
    """

    folder: Callable[[Any], str]
    moved: Callable[[Any, str], Any]


@dataclass(frozen=True)
class FileTransfer:
    """A folder and what it held when the call was submitted."""

    folder: str
    mark: str
    files: dict[str, bytes]


def pack(folder: Path) -> FileTransfer:
    """Mark a folder, and read what is in it: a checkpoint to go on from."""
    files = {name: (folder / name).read_bytes() for name in _names(folder)}
    mark = secrets.token_hex(8)
    (folder / MARK).write_text(mark)
    return FileTransfer(str(folder.absolute()), mark, files)


def unload(luggage: FileTransfer, files: dict[str, bytes]) -> None:
    """Put what a worker brought back into the folder; the smallest come last, since a result says that all is there.

    Raises:
        NasbenchError: it cannot be written.
    """
    for name, content in sorted(files.items(), key=lambda item: -len(item[1])):
        write_atomic(Path(luggage.folder) / name, content)
    for name in set(luggage.files) - set(files):
        (Path(luggage.folder) / name).unlink(missing_ok=True)


def forget(luggage: FileTransfer) -> None:
    """Take the mark away."""
    with suppress(OSError):
        (Path(luggage.folder) / MARK).unlink(missing_ok=True)


@contextmanager
def at_hand(luggage: FileTransfer | None, carrier: FolderArgument | None, argument: Any, files: dict[str, bytes]) -> Iterator[Any]:
    """The argument with a folder that this machine has; where that is not the driver's own, `files` gets what is left in it."""
    if luggage is None or carrier is None:
        yield argument
        return
    if _visible(luggage):
        yield carrier.moved(argument, luggage.folder)
        return
    with tempfile.TemporaryDirectory(prefix="nasbench-trial-") as place:
        for name, content in luggage.files.items():
            (Path(place) / name).write_bytes(content)
        yield carrier.moved(argument, place)
        files.update({name: (Path(place) / name).read_bytes() for name in _names(Path(place))})


def _visible(luggage: FileTransfer) -> bool:
    try:
        return (Path(luggage.folder) / MARK).read_text() == luggage.mark
    except OSError:
        return False


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.is_file() and entry.name != MARK and not entry.name.startswith(".")]
