"""torch.compile: its compiler, and that compiled networks run."""

from __future__ import annotations

import pytest

from nasbench.errors import DeviceError
from nasbench.latency.device import local_device
from nasbench.latency.measuring.network_process import load
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.runtimes.compiled import check_compiler


def test_compile_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeviceError, match=r"the runtime compile needs a C\+\+ compiler; .* is not installed; install it, or set CXX"):
        check_compiler()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_networks_run(precision: str) -> None:
    loaded = load(REFERENCE, local_device(1, runtime="compile", precision=precision, memory_format="channels_last"))
    loaded.run()
    assert loaded.record is None
