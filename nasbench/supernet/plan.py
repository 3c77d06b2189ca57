"""How a supernet is trained, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nasbench.errors import StudyError, nearest
from nasbench.supernet.places import CONTEXTS

SAMPLING = ("uniform", "sandwich")
TOGETHER = 2  # networks of each step
CALIBRATION = 512  # training images from which the statistics of batch norms are computed, by default


@dataclass(frozen=True, kw_only=True)
class SupernetPlan:
    """The training of the shared tensors. Uniform sampling without contexts learnt fastest on `mbconv`, see docs/supernet.md; the other
    defaults were not compared.

    Attributes:
        steps: of the training. In each, two networks of the pool learn from a batch of their own.
        batch_size: images of each.
        lr: highest learning rate: it rises linearly during `warmup` and falls to 0 along half a cosine.
        momentum, weight_decay: of SGD with Nesterov momentum; norms and biases do not decay.
        clip: greatest norm of the gradient of one network; without it the first steps diverge at this rate.
        warmup: share of the steps.
        largest_first: share of the steps in which only the largest network of the pool learns, with which Cai et al. 2020, section 3.2,
            begin, too.
        sampling: `uniform` draws both networks at random; `sandwich` takes the largest of the pool and one at random (after Yu et al.
            2020, section 3.1, which takes the smallest, too).
        distillation: with `sandwich`, how much the second network learns from the answers of the first instead of the labels, 0 to 1.
        context: what layers must have in common to share weights, beside their place and form, see `CONTEXTS`.
        seed: decides initial weights, networks, order of the images and augmentation.

    Raises:
        StudyError: a value that cannot be.
    """

    steps: int
    batch_size: int = 64
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-5
    clip: float = 1.0
    warmup: float = 0.05
    largest_first: float = 0.05
    sampling: str = "uniform"
    distillation: float = 0.0
    context: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("steps", 1, 100_000_000), ("batch_size", 2, 65_536), ("lr", 1e-8, 10.0), ("momentum", 0.0, 0.9999), ("weight_decay", 0.0, 1.0),
            ("clip", 0.0, 1e6), ("warmup", 0.0, 0.9), ("largest_first", 0.0, 0.9), ("distillation", 0.0, 1.0),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise StudyError(f"supernet: {name} is a number from {low:g} to {high:g}; got {value!r}")
        if self.sampling not in SAMPLING:
            raise StudyError(f"supernet: sampling is {' or '.join(SAMPLING)}; got {self.sampling!r}{nearest(self.sampling, SAMPLING)}")
        for name in self.context:
            if name not in CONTEXTS:
                raise StudyError(f"supernet: a context is one of {', '.join(CONTEXTS)}; got {name!r}{nearest(name, CONTEXTS)}")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"context": list(self.context)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SupernetPlan:
        """From `to_json`."""
        return cls(**(values | {"context": tuple(values["context"])}))
