"""A network runs as its device says, and a run is finished when it returns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype
from nasbench.latency.device import local_device
from nasbench.latency.measuring.network_process import load
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.runtimes.torch_network import TorchNetwork


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_is_said() -> None:
    device = replace(local_device(1), kind="cuda", name="Abacus GPU")
    with pytest.raises(DeviceError, match="no CUDA device is visible to torch; Abacus GPU, eager, batch 1, fp32 needs one"):
        load(REFERENCE, device)


def test_a_run_on_a_gpu_is_finished_when_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(1))

    class Image:
        is_cuda = True

    TorchNetwork(lambda image: waited.append(0), Image(), 1).runner()()
    assert waited == [0, 1]


@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"memory_format": "channels_last"}, {"batch": 3}])
def test_what_a_device_says_is_how_it_runs(change: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    rows = (Block("conv", {"width": 8, "kernel": 3}),)
    g = Genotype("g", (3, 16, 16), rows, (), (Block("gap"), Block("linear", {"width": 4})))
    loaded = load(g, replace(local_device(1), **change))
    monkeypatch.setattr(torch.nn.Conv2d, "forward", lambda self, x, old=torch.nn.Conv2d.forward: seen.append(x) or old(self, x))
    loaded.run()
    image = seen[0]
    assert image.shape[0] == change.get("batch", 1)
    assert image.dtype == (torch.bfloat16 if "precision" in change else torch.float32)
    assert image.is_contiguous(memory_format=torch.channels_last) == ("memory_format" in change)
