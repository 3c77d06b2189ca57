"""Which runtimes there are, and on what they run. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nasbench.errors import DeviceError, nearest

Kind = Literal["cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]
MemoryFormat = Literal["contiguous", "channels_last"]

KINDS, PRECISIONS, MEMORY_FORMATS = get_args(Kind), get_args(Precision), get_args(MemoryFormat)


@dataclass(frozen=True)
class Runtime:
    """What runs a network.

    Attributes:
        name: in commands and device files.
        module: of this folder, with `load(g, device) -> Loaded`.
        kinds, precisions, memory_formats: of the devices it runs on.
        packages: beside torch, whose versions change latencies.
        layers: whether it can say how long a layer takes.
        fuses: whether it does several layers in one kernel.
        load_s: seconds that loading a network may take on a busy machine.
    """

    name: str
    module: str
    kinds: tuple[str, ...] = KINDS
    precisions: tuple[str, ...] = PRECISIONS
    memory_formats: tuple[str, ...] = MEMORY_FORMATS
    packages: tuple[str, ...] = ()
    layers: bool = True
    fuses: bool = True
    load_s: float = 10.0


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("eager", "eager", fuses=False),
        Runtime("compile", "compiled", layers=False, load_s=180.0),
        Runtime("onnxruntime", "onnx_session", ("cpu",), ("fp32",), ("contiguous",), ("onnxruntime",)),
        Runtime("cudagraphs", "cuda_graphs", ("cuda",), layers=False, fuses=False),
    )
}


def check_runtime(runtime: str, kind: str, precision: str, memory_format: str) -> Runtime:
    """The runtime of that name, for such a device.

    Raises:
        DeviceError: an unknown word, or a combination that this runtime does not run.
    """
    for what, value, allowed in (
        ("kind", kind, KINDS),
        ("precision", precision, PRECISIONS),
        ("memory_format", memory_format, MEMORY_FORMATS),
    ):
        if value not in allowed:
            raise DeviceError(f"a device's {what} is one of {', '.join(allowed)}; got {value!r}{nearest(value, allowed)}")
    found = RUNTIMES.get(runtime) if isinstance(runtime, str) else None
    if found is None:
        raise DeviceError(f"a runtime is one of {', '.join(RUNTIMES)}; got {runtime!r}{nearest(runtime, RUNTIMES)}")
    if kind not in found.kinds or precision not in found.precisions or memory_format not in found.memory_formats:
        others = [r.name for r in RUNTIMES.values() if kind in r.kinds and precision in r.precisions and memory_format in r.memory_formats]
        raise DeviceError(
            f"the runtime {found.name} runs on {' or '.join(found.kinds)} in {' or '.join(found.precisions)}, "
            f"{' or '.join(found.memory_formats)}; got {kind}, {precision}, {memory_format}; use the runtime {' or '.join(others)}"
        )
    return found
