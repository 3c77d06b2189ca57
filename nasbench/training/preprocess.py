"""What turns an image file into the input of a trained network, and its outputs into names of classes. Defined once, delivered with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.errors import DataError, first_line, short
from nasbench.files import MALFORMED, write_atomic

if TYPE_CHECKING:
    import torch

FORMAT, VERSION = "nasbench preprocess", 1
KEY = "nasbench.preprocess"  # in the metadata of ONNX and safetensors files
PREPROCESS_FILE = "preprocess.json"


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How images become inputs.

    An image is decoded (see folders/decode.py) so that its short side has `decoded_size` pixels, the centre is cropped, and the square is
    resized to the height and width of the input, both bilinear with antialiasing. Values from 0 to 255 become those from 0 to 1; then
    `mean` is subtracted and the result divided by `std`, channel by channel. A network of one channel reads the grey image. Where `mean`
    has one entry and the network reads several channels, the grey image is repeated.

    Attributes:
        input: (C, H, W) at which the network was trained, and reaches its accuracy.
        mean, std: of each channel of the training images, where full brightness is 1.
        classes: their names, in the order of the logits.
        decoded_size: side in pixels of the decoded square; None where the training images were taken as they are.
        levels: for images of more than 8 bits, the values that become black and white, by `integer` and `float`.

    >>> p = Preprocess(input=(1, 28, 28), mean=(0.5,), std=(0.25,), classes=("cat", "dog"))
    >>> Preprocess.from_metadata(p.to_metadata()) == p
    True
    """

    input: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    decoded_size: int | None = None
    levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def side(self) -> int:
        """The side in pixels of the decoded square."""
        return self.decoded_size or max(self.input[1:])

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "input": list(self.input),
            "mean": list(self.mean),
            "std": list(self.std),
            "classes": list(self.classes),
            "decoded_size": self.decoded_size,
            "resize": "short side to decoded_size, crop the centre, resize to the input; bilinear, antialiased",
            "levels": {depth: list(ends) for depth, ends in self.levels.items()},
        }

    @classmethod
    def from_json(cls, data: Any, where: str = "the data") -> Preprocess:
        """From `to_json`'s data.

        Args:
            where: what the data is called in errors, such as its file.

        Raises:
            DataError: another format, or a part that is missing or impossible.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT or data.get("version") != VERSION:
            raise DataError(f"{where} is not {FORMAT} {VERSION}; name a {PREPROCESS_FILE} that a search delivered")
        try:
            channels, height, width = map(int, data["input"])
            size = data["decoded_size"]
            preprocess = cls(
                input=(channels, height, width),
                mean=tuple(map(float, data["mean"])),
                std=tuple(map(float, data["std"])),
                classes=tuple(map(str, data["classes"])),
                decoded_size=None if size is None else int(size),
                levels={str(depth): (float(low), float(high)) for depth, (low, high) in data["levels"].items()},
            )
        except MALFORMED as error:
            raise DataError(f"{where} lacks a part: {short(error)}; deliver the network again") from None
        numbers = all(map(math.isfinite, preprocess.mean)) and all(0 < s < math.inf for s in preprocess.std)
        fits = numbers and len(preprocess.mean) == len(preprocess.std) and min(preprocess.input) > 0
        if not fits or len(preprocess.mean) not in (1, channels):
            raise DataError(
                f"{where} needs a finite mean and a positive std for each channel of {preprocess.input}; deliver the network again"
            )
        return preprocess

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Preprocess | None:
        """From the record of a training; None for evaluators that train nothing, and for studies of earlier versions that lack a part."""
        if any(record.get(name) is None for name in ("input", "mean", "std", "classes")):
            return None
        data = {"decoded_size": None, "levels": {}, **record, "format": FORMAT, "version": VERSION}
        return cls.from_json(data, "the record of the training")

    def to_metadata(self) -> dict[str, str]:
        """Texts for the metadata of an ONNX or safetensors file: the whole as JSON under `KEY`, and the parts that people look for."""
        return {
            KEY: json.dumps(self.to_json()),
            "classes": json.dumps(list(self.classes)),
            "mean": json.dumps(list(self.mean)),
            "std": json.dumps(list(self.std)),
            "trained_input": "x".join(map(str, self.input)),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None, where: str = "the metadata") -> Preprocess | None:
        """From the metadata of a file; None if it has none of ours.

        Raises:
            DataError: it is damaged.
        """
        text = (metadata or {}).get(KEY)
        if text is None:
            return None
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where} is damaged: {first_line(error)}; deliver the network again") from None
        return cls.from_json(data, where)

    def read(self, files: Sequence[str | Path]) -> torch.Tensor:
        """Image files as the network's input, float32 (N, C, H, W), equal to that of the training.

        Raises:
            DataError: a file is not an image that can be read.
        """
        import numpy as np
        import torch

        from nasbench.training.batches import Statistics, resized
        from nasbench.training.folders.decode import decode, own_limits
        from nasbench.training.images import LabeledImages

        with own_limits():
            decoded = [decode(Path(file), self.side, self.levels) for file in files]
        for file, image in zip(files, decoded, strict=True):
            if image.pixels is None:
                raise DataError(f"{file} has more than 8 bits ({image.mode}), the training images had not; save it with 8 bits")
        pixels = torch.from_numpy(np.stack([image.pixels for image in decoded if image.pixels is not None]))
        images = LabeledImages(pixels, torch.zeros(len(pixels), dtype=torch.int64))
        batches = resized(images, (len(self.mean), *self.input[1:]))  # one channel where the training images were grey
        inputs, _ = batches.plain(torch.arange(len(pixels)), Statistics(self.mean, self.std))
        return inputs.expand(-1, self.input[0], -1, -1)


def save_preprocess(preprocess: Preprocess, path: str | Path) -> None:
    """Write it as JSON, whole or not at all."""
    write_atomic(Path(path), json.dumps(preprocess.to_json(), indent=1, ensure_ascii=False) + "\n")


def load_preprocess(path: str | Path) -> Preprocess:
    """The content of a `preprocess.json`.

    Raises:
        DataError: the file does not exist or does not hold it.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; name a {PREPROCESS_FILE} that a search delivered") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {first_line(error)}; deliver the network again") from None
    return Preprocess.from_json(data, str(path))
