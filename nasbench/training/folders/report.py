"""What was understood of a folder, as plain data: where the splits come from, what the images are, what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ignored:
    """Files or folders that are not used.

    Attributes:
        why: the reason, as the name of a group, such as `hidden files`.
        count: how many.
        examples: the first of them, relative to the folder.
    """

    why: str
    count: int
    examples: tuple[str, ...]

    def words(self) -> str:
        """The number and the reason.

        >>> Ignored("hidden files", 1, ("a",)).words(), Ignored(".txt files", 3, ("b",)).words()
        ('1 hidden file', '3 .txt files')
        """
        why = re.sub(r"\b(file|folder|link|image)s\b", r"\1", self.why, count=1) if self.count == 1 else self.why
        return f"{self.count} {why}"


@dataclass(frozen=True)
class Contents:
    """What the image files hold.

    Attributes:
        modes: number of files of each mode of Pillow: `RGB`, `L` (grey), `I;16` (grey of 16 bits) and others.
        widths, heights: smallest, middle and largest, in pixels, as stored.
        animations: number of files with several pictures; the first is read.
        levels: for `integer` and `float` pixels of more than 8 bits, the values that become black and white.
        equal: groups of files with the same bytes, by position in the list of all files.
    """

    modes: Mapping[str, int]
    widths: tuple[int, int, int]
    heights: tuple[int, int, int]
    animations: int = 0
    levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    equal: tuple[tuple[int, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Contents:
        """From `to_json`'s data.

        Raises:
            KeyError, TypeError, ValueError: other data.
        """
        return cls(
            modes={str(mode): int(count) for mode, count in data["modes"].items()},
            widths=_three(data["widths"]),
            heights=_three(data["heights"]),
            animations=int(data["animations"]),
            levels={str(kind): (float(low), float(high)) for kind, (low, high) in data["levels"].items()},
            equal=tuple(tuple(map(int, group)) for group in data["equal"]),
        )


@dataclass(frozen=True)
class Duplicates:
    """Images whose files have the same bytes.

    Attributes:
        images: files that repeat an earlier one.
        across: images of the validation or test split that are in another split too.
        classes: contents that lie in several classes.
    """

    images: int = 0
    across: int = 0
    classes: int = 0


@dataclass(frozen=True)
class FolderReport:
    """All that a folder of images is understood to be.

    Attributes:
        sources: where the images of `train`, `validation` and `test` come from, in words.
        ignored: what is not used.
    """

    sources: Mapping[str, str]
    contents: Contents
    duplicates: Duplicates
    ignored: tuple[Ignored, ...]


def _three(values: Any) -> tuple[int, int, int]:
    low, middle, high = map(int, values)
    return low, middle, high
