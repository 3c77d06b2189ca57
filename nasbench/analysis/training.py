"""A training for use with its picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench.errors import NasbenchError, first_line
from nasbench.evaluate.failures import is_out_of_memory
from nasbench.export.trained import Trained
from nasbench.latency import machine_lock

if TYPE_CHECKING:
    from nasbench.training.delivery.config import TrainConfig
    from nasbench.training.delivery.listener import Listener as TrainListener


Train = Callable[["TrainConfig", Path, "TrainListener", float], None]


def train_here(config: TrainConfig, path: Path, listener: TrainListener, began: float) -> None:
    """Run the training in this process, while no latency is measured on this machine."""
    from nasbench.training.delivery.run import run_training

    try:
        run_training(config, path, listener, began, machine_lock(shared=True, say=listener.say))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise NasbenchError(
            f"memory ran out at {config.recipe.batch_size} images a step; {first_line(error)}; give a recipe with a smaller batch_size"
        ) from None


def run_train(config: TrainConfig, path: Path, listener: TrainListener, began: float, train: Train = train_here) -> Trained:
    """Run the training of a configuration in the folder `path`, or continue it, and draw its curve; errors are those of `run_training`.

    Args:
        began: `time.monotonic()` of the moment from which `--time` counts.
        train: how the folder gets its result; by default this process trains.
    """
    from nasbench.analysis.plots.training import save_training_curve

    train(config, path, listener, began)
    trained = Trained.read(path)
    if not (path / "curve.png").exists():
        save_training_curve(path, f"{trained.summary['network']} on {trained.summary['data']}")
    return trained
