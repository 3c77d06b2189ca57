"""Names of files and folders: which name a split, which are hidden, and which files Pillow reads as images."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

TRAIN, VALIDATION, TEST = "train", "validation", "test"

WORDS = {
    TRAIN: ("train", "training", "trn"),
    VALIDATION: ("val", "valid", "validation", "validate", "dev"),
    TEST: ("test", "testing", "tst", "eval", "evaluation", "holdout"),
}
_ROLES = {word: role for role, words in WORDS.items() for word in words}
_FILLERS = {"set", "sets", "data", "dataset", "image", "images", "img", "imgs", "photo", "photos", "split", "folder"}
_ENDINGS = ("dataset", "images", "data", "set")  # written without a space, as in "trainset"

# What macOS, Windows, and the software of network drives leave in folders without a dot before the name.
_SYSTEM = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "thumbs.db", "desktop.ini"}

# Pillow knows these kinds by name. It runs Ghostscript for the first, and does not decode the others on every system.
_NOT_DECODED = {"EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5"}

# Files that show a picture to their owner, but that Pillow does not read.
OTHER_PICTURES = (
    ".heic", ".heif", ".hif", ".jxl", ".svg", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".eps", ".ai", ".pdf",
    ".mp4", ".mov", ".avi", ".mkv", ".webm", ".npy", ".npz", ".mat", ".dcm", ".nii",
)  # fmt: skip


def role_of(name: str) -> str | None:
    """The split that a folder's name stands for, in any case, or None.

    >>> [role_of(name) for name in ("Train", "VALID", "test_set", "Training-Images", "val2017", "Testing")]
    ['train', 'validation', 'test', 'train', 'validation', 'test']
    >>> [role_of(name) for name in ("trains", "freight train", "cats")]
    [None, None, None]
    """
    words = [word for word in _words(name) if word not in _FILLERS]
    return _role(words[0]) if len(words) == 1 else None


def resembles(name: str) -> str | None:
    """The split that a word in a folder's name stands for, or None: `seg_train` may be a split or a class."""
    return next((role for word in _words(name) if (role := _role(word))), None)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or was left by an operating system.

    >>> is_hidden(".ipynb_checkpoints"), is_hidden("__MACOSX"), is_hidden("cat.jpg")
    (True, True, False)
    """
    return name.startswith(".") or name.casefold() in _SYSTEM


def is_image(name: str) -> bool:
    """Whether the ending of a file's name is that of a kind that Pillow decodes."""
    return os.path.splitext(name)[1].lower() in _endings()


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the kinds that are read."""
    from PIL import Image

    Image.init()
    return tuple(sorted(kind for kind in Image.OPEN if kind not in _NOT_DECODED))


@cache
def _endings() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions()
    return frozenset(ending for ending, kind in known.items() if kind in formats())


def text(name: str) -> str:
    """A name from the file system as text: bytes that are not UTF-8 become the replacement character.

    >>> text("caf\\udce9")
    'caf�'
    """
    return os.fsencode(name).decode("utf-8", "replace")


def shown(name: str | Path) -> str:
    r"""A name for one line of text: characters that do not print, such as a line break, are escaped.

    >>> shown("big\ncats"), shown("猫")
    ('big\\ncats', '猫')
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text(str(name)))


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", name.casefold())


def _role(word: str) -> str | None:
    for ending in _ENDINGS:
        if word not in _ROLES and word.endswith(ending):
            word = word.removesuffix(ending)
    return _ROLES.get(word)
