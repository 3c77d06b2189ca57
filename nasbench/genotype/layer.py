"""Layer: one step of a trace, and the frozen mapping that it and the blocks share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from nasbench.errors import GenotypeError

Shape = tuple[int, int, int]


class Fields(dict[str, Any]):
    """Named values that do not change: a block's fields in the order of its signature, a layer's attributes."""

    def _frozen(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("these fields are frozen; make another block with block.but(field=value)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _frozen

    def __reduce__(self) -> tuple[Any, ...]:
        return Fields, (dict(self),)


NO_ATTRIBUTES = Fields()


@lru_cache(maxsize=8192, typed=True)
def attributes(**values: Any) -> Fields:
    """The attributes of a layer: one frozen mapping for all layers that have the same.

    Most of a trace's memory, and of the time that it takes to free it, would be these.
    """
    return Fields(values)


class Layer(NamedTuple):
    """One primitive step of a network. It is also the value that a block type passes on: a value is the layer that made it.

    Attributes:
        kind: name of its kind in `nasbench.genotype.kinds`, such as `conv`, `norm` or `add`.
        inputs: indices, in the trace, of the layers that it reads.
        shape: channels, height and width of the output; a flat vector has the shape (n, 1, 1).
        attrs: numbers and names that define the computation, such as kernel and stride.
        params: trainable parameters.
        macs: multiply-adds of convolutions and linear layers for one image.
        where: dotted place in the genotype, such as `stages.3.1.depthwise.conv`; also the name of the torch submodule.
        index: position in the trace.
        flat: whether the torch tensor is (N, n) instead of (N, c, h, w).

    >>> import nasbench as nb
    >>> layer = nb.trace(nb.known("lenet5"))[1]
    >>> layer.kind, layer.shape, layer.params, layer.macs
    ('conv', (6, 28, 28), 156, 117600)
    """

    kind: str
    inputs: tuple[int, ...]
    shape: Shape
    attrs: Fields
    params: int = 0
    macs: int = 0
    where: str = ""
    index: int = 0  # type: ignore[assignment] # hides tuple.index, which a layer has no use for
    flat: bool = False

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def elements(self) -> int:
        c, h, w = self.shape
        return c * h * w


Value = Layer


def _refuse(sign: str, call: str) -> Any:
    def operator(self: Layer, other: object) -> Any:
        raise GenotypeError(f"values of a tracer are joined by its methods; got x {sign} y; write {call}")

    return operator


# A layer is a tuple, whose own signs would join or repeat its entries.
for _method, _sign, _call in (
    ("add", "+", "t.add(x, y)"), ("sub", "-", "t.add(x, t.multiply(y, -1))"), ("mul", "*", "t.multiply(x, 0.5), or t.scale(x, gate)"),
    ("truediv", "/", "t.multiply(x, 1 / n)"), ("matmul", "@", "t.linear(x, width)"), ("or", "|", "t.concat(x, y)"),
):  # fmt: skip
    for _side in ("", "r"):
        setattr(Layer, f"__{_side}{_method}__", _refuse(_sign, _call))


def show_shape(shape: Sequence[int], times: str = "x") -> str:
    """`64x56x56`."""
    return times.join(map(str, shape))
