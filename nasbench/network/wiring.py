"""How a network uses its tensors: a run of it, recorded operator by operator, as `nasbench.network.matching` compares it with another.

Two modules that compute the same may define their layers in any order; what they share is the run. So an image without numbers (torch's
`meta` device) goes through, and each operator that uses tensors of the network is written down with those whose outputs it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from nasbench.errors import WeightsError, one_line

IMAGE = -1  # stands for the image among the sources of a value
BATCH = 2  # a norm of a 1x1 map cannot train on one image

# Tensors by the number of their argument; in other operators the number stands for the role.
_PRODUCTS: Mapping[str, Mapping[int, str]] = {
    "aten::convolution": {1: "weight", 2: "bias"},
    "aten::addmm": {0: "bias", 2: "weight"},
    "aten::mm": {1: "weight"},
    "aten::linear": {1: "weight", 2: "bias"},
}
_NORM = {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"}
# Operators that may give the channels another order, although the shape need not show it.
_REORDER = ("permute", "transpose", "t", "channel_shuffle", "native_channel_shuffle", "index", "index_select", "gather", "flip", "roll")


class Segment(NamedTuple):
    """Some channels of a value, and where they come from.

    Attributes:
        start: the first of these channels in the value; None where channels were mixed.
        length: how many they are.
        source: index of the use that wrote them, or `IMAGE`.
        offset: the first of them in the output of the source.
        passed: kinds of pooling on the way, `max` and `avg`.
    """

    start: int | None
    length: int
    source: int
    offset: int
    passed: frozenset[str]


Flow = tuple[Segment, ...]


@dataclass(frozen=True)
class Use:
    """One operator that uses tensors of the network, such as a convolution.

    Attributes:
        kind: `product` for convolutions and linear layers, `norm`, or the operator's own name.
        tensors: names of the tensors by their role.
        shapes: their shapes by role, so written that a linear layer and the convolutions that it may replace have the same.
        size: height and width of the output; empty for one pixel and for vectors.
        reads: what it reads. The output of the network is a use without tensors.
        numbers: what no weight shows: stride, padding, dilation and groups, or the constant of a norm.
    """

    kind: str
    tensors: Mapping[str, str]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    size: tuple[int, ...]
    reads: Flow
    numbers: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Wiring:
    """The uses of a network's tensors in the order of its run; the last is its output."""

    uses: tuple[Use, ...]

    @property
    def used(self) -> dict[str, int]:
        """The names of the tensors in the order of the run, each with its first use."""
        return {name: i for i, use in reversed(list(enumerate(self.uses))) for name in use.tensors.values()}


def record(net: nn.Module, shape: Sequence[int], state: Mapping[str, Tensor], training: bool = False) -> Wiring:
    """The wiring of `net` on images of `shape` (channels, height, width); `net` itself is left as it was.

    The shapes of the tensors in `state` take the place of those of `net`. With `training`, auxiliary heads run too.

    Raises:
        WeightsError: the network does not run on such images.
    """
    own = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    modes = [(module, module.training) for module in net.modules()]
    net.train(training)
    try:
        try:
            return _run(net, shape, {name: _shaped(state.get(name, value), "meta") for name, value in own.items()})
        except Exception:  # noqa: BLE001 - it may hold numbers that are neither parameters nor buffers, and these have a device
            return _run(net, shape, {name: _shaped(state.get(name, value), "cpu") for name, value in own.items()})
    except Exception as error:
        raise WeightsError(
            f"the network that is given as like= runs on images of {'x'.join(map(str, shape))}, the input of the genotype; "
            f"{type(net).__name__} does not: {one_line(error)}; give one that does"
        ) from error
    finally:
        for module, mode in modes:
            module.training = mode


def _shaped(value: Tensor, device: str) -> Tensor:
    """A tensor of that shape; on the CPU with its numbers, as far as it has any."""
    kind = torch.float32 if value.is_floating_point() else value.dtype
    if device == "meta" or value.is_meta:
        return torch.zeros(value.shape, dtype=kind, device=device)
    return value.detach().to(device, kind, copy=True)


def _run(net: nn.Module, shape: Sequence[int], tensors: Mapping[str, Tensor]) -> Wiring:
    device = next((value.device for value in tensors.values()), torch.device("cpu"))
    image = torch.zeros(BATCH, *shape, device=device)
    recorder = _Recorder({id(value): name for name, value in tensors.items()}, image)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), recorder:
        output = functional_call(net, dict(tensors), (image,))
    return recorder.wiring(output)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch's own class
    """Follows the channels of every value, and writes down the operators that use tensors of the network."""

    def __init__(self, names: Mapping[int, str], image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kept: list[Any] = [image]  # so that no other tensor gets the id of an old one
        self._flows: dict[int, Flow] = {id(image): (Segment(0, image.shape[1], IMAGE, 0, frozenset()),)}
        self._tensors: dict[int, tuple[tuple[str, tuple[int, ...]], ...]] = {}  # values made of the network's tensors alone
        self._names = names
        self._uses: list[Use] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        entries = [(place, value) for place, value in _entries([*enumerate(args), *kwargs.items()])]
        for _, value in entries:
            if id(value) in self._names and id(value) not in self._tensors:
                self._tensors[id(value)] = ((self._names[id(value)], tuple(value.shape)),)
        before = {id(value): value.shape for _, value in entries}
        out = func(*args, **kwargs)
        self._kept.append((args, kwargs, out))
        reads = [value for _, value in entries if id(value) in self._flows]
        weights = [(place, value) for place, value in entries if id(value) in self._tensors and id(value) not in self._flows]
        outs = [value for _, value in _entries([(0, out)])]
        name = func._schema.name
        if reads and weights:
            self._use(name, args, reads, weights, outs)
        elif reads:
            self._pass(name, args, kwargs, reads, outs, before)
        elif weights:
            source = tuple(dict.fromkeys(entry for _, value in weights for entry in self._tensors[id(value)]))
            for value in outs:
                if id(value) not in self._names:
                    self._tensors[id(value)] = source
        if reads and func._schema.is_mutable and (base := entries[0][1]._base) is not None:  # a part of it was written
            parts = (*self._flows.get(id(base), ()), *self._flows.get(id(entries[0][1]), ()))
            self._flows[id(base)] = _mixed(parts) if len(reads) > 1 or id(base) not in self._flows else parts
        return out

    def _use(self, name: str, args: Any, reads: list[Tensor], weights: list[tuple[Any, Tensor]], outs: list[Tensor]) -> None:
        norm = "batch_norm" in name
        roles = _NORM if norm else _PRODUCTS.get(name, {})
        tensors: dict[str, str] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        for place, value in weights:
            for i, (tensor, shape) in enumerate(self._tensors[id(value)]):
                role = roles.get(place, str(place)) if i == 0 else f"{place}.{i}"
                tensors[role] = tensor
                shapes[role] = _canonical(name, shape, reads[0].shape)
        kind = "norm" if norm else "product" if name in _PRODUCTS else name
        flow = tuple(dict.fromkeys(segment for value in reads for segment in self._flows[id(value)]))
        output = next((value for value in outs if value.dim() > 1), outs[0])
        size = tuple(output.shape[2:]) if output.dim() == 4 and output.shape[2:].numel() > 1 else ()
        self._uses.append(Use(kind, tensors, tuple(sorted(shapes.items())), size, flow, _numbers(name, args)))
        for value in outs:
            channels = value.shape[1] if value.dim() > 1 else value.numel()
            self._flows[id(value)] = (Segment(0, channels, len(self._uses) - 1, 0, frozenset()),)

    def _pass(self, name: str, args: Any, kwargs: Any, reads: list[Tensor], outs: list[Tensor], before: Mapping[int, Any]) -> None:
        """The flow of values that an operator without tensors of the network makes."""
        flows = [(before[id(value)], self._flows[id(value)]) for value in reads]
        plain = name.removeprefix("aten::").rstrip("_").removeprefix("_")
        axis = _axis(plain, args, kwargs, reads[0].dim())
        if plain == "cat" and axis == 1:
            flow: list[Segment] = []
            start = 0
            for value in args[0]:
                flow += [_moved(s, start) for s in self._flows.get(id(value), ())]
                start += value.shape[1]
            self._flows[id(outs[0])] = tuple(flow)
        elif plain in ("slice", "split", "split_with_sizes") and axis == 1:
            start = 0 if plain != "slice" or len(args) < 3 or args[2] is None else args[2]
            step = args[4] if plain == "slice" and len(args) > 4 else 1
            for value in outs:
                width = value.shape[1]
                self._flows[id(value)] = _mixed(flows[0][1]) if step != 1 or start < 0 else _cut(flows[0][1], start, width)
                start += width
        else:
            pooling = frozenset(kind for kind in ("max", "avg") if _pools(plain, kind))
            for value in outs:
                made: dict[Segment, None] = {}
                for shape, flow_in in flows:
                    made |= dict.fromkeys(_carried(plain, shape, value.shape, flow_in, pooling))
                self._flows[id(value)] = tuple(made)

    def wiring(self, output: Any) -> Wiring:
        """What was recorded; the last use is the output, whose parts are known by their number."""
        ends = [value for _, value in _entries([(0, output)])] if not isinstance(output, Mapping) else list(output.values())
        flow = [
            segment._replace(start=(i + 1) * 10**9 + (segment.start or 0))
            for i, value in enumerate(ends)
            for segment in self._flows.get(id(value), ())
        ]
        return Wiring((*self._uses, Use("output", {}, (), (), tuple(flow))))


def _entries(items: Iterable[tuple[Any, Any]]) -> Iterable[tuple[Any, Tensor]]:
    """The tensors among arguments, also in lists, each with the place of its argument."""
    for place, value in items:
        if isinstance(value, Tensor):
            yield place, value
        elif isinstance(value, list | tuple):
            yield from _entries((place, inner) for inner in value)


def _canonical(name: str, shape: tuple[int, ...], image: Sequence[int]) -> tuple[int, ...]:
    """A shape without trailing ones; a convolution over the whole map, like a linear layer, has a row of numbers for each output."""
    if name in _PRODUCTS and len(shape) == 4 and shape[2:] == tuple(image[2:]):
        shape = (shape[0], shape[1] * shape[2] * shape[3])
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _numbers(name: str, args: Any) -> tuple[tuple[str, Any], ...]:
    if name == "aten::convolution":
        stride, padding, dilation, groups = tuple(args[3]), tuple(args[4]), tuple(args[5]), args[8]
        return (("stride", stride), ("padding", padding), ("dilation", dilation), ("groups", groups))
    if "batch_norm" in name:
        return (("eps", next((a for a in reversed(args) if isinstance(a, float)), None)),)
    return ()


def _axis(name: str, args: Any, kwargs: Any, dims: int) -> int:
    """The dimension along which an operator joins or cuts."""
    place = {"cat": 1, "slice": 1, "split": 2, "split_with_sizes": 2}.get(name)
    if place is None:
        return -1
    axis = args[place] if len(args) > place else kwargs.get("dim", 0)
    return int(axis) % dims


def _pools(name: str, kind: str) -> bool:
    return f"{kind}_pool" in name or name == {"max": "amax", "avg": "mean"}[kind]


def _moved(segment: Segment, by: int) -> Segment:
    return segment if segment.start is None else segment._replace(start=segment.start + by)


def _mixed(flow: Flow) -> Flow:
    return tuple(dict.fromkeys(Segment(None, 0, s.source, 0, s.passed) for s in flow))


def _cut(flow: Flow, start: int, width: int) -> Flow:
    """The channels from `start` on."""
    kept = []
    for s in flow:
        if s.start is None:
            kept.append(s)
            continue
        first, last = max(s.start, start), min(s.start + s.length, start + width)
        if first < last:
            kept.append(Segment(first - start, last - first, s.source, s.offset + first - s.start, s.passed))
    return tuple(kept)


def _carried(name: str, shape: Sequence[int], out: Sequence[int], flow: Flow, pooling: frozenset[str]) -> Flow:
    """The flow after an operator that makes the shape `out` of `shape`."""
    if pooling:
        flow = tuple(s._replace(passed=s.passed | pooling) for s in flow)
    same = len(shape) > 1 and len(out) > 1 and shape[1] == out[1]
    if name in _REORDER:
        return _mixed(flow)
    if same and (len(out) == len(shape) or {len(out), len(shape)} <= {2, 4}):
        return flow
    if len(shape) == 4 and len(out) == 2 and out[1] == shape[1] * shape[2] * shape[3]:
        area = shape[2] * shape[3]
        return tuple(s if s.start is None else s._replace(start=s.start * area, length=s.length * area) for s in flow)
    return _mixed(flow)
