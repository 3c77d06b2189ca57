"""A kind of layer: one class says everything that nasbench knows about it.

    @kind
    class GroupNorm(Kind):
        \"""Group normalisation (Wu & He 2018, section 3).\"""

        name = "group_norm"
        timed = ("groups",)

        @staticmethod
        def write(t, x, groups):
            return t.write("group_norm", (x,), x.shape, attributes(groups=groups), params=2 * x.channels)

        def torch(self, net, layer, reads):
            return net.module(layer, reads, "torch.nn.GroupNorm", layer.attrs["groups"], layer.channels)

A block writes such a layer with `t.layer("group_norm", x, groups=4)`. Its cost, its torch network, its ONNX nodes, its latency and its
drawing are read off this class. No method imports torch or onnx: `torch` and `onnx` get a writer, and functions may be named by their
dotted names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.layer import Layer, Shape, Value
from nasbench.registry import Registry

Colour = Literal["blue", "indigo", "green", "teal", "orange", "rose", "yellow", "sand", "grey", "white"]


class TorchWriter(Protocol):
    """What `Kind.torch` may use; see `nasbench.network.build`. A node is a `torch.fx.Node`."""

    def module(self, layer: Layer, reads: Sequence[Any], make: Any, *args: Any, **kwargs: Any) -> Any:
        """The node that calls the submodule `make(*args, **kwargs)` on the nodes `reads`. It holds the layer's weights."""

    def function(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """The node that calls a function."""

    def method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The node that calls a method of the first argument, which is a node."""

    def in_place(self, layer: Layer) -> bool:
        """Whether the layer may overwrite its input; see `nasbench.genotype.cost.in_place`."""


class OnnxWriter(Protocol):
    """What `Kind.onnx` may use; see `nasbench.network.onnx.nodes`. A value is known by its name."""

    def node(self, op: str, reads: Sequence[str], out: str, name: str | None = None, **attrs: Any) -> str:
        """Write a node that makes the value `out`; the name of that value."""

    def constant(self, name: str, value: Any) -> str:
        """Write a constant: int64 for whole numbers, else float32; its name."""

    def weight(self, layer: Layer, name: str) -> str:
        """Write a tensor of the layer's torch submodule, such as `weight`, as a constant; its name."""

    def input_shape(self, layer: Layer) -> Shape:
        """The shape of the first value that the layer reads."""


class Kind:
    """Everything about one kind of layer. A subclass gives a `name`, `write` and `torch`, and changes what differs from the defaults.

    Attributes:
        name: value of `Layer.kind`.
        colour: colour of its cards in a drawing.
        counted: whether `Cost.activations`, `Cost.depth` and the stage tables count layers of this kind, as they do convolutions and
            linear layers.
        buffers: stored numbers per channel that are not trained, such as running means.
        view: whether inference writes nothing for it, because its output shares the memory of its input.
        overwritable: whether an activation after it may overwrite its output, because no backward pass reads that.
        in_place: whether it may overwrite its own input.
        sees: how many pixels of its input one output pixel depends on: one `pixel`; a `window`, with the attributes kernel and stride;
            the whole `map`; or one pixel of a map that is `gated`, where the other input is only a factor per channel.
        timed: names of the attributes that change the time of a kernel. They are part of its latency key.
        usual: values of those attributes of `timed` that a layer has only where they differ.
        head: whether runtimes fuse other layers into its kernel, as they do into convolutions and linear layers.
        tail: whether runtimes fuse it into the kernel of a head before it.
        cheap: whether a kernel that it is fused into takes no longer, because there is no curve to compute.
        blocked: whether it works on channels in blocks when its input is laid out so.
    """

    name: ClassVar[str]
    colour: ClassVar[Colour] = "grey"
    counted: ClassVar[bool] = False
    buffers: ClassVar[int] = 0
    view: ClassVar[bool] = False
    overwritable: ClassVar[bool] = False
    in_place: ClassVar[bool] = False
    sees: ClassVar[Literal["pixel", "window", "map", "gated"]] = "pixel"
    timed: ClassVar[tuple[str, ...]] = ()
    usual: ClassVar[Mapping[str, Any]] = {}
    head: ClassVar[bool] = False
    tail: ClassVar[bool] = False
    cheap: ClassVar[bool] = False
    blocked: ClassVar[bool] = False

    @staticmethod
    def write(*args: Any, **kwargs: Any) -> Any:
        """Check the arguments, write the layer to the tracer that comes first, and return its value.

        Shape, parameters and MACs are computed here and nowhere else.
        """
        raise NotImplementedError

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        """The torch.fx node that computes the layer from the nodes `reads`."""
        raise GenotypeError(
            f"a layer kind is built by its method torch; {self.name} at {layer.where} has none; write torch(net, layer, reads)"
        )

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        """Write the ONNX nodes that compute the layer; the name of its value, which is `out` unless no node is needed."""
        raise GenotypeError(
            f"a layer kind is exported by its method onnx; {self.name} at {layer.where} has none; write onnx(model, layer, reads, out)"
        )

    def words(self, layer: Layer) -> str:
        """The attributes in words, such as `3×3 stride 2`; empty where there is nothing to say."""
        return " ".join(f"{name} {value}" for name, value in layer.attrs.items())

    def tail_name(self, layer: Layer) -> str:
        """The layer's name in the tail of a fused kernel."""
        return self.name

    # The methods below describe a kernel by the shapes that it reads, the shape that it writes and the values of `timed`.

    def group(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> str:
        """The group of kernels whose times follow one law."""
        return self.name

    def work(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> tuple[float, float, float]:
        """Multiply-adds, multiply-adds with channels rounded up to 16, and weights that are read."""
        return 0.0, 0.0, 0.0

    def window(self, values: Sequence[Any]) -> tuple[int, int, int, int]:
        """Area of the kernel, stride, groups and dilation."""
        return 1, 1, 1, 1

    def in_blocks(self, layer: Layer, cin: int, ready: bool) -> bool:
        """Whether the output is laid out in blocks of channels; `ready` says that all inputs are."""
        return ready and self.blocked


KINDS: Registry[Kind] = Registry("layer kind", GenotypeError)

K = TypeVar("K", bound=type[Kind])


def kind(cls: K) -> K:
    """Make a kind of layer known by its name; a decorator for a subclass of `Kind`.

    The same file, module or notebook may define a kind again; the new class then takes the place of the old one.

    Raises:
        GenotypeError: it is not a subclass of `Kind` with a name, or the name is taken.
    """
    name = getattr(cls, "name", None)
    if not (isinstance(cls, type) and issubclass(cls, Kind)) or not isinstance(name, str) or not name.isidentifier():
        raise GenotypeError(f'a layer kind is a subclass of Kind with a name; got {short(cls)}; write name = "my_kind" in it')
    KINDS.register(name, cls(), cls)
    return cls


def find_kind(name: str) -> Kind:
    """The kind called `name`.

    Raises:
        GenotypeError: there is none; the message names the nearest.
    """
    if name not in KINDS:
        raise GenotypeError(f"there is no layer kind {short(name)}; the kinds are {', '.join(KINDS)}{nearest(name, KINDS)}")
    return KINDS[name]


def need_map(t: Any, x: Value, what: str) -> None:
    """Refuse a flat vector where `what`, such as "gap reads", needs a map.

    Raises:
        GenotypeError: with the place in the network.
    """
    if x.flat:
        raise t.error(f"{what} a map of (channels, height, width); this value is already flat with {x.shape[0]} numbers")
