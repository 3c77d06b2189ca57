"""Training a network and measuring its accuracy: images, recipes and the trainer."""

from nasbench.training.data import NAMES, load_images
from nasbench.training.images import Images, LabeledImages, split, subset
from nasbench.training.recipe import PROXY, Recipe, proxy_input
from nasbench.training.trainer import Epoch, TrainResult, evaluate, train

__all__ = [
    "NAMES", "PROXY", "Epoch", "Images", "LabeledImages", "Recipe", "TrainResult", "evaluate", "load_images", "proxy_input", "split",
    "subset", "train",
]  # fmt: skip
