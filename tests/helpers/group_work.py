"""What the processes of a group do in tests; they import it by name."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from small_supernet import networks, training
from torch import nn

from nasbench.errors import IgnoredFileWarning, NasbenchError
from nasbench.network import calibrate
from nasbench.training import checkpoint
from nasbench.training.delivery import run
from nasbench.training.group import Group
from nasbench.training.synced_norm import synchronise_norms

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


def normalise(images: torch.Tensor, group: Group, listener: Any) -> Any:
    """One step, a validation and a calibration of synchronised norms on this process's share of images, and what came of it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.BatchNorm1d(64, affine=False, momentum=None))
    synchronise_norms(net, torch.device("cpu"))
    share = images[group.rows(len(images))].requires_grad_()
    outputs = net(share)
    (outputs * torch.arange(64)).sin().sum().backward()
    if group.is_first:  # alone; with the others it would wait for ever
        calibrate(copy.deepcopy(net), images)
        net.eval()(images[:1])
    gradients = [net[0].weight.grad, net[1].weight.grad, net[1].bias.grad]
    total = [group.mean(gradient) * group.size for gradient in gradients]
    buffers = [value for name, value in net.named_buffers()]
    return outputs.detach().numpy(), share.grad.numpy(), [value.numpy() for value in (*total, *buffers)]
