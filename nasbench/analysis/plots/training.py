"""The picture of a training: loss, accuracy and learning rate over its epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from nasbench.analysis.plots.figure import save_picture
from nasbench.analysis.plots.metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (9.5, 3.6)  # inches


class TrainingCurve(NamedTuple):
    """The data of the picture, one value for each epoch.

    Attributes:
        epochs: from 1.
        train_loss, loss: of the training and the validation images; accuracy: of the validation images, in percent. The last two are empty
            without validation images.
        lr: learning rate of the last step.
    """

    epochs: list[int]
    train_loss: list[float]
    loss: list[float]
    accuracy: list[float]
    lr: list[float]


def training_curve(metrics: pd.DataFrame) -> TrainingCurve:
    """The curve of the content of `metrics.csv`."""
    validated = bool(metrics["accuracy"].notna().all())
    return TrainingCurve(
        metrics["epoch"].tolist(),
        metrics["train_loss"].tolist(),
        metrics["loss"].tolist() if validated else [],
        (metrics["accuracy"] * METRICS["accuracy"].factor).tolist() if validated else [],
        metrics["lr"].tolist(),
    )


def plot_training(curve: TrainingCurve, loss: Axes, accuracy: Axes, rate: Axes) -> None:
    """Draw the curve into three axes."""
    from matplotlib.ticker import MaxNLocator

    marker = "o" if len(curve.epochs) == 1 else None
    loss.plot(curve.epochs, curve.train_loss, label="training", marker=marker)
    if curve.loss:
        loss.plot(curve.epochs, curve.loss, label="validation", marker=marker)
        accuracy.plot(curve.epochs, curve.accuracy, color="C1", marker=marker)
    else:
        accuracy.text(0.5, 0.5, "no validation images", ha="center", va="center", transform=accuracy.transAxes)
    rate.plot(curve.epochs, curve.lr, color="C2", marker=marker)
    loss.legend()
    for ax, label in ((loss, "loss"), (accuracy, "validation accuracy (%)"), (rate, "learning rate")):
        ax.set_xlabel("epoch")
        ax.set_ylabel(label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def save_training_curve(folder: Path, title: str) -> Path:
    """Draw `metrics.csv` of the output folder of a training as `curve.png`."""
    curve = training_curve(pd.read_csv(folder / "metrics.csv"))

    def draw(figure: Figure) -> None:
        plot_training(curve, *figure.subplots(1, 3))

    return save_picture(folder / "curve.png", draw, SIZE, title)
