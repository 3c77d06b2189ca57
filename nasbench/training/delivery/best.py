"""The weights of the epoch with the best validation accuracy, beside those of the last epoch, which are delivered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from nasbench.files import write_atomic
from nasbench.training.delivery import BEST
from nasbench.training.network import weights_digest
from nasbench.training.result import Epoch


def write_best(path: Path, epoch: Epoch, net: nn.Module) -> None:
    """Write the weights of an epoch that is better than all before it into the folder `path`.

    Raises:
        NasbenchError: the disk is full or the folder cannot be written.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    write_atomic(path / BEST, save(weights, _mark(epoch)))


def finish_best(path: Path, history: Sequence[Epoch], delivered_sha256: str) -> dict[str, Any] | None:
    """The best epoch with its accuracy and the SHA-256 of its weights; None if no epoch was validated.

    The file is removed where it would repeat the delivered weights, or holds another epoch: on a GPU, an epoch that is trained again after
    a stop may have another accuracy.

    Args:
        path: the output folder.
        delivered_sha256: of the weights of the last epoch.
    """
    best = best_epoch(history)
    sha256 = None if best is None else delivered_sha256 if best is history[-1] else _sha256(path / BEST, best)
    if best is None or best is history[-1] or sha256 is None:
        (path / BEST).unlink(missing_ok=True)
    return None if best is None else {"epoch": best.epoch, "accuracy": best.accuracy, "weights_sha256": sha256}


def best_epoch(history: Sequence[Epoch]) -> Epoch | None:
    """The first epoch with the best validation accuracy; None if none was validated."""
    validated = [epoch for epoch in history if epoch.accuracy is not None]
    return max(validated, key=lambda epoch: epoch.accuracy or 0.0, default=None)


def _mark(epoch: Epoch) -> dict[str, str]:
    return {"epoch": str(epoch.epoch), "accuracy": repr(epoch.accuracy)}


def _sha256(file: Path, epoch: Epoch) -> str | None:
    """The SHA-256 of the weights in a file; None if they are not those of the epoch."""
    try:
        with safe_open(file, "pt") as stored:
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - it is no mapping
            return weights_digest(weights) if stored.metadata() == _mark(epoch) else None
    except (OSError, SafetensorError):
        return None
