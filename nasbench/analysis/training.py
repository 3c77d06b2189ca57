"""A training for use with its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasbench.errors import NasbenchError, first_line
from nasbench.evaluate.failures import is_out_of_memory
from nasbench.export.trained import Trained
from nasbench.latency import machine_lock

if TYPE_CHECKING:
    from nasbench.training.delivery.config import TrainConfig
    from nasbench.training.delivery.listener import Listener as TrainListener


def run_train(config: TrainConfig, path: Path, listener: TrainListener, began: float) -> Trained:
    """Run the training of a configuration in the folder `path`, or continue it, and draw its curve; errors are those of `run_training`."""
    from nasbench.analysis.plots.training import save_training_curve
    from nasbench.training.delivery.run import run_training

    try:
        lock = machine_lock(shared=True, say=listener.say)  # no latency is measured meanwhile
        run_training(config, path, listener, began, lock)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise NasbenchError(
            f"memory ran out at {config.recipe.batch_size} images a step; {first_line(error)}; give a recipe with a smaller batch_size"
        ) from None
    trained = Trained.read(path)
    if not (path / "curve.png").exists():
        save_training_curve(path, f"{trained.summary['network']} on {trained.summary['data']}")
    return trained
