"""The shared tensors of a supernet, and one network's slices of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.genotype import Genotype, trace
from nasbench.network import build
from nasbench.supernet.places import Place, Sizes, places
from nasbench.training.zero_init import start_as_identity

ALIGNED = 16  # float32 numbers: 64 bytes


class SharedWeights:
    """The tensors that the networks of a space share.

    A tensor appears when the first network needs it, with the initial weights of that network's layer, and grows when another one needs
    more of it. `largest_network` finds one with which to begin, so that few grow later.

    Attributes:
        tensors, momenta: by key, see `places`; both on `device`.
        context: which of `nasbench.supernet.places.CONTEXTS` count; by default none, which learnt fastest, see docs/supernet.md.
    """

    def __init__(self, context: Collection[str] = (), *, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.context, self.device = tuple(context), torch.device(device)
        self.tensors: dict[str, Tensor] = {}
        self.momenta: dict[str, Tensor] = {}
        self._axes: dict[str, tuple[int, ...]] = {}
        self._room = torch.empty(0, device=self.device)
        self.version = 0
        self._generator = torch.Generator().manual_seed(seed)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], axes: Mapping[str, Sequence[int]], context: Collection[str], device: str) -> SharedWeights:
        """Trained tensors, which will not be trained further; `axes` are those of kernels, see `axes`."""
        found = cls(context, device=device)
        found.tensors = {key: tensor.to(found.device) for key, tensor in tensors.items()}
        found._axes = {key: tuple(several) for key, several in axes.items()}
        return found

    @property
    def axes(self) -> dict[str, list[int]]:
        """The axes of the kernel of each tensor."""
        return {key: list(axes) for key, axes in self._axes.items()}

    def subnet(self, genotype: Genotype) -> Subnet:
        """A network, and where its weights lie here; it has its weights after `Subnet.load`.

        Raises:
            GenotypeError: shapes that do not meet.
        """
        net = build(genotype, device="meta")
        shapes = {name: tuple(p.shape) for name, p in net.named_parameters()}
        found = places(trace(genotype), shapes, self.context)
        missing = [p for p in found for piece in p.pieces if not self._holds(piece.key, piece.sizes)]
        if missing:
            self._grow(genotype, missing)
        return Subnet(net, found, self)

    def room(self, size: int) -> Tensor:
        """Memory for the weights of one network, which all networks use in turns: float32 (at least `size`)."""
        if len(self._room) < size:
            self._room = torch.empty(size, device=self.device)
        return self._room

    def slices(self, place: Place) -> Iterator[tuple[str, tuple[slice, ...], int, int]]:
        """For each piece of a parameter the key, the slice of the shared tensor, and start and size on the axis of the parameter."""
        for piece in place.pieces:
            yield piece.key, self._slice(piece.key, piece.sizes), piece.start, piece.sizes[place.axis]

    def _slice(self, key: str, sizes: Sizes) -> tuple[slice, ...]:
        kernel, whole = self._axes[key], self.tensors[key].shape
        starts = [(whole[axis] - size) // 2 if axis in kernel else 0 for axis, size in enumerate(sizes)]
        return tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))

    def _holds(self, key: str, sizes: Sizes) -> bool:
        tensor = self.tensors.get(key)
        return tensor is not None and all(own >= size for own, size in zip(tensor.shape, sizes, strict=True))

    @torch.no_grad()
    def _grow(self, genotype: Genotype, missing: Sequence[Place]) -> None:
        """Make the shared tensors of some parameters as large as they need to be."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=self._generator)))
            net = build(genotype)
            start_as_identity(net)
            fresh = dict(net.named_parameters())
            for place in missing:
                for piece in place.pieces:
                    if not self._holds(piece.key, piece.sizes):
                        self._enlarge(piece.key, piece.sizes, place.kernel, fresh[place.name])

    def _enlarge(self, key: str, sizes: Sizes, kernel: tuple[int, ...], like: Tensor) -> None:
        before = self.tensors.get(key)
        size = sizes if before is None else tuple(map(max, before.shape, sizes))
        std = float(like.std()) if like.numel() > 1 else 0.0
        tensor = like.new_empty(size).normal_(0.0, std).add_(like.mean()) if std else like.new_full(size, float(like.mean()))
        tensor = tensor.to(self.device)
        momentum, old_momentum = torch.zeros_like(tensor), self.momenta.get(key)
        self._axes[key], self.tensors[key], self.momenta[key] = kernel, tensor, momentum
        self.version += 1
        if before is not None:
            inside = self._slice(key, tuple(before.shape))
            tensor[inside] = before
            if old_momentum is not None:
                momentum[inside] = old_momentum

    def state(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {
            "tensors": self.tensors,
            "momenta": self.momenta,
            "axes": self.axes,
            "generator": self._generator.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the place of what `state` gave."""
        self.tensors = {key: tensor.to(self.device) for key, tensor in state["tensors"].items()}
        self.momenta = {key: tensor.to(self.device) for key, tensor in state["momenta"].items()}
        self._axes = {key: tuple(axes) for key, axes in state["axes"].items()}
        self._generator.set_state(state["generator"])
        self.version += 1

    @property
    def parameters(self) -> int:
        """Numbers in all shared tensors."""
        return sum(prod(t.shape) for t in self.tensors.values())


class Subnet:
    """One network of a supernet. Its own memory is small: its weights lie in that of all networks, one network at a time."""

    def __init__(self, net: fx.GraphModule, found: Sequence[Place], shared: SharedWeights) -> None:
        self.net, self.places, self._store = net, found, shared
        self.input: tuple[int, int, int] = next(iter(net.graph.nodes)).meta["input"]
        for module in net.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = torch.empty_like(buffer, device=shared.device)
            if isinstance(module, _BatchNorm):
                module.reset_running_stats()
        self._size = sum(_aligned(p.numel()) for p in net.parameters())
        self._room: Tensor | None = None
        self._version = -1
        self.own: list[Tensor] = []
        self.shared: list[Tensor] = []
        self.momenta: list[Tensor] = []
        self._cuts: list[tuple[nn.Parameter, Place, int, int]] = []

    @torch.no_grad()
    def load(self) -> nn.Module:
        """The network with its slices of the shared tensors, copied."""
        room = self._store.room(self._size)
        if self._room is not room or self._version != self._store.version:
            self._move_into(room)
        torch._foreach_copy_(self.own, self.shared)
        return self.net

    def _move_into(self, room: Tensor) -> None:
        self._room, self._version, start = room, self._store.version, 0
        for module in self.net.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    memory = room[start : start + parameter.numel()]
                    start += _aligned(parameter.numel())
                    module._parameters[name] = nn.Parameter(_channels_last(memory, parameter.shape))
        parameters = dict(self.net.named_parameters())
        self._cuts, self.own, self.shared, self.momenta = [], [], [], []
        for place in self.places:
            for key, inside, first, size in self._store.slices(place):
                self._cuts.append((parameters[place.name], place, first, size))
                self.own.append(_cut(parameters[place.name].data, place, first, size))
                self.shared.append(self._store.tensors[key][inside])
                if key in self._store.momenta:  # not in a supernet that only scores
                    self.momenta.append(self._store.momenta[key][inside])
        self.decayed = [i for i, (p, *_) in enumerate(self._cuts) if p.ndim > 1]

    @torch.no_grad()
    def gradients(self) -> list[Tensor]:
        """The gradient of each slice, in the order of `shared`; those of the network are gone afterwards."""
        found = [_cut(torch.zeros_like(p) if p.grad is None else p.grad, place, first, size) for p, place, first, size in self._cuts]
        for parameter, *_ in self._cuts:
            parameter.grad = None
        return found

    @torch.no_grad()
    def learn(self, gradients: list[Tensor], rate: float, momentum: float, decay: float) -> None:
        """One step of SGD with Nesterov momentum on the slices; the rest of the shared tensors, and of their momenta, stays as it is.

        Args:
            gradients: in the order of `gradients()`; they are overwritten.
        """
        if self._version != self._store.version:
            self.load()
        torch._foreach_add_([gradients[i] for i in self.decayed], [self.shared[i] for i in self.decayed], alpha=decay)
        torch._foreach_mul_(self.momenta, momentum)
        torch._foreach_add_(self.momenta, gradients)
        torch._foreach_add_(gradients, self.momenta, alpha=momentum)
        torch._foreach_add_(self.shared, gradients, alpha=-rate)


def _aligned(numbers: int) -> int:
    """How many numbers a parameter takes in memory, so that the next one begins where vector instructions read fast."""
    return -(-numbers // ALIGNED) * ALIGNED


def _channels_last(memory: Tensor, shape: Sizes) -> Tensor:
    """A flat tensor in the shape of a weight; that of a convolution with its channels last, as convolutions are fastest on a CPU."""
    if len(shape) != 4:
        return memory.view(shape)
    out, read, height, width = shape
    return memory.view(out, height, width, read).permute(0, 3, 1, 2)


def _cut(tensor: Tensor, place: Place, start: int, size: int) -> Tensor:
    """A piece of a parameter, or of its gradient, as it lies in the shared tensor."""
    return tensor.view(place.view).narrow(place.axis, start, size)
