"""Training a network and measuring its accuracy: images, recipes and the trainer.

Names load when first used, so that a process which only needs a recipe does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasbench.training.data import NAMES, load_images
    from nasbench.training.images import Images, LabeledImages, split, subset
    from nasbench.training.recipe import PROXY, Recipe, proxy_input
    from nasbench.training.trainer import Epoch, TrainResult, evaluate, train

_HOMES = {
    "NAMES": "data", "load_images": "data",
    "Images": "images", "LabeledImages": "images", "split": "images", "subset": "images",
    "PROXY": "recipe", "Recipe": "recipe", "proxy_input": "recipe",
    "Epoch": "trainer", "TrainResult": "trainer", "evaluate": "trainer", "train": "trainer",
}  # fmt: skip

__all__ = [
    "NAMES", "PROXY", "Epoch", "Images", "LabeledImages", "Recipe", "TrainResult", "evaluate", "load_images", "proxy_input", "split",
    "subset", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
