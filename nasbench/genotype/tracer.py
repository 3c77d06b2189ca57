"""Tracer: what the words write on: layers, the usual groups of them, and rows of other words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from nasbench.errors import NasbenchError, one_line, place_in, short
from nasbench.genotype.fields import resolve
from nasbench.genotype.kinds import activation, arithmetic, channels, convolution, normalisation, pooling, training
from nasbench.genotype.layer import Fields, Layer, Shape, Value
from nasbench.genotype.writer import NoRoomError, Writer, new_layer, show_values

if TYPE_CHECKING:
    from nasbench.genotype.genotype import Block, Style

MAX_LAYERS = 100_000

_Step = tuple[str, tuple[int, ...], Shape, Fields, int, int, str, bool]  # a Layer, its place and indices counted from its block's


class Tracer(Writer):
    """Writes a network down as layers.

    Attributes:
        scope: dotted place of the block being written; read and set by `at`.
        before: after `path`, the value that its last block had read; what a cell reads beside its input.
        out: in paths that are added up, the channels that the sum will have: what a width `out` means there.
    """

    def __init__(self, style: Style, shape: Shape, flat: bool = False) -> None:
        super().__init__(style, shape, flat)
        self.before = self.layers[0]
        self.out: int | None = None
        self._keeps = False

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

    # Rows

    def path(self, rows: Sequence[Block], x: Value, scope: str, before: Value | None = None) -> Value:
        """Rows in sequence; their places are `scope.0`, `scope.1`, ... or, without a scope, `0`, `1`, ...

        `before` is what the block before the first one read; words that ask for it get the value before theirs. An auxiliary
        head, which stands aside, does not count there.
        """
        from nasbench.genotype.block_type import BLOCK_TYPES

        outer, i = self.scope, 0
        before = x if before is None else before
        dot = f"{scope}." if scope else ""
        for row in rows:
            word = BLOCK_TYPES[row.op]
            for one in row.unrolled:
                self.scope = f"{dot}{i}"
                if len(self.layers) > MAX_LAYERS:
                    raise self.error(f"a network has at most {MAX_LAYERS} layers; write fewer repeats")
                if word.reads_before:
                    self._keeps = False
                    out = self._run(word.function, one, x, before)
                    before = before if self._keeps else x
                else:
                    start = len(self.layers)
                    out = self._block(word.function, one, x)
                    before = before if out is x and len(self.layers) > start else x
                x = out
                i += 1
        self.scope, self.before = outer, before
        return x

    def keep_before(self) -> None:
        """Let the next block read, beside its input, what this one did."""
        self._keeps = True

    def _block(self, function: Callable[..., Value], row: Block, x: Value) -> Value:
        """Write one block; where it was written before for the same style and input shape, copy what it left then.

        A block that does not fit leaves nothing to copy, so its error always says where it stands.
        """
        memory = _memory(function, row, self.style, x.shape, x.flat, self.out)
        layers, scope, read = self.layers, self.scope, (x.index,)
        start = len(layers)
        if not memory:
            out = self._run(function, row, x)
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

    def _run(self, function: Callable[..., Value], row: Block, *values: Value) -> Value:
        """Let a word write; what is wrong with the word itself is said with its place in the network and in its file."""
        try:
            out = function(self, *values, **row.fields)
        except (NasbenchError, MemoryError):
            raise
        except Exception as error:
            where = place_in(function.__code__.co_filename, error)
            raise self.error(f"the block {row.op!r} failed at {where}: {one_line(error)}; correct it there") from error
        if type(out) is not Layer:
            rule = f"a block returns the value that it made last, as in return t.add(y, x); {row.op!r} returned {short(out)}"
        elif out.index >= len(self.layers) or self.layers[out.index] is not out:
            rule = f"a block returns a value of the tracer that it was given; {row.op!r} returned another's, {show_values((out,))}"
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
        """Convolution, norm and activation in the given order; a bias where no norm follows, unless said."""
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

    def auxiliary(self, x: Value, rows: Sequence[Block], weight: float, name: str = "auxiliary") -> None:
        """A classifier on `x` that only training sees; nothing reads it. None where a window of its rows does not fit into the map."""
        inner = Tracer(self.style, x.shape, x.flat)
        inner.within = f"{self.within}{self.scope}.rows."
        try:
            end = inner.path(rows, inner.layers[0], "")
        except NoRoomError:
            return
        if end.index != len(inner.layers) - 1 or any(layer.kind == "auxiliary" for layer in inner.layers):
            raise self.error("the rows of an auxiliary head end in their last layer and hold no other head; take that out")
        attrs = Fields(rows=tuple(inner.layers), weight=weight)
        self.write("auxiliary", (x,), end.shape, attrs, 0, 0, name, end.flat)


@lru_cache(maxsize=8192)
def _memory(function: Callable[..., Value], row: Block, style: Style, shape: Shape, flat: bool, out: int | None) -> list[_Written]:
    """Empty until the block is written."""
    return []


class _Written:
    """What a block wrote; made fit for copying when it is first copied, since most networks hold blocks that no other does."""

    __slots__ = ("_as_written", "_steps")

    def __init__(self, layers: list[Layer], start: int, cut: int, last: int) -> None:
        self._as_written = layers, start, cut, last
        self._steps: tuple[list[_Step], int] | None = None

    def steps(self) -> tuple[list[_Step], int]:
        """The steps, and which of them is the block's value; indices count from the block's first, -1 is its input."""
        if self._steps is None:
            layers, start, cut, last = self._as_written
            steps = [
                (kind, tuple([i - start if i >= start else -1 for i in inputs]), shape, attrs, params, macs, where[cut:], flat)
                for kind, inputs, shape, attrs, params, macs, where, _, flat in layers
            ]
            self._steps = steps, last - start if last >= start else -1
        return self._steps


class _At:
    """A place inside a block, for the length of a `with`."""

    __slots__ = ("name", "outer", "tracer")

    def __init__(self, tracer: Tracer, name: str) -> None:
        self.tracer, self.name = tracer, name

    def __enter__(self) -> None:
        self.outer = self.tracer.scope
        self.tracer.scope = f"{self.outer}.{self.name}"

    def __exit__(self, *error: object) -> None:
        self.tracer.scope = self.outer
