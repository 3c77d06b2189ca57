"""Sends the files of a trial's folder to workers on machines that do not see the driver's disk, and brings new files back.

The driver marks the folder and sends its files with the call. A worker that finds the mark under the same path sees the driver's
disk, and works in the folder itself. Any other worker works in a temporary folder, and its files travel back with the answer.

    driver                                        worker on another machine
    transfer = FileTransfer.pack(folder)  ---->   with transfer.folder_for_worker(files) as folder:
                                                      function(folder_argument.replace(argument, folder))
    transfer.unpack(files)                <----   files
    transfer.close()
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from nasbench.files import write_atomic
from nasbench.processes import TemporaryFolder

MARK = ".driver"  # lies in a folder while a call works in it; a folder of the same name on another disk has another mark, or none


@dataclass(frozen=True)
class FolderArgument:
    """How to read and to replace the folder that a call's argument names.

    Both functions are pickled with the call, so they must be defined at the top of a module.

    Attributes:
        get: returns the folder of an argument.
        replace: returns a copy of the argument with another folder.
    """

    get: Callable[[Any], str]
    replace: Callable[[Any, str], Any]


@dataclass(frozen=True)
class FileTransfer:
    """A folder of the driver, and its files when the call was submitted.

    Attributes:
        folder: absolute path on the driver's disk.
        mark: content of the folder's file MARK.
        files: content of each file by name; hidden files and subfolders are left out.
    """

    folder: str
    mark: str
    files: dict[str, bytes]

    @classmethod
    def pack(cls, folder: Path) -> Self:
        """Mark a folder and read its files, such as the checkpoint that a trial goes on from."""
        files = _read_files(folder)
        mark = secrets.token_hex(8)
        (folder / MARK).write_text(mark)
        return cls(str(folder.absolute()), mark, files)

    def unpack(self, files: dict[str, bytes]) -> None:
        """Make the folder hold the files that a worker sent back.

        The smallest file is written last, because a result, which is small, says that everything else is there.

        Raises:
            NasbenchError: a file cannot be written.
        """
        for name, content in sorted(files.items(), key=lambda item: -len(item[1])):
            write_atomic(Path(self.folder) / name, content)
        for name in set(self.files) - set(files):
            (Path(self.folder) / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the mark."""
        with suppress(OSError):
            (Path(self.folder) / MARK).unlink(missing_ok=True)

    @contextmanager
    def folder_for_worker(self, files: dict[str, bytes]) -> Iterator[str]:
        """The folder that the call works in on this machine. If it is a temporary one, `files` receives its files at the end."""
        if self._is_visible():
            yield self.folder
            return
        with TemporaryFolder("trial") as folder:
            for name, content in self.files.items():
                (folder / name).write_bytes(content)
            yield str(folder)
            files.update(_read_files(folder))

    def _is_visible(self) -> bool:
        """Whether this process sees the driver's disk."""
        try:
            return (Path(self.folder) / MARK).read_text() == self.mark
        except OSError:
            return False


def _read_files(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith(".")}
