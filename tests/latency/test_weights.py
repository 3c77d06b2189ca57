"""The weights with which a network is measured: read, put into it, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.latency.device import local_device
from nasbench.latency.measuring.network_process import load
from nasbench.latency.runtimes import RUNTIMES, Loaded, runtime
from nasbench.latency.runtimes.torch_network import put_weights, torch_network
from nasbench.latency.weights import conditions, delivered_weights
from nasbench.network import build

G = Genotype.from_yaml("""
name: small
input: [3, 16, 16]
stem: [{op: conv, width: 8, kernel: 3}]
stages: [[{op: mbconv, width: 8, se: in/4}]]
head: [{op: gap}, {op: dropout, p: 0.2}, {op: linear, width: 10}]
""")


def trained() -> dict[str, torch.Tensor]:
    """The state dict of a network whose batch norms have seen images."""
    torch.manual_seed(0)
    net = build(G)
    net(torch.randn(8, 3, 16, 16))
    return net.state_dict()


@pytest.mark.parametrize("name", ["eager", "onnxruntime"])
def test_the_network_that_is_measured_has_the_delivered_weights(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "onnxruntime":
        pytest.importorskip("onnxruntime")
    state = trained()
    save_file({key: value.numpy() for key, value in state.items()}, tmp_path / "w.safetensors")
    reference = build(G).eval()
    reference.load_state_dict(state)
    image = torch.randn(1, 3, 16, 16)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: image)
    loaded = load(G, local_device(1, runtime=name), str(tmp_path / "w.safetensors"))
    logits = torch.from_numpy(loaded.run.args[0].run(None, loaded.run.args[1])[0]) if name == "onnxruntime" else None
    if logits is None:
        logits = torch_network(G, local_device(1), state).net(image)
    with torch.no_grad():
        torch.testing.assert_close(logits, reference(image), rtol=1e-4, atol=1e-5)
        torch.manual_seed(1)
        assert not torch.allclose(torch_network(G, local_device(1)).net(image), reference(image), atol=1e-3), "the control: random weights"
    loaded.run()


def test_weights_of_another_network_are_refused() -> None:
    state = trained()
    with pytest.raises(DeviceError, match=r"small needs .* of shape .*, the file has no such tensor; restore the file"):
        put_weights(build(G), {}, "small")
    first = next(key for key, value in state.items() if value.dim() == 4)
    with pytest.raises(DeviceError, match=rf"small needs {first} of shape .*, the file has the shape \(1,\)"):
        put_weights(build(G), state | {first: torch.zeros(1)}, "small")


def test_denormal_numbers_are_counted_and_what_a_server_sets_is_said(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"a": np.array([[1.0, 1e-39], [0.0, -1e-44]], np.float32), "n": np.array([3])}, file)
    found = delivered_weights(file, local_device(1))
    assert (found.numbers, found.denormals) == (4, 2)
    assert conditions(local_device(1), found.sha256, found.denormals) == (
        "the delivered weights, 2 of them denormal; denormal numbers count as zero, as in a server with torch.set_flush_denormal(True)"
    )
    assert "session.set_denormal_as_zero = 1" in conditions(local_device(1, runtime="onnxruntime"), "")
    assert delivered_weights(tmp_path / "none", local_device(1)) is None
    file.write_bytes(b"no tensors")
    with pytest.raises(DeviceError, match="cannot be read"):
        delivered_weights(file, local_device(1))


def test_a_runtime_that_takes_no_weights_is_measured_with_random_ones(tmp_path: Path) -> None:
    before = dict(RUNTIMES)
    assert all(row.takes_weights for row in before.values())

    @runtime(name="plain")
    def plain(g, device):
        return Loaded(torch_network(g, device).runner())

    try:
        save_file({"a": np.zeros(1, np.float32)}, tmp_path / "w.safetensors")
        assert not RUNTIMES["plain"].takes_weights
        assert delivered_weights(tmp_path / "w.safetensors", local_device(1, runtime="plain")) is None
        load(G, local_device(1, runtime="plain"), str(tmp_path / "w.safetensors")).run()
        assert conditions(local_device(1, runtime="plain"), "") == "random weights"
    finally:
        RUNTIMES.restore(before)
