"""Runtimes by name, and on which devices they run. A plugin adds its own with `@runtime`. No torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args, overload

from nasbench.errors import DeviceError, nearest, short
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.registry import Registry

Kind = Literal["cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]
MemoryFormat = Literal["contiguous", "channels_last"]

KINDS, PRECISIONS, MEMORY_FORMATS = get_args(Kind), get_args(Precision), get_args(MemoryFormat)

Load = Callable[..., Loaded]  # called with a genotype and a device


@dataclass(frozen=True)
class Runtime:
    """What runs a network.

    Attributes:
        name: its name in commands and in device files.
        load: function that loads a network. `load(g, device)` returns it as a `Loaded`, with random weights and images. If it has a third
            parameter `weights`, it is called with the state dict of a network that is delivered.
        kinds, precisions, memory_formats: of the devices on which it runs; all by default.
        packages: Python packages beside torch whose versions change latencies. They become part of the device.
        install: what pip has to install for them; the packages themselves by default.
        layers: whether it says how long each layer takes, see `Loaded.record`. By default whole networks are timed, and a profile is
            adapted from that of torch's eager mode.
        fuses: whether it runs several layers as one kernel, such as a convolution and the activation after it.
        load_s: seconds that loading one network may take on a busy machine.
        flushes: the setting with which it counts denormal numbers as zero, which a server has to make too; empty if it does not.
    """

    name: str
    load: Load
    kinds: tuple[str, ...] = KINDS
    precisions: tuple[str, ...] = PRECISIONS
    memory_formats: tuple[str, ...] = MEMORY_FORMATS
    packages: tuple[str, ...] = ()
    install: str = ""
    layers: bool = False
    fuses: bool = False
    load_s: float = 10.0
    flushes: str = ""

    @property
    def takes_weights(self) -> bool:
        """Whether networks run with the weights that are delivered, and not only with random ones."""
        return "weights" in inspect.signature(self.load).parameters

    def __post_init__(self) -> None:
        for what, values, known in (
            ("kinds", self.kinds, KINDS),
            ("precisions", self.precisions, PRECISIONS),
            ("memory_formats", self.memory_formats, MEMORY_FORMATS),
        ):
            unknown = [value for value in values if value not in known]
            if isinstance(values, str) or unknown or not values:
                raise DeviceError(f"the {what} of a runtime are a tuple of some of {', '.join(known)}; {self.name} has {values!r}")
        if not self.load_s > 0:
            raise DeviceError(f"load_s of a runtime is a number of seconds above zero; {self.name} has {self.load_s!r}")

    def runs_on(self, kind: str, precision: str, memory_format: str) -> bool:
        """Whether it runs on such a device."""
        return kind in self.kinds and precision in self.precisions and memory_format in self.memory_formats


RUNTIMES: Registry[Runtime] = Registry("runtime", DeviceError)


@overload
def runtime(load: Load, /) -> Load: ...
@overload
def runtime(
    *,
    name: str | None = None,
    kinds: Sequence[str] = KINDS,
    precisions: Sequence[str] = PRECISIONS,
    memory_formats: Sequence[str] = MEMORY_FORMATS,
    packages: Sequence[str] = (),
    install: str = "",
    layers: bool = False,
    fuses: bool = False,
    load_s: float = 10.0,
    flushes: str = "",
) -> Callable[[Load], Load]: ...
def runtime(load: Load | None = None, /, *, name: str | None = None, **fields: Any) -> Load | Callable[[Load], Load]:
    """Decorator that registers a function as a runtime: `load(g, device)` returns a `Loaded`.

    Args:
        name: in commands and device files; the function's name by default.
        fields: the other attributes of `Runtime`.

    Raises:
        DeviceError: an impossible value, another kind of function, or a name that another file has registered.

    Example (docs/new_runtime.md has more):
        >>> @runtime(kinds=("cpu",), precisions=("fp32",), fuses=True)
        ... def folded(g, device):
        ...     network = torch_network(g, device)
        ...     return Loaded(network.runner(fuse(network.net)))
    """

    def register(load: Load) -> Load:
        if not inspect.isfunction(load) or not _accepts_two(load):
            raise DeviceError(f"a runtime is a function load(g, device) that returns a Loaded; got {short(load)}")
        plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
        row = Runtime(name or load.__name__, load, **plain)
        RUNTIMES.register(row.name, row, load)
        return load

    return register if load is None else register(load)


def _accepts_two(load: Load) -> bool:
    try:
        inspect.signature(load).bind(None, None)
    except TypeError:
        return False
    return True


def _from_module(module: str) -> Load:
    """The function `load` of a module of this folder, imported at the first call: some modules need packages of their own."""

    def load(g: Any, device: Any, weights: Any = None) -> Loaded:
        loaded: Loaded = import_module(f"nasbench.latency.runtimes.{module}").load(g, device, weights)
        return loaded

    return load


FLUSH = "torch.set_flush_denormal(True)"

runtime(name="eager", layers=True, flushes=FLUSH)(_from_module("eager"))
runtime(name="compile", fuses=True, load_s=180.0, flushes=FLUSH)(_from_module("compiled"))
runtime(
    name="onnxruntime",
    kinds=("cpu",),
    precisions=("fp32",),
    memory_formats=("contiguous",),
    packages=("onnxruntime",),
    install="'nasbench[onnx]'",
    layers=True,
    fuses=True,
    flushes="session option session.set_denormal_as_zero = 1",
)(_from_module("onnx_session"))
runtime(name="cudagraphs", kinds=("cuda",))(_from_module("cuda_graphs"))


def check_runtime(name: str, kind: str, precision: str, memory_format: str) -> Runtime:
    """The runtime of that name, for such a device.

    Raises:
        DeviceError: an unknown value, or a combination that this runtime does not run.
    """
    for what, value, known in (
        ("kind", kind, KINDS),
        ("precision", precision, PRECISIONS),
        ("memory_format", memory_format, MEMORY_FORMATS),
    ):
        if value not in known:
            raise DeviceError(f"a device's {what} is one of {', '.join(known)}; got {short(value)}{nearest(value, known)}")
    chosen = RUNTIMES.get(name) if isinstance(name, str) else None
    if chosen is None:
        raise DeviceError(
            f"a runtime is one of {', '.join(RUNTIMES)}; got {short(name)}{nearest(name, RUNTIMES)}; for a runtime of your own, "
            "name its file: --plugin FILE.py"
        )
    if not chosen.runs_on(kind, precision, memory_format):
        others = [r.name for r in RUNTIMES.values() if r.runs_on(kind, precision, memory_format)]
        raise DeviceError(
            f"the runtime {chosen.name} runs on {' or '.join(chosen.kinds)} in {' or '.join(chosen.precisions)}, "
            f"{' or '.join(chosen.memory_formats)}; got {kind}, {precision}, {memory_format}; use the runtime {' or '.join(others)}"
        )
    return chosen
