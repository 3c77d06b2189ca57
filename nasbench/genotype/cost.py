"""Cost of a network, computed from its trace. Every convention of counting is written here and nowhere else.

- `macs`: multiply-adds of convolutions and linear layers for one image; no bias, norm, activation or pooling. It is
  torchvision's and the papers' convention (many papers call it FLOPs; a FLOP count would be twice as large). fvcore's
  `conv` and `linear` entries equal it exactly; its total adds 2 per element of each batch norm and 1 per element read
  by adaptive pooling.
- `params`: trainable numbers; the running mean and variance of a batch norm are not trained and not counted.
- `activations`: elements written by convolutions and linear layers (Radosavovic et al. 2020, section 3; fvcore agrees).
- `peak_bytes`: weights and buffers, plus the most that values alive at one time take, running layer by layer with
  in-place activations. A kernel's own workspace is not known here.
- `size_bytes`: bytes of the stored model: parameters and the buffers of its norms at a device's precision. A file's header and
  PyTorch's count of batches per norm are not in it.
- `train_peak_bytes`: weights, gradients and one momentum, plus every stored value of a forward pass and the largest
  gradient, for one image.
- Auxiliary heads run in training only: `auxiliary_params` counts their parameters and `train_peak_bytes` their memory;
  every other number describes the network without them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain

from nasbench.errors import UnitError, nearest
from nasbench.genotype.kind import KINDS
from nasbench.genotype.layer import Layer
from nasbench.genotype.resolve import Network
from nasbench.genotype.trace import trace
from nasbench.genotype.units import show_memory
from nasbench.notebook import table

BYTES = 4  # of a float32
BYTES_OF: Mapping[str, int] = {"fp32": BYTES, "bf16": 2, "fp16": 2}


@dataclass(frozen=True, repr=False)
class Cost:
    """Exact integers of one network, for one image.

    Attributes:
        params: trainable parameters.
        macs: multiply-adds of convolutions and linear layers.
        activations: elements that convolutions and linear layers write.
        peak_bytes: memory of inference in float32.
        train_peak_bytes: memory of a training step at batch 1 in float32, estimated.
        depth: convolutions and linear layers on the longest way through.
        layers: layers in the trace, without the input and auxiliary heads.
        auxiliary_params: parameters of auxiliary heads, which only training has.
        buffers: stored numbers that are not trained: running means and variances.

    The conventions of counting are in the docstring of `nasbench.genotype.cost`, the module.

    >>> import nasbench as nb
    >>> nb.cost(nb.known("lenet5")).macs
    327256
    >>> nb.cost(nb.known("lenet5")).size_bytes("fp16")
    120000
    """

    params: int
    macs: int
    activations: int
    peak_bytes: int
    train_peak_bytes: int
    depth: int
    layers: int
    auxiliary_params: int = 0
    buffers: int = 0

    def size_bytes(self, precision: str = "fp32") -> int:
        """Bytes of the stored model at `fp32`, `bf16` or `fp16`.

        Raises:
            UnitError: another precision.
        """
        if precision not in BYTES_OF:
            raise UnitError(f"a precision is one of {', '.join(BYTES_OF)}; got {precision!r}{nearest(precision, BYTES_OF)}")
        return BYTES_OF[precision] * (self.params + self.buffers)

    def __repr__(self) -> str:
        """`Cost(params=25_557_032, ...)`: Python that makes an equal cost."""
        return f"Cost({', '.join(f'{f.name}={getattr(self, f.name):_}' for f in fields(self))})"

    def __str__(self) -> str:
        return "\n".join(f"{name:<22}{value:>16}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        return table("Cost of one image", ("", ""), self._rows(), right=(1,))

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("parameters", f"{self.params:,}"),
            ("MACs", f"{self.macs:,}"),
            ("activations", f"{self.activations:,}"),
            ("depth", f"{self.depth:,}"),
            ("layers", f"{self.layers:,}"),
            ("memory, inference", show_memory(self.peak_bytes)),
            ("memory, training step", show_memory(self.train_peak_bytes)),
        ]
        return [*rows, ("auxiliary parameters", f"{self.auxiliary_params:,}")] if self.auxiliary_params else rows


def cost(g: Network) -> Cost:
    """The cost of `g`, in about half a millisecond and without torch.

    Args:
        g: a genotype, the name of a known network, a .yaml file, or a module that `nasbench.build` made.

    Raises:
        GenotypeError: the network cannot be traced; see `nasbench.trace`.

    >>> import nasbench as nb
    >>> print(cost("resnet50"))
    parameters                  25,557,032
    MACs                     4,089,184,256
    activations                 11,114,984
    depth                               50
    layers                             175
    memory, inference             106.9MiB
    memory, training step         402.9MiB
    """
    return cost_of(trace(g))


def readers(layers: Sequence[Layer]) -> Mapping[int, int]:
    """Per layer, how many others read it."""
    return Counter(chain.from_iterable([layer[1] for layer in layers]))


def in_place(layers: Sequence[Layer], read_by: Mapping[int, int], layer: Layer) -> bool:
    """Whether an activation may overwrite its input: it alone reads it, and no backward pass needs it.

    A reader that ran before would need it too: a convolution keeps its input for the gradient of its weights.
    The network builder and the memory count share this rule.
    """
    i = layer.inputs[0]
    return KINDS[layer.kind].in_place and read_by[i] == 1 and KINDS[layers[i].kind].overwritable


def cost_of(layers: Sequence[Layer]) -> Cost:
    """The cost of a network that is traced already."""
    read_by = readers(layers)
    size: list[int] = []  # elements of the buffer that a value opens; 0 if it lives in its input's
    home: list[int] = []  # the layer that opened the buffer of a value,
    end: list[int] = []  # and the last that reads that buffer
    depth: list[int] = []
    params = macs = activations = buffers = 0
    heads: list[Layer] = []
    for name, inputs, (c, h, w), _, p, m, _, index, _ in layers:
        kind, deep = KINDS[name], 0
        for i in inputs:
            end[home[i]] = index
            if depth[i] > deep:
                deep = depth[i]
        opened, at = c * h * w, index
        params += p
        macs += m
        buffers += kind.buffers * c
        if kind.counted:
            activations += opened
            deep += 1
        elif kind.view or (kind.in_place and in_place(layers, read_by, layers[index])):
            opened, at = 0, home[inputs[0]]
        elif name == "auxiliary":
            heads.append(layers[index])
            opened, at = 0, home[inputs[0]]
        depth.append(deep)
        size.append(opened)
        home.append(at)
        end.append(index)
    added = [_head_cost(head.attrs["rows"]) for head in heads]
    more, stored, largest = sum([a[0] for a in added]), sum([a[1] for a in added]), max([max(size), *[a[2] for a in added]])
    return Cost(
        params=params,
        macs=macs,
        activations=activations,
        peak_bytes=BYTES * (params + buffers + _peak(size, end)),
        train_peak_bytes=BYTES * (3 * (params + more) + buffers + sum(size) + stored + largest),
        depth=max(depth),
        layers=len(layers) - 1 - len(heads),
        auxiliary_params=more,
        buffers=buffers,
    )


def _head_cost(rows: Sequence[Layer]) -> tuple[int, int, int]:
    """The cost that an auxiliary head adds to a training step: parameters, stored values with running statistics, its largest value."""
    read_by = readers(rows)
    sizes = [x.elements for x in rows[1:] if not KINDS[x.kind].view and not in_place(rows, read_by, x)]
    running = sum([KINDS[x.kind].buffers * x.channels for x in rows])
    return sum([x.params for x in rows]), sum(sizes) + running, max(sizes, default=0)


def _peak(size: Sequence[int], last: Sequence[int]) -> int:
    """The most elements alive at one time; a buffer lives from its layer to the last that reads it."""
    live = peak = 0
    freed = [0] * len(size)
    for index, elements in enumerate(size):
        if elements:
            live += elements
            freed[last[index]] += elements
            if live > peak:
                peak = live
        live -= freed[index]
    return peak
