"""The image files of a folder, by split and class. No file is opened here."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nasbench.errors import DataError
from nasbench.training.folders.layout import find_layout, visible_folders
from nasbench.training.folders.names import OTHER_PICTURES, TEST, TRAIN, VALIDATION, is_hidden, is_image, shown, text
from nasbench.training.folders.report import Ignored

MINIMUM = 5  # images of a class: three to train, one to validate, one to test
EXAMPLES = 3  # of each group of ignored files


@dataclass(frozen=True)
class Split:
    """Image files with their labels, in a fixed order; a label is a position in `Listing.classes`."""

    files: tuple[Path, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Listing:
    """The images of a folder.

    Attributes:
        splits: `train`, and `validation` and `test` where the folder has them.
        folders: of each split, relative to the folder.
        ignored: what is not used.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    folders: Mapping[str, str]
    ignored: tuple[Ignored, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, split after split."""
        return tuple(file for split in self.splits.values() for file in split.files)


class Notes:
    """Counts what is left out, with a few examples of each group."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, why: str, path: Path, count: int = 1) -> None:
        """Take note of `count` entries at `path` that are left out."""
        self._counts[why] += count
        examples = self._examples.setdefault(why, [])
        if len(examples) < EXAMPLES:
            examples.append(shown(path.relative_to(self._root)))

    def ignored(self) -> tuple[Ignored, ...]:
        """What was left out."""
        return tuple(Ignored(why, count, tuple(self._examples[why])) for why, count in self._counts.items())


def list_folder(path: Path) -> Listing:
    """The images below `path`, which holds class folders, or splits with class folders.

    Raises:
        DataError: the folder can be understood in two ways or in none, or a class has too few images.
        OSError: a folder cannot be read.
    """
    layout, notes = find_layout(path), Notes(path)
    for name in visible_folders(path):
        if layout.splits and name not in layout.splits.values():
            notes.add("folders beside the splits", path / name)
    train = path / layout.splits.get(TRAIN, "")
    names = visible_folders(train)
    splits = {TRAIN: _split(train, names, names, MINIMUM, notes)}
    folders = {TRAIN: layout.splits.get(TRAIN, "")}
    for role in (VALIDATION, TEST):
        if role in layout.splits:
            place = path / layout.splits[role]
            if (split := _labelled(place, names, notes)) is not None:
                splits[role], folders[role] = split, layout.splits[role]
    if layout.splits:
        _note_beside(path, notes)
    return Listing(_class_names(names), splits, folders, notes.ignored())


def _labelled(place: Path, classes: list[str], notes: Notes) -> Split | None:
    """The images of a validation or test split; None if none of its folders is a class, as in a test set without labels.

    Raises:
        DataError: only some of its folders are classes.
    """
    names = visible_folders(place)
    if not set(names) & set(classes):
        count = sum(1 for entry in _walk(place, Notes(place)) if is_image(entry.name))
        notes.add("images without a class folder" if count else "folders without images", place, max(1, count))
        return None
    if names != classes:
        odd = ", ".join(map(shown, sorted(set(names) ^ set(classes))[:5]))
        raise DataError(
            f"all splits must have the same class folders; {shown(place)} differs from the training images in: {odd}; "
            "rename the folders, or move them away"
        )
    return _split(place, names, classes, 1, notes)


def _split(place: Path, names: list[str], classes: list[str], minimum: int, notes: Notes) -> Split:
    files: list[Path] = []
    labels: list[int] = []
    for name in names:
        own = [file for file in _walk(place / name, notes) if _is_readable(file, notes)]
        if len(own) < minimum:
            left_out = ", ".join(entry.words() for entry in notes.ignored()[:3])
            raise DataError(
                f"each class needs at least {minimum} images; {shown(place / name)} has {len(own)}; add images, or move the folder away"
                + (f" (left out: {left_out})" if left_out else "")
            )
        files += own
        labels += [classes.index(name)] * len(own)
    _note_beside(place, notes)
    return Split(tuple(files), tuple(labels))


def _why_beside(name: str) -> str:
    if is_hidden(name):
        return "hidden files"
    return "images outside the class folders" if is_image(name) else _why_not_read(name)


def _note_beside(place: Path, notes: Notes) -> None:
    """Take note of files and hidden folders beside the classes or splits in `place`."""
    for entry in _entries(place):
        if not entry.is_dir():
            notes.add(_why_beside(entry.name), Path(entry.path))
        elif is_hidden(entry.name):
            notes.add("hidden folders", Path(entry.path))


def _is_readable(file: Path, notes: Notes) -> bool:
    """Whether a file below a class folder is an image file; if not, the reason is noted."""
    if is_hidden(file.name):
        notes.add("hidden files", file)
        return False
    if not is_image(file.name):
        notes.add(_why_not_read(file.name), file)
        return False
    try:
        regular = stat.S_ISREG(file.stat().st_mode)
    except OSError:
        notes.add("broken links", file)
        return False
    if not regular:
        notes.add("special files, such as pipes", file)
    return regular


def _why_not_read(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()
    if ending in OTHER_PICTURES:
        return f"{ending} files (not read here; convert to PNG or JPEG)"
    return f"{shown(ending)} files" if ending else "files without an ending"


def _walk(folder: Path, notes: Notes) -> Iterator[Path]:
    """The files below a folder in a fixed order, also through links. Hidden folders and repeated ones are noted and passed over."""
    seen: set[str] = set()
    found: list[tuple[str, list[str]]] = []
    for root, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(root)
        if real in seen:  # a link to a folder above would lead here for ever
            notes.add("links to a folder that was read already", Path(root))
            folders.clear()
            continue
        seen.add(real)
        for name in filter(is_hidden, folders):
            notes.add("hidden folders", Path(root, name))
        folders[:] = [name for name in folders if not is_hidden(name)]
        found.append((root, names))
    for root, names in sorted(found):
        for name in sorted(names):
            yield Path(root, name)


def _raise(error: OSError) -> None:
    raise error


def _entries(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _class_names(names: list[str]) -> tuple[str, ...]:
    """The names of classes as text.

    Raises:
        DataError: two of them are the same text.
    """
    classes = tuple(map(text, names))
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise DataError(f"class folders need different names in UTF-8; several are shown as {shown(twice[0])}; rename them")
    return classes
