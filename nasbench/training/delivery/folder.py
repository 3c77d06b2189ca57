"""The output folder of a training for use: it is begun, continued by the same command, or refused."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from nasbench.errors import BusyError, NasbenchError, short
from nasbench.files import write_atomic
from nasbench.genotype.yaml import load_yaml
from nasbench.processes import try_lock

TRAIN_FILE = "train.yaml"
FORMAT, VERSION = "nasbench train", 1
PACKAGES = ("nasbench", "torch", "torchvision", "timm", "numpy")


@dataclass(frozen=True)
class Folder:
    """The output folder of one training, which this process has locked.

    Attributes:
        stored: the content of `train.yaml`; None before it was written.
    """

    path: Path
    stored: dict[str, Any] | None

    def begin(self, content: Mapping[str, Any]) -> None:
        """Write `train.yaml`: the command, versions of packages, and the rest of `content`."""
        about = {"format": FORMAT, "version": VERSION, **content, "versions": versions(), "host": platform.node(), "began": _now()}
        write_atomic(self.path / TRAIN_FILE, yaml.safe_dump(about, sort_keys=False, allow_unicode=True))


@contextmanager
def open_folder(path: Path, command: Mapping[str, Any]) -> Iterator[Folder]:
    """Lock the output folder of a training of `command`.

    Raises:
        NasbenchError: the folder holds the training of another command, or something else, or cannot be made.
        BusyError: another process trains in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NasbenchError(f"cannot write to {path}: {error.strerror}; name another folder with --out") from None
    try:
        if not try_lock(descriptor):
            raise BusyError(f"one process trains in a folder; another one works in {path}; wait for it, or name another folder with --out")
        yield Folder(path, _checked(path, command))
    except BaseException:
        with suppress(OSError):  # it holds something
            path.rmdir()
        raise
    finally:
        os.close(descriptor)


def versions() -> dict[str, str]:
    """The versions of the packages that can change a result; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _checked(path: Path, command: Mapping[str, Any]) -> dict[str, Any] | None:
    file = path / TRAIN_FILE
    if not file.exists():
        other = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
        if other:
            raise NasbenchError(f"an output folder is empty or holds a training; {path} holds {other[0]}; name another folder with --out")
        return None
    stored = load_yaml(file, NasbenchError)[0]
    if not isinstance(stored, dict) or stored.get("format") != FORMAT or not isinstance(stored.get("command"), dict):
        raise NasbenchError(f"{file} is not the file of a training; restore it from a copy, or name another folder with --out")
    if stored.get("version") != VERSION:
        raise NasbenchError(f"{file} is of version {short(stored.get('version'))}, this nasbench reads {VERSION}; use a newer nasbench")
    difference = first_difference(stored["command"], command)
    if difference:
        raise NasbenchError(f"{path} holds the training of another command: {difference}; give the old value, or another folder with --out")
    return stored


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> str:
    """The first difference between two commands in words; empty if there is none. `threads` that are not given differ from nothing.

    >>> first_difference({"seed": 0, "recipe": {"lr": 0.1}}, {"seed": 0, "recipe": {"lr": 0.2}})
    'recipe.lr was 0.1 and is now 0.2'
    """
    for key in (*new, *(key for key in old if key not in new)):
        before, now = old.get(key), new.get(key)
        if before == now or (key == "threads" and now is None):
            continue
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            return first_difference(before, now, f"{prefix}{key}.")
        return f"{prefix}{key} was {_word(before)} and is now {_word(now)}"
    return ""


def _word(value: Any) -> str:
    return "not given" if value is None else value if isinstance(value, str) else short(value)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
