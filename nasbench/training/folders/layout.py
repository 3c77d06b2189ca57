"""Which folders are splits and which are classes. What could be read in two ways is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasbench.errors import DataError
from nasbench.training.folders.names import TEST, TRAIN, VALIDATION, is_hidden, is_image, resembles, role_of, shown

EXAMPLE = "such as train/cat/1.jpg and test/cat/2.jpg, or only cat/1.jpg"


@dataclass(frozen=True)
class Layout:
    """The folder of each split by its role, `train`, `validation` or `test`; empty where the folder itself holds the classes."""

    splits: Mapping[str, str]


def find_layout(path: Path) -> Layout:
    """The splits of a folder.

    A folder named like a split is one if it holds folders, which are then the classes. One that holds images is a class of that name,
    unless several splits look like that.

    Raises:
        DataError: the folder could be understood in several ways, or in none.
        OSError: a folder cannot be read.
    """
    names = visible_folders(path)
    inside = {name: visible_folders(path / name) for name in names}
    roles = {name: role for name in names if (role := role_of(name))}
    nested = {name: role for name, role in roles.items() if inside[name]}
    if TRAIN not in nested.values():
        _refuse_doubt(path, inside, roles, nested)
        _check_classes(path, names, inside)
        return Layout({})
    splits: dict[str, str] = {}
    for name, role in roles.items():
        if role in splits:
            raise DataError(
                f"a folder has one split of each kind; {shown(path)} has {shown(splits[role])} and {shown(name)} for {role}; "
                "rename or move one of them"
            )
        splits[role] = name
    train = splits[TRAIN]
    beside = [name for name in names if name not in roles and _holds_images(path / name)]
    if beside and set(splits) == {TRAIN}:
        raise DataError(
            f"{shown(path / train)} may be a split or a class, because {_listed(beside)} lie beside it; move them away, or rename "
            f"{shown(train)}"
        )
    _check_classes(path / train, inside[train], {name: visible_folders(path / train / name) for name in inside[train]})
    return Layout(splits)


def visible_folders(path: Path) -> list[str]:
    """The names of the folders in a folder, also of links to folders, without hidden ones, sorted."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))


def _refuse_doubt(path: Path, inside: Mapping[str, list[str]], roles: Mapping[str, str], nested: Mapping[str, str]) -> None:
    """Refuse folders that look like splits, but cannot be read as such.

    Raises:
        DataError: see above.
    """
    if len(set(roles.values())) > 1:
        raise DataError(
            f"a split holds a folder for each class; {_listed(roles)} in {shown(path)} are named like splits, but no training folder "
            f"holds class folders; sort the images into folders {EXAMPLE}"
        )
    if nested:
        raise DataError(
            f"training images are needed; {shown(path)} has {_listed(nested)}, which is named like a split, and no folder train; "
            f"add one, or rename it; {EXAMPLE}"
        )
    similar = {name: role for name in inside if inside[name] and (role := resembles(name))}
    if len(set(similar.values())) > 1:
        raise DataError(
            f"{_listed(similar)} in {shown(path)} may be splits or classes; "
            f"rename them to {TRAIN}, {VALIDATION} and {TEST} if they are splits"
        )
    if len(inside) > 1 and all(TRAIN in map(role_of, own) for own in inside.values()):
        raise DataError(
            f"splits are above the classes; in {shown(path)} each class has a folder of training images; sort them into folders {EXAMPLE}"
        )


def _check_classes(path: Path, names: list[str], inside: Mapping[str, list[str]]) -> None:
    """Refuse a folder with fewer than two class folders.

    Raises:
        DataError: see above.
    """
    if len(names) >= 2:
        return
    message = f"two class folders are needed; {shown(path)} has {len(names)} ({_listed(names) or 'none'})"
    if names and len(inside[names[0]]) >= 2:
        raise DataError(f"{message}; the classes seem to be inside: name the folder {shown(path / names[0])}")
    if not names and _holds_images(path):
        raise DataError(f"{message}, and images lie in the folder itself; sort them into a folder for each class, {EXAMPLE}")
    raise DataError(f"{message}; add a folder for each class, {EXAMPLE}")


def _holds_images(path: Path) -> bool:
    """Whether there is an image in a folder or in the folders in it."""
    for place in (path, *(path / name for name in visible_folders(path))):
        with os.scandir(place) as entries:
            if any(is_image(entry.name) and not is_hidden(entry.name) for entry in entries):
                return True
    return False


def _listed(names: Mapping[str, str] | list[str]) -> str:
    return ", ".join(map(shown, list(names)[:5]))
