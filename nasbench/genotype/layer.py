"""Layer: one step of a trace, and the frozen mapping that it and the blocks share."""

from __future__ import annotations

from typing import Any, NamedTuple

Shape = tuple[int, int, int]


class Fields(dict[str, Any]):
    """Named values that do not change: a block's fields in the order of its signature, a layer's attributes."""

    def _frozen(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("these fields are frozen; make another block with block.but(field=value)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _frozen

    def __reduce__(self) -> tuple[Any, ...]:
        return Fields, (dict(self),)


class Layer(NamedTuple):
    """One primitive step. It is also the value that a word passes on: a value is the layer that made it.

    Attributes:
        kind: input, conv, norm, act, pool, gap, bins, linear, flatten, dropout, drop_path, lrn, add, scale, multiply, concat, interleave,
            slice, take, pad or auxiliary: a classifier that only training sees, with a trace of its own in `attrs["rows"]`.
        inputs: indices of the layers read, in the trace.
        shape: channels, height and width of the output; a flat vector is (n, 1, 1).
        attrs: what the kind needs to be computed, such as kernel and stride.
        params: trainable parameters.
        macs: multiply-adds of convolutions and linear layers for one image.
        where: dotted place in the genotype, `stages.3.1.depthwise.conv`; also the name of the torch submodule.
        index: position in the trace.
        flat: whether the torch tensor is (N, n) instead of (N, c, h, w).
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
