"""What is understood of a data set, in two lines for a plan, as rows for a table, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nasbench.training.folders.names import shown
from nasbench.training.folders.report import Contents, Duplicates, FolderReport, Ignored
from nasbench.training.images import VALIDATION_WORDS, Images, training_and_validation

NAMED_CLASSES = 8  # more are counted
NAMED_MODES = 4
_MODES = {
    "1": "black and white", "L": "grey", "LA": "grey with alpha", "P": "palette", "RGBA": "RGB with alpha",
    "I": "deep grey", "I;16": "16-bit grey", "I;16B": "16-bit grey", "F": "float",
}  # fmt: skip


@dataclass(frozen=True)
class DataSummary:
    """A data set as it is understood.

    Attributes:
        name: of the data set, or the folder.
        classes: number of images of each class, in all splits together.
        counts: number of images of `train`, `validation` and `test`; sources: where they come from.
        contents: sizes and modes of the images; duplicates, ignored: see folders/report.py.
    """

    name: str
    classes: Mapping[str, int]
    counts: Mapping[str, int]
    sources: Mapping[str, str]
    contents: Contents
    duplicates: Duplicates
    ignored: tuple[Ignored, ...]

    @classmethod
    def of(cls, images: Images) -> DataSummary:
        """The summary of a data set."""
        train, validation = training_and_validation(images)
        parts = {"train": train, "validation": validation, "test": images.test}
        totals = sum(np.bincount(part.labels.numpy(), minlength=len(images.classes)) for part in parts.values())
        report = images.report or _report_of_tensors(images)
        return cls(
            images.name,
            dict(zip(images.classes, np.asarray(totals).tolist(), strict=True)),
            {role: len(part) for role, part in parts.items()},
            report.sources,
            report.contents,
            report.duplicates,
            report.ignored,
        )

    def lines(self) -> tuple[str, str]:
        """Two lines: the classes and the splits; then the images and what is ignored."""
        splits = "; ".join(f"{role}: {self.counts[role]}, {self.sources[role]}" for role in ("validation", "test"))
        notes = [f"ignored: {self.ignored_words()}"] if self.ignored else []
        notes += [f"attention: {words}"] if (words := self.duplicate_words()) else []
        return f"{self.class_words()}; {splits}", "; ".join([self.image_words(), *notes])

    def rows(self) -> list[tuple[str, str]]:
        """The same as rows of a table, with all classes and all that is ignored."""
        rows = [("data", f"{self.name}: {sum(self.counts.values())} images, {len(self.classes)} classes")]
        rows += [("classes" if i == 0 else "", f"{shown(name)}: {n}") for i, (name, n) in enumerate(self.classes.items())]
        rows += [(role, f"{count} images, {self.sources[role]}") for role, count in self.counts.items()]
        rows.append(("images", self.image_words()))
        rows += [("ignored" if i == 0 else "", f"{e.words()}: {_examples(e)}") for i, e in enumerate(self.ignored)]
        rows += [("attention", words)] if (words := self.duplicate_words()) else []
        return rows

    def class_words(self) -> str:
        """`3 classes: cats 68, dogs 70, horses 66`."""
        counts = self.classes.values()
        if len(self.classes) > NAMED_CLASSES:
            return f"{len(self.classes)} classes of {_range(min(counts), max(counts))} images"
        return f"{len(self.classes)} classes: {', '.join(f'{shown(name)} {n}' for name, n in self.classes.items())}"

    def image_words(self) -> str:
        """`320 to 4032 pixels wide and 240 to 3024 high, 180 RGB, 20 grey`."""
        c = self.contents
        modes = [f"{n} {_MODES.get(mode, mode)}" for mode, n in c.modes.items()]
        modes[NAMED_MODES:] = [f"{len(modes) - NAMED_MODES} other modes"] if len(modes) > NAMED_MODES else []
        levels = [f"{kind} values {low:g} to {high:g} become black to white" for kind, (low, high) in c.levels.items()]
        alpha = ["transparent pixels become white"] if any(mode.endswith("A") for mode in c.modes) else []
        animations = [f"the first picture of {c.animations} animations"] if c.animations else []
        size = f"{_range(c.widths[0], c.widths[2])} pixels wide and {_range(c.heights[0], c.heights[2])} high"
        return ", ".join([size, *modes, *levels, *alpha, *animations])

    def ignored_words(self) -> str:
        """`3 hidden files, 1 broken link`."""
        return ", ".join(entry.words() for entry in self.ignored)

    def duplicate_words(self) -> str:
        """What duplicates there are; empty if there are none."""
        d = self.duplicates
        words = [f"{d.images} images repeat another one"] if d.images else []
        words += [f"{d.across} images of the validation or test split are also in another split"] if d.across else []
        words += [f"{d.classes} images lie in several classes"] if d.classes else []
        return ", ".join(words)

    def to_json(self) -> dict[str, Any]:
        """Plain data for scripts and for `study.yaml`."""
        contents = self.contents.to_json()
        del contents["equal"]
        return {
            "name": self.name,
            "lines": list(self.lines()),
            "classes": dict(self.classes),
            "splits": {role: {"images": n, "from": self.sources[role]} for role, n in self.counts.items()},
            **{key: list(value) if isinstance(value, tuple) else value for key, value in contents.items() if key != "levels"},
            "levels": {kind: list(ends) for kind, ends in self.contents.levels.items()},
            "duplicates": asdict(self.duplicates),
            "ignored": [{"why": e.why, "count": e.count, "examples": list(e.examples)} for e in self.ignored],
        }


def _report_of_tensors(images: Images) -> FolderReport:
    """The report of a data set that lies in memory."""
    _, channels, height, width = images.train.source.shape
    count = len(images.train) + len(images.test)
    mode = {1: "L", 3: "RGB"}.get(channels, f"{channels} channels")
    contents = Contents({mode: count}, (width,) * 3, (height,) * 3)
    sources = {"train": "the training images of the data set", "validation": VALIDATION_WORDS, "test": "the test images of the data set"}
    return FolderReport(sources, contents, Duplicates(), ())


def _range(low: int, high: int) -> str:
    return f"{low} to {high}" if low < high else str(low)


def _examples(entry: Ignored) -> str:
    return ", ".join(entry.examples) + (", ..." if entry.count > len(entry.examples) else "")
