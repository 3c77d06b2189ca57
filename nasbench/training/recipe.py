"""How a network is trained: everything but the network, the images and the seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nasbench.errors import NasbenchError, nearest

REFERENCE = 224  # the input side that `train_size` stands for
SMALL = 64  # networks drawn for inputs up to this side train at their own size
SMALLEST = 8

# field: (type, lowest, highest); the highest are there to catch slips such as lr=30
_NUMBERS: dict[str, tuple[type[int] | type[float], float, float]] = {
    "epochs": (int, 1, 10_000),
    "batch_size": (int, 2, 65_536),
    "lr": (float, 1e-8, 10.0),
    "momentum": (float, 0.0, 0.9999),
    "weight_decay": (float, 0.0, 1.0),
    "warmup": (float, 0.0, 0.9),
    "label_smoothing": (float, 0.0, 0.9),
    "train_size": (int, SMALLEST, 2048),
    "crop_padding": (int, 0, 256),
    "calibration": (int, 0, 1_000_000),
    "images": (int, 2, 1_000_000_000),
}
_NAMES = {"optimizer": ("sgd", "adamw"), "precision": ("fp32", "bf16", "auto")}
_FLAGS = ("flip", "identity_start", "channels_last", "validate_epochs")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training schedule; the defaults are those of `PROXY`.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; the last, incomplete batch of an epoch is left out.
        optimizer: `sgd` (Nesterov) or `adamw`; neither decays norms and biases.
        lr: highest learning rate, reached after `warmup` and then lowered to 0 by a half cosine, step by step.
        momentum: of SGD; AdamW's first beta.
        warmup: share of all steps during which the rate climbs linearly.
        train_size: pixels a side at which a network of input 224 trains; other inputs in proportion (`proxy_input`).
        flip: mirror half of the images left to right.
        crop_padding: black border, in pixels at the training size, from which each image is cut at random.
        identity_start: residual branches begin at zero (identity.py); in a short schedule MobileNetV2 gains 4 points.
        precision: `bf16` autocasts; `auto` does so on a GPU that has it and never on a CPU, where it was slower.
        calibration: training images over which the running statistics of batch norms are computed anew before each
            validation; 0 keeps those that training left. Short schedules need it: MnasNet's momentum of 0.0003 would
            take 10,000 steps to forget the initial values.
        images: use about this many of the training images (all classes in proportion); None uses all.
        validate_epochs: validate after every epoch, not only after the last; costs time.

    Raises:
        NasbenchError: a value of the wrong type or outside its range.
    """

    epochs: int = 1
    batch_size: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 5e-5
    warmup: float = 0.2
    label_smoothing: float = 0.0
    train_size: int = 32
    flip: bool = False
    crop_padding: int = 0
    identity_start: bool = True
    precision: Literal["fp32", "bf16", "auto"] = "auto"
    channels_last: bool = True
    calibration: int = 512
    images: int | None = 5120
    validate_epochs: bool = False

    def __post_init__(self) -> None:
        for name, (kind, low, high) in _NUMBERS.items():
            value: Any = getattr(self, name)
            if name == "images" and value is None:
                continue
            if kind is float and type(value) is int:
                object.__setattr__(self, name, value := float(value))
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                word = "a whole number" if kind is int else "a number"
                raise NasbenchError(f"recipe: {name} must be {word} from {low:g} to {high:g}; got {value!r}")
        for name, allowed in _NAMES.items():
            if getattr(self, name) not in allowed:
                raise NasbenchError(f"recipe: {name} must be {' or '.join(allowed)}; got {getattr(self, name)!r}")
        for name in _FLAGS:
            if type(getattr(self, name)) is not bool:
                raise NasbenchError(f"recipe: {name} must be true or false; got {getattr(self, name)!r}")

    @property
    def decoded_size(self) -> int:
        """Pixels a side at which a folder's images are decoded: those of a network of input 224, within what is decoded at all."""
        return min(1024, max(SMALL, self.train_size))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for YAML and JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe of these fields; those left out keep the defaults.

        Raises:
            NasbenchError: an unknown field, or a value that cannot be.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise NasbenchError(f"recipe: no field {name!r}; it reads {', '.join(known)}{nearest(name, known)}")
        return cls(**values)


PROXY = Recipe()


def proxy_input(shape: tuple[int, int, int], recipe: Recipe) -> tuple[int, int, int]:
    """The input (C, H, W) at which a network of input `shape` trains.

    >>> proxy_input((3, 224, 224), Recipe(train_size=32)), proxy_input((3, 160, 160), Recipe(train_size=32))
    ((3, 32, 32), (3, 23, 23))
    >>> proxy_input((1, 32, 32), Recipe(train_size=48))  # drawn for small images: as it is
    (1, 32, 32)
    """
    channels, *sides = shape
    if max(sides) <= SMALL:
        return shape
    height, width = (max(SMALLEST, round(recipe.train_size * side / REFERENCE)) for side in sides)
    return channels, height, width
