"""A network and an image on a device of torch: what torch's runtimes begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import fx, nn

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, inference, trace
from nasbench.latency.device import Device
from nasbench.network import build_trace, initialise

Weights = Mapping[str, torch.Tensor]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True)
class TorchNetwork:
    """A network with random weights, or with those that are delivered.

    Attributes:
        net: the network on the device, in evaluation mode.
        image: a batch of random images for it.
        layers: number of layers in its trace.
    """

    net: fx.GraphModule
    image: torch.Tensor
    layers: int

    def runner(self, net: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Callable[[], None]:
        """A function that runs one inference and returns when it is finished.

        Args:
            net: run this in place of the network, such as a compiled form of it.
        """
        net, image = self.net if net is None else net, self.image
        wait = torch.cuda.synchronize if image.is_cuda else None

        @torch.no_grad()
        def run() -> None:
            net(image)
            if wait is not None:
                wait()

        return run


def torch_network(g: Genotype, device: Device, weights: Weights | None = None) -> TorchNetwork:
    """The network of `g` in the device's precision and memory format.

    Args:
        weights: the state dict of the delivered network, with the names of `nasbench.network.build`; random weights by default.

    Raises:
        DeviceError: the device is a GPU and torch sees none, or the weights do not fit.
    """
    if device.kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"no CUDA device is visible to torch; {device} needs one; use --device cpu, or repair the driver")
    torch.set_num_threads(device.threads)
    # With random weights activations become denormal numbers, for which the CPU takes many times as long.
    torch.set_flush_denormal(True)
    dtype, layout = DTYPES[device.precision], FORMATS[device.memory_format]
    layers = inference(trace(g))
    net = build_trace(layers, g.name).to_empty(device=device.kind)
    initialise(net, g.style.init)
    if weights is not None:
        put_weights(net, weights, g.name)
    net.eval().to(dtype).to(memory_format=layout)
    image = torch.randn(device.batch, *g.input, device=device.kind).to(dtype=dtype, memory_format=layout)
    return TorchNetwork(net, image, len(layers))


def put_weights(net: nn.Module, weights: Weights, name: str) -> None:
    """Put delivered weights into a network. Those of parts that only training needs are left out.

    Raises:
        DeviceError: a tensor is missing, or has another shape.
    """
    own = net.state_dict()
    for key, value in own.items():
        given = weights.get(key)
        if given is None or given.shape != value.shape:
            got = "no such tensor" if given is None else f"the shape {tuple(given.shape)}"
            raise DeviceError(
                f"a network is measured with its own weights; {name} needs {key} of shape {tuple(value.shape)}, the file has {got}; "
                "restore the file that belongs to the network"
            )
    net.load_state_dict({key: weights[key] for key in own})
