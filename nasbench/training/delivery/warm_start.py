"""Begin a training with given weights: those of a network of another library, or of an earlier training, also for other classes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nasbench.errors import WeightsError, WeightsWarning
from nasbench.genotype import Genotype
from nasbench.network import build, load_weights, read_weights
from nasbench.network.slices import slice_weights
from nasbench.training.delivery.config import TrainConfig


@dataclass(frozen=True)
class GivenWeights:
    """Weights under the names of nasbench.

    Attributes:
        file: where they are from.
        weights: by name, with the classes that they were trained for.
        notes: what is unusual about them.
    """

    file: str
    weights: Mapping[str, torch.Tensor]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: TrainConfig) -> GivenWeights | None:
        """Those of a training; None if it begins with random ones. For the errors see `read` and `sliced`."""
        if config.weights is None:
            return None
        if config.slices_of is not None:
            return cls.sliced(Path(config.weights), config.network, config.slices_of)
        return cls.read(Path(config.weights), config.network, config.like)

    @classmethod
    def read(cls, path: Path, network: Genotype, like: str | None = None) -> GivenWeights:
        """The weights of a file of nasbench, torchvision, timm or pytorchcv.

        Args:
            network: what they are of, with its own input and classes. Weights that nasbench wrote may be for other classes.
            like: see `nasbench.load_weights`.

        Raises:
            WeightsError: the file cannot be read, or is of another network.
        """
        state = read_weights(path)
        if set(state) == set(build(network, device="meta").state_dict()):  # nasbench's own names
            return cls(str(path), state)
        net = build(network)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", WeightsWarning)
            load_weights(net, state, like=like)
        return cls(str(path), net.state_dict(), tuple(str(warning.message) for warning in caught))

    @classmethod
    def sliced(cls, path: Path, network: Genotype, other: Genotype) -> GivenWeights:
        """Slices of the weights of `other` in a file, for the layers that `network` has in common with it; see `slice_weights`.

        Raises:
            WeightsError: the file cannot be read or is of another network, or nothing is in common.
        """
        try:
            given = cls.read(path, other)
        except WeightsError as error:
            raise WeightsError(
                f"with --slices, the weights are those of {other.name}, which --like names: {error}; `nasbench export KNOWN --weights FILE "
                "--like order -o known.yaml` writes them under the names of nasbench, which load without advice"
            ) from None
        slices = slice_weights(network, other, given.weights)
        return cls(str(path), slices.weights, (f"slices {slices.words(other.name)}", *given.notes))

    def put_into(self, net: nn.Module) -> frozenset[str]:
        """Copy every tensor whose shape agrees; returns the names of those.

        Raises:
            WeightsError: none agrees.
        """
        own = net.state_dict()
        taken = [name for name, value in own.items() if name in self.weights and self.weights[name].shape == value.shape]
        if not any(own[name].ndim > 1 for name in taken):
            raise WeightsError(f"weights of the network are needed; no shape in {self.file} agrees; name those of the same network")
        with torch.no_grad():
            for name in taken:
                own[name].copy_(self.weights[name])
        return frozenset(taken)

    def words(self, net: nn.Module, taken: frozenset[str]) -> str:
        """How much of the network they are: `weights of a.pth: 99.10% of the parameters; fresh: head.1.linear.weight`."""
        sizes = {name: parameter.numel() for name, parameter in net.named_parameters()}
        share = sum(size for name, size in sizes.items() if name in taken) / max(1, sum(sizes.values()))
        fresh = [name for name in sizes if name not in taken]
        more = f" and {len(fresh) - 2} more" if len(fresh) > 2 else ""
        return f"weights of {self.file}: {share:.2%} of the parameters" + (f"; fresh: {', '.join(fresh[:2])}{more}" if fresh else "")
