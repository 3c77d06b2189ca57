"""Metrics of a training for the programs that people look at them with. All are written into the output folder; nothing leaves the machine.

A training that continues writes its logs anew from its first epoch, so they have neither gaps nor repeats.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nasbench.errors import NasbenchError, nearest

if TYPE_CHECKING:
    from nasbench.training.result import Epoch


class Log(Protocol):
    """What takes the metrics of a training."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch has ended."""

    def end(self, summary: Mapping[str, Any]) -> None:
        """The training has ended."""


def scalars(epoch: Epoch) -> dict[str, float]:
    """The metrics of an epoch by name; those that were not measured are left out.

    >>> from nasbench.training.result import Epoch
    >>> scalars(Epoch(1, 0.5, None, None, 9.0, 10.0, 0.1))
    {'loss/training': 0.5, 'learning rate': 0.1, 'seconds': 10.0}
    """
    named = {
        "loss/training": epoch.train_loss,
        "loss/validation": epoch.loss,
        "accuracy/validation": epoch.accuracy,
        "learning rate": epoch.lr,
        "seconds": epoch.seconds,
    }
    return {name: float(value) for name, value in named.items() if value is not None}


class TensorBoard:
    """Event files in `tensorboard/`; `tensorboard --logdir FOLDER` shows them."""

    def __init__(self, path: Path, name: str, command: Mapping[str, Any]) -> None:
        writer = _package("tensorboardX").SummaryWriter
        self._writer = writer(logdir=str(_empty(path / "tensorboard")))
        self._writer.add_text("command", f"{name}: {dict(command)}")

    def epoch(self, epoch: Epoch) -> None:
        for name, value in scalars(epoch).items():
            self._writer.add_scalar(name.replace(" ", "_"), value, epoch.epoch)
        self._writer.flush()

    def end(self, summary: Mapping[str, Any]) -> None:
        if summary["test"] is not None:
            self._writer.add_scalar("accuracy/test", summary["test"]["accuracy"], summary["epochs"])
        self._writer.close()


class MLflow:
    """A run in the file store `mlruns/`; `mlflow ui --backend-store-uri FOLDER/mlruns` shows it."""

    def __init__(self, path: Path, name: str, command: Mapping[str, Any]) -> None:
        self._mlflow = _package("mlflow")
        self._mlflow.set_tracking_uri(_empty(path / "mlruns").resolve().as_uri())
        self._mlflow.set_experiment("nasbench")
        self._mlflow.start_run(run_name=name)
        self._mlflow.log_params({key: str(value)[:500] for key, value in command.items()})

    def epoch(self, epoch: Epoch) -> None:
        self._mlflow.log_metrics({name.replace("/", "_").replace(" ", "_"): v for name, v in scalars(epoch).items()}, step=epoch.epoch)

    def end(self, summary: Mapping[str, Any]) -> None:
        if summary["test"] is not None:
            self._mlflow.log_metric("accuracy_test", summary["test"]["accuracy"])
        self._mlflow.end_run()


class WandB:
    """An offline run in `wandb/`; `wandb sync` sends it, if you want that."""

    def __init__(self, path: Path, name: str, command: Mapping[str, Any]) -> None:
        _empty(path / "wandb")
        self._run = _package("wandb").init(mode="offline", dir=str(path), project="nasbench", name=name, config=dict(command))

    def epoch(self, epoch: Epoch) -> None:
        self._run.log(scalars(epoch), step=epoch.epoch)

    def end(self, summary: Mapping[str, Any]) -> None:
        if summary["test"] is not None:
            self._run.summary["accuracy/test"] = summary["test"]["accuracy"]
        self._run.finish()


LOGS: Mapping[str, Callable[[Path, str, Mapping[str, Any]], Log]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB}


def check_logs(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once.

    Raises:
        NasbenchError: one is unknown, or its package is not installed.
    """
    for name in names:
        if name not in LOGS:
            raise NasbenchError(f"--log is one of {', '.join(LOGS)}; got {name!r}{nearest(name, LOGS)}")
        _package("tensorboardX" if name == "tensorboard" else name)
    return tuple(dict.fromkeys(names))


def open_logs(names: Sequence[str], path: Path, name: str, command: Mapping[str, Any]) -> list[Log]:
    """The logs of a training that begins or continues.

    Args:
        path: the output folder; name: of the training; command: what decides it.
    """
    return [LOGS[log](path, name, command) for log in names]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NasbenchError(f"this log needs the package {name}, which is not installed; type pip install {name}") from None


def _empty(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
