"""Tracer: what block types write to. It adds layers, the usual groups of layers, and other blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from nasbench.errors import NasbenchError, nearest, one_line, place_in, short
from nasbench.genotype.block import BLOCK_TYPES, Block
from nasbench.genotype.fields import resolve
from nasbench.genotype.kinds import KINDS, activation, arithmetic, channels, convolution, normalisation, pooling, training
from nasbench.genotype.layer import Fields, Layer, Shape, Value
from nasbench.genotype.style import Style
from nasbench.genotype.writer import NoRoomError, Writer, new_layer, show_values

MAX_LAYERS = 100_000

_Step = tuple[str, tuple[int, ...], Shape, Fields, int, int, str, bool]  # a Layer, its place and indices counted from its block's


class Tracer(Writer):
    """Writes a network as layers. It has one method per layer kind, and methods for groups of layers and for blocks.

    Attributes:
        before: after `path`, the input of its last block, which the next cell reads beside its own input.
        out: channels that a sum of paths will have, while its paths are written: the meaning of a width `out` there.
    """

    def __init__(self, style: Style, shape: Shape, flat: bool = False) -> None:
        super().__init__(style, shape, flat)
        self.before = self.layers[0]
        self.out: int | None = None
        self._keeps = False

    def __getattr__(self, name: str) -> Any:
        """Say what there is, for a method that there is not.

        Raises:
            AttributeError: always; Python asks here for names that it finds nowhere else.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        methods = [n for n in dir(type(self)) if not n.startswith("_") and callable(getattr(type(self), n))]
        kinds = [n for n in KINDS if n not in methods and n not in ("input", "auxiliary")]
        advice = f"write t.layer({name!r}, x)" if name in KINDS else "a layer kind of your own is written by t.layer(kind, x)"
        raise AttributeError(f"a tracer has no method {name!r}; it has {', '.join(methods)}; {advice}{nearest(name, [*methods, *kinds])}")

    # One method per layer kind; any other kind is written by `layer`.

    conv = convolution.conv
    linear = convolution.linear
    norm = normalisation.norm
    lrn = normalisation.lrn
    act = activation.act
    pool = pooling.pool
    gap = pooling.gap
    bins = pooling.bins
    add = arithmetic.add
    scale = arithmetic.scale
    multiply = arithmetic.multiply
    concat = channels.concat
    split = channels.split
    take = channels.take
    interleave = channels.interleave
    pad = channels.pad
    flatten = channels.flatten
    dropout = training.dropout
    drop_path = training.drop_path

    # Blocks

    def path(self, blocks: Sequence[Block], x: Value, scope: str, before: Value | None = None) -> Value:
        """Blocks in sequence; their places are `scope.0`, `scope.1`, ... or, without a scope, `0`, `1`, ...

        `before` is the value that the block before the first one read. A block type that asks for it gets the input of the block
        before. An auxiliary head, which stands aside, does not count there.
        """
        outer, i = self.scope, 0
        before = x if before is None else before
        dot = f"{scope}." if scope else ""
        for block in blocks:
            block_type = BLOCK_TYPES[block.op]
            for single in block.unrolled:
                self.scope = f"{dot}{i}"
                if len(self.layers) > MAX_LAYERS:
                    raise self.error(f"a network has at most {MAX_LAYERS} layers; write fewer repeats")
                if block_type.reads_before:
                    self._keeps = False
                    out = self._run(block_type.function, single, x, before)
                    before = before if self._keeps else x
                else:
                    start = len(self.layers)
                    out = self._block(block_type.function, single, x)
                    before = before if out is x and len(self.layers) > start else x
                x = out
                i += 1
        self.scope, self.before = outer, before
        return x

    def keep_before(self) -> None:
        """Let the next block read, beside its input, what this one did."""
        self._keeps = True

    def _block(self, function: Callable[..., Value], block: Block, x: Value) -> Value:
        """Write one block; where it was written before for the same style and input shape, copy the layers of that time.

        A block that does not fit leaves nothing to copy, so its error always names its own place.
        """
        memory = _memory(function, block, self.style, x.shape, x.flat, self.out)
        layers, scope, read = self.layers, self.scope, (x.index,)
        start = len(layers)
        if not memory:
            out = self._run(function, block, x)
            memory.append(_Written(layers[start:], start, len(scope), out.index))
            return out
        steps, last = memory[0].steps()
        index = start
        for kind, inputs, shape, attrs, params, macs, where, flat in steps:
            if len(inputs) == 1:
                inputs = (inputs[0] + start,) if inputs[0] >= 0 else read
            else:
                inputs = tuple([i + start if i >= 0 else x.index for i in inputs])
            layers.append(new_layer(Layer, (kind, inputs, shape, attrs, params, macs, scope + where, index, flat)))
            index += 1
        return layers[last + start] if last >= 0 else x

    def _run(self, function: Callable[..., Value], block: Block, *values: Value) -> Value:
        """Call the function of a block type. An error in it is reported with its place in the network and in its file."""
        try:
            out = function(self, *values, **block.fields)
        except (NasbenchError, MemoryError):
            raise
        except Exception as error:
            where = place_in(function.__code__.co_filename, error)
            raise self.error(f"the block {block.op!r} failed at {where}: {one_line(error)}; correct it there") from error
        if type(out) is not Layer:
            rule = f"a block returns the value that it made last, as in return t.add(y, x); {block.op!r} returned {short(out)}"
        elif out.index >= len(self.layers) or self.layers[out.index] is not out:
            rule = f"a block returns a value of the tracer that it was given; {block.op!r} returned another's, {show_values((out,))}"
        else:
            return out
        raise self.error(f"{rule}; correct it at {function.__code__.co_filename}:{function.__code__.co_firstlineno}")

    def at(self, name: str) -> _At:
        """`with t.at("se"):` writes the layers inside under that name."""
        return _At(self, name)

    def width(self, width: int | str, x: Value, out: int | None = None, mid: int | None = None, divisor: int | None = None) -> int:
        """Channels of a width that may be relative to the block's input `x`, output and inner channels."""
        if type(width) is int:
            return width
        try:
            return resolve(width, self.style.divisor if divisor is None else divisor, x.shape[0], self.out if out is None else out, mid)
        except ValueError as error:
            raise self.error(str(error)) from None

    # Groups of layers

    def unit(
        self,
        x: Value,
        width: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        padding: int | str | tuple[int, int] = "same",
        groups: int | str = 1,
        act: str | None = None,
        order: str | None = None,
        norm: bool = True,
        bias: bool | None = None,
        name: str = "",
        dilation: int = 1,
    ) -> Value:
        """Convolution, norm and activation in the given order. By default the convolution has a bias where there is no norm."""
        dot = f"{name}." if name else ""
        if bias is None:
            bias = not norm or self.style.norm == "none"
        order = order or self.style.order
        if order == "conv-norm-act":
            x = self.conv(x, width, kernel, stride, padding, groups, bias, f"{dot}conv", dilation)
            return self.act(self.norm(x, f"{dot}norm") if norm else x, act, f"{dot}act")
        if order == "norm-act-conv":
            x = self.act(self.norm(x, f"{dot}norm") if norm else x, act, f"{dot}act")
            return self.conv(x, width, kernel, stride, padding, groups, bias, f"{dot}conv", dilation)
        x = self.conv(self.act(x, act, f"{dot}act"), width, kernel, stride, padding, groups, bias, f"{dot}conv", dilation)
        return self.norm(x, f"{dot}norm") if norm else x

    def auxiliary(self, x: Value, blocks: Sequence[Block], weight: float, name: str = "auxiliary") -> None:
        """A classifier on `x` that only training sees; nothing reads it. It is left out where a window in it does not fit into the map."""
        inner = Tracer(self.style, x.shape, x.flat)
        inner.within = f"{self.within}{self.scope}.rows."
        try:
            end = inner.path(blocks, inner.layers[0], "")
        except NoRoomError:
            return
        if end.shape[1:] == (1, 1) and end is inner.layers[-1]:
            inner.scope = str(sum([block.repeat for block in blocks]) - 1)
            end = inner.flatten(end)
        if end.index != len(inner.layers) - 1 or any(layer.kind == "auxiliary" for layer in inner.layers):
            raise self.error("the blocks of an auxiliary head end in their last layer and hold no other head; take that out")
        attrs = Fields(rows=tuple(inner.layers), weight=weight)
        self.write("auxiliary", (x,), end.shape, attrs, 0, 0, name, end.flat)


@lru_cache(maxsize=8192)
def _memory(function: Callable[..., Value], block: Block, style: Style, shape: Shape, flat: bool, out: int | None) -> list[_Written]:
    """A list that is empty until the block is written, and then holds its layers."""
    return []


class _Written:
    """The layers of a block. They are prepared for copying at the first copy, since most networks hold blocks that no other does."""

    __slots__ = ("_as_written", "_steps")

    def __init__(self, layers: list[Layer], start: int, cut: int, last: int) -> None:
        self._as_written = layers, start, cut, last
        self._steps: tuple[list[_Step], int] | None = None

    def steps(self) -> tuple[list[_Step], int]:
        """The steps, and the index of the one that is the block's value; indices count from the block's first, -1 is its input."""
        if self._steps is None:
            layers, start, cut, last = self._as_written
            steps = [
                (kind, tuple([i - start if i >= start else -1 for i in inputs]), shape, attrs, params, macs, where[cut:], flat)
                for kind, inputs, shape, attrs, params, macs, where, _, flat in layers
            ]
            self._steps = steps, last - start if last >= start else -1
        return self._steps


class _At:
    """A place inside a block, for the duration of a `with`."""

    __slots__ = ("name", "outer", "tracer")

    def __init__(self, tracer: Tracer, name: str) -> None:
        self.tracer, self.name = tracer, name

    def __enter__(self) -> None:
        self.outer = self.tracer.scope
        self.tracer.scope = f"{self.outer}.{self.name}"

    def __exit__(self, *error: object) -> None:
        self.tracer.scope = self.outer
