"""The files of a finished training: weights, preprocessing, metrics and summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from nasbench.errors import NasbenchError, first_line
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, cost, digest
from nasbench.training.delivery import GENOTYPE, METRICS, SUMMARY, WEIGHTS
from nasbench.training.delivery.config import TrainConfig
from nasbench.training.delivery.summary import checked_summary
from nasbench.training.images import Images
from nasbench.training.network import weights_digest
from nasbench.training.preprocess import PREPROCESS_FILE, Preprocess, save_preprocess
from nasbench.training.recipe import Recipe
from nasbench.training.result import Epoch, TrainResult
from nasbench.training.trainer import evaluate

COLUMNS = ("epoch", "train_loss", "accuracy", "loss", "lr", "seconds")


def write_metrics(path: Path, epochs: Sequence[Epoch]) -> None:
    """Write `metrics.csv` anew, a line for each epoch; a value that was not measured is empty."""
    rows = [",".join(_cell(getattr(epoch, name)) for name in COLUMNS) for epoch in epochs]
    write_atomic(path / METRICS, "\n".join([",".join(COLUMNS), *rows]) + "\n")


def deliver(
    path: Path,
    genotype: Genotype,
    net: nn.Module,
    images: Images,
    counts: tuple[int, int, int],
    shape: tuple[int, int, int],
    recipe: Recipe,
    result: TrainResult,
    config: TrainConfig,
) -> dict[str, Any]:
    """Test the network, and write its genotype, weights and preprocessing; returns the summary, which is not yet written.

    Args:
        genotype, net: the network as it was trained.
        counts: numbers of training, validation and test images.
        shape: input (C, H, W).
    """
    preprocess = Preprocess(
        input=shape,
        mean=result.statistics.mean,
        std=result.statistics.std,
        classes=tuple(images.classes),
        decoded_size=None if images.report is None else images.train.source.shape[-1],
        levels={} if images.report is None else images.report.contents.levels,
    )
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    write_atomic(path / WEIGHTS, save(weights, preprocess.to_metadata()))
    save_preprocess(preprocess, path / PREPROCESS_FILE)
    write_atomic(path / GENOTYPE, genotype.to_yaml())
    training, validation, test = counts
    size = cost(genotype)
    summary: dict[str, Any] = {
        "network": genotype.name,
        "digest": digest(genotype),
        "input": list(shape),
        "params": size.params,
        "macs": size.macs,
        "data": images.name,
        "recipe": config.named.name,
        "epochs": result.epochs,
        "seconds": result.seconds,
        "images_per_second": result.images_per_second,
        "train": {"images": min(training, recipe.images or training)},
        "validation": None if not validation else {"images": validation, "accuracy": result.accuracy, "loss": result.loss},
        "test": None,
        "weights_sha256": weights_digest(weights),
    }
    if test:
        accuracy = evaluate(net, images.test, recipe, shape=shape, statistics=result.statistics, device=config.device)
        low, high = binomial_interval(round(accuracy * test), test)
        summary["test"] = {"images": test, "accuracy": accuracy, "low": low, "high": high}
    return summary


def binomial_interval(correct: int, count: int) -> tuple[float, float]:
    """The 95 % interval of an accuracy for images drawn at random: Wilson's score interval.

    It says nothing of other seeds, which would give other weights.

    >>> [round(end, 4) for end in binomial_interval(90, 100)]
    [0.8256, 0.9448]
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def load_summary(path: Path) -> dict[str, Any]:
    """The content of `summary.json`.

    Raises:
        NasbenchError: it cannot be read.
    """
    try:
        summary = checked_summary(json.loads((path / SUMMARY).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise NasbenchError(
            f"{path / SUMMARY} cannot be read ({first_line(error)}); delete it, and the same command trains the network again"
        ) from None
    return summary


def _cell(value: float | int | None) -> str:
    return "" if value is None else repr(value)
