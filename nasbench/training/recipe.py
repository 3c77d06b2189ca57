"""Recipe: how a network is trained, apart from the network, the images and the seed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nasbench.errors import NasbenchError, nearest, short

REFERENCE = 224  # a network with this input side trains at `train_size`
SMALL = 64  # networks with input sides up to this train at their own size
SMALLEST = 8

# field: (type, lowest, highest); the highest values catch typing errors such as lr=30
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
    "drops": (int, 0, 10_000),
    "gamma": (float, 1e-6, 1.0),
    "patience": (int, 0, 10_000),
    "ema": (float, 0.0, 0.999999),
    "mixup": (float, 0.0, 10.0),
    "cutmix": (float, 0.0, 10.0),
    "random_erasing": (float, 0.0, 1.0),
    "clip": (float, 0.0, 1e6),
    "head_start": (float, 0.0, 0.9),
    "body_lr": (float, 0.0, 1.0),
    "first_size": (int, 0, 2048),
    "size_stages": (int, 2, 100),
    "magnitude": (int, 0, 30),
    "first_magnitude": (int, 0, 30),
    "first_mixup": (float, 0.0, 10.0),
    "dropout": (float, 0.0, 0.95),
    "first_dropout": (float, 0.0, 0.95),
}
_OPTIONAL = ("images", "first_magnitude", "first_mixup", "dropout", "first_dropout")  # they may be None
SCHEDULES = ("cosine", "one-cycle", "step", "plateau", "constant")
_NAMES = {
    "optimizer": ("sgd", "adamw", "rmsprop"),
    "precision": ("fp32", "bf16", "auto"),
    "schedule": SCHEDULES,
    "augment": ("none", "trivial", "rand"),
}
_FLAGS = ("flip", "identity_start", "channels_last", "validate_epochs", "compile", "sync_norms")
_MOST_PROGRAMS = 8  # torch.compile keeps so many for a network, and computes without one afterwards
# Fields that version 0.2 did not have. `to_dict` leaves them out while they have their defaults, because stored studies and trials are
# recognised by their recipe.
_LATER = ("schedule", "milestones", "drops", "gamma", "patience", "ema", "mixup", "cutmix", "random_erasing", "augment", "clip",
          "head_start", "body_lr", "first_size", "size_stages", "compile", "sync_norms", "magnitude", "first_magnitude", "first_mixup",
          "dropout", "first_dropout")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training schedule; the defaults are those of the short training `PROXY`, which ranks networks.

    >>> Recipe(epochs=3, lr=0.1).to_dict()["epochs"]
    3

    Attributes:
        epochs: number of passes over the training images.
        batch_size: images in each step; an incomplete last batch of an epoch is left out.
        optimizer: `sgd` with Nesterov momentum, `adamw`, or `rmsprop` in TensorFlow's form; none decays norms and biases.
        lr: highest learning rate; it is reached after `warmup` and then changes as `schedule` says.
        momentum: momentum of SGD and RMSprop, or the first beta of AdamW.
        weight_decay: weight decay of convolutions and linear layers.
        warmup: share of all steps during which the learning rate rises linearly.
        label_smoothing: share of the target that is spread over all classes.
        train_size: side in pixels at which a network with input side 224 trains; others train in proportion (`proxy_input`).
        flip: whether half of the images are mirrored left to right.
        crop_padding: width in pixels of the black border around an image, from which it is cropped at random.
        identity_start: whether residual branches start at zero (zero_init.py); in a short training MobileNetV2 gains 4 points.
        precision: `fp32`, `bf16` (autocast), or `auto`: bf16 on a GPU that supports it, and fp32 on a CPU, where bf16 was slower.
        channels_last: whether tensors have the channels-last memory layout.
        calibration: number of training images from which the running statistics of batch norms are computed anew before each
            validation; 0 keeps the statistics of the training, with a momentum that is raised where it is too small for the number of
            steps (`fit_norm_momentum`). Short trainings need one or the other: with MnasNet's momentum of 0.0003, the initial
            values would last 10,000 steps.
        images: about how many of the training images are used, with all classes in proportion; None uses all.
        validate_epochs: whether to validate after each epoch, which takes time, or only after the last.
        schedule: how the learning rate changes, see schedule.py: `cosine` falls to 0 along half a cosine; `one-cycle` starts at a 25th of
            `lr`, rises during `warmup` and falls to almost 0, both along half a cosine; `step` multiplies it by `gamma` at each milestone;
            `plateau` multiplies it by `gamma` when the validation loss has not improved for more than `patience` epochs; `constant` keeps
            it.
        milestones: for `step`: shares of all steps at which the rate drops, such as (1/3, 2/3).
        drops: for `step`, in place of `milestones`: so many drops at equal distances, such as 145 for one each 2.4 of 350 epochs.
        gamma: factor of each drop.
        patience: for `plateau`: number of epochs without an improvement that are accepted.
        ema: decay of the exponential moving average of the weights, which is what is validated and delivered; 0 for none.
        mixup, cutmix: parameter of the Beta distribution of mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019); 0 for none. With both,
            each batch gets one of them at random.
        random_erasing: probability with which a rectangle of an image is erased (Zhong et al. 2020).
        augment: `trivial` (TrivialAugment), `rand` (RandAugment, 2 operations of `magnitude`), or `none`.
        clip: greatest norm of all gradients together; 0 for no limit.
        head_start: where the training begins with given weights: share of all steps at the beginning in which only what has none learns.
        body_lr: where the training begins with given weights: factor of the learning rate of what has them, afterwards.
        first_size: `train_size` with which the training begins; it grows to `train_size` in `size_stages` steps of equally many epochs
            (Tan and Le 2021, EfficientNetV2, section 4). 0 for one size.
        size_stages: see `first_size`. What has a `first_` value grows in the same stages, also where images do not.
        compile: whether training steps run through torch.compile (compiled.py), which pays on GPUs.
        sync_norms: whether the batch norms of several processes use the mean and variance of the whole batch (synced_norm.py), instead of
            those of the own share. Without other processes nothing changes.
        magnitude: for `rand`: strength of the operations, from 0 to 30, in torchvision's steps of a 30th of each operation's range.
        first_magnitude, first_mixup: `magnitude` and `mixup` of the first stage, from which they grow to their values in the last (Tan and
            Le 2021, section 4.2 and table 6); None for one value.
        dropout: probability of all dropout layers of the network in the training; None keeps their own.
        first_dropout: that of the first stage; None for one value.

    Raises:
        NasbenchError: a value has the wrong type or is out of range, or fields contradict each other.
    """

    epochs: int = 1
    batch_size: int = 64
    optimizer: Literal["sgd", "adamw", "rmsprop"] = "sgd"
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
    schedule: Literal["cosine", "one-cycle", "step", "plateau", "constant"] = "cosine"
    milestones: tuple[float, ...] = ()
    drops: int = 0
    gamma: float = 0.1
    patience: int = 5
    ema: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    random_erasing: float = 0.0
    augment: Literal["none", "trivial", "rand"] = "none"
    clip: float = 0.0
    head_start: float = 0.0
    body_lr: float = 1.0
    first_size: int = 0
    size_stages: int = 4
    compile: bool = False
    sync_norms: bool = False
    magnitude: int = 9
    first_magnitude: int | None = None
    first_mixup: float | None = None
    dropout: float | None = None
    first_dropout: float | None = None

    def __post_init__(self) -> None:
        for name, (kind, low, high) in _NUMBERS.items():
            value: Any = getattr(self, name)
            if name in _OPTIONAL and value is None:
                continue
            if kind is float and type(value) is int:
                object.__setattr__(self, name, value := float(value))
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                word = "a whole number" if kind is int else "a number"
                raise NasbenchError(f"recipe: {name} must be {word} from {low:g} to {high:g}; got {value!r}")
        for name, options in _NAMES.items():
            if getattr(self, name) not in options:
                raise NasbenchError(f"recipe: {name} must be {' or '.join(options)}; got {getattr(self, name)!r}")
        for name in _FLAGS:
            if type(getattr(self, name)) is not bool:
                raise NasbenchError(f"recipe: {name} must be true or false; got {getattr(self, name)!r}")
        object.__setattr__(self, "milestones", _shares(self.milestones))
        if self.schedule == "step" and bool(self.milestones) == bool(self.drops):
            raise NasbenchError(
                f"recipe: the schedule step needs milestones or drops, not both; got {list(self.milestones)} and {self.drops}; "
                "give one of them, such as milestones: [0.33, 0.67]"
            )
        if self.first_size > self.train_size:
            raise NasbenchError(
                f"recipe: images grow from first_size to train_size; got {self.first_size} and {self.train_size}; give a smaller first_size"
            )
        self._check_growth()
        if self.compile and (self.first_size or self.first_dropout is not None) and self.size_stages > _MOST_PROGRAMS:
            raise NasbenchError(
                f"recipe: with compile each image size and dropout has a program of its own, of which torch keeps {_MOST_PROGRAMS}; "
                f"got size_stages {self.size_stages}; give at most {_MOST_PROGRAMS}"
            )
        if self.compile and self.sync_norms:
            raise NasbenchError("recipe: a compiled program ends at each synchronised norm; got compile and sync_norms; set one to false")
        if self.schedule == "plateau" and not self.validate_epochs:
            raise NasbenchError("recipe: the schedule plateau follows the validation loss; validate_epochs is false; set it to true")

    def _check_growth(self) -> None:
        """Check what begins at a `first_` value.

        Raises:
            NasbenchError: it would shrink, or there is nothing that grows.
        """
        if self.first_magnitude is not None and self.augment != "rand":
            raise NasbenchError(
                f"recipe: first_magnitude is RandAugment's; got {self.first_magnitude} with augment {self.augment}; add augment: rand"
            )
        for name in ("magnitude", "mixup", "dropout"):
            first, last = getattr(self, f"first_{name}"), getattr(self, name)
            if first is not None and (last is None or first > last):
                raise NasbenchError(
                    f"recipe: {name} grows from first_{name} to {name}; got {first} and {last}; give a larger {name}, or no first_{name}"
                )

    @property
    def decoded_size(self) -> int:
        """The side in pixels at which images of a folder are decoded: that of a network with input side 224, from 64 to 1024."""
        return min(1024, max(SMALL, self.train_size))

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for YAML and JSON; without fields that version 0.2 did not have and that have their defaults."""
        values = dataclasses.asdict(self) | {"milestones": list(self.milestones)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if name not in _LATER or getattr(self, name) != defaults[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these fields; missing fields have their defaults.

        Raises:
            NasbenchError: an unknown field, or a value that is not allowed.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise NasbenchError(f"recipe: no field {name!r}; it reads {', '.join(known)}{nearest(name, known)}")
        return cls(**values)


def _shares(values: object) -> tuple[float, ...]:
    """The milestones, checked.

    Raises:
        NasbenchError: they are not rising numbers between 0 and 1.
    """
    numbers = isinstance(values, tuple | list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not isinstance(values, tuple | list) or not numbers or not all(a < b for a, b in itertools.pairwise((0.0, *values, 1.0))):
        raise NasbenchError(
            f"recipe: milestones must be a list of rising shares between 0 and 1, such as [0.33, 0.67]; got {short(values)}"
        )
    return tuple(float(value) for value in values)


PROXY = Recipe()


def proxy_input(shape: tuple[int, int, int], recipe: Recipe) -> tuple[int, int, int]:
    """The input (C, H, W) at which a network with the input `shape` trains, in pixels.

    >>> proxy_input((3, 224, 224), Recipe(train_size=32)), proxy_input((3, 160, 160), Recipe(train_size=32))
    ((3, 32, 32), (3, 23, 23))
    >>> proxy_input((1, 32, 32), Recipe(train_size=48))  # small inputs stay as they are
    (1, 32, 32)
    """
    channels, *sides = shape
    if max(sides) <= SMALL:
        return shape
    height, width = (max(SMALLEST, round(recipe.train_size * side / REFERENCE)) for side in sides)
    return channels, height, width
