"""What the processes of a group do in tests; they import it by name."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from small_supernet import networks, training

from nasbench.errors import IgnoredFileWarning, NasbenchError
from nasbench.training import checkpoint
from nasbench.training.delivery import run
from nasbench.training.group import Group

_run = run._run


def train_with_many_checkpoints(job: Any, group: Group, listener: Any) -> Any:
    """A training that writes a checkpoint after each step, and says so."""
    checkpoint.INTERVAL_S, save = 0.0, checkpoint.save_checkpoint

    def saving(path: Any, state: Any) -> None:
        save(path, state)
        listener.say(f"saved {len(state['history'])} {state['begun'] and state['begun']['step']}")

    checkpoint.save_checkpoint = saving
    return _run(job, group, listener)


def exchange(values: list, group: Group, listener: Any) -> Any:
    """What a group does with numbers."""
    warnings.warn(f"from {group.rank}", IgnoredFileWarning, stacklevel=1)
    listener.say(f"said by {group.rank}")
    mean = group.mean(torch.tensor(float(group.rank)))
    first = group.of_first([None if value is None else value + group.rank for value in values], torch.device("cpu"))
    return mean.item(), first


def fail(how: str, group: Group, listener: Any) -> Any:
    """The second process fails; the first waits for it."""
    if group.rank == 1:
        if how == "mistake":
            raise NasbenchError("a rule; a value; a remedy")
        raise ZeroDivisionError("a fault")
    return group.mean(torch.ones(()))


def train_supernet(fields: dict[str, Any], group: Group, listener: Any) -> dict[str, list[float]]:
    """The numbers of the shared tensors of a small supernet, after its training."""
    torch.set_num_threads(1)
    state = training(networks("tiny", 4), group=group, **fields)
    state.run()
    return {key: tensor.flatten().tolist() for key, tensor in state.shared.tensors.items()}
